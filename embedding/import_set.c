#include "embedding/import_set.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAR_BLOCK 512

const struct import_member *import_set_find(const struct import_set *set, const char *name) {
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->members[i].name, name) == 0)
            return &set->members[i];
    return NULL;
}

enum member_kind import_member_kind(const struct import_member *member) {
    const char *data = member->data;
    size_t length = member->length;
    if (length >= 4 && memcmp(data, "\xba\x16\x4f\x2f", 4) == 0)
        return MEMBER_FASTTEXT;
    if (length >= 6 && memcmp(data, "\x93NUMPY", 6) == 0)
        return MEMBER_NPY;
    if (length >= 2 && data[0] == '\x80' && data[1] >= 2 && data[1] <= 5)
        return MEMBER_PICKLE;
    if (length >= 16 && memcmp(data + 5, "\0\0\0{\"", 5) == 0)
        return MEMBER_SAFETENSORS;
    if (length >= TAR_BLOCK && memcmp(data + 257, "ustar", 5) == 0)
        return MEMBER_TAR;
    return MEMBER_OTHER;
}

static enum status member_add(struct import_set *set, const char *name, size_t name_length,
                              const char *data, size_t length, struct error *err) {
    if (set->n == SET_MEMBERS)
        return error_set(err, STATUS_UNSUPPORTED, "more than %d files: give those of one model",
                         SET_MEMBERS);
    if (name_length >= SET_NAME_SIZE)
        return error_set(err, STATUS_REFUSED, "the name of a file is longer than %d bytes",
                         SET_NAME_SIZE - 1);
    struct import_member *member = &set->members[set->n++];
    memcpy(member->name, name, name_length);
    member->name[name_length] = '\0';
    member->data = data;
    member->length = length;
    return STATUS_OK;
}

enum status import_set_add(struct import_set *set, const char *path, bool missing,
                           struct error *err) {
    struct error why = {0};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (set->n_maps == SET_MEMBERS)
        return error_set(err, STATUS_UNSUPPORTED, "more than %d files: give those of one model",
                         SET_MEMBERS);
    enum status status = file_map_open(&set->maps[set->n_maps], path, &why);
    if (status != STATUS_OK) {
        if (missing && status == STATUS_NOT_FOUND)
            return STATUS_OK;
        *err = why;
        return status;
    }
    const struct file_map *map = &set->maps[set->n_maps++];
    return member_add(set, name, strlen(name), map->data, map->length, err);
}

struct folder_walk {
    struct import_set *set;
    const char *folder;
};

static enum status folder_entry(void *context, const char *name, struct error *err) {
    const struct folder_walk *walk = context;
    static const char *const ends[] = {".json", ".safetensors", ".npy", ".kv",
                                       ".txt",  ".tsv",         ".bin", ".model"};
    size_t length = strlen(name);
    bool known = false;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        known = known ||
                (length > strlen(ends[i]) && strcmp(name + length - strlen(ends[i]), ends[i]) == 0);
    char *path = known ? path_join(walk->folder, name) : NULL;
    if (!known)
        return STATUS_OK;
    enum status status = !path ? error_set(err, STATUS_NO_MEMORY, "out of memory for an import")
                               : import_set_add(walk->set, path, false, err);
    free(path);
    return status;
}

/* Octal digits, or a number in GNU's way. */
static bool tar_number(const char *field, size_t n, uint64_t *value) {
    *value = 0;
    if (field[0] == '\x80') {
        for (size_t i = n - 8; i < n; i++)
            *value = *value << 8 | (unsigned char)field[i];
        return true;
    }
    size_t i = 0;
    while (i < n && field[i] == ' ')
        i++;
    for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
        *value = *value << 3 | (uint64_t)(field[i] - '0');
    return i == n || field[i] == ' ' || field[i] == '\0';
}

static bool tar_sum_is_right(const char *header) {
    uint64_t wanted;
    unsigned sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : (unsigned char)header[i];
    return tar_number(header + 148, 8, &wanted) && wanted == sum;
}

/* The members of a tar whose bytes are `data`. Folders, and what other headers there are, are
 * passed over; a long name in a header of its own does not matter: members are told by content. */
static enum status tar_open(struct import_set *set, const char *data, size_t length,
                            struct error *err) {
    size_t at = 0;
    set->n = 0;
    while (length - at >= TAR_BLOCK && data[at] != '\0') {
        const char *header = data + at, *name = header;
        uint64_t size;
        if (memcmp(header + 257, "ustar", 5) != 0 || !tar_sum_is_right(header) ||
            !tar_number(header + 124, 12, &size))
            return error_set(err, STATUS_MALFORMED, "the tar is damaged at byte %zu", at);
        at += TAR_BLOCK;
        if (size > length - at)
            return error_set(err, STATUS_MALFORMED, "the tar is cut short: '%.60s' is not whole",
                             name);
        size_t n = strnlen(name, 100);
        const char *slash = memrchr(name, '/', n);
        const char *base = slash ? slash + 1 : name;
        size_t base_length = n - (size_t)(base - name);
        enum status status = STATUS_OK;
        bool hidden = base_length > 1 && base[0] == '.' && base[1] == '_'; /* macOS's own */
        if ((header[156] == '0' || header[156] == '\0') && base_length > 0 && !hidden)
            status = member_add(set, base, base_length, data + at, (size_t)size, err);
        if (status != STATUS_OK)
            return status;
        size_t padded = (size_t)((size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK);
        at = padded < length - at ? at + padded : length;
    }
    return set->n > 0 ? STATUS_OK : error_set(err, STATUS_MALFORMED, "the tar holds no file");
}

enum status import_set_open(struct import_set *set, const char *path, struct error *err) {
    *set = (struct import_set){0};
    struct folder_walk walk = {set, path};
    if (folder_exists(path)) {
        enum status status = folder_visit(path, folder_entry, &walk, err);
        return status == STATUS_OK && set->n == 0
                   ? error_set(err, STATUS_REFUSED, "there is no file of vectors in '%s'", path)
                   : status;
    }
    enum status status = import_set_add(set, path, false, err);
    if (status == STATUS_OK && import_member_kind(&set->members[0]) == MEMBER_TAR)
        status = tar_open(set, set->maps[0].data, set->maps[0].length, err);
    return status;
}

void import_set_close(struct import_set *set) {
    for (size_t i = 0; i < set->n_maps; i++)
        file_map_close(&set->maps[i]);
    *set = (struct import_set){0};
}
