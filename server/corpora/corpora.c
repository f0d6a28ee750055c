/* The catalogue: what is on disk, the switch to a new content, links for jobs. */
#include "server/corpora/corpora_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/machine.h"
#include "base/random.h"
#include "server/corpora/corpora_report.h"

#define META_LIMIT ((size_t)1 << 20)

json_t *corpus_document(const struct corpus_info *info) {
    char created[32];
    machine_format_time(info->created, created);
    json_t *report = info->scanned ? corpus_report_json(&info->report) : json_null();
    return json_pack("{s:s, s:I, s:s, s:s, s:s, s:I, s:o}", "name", info->name, "bytes",
                     (json_int_t)info->bytes, "digest", info->digest, "created", created, "format",
                     info->format, "altered", (json_int_t)info->altered, "report", report);
}

/* data/corpora/<name>/<file>; NULL when out of memory. */
static char *corpus_path(const struct corpora *corpora, const char *name, const char *file) {
    struct buffer path = {0};
    buffer_print(&path, "%s/%s", corpora->folder, name);
    if (file)
        buffer_print(&path, "/%s", file);
    return buffer_take(&path);
}

static char *content_path(const struct corpora *corpora, const struct corpus_info *info) {
    char file[48];
    snprintf(file, sizeof file, "%s.corpus", info->id);
    return corpus_path(corpora, info->name, file);
}

/* The entry of that name, or the place where it would stand. */
static size_t entry_index(const struct corpora *corpora, const char *name, bool *found) {
    size_t low = 0, high = corpora->n;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(corpora->entries[middle]->info.name, name);
        if (order == 0)
            *found = true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct corpus_entry *entry_find(const struct corpora *corpora, const char *name) {
    bool found;
    size_t index = entry_index(corpora, name, &found);
    return found ? corpora->entries[index] : NULL;
}

static void entry_free(struct corpus_entry *entry) {
    if (entry)
        free(entry->keys);
    free(entry);
}

/* Puts the entry in place of the one with its name, which is freed. Owns: the catalogue, on
 * success. */
static enum status entry_put(struct corpora *corpora, struct corpus_entry *entry,
                             struct error *err) {
    bool found;
    size_t index = entry_index(corpora, entry->info.name, &found);
    if (found) {
        entry_free(corpora->entries[index]);
        corpora->entries[index] = entry;
        return STATUS_OK;
    }
    if (corpora->n == corpora->capacity) {
        size_t capacity = corpora->capacity == 0 ? 16 : 2 * corpora->capacity;
        struct corpus_entry **entries = realloc(corpora->entries, capacity * sizeof *entries);
        if (!entries)
            return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu corpora", capacity);
        corpora->entries = entries;
        corpora->capacity = capacity;
    }
    memmove(corpora->entries + index + 1, corpora->entries + index,
            (corpora->n - index) * sizeof *corpora->entries);
    corpora->entries[index] = entry;
    corpora->n++;
    return STATUS_OK;
}

static void entry_remove(struct corpora *corpora, const char *name) {
    bool found;
    size_t index = entry_index(corpora, name, &found);
    if (!found)
        return;
    entry_free(corpora->entries[index]);
    corpora->n--;
    memmove(corpora->entries + index, corpora->entries + index + 1,
            (corpora->n - index) * sizeof *corpora->entries);
}

static json_t *info_record(const struct corpus_info *info) {
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:f}", "id", info->id, "digest", info->digest,
                     "format", info->format, "bytes", (json_int_t)info->bytes, "altered",
                     (json_int_t)info->altered, "created", info->created);
}

/* meta.json. */
static enum status entry_store(const struct corpora *corpora, const struct corpus_entry *entry,
                               struct error *err) {
    char *text = NULL, *path = NULL;
    json_t *keys = json_array(), *record = info_record(&entry->info);
    int failed = !keys || !record;
    for (size_t i = 0; i < entry->n_keys && !failed; i++) {
        json_t *key = info_record(&entry->keys[i].info);
        failed |= json_object_set_new(key, "key", json_string(entry->keys[i].key)) != 0;
        failed |= json_array_append_new(keys, key) != 0;
    }
    failed |= json_object_set_new(record, "vecmill_corpus", json_integer(1)) != 0;
    failed |= json_object_set_new(record, "name", json_string(entry->info.name)) != 0;
    failed |= json_object_set(record, "keys", keys) != 0;
    if (entry->info.scanned)
        failed |=
            json_object_set_new(record, "report", corpus_report_json(&entry->info.report)) != 0;
    if (!failed)
        text = json_dumps(record, JSON_INDENT(1));
    path = corpus_path(corpora, entry->info.name, "meta.json");
    if (!text || !path)
        error_set(err, STATUS_NO_MEMORY, "out of memory to record corpus '%s'", entry->info.name);
    else
        status_ignore(file_replace(path, text, strlen(text), err));
    json_decref(keys);
    json_decref(record);
    free(text);
    free(path);
    return err->status;
}

static bool copy_string(const json_t *object, const char *name, char *text, size_t size) {
    const char *value = json_string_value(json_object_get(object, name));
    if (!value || strlen(value) >= size)
        return false;
    memcpy(text, value, strlen(value) + 1);
    return true;
}

static bool info_read(const json_t *record, struct corpus_info *info) {
    if (!copy_string(record, "id", info->id, sizeof info->id) || strlen(info->id) != 32 ||
        strspn(info->id, "0123456789abcdef") != 32)
        return false;
    if (!copy_string(record, "digest", info->digest, sizeof info->digest) ||
        !copy_string(record, "format", info->format, sizeof info->format))
        return false;
    if (strcmp(info->format, "text") != 0 && strcmp(info->format, "tokens") != 0)
        return false;
    json_int_t bytes = json_integer_value(json_object_get(record, "bytes"));
    json_int_t altered = json_integer_value(json_object_get(record, "altered"));
    if (bytes <= 0 || altered < 0)
        return false;
    info->bytes = (uint64_t)bytes;
    info->altered = (uint64_t)altered;
    info->created = json_number_value(json_object_get(record, "created"));
    const json_t *report = json_object_get(record, "report");
    info->scanned = json_is_object(report);
    if (info->scanned)
        corpus_report_read(report, &info->report);
    return true;
}

/* The record of one folder; NULL with CORRUPT when it does not hold together. */
static enum status entry_load(const struct corpora *corpora, const char *name,
                              struct corpus_entry **loaded, struct error *err) {
    char *path = corpus_path(corpora, name, "meta.json"), *text = NULL;
    struct corpus_entry *entry = calloc(1, sizeof *entry);
    json_t *record = NULL;
    size_t length = 0;
    if (!path || !entry) {
        error_set(err, STATUS_NO_MEMORY, "out of memory to load corpus '%s'", name);
        goto fail;
    }
    if (file_read(path, META_LIMIT, &text, &length, err) != STATUS_OK ||
        json_parse(text, length, 8, &record, err) != STATUS_OK)
        goto fail;
    snprintf(entry->info.name, sizeof entry->info.name, "%s", name);
    const json_t *keys = json_object_get(record, "keys");
    size_t n_keys = json_array_size(keys);
    if (!info_read(record, &entry->info) || n_keys > CORPUS_KEYS) {
        error_set(err, STATUS_CORRUPT, "record of corpus '%s' does not hold together", name);
        goto fail;
    }
    entry->keys = calloc(n_keys + 1, sizeof *entry->keys);
    if (!entry->keys) {
        error_set(err, STATUS_NO_MEMORY, "out of memory to load corpus '%s'", name);
        goto fail;
    }
    for (size_t i = 0; i < n_keys; i++) {
        struct upload_key *key = &entry->keys[entry->n_keys];
        const json_t *row = json_array_get(keys, i);
        memcpy(key->info.name, entry->info.name, sizeof key->info.name);
        if (info_read(row, &key->info) && copy_string(row, "key", key->key, sizeof key->key))
            entry->n_keys++;
    }
    *loaded = entry;
    entry = NULL;
fail:
    json_decref(record);
    entry_free(entry);
    free(text);
    free(path);
    return err->status;
}

struct orphan_sweep {
    const struct corpora *corpora;
    const struct corpus_info *info;
};

static enum status orphan_remove(void *context, const char *file, struct error *err) {
    const struct orphan_sweep *sweep = context;
    size_t length = strlen(sweep->info->id);
    if (strcmp(file, "meta.json") == 0 ||
        (strncmp(file, sweep->info->id, length) == 0 && strcmp(file + length, ".corpus") == 0))
        return STATUS_OK;
    char *path = corpus_path(sweep->corpora, sweep->info->name, file);
    if (!path)
        return error_set(err, STATUS_NO_MEMORY, "out of memory to sweep corpus '%s'",
                         sweep->info->name);
    status_ignore(path_remove(path, err));
    free(path);
    return err->status;
}

/* Checks what the record says against the disk, and removes contents that nobody names. */
static enum status entry_verify(const struct corpora *corpora, const struct corpus_entry *entry,
                                struct error *err) {
    uint64_t size = 0;
    char *folder = corpus_path(corpora, entry->info.name, NULL),
         *path = content_path(corpora, &entry->info);
    struct orphan_sweep sweep = {corpora, &entry->info};
    if (!folder || !path)
        error_set(err, STATUS_NO_MEMORY, "out of memory to check corpus '%s'", entry->info.name);
    else if (file_size(path, &size, err) == STATUS_OK && size != entry->info.bytes)
        error_set(err, STATUS_CORRUPT, "corpus '%s' has %llu bytes, its record says %llu",
                  entry->info.name, (unsigned long long)size,
                  (unsigned long long)entry->info.bytes);
    else if (err->status == STATUS_OK)
        status_ignore(folder_visit(folder, orphan_remove, &sweep, err));
    free(folder);
    free(path);
    return err->status;
}

/* Moves what cannot be served out of the way, so that a person can look at it. */
static void corpus_quarantine(const struct corpora *corpora, const char *name,
                              const struct error *reason) {
    struct error err = {0};
    struct buffer to = {0};
    char token[9] = "";
    char *from = corpus_path(corpora, name, NULL),
         *folder = path_join(corpora->server->settings.data, "quarantine");
    status_ignore(random_token(token, 8, &err));
    if (folder)
        buffer_print(&to, "%s/corpus-%s-%s", folder, name, token);
    if (!from || !folder || to.failed)
        error_set(&err, STATUS_NO_MEMORY, "out of memory");
    else if (folder_create(folder, &err) == STATUS_OK)
        status_ignore(path_rename(from, to.data, true, &err));
    log_line(&corpora->server->logger, LOG_ERROR, "corpus '%s' is damaged (%s): %s %s", name,
             reason->text, err.status == STATUS_OK ? "moved to" : "cannot be moved away:",
             err.status == STATUS_OK ? to.data : err.text);
    free(from);
    free(folder);
    buffer_clear(&to);
}

static enum status corpus_open(void *context, const char *name, struct error *err) {
    struct corpora *corpora = context;
    struct corpus_entry *entry = NULL;
    struct error reason = {0}, ignored = {0};
    char *meta = corpus_path(corpora, name, "meta.json"),
         *folder = corpus_path(corpora, name, NULL);
    if (!meta || !folder) {
        error_set(err, STATUS_NO_MEMORY, "out of memory to load corpora");
    } else if (name_check("corpus", name, &ignored) != STATUS_OK) {
        log_line(&corpora->server->logger, LOG_WARNING, "'%s' is not a corpus: left alone", folder);
    } else if (!file_exists(meta)) { /* an upload that never reached its switch */
        status_ignore(path_remove(folder, err));
    } else if (entry_load(corpora, name, &entry, &reason) == STATUS_OK &&
               entry_verify(corpora, entry, &reason) == STATUS_OK) {
        if (entry_put(corpora, entry, err) == STATUS_OK)
            entry = NULL;
    } else if (reason.status == STATUS_NO_MEMORY || reason.status == STATUS_IO) {
        error_set(err, reason.status, "%s", reason.text);
    } else {
        corpus_quarantine(corpora, name, &reason);
    }
    entry_free(entry);
    free(meta);
    free(folder);
    return err->status;
}

enum status corpora_open(struct corpora **opened, const struct server *server, struct error *err) {
    size_t swept = 0;
    struct corpora *corpora = calloc(1, sizeof *corpora);
    if (!corpora || !(corpora->folder = path_join(server->settings.data, "corpora"))) {
        free(corpora);
        return error_set(err, STATUS_NO_MEMORY, "out of memory to load corpora");
    }
    corpora->server = server;
    pthread_mutex_init(&corpora->mutex, NULL);
    if (folder_create(corpora->folder, err) != STATUS_OK ||
        folder_sweep(corpora->folder, &swept, err) != STATUS_OK ||
        folder_visit(corpora->folder, corpus_open, corpora, err) != STATUS_OK) {
        corpora_close(corpora);
        return err->status;
    }
    if (swept > 0)
        log_line(&server->logger, LOG_INFO, "removed %zu unfinished uploads", swept);
    *opened = corpora;
    return STATUS_OK;
}

void corpora_close(struct corpora *corpora) {
    if (!corpora)
        return;
    for (size_t i = 0; i < corpora->n; i++)
        entry_free(corpora->entries[i]);
    pthread_mutex_destroy(&corpora->mutex);
    free(corpora->entries);
    free(corpora->folder);
    free(corpora);
}

enum status corpora_admit(struct corpora *corpora, const char *name, struct error *err) {
    if (name_check("corpus", name, err) != STATUS_OK)
        return err->status;
    int64_t max = corpora->server->settings.max_corpora;
    pthread_mutex_lock(&corpora->mutex);
    if (!entry_find(corpora, name) && corpora->n >= (size_t)max)
        error_set_key(err, STATUS_REFUSED, "max_corpora",
                      "there are %zu corpora already: max_corpora is %lld", corpora->n,
                      (long long)max);
    pthread_mutex_unlock(&corpora->mutex);
    return err->status;
}

/* A copy of `old` (or nothing) with `info` as the content and `key` remembered. */
static struct corpus_entry *entry_next(const struct corpus_entry *old,
                                       const struct corpus_info *info, const char *key) {
    struct corpus_entry *entry = calloc(1, sizeof *entry);
    size_t kept = !old ? 0 : old->n_keys, skip = 0;
    if (!entry)
        return NULL;
    entry->info = *info;
    if (key && kept == CORPUS_KEYS)
        skip = 1;
    entry->keys = calloc(kept + 1, sizeof *entry->keys);
    if (!entry->keys) {
        free(entry);
        return NULL;
    }
    for (size_t i = skip; i < kept; i++)
        entry->keys[entry->n_keys++] = old->keys[i];
    if (key) {
        struct upload_key *last = &entry->keys[entry->n_keys++];
        snprintf(last->key, sizeof last->key, "%s", key);
        last->info = *info;
    }
    return entry;
}

/* After a failed write of meta.json: whichever content the disk names now is the current one. */
static bool disk_names(const struct corpora *corpora, const struct corpus_info *info) {
    struct error err = {0};
    struct corpus_entry *entry = NULL;
    bool named = entry_load(corpora, info->name, &entry, &err) == STATUS_OK && entry &&
                 strcmp(entry->info.id, info->id) == 0;
    entry_free(entry);
    return named;
}

static void path_discard(const struct corpora *corpora, char *path) {
    struct error err = {0};
    if (path && path_remove(path, &err) != STATUS_OK)
        log_line(&corpora->server->logger, LOG_WARNING, "%s", err.text);
    free(path);
}

/* Locked: content into the folder, record replaced, old content dropped. */
static enum status content_switch(struct corpora *corpora, struct corpus_entry *entry,
                                  const char *staged, struct error *err) {
    const struct corpus_entry *old = entry_find(corpora, entry->info.name);
    char *folder = corpus_path(corpora, entry->info.name, NULL),
         *path = content_path(corpora, &entry->info);
    char *replaced = !old ? NULL : content_path(corpora, &old->info);
    if (!folder || !path || (old && !replaced)) {
        error_set(err, STATUS_NO_MEMORY, "out of memory to store corpus '%s'", entry->info.name);
    } else if (folder_create(folder, err) == STATUS_OK &&
               path_rename(staged, path, true, err) == STATUS_OK &&
               entry_store(corpora, entry, err) == STATUS_OK) {
        if (entry_put(corpora, entry, err) == STATUS_OK) {
            path_discard(corpora, replaced);
            replaced = NULL;
        }
    } else if (!disk_names(corpora, &entry->info)) {
        struct error ignored = {0};
        status_ignore(path_remove(!old ? folder : path, &ignored));
    }
    free(replaced);
    free(folder);
    free(path);
    return err->status;
}

enum status corpora_switch(struct corpora *corpora, const struct corpus_info *info, const char *key,
                           const char *staged, struct corpus_info *answer, bool *replayed,
                           struct error *err) {
    struct corpus_entry *next = NULL;
    *replayed = false;
    pthread_mutex_lock(&corpora->mutex);
    const struct corpus_entry *old = entry_find(corpora, info->name);
    for (size_t i = 0; key && old && i < old->n_keys && !*replayed; i++) {
        if (strcmp(old->keys[i].key, key) != 0)
            continue;
        *replayed = true;
        *answer = old->keys[i].info;
        if (strcmp(answer->digest, info->digest) != 0 || strcmp(answer->format, info->format) != 0)
            error_set_key(err, STATUS_REFUSED, "Idempotency-Key",
                          "Idempotency-Key '%s' was used before with another content", key);
    }
    if (!*replayed) {
        *answer = *info;
        next = entry_next(old, info, key);
        if (!next)
            error_set(err, STATUS_NO_MEMORY, "out of memory to store corpus '%s'", info->name);
        else if (content_switch(corpora, next, staged, err) == STATUS_OK)
            next = NULL;
    }
    entry_free(next);
    pthread_mutex_unlock(&corpora->mutex);
    return err->status;
}

enum status corpora_find(struct corpora *corpora, const char *name, struct corpus_info *info,
                         struct error *err) {
    if (name_check("corpus", name, err) != STATUS_OK)
        return err->status;
    pthread_mutex_lock(&corpora->mutex);
    const struct corpus_entry *entry = entry_find(corpora, name);
    if (!entry)
        error_set_key(err, STATUS_NOT_FOUND, "corpus", "no corpus '%s'", name);
    else
        *info = entry->info;
    pthread_mutex_unlock(&corpora->mutex);
    return err->status;
}

enum status corpora_link(struct corpora *corpora, const char *name, const char *path,
                         struct corpus_info *info, struct error *err) {
    pthread_mutex_lock(&corpora->mutex);
    const struct corpus_entry *entry = entry_find(corpora, name);
    if (!entry) {
        error_set_key(err, STATUS_NOT_FOUND, "corpus", "no corpus '%s'", name);
    } else {
        char *content = content_path(corpora, &entry->info);
        *info = entry->info;
        if (!content)
            error_set(err, STATUS_NO_MEMORY, "out of memory to link corpus '%s'", name);
        else
            status_ignore(path_link(content, path, err));
        free(content);
    }
    pthread_mutex_unlock(&corpora->mutex);
    return err->status;
}

void corpora_note_report(struct corpora *corpora, const char *name, const char *digest,
                         const struct corpus_report *report) {
    struct error err = {0};
    pthread_mutex_lock(&corpora->mutex);
    struct corpus_entry *entry = entry_find(corpora, name);
    if (entry && strcmp(entry->info.digest, digest) == 0) {
        entry->info.scanned = true;
        entry->info.report = *report;
        if (entry_store(corpora, entry, &err) != STATUS_OK)
            log_line(&corpora->server->logger, LOG_WARNING,
                     "report of corpus '%s' is not stored: %s", name, err.text);
    }
    pthread_mutex_unlock(&corpora->mutex);
}

/* Locked. The folder leaves in one rename, so that a crash can not leave half a corpus behind. */
static enum status corpus_remove(struct corpora *corpora, const char *name, struct error *err) {
    char token[17], aside[32];
    char *folder = corpus_path(corpora, name, NULL), *to = NULL;
    if (random_token(token, 16, err) == STATUS_OK) {
        snprintf(aside, sizeof aside, "%s%s", FILE_TEMPORARY_PREFIX, token);
        to = path_join(corpora->folder, aside);
        if (!folder || !to)
            error_set(err, STATUS_NO_MEMORY, "out of memory to delete corpus '%s'", name);
        else if (path_rename(folder, to, true, err) == STATUS_OK) {
            entry_remove(corpora, name);
            path_discard(corpora, to);
            to = NULL;
        }
    }
    free(folder);
    free(to);
    return err->status;
}

void corpora_set_needed(struct corpora *corpora, bool (*needed)(void *context, const char *name),
                        void *context) {
    pthread_mutex_lock(&corpora->mutex);
    corpora->needed = needed;
    corpora->needed_context = context;
    pthread_mutex_unlock(&corpora->mutex);
}

static bool corpus_needed(struct corpora *corpora, const char *name) {
    pthread_mutex_lock(&corpora->mutex);
    bool (*needed)(void *context, const char *name) = corpora->needed;
    void *context = corpora->needed_context;
    pthread_mutex_unlock(&corpora->mutex);
    return needed && needed(context, name);
}

enum status corpora_remove(struct corpora *corpora, const char *name, struct error *err) {
    enum status status = name_check("corpus", name, err);
    if (status != STATUS_OK)
        return status;
    bool needed = corpus_needed(corpora, name);
    pthread_mutex_lock(&corpora->mutex);
    if (!entry_find(corpora, name))
        status = error_set_key(err, STATUS_NOT_FOUND, "corpus", "no corpus '%s'", name);
    else if (needed)
        status = error_set_key(err, STATUS_CONFLICT, "corpus",
                               "corpus '%s' is needed by a job that has not ended", name);
    else
        status = corpus_remove(corpora, name, err);
    pthread_mutex_unlock(&corpora->mutex);
    return status;
}

json_t *corpora_documents(struct corpora *corpora) {
    json_t *data = json_array();
    int failed = !data;
    pthread_mutex_lock(&corpora->mutex);
    for (size_t i = 0; i < corpora->n && !failed; i++)
        failed |= json_array_append_new(data, corpus_document(&corpora->entries[i]->info)) != 0;
    pthread_mutex_unlock(&corpora->mutex);
    if (!failed)
        return data;
    json_decref(data);
    return NULL;
}
