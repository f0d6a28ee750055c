#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decode.h"
#include "base/file.h"
#include "base/machine.h"
#include "base/number.h"
#include "base/utf8.h"
#include "embedding/import_rows.h"
#include "embedding/vocabulary.h"

/* Bounds on what a hostile file can make us hold. */
#define MAX_DIM 65536
#define LONGEST_WORD 65536
#define LONGEST_LINE ((size_t)4 << 20)
#define PART ((size_t)1 << 20) /* bytes decoded at a time */
/* Binary floats of so few bytes may all look like text by chance. */
#define FEW_VALUES 4

enum import_state { IMPORT_START, IMPORT_TEXT, IMPORT_BINARY };

struct import {
    enum import_state state;
    const struct kernel *kernel;
    bool header;       /* a line "rows dim" came first */
    uint64_t promised; /* rows of the header */
    size_t dim;
    uint64_t line;       /* text: number of the line last taken */
    uint64_t empty_line; /* text: number of the first empty line, 0 = none */
    struct buffer pending;
    size_t scanned; /* bytes of pending known to hold no end of line */
    struct import_rows rows;
};

static bool byte_is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Digits only, at most 19 of them. */
static bool parse_count(const char *text, size_t length, uint64_t *value) {
    *value = 0;
    if (length == 0 || length > 19)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *value = *value * 10 + (uint64_t)(text[i] - '0');
    }
    return true;
}

/* Takes the next field off [at, end); its length is 0 at the end. */
static const char *next_field(const char *at, const char *end, size_t *length) {
    while (at < end && byte_is_blank(*at))
        at++;
    const char *stop = at;
    while (stop < end && !byte_is_blank(*stop))
        stop++;
    *length = (size_t)(stop - at);
    return at;
}

/* "rows dim" and nothing else. */
static bool header_parse(struct import *import, const char *line, size_t length) {
    uint64_t values[2];
    const char *at = line, *end = line + length;
    for (int i = 0; i < 2; i++) {
        size_t field;
        at = next_field(at, end, &field);
        if (!parse_count(at, field, &values[i]))
            return false;
        at += field;
    }
    size_t more;
    next_field(at, end, &more);
    import->promised = values[0];
    import->dim = (size_t)values[1];
    return more == 0;
}

static enum status header_check(const struct import *import, struct error *err) {
    if (import->promised == 0 || import->promised >= WORD_NONE)
        return error_set(err, STATUS_REFUSED,
                         "line 1: the number of words must be between 1 and %" PRIu32
                         ", not %" PRIu64,
                         WORD_NONE - 1, import->promised);
    if (import->dim == 0 || import->dim > MAX_DIM)
        return error_set(err, STATUS_REFUSED,
                         "line 1: the length of the vectors must be between 1 and %d, not %zu",
                         MAX_DIM, import->dim);
    return STATUS_OK;
}

/* Reads `dim` numbers that fill [at, end); returns how many there are (dim + 1: more), and the
 * first bad field. */
static size_t values_parse(const char *at, const char *end, float *vector, size_t dim,
                           const char **bad) {
    *bad = NULL;
    for (size_t n = 0;; n++) {
        size_t length;
        float ignored;
        at = next_field(at, end, &length);
        if (length == 0 || n > dim)
            return n;
        const char *stop = number_parse_float(at, at + length, n < dim ? &vector[n] : &ignored);
        if (stop != at + length) {
            *bad = at;
            return n;
        }
        at = stop;
    }
}

/* Every vector passes here: its values are checked and its word is kept. */
static enum status row_keep(struct import *import, const char *word, size_t length,
                            const float *vector, const char *unit, uint64_t number,
                            struct error *err) {
    size_t bad = import->kernel->first_nonfinite(vector, import->dim);
    if (bad < import->dim) {
        char quoted[WORD_QUOTE_SIZE];
        word_quote(word, length, quoted);
        return error_set(err, STATUS_REFUSED,
                         "%s %" PRIu64 ": value %zu of word '%s' is not finite", unit, number,
                         bad + 1, quoted);
    }
    return import_rows_add(&import->rows, word, length, err);
}

static enum status row_text(struct import *import, const char *line, const char *end,
                            struct error *err) {
    size_t length;
    const char *bad;
    float *vector;
    char quoted[WORD_QUOTE_SIZE];
    const char *word = next_field(line, end, &length);
    if (word != line)
        return error_set(err, STATUS_MALFORMED,
                         "line %" PRIu64 " begins with white space: the word is missing",
                         import->line);
    if (length > LONGEST_WORD)
        return error_set(err, STATUS_MALFORMED, "line %" PRIu64 ": a word of more than %d bytes",
                         import->line, LONGEST_WORD);
    enum status status = import_rows_reserve(&import->rows, &vector, err);
    if (status != STATUS_OK)
        return status;
    size_t n = values_parse(word + length, end, vector, import->dim, &bad);
    if (bad) {
        size_t field;
        bad = next_field(bad, end, &field);
        word_quote(bad, field, quoted);
        return error_set(err, STATUS_MALFORMED,
                         "line %" PRIu64 ": value %zu, '%s', is not a number", import->line, n + 1,
                         quoted);
    }
    if (n != import->dim)
        return error_set(err, STATUS_MALFORMED, "line %" PRIu64 ": %s%zu values, not %zu",
                         import->line, n > import->dim ? "at least " : "", n, import->dim);
    return row_keep(import, word, length, vector, "line", import->line, err);
}

/* One line without its end. */
static enum status line_take(struct import *import, const char *line, size_t length,
                             struct error *err) {
    import->line++;
    while (length > 0 && byte_is_blank(line[length - 1]))
        length--;
    if (length == 0) { /* empty lines are fine at the end of the file only */
        import->empty_line = import->empty_line == 0 ? import->line : import->empty_line;
        return STATUS_OK;
    }
    if (import->empty_line != 0)
        return error_set(err, STATUS_MALFORMED, "line %" PRIu64 " is empty", import->empty_line);
    if (import->header && import->rows.n == import->promised)
        return error_set(err, STATUS_MALFORMED,
                         "line %" PRIu64 ": more words than the %" PRIu64 " of the header",
                         import->line, import->promised);
    return row_text(import, line, line + length, err);
}

static void pending_drop(struct import *import, size_t taken) {
    memmove(import->pending.data, import->pending.data + taken, import->pending.length - taken);
    import->pending.length -= taken;
    import->scanned = 0;
}

static enum status text_advance(struct import *import, bool last, struct error *err) {
    const char *data = import->pending.data;
    size_t at = 0, length = import->pending.length;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && at < length) {
        size_t from = at + import->scanned;
        const char *end = memchr(data + from, '\n', length - from);
        size_t stop = !end ? length : (size_t)(end - data);
        if (stop - at > LONGEST_LINE)
            return error_set(err, STATUS_MALFORMED, "line %" PRIu64 " is longer than %zu bytes",
                             import->line + 1, LONGEST_LINE);
        if (!end && !last) {
            pending_drop(import, at);
            import->scanned = length - at;
            return STATUS_OK;
        }
        status = line_take(import, data + at, stop - at, err);
        import->scanned = 0;
        at = !end ? length : stop + 1;
    }
    if (status == STATUS_OK && length > 0)
        pending_drop(import, length);
    return status;
}

/* A word, a space, raw floats; perhaps a line break before the next word. */
static enum status binary_advance(struct import *import, bool last, struct error *err) {
    const char *data = import->pending.data;
    size_t at = 0, length = import->pending.length, row = import->dim * sizeof(float);
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        uint64_t number = import->rows.n + (uint64_t)1;
        while (at < length && data[at] == '\n')
            at++;
        if (at == length)
            break;
        if (number > import->promised)
            return error_set(err, STATUS_MALFORMED,
                             "bytes behind the %" PRIu64 " words of the header", import->promised);
        size_t word = 0;
        while (at + word < length && word <= LONGEST_WORD && !byte_is_blank(data[at + word]))
            word++;
        if (word > LONGEST_WORD)
            return error_set(err, STATUS_MALFORMED, "word %" PRIu64 " is longer than %d bytes",
                             number, LONGEST_WORD);
        if (at + word < length && (data[at + word] != ' ' || word == 0))
            return error_set(err, STATUS_MALFORMED, "word %" PRIu64 " %s", number,
                             word == 0 ? "is missing" : "holds white space");
        if (length - at < word + 1 + row) {
            if (!last)
                break;
            return error_set(err, STATUS_MALFORMED, "word %" PRIu64 " of %" PRIu64 " is cut short",
                             number, import->promised);
        }
        float *vector;
        status = import_rows_reserve(&import->rows, &vector, err);
        if (status != STATUS_OK)
            return status;
        memcpy(vector, data + at + word + 1, row);
        status = row_keep(import, data + at, word, vector, "word", number, err);
        at += word + 1 + row;
    }
    if (status == STATUS_OK && length > 0)
        pending_drop(import, at);
    return status;
}

/* Whether [at, end) could stand in a text file: no control characters, and UTF-8. A float may hold
 * the byte of a line break, so what follows the break tells, too. */
static bool bytes_are_text(const char *at, const char *end) {
    while (at < end) {
        uint32_t code_point;
        size_t skip, length = utf8_decode(at, end, &code_point, &skip);
        if (length == 0 && end - at >= 4)
            return false;
        if (length == 1 && code_point < ' ' && code_point != '\t' && code_point != '\r' &&
            code_point != '\n')
            return false;
        at += length ? length : 1;
    }
    return true;
}

/* Whether the row at [data, end) behind a header is text. *sure is false when more bytes are needed
 * to tell. */
static bool row_is_text(size_t dim, const char *data, const char *end, bool *sure) {
    const char *values = memchr(data, ' ', (size_t)(end - data));
    const char *stop = memchr(data, '\n', (size_t)(end - data));
    size_t row = dim * sizeof(float), n = 0;
    *sure = true;
    if (!values || (stop && stop < values)) {
        /* Text may hold tabs for spaces, and binary has a space behind the first word. */
        *sure = stop || (size_t)(end - data) > LONGEST_WORD;
        return true;
    }
    values++;
    while (values + n < end && n < row && values[n] != '\n') {
        unsigned char byte = (unsigned char)values[n++];
        if (byte >= 0x7f || (byte < ' ' && byte != '\t' && byte != '\r'))
            return false;
    }
    *sure = n == row || values + n < end;
    if (n < row && values + n < end) {
        size_t left = (size_t)(end - values) < row ? (size_t)(end - values) : row;
        *sure = left == row || !bytes_are_text(values + n, values + left);
        if (!bytes_are_text(values + n, values + left))
            return false;
    }
    if (!*sure || dim > FEW_VALUES)
        return true;
    float vector[FEW_VALUES];
    const char *bad;
    if (!stop && (size_t)(end - values) < LONGEST_LINE)
        *sure = false;
    size_t found = values_parse(values, !stop ? end : stop, vector, dim, &bad);
    return (!bad && found == dim) || n < row || values + n == end || values[n] != '\n';
}

/* Looks at the first line, and behind a header at the row that follows, until it is clear what the
 * file is. */
static enum status start_advance(struct import *import, bool last, struct error *err) {
    if (import->pending.length >= 3 && memcmp(import->pending.data, "\xef\xbb\xbf", 3) == 0)
        pending_drop(import, 3); /* a byte order mark */
    if (import->pending.length == 0)
        return last ? error_set(err, STATUS_MALFORMED, "the file is empty") : STATUS_OK;
    const char *data = import->pending.data, *end = data + import->pending.length;
    const char *line_end = memchr(data, '\n', import->pending.length);
    size_t length = !line_end ? import->pending.length : (size_t)(line_end - data);
    if (length > LONGEST_LINE)
        return error_set(err, STATUS_MALFORMED, "line 1 is longer than %zu bytes", LONGEST_LINE);
    if (!line_end && !last)
        return STATUS_OK;
    if (header_parse(import, data, length)) {
        enum status status = header_check(import, err);
        bool sure = true, text = true;
        if (status != STATUS_OK)
            return status;
        if (line_end)
            text = row_is_text(import->dim, line_end + 1, end, &sure);
        if (!sure && !last)
            return STATUS_OK;
        import->header = true;
        import->line = 1;
        import->state = text ? IMPORT_TEXT : IMPORT_BINARY;
        pending_drop(import, !line_end ? length : length + 1);
    } else {
        size_t fields = 0, field;
        for (const char *at = next_field(data, data + length, &field); field > 0; fields++)
            at = next_field(at + field, data + length, &field);
        if (fields < 2 || fields - 1 > MAX_DIM)
            return error_set(err, STATUS_MALFORMED,
                             "line 1 is neither 'rows dim' nor a word and its values");
        import->dim = fields - 1;
        import->state = IMPORT_TEXT;
    }
    import->rows.dim = import->dim;
    return STATUS_OK;
}

static enum status import_advance(struct import *import, bool last, struct error *err) {
    enum status status = STATUS_OK;
    if (import->state == IMPORT_START)
        status = start_advance(import, last, err);
    if (status != STATUS_OK || import->state == IMPORT_START)
        return status;
    return import->state == IMPORT_TEXT ? text_advance(import, last, err)
                                        : binary_advance(import, last, err);
}

static enum status import_push(void *context, const char *bytes, size_t length, struct error *err) {
    struct import *import = context;
    buffer_append(&import->pending, bytes, length);
    if (import->pending.failed)
        return error_set(err, STATUS_NO_MEMORY, "not enough memory for a line of %zu bytes",
                         import->pending.length);
    return import_advance(import, false, err);
}

static enum status import_stream(struct import *import, const char *path, uint64_t limit,
                                 struct error *err) {
    struct file_map map;
    struct decoder *decoder = NULL;
    enum status status = file_map_open(&map, path, err);
    if (status != STATUS_OK)
        return status;
    status = decoder_create(&decoder, encoding_detect(map.data, map.length), limit, import_push,
                            import, err);
    for (size_t at = 0; status == STATUS_OK && at < map.length; at += PART)
        status = decoder_push(decoder, map.data + at,
                              map.length - at < PART ? map.length - at : PART, err);
    if (status == STATUS_OK)
        status = decoder_finish(decoder, err);
    if (status == STATUS_OK)
        status = import_advance(import, true, err);
    decoder_free(decoder);
    file_map_close(&map);
    if (status == STATUS_OK && import->header && import->rows.n != import->promised)
        status = error_set(err, STATUS_MALFORMED,
                           "the header promises %" PRIu64 " words, the file holds %" PRIu32,
                           import->promised, import->rows.n);
    return status;
}

enum status import_read(struct model **model, const char *path, const char *name, uint64_t limit,
                        const struct kernel *kernel, struct error *err) {
    struct import import = {.kernel = kernel};
    struct vocabulary *vocabulary = NULL;
    struct table *table = NULL;
    struct model_info *info = calloc(1, sizeof *info);
    enum status status = STATUS_OK;
    *model = NULL;
    if (!info)
        status = error_set(err, STATUS_NO_MEMORY, "not enough memory to import '%s'", path);
    if (status == STATUS_OK)
        status = import_stream(&import, path, limit, err);
    if (status == STATUS_OK && import.state == IMPORT_BINARY)
        status = import_rows_check(&import.rows, "word", 1, err);
    else if (status == STATUS_OK)
        status = import_rows_check(&import.rows, "line", import.header ? 2 : 1, err);
    if (status == STATUS_OK)
        status = import_rows_finish(&import.rows, &vocabulary, &table, err);
    buffer_clear(&import.pending);
    import_rows_clear(&import.rows);
    if (status != STATUS_OK)
        goto fail;
    snprintf(info->name, sizeof info->name, "%s", name);
    snprintf(info->kernel, sizeof info->kernel, "%s", kernel->name);
    snprintf(info->program, sizeof info->program, "vecmill %s", VECMILL_VERSION);
    info->created = machine_wall_seconds();
    status = model_create(model, vocabulary, table, NULL, info, kernel, err);
    free(info);
    return status;
fail:
    vocabulary_free(vocabulary);
    table_free(table);
    free(info);
    return status;
}
