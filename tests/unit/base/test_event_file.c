/* Checksums of known bytes, and event files read back by a plain decoder. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "base/event_file.h"

static void known_checksums(void **state) {
    (void)state;
    unsigned char zeros[32] = {0}, ones[32];
    const unsigned char length[8] = {24};
    memset(ones, 0xff, sizeof ones);
    assert_int_equal(crc32c("", 0), 0);
    assert_int_equal(crc32c("a", 1), 0xc1d04330u);
    assert_int_equal(crc32c("123456789", 9), 0xe3069283u);
    assert_int_equal(crc32c(zeros, sizeof zeros), 0x8a9136aau);
    assert_int_equal(crc32c(ones, sizeof ones), 0x62a8ab43u);
    assert_int_equal(crc32c_masked("123456789", 9), 0xc78ab0e5u);
    assert_int_equal(crc32c_masked(length, sizeof length), 0x224b7fa3u);
}

static void the_first_record(void **state) {
    (void)state;
    static const unsigned char expected[] = {
        0x18, 0,   0,    0,    0,    0,    0,    0,    0xa3, 0x7f, 0x4b, 0x22, 0x09, 0,
        0,    0,   0x40, 0xfc, 0x54, 0xd9, 0x41, 0x1a, 0x0d, 'b',  'r',  'a',  'i',  'n',
        '.',  'E', 'v',  'e',  'n',  't',  ':',  '2',  0xec, 0xed, 0x8f, 0x9d};
    struct buffer file = {0};
    event_file_begin(&file, 1700000000.0);
    assert_int_equal(file.length, sizeof expected);
    assert_memory_equal(file.data, expected, sizeof expected);
    buffer_clear(&file);
}

static uint64_t little(const unsigned char *at, unsigned bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static uint64_t varint(const unsigned char **at) {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        unsigned char byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
}

/* One value of a summary: its tag and number; the plugin must be named. */
static float value_read(const unsigned char **at, char *tag) {
    uint32_t bits;
    float value;
    assert_int_equal(*(*at)++, 0x0a);
    const unsigned char *end = *at + 1 + **at;
    (*at)++;
    assert_int_equal(*(*at)++, 0x0a);
    size_t length = *(*at)++;
    memcpy(tag, *at, length);
    tag[length] = '\0';
    *at += length;
    assert_int_equal(*(*at)++, 0x15);
    bits = (uint32_t)little(*at, 4);
    memcpy(&value, &bits, sizeof value);
    *at += 4;
    assert_memory_equal(*at, "\x4a\x0b\x0a\x09\x0a\x07scalars", 13);
    *at += 13;
    assert_ptr_equal(*at, end);
    return value;
}

static void scalars_are_read_back(void **state) {
    (void)state;
    static const struct event_scalar scalars[] = {
        {"loss", 0}, {"learning_rate", 0.2f}, {"score", NAN}, {"row-norm/max", -INFINITY}};
    static const int64_t steps[] = {0, 1, 127, 128, 300, 16384, 2147483648, INT64_MAX};
    struct buffer file = {0};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        event_file_scalars(&file, 1700000001.5 + (double)i, steps[i], scalars, 4);
    const unsigned char *at = (const unsigned char *)file.data, *end = at + file.length;
    for (size_t i = 0; at < end; i++) {
        uint64_t length = little(at, 8);
        double wall_time;
        char tag[32];
        assert_int_equal(little(at + 8, 4), crc32c_masked(at, 8));
        const unsigned char *event = at + 12, *behind = event + length;
        assert_int_equal(little(behind, 4), crc32c_masked(event, length));
        assert_int_equal(*event++, 0x09);
        memcpy(&wall_time, event, 8);
        assert_true(wall_time == 1700000001.5 + (double)i);
        event += 8;
        assert_int_equal(*event++, 0x10);
        assert_int_equal(varint(&event), (uint64_t)steps[i]);
        assert_int_equal(*event++, 0x2a);
        uint64_t summary = varint(&event);
        assert_int_equal(summary, behind - event);
        for (size_t s = 0; s < 4; s++) {
            float value = value_read(&event, tag);
            assert_string_equal(tag, scalars[s].tag);
            assert_memory_equal(&value, &scalars[s].value, sizeof value);
        }
        assert_ptr_equal(event, behind);
        at = behind + 4;
    }
    assert_ptr_equal(at, end);
    buffer_clear(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_checksums),
                                       cmocka_unit_test(the_first_record),
                                       cmocka_unit_test(scalars_are_read_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
