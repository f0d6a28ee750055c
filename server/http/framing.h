/* Where a request begins and ends, read from the bytes as they come: RFC 9112 without its
 * leniencies. Two readers of one connection, a proxy and this service, must see the same requests,
 * or one request can hide inside another ("request smuggling"). So what RFC 9112 lets a recipient
 * repair is refused here: bare line feeds, folded lines, white space before a colon, two lengths.
 * One leniency is kept since it is harmless and legal: white space behind a field's value is taken
 * out. Knows no sockets. Private to server/http/. */
#ifndef VECMILL_SERVER_HTTP_FRAMING_H
#define VECMILL_SERVER_HTTP_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* White space inside a field's value that may still turn out to be behind it. */
#define FRAMING_MAX_SPACE 64
/* What a reader behind sees in place of a target's '?'. libmicrohttpd would take the query apart,
 * 56 bytes of its small pool for each pair, and drop the connection when that is used up; we decode
 * targets ourselves. This byte stands in no valid UTF-8, and is refused where a client sends it. */
#define FRAMING_QUERY_MARK '\xff'

enum framing_state {
    FRAMING_START, /* between messages: empty lines may come */
    FRAMING_START_LF,
    FRAMING_METHOD,
    FRAMING_TARGET,
    FRAMING_VERSION,
    FRAMING_LINE_LF, /* behind the request line or a field: the line feed is due */
    FRAMING_FIELD,   /* at the begin of a field, or of the empty line */
    FRAMING_NAME,
    FRAMING_BEFORE_VALUE,
    FRAMING_VALUE,
    FRAMING_HEAD_LF, /* the head's last line feed */
    FRAMING_BODY,    /* `left` bytes of a body or a chunk */
    FRAMING_SIZE,    /* of a chunk */
    FRAMING_EXTENSION,
    FRAMING_SIZE_LF,
    FRAMING_CHUNK_CR,
    FRAMING_CHUNK_LF,
    FRAMING_REFUSED
};

/* What a message may take of the memory of the reader behind. */
struct framing_limits {
    size_t target, head; /* bytes of the request target, and of the head as a whole */
    size_t trailers;     /* bytes behind a chunked body */
    size_t fields;       /* number of fields, trailers among them */
    size_t cookie;       /* bytes of all Cookie fields; as many cookies as fields */
};

/* One connection. Zero it before its first byte, then set limits. */
struct framing {
    struct framing_limits limits;
    enum framing_state state;
    bool no_body;  /* of an answer: the method is HEAD */
    bool trailers; /* fields are those behind a chunked body */
    bool chunked, old /* HTTP/1.0 */;
    unsigned hosts, lengths, encodings;
    uint64_t left;       /* body or chunk bytes to come */
    unsigned empty;      /* lines before a request */
    unsigned digits;     /* of a chunk's size */
    size_t head, target; /* bytes so far */
    size_t fields;       /* number so far */
    size_t cookie, cookies;
    size_t extension;      /* bytes of a chunk's extension */
    size_t space;          /* white space held back */
    char text[40];         /* lower case: what is read now, cut: a name, a version, a value */
    size_t text_length;    /* may exceed what text holds */
    unsigned field;        /* which of the fields that matter this is; private to framing.c */
    int status;            /* of the refusal, 0: none */
    const char *why, *key; /* sentence; the field or "" */
};

/* Reads bytes[at, at + length) and moves what a reader behind may see to bytes[0, returned): the
 * same bytes without white space behind fields' values and with FRAMING_QUERY_MARK for '?' in the
 * target. White space that was held back from the call before comes first, so `at` must be
 * framing->space at least. Stops at a refusal:
 * framing->status, why and key are set, and of the message that is refused nothing that came with
 * this call is handed on. Whole messages before it are. Cost: a few ns a byte in heads; bodies are
 * moved whole. */
size_t framing_read(struct framing *framing, char *bytes, size_t at, size_t length);
/* Refuses whatever comes from now on. */
void framing_refuse(struct framing *framing, int status, const char *why);

#endif
