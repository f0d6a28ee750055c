#include "embedding/import_words.h"

#include <inttypes.h>
#include <string.h>

#include "embedding/half.h"
#include "embedding/import_line.h"

void import_words_init(struct import_words *words, const struct import_target *target) {
    const struct grant grant = {.budget = target->bounds.budget, .kind = BUDGET_IMPORTS};
    *words = (struct import_words){.memory = {.grant = grant}};
}

enum status import_words_add(struct import_words *words, const char *word, size_t length,
                             struct error *err) {
    if (length > LONGEST_WORD)
        return error_set(err, STATUS_MALFORMED, "word %" PRIu64 " is longer than %d bytes",
                         words->n + 1, LONGEST_WORD);
    enum status status = import_append(&words->memory, &words->text, word, length, err);
    uint64_t end = words->text.length;
    if (status == STATUS_OK)
        status = import_append(&words->memory, &words->ends, &end, sizeof end, err);
    words->n++;
    return status;
}

enum status import_words_count(struct import_words *words, uint64_t count, struct error *err) {
    return import_append(&words->memory, &words->counts, &count, sizeof count, err);
}

const char *import_word(const struct import_words *words, uint64_t i, size_t *length) {
    uint64_t begin = 0, end;
    if (i > 0)
        memcpy(&begin, words->ends.data + (i - 1) * sizeof begin, sizeof begin);
    memcpy(&end, words->ends.data + i * sizeof end, sizeof end);
    *length = (size_t)(end - begin);
    return words->text.data + begin;
}

void import_words_clear(struct import_words *words) {
    buffer_clear(&words->text);
    buffer_clear(&words->ends);
    buffer_clear(&words->counts);
    grant_clear(&words->memory.grant);
    words->n = 0;
}

/* The count behind the last tab of a line. */
static bool count_parse(const char *at, const char *end, uint64_t *count) {
    *count = 0;
    if (at == end || end - at > 19)
        return false;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9')
            return false;
        *count = *count * 10 + (uint64_t)(*at - '0');
    }
    return true;
}

enum status import_words_read(struct import_words *words, const char *data, size_t length,
                              struct error *err) {
    const char *at = data, *end = data + length;
    bool counted = false;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const char *next = stop ? stop + 1 : end;
        stop = stop ? stop : end;
        if (stop > at && stop[-1] == '\r')
            stop--;
        const char *tab = memrchr(at, '\t', (size_t)(stop - at));
        uint64_t count;
        bool has = tab && count_parse(tab + 1, stop, &count);
        counted = words->n == 0 ? has : counted;
        if (counted && !has)
            return error_set(err, STATUS_MALFORMED,
                             "line %" PRIu64 " of the vocabulary has no count behind a tab, as the "
                             "first line has",
                             words->n + 1);
        status = import_words_add(words, at, (size_t)((counted ? tab : stop) - at), err);
        if (status == STATUS_OK && counted)
            status = import_words_count(words, count, err);
        at = next;
    }
    return status;
}

size_t matrix_type_size(enum matrix_type type) {
    switch (type) {
    case MATRIX_INT8:
        return 1;
    case MATRIX_FLOAT16:
    case MATRIX_BFLOAT16:
        return 2;
    case MATRIX_FLOAT32:
        return 4;
    case MATRIX_FLOAT64:
        break;
    }
    return 8;
}

static float value_at(const char *at, enum matrix_type type) {
    uint16_t half;
    uint32_t bits;
    float value;
    double wide;
    switch (type) {
    case MATRIX_INT8:
        return (float)(int8_t)*at;
    case MATRIX_FLOAT16:
        memcpy(&half, at, sizeof half);
        return half_to_float(half);
    case MATRIX_BFLOAT16:
        memcpy(&half, at, sizeof half);
        bits = (uint32_t)half << 16;
        memcpy(&value, &bits, sizeof value);
        return value;
    case MATRIX_FLOAT32:
        memcpy(&value, at, sizeof value);
        return value;
    case MATRIX_FLOAT64:
        break;
    }
    memcpy(&wide, at, sizeof wide);
    return (float)wide;
}

static void row_read(const struct import_matrix *matrix, uint64_t row, float *vector) {
    size_t size = matrix_type_size(matrix->type);
    const char *at = matrix->data + row * matrix->dim * size;
    float scale = 1;
    if (matrix->scales)
        memcpy(&scale, matrix->scales + row * sizeof scale, sizeof scale);
    for (uint64_t i = 0; i < matrix->dim; i++)
        vector[i] = value_at(at + i * size, matrix->type);
    for (uint64_t i = 0; matrix->scales && i < matrix->dim; i++)
        vector[i] *= scale;
}

enum status import_matrix_take(struct import_target *target, const struct import_matrix *matrix,
                               const struct import_words *words, const char *format,
                               struct error *err) {
    enum status status = import_shape(target, matrix->rows, matrix->dim, err);
    if (status == STATUS_OK && words->n != matrix->rows)
        status = error_set(err, STATUS_MALFORMED,
                           "there are %" PRIu64 " rows of numbers and %" PRIu64 " words",
                           matrix->rows, words->n);
    target->counted = words->counts.length > 0;
    for (uint64_t i = 0; status == STATUS_OK && i < matrix->rows && !target->enough; i++) {
        size_t length;
        const char *word = import_word(words, i, &length);
        float *vector;
        if (i % IMPORT_STEP == 0)
            status = stop_check(target->bounds.stop, "the import", err);
        if (status == STATUS_OK)
            status = import_rows_reserve(&target->rows, &vector, err);
        if (status != STATUS_OK)
            break;
        row_read(matrix, i, vector);
        if (target->counted)
            memcpy(&target->count, words->counts.data + i * sizeof target->count,
                   sizeof target->count);
        status = import_keep(target, word, length, vector, "row", i + 1, err);
    }
    if (status == STATUS_OK)
        import_tell(target, format, matrix->rows);
    return status;
}
