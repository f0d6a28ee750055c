/* The metadata section: lines that a person can read with `strings`, and that a program reads
 * strictly. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "embedding/model_file.h"

#define NUMBER_TEXT_SIZE 40

enum field_type { FIELD_TEXT, FIELD_REAL, FIELD_COUNT };

struct field {
    const char *name;
    enum field_type type;
    size_t offset, size;
};

#define FIELD(type, name)                                       \
    {                                                           \
#name, FIELD_##type, offsetof(struct model_info, name), \
            sizeof(((struct model_info *)0)->name)              \
    }
static const struct field fields[] = {
    FIELD(TEXT, name),
    FIELD(TEXT, corpus_digest),
    FIELD(TEXT, kernel),
    FIELD(TEXT, program),
    FIELD(REAL, created),
    FIELD(REAL, train_seconds),
    FIELD(REAL, words_per_second),
    FIELD(REAL, loss),
    FIELD(COUNT, words_trained),
    FIELD(COUNT, steps),
    FIELD(COUNT, corpus_words),
    FIELD(COUNT, corpus_bytes),
    FIELD(REAL, default_max_norm),
    FIELD(REAL, sample_share),
    FIELD(COUNT, examples),
    FIELD(TEXT, chosen),
    FIELD(TEXT, import_format),
    FIELD(TEXT, import_named),
    FIELD(COUNT, import_rows),
    FIELD(COUNT, import_duplicates),
    FIELD(COUNT, import_unnamed),
    FIELD(COUNT, import_spaced),
    FIELD(COUNT, import_invalid),
    FIELD(REAL, import_skipped),
    FIELD(REAL, avg_loss),
    FIELD(REAL, total_loss),
    FIELD(REAL, holdout_loss),
    FIELD(REAL, score),
    FIELD(TEXT, score_set),
    FIELD(TEXT, stopped),
    FIELD(COUNT, best_epoch),
    FIELD(COUNT, best_step),
    FIELD(COUNT, import_labels),
    FIELD(COUNT, import_buckets),
    FIELD(COUNT, pairs_used),
    FIELD(COUNT, pairs_left_out),
    FIELD(COUNT, pairs_trained),
    FIELD(TEXT, choices),
};
#undef FIELD
#define N_FIELDS (sizeof fields / sizeof fields[0])
#define N_FIRST_FIELDS 13  /* what files of the first programs hold: all up to default_max_norm */
#define N_SECOND_FIELDS 24 /* of the next ones: all up to import_skipped */
#define N_THIRD_FIELDS 32  /* of those after them: all up to best_step */
#define N_FOURTH_FIELDS 34 /* and after them: all up to import_buckets */

/* A value is one line: line ends and the escape itself are escaped, every other byte stands as it
 * is. */
static void text_write(struct buffer *out, const char *value, size_t max) {
    for (size_t i = 0; i < max && value[i]; i++)
        if (value[i] == '\\')
            buffer_append_text(out, "\\\\");
        else if (value[i] == '\n')
            buffer_append_text(out, "\\n");
        else
            buffer_append_char(out, value[i]);
}

void metadata_write(const struct model_info *info, struct buffer *text) {
    for (size_t i = 0; i < N_FIELDS; i++) {
        const char *value = (const char *)info + fields[i].offset;
        double real;
        uint64_t count;

        buffer_print(text, "%s = ", fields[i].name);
        switch (fields[i].type) {
        case FIELD_TEXT:
            text_write(text, value, fields[i].size);
            break;
        case FIELD_REAL:
            memcpy(&real, value, sizeof real);
            if (isfinite(real))
                buffer_print(text, "%.17g", real);
            else
                buffer_append_text(text, "nan"); /* not known, such as the loss of an import */
            break;
        case FIELD_COUNT:
            memcpy(&count, value, sizeof count);
            buffer_print(text, "%" PRIu64, count);
            break;
        }
        buffer_append_char(text, '\n');
    }
}

static bool text_read(char *value, size_t size, const char *text, size_t length) {
    size_t written = 0;

    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (c == '\\') {
            if (++i == length || (text[i] != '\\' && text[i] != 'n'))
                return false;
            c = text[i] == 'n' ? '\n' : '\\';
        }
        if (c == '\0' || written + 1 == size)
            return false;
        value[written++] = c;
    }
    value[written] = '\0';
    return true;
}

static bool count_read(uint64_t *count, const char *text, size_t length) {
    *count = 0;
    for (size_t i = 0; i < length; i++)
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(*count, UINT64_C(10), count) ||
            __builtin_add_overflow(*count, (uint64_t)(text[i] - '0'), count))
            return false;
    return length > 0;
}

static bool real_read(double *real, const char *text, size_t length) {
    char number[NUMBER_TEXT_SIZE];

    if (length == 3 && memcmp(text, "nan", 3) == 0) {
        *real = NAN;
        return true;
    }
    if (length >= sizeof number || memchr(text, '\0', length))
        return false;
    memcpy(number, text, length);
    number[length] = '\0';
    return number_parse_real(number, real);
}

static bool field_read(const struct field *field, struct model_info *info, const char *text,
                       size_t length) {
    char *value = (char *)info + field->offset;
    double real;
    uint64_t count;

    switch (field->type) {
    case FIELD_TEXT:
        return text_read(value, field->size, text, length);
    case FIELD_REAL:
        if (!real_read(&real, text, length))
            return false;
        memcpy(value, &real, sizeof real);
        return true;
    case FIELD_COUNT:
        break;
    }
    if (!count_read(&count, text, length))
        return false;
    memcpy(value, &count, sizeof count);
    return true;
}

/* Whether files of an earlier program end before the field. */
static bool may_end(size_t field) {
    return field == N_FIRST_FIELDS || field == N_SECOND_FIELDS || field == N_THIRD_FIELDS ||
           field == N_FOURTH_FIELDS;
}

enum status metadata_read(struct model_info *info, const char *text, size_t length,
                          struct error *err) {
    const char *end = text + length;

    for (size_t i = N_FIRST_FIELDS; i < N_FIELDS; i++)
        memset((char *)info + fields[i].offset, 0, fields[i].size);
    info->sample_share = info->avg_loss = info->total_loss = info->holdout_loss = info->score = NAN;
    for (size_t i = 0; i < N_FIELDS && (!may_end(i) || text != end); i++) {
        const char *line_end = text < end ? memchr(text, '\n', (size_t)(end - text)) : NULL;
        size_t name_length = strlen(fields[i].name);

        if (!line_end)
            return error_set(err, STATUS_MALFORMED, "line %zu ('%s') is missing", i + 1,
                             fields[i].name);
        if ((size_t)(line_end - text) < name_length + 3 ||
            memcmp(text, fields[i].name, name_length) != 0 ||
            memcmp(text + name_length, " = ", 3) != 0)
            return error_set(err, STATUS_MALFORMED, "line %zu is not '%s = ...'", i + 1,
                             fields[i].name);
        text += name_length + 3;
        if (!field_read(&fields[i], info, text, (size_t)(line_end - text)))
            return error_set(err, STATUS_MALFORMED, "line %zu: the value of '%s' cannot be read",
                             i + 1, fields[i].name);
        text = line_end + 1;
    }
    if (text != end)
        return error_set(err, STATUS_MALFORMED, "%zu bytes stand behind the last line",
                         (size_t)(end - text));
    if (!(info->default_max_norm >= 0))
        return error_set(err, STATUS_MALFORMED, "'default_max_norm' must be at least 0");
    return STATUS_OK;
}
