#include "embedding/import_line.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "embedding/vocabulary.h"

#define LINES_LOOKED_AT 100 /* to guess the dim of a file without header */

static bool byte_separates(char c) {
    return c == ' ' || c == '\t';
}

static bool byte_is_digit(char c) {
    return c >= '0' && c <= '9';
}

size_t line_trim(const char *line, size_t length) {
    while (length > 0 && (byte_separates(line[length - 1]) || line[length - 1] == '\r'))
        length--;
    return length;
}

/* Takes the next field off [at, end); its length is 0 at the end. */
static const char *next_field(const char *at, const char *end, size_t *length) {
    while (at < end && byte_separates(*at))
        at++;
    const char *stop = at;
    while (stop < end && !byte_separates(*stop))
        stop++;
    *length = (size_t)(stop - at);
    return at;
}

/* The field that ends the line; NULL when there is none. */
static const char *last_field(const char *line, const char *end, size_t *length) {
    while (end > line && byte_separates(end[-1]))
        end--;
    const char *at = end;
    while (at > line && !byte_separates(at[-1]))
        at--;
    *length = (size_t)(end - at);
    return at == end ? NULL : at;
}

static bool field_is_number(const char *field, size_t length, float *value) {
    return !(*field >= '\t' && *field <= '\r') && /* which the parser would pass over */
           number_parse_float(field, field + length, value) == field + length;
}

static size_t fields_count(const char *line, const char *end) {
    size_t n = 0, length;
    const char *at = next_field(line, end, &length);
    for (; length > 0; n++)
        at = next_field(at + length, end, &length);
    return n;
}

size_t line_values(const char *line, const char *end) {
    size_t n = 0, length, before;
    float value;
    const char *at = last_field(line, end, &length);
    while (at) {
        const char *next = last_field(line, at, &before);
        if (!next || !field_is_number(at, length, &value) || !isfinite(value))
            return n;
        at = next;
        length = before;
        n++;
    }
    return n;
}

size_t lines_dim(const char *data, const char *end) {
    struct {
        size_t values, lines;
    } seen[LINES_LOOKED_AT];
    size_t n = 0, best = 0;
    for (int i = 0; i < LINES_LOOKED_AT && data < end; i++) {
        const char *line_end = memchr(data, '\n', (size_t)(end - data));
        const char *stop = !line_end ? end : line_end;
        if (!line_end && n > 0)
            break; /* it may be cut short */
        size_t values = line_values(data, data + line_trim(data, (size_t)(stop - data))), at = 0;
        data = !line_end ? end : line_end + 1;
        if (values == 0)
            continue;
        while (at < n && seen[at].values != values)
            at++;
        if (at == n) {
            seen[n].values = values;
            seen[n++].lines = 0;
        }
        seen[at].lines++;
    }
    for (size_t i = 1; i < n; i++)
        best = seen[i].lines > seen[best].lines ? i : best;
    return n == 0 ? 0 : seen[best].values;
}

/* Digits, one comma, digits: a number as half of the world writes it. */
static bool has_decimal_comma(const char *field, size_t length) {
    size_t digits = 0, commas = 0;
    for (size_t i = 0; i < length; i++) {
        commas += field[i] == ',';
        digits += byte_is_digit(field[i]);
        if (!byte_is_digit(field[i]) && !strchr(",+-eE", field[i]))
            return false;
    }
    return commas == 1 && digits >= 2;
}

static enum status refuse_value(const char *field, size_t length, uint64_t number, size_t place,
                                struct error *err) {
    char quoted[WORD_QUOTE_SIZE];
    word_quote(field, length, quoted);
    return error_set(err, STATUS_MALFORMED, "line %" PRIu64 ": value %zu, '%s', is not a number%s",
                     number, place, quoted,
                     has_decimal_comma(field, length) ? ": decimals have a point, not a comma"
                                                      : "");
}

enum status line_explain(const char *line, const char *end, struct error *err) {
    static const char text[] = "line 1 is neither 'rows dim' nor a word and its values";
    size_t fields = fields_count(line, end), length;
    const char *last = last_field(line, end, &length);
    if (fields > 1 && has_decimal_comma(last, length))
        return refuse_value(last, length, 1, fields - 1, err);
    if (fields == 1 &&
        (memchr(line, ',', (size_t)(end - line)) || memchr(line, ';', (size_t)(end - line))))
        return error_set(err, STATUS_MALFORMED, "%s: spaces or tabs stand between these", text);
    return error_set(err, STATUS_MALFORMED, "%s", text);
}

/* Reads up to `dim` numbers of [at, end); returns how many there are, and the first field that is
 * none, or one too many. */
static size_t values_parse(const char *at, const char *end, float *vector, size_t dim,
                           const char **rest) {
    for (size_t n = 0;; n++) {
        size_t length;
        at = next_field(at, end, &length);
        *rest = length == 0 ? NULL : at;
        if (length == 0 || n == dim || !field_is_number(at, length, &vector[n]))
            return n;
        at += length;
    }
}

static bool all_digits(const char *field, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (!byte_is_digit(field[i]))
            return false;
    return true;
}

/* Whether a part of a word is written as a value: a number with a point, a sign or an exponent, or
 * of digits only where the values are so, too. */
static bool field_is_value(const char *field, size_t length, bool whole) {
    float ignored;
    return (whole || !all_digits(field, length)) &&
           (byte_is_digit(*field) || (*field != '\0' && strchr("+-.", *field))) &&
           field_is_number(field, length, &ignored);
}

/* Whether [line, stop) reads like a row that is too long, not like a word with spaces: it ends in
 * something that is written as the values in [values, end) are, or holds several. */
static bool word_holds_values(const char *line, const char *stop, const char *values,
                              const char *end) {
    bool whole = true, last = false;
    size_t n = 0, length;
    for (const char *at = next_field(values, end, &length); whole && length > 0;) {
        whole = all_digits(at, length) || (*at == '-' && all_digits(at + 1, length - 1));
        at = next_field(at + length, end, &length);
    }
    const char *at = next_field(line, stop, &length);
    for (at = next_field(at + length, stop, &length); length > 0;) {
        last = field_is_value(at, length, whole);
        n += last;
        at = next_field(at + length, stop, &length);
    }
    return last || n > 1;
}

/* Any line: counts its fields first. */
static enum status line_parse_slowly(const char *line, const char *end, size_t dim, uint64_t number,
                                     float *vector, const char **word, size_t *length,
                                     struct error *err) {
    bool indented = byte_separates(*line);
    size_t fields = fields_count(line, end), field;
    if (fields + indented < dim + 1)
        return error_set(err, STATUS_MALFORMED, "line %" PRIu64 ": %zu values, not %zu", number,
                         fields + indented - 1, dim);
    const char *at = next_field(line, end, &field), *bad;
    for (size_t i = dim; i < fields; i++)
        at = next_field(at + field, end, &field);
    size_t n = values_parse(at, end, vector, dim, &bad);
    if (n < dim) {
        bad = next_field(bad ? bad : end, end, &field);
        return refuse_value(bad, field, number, n + 1, err);
    }
    const char *stop = at - 1, *inner = stop;
    while (inner > line && byte_separates(inner[-1]))
        inner--;
    *word = line;
    *length = (size_t)((inner > line ? inner : stop) - line);
    if (word_holds_values(line, line + *length, at, end)) {
        char quoted[WORD_QUOTE_SIZE];
        word_quote(line, *length, quoted);
        return error_set(err, STATUS_MALFORMED,
                         "line %" PRIu64 ": %zu values, not %zu; if '%s' is a word, vectors.bin "
                         "can hold it",
                         number, fields - 1, dim, quoted);
    }
    return STATUS_OK;
}

enum status line_parse(const char *line, const char *end, size_t dim, uint64_t number,
                       float *vector, const char **word, size_t *length, struct error *err) {
    enum status status = STATUS_OK;
    const char *rest = NULL;
    *word = next_field(line, end, length);
    if (*word != line || values_parse(line + *length, end, vector, dim, &rest) < dim || rest)
        status = line_parse_slowly(line, end, dim, number, vector, word, length, err);
    if (status == STATUS_OK && *length > LONGEST_WORD)
        status = error_set(err, STATUS_MALFORMED, "line %" PRIu64 ": a word of more than %d bytes",
                           number, LONGEST_WORD);
    return status;
}

bool word_is_real(const char *word, size_t length) {
    return length > 0 && field_is_value(word, length, false);
}
