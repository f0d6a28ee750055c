#include "server/records/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/random.h"

#define RECORD_LIMIT ((size_t)1 << 20)
#define RECORD_DEPTH 8
#define RECORD_CHECKSUM "checksum" /* the member that holds it */

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

/* Of all members but the checksum's own, whatever their order and the white space in the file. */
static bool record_checksum(const json_t *record, char text[CHECKSUM_TEXT_SIZE]) {
    char *members = json_dumps(record, JSON_COMPACT | JSON_SORT_KEYS);
    if (members)
        checksum_text(checksum(members, strlen(members)), text);
    free(members);
    return members != NULL;
}

/* A member that holds a checksum under another name is the checksum with its name damaged. */
static bool names_no_checksum(const json_t *record) {
    for (void *at = json_object_iter((json_t *)(uintptr_t)record); at;
         at = json_object_iter_next((json_t *)(uintptr_t)record, at)) {
        const char *value = json_string_value(json_object_iter_value(at));
        if (value && strlen(value) == CHECKSUM_TEXT_SIZE - 1 &&
            strncmp(value, CHECKSUM_PREFIX, strlen(CHECKSUM_PREFIX)) == 0 &&
            strcmp(json_object_iter_key(at), RECORD_CONTENT_CHECKSUM) != 0)
            return false;
    }
    return true;
}

/* Takes the checksum out, and holds it against the rest. Records of earlier versions have none. */
static enum status record_verify(json_t *record, const char *path, struct error *err) {
    char found[CHECKSUM_TEXT_SIZE];
    const json_t *member = json_object_get(record, RECORD_CHECKSUM);
    if (!member)
        return names_no_checksum(record)
                   ? STATUS_OK
                   : error_set(err, STATUS_CORRUPT, "'%s' was changed: its checksum has no name",
                               path);
    json_t *kept = json_incref((json_t *)(uintptr_t)member);
    const char *wanted = json_string_value(kept);
    enum status status = STATUS_OK;
    json_object_del(record, RECORD_CHECKSUM);
    if (!record_checksum(record, found))
        status = error_set(err, STATUS_NO_MEMORY, "out of memory to check '%s'", path);
    else if (!wanted || strcmp(wanted, found) != 0)
        status =
            error_set(err, STATUS_CORRUPT, "'%s' was changed: its checksum is %s, it says %.40s",
                      path, found, wanted ? wanted : "none");
    json_decref(kept);
    return status;
}

enum status record_read(const char *path, json_t **record, struct error *err) {
    char *text = NULL;
    size_t length = 0;
    enum status status = file_read(path, RECORD_LIMIT, &text, &length, err);
    if (status == STATUS_OK)
        status = json_parse(text, length, RECORD_DEPTH, record, err);
    if (status == STATUS_OK)
        status = record_verify(*record, path, err);
    if (status != STATUS_OK) {
        json_decref(*record);
        *record = NULL;
    }
    free(text);
    return status;
}

enum status record_write(char *path, json_t *record, const char *what, const char *name,
                         struct error *err) {
    char sum[CHECKSUM_TEXT_SIZE], *text = NULL;
    if (record && record_checksum(record, sum) &&
        json_object_set_new(record, RECORD_CHECKSUM, json_string(sum)) == 0)
        text = json_dumps(record, JSON_INDENT(1));
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

struct listing {
    json_t *names;
    size_t max, n;
};

static enum status quarantine_visit(void *context, const char *name, struct error *err) {
    struct listing *listing = context;
    (void)err;
    if (listing->n++ < listing->max)
        json_array_append_new(listing->names, json_words(name, strlen(name)));
    return STATUS_OK;
}

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
        status = folder_add(folder, &err);
    if (status == STATUS_OK)
        status = path_rename(from, to.data, true, &err);
    log_line(logger, LOG_ERROR, "%s is damaged (%s): %s %s", what, why->text,
             status == STATUS_OK ? "moved to" : "cannot be moved away:",
             status == STATUS_OK ? to.data : err.text);
    free(folder);
    buffer_clear(&to);
}

enum status quarantine_list(const char *data, size_t max, json_t *names, size_t *n,
                            struct error *err) {
    struct listing listing = {names, max, 0};
    char *folder = path_join(data, "quarantine");
    struct file_state state;
    *n = 0;
    if (!folder)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    enum status status = file_state(folder, &state, err);
    if (status == STATUS_OK)
        status = folder_visit(folder, quarantine_visit, &listing, err);
    else if (status == STATUS_NOT_FOUND) {
        error_clear(err);
        status = STATUS_OK;
    }
    *n = listing.n;
    free(folder);
    return status;
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
    struct file_state state;
    enum status status = STATUS_OK;
    char *path = record_path(loading->folder, name, kind->file),
         *folder = record_path(loading->folder, name, NULL);
    if (!path || !folder) {
        status =
            error_set(err, STATUS_NO_MEMORY, "out of memory to load %s '%s'", kind->what, name);
    } else if (!kind->name_valid(name)) {
        log_line(loading->logger, LOG_WARNING, "'%s' is not a %s: left alone", folder, kind->what);
    } else if (file_state(path, &state, &reason) == STATUS_NOT_FOUND) { /* never acknowledged */
        struct error left = {0};
        if (path_remove(folder, &left) != STATUS_OK)
            log_line(loading->logger, LOG_WARNING, "%s", left.text);
    } else {
        enum status taken = reason.status;
        if (taken == STATUS_OK)
            taken = record_take(loading, name, path, &reason);
        if (taken == STATUS_NO_MEMORY)
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
    struct error left = {0};
    enum status status = folder_create(folder, err);
    if (status == STATUS_OK && folder_sweep(folder, swept, &left) != STATUS_OK)
        log_line(logger, LOG_WARNING, "temporary files are left over: %s", left.text);
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
