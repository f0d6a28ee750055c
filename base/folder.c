#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/array.h"
#include "base/digest.h"
#include "base/failpoint.h"
#include "base/file.h"

void path_shorten(char *path) {
    const char *slash = strrchr(path, '/');
    if (slash && slash[1])
        memmove(path, slash + 1, strlen(slash));
}

char *path_join(const char *folder, const char *name) {
    size_t length = strlen(folder);
    bool slash = length > 0 && folder[length - 1] != '/';
    size_t size = length + slash + strlen(name) + 1;
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s%s%s", folder, slash ? "/" : "", name);
    return path;
}

enum status folder_sync(const char *path, struct error *err) {
    enum status status = failpoint_hit("file.sync_folder", err);
    if (status != STATUS_OK)
        return status;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open folder '%s'", path);
    /* EINVAL: a file system that has nothing to sync for folders. */
    if (fsync(fd) != 0 && errno != EINVAL)
        status = error_set_errno(err, errno, "cannot fsync folder '%s'", path);
    close(fd);
    return status;
}

static enum status parent_sync(const char *path, struct error *err) {
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    while (end > 0 && path[end - 1] != '/')
        end--;
    while (end > 1 && path[end - 1] == '/')
        end--;
    char *parent = end == 0 ? strdup(".") : strndup(path, end);
    if (!parent)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    enum status status = folder_sync(parent, err);
    free(parent);
    return status;
}

bool folder_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static enum status folder_create_one(const char *path, struct error *err) {
    if (folder_exists(path))
        return STATUS_OK;
    if (mkdir(path, 0700) != 0) {
        int errnum = errno;
        return errnum == EEXIST && folder_exists(path)
                   ? STATUS_OK
                   : error_set_errno(err, errnum, "cannot create folder '%s'", path);
    }
    return parent_sync(path, err);
}

enum status folder_add(const char *path, struct error *err) {
    return folder_create_one(path, err);
}

enum status folder_create(const char *path, struct error *err) {
    char *part = strdup(path);
    if (!part)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    enum status status = STATUS_OK;
    for (char *slash = part; status == STATUS_OK && (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        status = folder_create_one(part, err);
        *slash = '/';
    }
    if (status == STATUS_OK)
        status = folder_create_one(path, err);
    free(part);
    return status;
}

/* rename that fails with EEXIST when `to` exists. */
static int rename_fresh(const char *from, const char *to) {
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    /* A file system without RENAME_NOREPLACE. A hard link never replaces; folders cannot be linked,
     * for them a look beforehand must do, and renaming over a folder that is not empty fails
     * anyway. */
    struct stat info;
    if (lstat(from, &info) == 0 && !S_ISDIR(info.st_mode))
        return link(from, to) == 0 ? unlink(from) : -1;
    if (lstat(to, &info) == 0) {
        errno = EEXIST;
        return -1;
    }
    return rename(from, to);
}

enum status path_rename(const char *from, const char *to, bool fresh, struct error *err) {
    if ((fresh ? rename_fresh(from, to) : rename(from, to)) != 0) {
        if (errno == EEXIST || errno == ENOTEMPTY)
            return error_set(err, STATUS_CONFLICT, "'%s' exists already", to);
        return error_set_errno(err, errno, "cannot rename '%s' to '%s'", from, to);
    }
    enum status status = parent_sync(to, err);
    return status == STATUS_OK ? parent_sync(from, err) : status;
}

enum status path_link(const char *from, const char *to, struct error *err) {
    if (link(from, to) != 0) {
        if (errno == EEXIST)
            return error_set(err, STATUS_CONFLICT, "'%s' exists already", to);
        return error_set_errno(err, errno, "cannot link '%s' to '%s'", to, from);
    }
    return parent_sync(to, err);
}

/* Walks by descriptors and never through a link, so that a link swapped in meanwhile cannot lead
 * out of the tree. */
static enum status remove_at(int folder, const char *name, const char *path, struct error *err);

static enum status remove_entries(DIR *stream, const char *path, struct error *err) {
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry)
            return errno ? error_set_errno(err, errno, "cannot list '%s'", path) : STATUS_OK;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        enum status status = remove_at(dirfd(stream), entry->d_name, path, err);
        if (status != STATUS_OK)
            return status;
    }
}

static enum status remove_at(int folder, const char *name, const char *path, struct error *err) {
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return STATUS_OK;
    if (errno != EISDIR && errno != EPERM)
        return error_set_errno(err, errno, "cannot remove '%s' in '%s'", name, path);
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    if (!stream) {
        int errnum = errno;
        if (fd >= 0)
            close(fd);
        return error_set_errno(err, errnum, "cannot remove '%s' in '%s'", name, path);
    }
    enum status status = remove_entries(stream, path, err);
    closedir(stream);
    if (status == STATUS_OK && unlinkat(folder, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        status = error_set_errno(err, errno, "cannot remove '%s' in '%s'", name, path);
    return status;
}

enum status path_remove(const char *path, struct error *err) {
    struct stat info;
    if (lstat(path, &info) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return STATUS_OK;
    enum status status = remove_at(AT_FDCWD, path, path, err);
    return status == STATUS_OK ? parent_sync(path, err) : status;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
    char **list;
    size_t count, room;
};

static void names_clear(struct names *names) {
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i]);
    free(names->list);
}

static bool names_add(struct names *names, const char *name) {
    char **list = array_grow(names->list, &names->room, names->count + 1, sizeof *list);
    if (!list)
        return false;
    names->list = list;
    char *copy = strdup(name);
    if (!copy)
        return false;
    names->list[names->count++] = copy;
    return true;
}

static enum status names_read(struct names *names, const char *path, struct error *err) {
    DIR *stream = opendir(path);
    if (!stream)
        return error_set_errno(err, errno, "cannot open folder '%s'", path);
    enum status status = STATUS_OK;
    const struct dirent *entry;
    while (errno = 0, status == STATUS_OK && (entry = readdir(stream)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !names_add(names, entry->d_name))
            status = error_set(err, STATUS_NO_MEMORY, "out of memory listing '%s'", path);
    if (status == STATUS_OK && errno != 0)
        status = error_set_errno(err, errno, "cannot list '%s'", path);
    closedir(stream);
    return status;
}

enum status folder_visit(const char *path,
                         enum status (*visit)(void *context, const char *name, struct error *err),
                         void *context, struct error *err) {
    struct names names = {0};
    enum status status = names_read(&names, path, err);
    if (status == STATUS_OK && names.count > 1)
        qsort(names.list, names.count, sizeof *names.list, compare_names);
    for (size_t i = 0; status == STATUS_OK && i < names.count; i++)
        status = visit(context, names.list[i], err);
    names_clear(&names);
    return status;
}

struct sweep {
    const char *path;
    size_t *removed;
    struct error *first; /* failure: the sweep goes on behind it */
};

static enum status sweep_entry(void *context, const char *name, struct error *err) {
    const struct sweep *sweep = context;
    char *path = path_join(sweep->path, name);
    if (!path)
        return error_set(err, STATUS_NO_MEMORY, "out of memory sweeping '%s'", sweep->path);
    enum status status = STATUS_OK;
    struct error failed = {0};
    struct stat info;
    if (strncmp(name, FILE_TEMPORARY_PREFIX, strlen(FILE_TEMPORARY_PREFIX)) == 0) {
        status = path_remove(path, &failed);
        *sweep->removed += status == STATUS_OK;
    } else if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        struct sweep inner = {path, sweep->removed, sweep->first};
        status = folder_visit(path, sweep_entry, &inner, &failed);
    }
    if (status != STATUS_OK)
        error_set(sweep->first, status, "%s", failed.text);
    free(path);
    return STATUS_OK;
}

enum status folder_sweep(const char *path, size_t *removed, struct error *err) {
    *removed = 0;
    struct error first = {0};
    struct sweep sweep = {path, removed, &first};
    enum status status = folder_visit(path, sweep_entry, &sweep, err);
    return status == STATUS_OK && first.status != STATUS_OK
               ? error_set(err, first.status, "%s", first.text)
               : status;
}

enum status disk_available(const char *path, uint64_t *bytes, struct error *err) {
    struct statvfs info;
    int result;
    do {
        result = statvfs(path, &info);
    } while (result != 0 && errno == EINTR);
    if (result != 0)
        return error_set_errno(err, errno, "cannot stat the file system of '%s'", path);
    *bytes = (uint64_t)info.f_bavail * (uint64_t)info.f_frsize;
    return STATUS_OK;
}

/* ---- copies by links ------------------------------------------------------------------------- */

struct link_walk {
    const struct folder_links *links;
    const char *from, *to;
    uint64_t *stamp;
};

static void stamp_add(uint64_t *stamp, const char *path, const struct stat *info) {
    uint64_t parts[4] = {*stamp, checksum(path, strlen(path)), (uint64_t)info->st_dev,
                         (uint64_t)info->st_ino};
    *stamp = checksum(parts, sizeof parts);
}

static enum status link_entry(const struct link_walk *walk, const char *from, const char *to,
                              const char *path, struct error *err) {
    struct stat info;
    if (lstat(from, &info) != 0)
        return error_set_errno(err, errno, "cannot look at '%s'", from);
    if (S_ISDIR(info.st_mode)) {
        struct folder_links inner = {walk->links->skip, path};
        stamp_add(walk->stamp, path, &info);
        return folder_link(from, to, &inner, walk->stamp, err);
    }
    if (!S_ISREG(info.st_mode))
        return STATUS_OK;
    stamp_add(walk->stamp, path, &info);
    if (to && link(from, to) != 0)
        return error_set_errno(err, errno, "cannot link '%s' to '%s'", to, from);
    return STATUS_OK;
}

static enum status link_visit(void *context, const char *name, struct error *err) {
    const struct link_walk *walk = context;
    if (strncmp(name, FILE_TEMPORARY_PREFIX, strlen(FILE_TEMPORARY_PREFIX)) == 0)
        return STATUS_OK;
    char *from = path_join(walk->from, name), *to = walk->to ? path_join(walk->to, name) : NULL,
         *path = path_join(walk->links->prefix, name);
    enum status status = STATUS_OK;
    if (!from || !path || (walk->to && !to))
        status = error_set(err, STATUS_NO_MEMORY, "out of memory linking '%s'", walk->from);
    else if (!walk->links->skip || !walk->links->skip(path))
        status = link_entry(walk, from, to, path, err);
    free(from);
    free(to);
    free(path);
    return status;
}

enum status folder_link(const char *from, const char *to, const struct folder_links *links,
                        uint64_t *stamp, struct error *err) {
    struct link_walk walk = {links, from, to, stamp};
    if (to && mkdir(to, 0700) != 0)
        return error_set_errno(err, errno, "cannot create folder '%s'", to);
    return folder_visit(from, link_visit, &walk, err);
}
