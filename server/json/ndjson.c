/* NDJSON to the `tokens` format of train/, line by line as it streams. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "server/json/json.h"
#include "server/json/ndjson.h"

#define NDJSON_LINE_BYTES (64u << 20) /* longest line: it has to be in memory as a whole */
#define NDJSON_DEPTH 32
#define TOKEN_END '\x1f'
#define MARK "\xef\xbb\xbf" /* byte order mark */
#define NAMES_QUOTED 200    /* bytes of the names of members in a message, about */

struct ndjson {
    enum status (*sink)(void *context, const char *bytes, size_t length, struct error *err);
    void *context;
    struct ndjson_fields fields;
    struct buffer line;  /* the beginning of a line that is not whole yet */
    struct buffer clean; /* a line whose NULs were replaced */
    struct buffer out;   /* its translation */
    struct buffer names; /* of the members of the first object that has not the field */
    uint64_t lines, taken, altered, skipped;
    enum status failed; /* after a failure nothing more is taken */
};

enum status ndjson_create(struct ndjson **ndjson, const struct ndjson_fields *fields,
                          enum status (*sink)(void *context, const char *bytes, size_t length,
                                              struct error *err),
                          void *context, struct error *err) {
    struct ndjson *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    made->fields = *fields;
    made->sink = sink;
    made->context = context;
    *ndjson = made;
    return STATUS_OK;
}

void ndjson_free(struct ndjson *ndjson) {
    if (ndjson) {
        buffer_clear(&ndjson->line);
        buffer_clear(&ndjson->clean);
        buffer_clear(&ndjson->out);
        buffer_clear(&ndjson->names);
        free(ndjson);
    }
}

uint64_t ndjson_altered(const struct ndjson *ndjson) {
    return ndjson->altered;
}

uint64_t ndjson_skipped(const struct ndjson *ndjson) {
    return ndjson->skipped;
}

/* Appends text with the characters of `unwanted` turned into spaces, and counts it if there were
 * any. */
static void put_text(struct ndjson *ndjson, const char *text, size_t length, const char *unwanted) {
    const char *end = text + length;
    bool altered = false;
    while (text < end) {
        size_t n = strcspn(text, unwanted);
        n = n < (size_t)(end - text) ? n : (size_t)(end - text);
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

/* A byte order mark at either end is no part of a token. An empty token is none: two U+001F in a
 * row would say the same. */
static void put_token(struct ndjson *ndjson, const char *text, size_t length) {
    const size_t mark = sizeof MARK - 1;
    size_t before = length;
    for (; length >= mark && memcmp(text, MARK, mark) == 0; length -= mark)
        text += mark;
    while (length >= mark && memcmp(text + length - mark, MARK, mark) == 0)
        length -= mark;
    ndjson->altered += length < before;
    if (length == 0)
        return;
    put_text(ndjson, text, length, "\x1f\n\r");
    buffer_append_char(&ndjson->out, TOKEN_END);
}

static enum status put_tokens(struct ndjson *ndjson, const json_t *list, struct error *err) {
    unsigned long long line = ndjson->lines;
    buffer_append_char(&ndjson->out, TOKEN_END);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *token = json_array_get(list, i);
        char number[32];
        if (json_is_string(token)) {
            put_token(ndjson, json_string_value(token), json_string_length(token));
        } else if (json_is_integer(token)) {
            snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(token));
            put_token(ndjson, number, strlen(number));
        } else if (json_is_null(token)) {
            ndjson->skipped++;
        } else if (json_is_array(token) || json_is_object(token)) {
            return error_set(err, STATUS_MALFORMED,
                             "line %llu: token %zu is %s: one JSON value a line, not one array of "
                             "all (jq -c '.[]' makes lines of it)",
                             line, i + 1, json_is_array(token) ? "an array" : "an object");
        } else {
            return error_set(err, STATUS_MALFORMED,
                             "line %llu: token %zu is neither a string nor a whole number", line,
                             i + 1);
        }
    }
    return STATUS_OK;
}

/* The members of an object, for a message: the first such object is what it is about. */
static void names_keep(struct ndjson *ndjson, json_t *object) {
    const char *name;
    json_t *value;
    if (ndjson->names.length > 0)
        return;
    json_object_foreach(object, name, value) {
        if (ndjson->names.length < NAMES_QUOTED)
            buffer_print(&ndjson->names, "%s'%.40s'", ndjson->names.length == 0 ? "" : ", ", name);
    }
    if (ndjson->names.length == 0)
        buffer_append_text(&ndjson->names, "none");
}

/* What the line says: the text or the tokens. NULL: it is skipped, or *status says why not. */
static const json_t *line_value(struct ndjson *ndjson, json_t *node, enum status *status,
                                struct error *err) {
    unsigned long long line = ndjson->lines;
    if (!json_is_object(node))
        return json_is_null(node) ? NULL : node;
    if (strcmp(ndjson->fields.text, "auto") != 0) {
        const json_t *value = json_object_get(node, ndjson->fields.text);
        if (!value)
            names_keep(ndjson, node);
        return json_is_null(value) ? NULL : value;
    }
    const json_t *tokens = json_object_get(node, "tokens"), *text = json_object_get(node, "text");
    if (json_is_array(tokens)) /* where both stand, tokens are the better cut text */
        return tokens;
    if (json_is_string(text))
        return text;
    if ((!text && !tokens) || (text && !json_is_null(text)) || (tokens && !json_is_null(tokens))) {
        names_keep(ndjson, node);
        *status = error_set_key(
            err, STATUS_MALFORMED, "text_field",
            "line %llu: expected an object with 'text', a string, or 'tokens', an array; its "
            "fields are %.300s: name another one by text_field",
            line, ndjson->names.failed ? "unknown" : ndjson->names.data);
    }
    return NULL;
}

/* How often the line is written. */
static enum status line_copies(const struct ndjson *ndjson, const json_t *node, uint64_t *copies,
                               struct error *err) {
    const char *field = ndjson->fields.weight;
    bool automatic = strcmp(field, "auto") == 0;
    *copies = 1;
    if (!json_is_object(node) || strcmp(field, "none") == 0 ||
        (automatic && !json_is_array(json_object_get(node, "tokens"))))
        return STATUS_OK;
    field = automatic ? "weight" : field;
    const json_t *member = json_object_get(node, field);
    if (!member || json_is_null(member))
        return STATUS_OK;
    double weight = json_number_value(member), most = (double)ndjson->fields.max_weight;
    if (!json_is_number(member) || !(weight >= 0 && weight <= most))
        return error_set_key(err, STATUS_MALFORMED, "weight_field",
                             "line %llu: '%.40s' must be a number of 0 to %g (max_weight)%s; "
                             "weight_field = none reads no weight",
                             (unsigned long long)ndjson->lines, field, most,
                             json_is_number(member) ? "" : ", and is none");
    *copies = (uint64_t)weight;
    double left = weight - (double)*copies;
    *copies += (double)(random_mix(ndjson->lines) >> 11) * 0x1p-53 < left;
    return STATUS_OK;
}

static enum status put_line(struct ndjson *ndjson, json_t *node, struct error *err) {
    enum status status = STATUS_OK;
    const json_t *value = line_value(ndjson, node, &status, err);
    if (!value) {
        ndjson->skipped += status == STATUS_OK;
        return status;
    }
    ndjson->taken++;
    if (json_is_array(value)) {
        status = put_tokens(ndjson, value, err);
    } else if (json_is_string(value)) {
        put_text(ndjson, json_string_value(value), json_string_length(value), "\x1f");
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

/* NUL, which the parser refuses, is replaced by U+001F, which becomes a space and is counted. */
static void nul_replace(struct ndjson *ndjson, const char **text, size_t length) {
    static const char nul[] = "\\u0000", other[] = "\\u001f";
    const size_t n = sizeof nul - 1;
    if (!memmem(*text, length, nul, n))
        return;
    ndjson->clean.length = 0;
    buffer_append(&ndjson->clean, *text, length);
    if (ndjson->clean.failed)
        return; /* the parser sees the NUL: refused */
    char *clean = ndjson->clean.data;
    for (size_t at = 0; at + 1 < length; at += clean[at] == '\\' ? 2 : 1)
        if (length - at >= n && memcmp(clean + at, nul, n) == 0)
            memcpy(clean + at, other, n);
    *text = clean;
}

static bool is_blank(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

/* A line that breaks off where a value would go on in the next, as pretty-printed JSON does. */
static bool goes_on(const char *text, size_t length) {
    while (length > 0 && is_blank(text + length - 1, 1))
        length--;
    while (length > 0 && is_blank(text, 1)) {
        text++;
        length--;
    }
    return length > 0 && (text[0] == '[' || text[0] == '{') &&
           memchr("[{,", text[length - 1], 3) != NULL;
}

/* One whole line, without its newline. */
static enum status take_line(struct ndjson *ndjson, const char *text, size_t length,
                             struct error *err) {
    const size_t mark = sizeof MARK - 1;
    ndjson->lines++;
    if (length >= mark && memcmp(text, MARK, mark) == 0) { /* of a file joined to others, too */
        text += mark;
        length -= mark;
    }
    if (is_blank(text, length))
        return STATUS_OK;
    json_t *node;
    struct error why = {0};
    nul_replace(ndjson, &text, length);
    enum status status = json_parse(text, length, NDJSON_DEPTH, &node, &why);
    if (status == STATUS_MALFORMED && goes_on(text, length))
        return error_set(err, status,
                         "line %llu holds the begin of a JSON value only: one JSON value a line, "
                         "not one array or spread over lines (jq -c '.[]' or jq -c . makes them)",
                         (unsigned long long)ndjson->lines);
    if (status != STATUS_OK) {
        return error_set(err, status, "line %llu: %.440s", (unsigned long long)ndjson->lines,
                         why.text);
    }
    ndjson->out.length = 0;
    uint64_t copies = 0;
    status = put_line(ndjson, node, err);
    if (status == STATUS_OK)
        status = line_copies(ndjson, node, &copies, err);
    json_decref(node);
    ndjson->skipped += status == STATUS_OK && ndjson->out.length > 0 && copies == 0;
    for (; status == STATUS_OK && ndjson->out.length > 0 && copies > 0; copies--)
        status = ndjson->sink(ndjson->context, ndjson->out.data, ndjson->out.length, err);
    return status;
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
    if (ndjson->failed == STATUS_OK && ndjson->taken == 0 && ndjson->names.length > 0)
        ndjson->failed = error_set_key(err, STATUS_REFUSED, "text_field",
                                       "no line has the field '%s'; the fields of the first are "
                                       "%.300s",
                                       ndjson->fields.text, ndjson->names.data);
    return ndjson->failed;
}
