#include "base/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_init(struct buffer *buffer) {
    *buffer = (struct buffer){0};
}

void buffer_clear(struct buffer *buffer) {
    free(buffer->data);
    buffer_init(buffer);
}

/* Counts the bytes up to `length`, in steps; pages of the capacity behind are not touched. */
static bool buffer_granted(const struct buffer *buffer, size_t length) {
    if (!buffer->grant || length <= BUFFER_FREE_BYTES || length <= buffer->grant->bytes)
        return true;
    uint64_t bytes = (length + BUFFER_FREE_BYTES - 1) / BUFFER_FREE_BYTES * BUFFER_FREE_BYTES;
    return grant_resize(buffer->grant, bytes, "", NULL) == STATUS_OK;
}

void buffer_reserve(struct buffer *buffer, size_t more) {
    if (buffer->failed)
        return;
    if (more > SIZE_MAX / 2 - buffer->length - 1 ||
        !buffer_granted(buffer, buffer->length + more)) {
        buffer->failed = true;
        return;
    }
    if (buffer->data && more < buffer->capacity - buffer->length)
        return;
    size_t capacity = buffer->capacity ? buffer->capacity : 64;
    while (capacity < buffer->length + more + 1)
        capacity *= 2;
    char *data = realloc(buffer->data, capacity);
    if (!data) {
        buffer->failed = true;
        return;
    }
    data[buffer->length] = '\0';
    buffer->data = data;
    buffer->capacity = capacity;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length) {
    buffer_reserve(buffer, length);
    if (buffer->failed || length == 0)
        return;
    memcpy(buffer->data + buffer->length, bytes, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
}

void buffer_append_text(struct buffer *buffer, const char *text) {
    buffer_append(buffer, text, strlen(text));
}

void buffer_append_char(struct buffer *buffer, char c) {
    buffer_append(buffer, &c, 1);
}

void buffer_print(struct buffer *buffer, const char *format, ...) {
    char small[256];
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(small, sizeof small, format, arguments);
    va_end(arguments);
    if (length < 0) {
        buffer->failed = true;
    } else if ((size_t)length < sizeof small) {
        buffer_append(buffer, small, (size_t)length);
    } else {
        buffer_reserve(buffer, (size_t)length);
        if (!buffer->failed) {
            vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, again);
            buffer->length += (size_t)length;
        }
    }
    va_end(again);
}

enum status buffer_explain(const struct buffer *buffer, const char *what, struct error *err) {
    if (buffer->grant && buffer->grant->refused > 0)
        return grant_explain(buffer->grant, what, err);
    return error_set(err, STATUS_NO_MEMORY, "out of memory for %s", what);
}

char *buffer_take(struct buffer *buffer) {
    buffer_reserve(buffer, 0);
    if (buffer->failed) {
        buffer_clear(buffer);
        return NULL;
    }
    char *data = buffer->data;
    buffer_init(buffer);
    return data;
}
