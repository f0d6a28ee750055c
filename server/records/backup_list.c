#include "server/records/backup_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/file.h"
#include "base/random.h"

#define PIECE ((size_t)1 << 20)

struct list_walk {
    struct backup_list *list;
    const char *prefix; /* path of the folder that is walked, "" for the whole */
};

static enum status entry_add(struct backup_list *list, char *path, const struct stat *info,
                             struct error *err) {
    struct backup_entry *entries =
        array_grow(list->entries, &list->capacity, list->n + 1, sizeof *entries);
    if (!entries) {
        free(path);
        return error_set(err, STATUS_NO_MEMORY, "out of memory for the list of a backup");
    }
    list->entries = entries;
    bool folder = S_ISDIR(info->st_mode);
    list->entries[list->n] = (struct backup_entry){
        .path = path,
        .folder = folder,
        .size = folder ? 0 : (uint64_t)info->st_size,
        .mode = info->st_mode & 0777,
        .modified = (double)info->st_mtim.tv_sec,
        .device = (uint64_t)info->st_dev,
        .inode = (uint64_t)info->st_ino,
        .same_as = list->n,
    };
    list->n++;
    list->n_files += !folder;
    return STATUS_OK;
}

static enum status visit(void *context, const char *name, struct error *err) {
    const struct list_walk *walk = context;
    struct stat info;
    char *path = walk->prefix[0] != '\0' ? path_join(walk->prefix, name) : strdup(name);
    char *whole = path ? path_join(walk->list->folder, path) : NULL;
    if (!whole) {
        free(path);
        return error_set(err, STATUS_NO_MEMORY, "out of memory for the list of a backup");
    }
    enum status status = lstat(whole, &info) == 0
                             ? STATUS_OK
                             : error_set_errno(err, errno, "cannot look at '%s'", whole);
    if (status == STATUS_OK) {
        struct list_walk inner = {walk->list, path};
        status = entry_add(walk->list, path, &info, err);
        if (status == STATUS_OK && S_ISDIR(info.st_mode))
            status = folder_visit(whole, visit, &inner, err);
    } else {
        free(path);
    }
    free(whole);
    return status;
}

static int compare_inodes(const void *left, const void *right) {
    const struct backup_entry *a = *(struct backup_entry *const *)left,
                              *b = *(struct backup_entry *const *)right;
    if (a->device != b->device)
        return a->device < b->device ? -1 : 1;
    if (a->inode != b->inode)
        return a->inode < b->inode ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* A corpus that a job has linked is one file with two names, and stays one. */
static enum status find_same(struct backup_list *list, struct error *err) {
    struct backup_entry **order = calloc(list->n + 1, sizeof(void *));
    if (!order)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for the list of a backup");
    for (size_t i = 0; i < list->n; i++)
        order[i] = &list->entries[i];
    qsort(order, list->n, sizeof(void *), compare_inodes);
    for (size_t i = 0; i < list->n; i++) {
        const struct backup_entry *before = i > 0 ? order[i - 1] : NULL;
        if (before && !order[i]->folder && before->device == order[i]->device &&
            before->inode == order[i]->inode)
            order[i]->same_as = before->same_as;
        else
            list->bytes += order[i]->size;
    }
    free(order);
    return STATUS_OK;
}

enum status backup_list_create(struct backup_list **made, const char *folder, struct error *err) {
    struct backup_list *list = calloc(1, sizeof *list);
    if (!list || !(list->folder = strdup(folder))) {
        free(list);
        return error_set(err, STATUS_NO_MEMORY, "out of memory for the list of a backup");
    }
    struct list_walk walk = {list, ""};
    enum status status = folder_visit(folder, visit, &walk, err);
    if (status == STATUS_OK)
        status = find_same(list, err);
    if (status == STATUS_OK)
        *made = list;
    else
        backup_list_free(list);
    return status;
}

void backup_list_free(struct backup_list *list) {
    if (!list)
        return;
    for (size_t i = 0; i < list->n; i++)
        free(list->entries[i].path);
    free(list->entries);
    free(list->folder);
    free(list);
}

/* ---- to a folder ----------------------------------------------------------------------------- */

static enum status file_copy(const char *from, const char *to, uint64_t size, struct error *err) {
    struct file_writer *writer = NULL;
    int fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open '%s'", from);
    char *bytes = malloc(PIECE);
    enum status status = bytes ? file_writer_create(&writer, to, err)
                               : error_set(err, STATUS_NO_MEMORY, "out of memory to copy a file");
    for (uint64_t at = 0; status == STATUS_OK && at < size;) {
        size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;
        status = file_read_at(fd, bytes, n, at, err);
        if (status == STATUS_OK)
            status = file_writer_append(writer, bytes, n, err);
        at += n;
    }
    if (status == STATUS_OK)
        status = file_writer_commit(writer, true, err);
    else
        file_writer_abort(writer);
    free(bytes);
    close(fd);
    return status;
}

static enum status entry_copy(const struct backup_list *list, const struct backup_entry *entry,
                              const char *to, struct error *err) {
    const struct backup_entry *same = &list->entries[entry->same_as];
    char *from = path_join(list->folder, entry->path), *there = path_join(to, entry->path),
         *earlier = path_join(to, same->path);
    enum status status;
    if (!from || !there || !earlier)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory to copy a file");
    else if (entry->folder)
        status = folder_add(there, err);
    else if (same != entry)
        status = path_link(earlier, there, err);
    else
        status = file_copy(from, there, entry->size, err);
    free(from);
    free(there);
    free(earlier);
    return status;
}

/* "parent/.tmp-random" beside `to`. NULL when out of memory. */
static char *beside(const char *to, const char *token) {
    const char *slash = strrchr(to, '/');
    size_t parent = slash ? (size_t)(slash - to) + 1 : 0, size = parent + 64;
    char *path = malloc(size);
    if (!path)
        return NULL;
    memcpy(path, to, parent);
    path[parent] = '\0';
    strncat(path, FILE_TEMPORARY_PREFIX, size - strlen(path) - 1);
    strncat(path, token, size - strlen(path) - 1);
    return path;
}

enum status backup_list_copy(const struct backup_list *list, const char *to, struct error *err) {
    char token[17];
    if (file_exists(to))
        return error_set_key(err, STATUS_CONFLICT, "output", "'%s' exists already", to);
    enum status status = random_token(token, 16, err);
    char *aside = status == STATUS_OK ? beside(to, token) : NULL;
    if (status == STATUS_OK)
        status = aside ? folder_add(aside, err)
                       : error_set(err, STATUS_NO_MEMORY, "out of memory to copy a folder");
    if (status != STATUS_OK) {
        free(aside);
        return status;
    }
    for (size_t i = 0; status == STATUS_OK && i < list->n; i++)
        status = entry_copy(list, &list->entries[i], aside, err);
    if (status == STATUS_OK)
        status = path_rename(aside, to, true, err);
    struct error ignored = {0}; /* the failure that matters is in err */
    if (status != STATUS_OK)
        status_ignore(path_remove(aside, &ignored));
    free(aside);
    return status;
}
