/* One import from start to end: what the file is, its reader, and the model made of its rows. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/machine.h"
#include "base/utf8.h"
#include "embedding/import_line.h"
#include "embedding/import_readers.h"
#include "embedding/word_shape.h"

/* What endings promise. */
static const struct ending {
    const char *end;
    enum member_kind kind; /* OTHER: text or word2vec's binary, which differ by content */
    bool fasttext;         /* or fastText's model, which has the same ending */
} endings[] = {
    {".txt", MEMBER_OTHER, false}, {".vec", MEMBER_OTHER, false},
    {".bin", MEMBER_OTHER, true},  {".ftz", MEMBER_FASTTEXT, false},
    {".npy", MEMBER_NPY, false},   {".safetensors", MEMBER_SAFETENSORS, false},
    {".kv", MEMBER_PICKLE, false}, {".model", MEMBER_PICKLE, false},
    {".tar", MEMBER_TAR, false},
};
static const char *const packed[] = {".gz", ".zst", ".bz2", ".xz", ".zip"};

static size_t without_end(const char *name, size_t length, const char *end) {
    size_t n = strlen(end);
    return length > n && memcmp(name + length - n, end, n) == 0 ? length - n : length;
}

static const struct ending *ending_find(const char *name, bool *is_packed) {
    size_t length = strlen(name), all = length;
    for (size_t i = 0; i < sizeof packed / sizeof *packed && length == all; i++)
        length = without_end(name, length, packed[i]);
    *is_packed = length < all;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (without_end(name, length, endings[i].end) < length)
            return &endings[i];
    return NULL;
}

enum status import_name_check(const char *name, struct error *err) {
    bool is_packed;
    if (ending_find(name, &is_packed) || is_packed)
        return STATUS_OK;
    return error_set_key(err, STATUS_REFUSED, "file",
                         "cannot import '%.80s': the ending tells the format, such as vectors.txt "
                         "(or .vec), vectors.bin, .npy, .safetensors, .kv or .tar; .txt, .vec and "
                         ".bin may have .gz, .zst, .bz2, .xz or .zip behind",
                         name);
}

static const char *kind_name(enum member_kind kind) {
    switch (kind) {
    case MEMBER_OTHER:
        return "text, or word2vec's binary format";
    case MEMBER_FASTTEXT:
        return "a fastText model";
    case MEMBER_NPY:
        return "a NumPy array (.npy)";
    case MEMBER_SAFETENSORS:
        return "safetensors";
    case MEMBER_PICKLE:
        return "a Python pickle";
    case MEMBER_TAR:
        break;
    }
    return "a tar archive";
}

/* The file must be what its name says, where that says something. */
static enum status kind_check(const char *name, enum member_kind kind, bool in_tar,
                              struct error *err) {
    bool is_packed;
    const struct ending *ending = ending_find(name, &is_packed);
    kind = in_tar ? MEMBER_TAR : kind;
    if (!ending || is_packed || ending->kind == kind ||
        (ending->fasttext && kind == MEMBER_FASTTEXT))
        return STATUS_OK;
    return error_set_key(err, STATUS_UNSUPPORTED, "file",
                         "'%.80s' ends in %s, but the file is %s: give it the name that fits", name,
                         ending->end, kind_name(kind));
}

/* The member that has the numbers, or the pickle that tells where they are. */
static const struct import_member *main_member(const struct import_set *set) {
    static const enum member_kind order[] = {MEMBER_PICKLE, MEMBER_SAFETENSORS, MEMBER_NPY,
                                             MEMBER_FASTTEXT};
    for (size_t k = 0; set->n > 1 && k < sizeof order / sizeof *order; k++)
        for (size_t i = 0; i < set->n; i++)
            if (import_member_kind(&set->members[i]) == order[k])
                return &set->members[i];
    return &set->members[0];
}

/* What gensim and static embedding models keep beside a file. */
static enum status siblings_add(struct import_set *set, const char *path, enum member_kind kind,
                                struct error *err) {
    static const char *const arrays[] = {".vectors.npy", ".wv.vectors.npy"};
    struct buffer name = {0};
    enum status status = STATUS_OK;
    for (size_t i = 0; kind == MEMBER_PICKLE && status == STATUS_OK && i < 2; i++) {
        name.length = 0;
        buffer_print(&name, "%s%s", path, arrays[i]);
        status = name.failed ? error_set(err, STATUS_NO_MEMORY, "out of memory for an import")
                             : import_set_add(set, name.data, true, err);
    }
    if (kind == MEMBER_SAFETENSORS) {
        const char *slash = strrchr(path, '/');
        buffer_print(&name, "%.*stokenizer.json", slash ? (int)(slash + 1 - path) : 0, path);
        status = name.failed ? error_set(err, STATUS_NO_MEMORY, "out of memory for an import")
                             : import_set_add(set, name.data, true, err);
    }
    buffer_clear(&name);
    return status;
}

static enum status lone_lines(struct import_target *target, bool several,
                              const struct import_member *member, struct error *err) {
    if (several)
        return error_set_key(err, STATUS_UNSUPPORTED, "file",
                             "the vector file is a tar archive (or a folder) without a .kv, .npy, "
                             ".safetensors or fastText model: give '%.80s' by itself",
                             member->name);
    const struct file_map map = {member->data, member->length};
    return import_lines(target, &map, err);
}

static enum status set_read(struct import_target *target, struct import_set *set, const char *path,
                            struct error *err) {
    bool several = set->n != 1 || set->members[0].data != set->maps[0].data;
    enum member_kind kind = import_member_kind(main_member(set));
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    enum status status = STATUS_OK;
    if (!folder_exists(path))
        status = kind_check(target->bounds.name ? target->bounds.name : base, kind, several, err);
    if (status == STATUS_OK && !several)
        status = siblings_add(set, path, kind, err);
    if (status != STATUS_OK)
        return status;
    const struct import_member *member = main_member(set);
    switch (kind) {
    case MEMBER_FASTTEXT:
        return import_fasttext(target, member->data, member->length, err);
    case MEMBER_NPY:
        return import_npy(target, set, member, err);
    case MEMBER_SAFETENSORS:
        return import_safetensors(target, set, member, err);
    case MEMBER_PICKLE:
        return import_keyed_vectors(target, set, member, err);
    case MEMBER_OTHER:
    case MEMBER_TAR: /* in a tar */
        break;
    }
    return lone_lines(target, several, member, err);
}

/* What is told of the words that were kept. */
static enum status words_check(const struct import_target *target, struct error *err) {
    const struct import_rows *rows = &target->rows;
    struct model_info *info = target->info;
    uint32_t reals = 0;
    if (rows->n == 0)
        return error_set(err, STATUS_REFUSED, "none of the %" PRIu64 " rows has a word",
                         info->import_rows);
    for (uint32_t id = 0; id < rows->n; id++) {
        const char *word = rows->text.data + rows->offsets[id];
        size_t length = (size_t)(rows->offsets[id + (size_t)1] - rows->offsets[id]);
        info->import_spaced += word_has_blank(word, length);
        info->import_invalid += !utf8_valid(word, length);
        reals += word_is_real(word, length);
    }
    if (target->headless && rows->n > 1 && reals == rows->n)
        return error_set(err, STATUS_MALFORMED,
                         "every word is a number with a point, as if the words were left out; a "
                         "first line 'rows dim' makes them words");
    return STATUS_OK;
}

/* The rows become a vocabulary and a table. */
static enum status rows_read(struct import_target *target, const char *path,
                             struct vocabulary **vocabulary, struct table **table,
                             struct error *err) {
    struct import_set set;
    enum status status = import_set_open(&set, path, err);
    if (status == STATUS_OK)
        status = set_read(target, &set, path, err);
    import_set_close(&set);
    if (status == STATUS_OK)
        status = import_rows_drop_duplicates(&target->rows, target->info, err);
    if (status == STATUS_OK)
        status = words_check(target, err);
    if (status == STATUS_OK)
        status = import_rows_finish(&target->rows, vocabulary, table, err);
    return status;
}

enum status import_read(struct model **model, const char *path, const char *name,
                        const struct import_bounds *bounds, const struct kernel *kernel,
                        struct error *err) {
    struct import_bounds all = bounds ? *bounds : (struct import_bounds){0};
    struct model_info *info = calloc(1, sizeof *info);
    struct import_target target = {.bounds = all, .kernel = kernel, .info = info};
    struct vocabulary *vocabulary = NULL;
    struct table *table = NULL;
    *model = NULL;
    target.rows.memory = (struct grant){.budget = all.budget, .kind = BUDGET_IMPORTS};
    if (!info)
        return error_set(err, STATUS_NO_MEMORY, "not enough memory to import '%s'", path);
    enum status status = rows_read(&target, path, &vocabulary, &table, err);
    struct grant memory = target.rows.memory;
    target.rows.memory = (struct grant){0}; /* the model's from here on */
    import_rows_clear(&target.rows);
    if (status != STATUS_OK)
        goto fail;
    snprintf(info->name, sizeof info->name, "%s", name);
    snprintf(info->kernel, sizeof info->kernel, "%s", kernel->name);
    snprintf(info->program, sizeof info->program, "vecmill %s", VECMILL_VERSION);
    info->created = machine_wall_seconds();
    status = model_create(model, vocabulary, table, NULL, info, kernel, err);
    free(info);
    if (status == STATUS_OK)
        (*model)->memory = memory;
    else
        grant_clear(&memory);
    return status;
fail:
    grant_clear(&memory);
    vocabulary_free(vocabulary);
    table_free(table);
    free(info);
    return status;
}
