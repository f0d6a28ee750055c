/* Which format is meant: by the ending of a file's name, by the name of a format, by a type. */
#include <stdio.h>
#include <string.h>

#include "embedding/export_formats.h"

#define MEANINGS 3
#define LIST_SIZE EXPORT_LIST_SIZE

/* Endings beside the names of the formats themselves; a longer one wins. */
static const struct ending {
    const char *end, *formats[MEANINGS];
} endings[] = {
    {".txt", {"vectors.txt"}},
    {".vec", {"vectors.txt"}},
    {".txt.gz", {"vectors.txt.gz"}},
    {".vec.gz", {"vectors.txt.gz"}},
    {".bin", {"vectors.bin"}},
    {".bin.gz", {"vectors.bin.gz"}},
    {".npy", {"vectors.npy"}},
    {".float16.npy", {"vectors.float16.npy"}},
    {".int8.npy", {"vectors.int8.npy"}},
    {".kv", {"vectors.kv"}},
    {".float16.kv", {"vectors.float16.kv"}},
    /* what gensim looks for beside x.kv */
    {".float16.kv.vectors.npy", {"vectors.float16.npy"}},
    {".safetensors", {"model.safetensors"}},
    {".float16.safetensors", {"model.float16.safetensors"}},
    {".int8.safetensors", {"model.int8.safetensors"}},
    {".tar", {"static-embedding.tar"}},
    {".float16.tar", {"static-embedding.float16.tar"}},
    {".copy", {"pgvector.copy"}},
    {".copy.gz", {"pgvector.copy.gz"}},
    {".ndjson", {"qdrant.ndjson", "elasticsearch.ndjson"}},
    {".jsonl", {"qdrant.ndjson", "elasticsearch.ndjson"}},
    {".ndjson.gz", {"qdrant.ndjson.gz", "elasticsearch.ndjson.gz"}},
    {".int8.ndjson", {"elasticsearch.int8.ndjson"}},
    {".tsv", {"vocab.tsv", "tensors.tsv", "metadata.tsv"}},
    {".pbtxt", {"projector_config.pbtxt"}},
};
#define N_ENDINGS (sizeof endings / sizeof *endings)

/* What a name may mean. */
struct meaning {
    const char *formats[MEANINGS];
    size_t n;
};

static bool ends_in(const char *text, size_t length, const char *end) {
    size_t n = strlen(end);
    return length >= n && memcmp(text + length - n, end, n) == 0;
}

static struct meaning meaning_of_file(const char *name) {
    struct meaning meaning = {0};
    const char *const *names;
    size_t n = export_formats(&names), length = strlen(name), longest = 0;
    for (size_t i = 0; i < n; i++)
        if (strlen(names[i]) > longest && ends_in(name, length, names[i])) {
            longest = strlen(names[i]);
            meaning = (struct meaning){{names[i]}, 1};
        }
    for (size_t i = 0; i < N_ENDINGS; i++) {
        const struct ending *ending = &endings[i];
        if (strlen(ending->end) <= longest || !ends_in(name, length, ending->end))
            continue;
        longest = strlen(ending->end);
        for (meaning.n = 0; meaning.n < MEANINGS && ending->formats[meaning.n]; meaning.n++)
            meaning.formats[meaning.n] = ending->formats[meaning.n];
    }
    return meaning;
}

/* "vectors.npy", "npy", ".npy", "qdrant", "static-embedding". */
static struct meaning meaning_of_format(const char *format) {
    const char *const *names;
    size_t n = export_formats(&names), length = strlen(format);
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], format) == 0)
            return (struct meaning){{names[i]}, 1};
    for (size_t i = 0; i < N_ENDINGS; i++)
        if (strcmp(endings[i].end + (format[0] != '.'), format) == 0)
            return meaning_of_file(endings[i].end);
    /* the first of the same beginning is the plain one */
    for (size_t i = 0; i < n && length > 0; i++)
        if (strncmp(names[i], format, length) == 0 && names[i][length] == '.' &&
            strncmp(format, "vectors", length) != 0 && strncmp(format, "model", length) != 0)
            return (struct meaning){{names[i]}, 1};
    return (struct meaning){0};
}

static const char *base_of(const char *name) {
    const char *base = export_format_find(name)->base;
    return base ? base : name;
}

/* "a, b or c" */
static void list_append(char list[LIST_SIZE], const char *name, size_t i, size_t n) {
    size_t used = strlen(list);
    snprintf(list + used, LIST_SIZE - used, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", name);
}

static enum status refuse_unknown(const char *file, const char *format, struct error *err) {
    char list[LIST_SIZE] = "";
    if (format) {
        export_list(list);
        return error_set_key(err, STATUS_NOT_FOUND, "format",
                             "there is no format '%.64s'; there are %s", format, list);
    }
    for (size_t i = 0; i < N_ENDINGS; i++)
        list_append(list, endings[i].end, i, N_ENDINGS);
    return error_set_key(err, STATUS_NOT_FOUND, "format",
                         "the name '%.64s' does not tell the format: let it end in %s, or say the "
                         "format",
                         file, list);
}

static enum status refuse_several(const char *name, const struct meaning *meaning,
                                  struct error *err) {
    char list[LIST_SIZE] = "";
    for (size_t i = 0; i < meaning->n; i++)
        list_append(list, meaning->formats[i], i, meaning->n);
    return error_set_key(err, STATUS_REFUSED, "format", "'%.64s' may be %s: say the format", name,
                         list);
}

/* The format that is the same but of another type. */
static enum status retype(const char *type, const char **name, struct error *err) {
    const char *const *names, *base = base_of(*name);
    size_t n = export_formats(&names);
    char list[LIST_SIZE] = "";
    enum vector_type present = export_type(*name);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(base_of(names[i]), base) != 0)
            continue;
        const char *its = vector_type_name(export_type(names[i]));
        list_append(list, its, list[0] == '\0' ? 0 : 1, 0);
        if (strcmp(its, type) != 0)
            continue;
        if (present != VECTOR_FLOAT32 && present != export_type(names[i]))
            break;
        *name = names[i];
        return STATUS_OK;
    }
    if (present != VECTOR_FLOAT32)
        return error_set_key(err, STATUS_REFUSED, "dtype", "the name says %s, dtype says '%.32s'",
                             *name, type);
    return error_set_key(err, STATUS_REFUSED, "dtype", "%s is written as %s, not '%.32s'", base,
                         list, type);
}

/* Both say something: which they mean together. */
static enum status reconcile(const char *file, const struct meaning *by_file, const char **name,
                             struct error *err) {
    for (size_t i = 0; i < by_file->n; i++) {
        const char *other = by_file->formats[i];
        if (strcmp(base_of(other), base_of(*name)) != 0)
            continue;
        enum vector_type a = export_type(*name), b = export_type(other);
        if (a == b || b == VECTOR_FLOAT32)
            return STATUS_OK;
        if (a == VECTOR_FLOAT32) {
            *name = other;
            return STATUS_OK;
        }
    }
    if (by_file->n == 0)
        return STATUS_OK;
    return error_set_key(err, STATUS_REFUSED, "format",
                         "the name '%.64s' says %s, the format says %s: change one of them", file,
                         by_file->formats[0], *name);
}

enum status export_choose(const char *file, const char *format, const char *type, const char **name,
                          struct error *err) {
    const char *slash = file ? strrchr(file, '/') : NULL, *base = slash ? slash + 1 : file;
    struct meaning by_file = {0}, meaning;
    if (base)
        by_file = meaning_of_file(base);
    meaning = format ? meaning_of_format(format) : by_file;
    if (meaning.n == 0)
        return refuse_unknown(base, format, err);
    if (meaning.n > 1 && format && by_file.n == 1) { /* "ndjson" for x.int8.ndjson */
        for (size_t i = 0; i < meaning.n; i++)
            if (strcmp(meaning.formats[i], base_of(by_file.formats[0])) == 0)
                meaning = by_file;
    }
    if (meaning.n > 1)
        return refuse_several(format ? format : base, &meaning, err);
    *name = meaning.formats[0];
    enum status status = STATUS_OK;
    if (format && base)
        status = reconcile(base, &by_file, name, err);
    if (status == STATUS_OK && type)
        status = retype(type, name, err);
    return status;
}
