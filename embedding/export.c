/* The table of formats, and one export from start to end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "embedding/export_bundle.h"
#include "embedding/export_formats.h"
#include "embedding/word_shape.h"

/* One row per format: its name, its writer, whether it goes through gzip or is several files, what
 * its numbers are, how words stand in it, and, for one of another type, the name it has with
 * float32. */
#define FORMAT_ROWS(ROW)                                                                       \
    ROW("vectors.txt", vectors_text, PLAIN, FLOAT32, JOINED, NULL)                             \
    ROW("vectors.bin", vectors_binary, PLAIN, FLOAT32, JOINED, NULL)                           \
    ROW("vectors.txt.gz", vectors_text, GZIP, FLOAT32, JOINED, NULL)                           \
    ROW("vectors.bin.gz", vectors_binary, GZIP, FLOAT32, JOINED, NULL)                         \
    ROW("vectors.npy", npy, PLAIN, FLOAT32, NONE, NULL)                                        \
    ROW("vectors.float16.npy", npy, PLAIN, FLOAT16, NONE, "vectors.npy")                       \
    ROW("vectors.int8.npy", npy, PLAIN, INT8, NONE, "vectors.npy")                             \
    ROW("vectors.kv", keyed_vectors, PLAIN, FLOAT32, TEXT, NULL)                               \
    ROW("vectors.float16.kv", keyed_vectors, PLAIN, FLOAT16, TEXT, "vectors.kv")               \
    ROW("model.safetensors", safetensors, PLAIN, FLOAT32, NONE, NULL)                          \
    ROW("model.float16.safetensors", safetensors, PLAIN, FLOAT16, NONE, "model.safetensors")   \
    ROW("model.int8.safetensors", safetensors, PLAIN, INT8, NONE, "model.safetensors")         \
    ROW("static-embedding.tar", static_embedding, BUNDLE, FLOAT32, TEXT, NULL)                 \
    ROW("static-embedding.float16.tar", static_embedding, BUNDLE, FLOAT16, TEXT,               \
        "static-embedding.tar")                                                                \
    ROW("pgvector.copy", pgvector, PLAIN, FLOAT32, TEXT, NULL)                                 \
    ROW("pgvector.copy.gz", pgvector, GZIP, FLOAT32, TEXT, NULL)                               \
    ROW("qdrant.ndjson", qdrant, PLAIN, FLOAT32, TEXT, NULL)                                   \
    ROW("qdrant.ndjson.gz", qdrant, GZIP, FLOAT32, TEXT, NULL)                                 \
    ROW("elasticsearch.ndjson", elasticsearch, PLAIN, FLOAT32, TEXT, NULL)                     \
    ROW("elasticsearch.ndjson.gz", elasticsearch, GZIP, FLOAT32, TEXT, NULL)                   \
    ROW("elasticsearch.int8.ndjson", elasticsearch, PLAIN, INT8, TEXT, "elasticsearch.ndjson") \
    ROW("vocab.tsv", vocabulary, PLAIN, FLOAT32, ESCAPED, NULL)                                \
    ROW("tensors.tsv", tensors, PLAIN, FLOAT32, NONE, NULL)                                    \
    ROW("metadata.tsv", metadata, PLAIN, FLOAT32, LABELS, NULL)                                \
    ROW("projector_config.pbtxt", projector, PLAIN, FLOAT32, NONE, NULL)
#define FORMAT_NAME(name, write, pack, type, words, base) name,
#define FORMAT_ENTRY(name, write, pack, type, words, base) \
    {export_##write,                                       \
     PACK_##pack == PACK_GZIP,                             \
     PACK_##pack == PACK_BUNDLE,                           \
     VECTOR_##type,                                        \
     WORDS_##words,                                        \
     base},
enum pack { PACK_PLAIN, PACK_GZIP, PACK_BUNDLE };
static const char *const format_names[] = {FORMAT_ROWS(FORMAT_NAME)};
static const struct export_format formats[] = {FORMAT_ROWS(FORMAT_ENTRY)};

size_t export_formats(const char *const **names) {
    *names = format_names;
    return sizeof format_names / sizeof format_names[0];
}

const struct export_format *export_format_find(const char *name) {
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(name, format_names[i]) == 0)
            return &formats[i];
    return NULL;
}

void export_list(char list[EXPORT_LIST_SIZE]) {
    size_t used = 0;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (!formats[i].base && !formats[i].gzip && used < EXPORT_LIST_SIZE)
            used += (size_t)snprintf(list + used, EXPORT_LIST_SIZE - used, "%s%s",
                                     i > 0 ? ", " : "", format_names[i]);
}

const char *vector_type_name(enum vector_type type) {
#define VECTOR_TYPE_NAME(name, text) text,
    static const char *const names[] = {VECTOR_TYPE_ROWS(VECTOR_TYPE_NAME)};
    return names[type];
}

enum vector_type export_type(const char *format) {
    const struct export_format *found = export_format_find(format);
    return found ? found->type : VECTOR_FLOAT32;
}

static bool word_changes(enum word_form form, const char *word, size_t length) {
    switch (form) {
    case WORDS_NONE:
        return false;
    case WORDS_JOINED:
        return word_has_blank(word, length);
    case WORDS_ESCAPED:
        return word_has_separator(word, length);
    case WORDS_LABELS:
        return word_is_no_label(word, length);
    case WORDS_TEXT:
        break;
    }
    return word_is_no_text(word, length);
}

static uint64_t all_changed(const struct model *model, enum word_form form) {
    switch (form) {
    case WORDS_NONE:
        return 0;
    case WORDS_JOINED:
        return model->blank_words;
    case WORDS_ESCAPED:
        return model->escaped_words;
    case WORDS_LABELS:
        return model->relabelled_words;
    case WORDS_TEXT:
        break;
    }
    return model->recoded_words;
}

uint64_t export_changed_words(const struct model *model, const char *format, uint32_t limit) {
    const struct export_format *found = export_format_find(format);
    uint64_t all = !found ? 0 : all_changed(model, found->words), changed = 0;
    if (all == 0 || limit == 0 || limit >= model->input->rows)
        return all;
    for (uint32_t id = 0; id < limit; id++) {
        size_t length;
        const char *word = vocabulary_word(model->vocabulary, id, &length);
        changed += word_changes(found->words, word, length);
    }
    return changed;
}

static enum status job_begin(struct export_job *job, const struct model *model, const char *format,
                             const struct export_options *options,
                             const struct export_format **found, struct error *err) {
    *found = export_format_find(format);
    if (!*found) {
        char list[EXPORT_LIST_SIZE];
        export_list(list);
        return error_set(err, STATUS_NOT_FOUND, "no format '%.64s'; there are %s", format, list);
    }
    return export_job_init(job, model, options, (*found)->type, err);
}

enum status export_write(const struct model *model, const char *format,
                         const struct export_options *options, const char *path, uint64_t *altered,
                         struct error *err) {
    const struct export_format *found;
    struct export_job job = {0};
    enum status status = job_begin(&job, model, format, options, &found, err);
    if (status == STATUS_OK)
        status = export_sink_create(&job.sink, path, found->gzip, err);
    if (status == STATUS_OK)
        status = found->write(&job, err);
    if (status == STATUS_OK && found->bundle)
        status = bundle_end(&job, err);
    if (status == STATUS_OK)
        status = export_text_flow(&job, true, err);
    if (status == STATUS_OK) {
        struct export_sink *sink = job.sink;
        job.sink = NULL; /* commit frees it in any case */
        status = export_sink_commit(sink, err);
    }
    if (status == STATUS_OK && altered)
        *altered = job.altered;
    export_job_clear(&job);
    return status;
}

enum status export_write_folder(const struct model *model, const char *format,
                                const struct export_options *options, const char *folder,
                                uint64_t *altered, struct error *err) {
    const struct export_format *found;
    struct export_job job = {0};
    char *made = NULL;
    enum status status = job_begin(&job, model, format, options, &found, err);
    if (status == STATUS_OK && !found->bundle)
        status = error_set(err, STATUS_REFUSED, "%s is one file, no folder", format);
    if (status == STATUS_OK)
        status = bundle_folder(folder, &made, err);
    job.folder = made;
    if (status == STATUS_OK)
        status = found->write(&job, err);
    if (status == STATUS_OK)
        status = path_rename(made, folder, false, err);
    if (status == STATUS_OK && altered)
        *altered = job.altered;
    export_job_clear(&job);
    if (status != STATUS_OK && made) {
        struct error leftovers = {0};
        status_ignore(path_remove(made, &leftovers)); /* the first failure is told */
    }
    free(made);
    return status;
}
