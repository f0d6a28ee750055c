#include "embedding/model_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "embedding/table.h"
#include "embedding/vocabulary.h"

#define CHUNK \
    ((size_t)1 << 20) /* read and digested at a time: stays in the cache between the two */

_Static_assert(sizeof(float) == 4, "rows are written as they lie in memory");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "numbers are written as they lie in memory");

static const unsigned char zeros[MODEL_ALIGNMENT];

/* ---- writing --------------------------------------------------------------------------------- */

struct saver {
    const struct model *model;
    struct model_layout layout;
    struct buffer metadata;
    struct buffer front; /* header and section table */
    struct file_writer *writer;
    struct digest *digest;
};

static const void *section_data(const struct saver *saver, const struct model_section *section) {
    const struct vocabulary *vocabulary = saver->model->vocabulary;

    switch ((enum section_type)section->type) {
    case SECTION_METADATA:
        return saver->metadata.data;
    case SECTION_SETTINGS:
        return saver->model->info.settings;
    case SECTION_WORDS:
        return vocabulary->text;
    case SECTION_OFFSETS:
        return vocabulary->offsets;
    case SECTION_COUNTS:
        return vocabulary->counts;
    case SECTION_INPUT:
        return saver->model->input->shard_data[section->shard];
    case SECTION_OUTPUT:
        break;
    }
    return saver->model->output->shard_data[section->shard];
}

static struct table_shape table_shape(const struct table *table) {
    if (!table)
        return (struct table_shape){0};
    return (struct table_shape){
        .columns = table->columns, .shards = table->shards, .partition = table->partition};
}

/* Lays the file out and fills saver->front, every checksum included, so that the file is written
 * from front to back. */
static enum status saver_prepare(struct saver *saver, struct error *err) {
    struct model_layout *layout = &saver->layout;
    const struct model *model = saver->model;
    unsigned char header[MODEL_HEADER_SIZE], entry[MODEL_ENTRY_SIZE];
    struct buffer table = {0};
    enum status status;

    metadata_write(&model->info, &saver->metadata);
    layout->rows = model->vocabulary->size;
    layout->input = table_shape(model->input);
    layout->output = table_shape(model->output);
    layout->metadata_length = saver->metadata.length;
    layout->settings_length = strnlen(model->info.settings, sizeof model->info.settings - 1);
    layout->words_length = model->vocabulary->offsets[layout->rows];
    status = layout_arrange(layout, UINT64_MAX, err);
    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < layout->n_sections && !saver->metadata.failed; i++) {
        struct model_section *section = &layout->sections[i];

        section->checksum = checksum(section_data(saver, section), (size_t)section->length);
        entry_write(section, entry);
        buffer_append(&table, entry, sizeof entry);
    }
    if (!table.failed && !saver->metadata.failed) {
        layout->table_checksum = checksum(table.data, table.length);
        header_write(layout, header);
        buffer_append(&saver->front, header, sizeof header);
        buffer_append(&saver->front, table.data, table.length);
    }
    if (table.failed || saver->metadata.failed || saver->front.failed)
        status =
            error_set(err, STATUS_NO_MEMORY, "cannot get memory for the header of a model file");
    buffer_clear(&table);
    return status;
}

static enum status saver_put(struct saver *saver, const void *bytes, size_t length,
                             struct error *err) {
    if (length == 0)
        return STATUS_OK;
    digest_add(saver->digest, bytes, length);
    return file_writer_append(saver->writer, bytes, length, err);
}

static enum status saver_pad(struct saver *saver, struct error *err) {
    uint64_t over = file_writer_size(saver->writer) % MODEL_ALIGNMENT;

    return saver_put(saver, zeros, over > 0 ? (size_t)(MODEL_ALIGNMENT - over) : 0, err);
}

static enum status saver_write(struct saver *saver, struct error *err) {
    unsigned char footer[MODEL_FOOTER_SIZE];
    enum status status = saver_put(saver, saver->front.data, saver->front.length, err);

    for (uint32_t i = 0; i < saver->layout.n_sections && status == STATUS_OK; i++) {
        const struct model_section *section = &saver->layout.sections[i];

        status = saver_pad(saver, err);
        if (status == STATUS_OK)
            status = saver_put(saver, section_data(saver, section), (size_t)section->length, err);
    }
    if (status == STATUS_OK)
        status = saver_pad(saver, err);
    footer_write(&saver->layout, footer);
    return status == STATUS_OK ? saver_put(saver, footer, sizeof footer, err) : status;
}

static enum status saver_run(struct saver *saver, const char *path, char digest[DIGEST_TEXT_SIZE],
                             struct error *err) {
    char text[DIGEST_TEXT_SIZE];
    enum status status = saver_prepare(saver, err);

    if (status != STATUS_OK)
        return status;
    status = digest_create(&saver->digest, err);
    if (status != STATUS_OK)
        return status;
    status = file_writer_create(&saver->writer, path, err);
    if (status != STATUS_OK)
        return status;
    status = saver_write(saver, err);
    digest_text(saver->digest, text);
    if (status == STATUS_OK && text[0] == '\0')
        status = error_set(err, STATUS_NO_MEMORY, "cannot get memory for the digest of '%s'", path);
    if (status != STATUS_OK) {
        file_writer_abort(saver->writer);
        return status;
    }
    status = file_writer_commit(saver->writer, false, err);
    if (status == STATUS_OK && digest)
        memcpy(digest, text, sizeof text);
    return status;
}

enum status model_save(const struct model *model, const char *folder, char digest[DIGEST_TEXT_SIZE],
                       struct error *err) {
    struct saver saver = {.model = model};
    bool made = !file_exists(folder);
    char *path = NULL;
    enum status status = folder_create(folder, err);

    if (status == STATUS_OK) {
        path = path_join(folder, MODEL_FILE);
        if (path)
            status = saver_run(&saver, path, digest, err);
        else
            status =
                error_set(err, STATUS_NO_MEMORY, "cannot get memory for a path in '%s'", folder);
        if (status != STATUS_OK && made)
            rmdir(folder); /* only an empty one goes, and only when it was not there before */
    }
    free(path);
    layout_clear(&saver.layout);
    buffer_clear(&saver.metadata);
    buffer_clear(&saver.front);
    digest_free(saver.digest);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct loader {
    const char *path;
    int fd;
    /* the file is read from front to back, every byte of it, and digested on the way */
    uint64_t position;
    struct digest *digest;
    enum model_checks checks;
    struct model_layout layout;
    struct model_info info;
    char *text;
    uint64_t *offsets, *counts;
    struct table *input, *output;
};

static enum status loader_corrupt(const struct loader *loader, const char *section,
                                  struct error *err, const char *format, ...) PRINTF_LIKE(4, 5);
static enum status loader_corrupt(const struct loader *loader, const char *section,
                                  struct error *err, const char *format, ...) {
    char text[200];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error_set(err, STATUS_CORRUPT, "model file '%s' is damaged: section '%s': %s",
                     loader->path, section, text);
}

/* A finding of a part that knows neither file nor section; memory and version are no damage. */
static enum status loader_wrap(const struct loader *loader, const char *section,
                               const struct error *inner, struct error *err) {
    if (inner->status == STATUS_NO_MEMORY)
        return error_set(err, inner->status, "model file '%s': %s", loader->path, inner->text);
    if (inner->status == STATUS_UNSUPPORTED)
        return error_set(err, inner->status, "model file '%s': section '%s': %s", loader->path,
                         section, inner->text);
    return loader_corrupt(loader, section, err, "%s", inner->text);
}

static enum status loader_read(struct loader *loader, void *bytes, uint64_t length,
                               struct error *err) {
    char *to = bytes;

    while (length > 0) {
        size_t n = length < CHUNK ? (size_t)length : CHUNK;
        struct error inner = {0};
        enum status status = file_read_at(loader->fd, to, n, loader->position, &inner);

        if (status != STATUS_OK)
            return error_set(err, status, "model file '%s': %s", loader->path, inner.text);
        digest_add(loader->digest, to, n);
        to += n;
        length -= n;
        loader->position += n;
    }
    return STATUS_OK;
}

/* Reads the zeros up to `offset`; fewer than MODEL_ALIGNMENT by the layout. */
static enum status loader_skip(struct loader *loader, uint64_t offset, const char *section,
                               struct error *err) {
    unsigned char gap[MODEL_ALIGNMENT];
    size_t length = (size_t)(offset - loader->position);
    enum status status = loader_read(loader, gap, length, err);

    if (status == STATUS_OK && memcmp(gap, zeros, length) != 0)
        return loader_corrupt(loader, section, err, "a byte of the padding before it is not zero");
    return status;
}

static enum status loader_section(struct loader *loader, const struct model_section *section,
                                  void *bytes, struct error *err) {
    char name[SECTION_NAME_SIZE];
    enum status status;

    section_name(section, name);
    status = loader_skip(loader, section->offset, name, err);
    if (status != STATUS_OK)
        return status;
    status = loader_read(loader, bytes, section->length, err);
    if (status != STATUS_OK)
        return status;
    if (loader->checks == MODEL_CHECKS_ALL &&
        checksum(bytes, (size_t)section->length) != section->checksum)
        return loader_corrupt(loader, name, err, "its checksum does not match");
    return STATUS_OK;
}

/* Header, then the layout that follows from it. After this every length is known to lie inside the
 * file. */
static enum status loader_header(struct loader *loader, uint64_t size, struct error *err) {
    unsigned char header[MODEL_HEADER_SIZE];
    struct model_layout *layout = &loader->layout;
    struct error inner = {0};
    uint64_t claimed_length;
    uint32_t claimed_sections;
    enum status status;

    if (size < MODEL_HEADER_SIZE)
        return loader_corrupt(loader, "header", err, "the file has only %" PRIu64 " bytes", size);
    status = loader_read(loader, header, sizeof header, err);
    if (status != STATUS_OK)
        return status;
    if (header_read(layout, header, loader->checks, &inner) != STATUS_OK)
        return loader_wrap(loader, "header", &inner, err);
    claimed_length = layout->file_length;
    claimed_sections = layout->n_sections;
    if (claimed_length != size)
        return loader_corrupt(loader, "header", err,
                              "the file has %" PRIu64 " bytes instead of %" PRIu64, size,
                              claimed_length);
    if (layout_arrange(layout, size, &inner) != STATUS_OK)
        return loader_wrap(loader, "header", &inner, err);
    if (layout->file_length != claimed_length || layout->n_sections != claimed_sections)
        return loader_corrupt(loader, "header", err,
                              "it claims %" PRIu32 " sections in %" PRIu64
                              " bytes, but they are %" PRIu32 " in %" PRIu64,
                              claimed_sections, claimed_length, layout->n_sections,
                              layout->file_length);
    return STATUS_OK;
}

/* The section table repeats the layout for readers that know no more than it; here it only brings
 * the checksums. */
static enum status loader_table(struct loader *loader, struct error *err) {
    struct model_layout *layout = &loader->layout;
    size_t length = (size_t)layout->n_sections * MODEL_ENTRY_SIZE;
    unsigned char *table = malloc(length);
    enum status status;

    if (!table)
        return error_set(err, STATUS_NO_MEMORY, "model file '%s': cannot get %zu bytes",
                         loader->path, length);
    status = loader_read(loader, table, length, err);
    if (status == STATUS_OK && loader->checks == MODEL_CHECKS_ALL &&
        checksum(table, length) != layout->table_checksum)
        status = loader_corrupt(loader, "section table", err, "its checksum does not match");
    for (uint32_t i = 0; i < layout->n_sections && status == STATUS_OK; i++) {
        struct model_section *section = &layout->sections[i], stored;

        entry_read(&stored, table + (size_t)i * MODEL_ENTRY_SIZE);
        if (stored.type != section->type || stored.shard != section->shard ||
            stored.offset != section->offset || stored.length != section->length)
            status = loader_corrupt(loader, "section table", err,
                                    "entry %" PRIu32 " is not what follows from the header", i);
        section->checksum = stored.checksum;
    }
    free(table);
    return status;
}

static enum status loader_metadata(struct loader *loader, const struct model_section *sections,
                                   struct error *err) {
    struct error inner = {0};
    char *text = malloc((size_t)sections[0].length + 1);
    enum status status;

    if (!text)
        return error_set(err, STATUS_NO_MEMORY, "model file '%s': cannot get memory for metadata",
                         loader->path);
    status = loader_section(loader, &sections[0], text, err);
    if (status == STATUS_OK) {
        text[sections[0].length] = '\0';
        if (metadata_read(&loader->info, text, (size_t)sections[0].length, &inner) != STATUS_OK)
            status = loader_wrap(loader, "metadata", &inner, err);
    }
    free(text);
    if (status != STATUS_OK)
        return status;
    status = loader_section(loader, &sections[1], loader->info.settings, err);
    if (status == STATUS_OK && memchr(loader->info.settings, '\0', (size_t)sections[1].length))
        return loader_corrupt(loader, "settings", err, "a NUL byte in the text");
    return status;
}

static enum status loader_words(struct loader *loader, const struct model_section *sections,
                                struct error *err) {
    uint32_t size = loader->layout.rows;
    struct error inner = {0};
    uint64_t total;
    enum status status;

    loader->text = malloc((size_t)sections[0].length + 1);
    loader->offsets = malloc((size_t)sections[1].length);
    loader->counts = malloc((size_t)sections[2].length);
    if (!loader->text || !loader->offsets || !loader->counts)
        return error_set(err, STATUS_NO_MEMORY,
                         "model file '%s': cannot get memory for %" PRIu32 " words", loader->path,
                         size);
    status = loader_section(loader, &sections[0], loader->text, err);
    if (status != STATUS_OK)
        return status;
    loader->text[sections[0].length] = '\0';
    status = loader_section(loader, &sections[1], loader->offsets, err);
    if (status != STATUS_OK)
        return status;
    if (loader->offsets[0] != 0 || loader->offsets[size] != sections[0].length)
        return loader_corrupt(loader, "offsets", err,
                              "they run from %" PRIu64 " to %" PRIu64 " instead of 0 to %" PRIu64,
                              loader->offsets[0], loader->offsets[size], sections[0].length);
    if (offsets_check(loader->offsets, size, &inner) != STATUS_OK)
        return loader_wrap(loader, "offsets", &inner, err);
    status = loader_section(loader, &sections[2], loader->counts, err);
    if (status == STATUS_OK && counts_check(loader->counts, size, &total, &inner) != STATUS_OK)
        return loader_wrap(loader, "counts", &inner, err);
    return status;
}

static enum status loader_shards(struct loader *loader, struct table **table,
                                 const struct table_shape *shape,
                                 const struct model_section *sections, const struct kernel *kernel,
                                 struct error *err) {
    struct error inner = {0};
    enum status status = table_create(table, loader->layout.rows, shape->columns, shape->shards,
                                      shape->partition, &inner);

    if (status != STATUS_OK)
        return loader_wrap(loader, "header", &inner, err);
    for (uint32_t shard = 0; shard < shape->shards; shard++) {
        float *data = (*table)->shard_data[shard];
        size_t stride = (*table)->stride, n = (size_t)(sections[shard].length / sizeof(float)), at;
        char name[SECTION_NAME_SIZE];

        section_name(&sections[shard], name);
        status = loader_section(loader, &sections[shard], data, err);
        if (status != STATUS_OK)
            return status;
        at = kernel->first_nonfinite(data, n);
        if (at < n)
            return loader_corrupt(loader, name, err, "row %zu column %zu is not finite",
                                  at / stride, at % stride);
        at = padding_first_nonzero(data, n / stride, shape->columns, stride);
        if (at < n / stride)
            return loader_corrupt(loader, name, err, "the padding of row %zu is not zero", at);
    }
    return STATUS_OK;
}

static enum status loader_footer(struct loader *loader, struct error *err) {
    unsigned char stored[MODEL_FOOTER_SIZE], expected[MODEL_FOOTER_SIZE];
    enum status status = loader_skip(loader, loader->layout.footer_offset, "footer", err);

    if (status == STATUS_OK)
        status = loader_read(loader, stored, sizeof stored, err);
    footer_write(&loader->layout, expected);
    if (status == STATUS_OK && memcmp(stored, expected, sizeof stored) != 0)
        return loader_corrupt(loader, "footer", err, "it does not end like a vecmill model");
    return status;
}

static enum status loader_sections(struct loader *loader, uint64_t size,
                                   const struct kernel *kernel, struct error *err) {
    const struct model_section *sections;
    enum status status = loader_header(loader, size, err);

    if (status != STATUS_OK)
        return status;
    sections = loader->layout.sections;
    status = loader_table(loader, err);
    if (status == STATUS_OK)
        status = loader_metadata(loader, sections, err);
    if (status == STATUS_OK)
        status = loader_words(loader, sections + SECTION_WORDS - SECTION_METADATA, err);
    sections += SECTION_SINGLE;
    if (status == STATUS_OK)
        status =
            loader_shards(loader, &loader->input, &loader->layout.input, sections, kernel, err);
    sections += loader->layout.input.shards;
    if (status == STATUS_OK && loader->layout.output.shards > 0)
        status =
            loader_shards(loader, &loader->output, &loader->layout.output, sections, kernel, err);
    return status == STATUS_OK ? loader_footer(loader, err) : status;
}

/* Puts the checked parts together; what the model takes is no longer the loader's. */
static enum status loader_finish(struct loader *loader, struct model **model,
                                 const struct kernel *kernel, struct error *err) {
    struct table *input = loader->input, *output = loader->output;
    struct vocabulary *vocabulary;
    struct error inner = {0};
    enum status status = vocabulary_adopt(&vocabulary, loader->layout.rows, loader->text,
                                          loader->offsets, loader->counts, &inner);

    loader->text = NULL;
    loader->offsets = loader->counts = NULL;
    if (status != STATUS_OK)
        return loader_wrap(loader, "words", &inner, err);
    loader->input = loader->output = NULL;
    status = model_create(model, vocabulary, input, output, &loader->info, kernel, &inner);
    if (status != STATUS_OK)
        return loader_wrap(loader, "input", &inner, err);
    digest_text(loader->digest, (*model)->digest);
    if ((*model)->digest[0])
        return STATUS_OK;
    model_drop(*model);
    *model = NULL;
    return error_set(err, STATUS_NO_MEMORY, "cannot get memory for the digest of '%s'",
                     loader->path);
}

/* Opens the file, or MODEL_FILE in the folder, whose path is then *inside: the caller frees it. */
static enum status loader_open(struct loader *loader, char **inside, struct stat *facts,
                               struct error *err) {
    if (stat(loader->path, facts) == 0 && S_ISDIR(facts->st_mode)) {
        *inside = path_join(loader->path, MODEL_FILE);
        if (!*inside)
            return error_set(err, STATUS_NO_MEMORY, "cannot get memory for a path in '%s'",
                             loader->path);
        loader->path = *inside;
    }
    /* Not blocking: a pipe of that name must not hang the service. */
    loader->fd = open(loader->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (loader->fd < 0 || fstat(loader->fd, facts) != 0)
        return error_set_errno(err, errno, "cannot open model file '%s'", loader->path);
    if (!S_ISREG(facts->st_mode))
        return error_set(err, STATUS_REFUSED, "model file '%s' is not a regular file",
                         loader->path);
    return digest_create(&loader->digest, err);
}

static void loader_close(struct loader *loader) {
    if (loader->fd >= 0)
        close(loader->fd);
    digest_free(loader->digest);
    layout_clear(&loader->layout);
    free(loader->text);
    free(loader->offsets);
    free(loader->counts);
    table_free(loader->input);
    table_free(loader->output);
}

enum status model_file_load(struct model **model, const char *path, const struct kernel *kernel,
                            enum model_checks checks, struct error *err) {
    struct loader loader = {.path = path, .fd = -1, .checks = checks};
    struct stat facts;
    char *inside = NULL;
    enum status status;

    *model = NULL;
    status = loader_open(&loader, &inside, &facts, err);
    if (status == STATUS_OK)
        status = loader_sections(&loader, (uint64_t)facts.st_size, kernel, err);
    if (status == STATUS_OK)
        status = loader_finish(&loader, model, kernel, err);
    loader_close(&loader);
    free(inside);
    return status;
}

/* Of a word, at most: in the vocabulary's index 8 in 3 places, in that of folded words 4 in 3. */
#define INDEX_BYTES 36

/* What loader_sections and what it leads to allocate, for the whole life of a model; the index of
 * folded words, which is made when first needed, is counted from the start. */
static uint64_t layout_memory(const struct model_layout *layout) {
    uint64_t rows = layout->rows, bytes = layout->words_length + layout->metadata_length;
    bytes += table_bytes(layout->rows, layout->input.columns);
    if (layout->output.shards > 0)
        bytes += table_bytes(layout->rows, layout->output.columns);
    bytes += (uint64_t)layout->n_sections * sizeof *layout->sections;
    /* offsets, counts, norms, the vocabulary's indexes */
    bytes += rows * (2 * sizeof(uint64_t) + sizeof(float) + INDEX_BYTES);
    return bytes + sizeof(struct model);
}

enum status model_measure(const char *path, uint64_t *bytes, struct error *err) {
    struct loader loader = {.path = path, .fd = -1, .checks = MODEL_CHECKS_ALL};
    struct stat facts;
    char *inside = NULL;
    enum status status = loader_open(&loader, &inside, &facts, err);
    if (status == STATUS_OK)
        status = loader_header(&loader, (uint64_t)facts.st_size, err);
    if (status == STATUS_OK)
        *bytes = layout_memory(&loader.layout);
    loader_close(&loader);
    free(inside);
    return status;
}

enum status model_load(struct model **model, const char *path, const struct kernel *kernel,
                       struct error *err) {
    return model_file_load(model, path, kernel, MODEL_CHECKS_ALL, err);
}
