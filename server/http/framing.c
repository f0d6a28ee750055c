#include "server/http/framing.h"

#include <string.h>

/* More than any client sends, and nobody needs more to tell two requests apart. */
#define MAX_EXTENSION 1024
#define MAX_METHOD 15
#define MAX_EMPTY 8        /* empty lines before a request, which old clients send behind a body */
#define MAX_SIZE_DIGITS 15 /* of a chunk: 2^60 - 1 bytes, so that no sum overflows */

enum field { FIELD_OTHER, FIELD_HOST, FIELD_LENGTH, FIELD_ENCODING, FIELD_COOKIE };

/* Bytes come from one place of an array and go to an earlier one. */
struct reader {
    struct framing *framing;
    char *bytes;
    size_t from, end, to;
    size_t message; /* where the message under way begins in what goes on */
};

static bool refuse(struct framing *framing, int status, const char *key, const char *why) {
    framing->state = FRAMING_REFUSED;
    framing->status = status, framing->key = key, framing->why = why;
    return false;
}

void framing_refuse(struct framing *framing, int status, const char *why) {
    (void)refuse(framing, status, "", why);
}

static bool is_token(unsigned char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20u) >= 'a' && (c | 0x20u) <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_space(unsigned char c) {
    return c == ' ' || c == '\t';
}

/* What may stand in a value: anything but control characters. */
static bool is_text(unsigned char c) {
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static void text_begin(struct framing *framing) {
    framing->text_length = 0;
}

static void text_add(struct framing *framing, unsigned char c) {
    if (framing->text_length < sizeof framing->text - 1)
        framing->text[framing->text_length] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    framing->text_length++;
}

static bool text_is(const struct framing *framing, const char *text) {
    size_t length = strlen(text);
    return framing->text_length == length && memcmp(framing->text, text, length) == 0;
}

/* ---- request line ---------------------------------------------------------------------------- */

static void message_begin(struct framing *framing) {
    framing->no_body = framing->trailers = framing->chunked = framing->old = false;
    framing->hosts = framing->lengths = framing->encodings = 0;
    framing->left = 0;
    framing->head = framing->target = framing->space = 0;
    framing->fields = framing->cookie = framing->cookies = 0;
    text_begin(framing);
}

static bool read_start(struct framing *framing, unsigned char c) {
    if (c == '\r') {
        if (++framing->empty > MAX_EMPTY)
            return refuse(framing, 400, "", "too many empty lines stand before a request");
        framing->state = FRAMING_START_LF;
        return true;
    }
    framing->empty = 0;
    if (!is_token(c))
        return refuse(framing, 400, "", "the request line does not begin with a method");
    message_begin(framing);
    framing->state = FRAMING_METHOD;
    text_add(framing, c);
    return true;
}

static bool read_method(struct framing *framing, unsigned char c) {
    if (c == ' ') {
        framing->no_body = text_is(framing, "head");
        framing->state = FRAMING_TARGET;
        return true;
    }
    if (!is_token(c))
        return refuse(framing, 400, "", "the method is no token");
    text_add(framing, c);
    if (framing->text_length > MAX_METHOD)
        return refuse(framing, 501, "", "the method is not known");
    return true;
}

static bool read_target(struct reader *reader, unsigned char c) {
    struct framing *framing = reader->framing;
    if (c == ' ') {
        if (framing->target == 0)
            return refuse(framing, 400, "", "the request target is missing");
        framing->state = FRAMING_VERSION;
        text_begin(framing);
        return true;
    }
    if (c <= 0x20 || c == 0x7f)
        return refuse(framing, 400, "",
                      "the request line must be a method, a target and a version, parted by one "
                      "space");
    if (c == (unsigned char)FRAMING_QUERY_MARK)
        return refuse(framing, 400, "", "the request target is not valid UTF-8");
    if (c == '?')
        reader->bytes[reader->to - 1] = FRAMING_QUERY_MARK;
    framing->target++;
    if (framing->target > framing->limits.target)
        return refuse(framing, 414, "", "the request target is too long");
    return true;
}

static bool read_version(struct framing *framing, unsigned char c) {
    if (c != '\r') {
        if (!is_text(c) || framing->text_length > 8)
            return refuse(framing, 400, "", "the request line does not end with an HTTP version");
        framing->text[framing->text_length++] = (char)c; /* as it came: HTTP is in capitals */
        return true;
    }
    const char *v = framing->text;
    if (framing->text_length != 8 || memcmp(v, "HTTP/", 5) != 0 || v[5] < '0' || v[5] > '9' ||
        v[6] != '.' || v[7] < '0' || v[7] > '9')
        return refuse(framing, 400, "", "the request line does not end with an HTTP version");
    if (v[5] != '1' || v[7] > '1')
        return refuse(framing, 505, "", "the HTTP version must be 1.0 or 1.1");
    framing->old = v[7] == '0';
    framing->state = FRAMING_LINE_LF;
    return true;
}

/* ---- fields ---------------------------------------------------------------------------------- */

static bool read_name(struct framing *framing, unsigned char c) {
    if (c == ':') {
        framing->field = text_is(framing, "host")                ? FIELD_HOST
                         : text_is(framing, "content-length")    ? FIELD_LENGTH
                         : text_is(framing, "transfer-encoding") ? FIELD_ENCODING
                         : text_is(framing, "cookie")            ? FIELD_COOKIE
                                                                 : FIELD_OTHER;
        if (framing->trailers && framing->field != FIELD_OTHER)
            return refuse(framing, 400, "", "a trailer must not say where a request goes or ends");
        framing->state = FRAMING_BEFORE_VALUE;
        text_begin(framing);
        return true;
    }
    if (is_space(c))
        return refuse(framing, 400, "", "white space must not stand before a field's colon");
    if (!is_token(c))
        return refuse(framing, 400, "", "the name of a field is no token");
    text_add(framing, c);
    return true;
}

static bool read_field(struct framing *framing, unsigned char c) {
    if (c == '\r') {
        framing->state = FRAMING_HEAD_LF;
        return true;
    }
    if (is_space(c))
        return refuse(framing, 400, "", "a field must not be folded over lines");
    if (c == ':')
        return refuse(framing, 400, "", "the name of a field is missing");
    if (++framing->fields > framing->limits.fields)
        return refuse(framing, 431, "", "the request has too many header fields");
    text_begin(framing);
    framing->state = FRAMING_NAME;
    return read_name(framing, c);
}

/* Decimal digits only; no list of equal lengths either, which some readers take and others not. */
static bool length_end(struct framing *framing) {
    uint64_t value = 0;
    if (framing->lengths++ > 0 || framing->encodings > 0)
        return refuse(framing, 400, "Content-Length",
                      "the length of the body is told more than once");
    bool digits = framing->text_length > 0;
    for (size_t i = 0; digits && i < framing->text_length && i < sizeof framing->text - 1; i++)
        digits = framing->text[i] >= '0' && framing->text[i] <= '9';
    if (!digits)
        return refuse(framing, 400, "Content-Length", "Content-Length must be a decimal number");
    if (framing->text_length > 18) /* more than 10^18 bytes, or many zeros: nobody sends either */
        return refuse(framing, 413, "Content-Length", "Content-Length is too large");
    for (size_t i = 0; i < framing->text_length; i++)
        value = value * 10 + (uint64_t)(framing->text[i] - '0');
    framing->left = value;
    return true;
}

static bool encoding_end(struct framing *framing) {
    if (framing->encodings++ > 0 || framing->lengths > 0)
        return refuse(framing, 400, "Transfer-Encoding",
                      "the length of the body is told more than once");
    if (framing->old)
        return refuse(framing, 400, "Transfer-Encoding", "HTTP/1.0 has no Transfer-Encoding");
    if (!text_is(framing, "chunked"))
        return refuse(framing, 501, "Transfer-Encoding",
                      "the only Transfer-Encoding taken is chunked");
    framing->chunked = true;
    return true;
}

/* libmicrohttpd copies cookies and takes them apart, though nobody here asks for one. */
static bool cookie_add(struct framing *framing, unsigned char c) {
    framing->cookies += c == ';' || c == ',';
    if (++framing->cookie <= framing->limits.cookie && framing->cookies < framing->limits.fields)
        return true;
    return refuse(framing, 431, "Cookie", "the cookies are too large or too many");
}

static bool value_end(struct framing *framing) {
    framing->space = 0;
    framing->state = FRAMING_LINE_LF;
    if (framing->field == FIELD_LENGTH)
        return length_end(framing);
    if (framing->field == FIELD_ENCODING)
        return encoding_end(framing);
    if (framing->field == FIELD_HOST && framing->hosts++ > 0)
        return refuse(framing, 400, "Host", "the request must have exactly one Host field");
    return true;
}

/* The empty line: now the body's end is known. False: refused. */
static bool head_end(struct framing *framing) {
    if (framing->trailers) {
        framing->state = FRAMING_START;
        return true;
    }
    if (framing->hosts == 0 && !framing->old)
        return refuse(framing, 400, "Host", "the request must have exactly one Host field");
    framing->digits = 0;
    framing->state = framing->chunked    ? FRAMING_SIZE
                     : framing->left > 0 ? FRAMING_BODY
                                         : FRAMING_START;
    return true;
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static int hex_value(unsigned char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_size(struct framing *framing, unsigned char c) {
    int digit = hex_value(c);
    if (digit >= 0) {
        if (++framing->digits > MAX_SIZE_DIGITS)
            return refuse(framing, 413, "Transfer-Encoding", "the size of a chunk is too large");
        framing->left = framing->left * 16 + (uint64_t)digit;
        return true;
    }
    if (framing->digits == 0 || (c != '\r' && c != ';'))
        return refuse(framing, 400, "Transfer-Encoding",
                      "the size of a chunk must be hexadecimal digits");
    framing->extension = 0;
    framing->state = c == ';' ? FRAMING_EXTENSION : FRAMING_SIZE_LF;
    return true;
}

static bool read_extension(struct framing *framing, unsigned char c) {
    if (c == '\r') {
        framing->state = FRAMING_SIZE_LF;
        return true;
    }
    if (!is_text(c) || ++framing->extension > MAX_EXTENSION)
        return refuse(framing, 400, "Transfer-Encoding",
                      "the extension of a chunk is malformed or too long");
    return true;
}

static void size_end(struct framing *framing) {
    if (framing->left > 0) {
        framing->state = FRAMING_BODY;
        return;
    }
    framing->trailers = true;
    framing->head = 0;
    framing->state = FRAMING_FIELD;
}

/* ---- one byte -------------------------------------------------------------------------------- */

static bool expect(struct framing *framing, unsigned char c, unsigned char due,
                   enum framing_state next, const char *why) {
    if (c != due)
        return refuse(framing, 400, "", why);
    framing->state = next;
    return true;
}

/* White space is held back, and becomes spaces, until it is known whether the value goes on behind
 * it. */
static bool read_value(struct reader *reader, unsigned char c) {
    struct framing *framing = reader->framing;
    if (framing->state == FRAMING_BEFORE_VALUE && is_space(c)) {
        reader->bytes[reader->to++] = (char)c;
        return true;
    }
    framing->state = FRAMING_VALUE;
    if (c == '\r') {
        reader->bytes[reader->to++] = '\r';
        return value_end(framing);
    }
    if (!is_text(c))
        return refuse(framing, 400, "", "the value of a field holds a control character");
    if (is_space(c)) {
        if (++framing->space > FRAMING_MAX_SPACE)
            return refuse(framing, 400, "", "the value of a field holds too much white space");
        return true;
    }
    for (; framing->space > 0; framing->space--) {
        reader->bytes[reader->to++] = ' ';
        text_add(framing, ' ');
    }
    reader->bytes[reader->to++] = (char)c;
    text_add(framing, c);
    return framing->field != FIELD_COOKIE || cookie_add(framing, c);
}

static bool read_byte(struct reader *reader, unsigned char c) {
    static const char line[] = "a line must end with a carriage return and a line feed";
    static const char chunk[] = "a chunk must end with a carriage return and a line feed";
    struct framing *framing = reader->framing;
    if (framing->state == FRAMING_BEFORE_VALUE || framing->state == FRAMING_VALUE)
        return read_value(reader, c);
    reader->bytes[reader->to++] = (char)c;
    switch (framing->state) {
    case FRAMING_START:
        return read_start(framing, c);
    case FRAMING_START_LF:
        return expect(framing, c, '\n', FRAMING_START, line);
    case FRAMING_METHOD:
        return read_method(framing, c);
    case FRAMING_TARGET:
        return read_target(reader, c);
    case FRAMING_VERSION:
        return read_version(framing, c);
    case FRAMING_LINE_LF:
        return expect(framing, c, '\n', FRAMING_FIELD, line);
    case FRAMING_FIELD:
        return read_field(framing, c);
    case FRAMING_NAME:
        return read_name(framing, c);
    case FRAMING_HEAD_LF:
        return expect(framing, c, '\n', FRAMING_START, line) && head_end(framing);
    case FRAMING_SIZE:
        return read_size(framing, c);
    case FRAMING_EXTENSION:
        return read_extension(framing, c);
    case FRAMING_SIZE_LF:
        if (!expect(framing, c, '\n', FRAMING_BODY, chunk))
            return false;
        size_end(framing);
        return true;
    case FRAMING_CHUNK_CR:
        return expect(framing, c, '\r', FRAMING_CHUNK_LF, chunk);
    case FRAMING_CHUNK_LF:
        framing->digits = 0;
        return expect(framing, c, '\n', FRAMING_SIZE, chunk);
    case FRAMING_BEFORE_VALUE:
    case FRAMING_VALUE:
    case FRAMING_BODY:
    case FRAMING_REFUSED:
        break;
    }
    return false;
}

/* Body bytes are nobody's business here. */
static void pass_body(struct reader *reader) {
    struct framing *framing = reader->framing;
    size_t n = reader->end - reader->from;
    n = n < framing->left ? n : (size_t)framing->left;
    memmove(reader->bytes + reader->to, reader->bytes + reader->from, n);
    reader->from += n, reader->to += n;
    framing->left -= n;
    if (framing->left == 0)
        framing->state = framing->chunked ? FRAMING_CHUNK_CR : FRAMING_START;
}

static bool in_head(const struct framing *framing) {
    return framing->state >= FRAMING_METHOD && framing->state <= FRAMING_HEAD_LF;
}

size_t framing_read(struct framing *framing, char *bytes, size_t at, size_t length) {
    struct reader reader = {.framing = framing, .bytes = bytes, .from = at, .end = at + length};
    if (framing->state == FRAMING_REFUSED)
        return 0;
    while (reader.from < reader.end) {
        if (framing->state == FRAMING_START)
            reader.message = reader.to;
        if (framing->state == FRAMING_BODY) {
            pass_body(&reader);
            continue;
        }
        bool good = read_byte(&reader, (unsigned char)bytes[reader.from++]);
        size_t max = framing->trailers ? framing->limits.trailers : framing->limits.head;
        if (good && in_head(framing) && ++framing->head > max)
            good = refuse(framing, 431, "", "the header fields are too large");
        if (!good)
            return reader.message;
    }
    return reader.to;
}
