/* What recv(2) is to answer for a connection, from sources that give bytes in pieces and hold some
 * back: the same bytes come out whatever the pieces, and while the source has bytes pending the
 * buffer is filled to its last byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/http/http_private.h"

/* Records, as TLS has them: a read gives bytes of one record at most; what is left of it is
 * pending. */
struct records {
    const char *bytes;
    size_t length, record, at;
    bool end; /* then the connection ends, and does not only pause */
};

static ssize_t records_read(void *context, char *bytes, size_t size) {
    struct records *records = context;
    size_t left = records->record - records->at % records->record;
    left = left < records->length - records->at ? left : records->length - records->at;
    size_t n = left < size ? left : size;
    if (n == 0)
        return records->end ? 0 : -11;
    memcpy(bytes, records->bytes + records->at, n);
    records->at += n;
    return (ssize_t)n;
}

static bool records_pending(void *context) {
    const struct records *records = context;
    return records->at % records->record != 0 && records->at < records->length;
}

static void link_begin(struct http_link *link) {
    *link = (struct http_link){.fd = -1};
    link->framing.limits = (struct framing_limits){
        .target = 8192, .head = 32768, .trailers = 4096, .fields = 100, .cookie = 8192};
}

/* Reads all with buffers of `size`; the bytes that came out. */
static size_t read_all(struct records *records, bool tells, size_t size, char *out) {
    struct http_link link;
    const struct filter_source source = {records_read, tells ? records_pending : NULL, records};
    size_t length = 0;
    link_begin(&link);
    for (;;) {
        ssize_t n = filter_read(&link, &source, out + length, size);
        if (n <= 0)
            break;
        length += (size_t)n;
        if (tells && (size_t)n < size && records_pending(records))
            fail_msg("%zd of %zu bytes, and more are pending", n, size);
    }
    assert_true(link.filtered);
    assert_int_equal(link.n_spare, 0);
    return length;
}

static const char requests[] =
    "GET /a?b=c HTTP/1.1\r\nHost: a\r\nX-Space:  a   b\t\t c    \t  \r\nY: \t\r\n\r\n"
    "PUT /v1/corpora/c HTTP/1.1\r\nHost: a\r\nContent-Length: 20     \r\n\r\n0123456789  \r\n  6789"
    "GET / HTTP/1.1\r\nHost: a\r\nZ:                    0                                     \r\n"
    "\r\n";

static void test_pieces(void **state) {
    (void)state;
    char whole[1024], out[1024];
    struct records one = {.bytes = requests, .length = sizeof requests - 1, .record = 4096};
    size_t length = read_all(&one, false, sizeof whole, whole);
    assert_true(length < sizeof requests - 1); /* white space behind values is gone */
    for (size_t record = 1; record < 80; record++)
        for (size_t size = FRAMING_MAX_SPACE + 1; size < 200; size += 7) {
            struct records records = {
                .bytes = requests, .length = sizeof requests - 1, .record = record};
            assert_int_equal(read_all(&records, false, size, out), length);
            assert_memory_equal(out, whole, length);
        }
}

/* Also into buffers that are smaller than the white space that is held back. */
static void test_pending(void **state) {
    (void)state;
    char whole[1024], out[1024];
    struct records one = {.bytes = requests, .length = sizeof requests - 1, .record = 4096};
    size_t length = read_all(&one, false, sizeof whole, whole);
    for (size_t record = 1; record < 300; record += record < 40 ? 1 : 13)
        for (size_t size = 1; size < 200; size += size < 70 ? 1 : 9) {
            struct records records = {
                .bytes = requests, .length = sizeof requests - 1, .record = record};
            assert_int_equal(read_all(&records, true, size, out), length);
            assert_memory_equal(out, whole, length);
        }
}

static void test_end(void **state) {
    (void)state;
    struct http_link link;
    struct records records = {.bytes = "GET ", .length = 4, .record = 2, .end = true};
    const struct filter_source source = {records_read, records_pending, &records};
    char bytes[100];
    link_begin(&link);
    assert_int_equal(filter_read(&link, &source, bytes, sizeof bytes), 2);
    assert_int_equal(filter_read(&link, &source, bytes, sizeof bytes), 2);
    assert_int_equal(filter_read(&link, &source, bytes, sizeof bytes), 0);
    records.end = false;
    assert_int_equal(filter_read(&link, &source, bytes, sizeof bytes), -11);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
