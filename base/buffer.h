/* A growing byte buffer. data is NUL-terminated behind length whenever data is not NULL. A failed
 * allocation sets `failed` and every later append is ignored, so a writer may append freely and
 * check once at the end. With a grant its bytes are counted, and what the budget refuses has failed
 * in the same way. */
#ifndef VECMILL_BASE_BUFFER_H
#define VECMILL_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/budget.h"
#include "base/error.h"

struct buffer {
    char *data;
    size_t length, capacity;
    bool failed;
    /* borrowed, or NULL; holds the buffer's bytes, also when those move to another buffer */
    struct grant *grant;
};

void buffer_init(struct buffer *buffer);  /* the same as `= {0}` */
void buffer_clear(struct buffer *buffer); /* frees; the buffer is as after init */
/* Makes room for `more` bytes behind length, so that appending them allocates nothing. */
void buffer_reserve(struct buffer *buffer, size_t more);
#define BUFFER_FREE_BYTES ((size_t)65536) /* so many are never counted: small answers always fit */
/* Why the buffer has failed: the budget's refusal, or NO_MEMORY; `what` as in grant_resize. */
enum status buffer_explain(const struct buffer *buffer, const char *what,
                           struct error *err) MUST_CHECK;
void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_char(struct buffer *buffer, char c);
void buffer_print(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);
/* Takes the data away from the buffer, which is then empty; NULL when it had failed. Owns: caller
 * frees. A grant goes on holding the bytes. */
char *buffer_take(struct buffer *buffer);

#endif
