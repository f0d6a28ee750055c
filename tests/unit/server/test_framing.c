/* Requests on the wire, good and bad, after RFC 9112: a table with a row for each rule, read whole
 * and cut at every byte. What matters for each: is it refused, and what of a request that follows
 * on the connection is seen. The number is the section's; MUST marks what it demands of a server,
 * the others are choices that it leaves, where we take the strict one. e2e_framing.py asks the same
 * of the running service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/http/framing.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST "POST /v1/jobs HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define OLD "POST / HTTP/1.0\r\n"

struct row {
    const char *rule; /* of RFC 9112 (or 9110), and what is tried */
    const char *sent;
    int status;       /* 0: taken */
    const char *seen; /* NULL: what was sent */
};

static const struct row rows[] = {
    {"2.2 plain", GET, 0, NULL},
    {"9.3.2 MUST: pipelined", GET GET, 0, NULL},
    {"2.2 an empty line before the request line is passed", "\r\n" GET, 0, NULL},
    {"2.2 many empty lines", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n" GET, 400, "*"},
    {"2.2 bare LF behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400, ""},
    {"2.2 bare LF behind a field", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400, ""},
    {"2.2 bare LF as the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400, ""},
    {"2.2 MUST: bare CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400, ""},
    {"2.2 MUST: bare CR in the request line", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", 400, ""},
    {"2.2 MUST: white space before the first field", "GET / HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n",
     400, ""},
    {"2.3 lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400, ""},
    {"2.3 version of another size", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400, ""},
    {"2.3 version 2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, ""},
    {"2.3 version 1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505, ""},
    {"2.3 no version", "GET /\r\n\r\n", 400, ""},
    {"3 two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, ""},
    {"3 space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, ""},
    {"3 tab for a space", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, ""},
    {"3 white space behind the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, ""},
    {"3.1 method that is no token", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, ""},
    {"3.1 long method", "ABCDEFGHIJKLMNOPQRSTUVWXYZ / HTTP/1.1\r\nHost: a\r\n\r\n", 501, ""},
    {"3.1 TLS on a plain port", "\x16\x03\x01\x02", 400, ""},
    {"3.2 control character in the target", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400, ""},
    {"3.2 MUST: no Host", "GET / HTTP/1.1\r\n\r\n", 400, ""},
    {"3.2 MUST: two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400, ""},
    {"3.2 HTTP/1.0 needs no Host", "GET / HTTP/1.0\r\n\r\n", 0, NULL},
    {"5 a name that is empty", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400, ""},
    {"5 no colon", "GET / HTTP/1.1\r\nHost: a\r\nfoo\r\n\r\n", 400, ""},
    {"5.1 MUST: white space before the colon", POST "Content-Length : 5\r\n\r\nhello", 400, ""},
    {"5.1 MUST: tab before the colon", POST "Content-Length\t: 5\r\n\r\nhello", 400, ""},
    {"5.1 MUST: white space behind a value", POST "Content-Length: 2 \t \r\n\r\nhi" GET, 0,
     POST "Content-Length: 2\r\n\r\nhi" GET},
    {"5.1 white space inside a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a \t b  \r\n\r\n", 0,
     "GET / HTTP/1.1\r\nHost: a\r\nX: a   b\r\n\r\n"},
    {"5.1 an empty value", "GET / HTTP/1.1\r\nHost: a\r\nX:   \r\nY:\r\n\r\n", 0, NULL},
    {"5.2 MUST: folded", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400, ""},
    {"5.2 MUST: folded length", POST "Content-Length:\r\n 5\r\n\r\nhello", 400, ""},
    {"5.5 control character", "GET / HTTP/1.1\r\nHost: a\r\nX: a\x7f\r\n\r\n", 400, ""},
    {"6.1 both lengths", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400, ""},
    {"6.1 both lengths, the other way",
     POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400, ""},
    {"6.1 MUST: chunked without a chunk", CHUNKED "0\r\n\r\n" GET, 0, NULL},
    {"6.1 chunked twice", POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501, ""},
    {"6.1 two fields", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
     ""},
    {"6.1 another coding", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, ""},
    {"6.1 MUST: chunked is not last", POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 501,
     ""},
    {"6.1 xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, ""},
    {"6.1 quoted", POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 501, ""},
    {"6.1 MUST: HTTP/1.0", OLD "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, ""},
    {"6.1 MUST: capitals and white space", POST "Transfer-Encoding: \tChunked \r\n\r\n0\r\n\r\n", 0,
     POST "Transfer-Encoding: \tChunked\r\n\r\n0\r\n\r\n"},
    {"6.2 MUST: length", POST "Content-Length: 5\r\n\r\nhello" GET, 0, NULL},
    {"6.2 length 0", POST "Content-Length: 0\r\n\r\n" GET, 0, NULL},
    {"6.3 MUST: two lengths", POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400, ""},
    {"6.3 two equal lengths", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400, ""},
    {"6.3 MUST: list of lengths", POST "Content-Length: 5, 5\r\n\r\nhello", 400, ""},
    {"6.3 MUST: sign", POST "Content-Length: +5\r\n\r\nhello", 400, ""},
    {"6.3 MUST: minus", POST "Content-Length: -5\r\n\r\nhello", 400, ""},
    {"6.3 MUST: hexadecimal", POST "Content-Length: 0x5\r\n\r\nhello", 400, ""},
    {"6.3 MUST: white space in the number", POST "Content-Length: 1 0\r\n\r\nhello", 400, ""},
    {"6.3 MUST: empty", POST "Content-Length: \r\n\r\n", 400, ""},
    {"6.3 MUST: too large", POST "Content-Length: 18446744073709551621\r\n\r\nhello", 413, ""},
    {"7.1 MUST: chunks", CHUNKED "5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n" GET, 0, NULL},
    {"7.1 leading zeros", CHUNKED "0005\r\nhello\r\n000\r\n\r\n" GET, 0, NULL},
    {"7.1 bare LF behind a size", CHUNKED "5\nhello\r\n0\r\n\r\n", 400, "*"},
    {"7.1 bare LF behind a chunk", CHUNKED "5\r\nhello\n0\r\n\r\n", 400, "*"},
    {"7.1 bare CR behind a chunk", CHUNKED "5\r\nhello\rX0\r\n\r\n", 400, "*"},
    {"7.1 data longer than its size", CHUNKED "5\r\nhello!\r\n0\r\n\r\n", 400, "*"},
    {"7.1 no digits", CHUNKED "\r\nhello\r\n0\r\n\r\n", 400, "*"},
    {"7.1 0x", CHUNKED "0x5\r\nhello\r\n0\r\n\r\n", 400, "*"},
    {"7.1 sign", CHUNKED "+5\r\nhello\r\n0\r\n\r\n", 400, "*"},
    {"7.1 white space before the size", CHUNKED " 5\r\nhello\r\n0\r\n\r\n", 400, "*"},
    {"7.1 white space behind the size", CHUNKED "5 \r\nhello\r\n0\r\n\r\n", 400, "*"},
    {"7.1 MUST: more than 2^64", CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n", 413, "*"},
    {"7.1.1 MUST: extension", CHUNKED "5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n" GET, 0, NULL},
    {"7.1.1 bare LF in an extension", CHUNKED "5;a\nhello\r\n0\r\n\r\n", 400, "*"},
    {"7.1.1 control in an extension", CHUNKED "5;a\x01\r\nhello\r\n0\r\n\r\n", 400, "*"},
    {"7.1.2 MUST: trailers", CHUNKED "0\r\nX-Sum: 5 \r\n\r\n" GET, 0,
     CHUNKED "0\r\nX-Sum: 5\r\n\r\n" GET},
    {"7.1.2 bare LF behind the last chunk", CHUNKED "0\n\r\n" GET, 400, "*"},
    {"7.1.2 bare LF ends the trailers", CHUNKED "0\r\n\n" GET, 400, "*"},
    {"7.1.2 MUST: a length among the trailers", CHUNKED "0\r\nContent-Length: 5\r\n\r\n" GET, 400,
     "*"},
    {"7.1.2 a folded trailer", CHUNKED "0\r\nX: a\r\n b\r\n\r\n" GET, 400, "*"},
    {"2.1 MUST: octets beyond ASCII are read as they are",
     "GET /k\xc3\xb6nig HTTP/1.1\r\nHost: a\r\nX: \xe9\r\n\r\n", 0, NULL},
    {"2.2 TAB before the first field", "GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", 400, ""},
    {"3.2 the query is marked, so that it is decoded once",
     "GET /a?b?c=?d HTTP/1.1\r\nHost: ?\r\n\r\n", 0,
     "GET /a\xff"
     "b\xff"
     "c=\xff"
     "d HTTP/1.1\r\nHost: ?\r\n\r\n"},
    {"3.2 the mark itself", "GET /a\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400, ""},
    {"3.2.2 MUST: the absolute form", "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", 0, NULL},
    {"3.2.4 the asterisk form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0, NULL},
    {"3 MUST: a method is told apart by letter case", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 0, NULL},
    {"3.2 folded Host", "GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n", 400, ""},
    {"6.1 MUST: chunked on GET is a body",
     "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
     "chunked\r\n\r\n1\r\nG\r\n0\r\n\r\n" GET,
     0, NULL},
    {"6.2 MUST: a length on GET is a body",
     "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 28\r\n\r\n" GET GET, 0, NULL},
    {"6.3 MUST: no length is no body", POST "\r\n" GET, 0, NULL},
    {"6.3 MUST: a length and what is no length",
     POST "Content-Length: 5\r\nContent-Length: x\r\n\r\nhello", 400, ""},
    {"6.3 a digit of another script", POST "Content-Length: \xd9\xa5\r\n\r\nhello", 400, ""},
    {"6.1 an empty coding", POST "Transfer-Encoding: \r\n\r\n0\r\n\r\n", 501, ""},
    {"6.1 a parameter", POST "Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n", 501, ""},
    {"6.1 a comma behind it", POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", 501, ""},
    {"6.1 vertical tab", POST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 400, ""},
    {"7.1 an empty line for the last chunk", CHUNKED "5\r\nhello\r\n\r\n" GET, 400, "*"},
    {"7.1 data shorter than its size", CHUNKED "6\r\nhello\r\n0\r\n\r\n" GET, 400, "*"},
    {"7.1 a digit too many", CHUNKED "0000000000000005\r\nhello\r\n0\r\n\r\n", 413, "*"},
    {"7.1.1 bare CR in an extension", CHUNKED "5;a\rb\r\nhello\r\n0\r\n\r\n", 400, "*"},
    {"7.1.2 a Host among the trailers", CHUNKED "0\r\nHost: b\r\n\r\n" GET, 400, "*"},
    {"7.1.2 white space before a trailer's colon", CHUNKED "0\r\nX : b\r\n\r\n" GET, 400, "*"},
    {"7.1.2 a trailer without a colon", CHUNKED "0\r\nGET / HTTP/1.1\r\n\r\n" GET, 400, "*"},
    {"11.2 hidden behind a bad one", GET POST "Content-Length : 5\r\n\r\n" GET, 400, GET},
};

static struct framing open_framing(void) {
    return (struct framing){
        .limits = {.target = 8192, .head = 32768, .trailers = 4096, .fields = 100, .cookie = 8192}};
}

/* Everything in one call, or `step` bytes at a time; seen gets what is handed on. */
static void run(struct framing *framing, const char *sent, size_t length, size_t step, char *seen,
                size_t *n) {
    char bytes[65536 + FRAMING_MAX_SPACE];
    *n = 0;
    for (size_t at = 0; at < length; at += step) {
        size_t piece = length - at < step ? length - at : step;
        memcpy(bytes + framing->space, sent + at, piece);
        size_t got = framing_read(framing, bytes, framing->space, piece);
        memcpy(seen + *n, bytes, got);
        *n += got;
    }
}

static void rules_of_the_rfc(void **state) {
    static char seen[65536];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        size_t n;
        struct framing framing = open_framing();
        run(&framing, row->sent, strlen(row->sent), strlen(row->sent), seen, &n);
        if (framing.status != row->status)
            fail_msg("%s: status %d, not %d", row->rule, framing.status, row->status);
        if (row->status == 0 && framing.state != FRAMING_START)
            fail_msg("%s: the last message has not ended", row->rule);
        if (row->status != 0)
            assert_true(framing.why && framing.why[0] != '\0');
        const char *expected = row->seen ? row->seen : row->sent;
        if (strcmp(expected, "*") != 0 && (n != strlen(expected) || memcmp(seen, expected, n) != 0))
            fail_msg("%s: handed on '%.*s'", row->rule, (int)n, seen);
    }
}

/* However the bytes are cut: the same refusal, and nothing behind it is handed on. */
static void cuts_change_nothing(void **state) {
    static char whole[65536], cut[65536];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t step = 1; step < 9; step++) {
            const struct row *row = &rows[i];
            size_t n_whole, n_cut, length = strlen(row->sent);
            struct framing one = open_framing(), other = open_framing();
            run(&one, row->sent, length, length, whole, &n_whole);
            run(&other, row->sent, length, step, cut, &n_cut);
            if (one.status != other.status)
                fail_msg("%s: %d whole, %d cut", row->rule, one.status, other.status);
            assert_true(n_cut >= n_whole && n_cut <= length);
            assert_memory_equal(whole, cut, n_whole);
            if (row->status == 0)
                assert_int_equal(n_whole, n_cut);
        }
}

static void nothing_follows_a_refusal(void **state) {
    static char seen[65536];
    static const char bad[] = "GET / HTTP/1.1\nHost: a\r\n\r\n";
    struct framing framing = open_framing();
    size_t n;
    (void)state;
    run(&framing, bad, strlen(bad), 64, seen, &n);
    assert_int_equal(n, 0);
    run(&framing, GET, strlen(GET), 64, seen, &n);
    assert_int_equal(n, 0);
    assert_int_equal(framing.status, 400);
}

static void nul_bytes_are_refused(void **state) {
    static const char in_target[] = "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char in_value[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
    static const char in_name[] = "GET / HTTP/1.1\r\nHo\0st: a\r\n\r\n";
    static const char in_body[] = POST "Content-Length: 3\r\n\r\na\0b" GET;
    static char seen[65536];
    size_t n;
    (void)state;
    struct framing framing = open_framing();
    run(&framing, in_target, sizeof in_target - 1, 5, seen, &n);
    assert_int_equal(framing.status, 400);
    framing = open_framing();
    run(&framing, in_value, sizeof in_value - 1, 500, seen, &n);
    assert_int_equal(framing.status, 400);
    framing = open_framing();
    run(&framing, in_name, sizeof in_name - 1, 500, seen, &n);
    assert_int_equal(framing.status, 400);
    framing = open_framing();
    run(&framing, in_body, sizeof in_body - 1, 7, seen, &n);
    assert_int_equal(framing.status, 0);
    assert_int_equal(n, sizeof in_body - 1);
}

static void sizes_are_bounded(void **state) {
    static char text[65536], seen[65536];
    size_t n;
    (void)state;
    struct framing framing = open_framing();
    memset(text, 'a', sizeof text);
    memcpy(text, "GET /", 5);
    run(&framing, text, 8192 + 5, 1000, seen, &n); /* the target is "/" and 8192 times "a" */
    assert_int_equal(framing.status, 414);
    framing = open_framing();
    memcpy(text, "GET / HTTP/1.1\r\nHost: a\r\nX: ", 28);
    run(&framing, text, sizeof text, 1000, seen, &n);
    assert_int_equal(framing.status, 431);
    framing = open_framing();
    size_t head = strlen(CHUNKED);
    memcpy(text, CHUNKED, head);
    memcpy(text + head, "5;", 2);
    memset(text + head + 2, 'e', sizeof text - head - 2);
    run(&framing, text, sizeof text, 1000, seen, &n);
    assert_int_equal(framing.status, 400);
    framing = open_framing();
    memset(text, ' ', sizeof text);
    memcpy(text, "GET / HTTP/1.1\r\nHost: a\r\nX: b", 29);
    run(&framing, text, 1000, 1, seen, &n);
    assert_int_equal(framing.status, 400);
}

/* What libmicrohttpd would allocate for each. */
static void counts_are_bounded(void **state) {
    static char text[65536], seen[65536];
    static const struct {
        const char *begin, *each, *end;
        int most;
    } many[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n", "a:\r\n", "\r\n", 99},
        {CHUNKED "0\r\n", "a:\r\n", "\r\n", 98},
        {"GET / HTTP/1.1\r\nHost: a\r\nCookie: a", ";b", "\r\n\r\n", 99},
        {"GET / HTTP/1.1\r\nHost: a\r\nCookie: a\r\nCookie: b", ";b", "\r\n\r\n", 99},
        {"GET / HTTP/1.1\r\nHost: a\r\nCookie: ", "a", "\r\n\r\n", 8192},
        {CHUNKED "0\r\na: ", "a", "\r\n\r\n", 4096 - 7},
    };
    (void)state;
    for (size_t i = 0; i < sizeof many / sizeof *many; i++)
        for (int more = 0; more < 2; more++) {
            struct framing framing = open_framing();
            char *to = stpcpy(text, many[i].begin);
            size_t n;
            for (int j = 0; j < many[i].most + more; j++)
                to = stpcpy(to, many[i].each);
            to = stpcpy(to, many[i].end);
            run(&framing, text, (size_t)(to - text), 65536, seen, &n);
            if (framing.status != (more ? 431 : 0))
                fail_msg("row %zu: %d with %d more", i, framing.status, more);
        }
}

/* 4,096 pairs of a query are nothing that needs memory behind. */
static void queries_are_hidden(void **state) {
    static char text[16384], seen[16384];
    struct framing framing = open_framing();
    char *to = stpcpy(text, "GET /?");
    size_t n;
    (void)state;
    for (int i = 0; i < 4095; i++)
        to = stpcpy(to, "a&");
    to = stpcpy(to, " HTTP/1.1\r\nHost: a\r\n\r\n");
    run(&framing, text, (size_t)(to - text), 1000, seen, &n);
    assert_int_equal(framing.status, 0);
    assert_int_equal(n, to - text);
    assert_null(memchr(seen, '?', n));
}

static void a_refusal_from_outside_holds(void **state) {
    static char seen[65536];
    struct framing framing = open_framing();
    size_t n;
    (void)state;
    framing_refuse(&framing, 431, "enough");
    run(&framing, GET, strlen(GET), 64, seen, &n);
    assert_int_equal(n, 0);
    assert_int_equal(framing.status, 431);
    assert_string_equal(framing.why, "enough");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_of_the_rfc),          cmocka_unit_test(cuts_change_nothing),
        cmocka_unit_test(nothing_follows_a_refusal), cmocka_unit_test(nul_bytes_are_refused),
        cmocka_unit_test(sizes_are_bounded),         cmocka_unit_test(counts_are_bounded),
        cmocka_unit_test(queries_are_hidden),        cmocka_unit_test(a_refusal_from_outside_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
