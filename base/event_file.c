#include "base/event_file.h"

#include <string.h>

#include "base/crc32c.h"

/* Tags of protocol buffers: field << 3 | wire type. */
enum {
    EVENT_WALL_TIME = 1 << 3 | 1,
    EVENT_STEP = 2 << 3 | 0,
    EVENT_FILE_VERSION = 3 << 3 | 2,
    EVENT_SUMMARY = 5 << 3 | 2,
    EVENT_SESSION = 7 << 3 | 2,
    SESSION_STATUS = 1 << 3 | 0,
    SESSION_START = 1, /* its value */
    SUMMARY_VALUE = 1 << 3 | 2,
    VALUE_TAG = 1 << 3 | 2,
    VALUE_SIMPLE = 2 << 3 | 5,
    VALUE_METADATA = 9 << 3 | 2
};

/* SummaryMetadata { plugin_data { plugin_name: "scalars" } } */
static const char metadata[] = "\x0a\x09\x0a\x07scalars";
#define METADATA_LENGTH (sizeof metadata - 1)

static void put_little(struct buffer *text, uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++)
        buffer_append_char(text, (char)(value >> (8 * i) & 0xff));
}

static void put_varint(struct buffer *text, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        buffer_append_char(text, (char)((value & 0x7f) | 0x80));
    buffer_append_char(text, (char)value);
}

static void put_bytes(struct buffer *text, int tag, const char *bytes, size_t n) {
    put_varint(text, (uint64_t)tag);
    put_varint(text, n);
    buffer_append(text, bytes, n);
}

static void put_time(struct buffer *event, double wall_time) {
    uint64_t bits;
    memcpy(&bits, &wall_time, sizeof bits);
    put_varint(event, EVENT_WALL_TIME);
    put_little(event, bits, 8);
}

/* Length, its checksum, the message, its checksum. The message is cleared. */
static void put_record(struct buffer *file, struct buffer *event) {
    unsigned char length[8];
    for (unsigned i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)event->length >> (8 * i) & 0xff);
    buffer_append(file, (const char *)length, sizeof length);
    put_little(file, crc32c_masked(length, sizeof length), 4);
    if (event->failed)
        file->failed = true;
    else {
        buffer_append(file, event->data, event->length);
        put_little(file, crc32c_masked(event->data, event->length), 4);
    }
    buffer_clear(event);
}

void event_file_begin(struct buffer *file, double wall_time) {
    static const char version[] = "brain.Event:2";
    struct buffer event = {0};
    put_time(&event, wall_time);
    put_bytes(&event, EVENT_FILE_VERSION, version, sizeof version - 1);
    put_record(file, &event);
}

void event_file_scalars(struct buffer *file, double wall_time, int64_t step,
                        const struct event_scalar *scalars, size_t n) {
    struct buffer event = {0}, summary = {0};
    put_time(&event, wall_time);
    put_varint(&event, EVENT_STEP);
    put_varint(&event, (uint64_t)step);
    for (size_t i = 0; i < n; i++) {
        struct buffer value = {0};
        uint32_t bits;
        memcpy(&bits, &scalars[i].value, sizeof bits);
        put_bytes(&value, VALUE_TAG, scalars[i].tag, strlen(scalars[i].tag));
        put_varint(&value, VALUE_SIMPLE); /* also when it is 0: it is one of several */
        put_little(&value, bits, 4);
        put_bytes(&value, VALUE_METADATA, metadata, METADATA_LENGTH);
        if (value.failed)
            summary.failed = true;
        else
            put_bytes(&summary, SUMMARY_VALUE, value.data, value.length);
        buffer_clear(&value);
    }
    if (summary.failed)
        event.failed = true;
    else if (summary.length > 0)
        put_bytes(&event, EVENT_SUMMARY, summary.data, summary.length);
    buffer_clear(&summary);
    put_record(file, &event);
}

void event_file_restart(struct buffer *file, double wall_time, int64_t step) {
    static const char started[] = {SESSION_STATUS, SESSION_START};
    struct buffer event = {0};
    put_time(&event, wall_time);
    put_varint(&event, EVENT_STEP);
    put_varint(&event, (uint64_t)step);
    put_bytes(&event, EVENT_SESSION, started, sizeof started);
    put_record(file, &event);
}

static uint64_t get_little(const unsigned char *at, unsigned bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

bool event_head_read(const unsigned char head[EVENT_HEAD], uint64_t *length) {
    *length = get_little(head, 8);
    return *length <= EVENT_MESSAGE_MAX && get_little(head + 8, 4) == crc32c_masked(head, 8);
}

bool event_message_whole(const unsigned char *message, uint64_t length) {
    return get_little(message + length, EVENT_TAIL) == crc32c_masked(message, (size_t)length);
}

bool event_message_step(const unsigned char *message, uint64_t length, int64_t *step) {
    const unsigned char *at = message + 9, *end = message + length;
    uint64_t value = 0;
    if (length < 11 || message[0] != EVENT_WALL_TIME || *at++ != EVENT_STEP)
        return false;
    for (unsigned shift = 0; at < end && shift < 64; shift += 7) {
        value |= (uint64_t)(*at & 0x7f) << shift;
        if (*at++ < 0x80) {
            *step = (int64_t)value;
            return at < end && *at == EVENT_SUMMARY;
        }
    }
    return false;
}
