/* NDJSON to the `tokens` format of train/, line by line as it streams. */
#include <stdlib.h>
#include <string.h>

#include "server/json/json.h"
#include "server/json/ndjson.h"

#define NDJSON_LINE_BYTES (64u << 20) /* longest line: it has to be in memory as a whole */
#define NDJSON_DEPTH 32
#define TOKEN_END '\x1f'

struct ndjson {
    enum status (*sink)(void *context, const char *bytes, size_t length, struct error *err);
    void *context;
    struct buffer line; /* the beginning of a line that is not whole yet */
    struct buffer out;  /* its translation */
    uint64_t lines, altered;
    enum status failed; /* after a failure nothing more is taken */
};

enum status ndjson_create(struct ndjson **ndjson,
                          enum status (*sink)(void *context, const char *bytes, size_t length,
                                              struct error *err),
                          void *context, struct error *err) {
    struct ndjson *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    made->sink = sink;
    made->context = context;
    *ndjson = made;
    return STATUS_OK;
}

void ndjson_free(struct ndjson *ndjson) {
    if (ndjson) {
        buffer_clear(&ndjson->line);
        buffer_clear(&ndjson->out);
        free(ndjson);
    }
}

uint64_t ndjson_altered(const struct ndjson *ndjson) {
    return ndjson->altered;
}

/* Appends text with the characters of `unwanted` turned into spaces, and counts it if there were
 * any. */
static void put_text(struct ndjson *ndjson, const json_t *node, const char *unwanted) {
    const char *text = json_string_value(node), *end = text + json_string_length(node);
    bool altered = false;
    while (text < end) {
        size_t n = strcspn(text, unwanted);
        buffer_append(&ndjson->out, text, n);
        text += n;
        if (text < end) {
            buffer_append_char(&ndjson->out, ' ');
            altered = true;
            text++;
        }
    }
    ndjson->altered += altered;
}

static enum status put_tokens(struct ndjson *ndjson, const json_t *list, struct error *err) {
    buffer_append_char(&ndjson->out, TOKEN_END);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *token = json_array_get(list, i);
        if (!json_is_string(token)) {
            return error_set(err, STATUS_MALFORMED, "line %llu: token %zu is not a string",
                             (unsigned long long)ndjson->lines, i + 1);
        }
        /* an empty token is none: two U+001F in a row would say the same */
        if (json_string_length(token) > 0) {
            put_text(ndjson, token, "\x1f\n\r");
            buffer_append_char(&ndjson->out, TOKEN_END);
        }
    }
    return STATUS_OK;
}

static enum status put_line(struct ndjson *ndjson, const json_t *node, struct error *err) {
    const json_t *tokens = json_is_object(node) ? json_object_get(node, "tokens") : node;
    const json_t *text = json_is_object(node) ? json_object_get(node, "text") : node;
    enum status status = STATUS_OK;
    if (json_is_array(tokens)) { /* where both stand, tokens are the better cut text */
        status = put_tokens(ndjson, tokens, err);
    } else if (json_is_string(text)) {
        put_text(ndjson, text, "\x1f");
    } else {
        status = error_set(err, STATUS_MALFORMED,
                           "line %llu: expected a string, an array of tokens, or an object with "
                           "'text' or 'tokens'",
                           (unsigned long long)ndjson->lines);
    }
    buffer_append_char(&ndjson->out, '\n');
    if (status == STATUS_OK && ndjson->out.failed) {
        status = error_set(err, STATUS_NO_MEMORY, "out of memory at line %llu",
                           (unsigned long long)ndjson->lines);
    }
    return status;
}

static bool is_blank(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

/* One whole line, without its newline. */
static enum status take_line(struct ndjson *ndjson, const char *text, size_t length,
                             struct error *err) {
    ndjson->lines++;
    if (ndjson->lines == 1 && length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        length -= 3;
    }
    if (is_blank(text, length))
        return STATUS_OK;
    json_t *node;
    struct error why = {0};
    enum status status = json_parse(text, length, NDJSON_DEPTH, &node, &why);
    if (status != STATUS_OK) {
        return error_set(err, status, "line %llu: %.440s", (unsigned long long)ndjson->lines,
                         why.text);
    }
    ndjson->out.length = 0;
    status = put_line(ndjson, node, err);
    json_decref(node);
    return status == STATUS_OK
               ? ndjson->sink(ndjson->context, ndjson->out.data, ndjson->out.length, err)
               : status;
}

static enum status keep_rest(struct ndjson *ndjson, const char *bytes, size_t length,
                             struct error *err) {
    if (length > NDJSON_LINE_BYTES - ndjson->line.length) {
        return error_set(err, STATUS_TOO_LARGE, "line %llu is longer than %u bytes",
                         (unsigned long long)ndjson->lines + 1, NDJSON_LINE_BYTES);
    }
    buffer_append(&ndjson->line, bytes, length);
    return ndjson->line.failed ? error_set(err, STATUS_NO_MEMORY, "out of memory at line %llu",
                                           (unsigned long long)ndjson->lines + 1)
                               : STATUS_OK;
}

static enum status take_bytes(struct ndjson *ndjson, const char *bytes, size_t length,
                              struct error *err) {
    while (length > 0) {
        const char *end = memchr(bytes, '\n', length);
        enum status status;
        if (!end)
            return keep_rest(ndjson, bytes, length, err);
        if (ndjson->line.length == 0) {
            status = take_line(ndjson, bytes, (size_t)(end - bytes), err);
        } else {
            status = keep_rest(ndjson, bytes, (size_t)(end - bytes), err);
            if (status == STATUS_OK) {
                status = take_line(ndjson, ndjson->line.data, ndjson->line.length, err);
                ndjson->line.length = 0;
            }
        }
        if (status != STATUS_OK)
            return status;
        length -= (size_t)(end + 1 - bytes);
        bytes = end + 1;
    }
    return STATUS_OK;
}

enum status ndjson_push(struct ndjson *ndjson, const char *bytes, size_t length,
                        struct error *err) {
    if (ndjson->failed != STATUS_OK)
        return error_set(err, ndjson->failed, "this NDJSON stream failed before");
    ndjson->failed = take_bytes(ndjson, bytes, length, err);
    return ndjson->failed;
}

enum status ndjson_finish(struct ndjson *ndjson, struct error *err) {
    if (ndjson->failed != STATUS_OK)
        return error_set(err, ndjson->failed, "this NDJSON stream failed before");
    if (ndjson->line.length > 0) {
        ndjson->failed = take_line(ndjson, ndjson->line.data, ndjson->line.length, err);
        ndjson->line.length = 0;
    }
    return ndjson->failed;
}
