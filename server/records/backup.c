/* A copy of the data folder: first links, in an instant, then bytes, as long as it takes.
 *
 * Nothing is locked. All that counts is replaced by renames, so whatever belongs together (the
 * folder of a corpus, a job, a model, an upload) is linked until nothing in it was replaced
 * meanwhile. What moves from one kind to another (a finished model out of its job, an upload into a
 * corpus) is moved towards kinds that are linked later: it may be there twice, which a start puts
 * right, but not be missing. */
#include "server/records/backup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "server/records/backup_list.h"
#include "server/records/record.h"

#define TRIES 500          /* to find a folder at rest */
#define PAUSE_NS 10000000L /* between two of them */

struct backup {
    const char *data;
    char *folder; /* the links */
    struct backup_list *list;
    struct backup_tar *tar; /* made by the first backup_read */
};

/* ---- what is left out ------------------------------------------------------------------------ */

/* The n-th part of a path, from 0 on, and its length; "" when there are fewer. */
static const char *part_of(const char *path, size_t n, size_t *length) {
    for (; n > 0 && *path != '\0'; n--) {
        path += strcspn(path, "/");
        path += *path == '/';
    }
    *length = strcspn(path, "/");
    return path;
}

static bool part_is(const char *path, size_t n, const char *name) {
    size_t length;
    const char *part = part_of(path, n, &length);
    return length == strlen(name) && strncmp(part, name, length) == 0;
}

/* models/NAME/VERSION/files: downloads; jobs/ID/work: scratch files beside the checkpoints and the
 * best rows that they speak of. */
static bool is_left_out(const char *path) {
    size_t length;
    if (part_is(path, 0, "models"))
        return part_is(path, 3, "files");
    const char *file = part_of(path, 3, &length);
    return part_is(path, 0, "jobs") && part_is(path, 2, "work") && length > 0 &&
           strncmp(file, "checkpoint", strlen("checkpoint")) != 0 &&
           strncmp(file, "best-", strlen("best-")) != 0;
}

/* ---- links ----------------------------------------------------------------------------------- */

/* One folder, until it was at rest. */
static enum status link_settled(const struct backup *backup, const char *path, struct error *err) {
    const struct folder_links links = {is_left_out, path};
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    char *from = path_join(backup->data, path), *to = path_join(backup->folder, path);
    enum status status =
        !from || !to ? error_set(err, STATUS_NO_MEMORY, "out of memory to back up") : STATUS_OK;
    bool settled = false;
    for (int i = 0; status == STATUS_OK && !settled; i++) {
        uint64_t before = 0, after = 0;
        struct error moved = {0};
        if (!file_exists(from))
            break; /* deleted meanwhile */
        if (i == TRIES)
            status = error_set(err, STATUS_CONFLICT, "'%s' changes all the time", from);
        else if (i > 0)
            (void)nanosleep(&pause, NULL);
        if (status == STATUS_OK)
            status = path_remove(to, err);
        if (status != STATUS_OK)
            break;
        enum status linked = folder_link(from, NULL, &links, &before, &moved);
        if (linked == STATUS_OK) {
            uint64_t during = 0;
            linked = folder_link(from, to, &links, &during, &moved);
        }
        if (linked == STATUS_OK)
            linked = folder_link(from, NULL, &links, &after, &moved);
        settled = linked == STATUS_OK && before == after;
        if (linked != STATUS_OK && linked != STATUS_NOT_FOUND)
            status = error_set(err, linked, "%s", moved.text);
    }
    struct error ignored = {0}; /* swept at the next start */
    if (!settled && to)
        status_ignore(path_remove(to, &ignored));
    free(from);
    free(to);
    return status;
}

struct kind_walk {
    const struct backup *backup;
    const char *kind; /* "corpora"; "" for the data folder */
};

static bool is_folder(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* An entry of a kind: a folder of its own, or a plain file. */
static enum status visit_entry(void *context, const char *name, struct error *err) {
    const struct kind_walk *walk = context;
    const struct backup *backup = walk->backup;
    if (strncmp(name, FILE_TEMPORARY_PREFIX, strlen(FILE_TEMPORARY_PREFIX)) == 0)
        return STATUS_OK;
    char *path = walk->kind[0] != '\0' ? path_join(walk->kind, name) : strdup(name);
    char *from = path ? path_join(backup->data, path) : NULL,
         *to = path ? path_join(backup->folder, path) : NULL;
    enum status status = STATUS_OK;
    struct error failed = {0};
    if (!from || !to) {
        status = error_set(err, STATUS_NO_MEMORY, "out of memory to back up");
    } else if (is_folder(from)) {
        status = link_settled(backup, path, err);
    } else {
        status = path_link(from, to, &failed);
        if (status == STATUS_NOT_FOUND)
            status = STATUS_OK; /* deleted meanwhile */
        else if (status != STATUS_OK)
            status = error_set(err, status, "%s", failed.text);
    }
    free(path);
    free(from);
    free(to);
    return status;
}

static enum status link_kind(const struct backup *backup, const char *kind, struct error *err) {
    struct kind_walk walk = {backup, kind};
    char *from = path_join(backup->data, kind), *to = path_join(backup->folder, kind);
    enum status status =
        !from || !to ? error_set(err, STATUS_NO_MEMORY, "out of memory to back up") : STATUS_OK;
    if (status == STATUS_OK && is_folder(from)) {
        status = folder_add(to, err);
        if (status == STATUS_OK)
            status = folder_visit(from, visit_entry, &walk, err);
    }
    free(from);
    free(to);
    return status;
}

/* These come first, in this order: what is in them moves on to others. */
static const char *const first_kinds[] = {"jobs", "uploads"};
static const char *const never[] = {"LOCK", "quarantine"};

static bool is_listed(const char *const *names, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static enum status visit_kind(void *context, const char *name, struct error *err) {
    struct kind_walk walk = {context, ""};
    if (is_listed(first_kinds, sizeof first_kinds / sizeof *first_kinds, name) ||
        is_listed(never, sizeof never / sizeof *never, name))
        return STATUS_OK;
    char *path = path_join(walk.backup->data, name);
    if (!path)
        return error_set(err, STATUS_NO_MEMORY, "out of memory to back up");
    bool folder =
        is_folder(path) && strncmp(name, FILE_TEMPORARY_PREFIX, strlen(FILE_TEMPORARY_PREFIX)) != 0;
    free(path);
    return folder ? link_kind(walk.backup, name, err) : visit_entry(&walk, name, err);
}

static enum status link_all(struct backup *backup, struct error *err) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof first_kinds / sizeof *first_kinds && status == STATUS_OK; i++)
        status = link_kind(backup, first_kinds[i], err);
    return status == STATUS_OK ? folder_visit(backup->data, visit_kind, backup, err) : status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

enum status backup_open(struct backup **opened, const char *data, struct error *err) {
    char name[sizeof FILE_TEMPORARY_PREFIX + 32] = FILE_TEMPORARY_PREFIX,
                                             *format = path_join(data, "FORMAT");
    struct backup *backup = calloc(1, sizeof *backup);
    enum status status = STATUS_OK;
    if (!backup || !format)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory to back up");
    else if (!file_exists(format))
        status = error_set_key(err, STATUS_NOT_FOUND, "data",
                               "'%s' is no data folder of vecmill: it has no FORMAT", data);
    free(format);
    if (status == STATUS_OK)
        status = random_token(name + strlen(name), 32, err);
    if (status == STATUS_OK) {
        backup->data = data;
        backup->folder = path_join(data, name);
        status = backup->folder ? folder_add(backup->folder, err)
                                : error_set(err, STATUS_NO_MEMORY, "out of memory to back up");
    }
    if (status == STATUS_OK)
        status = link_all(backup, err);
    if (status == STATUS_OK)
        status = backup_list_create(&backup->list, backup->folder, err);
    if (status == STATUS_OK)
        *opened = backup;
    else
        backup_close(backup);
    return status;
}

enum status backup_read(struct backup *backup, char *bytes, size_t room, size_t *n,
                        struct error *err) {
    enum status status = STATUS_OK;
    if (!backup->tar)
        status = backup_tar_create(&backup->tar, backup->list, err);
    return status == STATUS_OK ? backup_tar_read(backup->tar, bytes, room, n, err) : status;
}

enum status backup_copy(struct backup *backup, const char *folder, struct error *err) {
    return backup_list_copy(backup->list, folder, err);
}

size_t backup_files(const struct backup *backup) {
    return backup->list->n_files;
}

uint64_t backup_bytes(const struct backup *backup) {
    return backup->list->bytes;
}

void backup_close(struct backup *backup) {
    struct error ignored = {0}; /* swept at the next start of the server */
    if (!backup)
        return;
    backup_tar_free(backup->tar);
    backup_list_free(backup->list);
    if (backup->folder)
        status_ignore(path_remove(backup->folder, &ignored));
    free(backup->folder);
    free(backup);
}
