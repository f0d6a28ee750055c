#include "server/records/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/random.h"

#define RECORD_LIMIT ((size_t)1 << 20)
#define RECORD_DEPTH 8

enum status record_id_create(char id[RECORD_ID_SIZE], struct error *err) {
    return random_token(id, RECORD_ID_SIZE - 1, err);
}

bool record_id_valid(const char *id) {
    return strlen(id) == RECORD_ID_SIZE - 1 && strspn(id, "0123456789abcdef") == RECORD_ID_SIZE - 1;
}

char *record_path(const char *folder, const char *name, const char *file) {
    struct buffer path = {0};
    buffer_print(&path, "%s/%s", folder, name);
    if (file)
        buffer_print(&path, "/%s", file);
    if (path.failed)
        buffer_clear(&path);
    return buffer_take(&path);
}

enum status record_discard(const char *folder, const char *path, const struct logger *logger,
                           struct error *err) {
    char name[sizeof FILE_TEMPORARY_PREFIX + 32] = FILE_TEMPORARY_PREFIX;
    enum status status = random_token(name + strlen(name), 32, err);
    if (status != STATUS_OK)
        return status;
    char *trash = path_join(folder, name);
    if (!trash)
        return error_set(err, STATUS_NO_MEMORY, "out of memory while removing '%s'", path);
    status = path_rename(path, trash, true, err);
    if (status == STATUS_OK) {
        struct error left = {0};
        if (path_remove(trash, &left) != STATUS_OK)
            log_line(logger, LOG_WARNING, "%s", left.text);
    }
    free(trash);
    return status;
}

enum status record_read(const char *path, json_t **record, struct error *err) {
    char *text = NULL;
    size_t length = 0;
    enum status status = file_read(path, RECORD_LIMIT, &text, &length, err);
    if (status == STATUS_OK)
        status = json_parse(text, length, RECORD_DEPTH, record, err);
    free(text);
    return status;
}

enum status record_write(char *path, json_t *record, const char *what, const char *name,
                         struct error *err) {
    char *text = !record ? NULL : json_dumps(record, JSON_INDENT(1));
    enum status status = !text || !path ? error_set(err, STATUS_NO_MEMORY,
                                                    "out of memory to record %s '%s'", what, name)
                                        : file_replace(path, text, strlen(text), err);
    json_decref(record);
    free(path);
    free(text);
    return status;
}

bool record_string(const json_t *record, const char *name, char *text, size_t size) {
    const char *value = json_string_value(json_object_get(record, name));
    if (!value || strlen(value) >= size)
        return false;
    memcpy(text, value, strlen(value) + 1);
    return true;
}

/* ---- quarantine ------------------------------------------------------------------------------ */

void quarantine_move(const char *data, const char *entry, const char *from, const char *what,
                     const struct logger *logger, const struct error *why) {
    struct error err = {0};
    struct buffer to = {0};
    char token[17] = "";
    char *folder = path_join(data, "quarantine");
    enum status status = random_token(token, 16, &err);
    if (folder)
        buffer_print(&to, "%s/%s-%s", folder, entry, token);
    if (status == STATUS_OK && (!folder || to.failed))
        status = error_set(&err, STATUS_NO_MEMORY, "out of memory");
    if (status == STATUS_OK)
        status = folder_create(folder, &err);
    if (status == STATUS_OK)
        status = path_rename(from, to.data, true, &err);
    log_line(logger, LOG_ERROR, "%s is damaged (%s): %s %s", what, why->text,
             status == STATUS_OK ? "moved to" : "cannot be moved away:",
             status == STATUS_OK ? to.data : err.text);
    free(folder);
    buffer_clear(&to);
}

/* ---- loading --------------------------------------------------------------------------------- */

struct loading {
    const struct record_kind *kind;
    const char *folder, *data;
    const struct logger *logger;
    void *context;
};

static enum status record_take(const struct loading *loading, const char *name, const char *path,
                               struct error *err) {
    json_t *record = NULL;
    enum status status = record_read(path, &record, err);
    if (status == STATUS_OK)
        status = loading->kind->load(loading->context, name, record, err);
    json_decref(record);
    return status;
}

static void record_quarantine(const struct loading *loading, const char *name, const char *folder,
                              const struct error *why) {
    char entry[300], what[300];
    snprintf(entry, sizeof entry, "%s-%s", loading->kind->what, name);
    snprintf(what, sizeof what, "%s '%s'", loading->kind->what, name);
    quarantine_move(loading->data, entry, folder, what, loading->logger, why);
}

static enum status record_visit(void *context, const char *name, struct error *err) {
    const struct loading *loading = context;
    const struct record_kind *kind = loading->kind;
    struct error reason = {0};
    enum status status = STATUS_OK;
    char *path = record_path(loading->folder, name, kind->file),
         *folder = record_path(loading->folder, name, NULL);
    if (!path || !folder) {
        status =
            error_set(err, STATUS_NO_MEMORY, "out of memory to load %s '%s'", kind->what, name);
    } else if (!kind->name_valid(name)) {
        log_line(loading->logger, LOG_WARNING, "'%s' is not a %s: left alone", folder, kind->what);
    } else if (!file_exists(path)) { /* never acknowledged */
        status = path_remove(folder, err);
    } else {
        enum status taken = record_take(loading, name, path, &reason);
        if (taken == STATUS_NO_MEMORY || taken == STATUS_IO)
            status = error_set(err, taken, "%s", reason.text);
        else if (taken != STATUS_OK)
            record_quarantine(loading, name, folder, &reason);
    }
    free(path);
    free(folder);
    return status;
}

enum status records_load(const struct record_kind *kind, const char *folder, const char *data,
                         const struct logger *logger, void *context, size_t *swept,
                         struct error *err) {
    struct loading loading = {kind, folder, data, logger, context};
    enum status status = folder_create(folder, err);
    if (status == STATUS_OK)
        status = folder_sweep(folder, swept, err);
    if (status == STATUS_OK)
        status = folder_visit(folder, record_visit, &loading, err);
    return status;
}

size_t sorted_find(const void *table, size_t n,
                   const char *(*name_at)(const void *table, size_t index), const char *name,
                   bool *found) {
    size_t low = 0, high = n;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name_at(table, middle), name);
        *found = *found || order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
