/* NumPy's .npy: magic, version, length of a header, a Python dictionary of three members, the
 * numbers. */
#include <inttypes.h>
#include <string.h>

#include "embedding/import_words.h"

#define MAGIC_BYTES 8
#define HEADER_MAX 65536
#define NAME_SIZE 16

struct npy_text {
    const char *at, *end;
};

static enum status bad_header(const char *what, struct error *err) {
    return error_set(err, STATUS_MALFORMED, "the .npy file's header %s", what);
}

/* What stands behind 'key': in the dictionary. */
static bool value_find(const char *header, size_t length, const char *key, struct npy_text *text) {
    size_t n = strlen(key);
    for (size_t i = 0; i + n + 3 <= length; i++) {
        char quote = header[i];
        if ((quote != '\'' && quote != '"') || memcmp(header + i + 1, key, n) != 0 ||
            header[i + 1 + n] != quote)
            continue;
        *text = (struct npy_text){header + i + n + 2, header + length};
        while (text->at < text->end && (*text->at == ' ' || *text->at == ':'))
            text->at++;
        return true;
    }
    return false;
}

static bool number_take(struct npy_text *text, uint64_t *value) {
    size_t digits = 0;
    *value = 0;
    while (text->at < text->end && (*text->at == ' ' || *text->at == '(' || *text->at == ','))
        text->at++;
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++, digits++)
        if (__builtin_mul_overflow(*value, UINT64_C(10), value) ||
            __builtin_add_overflow(*value, (uint64_t)(*text->at - '0'), value))
            return false;
    return digits > 0;
}

static enum status type_parse(struct npy_text text, enum matrix_type *type, struct error *err) {
    static const struct {
        const char *name;
        enum matrix_type type;
    } types[] = {{"<f4", MATRIX_FLOAT32}, {"<f2", MATRIX_FLOAT16}, {"<f8", MATRIX_FLOAT64},
                 {"|i1", MATRIX_INT8},    {"<i1", MATRIX_INT8},    {"=f4", MATRIX_FLOAT32}};
    char name[NAME_SIZE] = "";
    size_t n = 0;
    if (text.at < text.end && (*text.at == '\'' || *text.at == '"'))
        text.at++;
    while (text.at < text.end && *text.at != '\'' && *text.at != '"' && n + 1 < NAME_SIZE)
        name[n++] = *text.at++;
    for (size_t i = 0; i < n; i++)
        name[i] = (char)(name[i] < ' ' || name[i] > '~' ? '?' : name[i]);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0) {
            *type = types[i].type;
            return STATUS_OK;
        }
    return error_set(err, STATUS_UNSUPPORTED,
                     "the .npy file holds numbers of the type '%s': save it with "
                     "astype('float32')",
                     name);
}

enum status import_npy_parse(const char *data, size_t length, struct import_matrix *matrix,
                             struct error *err) {
    uint32_t header_length = 0;
    if (length < MAGIC_BYTES + 4 || memcmp(data, "\x93NUMPY", 6) != 0)
        return bad_header("is cut short", err);
    size_t bytes = data[6] == 1 ? 2 : 4; /* versions 2 and 3 differ in the length of the length */
    memcpy(&header_length, data + MAGIC_BYTES, bytes);
    if (header_length > HEADER_MAX || header_length > length - MAGIC_BYTES - bytes)
        return bad_header("is longer than the file or 64 KiB", err);
    const char *header = data + MAGIC_BYTES + bytes;
    struct npy_text type, order, shape;
    if (!value_find(header, header_length, "descr", &type) ||
        !value_find(header, header_length, "fortran_order", &order) ||
        !value_find(header, header_length, "shape", &shape))
        return bad_header("lacks descr, fortran_order or shape", err);
    enum status status = type_parse(type, &matrix->type, err);
    if (status != STATUS_OK)
        return status;
    if (order.at < order.end && *order.at == 'T')
        return error_set(err, STATUS_UNSUPPORTED,
                         "the .npy file lies column by column: save it with "
                         "numpy.ascontiguousarray");
    if (!number_take(&shape, &matrix->rows) || !number_take(&shape, &matrix->dim))
        return error_set(err, STATUS_REFUSED, "the .npy file is no matrix of rows and columns");
    while (shape.at < shape.end && (*shape.at == ' ' || *shape.at == ','))
        shape.at++;
    if (shape.at == shape.end || *shape.at != ')')
        return error_set(err, STATUS_REFUSED, "the .npy file is no matrix of rows and columns");
    uint64_t all, left = length - MAGIC_BYTES - bytes - header_length;
    if (__builtin_mul_overflow(matrix->rows, matrix->dim, &all) ||
        all > left / matrix_type_size(matrix->type))
        return error_set(err, STATUS_MALFORMED,
                         "the .npy file is cut short: it says %" PRIu64 " x %" PRIu64
                         " numbers, %" PRIu64 " bytes are there",
                         matrix->rows, matrix->dim, left);
    matrix->data = header + header_length;
    matrix->scales = NULL;
    return STATUS_OK;
}
