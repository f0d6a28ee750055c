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

void buffer_reserve(struct buffer *buffer, size_t more) {
    if (buffer->failed || (buffer->data && more < buffer->capacity - buffer->length))
        return;
    if (more > SIZE_MAX / 2 - buffer->length - 1) {
        buffer->failed = true;
        return;
    }
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
