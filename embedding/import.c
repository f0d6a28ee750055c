#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/intake.h"
#include "base/utf8.h"
#include "embedding/import_line.h"
#include "embedding/import_readers.h"

/* Bounds on what a hostile file can make us hold. */
#define LONGEST_LINE ((size_t)4 << 20)
#define COLUMN_LOOKED_AT 4096
#define PART ((size_t)1 << 20) /* bytes decoded at a time */
/* Binary floats of so few bytes may all look like text by chance. */
#define FEW_VALUES 4

enum import_state { IMPORT_START, IMPORT_TEXT, IMPORT_BINARY };

struct import {
    enum import_state state;
    struct import_target *to;
    bool header;       /* a line "rows dim" came first */
    uint64_t promised; /* rows of the header */
    size_t dim;
    bool hasty;          /* nothing more comes to tell what the file is */
    bool over;           /* a row failed, or it is to stop: nothing more is taken */
    bool unended;        /* text: the last line has no end */
    uint64_t line;       /* text: number of the line last taken */
    uint64_t empty_line; /* text: number of the first empty line, 0 = none */
    bool breaks;         /* binary: a line break ends each row */
    struct buffer pending;
    size_t scanned;      /* bytes of pending known to hold no end of line */
    struct grant memory; /* of pending */
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
    if (import->dim == 0 || import->dim > IMPORT_MAX_DIM)
        return error_set(err, STATUS_REFUSED,
                         "line 1: the length of the vectors must be between 1 and %d, not %zu",
                         IMPORT_MAX_DIM, import->dim);
    return STATUS_OK;
}

/* A header that promises more than ever fits is refused before a row is read. */
static enum status promise_check(const struct import *import, struct error *err) {
    struct grant probe = {.budget = import->memory.budget, .kind = import->memory.kind};
    bool fewer = import->to->bounds.max_rows > 0 && import->to->bounds.max_rows < import->promised;
    uint64_t rows = fewer ? import->to->bounds.max_rows : import->promised;
    uint64_t bytes = import_rows_bytes(rows, 0, rows, import->dim);
    return bytes > budget_bound(probe.budget, probe.kind)
               ? grant_resize(&probe, bytes, "the import", err)
               : STATUS_OK;
}

/* Whether there are as many rows as the header promises. max_rows above that beats the header. */
static bool is_full(const struct import *import) {
    return import->header && import->to->info->import_rows == import->promised &&
           import->to->bounds.max_rows <= import->promised;
}

/* The header's number of words is not that of the rows. place: of the first row too many, or "". */
static enum status refuse_number(const struct import *import, bool more, const char *place,
                                 struct error *err) {
    char way_out[120] = "";
    uint64_t rows = import->to->info->import_rows, whole = rows - (rows > 0 && import->unended);
    if (whole > 0)
        snprintf(way_out, sizeof way_out, "; %smax_rows %" PRIu64 " takes the first %" PRIu64,
                 whole < rows ? "the last line has no end, " : "", whole, whole);
    if (more)
        return error_set_key(err, STATUS_MALFORMED, "max_rows",
                             "%sthe header promises %" PRIu64 " words, the file holds more%s",
                             place, import->promised, way_out);
    return error_set_key(err, STATUS_MALFORMED, "max_rows",
                         "the header promises %" PRIu64 " words, the file holds %" PRIu64 "%s",
                         import->promised, rows, way_out);
}

/* One line without its end. */
static enum status line_take(struct import *import, const char *line, size_t length,
                             struct error *err) {
    const char *word;
    float *vector;
    import->line++;
    length = line_trim(line, length);
    if (length == 0) { /* empty lines are fine at the end of the file only */
        import->empty_line = import->empty_line == 0 ? import->line : import->empty_line;
        return STATUS_OK;
    }
    if (import->empty_line != 0)
        return error_set(err, STATUS_MALFORMED, "line %" PRIu64 " is empty", import->empty_line);
    if (is_full(import)) {
        char place[40];
        snprintf(place, sizeof place, "line %" PRIu64 ": ", import->line);
        return refuse_number(import, true, place, err);
    }
    enum status status = import_rows_reserve(&import->to->rows, &vector, err);
    if (status == STATUS_OK)
        status =
            line_parse(line, line + length, import->dim, import->line, vector, &word, &length, err);
    if (status == STATUS_OK)
        status = import_keep(import->to, word, length, vector, "line", import->line, err);
    return status;
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
    while (status == STATUS_OK && at < length && !import->to->enough) {
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
        import->unended = !end;
        status = line_take(import, data + at, stop - at, err);
        import->scanned = 0;
        at = !end ? length : stop + 1;
    }
    if (status == STATUS_OK && length > 0)
        pending_drop(import, length);
    return status;
}

/* The length of the word at `at`, which ends at a space and may hold any other byte. *whole: the
 * space was found. */
static enum status word_scan(const struct import *import, size_t at, size_t *word, bool *whole,
                             struct error *err) {
    const char *begin = import->pending.data + at;
    size_t left = import->pending.length - at;
    const char *space = memchr(begin, ' ', left <= LONGEST_WORD ? left : LONGEST_WORD + 1);
    *whole = space != NULL;
    *word = space ? (size_t)(space - begin) : left;
    if (*word <= LONGEST_WORD)
        return STATUS_OK;
    return error_set(err, STATUS_MALFORMED, "word %" PRIu64 " is longer than %d bytes",
                     import->to->info->import_rows + 1, LONGEST_WORD);
}

/* Where the word of the next row begins. The byte behind the first row tells whether rows end with
 * a line break, as word2vec.c writes them; any other break belongs to a word. */
static size_t word_begin(struct import *import, size_t at) {
    bool is_break = at < import->pending.length && import->pending.data[at] == '\n';
    if (import->to->info->import_rows == 1 && is_break)
        import->breaks = true;
    return at + (is_break && import->breaks);
}

/* Behind the last row there may be line breaks, but nothing else. */
static enum status rest_check(const struct import *import, size_t at, struct error *err) {
    while (at < import->pending.length && import->pending.data[at] == '\n')
        at++;
    return at == import->pending.length ? STATUS_OK : refuse_number(import, true, "", err);
}

/* A word, a space, raw floats; perhaps a line break before the next word. */
static enum status binary_advance(struct import *import, bool last, struct error *err) {
    const char *data = import->pending.data;
    size_t at = 0, length = import->pending.length, row = import->dim * sizeof(float), word;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && at < length && !import->to->enough && !is_full(import)) {
        size_t begin = word_begin(import, at);
        bool whole;
        if (begin == length)
            break;
        status = word_scan(import, begin, &word, &whole, err);
        if (status != STATUS_OK)
            return status;
        if (!whole || length - begin - word < 1 + row) {
            if (!last)
                break;
            return error_set_key(err, STATUS_MALFORMED, "max_rows",
                                 "word %" PRIu64 " of %" PRIu64
                                 " is cut short; max_rows takes the first ones",
                                 import->to->info->import_rows + 1, import->promised);
        }
        float *vector;
        status = import_rows_reserve(&import->to->rows, &vector, err);
        if (status != STATUS_OK)
            return status;
        memcpy(vector, data + begin + word + 1, row);
        status = import_keep(import->to, data + begin, word, vector, "word",
                             import->to->info->import_rows + 1, err);
        at = begin + word + 1 + row;
    }
    if (status == STATUS_OK && is_full(import))
        status = rest_check(import, at, err);
    if (status == STATUS_OK && length > 0)
        pending_drop(import, is_full(import) ? length : at);
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
    *sure = stop || (size_t)(end - data) > LONGEST_WORD;
    if (!values)
        return true; /* text may hold tabs for spaces, and binary has one behind the first word */
    if (stop) {
        size_t numbers = line_values(data, data + line_trim(data, (size_t)(stop - data)));
        if (numbers >= dim || (stop < values && numbers > 0))
            return true; /* whatever the word holds */
    }
    values++;
    stop = memchr(values, '\n', (size_t)(end - values));
    while (values + n < end && n < row && values[n] != '\n') {
        unsigned char byte = (unsigned char)values[n++];
        if (byte >= 0x7f || (byte < ' ' && byte != '\t' && byte != '\r'))
            return false;
    }
    *sure = *sure && (n == row || values + n < end);
    if (n < row && values + n < end) {
        size_t left = (size_t)(end - values) < row ? (size_t)(end - values) : row;
        bool text = bytes_are_text(values + n, values + left);
        *sure = *sure && (left == row || !text);
        if (!text)
            return false;
    }
    if (!*sure || dim > FEW_VALUES)
        return true;
    if (!stop && (size_t)(end - values) < LONGEST_LINE)
        *sure = false;
    return (!stop && line_values(data, end) == dim) || n < row || values + n == end ||
           values[n] != '\n';
}

/* Behind a header: what the rows are. False: more bytes are needed to tell. */
static bool start_rows(struct import *import, const char *rows, const char *end, bool last) {
    bool sure = true, text = row_is_text(import->dim, rows, end, &sure);
    if (!sure && !last)
        return false;
    import->state = text ? IMPORT_TEXT : IMPORT_BINARY;
    return true;
}

/* Without a header the first lines tell how long the vectors are. */
static enum status start_headless(struct import *import, const char *data, const char *line_end,
                                  const char *end, struct error *err) {
    size_t dim = lines_dim(data, end);
    if (dim == 0 || dim > IMPORT_MAX_DIM)
        return line_explain(data, line_end, err);
    import->dim = dim;
    import->state = IMPORT_TEXT;
    return STATUS_OK;
}

/* Whether the rows that are in sight, two or more, are a whole number and one value each: then the
 * first line, of two whole numbers, is such a row and no header. */
static bool is_column(const char *rows, const char *end) {
    size_t n = 0, length;
    uint64_t ignored;
    end = end - rows > COLUMN_LOOKED_AT ? rows + COLUMN_LOOKED_AT : end;
    for (const char *stop; (stop = memchr(rows, '\n', (size_t)(end - rows))); n++) {
        const char *name = next_field(rows, stop, &length);
        if (!parse_count(name, length, &ignored) ||
            line_values(rows, rows + line_trim(rows, (size_t)(stop - rows))) != 1)
            return false;
        rows = stop + 1;
    }
    return n > 1;
}

/* Looks at the first line, and at those that follow, until it is clear what the file is. */
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
    if (!last && (!line_end || (import->pending.length < PART && !import->hasty)))
        return STATUS_OK;
    enum status status = STATUS_OK;
    const char *rows = !line_end ? end : line_end + 1;
    if (header_parse(import, data, length) &&
        ((import->dim == 1 && import->promised > 0) || !is_column(rows, end))) {
        status = header_check(import, err);
        if (status != STATUS_OK || !start_rows(import, rows, end, last || import->hasty))
            return status;
        import->header = true;
        import->line = 1;
        pending_drop(import, (size_t)(rows - data));
        import->to->rows.expected =
            import->to->bounds.max_rows > 0 ? import->to->bounds.max_rows : import->promised;
        status = promise_check(import, err);
        if (status != STATUS_OK)
            return status;
    } else {
        status = start_headless(import, data, data + line_trim(data, length), end, err);
    }
    import->to->rows.dim = import->dim;
    return status;
}

static enum status import_advance(struct import *import, bool last, struct error *err) {
    enum status status = STATUS_OK;
    if (import->state == IMPORT_START)
        status = start_advance(import, last, err);
    if (status == STATUS_OK && import->state == IMPORT_TEXT)
        status = text_advance(import, last, err);
    else if (status == STATUS_OK && import->state == IMPORT_BINARY)
        status = binary_advance(import, last, err);
    import->over = import->over || status != STATUS_OK;
    return status;
}

static enum status import_push(void *context, const char *bytes, size_t length, struct error *err) {
    struct import *import = context;
    if (import->to->enough) /* ends the decoding */
        return error_set(err, STATUS_CANCELLED, "the first rows are read");
    buffer_append(&import->pending, bytes, length);
    if (import->pending.failed) {
        import->over = true;
        return buffer_explain(&import->pending, "a line of the import", err);
    }
    return import_advance(import, false, err);
}

/* Whether all rows that were wanted are read. */
static enum status rows_check(struct import *import, struct error *err) {
    struct model_info *info = import->to->info;
    snprintf(info->import_format, sizeof info->import_format, "%s",
             import->state == IMPORT_BINARY ? "binary" : "text");
    if (import->header && !import->to->enough && info->import_rows != import->promised)
        return refuse_number(import, false, "", err);
    if (import->header && import->promised >= info->import_rows)
        info->import_skipped = (double)(import->promised - info->import_rows);
    else
        info->import_skipped = import->to->enough ? NAN : 0;
    return STATUS_OK;
}

/* Part by part, each counted and each a place to stop at. */
static enum status import_parts(struct import *import, struct intake *intake,
                                const struct file_map *map, struct error *err) {
    enum status status = STATUS_OK;
    for (size_t at = 0; status == STATUS_OK && at < map->length && !import->to->enough;
         at += PART) {
        status = stop_check(import->to->bounds.stop, "the import", err);
        import->over = import->over || status != STATUS_OK;
        if (status == STATUS_OK)
            status = intake_push(intake, map->data + at,
                                 map->length - at < PART ? map->length - at : PART, err);
    }
    return status;
}

static uint64_t grant_wanted(const struct grant *grant) {
    return grant->refused > grant->bytes ? grant->refused : grant->bytes;
}

/* An import that is refused for what it holds itself will never fit: no use to try again. */
static enum status refuse_for_good(const struct import *import, enum status status,
                                   struct error *err) {
    struct grant all = import->to->rows.memory;
    if (status != STATUS_NO_MEMORY || strcmp(err->key, "memory_budget") != 0)
        return status;
    all.refused = grant_wanted(&import->to->rows.memory) + grant_wanted(&import->memory);
    error_clear(err);
    return grant_explain(&all, "the import", err);
}

static enum status import_stream(struct import *import, const struct file_map *map,
                                 struct error *err) {
    struct import_target *to = import->to;
    struct intake *intake = NULL;
    const struct intake_options options = {.subject = "vector file",
                                           .use = FILE_AS_VECTORS,
                                           .max_invalid = FILE_INVALID_SHARE,
                                           .limits = to->bounds.decode};
    enum status status = intake_create(&intake, &options, import_push, import, err);
    if (status == STATUS_OK)
        status = import_parts(import, intake, map, err);
    if (status == STATUS_OK && !to->enough)
        status = intake_finish(intake, err);
    if (status == STATUS_OK && !to->enough)
        status = import_advance(import, true, err);
    if (status != STATUS_OK && to->bounds.max_rows > 0 && !import->over) {
        /* what was decoded may hold them */
        struct error ignored = {0};
        import->hasty = true;
        if (intake_release(intake, &ignored) == STATUS_OK)
            status_ignore(import_advance(import, false, &ignored));
    }
    intake_free(intake);
    if (to->enough) { /* what stands behind the first rows may be damaged */
        error_clear(err);
        status = STATUS_OK;
    }
    return status == STATUS_OK ? rows_check(import, err) : refuse_for_good(import, status, err);
}

enum status import_lines(struct import_target *target, const struct file_map *map,
                         struct error *err) {
    struct import import = {
        .to = target,
        .memory = {.budget = target->bounds.budget, .kind = BUDGET_IMPORTS},
    };
    import.pending.grant = &import.memory;
    enum status status = import_stream(&import, map, err);
    target->headless = !import.header;
    buffer_clear(&import.pending);
    grant_clear(&import.memory);
    return status;
}
