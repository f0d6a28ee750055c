/* The catalogue: what is on disk, the switch to a new content, links for jobs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/file.h"
#include "server/corpora/corpora_private.h"
#include "server/corpora/question_sets.h"

#define META_FILE "meta.json"

/* ---- the table ------------------------------------------------------------------------------- */

static const char *entry_name(const void *table, size_t index) {
    struct corpus_entry *const *entries = table;
    return entries[index]->info.name;
}

static struct corpus_entry *entry_find(const struct corpora *corpora, const char *name) {
    bool found;
    size_t index = sorted_find(corpora->entries, corpora->n, entry_name, name, &found);
    return found ? corpora->entries[index] : NULL;
}

/* Puts the entry in place of the one with its name, which is freed. Owns: the catalogue, on
 * success. */
static enum status entry_put(struct corpora *corpora, struct corpus_entry *entry,
                             struct error *err) {
    bool found;
    size_t index = sorted_find(corpora->entries, corpora->n, entry_name, entry->info.name, &found);
    if (found) {
        corpus_entry_free(corpora->entries[index]);
        corpora->entries[index] = entry;
        return STATUS_OK;
    }
    struct corpus_entry **entries =
        array_grow(corpora->entries, &corpora->capacity, corpora->n + 1, sizeof *entries);
    if (!entries)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for %zu corpora", corpora->n + 1);
    corpora->entries = entries;
    memmove(entries + index + 1, entries + index, (corpora->n - index) * sizeof *entries);
    entries[index] = entry;
    corpora->n++;
    return STATUS_OK;
}

static void entry_remove(struct corpora *corpora, const char *name) {
    bool found;
    size_t index = sorted_find(corpora->entries, corpora->n, entry_name, name, &found);
    if (!found)
        return;
    corpus_entry_free(corpora->entries[index]);
    corpora->n--;
    memmove(corpora->entries + index, corpora->entries + index + 1,
            (corpora->n - index) * sizeof *corpora->entries);
}

/* ---- the folder of one corpus ---------------------------------------------------------------- */

static char *content_path(const struct corpora *corpora, const struct corpus_info *info) {
    char file[48];
    snprintf(file, sizeof file, "%s.corpus", info->id);
    return record_path(corpora->folder, info->name, file);
}

static enum status entry_store(const struct corpora *corpora, const struct corpus_entry *entry,
                               struct error *err) {
    return record_write(record_path(corpora->folder, entry->info.name, META_FILE),
                        corpus_record(entry), "corpus", entry->info.name, err);
}

static void path_discard(const struct corpora *corpora, const char *path) {
    struct error err = {0};
    if (path && path_remove(path, &err) != STATUS_OK)
        log_line(corpora->logger, LOG_WARNING, "%s", err.text);
}

struct orphan_sweep {
    const struct corpora *corpora;
    const struct corpus_info *info;
};

static enum status orphan_remove(void *context, const char *file, struct error *err) {
    const struct orphan_sweep *sweep = context;
    size_t length = strlen(sweep->info->id);
    if (strcmp(file, META_FILE) == 0 || strcmp(file, CORPUS_QUESTIONS) == 0 ||
        (strncmp(file, sweep->info->id, length) == 0 && strcmp(file + length, ".corpus") == 0))
        return STATUS_OK;
    char *path = record_path(sweep->corpora->folder, sweep->info->name, file);
    if (!path)
        return error_set(err, STATUS_NO_MEMORY, "out of memory to sweep corpus '%s'",
                         sweep->info->name);
    path_discard(sweep->corpora, path);
    free(path);
    return STATUS_OK;
}

/* Checks what the record says against the disk, and removes contents that nobody names. */
static enum status entry_verify(const struct corpora *corpora, const struct corpus_entry *entry,
                                struct error *err) {
    uint64_t size = 0;
    char *folder = record_path(corpora->folder, entry->info.name, NULL),
         *path = content_path(corpora, &entry->info);
    struct orphan_sweep sweep = {corpora, &entry->info};
    enum status status = STATUS_OK;
    if (!folder || !path)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory to check corpus '%s'",
                           entry->info.name);
    if (status == STATUS_OK)
        status = file_size(path, &size, err);
    if (status == STATUS_OK && size != entry->info.bytes)
        status = error_set(err, STATUS_CORRUPT, "corpus '%s' has %llu bytes, its record says %llu",
                           entry->info.name, (unsigned long long)size,
                           (unsigned long long)entry->info.bytes);
    if (status == STATUS_OK)
        status = folder_visit(folder, orphan_remove, &sweep, err);
    free(folder);
    free(path);
    return status;
}

/* ---- start and end --------------------------------------------------------------------------- */

static bool name_valid(const char *name) {
    struct error ignored = {0};
    return name_check("corpus", name, &ignored) == STATUS_OK;
}

static enum status entry_open(void *context, const char *name, const json_t *record,
                              struct error *err) {
    struct corpora *corpora = context;
    struct corpus_entry *entry = NULL;
    enum status status = corpus_read(record, name, &entry, err);
    if (status == STATUS_OK)
        status = entry_verify(corpora, entry, err);
    if (status == STATUS_OK)
        status = entry_put(corpora, entry, err);
    if (status != STATUS_OK)
        corpus_entry_free(entry);
    return status;
}

enum status corpora_open(struct corpora **opened, const struct settings *settings,
                         const struct logger *logger, struct error *err) {
    static const struct record_kind kind = {"corpus", META_FILE, name_valid, entry_open};
    size_t swept = 0;
    struct corpora *corpora = calloc(1, sizeof *corpora);
    if (!corpora || !(corpora->folder = path_join(settings->data, "corpora"))) {
        free(corpora);
        return error_set(err, STATUS_NO_MEMORY, "out of memory to load corpora");
    }
    corpora->settings = settings;
    corpora->logger = logger;
    pthread_mutex_init(&corpora->mutex, NULL);
    enum status status =
        records_load(&kind, corpora->folder, settings->data, logger, corpora, &swept, err);
    if (status != STATUS_OK) {
        corpora_close(corpora);
        return status;
    }
    if (swept > 0)
        log_line(logger, LOG_INFO, "removed %zu unfinished uploads", swept);
    *opened = corpora;
    return STATUS_OK;
}

void corpora_close(struct corpora *corpora) {
    if (!corpora)
        return;
    for (size_t i = 0; i < corpora->n; i++)
        corpus_entry_free(corpora->entries[i]);
    pthread_mutex_destroy(&corpora->mutex);
    free(corpora->entries);
    free(corpora->folder);
    free(corpora);
}

/* ---- the switch to a new content ------------------------------------------------------------- */

enum status corpora_admit(struct corpora *corpora, const char *name, struct error *err) {
    int64_t max = corpora->settings->max_corpora;
    enum status status = name_check("corpus", name, err);
    if (status != STATUS_OK)
        return status;
    pthread_mutex_lock(&corpora->mutex);
    if (!entry_find(corpora, name) && corpora->n >= (size_t)max)
        status = error_set_key(err, STATUS_REFUSED, "max_corpora",
                               "there are %zu corpora already: max_corpora is %lld", corpora->n,
                               (long long)max);
    pthread_mutex_unlock(&corpora->mutex);
    return status;
}

/* After a failed write of meta.json: whichever content the disk names now is the current one. */
static bool disk_names(const struct corpora *corpora, const struct corpus_info *info) {
    struct error err = {0};
    struct corpus_entry *entry = NULL;
    json_t *record = NULL;
    char *path = record_path(corpora->folder, info->name, META_FILE);
    bool named = path && record_read(path, &record, &err) == STATUS_OK &&
                 corpus_read(record, info->name, &entry, &err) == STATUS_OK &&
                 strcmp(entry->info.id, info->id) == 0;
    corpus_entry_free(entry);
    json_decref(record);
    free(path);
    return named;
}

/* Locked: content into the folder, record replaced, old content dropped. Takes `entry`, also on
 * failure. */
static enum status content_switch(struct corpora *corpora, struct corpus_entry *entry,
                                  const char *staged, struct error *err) {
    const struct corpus_entry *old = entry_find(corpora, entry->info.name);
    char *folder = record_path(corpora->folder, entry->info.name, NULL),
         *path = content_path(corpora, &entry->info);
    char *replaced = !old ? NULL : content_path(corpora, &old->info);
    bool written = false;
    enum status status = STATUS_OK;
    if (!folder || !path || (old && !replaced)) {
        status = error_set(err, STATUS_NO_MEMORY, "out of memory to store corpus '%s'",
                           entry->info.name);
        goto fail;
    }
    status = folder_add(folder, err);
    if (status == STATUS_OK)
        status = path_rename(staged, path, true, err);
    if (status == STATUS_OK)
        status = entry_store(corpora, entry, err);
    written = status == STATUS_OK;
    if (!written && !disk_names(corpora, &entry->info)) {
        struct error ignored = {0};
        status_ignore(path_remove(!old ? folder : path, &ignored));
    }
    if (written)
        status = entry_put(corpora, entry, err);
    if (status == STATUS_OK) {
        path_discard(corpora, replaced);
        entry = NULL;
    }
fail:
    corpus_entry_free(entry);
    free(replaced);
    free(folder);
    free(path);
    return status;
}

/* What `key` of that owner was answered with, or NULL: others may use the same key. */
static const struct corpus_info *replay_find(const struct corpus_entry *entry, const char *key,
                                             const char *owner) {
    for (size_t i = 0; key && entry && i < entry->n_keys; i++)
        if (strcmp(entry->keys[i].key, key) == 0 && strcmp(entry->keys[i].info.owner, owner) == 0)
            return &entry->keys[i].info;
    return NULL;
}

enum status corpora_switch(struct corpora *corpora, const struct corpus_info *info, const char *key,
                           const char *staged, struct corpus_info *answer, bool *replayed,
                           struct error *err) {
    enum status status = STATUS_OK;
    pthread_mutex_lock(&corpora->mutex);
    const struct corpus_entry *old = entry_find(corpora, info->name);
    const struct corpus_info *before = replay_find(old, key, info->owner);
    *replayed = before != NULL;
    *answer = before ? *before : *info;
    if (before &&
        (strcmp(before->digest, info->digest) != 0 || strcmp(before->format, info->format) != 0)) {
        status = error_set_key(err, STATUS_REFUSED, "Idempotency-Key",
                               "Idempotency-Key '%s' was used before with another content", key);
    } else if (!before) {
        struct corpus_entry *next = corpus_entry_next(old, info, key);
        if (!next)
            status =
                error_set(err, STATUS_NO_MEMORY, "out of memory to store corpus '%s'", info->name);
        else
            status = content_switch(corpora, next, staged, err);
    }
    pthread_mutex_unlock(&corpora->mutex);
    return status;
}

/* ---- for jobs and routes --------------------------------------------------------------------- */

enum status corpora_find(struct corpora *corpora, const char *name, struct corpus_info *info,
                         struct error *err) {
    enum status status = name_check("corpus", name, err);
    if (status != STATUS_OK)
        return status;
    pthread_mutex_lock(&corpora->mutex);
    const struct corpus_entry *entry = entry_find(corpora, name);
    if (!entry)
        status = error_set_key(err, STATUS_NOT_FOUND, "corpus", "no corpus '%s'", name);
    else
        *info = entry->info;
    pthread_mutex_unlock(&corpora->mutex);
    return status;
}

enum status corpora_link(struct corpora *corpora, const char *name, const char *path,
                         struct corpus_info *info, struct error *err) {
    enum status status;
    pthread_mutex_lock(&corpora->mutex);
    const struct corpus_entry *entry = entry_find(corpora, name);
    if (!entry) {
        status = error_set_key(err, STATUS_NOT_FOUND, "corpus", "no corpus '%s'", name);
    } else {
        char *content = content_path(corpora, &entry->info);
        *info = entry->info;
        uint64_t size = 0;
        status = !content
                     ? error_set(err, STATUS_NO_MEMORY, "out of memory to link corpus '%s'", name)
                     : file_size(content, &size, err);
        if (status == STATUS_OK && size != info->bytes)
            status =
                error_set(err, STATUS_CORRUPT,
                          "corpus '%s' was changed: '%s' has %llu bytes, its record says "
                          "%llu; upload it again",
                          name, content, (unsigned long long)size, (unsigned long long)info->bytes);
        if (status == STATUS_OK)
            status = path_link(content, path, err);
        free(content);
    }
    pthread_mutex_unlock(&corpora->mutex);
    return status;
}

enum status corpora_path(struct corpora *corpora, const char *name, char **path,
                         struct corpus_info *info, struct error *err) {
    enum status status = corpora_find(corpora, name, info, err);
    if (status == STATUS_OK && !(*path = content_path(corpora, info)))
        status = error_set(err, STATUS_NO_MEMORY, "out of memory for corpus '%s'", name);
    return status;
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
            log_line(corpora->logger, LOG_WARNING, "report of corpus '%s' is not stored: %s", name,
                     err.text);
    }
    pthread_mutex_unlock(&corpora->mutex);
}

void corpora_set_needed(struct corpora *corpora, bool (*needed)(void *context, const char *name),
                        void *context) {
    pthread_mutex_lock(&corpora->mutex);
    corpora->needed = needed;
    corpora->needed_context = context;
    pthread_mutex_unlock(&corpora->mutex);
}

void corpora_set_reserved(struct corpora *corpora, uint64_t (*reserved)(void *context),
                          void *context) {
    pthread_mutex_lock(&corpora->mutex);
    corpora->reserved = reserved;
    corpora->reserved_context = context;
    pthread_mutex_unlock(&corpora->mutex);
}

uint64_t corpora_reserved(struct corpora *corpora) {
    pthread_mutex_lock(&corpora->mutex);
    uint64_t (*reserved)(void *context) = corpora->reserved;
    void *context = corpora->reserved_context;
    pthread_mutex_unlock(&corpora->mutex);
    return reserved ? reserved(context) : 0;
}

/* Whoever needs corpora has a lock of its own: ours is not held while it is asked. */
static bool corpus_needed(struct corpora *corpora, const char *name) {
    pthread_mutex_lock(&corpora->mutex);
    bool (*needed)(void *context, const char *name) = corpora->needed;
    void *context = corpora->needed_context;
    pthread_mutex_unlock(&corpora->mutex);
    return needed && needed(context, name);
}

/* Locked. */
static enum status folder_remove(struct corpora *corpora, const char *name, struct error *err) {
    char *folder = record_path(corpora->folder, name, NULL);
    enum status status =
        !folder ? error_set(err, STATUS_NO_MEMORY, "out of memory to delete corpus '%s'", name)
                : record_discard(corpora->folder, folder, corpora->logger, err);
    if (status == STATUS_OK)
        entry_remove(corpora, name);
    free(folder);
    return status;
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
        status = folder_remove(corpora, name, err);
    pthread_mutex_unlock(&corpora->mutex);
    return status;
}

uint64_t corpora_owned(struct corpora *corpora, const char *owner, const char *but) {
    uint64_t bytes = 0;
    pthread_mutex_lock(&corpora->mutex);
    for (size_t i = 0; i < corpora->n; i++) {
        const struct corpus_info *info = &corpora->entries[i]->info;
        if (strcmp(info->owner, owner) != 0)
            continue;
        uint64_t one;
        bytes += questions_bytes(corpora, info->name, NULL, &one);
        if (!(but && strcmp(info->name, but) == 0))
            bytes += info->bytes;
    }
    pthread_mutex_unlock(&corpora->mutex);
    return bytes;
}

size_t corpora_count(struct corpora *corpora, uint64_t *bytes) {
    *bytes = 0;
    pthread_mutex_lock(&corpora->mutex);
    size_t n = corpora->n;
    for (size_t i = 0; i < n; i++)
        *bytes += corpora->entries[i]->info.bytes;
    pthread_mutex_unlock(&corpora->mutex);
    return n;
}

json_t *corpora_documents(struct corpora *corpora, const struct access_key *key) {
    json_t *data = json_array();
    int failed = !data;
    pthread_mutex_lock(&corpora->mutex);
    for (size_t i = 0; i < corpora->n && !failed; i++) {
        const struct corpus_info *info = &corpora->entries[i]->info;
        if (key_reaches(key, REACH_CORPUS, info->name))
            failed |= json_array_append_new(data, corpus_document(info)) != 0;
    }
    pthread_mutex_unlock(&corpora->mutex);
    if (!failed)
        return data;
    json_decref(data);
    return NULL;
}
