/* The registry of served models: a reader keeps its model by reference, and nobody waits for
 * readers. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/file.h"
#include "server/models/models_private.h"

/* ---- entries: entry_find wants `lock` held, the others take it ------------------------------- */

static const char *entry_name(const void *table, size_t index) {
    const struct served_model *entries = table;
    return entries[index].name;
}

static bool entry_find(const struct models *models, const char *name, size_t *index) {
    bool found;
    *index = sorted_find(models->entries, models->n, entry_name, name, &found);
    return found;
}

/* Room for one entry more, so that entry_set cannot fail once the disk says otherwise. */
static enum status entry_reserve(struct models *models, struct error *err) {
    enum status status = STATUS_OK;
    pthread_mutex_lock(&models->lock);
    struct served_model *entries =
        array_grow(models->entries, &models->capacity, models->n + 1, sizeof *entries);
    if (entries)
        models->entries = entries;
    else
        status = error_set(err, STATUS_NO_MEMORY, "out of memory for %zu models", models->n + 1);
    pthread_mutex_unlock(&models->lock);
    return status;
}

/* Takes `model` over, or says by `why` that there is none; room was reserved. */
static void entry_set(struct models *models, const char *name, const char *version,
                      struct model *model, const char *why) {
    size_t index;
    struct model *old = NULL;
    pthread_mutex_lock(&models->lock);
    if (entry_find(models, name, &index)) {
        old = models->entries[index].model;
    } else {
        assert(models->n < models->capacity);
        struct served_model *at = &models->entries[index];
        memmove(at + 1, at, (models->n - index) * sizeof *at);
        models->n++;
        snprintf(at->name, sizeof at->name, "%s", name);
    }
    struct served_model *entry = &models->entries[index];
    entry->model = model;
    snprintf(entry->version, sizeof entry->version, "%s", version);
    snprintf(entry->reason, sizeof entry->reason, "%s", why);
    pthread_mutex_unlock(&models->lock);
    model_drop(old); /* the last reference may free gigabytes: not under the lock */
}

static bool entry_remove(struct models *models, const char *name) {
    size_t index;
    struct model *old = NULL;
    pthread_mutex_lock(&models->lock);
    bool found = entry_find(models, name, &index);
    if (found) {
        struct served_model *at = &models->entries[index];
        old = at->model;
        models->n--;
        memmove(at, at + 1, (models->n - index) * sizeof *at);
    }
    pthread_mutex_unlock(&models->lock);
    model_drop(old);
    return found;
}

/* ---- start ----------------------------------------------------------------------------------- */

/* A model of which nothing loads is not served; a folder without any version left is removed. */
static enum status leave_out(struct models *models, const char *name, const char *home,
                             struct error *err) {
    struct model_version *versions = NULL;
    size_t n = 0;
    log_about(models->logger, LOG_ERROR, "model", name,
              "model '%s' has no version that loads and is not served", name);
    enum status status = store_versions(home, &versions, &n, err);
    free(versions);
    return status == STATUS_OK && n == 0 ? path_remove(home, err) : status;
}

/* Serves the version CURRENT names, or else the newest that loads. */
static enum status serve_newest_good(struct models *models, const char *name, const char *home,
                                     struct error *err) {
    char current[MODEL_VERSION_SIZE] = "";
    struct error why = {0};
    struct model *model = NULL;
    struct model_version *versions = NULL;
    size_t n = 0;
    if (store_read_current(home, current, &why) != STATUS_OK) {
        if (load_is_unreadable(&why))
            store_set_current_aside(models->settings->data, home, name, models->logger, &why);
    } else if (load_unless(models, name, home, current, load_is_unreadable, &model, &why) ==
               STATUS_OK) {
        entry_set(models, name, current, model, "");
        return STATUS_OK;
    } else if (load_wants_memory(&why)) {
        log_about(models->logger, LOG_WARNING, "model", name, "model '%s' is not loaded: %s", name,
                  why.text);
        entry_set(models, name, current, NULL, why.text);
        return STATUS_OK;
    }
    log_about(models->logger, LOG_WARNING, "model", name,
              "model '%s' cannot be served as it was left: %s", name, why.text);
    /* it may load another day */
    bool keep_current = why.status != STATUS_NOT_FOUND && !load_is_unreadable(&why);
    enum status status = store_versions(home, &versions, &n, err);
    for (size_t i = 0; status == STATUS_OK && !model && i < n; i++) {
        struct error skipped = {0};
        const char *version = versions[i].version;
        if (strcmp(version, current) == 0)
            continue;
        if (load_unless(models, name, home, version, load_is_unreadable, &model, &skipped) ==
            STATUS_OK) {
            log_about(models->logger, LOG_WARNING, "model", name,
                      "model '%s' is served from version '%s'", name, version);
            entry_set(models, name, version, model, "");
            if (!keep_current)
                status = store_write_current(home, version, err);
        } else if (!load_is_unreadable(&skipped)) {
            log_about(models->logger, LOG_ERROR, "model", name,
                      "model '%s' version '%s' does not load: %s", name, version, skipped.text);
        }
    }
    free(versions);
    if (status == STATUS_OK && !model)
        status = leave_out(models, name, home, err);
    return status;
}

/* A folder that cannot be listed, or a file in its place. */
static void set_home_aside(struct models *models, const char *name, const char *home,
                           const struct error *why) {
    char entry[NAME_SIZE + 16], what[NAME_SIZE + 16];
    snprintf(entry, sizeof entry, "model-%s", name);
    snprintf(what, sizeof what, "model '%s'", name);
    quarantine_move(models->settings->data, entry, home, what, models->logger, why);
}

static enum status visit_home(void *context, const char *name, struct error *err) {
    struct models *models = context;
    struct error ignored = {0}, failed = {0};
    if (name_check("model", name, &ignored) != STATUS_OK)
        return STATUS_OK; /* temporaries of a crash: the server's sweep removes them */
    enum status status = entry_reserve(models, err);
    if (status != STATUS_OK)
        return status;
    char *home = path_join(models->folder, name);
    if (!home)
        return error_set(err, STATUS_NO_MEMORY, "out of memory while loading model '%s'", name);
    /* One model that cannot be served must not keep the others from it. */
    store_check_descriptions(models->settings->data, home, name, models->logger);
    labels_load(models, name, home);
    size_t index;
    if (serve_newest_good(models, name, home, &failed) != STATUS_OK) {
        log_about(models->logger, LOG_ERROR, "model", name, "model '%s': %s", name, failed.text);
        if (failed.status == STATUS_IO && !entry_find(models, name, &index))
            set_home_aside(models, name, home, &failed);
    }
    free(home);
    return STATUS_OK;
}

enum status models_open(struct models **models, const struct settings *settings,
                        const struct logger *logger, const struct kernel *kernel,
                        struct budget *budget, struct error *err) {
    struct models *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for the registry of models");
    made->settings = settings;
    made->logger = logger;
    made->kernel = kernel;
    made->budget = budget;
    pthread_mutex_init(&made->lock, NULL);
    pthread_mutex_init(&made->change, NULL);
    pthread_mutex_init(&made->export_lock, NULL);
    pthread_cond_init(&made->exported, NULL);
    made->folder = path_join(settings->data, "models");
    enum status status;
    if (!made->folder)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory for the registry of models");
    else
        status = folder_create(made->folder, err);
    if (status == STATUS_OK)
        status = folder_visit(made->folder, visit_home, made, err);
    if (status != STATUS_OK) {
        models_close(made);
        return status;
    }
    *models = made;
    return STATUS_OK;
}

void models_close(struct models *models) {
    if (!models)
        return;
    for (size_t i = 0; i < models->n; i++)
        model_drop(models->entries[i].model);
    while (cache_evict(models)) {
    }
    free(models->entries);
    free(models->cached);
    free(models->labels);
    free(models->folder);
    pthread_mutex_destroy(&models->lock);
    pthread_mutex_destroy(&models->change);
    pthread_mutex_destroy(&models->export_lock);
    pthread_cond_destroy(&models->exported);
    free(models);
}

/* ---- reading --------------------------------------------------------------------------------- */

static enum status hold_entry(struct models *models, const char *name, struct model **model,
                              char version[MODEL_VERSION_SIZE], struct error *err) {
    size_t index;
    pthread_mutex_lock(&models->lock);
    bool found = entry_find(models, name, &index);
    *model = NULL;
    if (found) {
        const struct served_model *entry = &models->entries[index];
        if (entry->model)
            *model = model_hold(entry->model);
        memcpy(version, entry->version, MODEL_VERSION_SIZE);
    }
    pthread_mutex_unlock(&models->lock);
    return found ? STATUS_OK
                 : error_set_key(err, STATUS_NOT_FOUND, "model", "no model '%.128s'", name);
}

/* Another try for a model for which there was no memory; whoever comes meanwhile waits for it. */
static enum status load_late(struct models *models, const char *name, struct model **model,
                             char version[MODEL_VERSION_SIZE], struct error *err) {
    struct model *made = NULL;
    pthread_mutex_lock(&models->change);
    enum status status = hold_entry(models, name, model, version, err);
    if (status == STATUS_OK && !*model) {
        char *home = path_join(models->folder, name);
        status = !home ? error_set(err, STATUS_NO_MEMORY, "out of memory while loading '%s'", name)
                       : load_version(models, name, home, version, &made, err);
        free(home);
        if (status == STATUS_OK) {
            *model = model_hold(made);
            entry_set(models, name, version, made, "");
            log_about(models->logger, LOG_INFO, "model", name, "model '%s' is loaded now", name);
        } else {
            entry_set(models, name, version, NULL, err->text);
        }
    }
    pthread_mutex_unlock(&models->change);
    return status;
}

enum status models_hold(struct models *models, const char *name, struct model **model,
                        char version[MODEL_VERSION_SIZE], struct error *err) {
    char held[MODEL_VERSION_SIZE];
    enum status status = hold_entry(models, name, model, held, err);
    if (status == STATUS_OK && !*model)
        status = load_late(models, name, model, held, err);
    if (status == STATUS_TOO_LARGE) /* no fault of the one who asks for the model */
        status = err->status = STATUS_NO_MEMORY;
    if (status == STATUS_OK && version)
        memcpy(version, held, sizeof held);
    return status;
}

enum status models_served_version(struct models *models, const char *name,
                                  char version[MODEL_VERSION_SIZE], struct error *err) {
    struct model *model = NULL;
    enum status status = hold_entry(models, name, &model, version, err);
    model_drop(model);
    return status;
}

size_t models_count(struct models *models) {
    pthread_mutex_lock(&models->lock);
    size_t n = models->n;
    pthread_mutex_unlock(&models->lock);
    return n;
}

bool models_has_version(struct models *models, const char *name, const char *version) {
    char *folder = record_path(models->folder, name, version);
    bool there = folder && store_has_model(folder);
    free(folder);
    return there;
}

enum status model_settings(const struct model *model, struct settings *settings,
                           struct error *err) {
    settings_init(settings);
    return settings_read_text(settings, model->info.settings, "settings of the model",
                              SETTING_OF_JOB, err);
}

char *models_home(const struct models *models, const char *name) {
    return path_join(models->folder, name);
}

/* ---- changes: the static functions want `change` held ---------------------------------------- */

enum status models_check_new(struct models *models, const char *name, struct error *err) {
    enum status status = name_check("model", name, err);
    if (status != STATUS_OK)
        return status;
    size_t index;
    pthread_mutex_lock(&models->lock);
    bool full =
        !entry_find(models, name, &index) && models->n >= (size_t)models->settings->max_models;
    pthread_mutex_unlock(&models->lock);
    if (full)
        return error_set_key(err, STATUS_CONFLICT, "max_models",
                             "cannot add model '%s': max_models is %" PRId64
                             " and that many are kept",
                             name, models->settings->max_models);
    return STATUS_OK;
}

/* Removes the oldest versions beyond max_versions; never the current one nor one that has a label.
 * What fails is logged: the next publish tries again. */
static void prune_versions(struct models *models, const char *name, const char *home,
                           const char *current) {
    struct model_version *versions = NULL;
    struct error err = {0};
    size_t n = 0, kept = 1; /* the current one, wherever it stands */
    enum status status = store_versions(home, &versions, &n, &err);
    for (size_t i = 0; status == STATUS_OK && i < n; i++) {
        char label[NAME_SIZE];
        if (strcmp(versions[i].version, current) == 0)
            continue;
        if (kept < (size_t)models->settings->max_versions) {
            kept++;
            continue;
        }
        if (label_of_version(models, name, versions[i].version, label))
            continue;
        char *path = path_join(home, versions[i].version);
        status = !path ? error_set(&err, STATUS_NO_MEMORY, "out of memory")
                       : record_discard(models->folder, path, models->logger, &err);
        free(path);
        cache_drop(models, name, versions[i].version);
        if (status == STATUS_OK)
            log_about(models->logger, LOG_INFO, "model", name,
                      "model '%s': old version '%s' removed", name, versions[i].version);
    }
    if (status != STATUS_OK)
        log_about(models->logger, LOG_WARNING, "model", name, "model '%s': old versions stay: %s",
                  name, err.text);
    free(versions);
}

static uint64_t next_sequence(const char *home) {
    struct model_version *versions = NULL;
    struct error ignored = {0};
    size_t n = 0;
    uint64_t next = 1;
    if (store_versions(home, &versions, &n, &ignored) == STATUS_OK && n > 0)
        next = versions[0].sequence + 1;
    free(versions);
    return next;
}

/* Checks the model in `folder` by loading it, then moves the folder into place. */
static enum status move_in(struct models *models, const char *name, const char *home,
                           const char *place, const char *folder, const struct publish_key *once,
                           struct model **model, struct error *err) {
    enum status status = models_check_new(models, name, err);
    if (status == STATUS_OK)
        status = load_folder(models, name, folder, model, err);
    if (status == STATUS_OK)
        status = folder_add(home, err);
    if (status == STATUS_OK)
        status = store_describe(folder, *model, next_sequence(home), once, err);
    if (status == STATUS_OK)
        store_date(folder, *model);
    /* without a model in it: an earlier failure's remains */
    if (status == STATUS_OK && file_exists(place))
        status = path_remove(place, err);
    if (status == STATUS_OK)
        status = path_rename(folder, place, true, err);
    return status;
}

/* After a failure: the folder lies where it lay, and what was refused is not served at the next
 * start. */
static void move_out(const char *home, const char *place, const char *folder) {
    struct model_version *versions = NULL;
    struct error ignored = {0}; /* then it is published at the next start, which is no harm */
    size_t n = 0;
    if (store_has_model(place) && !file_exists(folder))
        status_ignore(path_rename(place, folder, false, &ignored));
    if (store_versions(home, &versions, &n, &ignored) == STATUS_OK && n == 0)
        status_ignore(path_remove(home, &ignored));
    free(versions);
}

static enum status publish(struct models *models, const char *name, const char *version,
                           const char *folder, const struct publish_key *once, struct error *err) {
    struct model *model = NULL;
    char *home = path_join(models->folder, name);
    char *place = !home ? NULL : path_join(home, version);
    enum status status =
        !place ? error_set(err, STATUS_NO_MEMORY, "out of memory while publishing '%s'", name)
               : entry_reserve(models, err);
    if (status != STATUS_OK)
        goto fail;
    if (store_has_model(place)) { /* the rename was done already */
        status = load_version(models, name, home, version, &model, err);
        if (load_is_damage(err) && store_has_model(folder))
            error_clear(err); /* quarantined; the folder at hand takes its place */
        else if (status != STATUS_OK)
            goto fail;
    }
    if (!model)
        status = move_in(models, name, home, place, folder, once, &model, err);
    else
        status = path_remove(folder, err);
    if (status == STATUS_OK)
        status = store_write_current(home, version, err);
    if (status != STATUS_OK) {
        move_out(home, place, folder);
        goto fail;
    }
    entry_set(models, name, version, model, "");
    model = NULL;
    cache_drop(models, name, version);
    log_about(models->logger, LOG_INFO, "model", name, "model '%s' is served from version '%s'",
              name, version);
    prune_versions(models, name, home, version);
fail:
    model_drop(model);
    free(place);
    free(home);
    return status;
}

enum status models_publish(struct models *models, const char *name, const char *version,
                           const char *folder, struct error *err) {
    enum status status = name_check("model", name, err);
    if (status == STATUS_OK)
        status = name_check("version", version, err);
    if (status == STATUS_OK && strlen(version) >= MODEL_VERSION_SIZE)
        status = error_set_key(err, STATUS_REFUSED, "version",
                               "version '%.128s' is longer than %d bytes", version,
                               MODEL_VERSION_SIZE - 1);
    if (status != STATUS_OK)
        return status;
    pthread_mutex_lock(&models->change);
    status = publish(models, name, version, folder, NULL, err);
    pthread_mutex_unlock(&models->change);
    return status;
}

enum status models_publish_import(struct models *models, const char *name,
                                  char version[MODEL_VERSION_SIZE], const char *folder,
                                  const struct publish_terms *terms, bool *replayed,
                                  struct error *err) {
    enum status status = STATUS_OK;
    *replayed = false;
    pthread_mutex_lock(&models->change);
    if (terms->once)
        status = models_replay(models, name, terms, version, replayed, err);
    if (status == STATUS_OK && !*replayed)
        status = models_admit(models, name, terms, err);
    if (status == STATUS_OK && !*replayed)
        status = publish(models, name, version, folder, terms->once, err);
    pthread_mutex_unlock(&models->change);
    return status;
}

enum status models_switch(struct models *models, const char *name, const char *version,
                          struct error *err) {
    struct model *model = NULL;
    char *home = NULL;
    struct error name_error = {0};
    if (name_check("model", name, &name_error) != STATUS_OK)
        return error_set_key(err, STATUS_NOT_FOUND, "model", "no model '%.128s'", name);
    if (strlen(version) >= MODEL_VERSION_SIZE ||
        name_check("version", version, &name_error) != STATUS_OK)
        return error_set_key(err, STATUS_NOT_FOUND, "version", "model '%s' has no version '%.128s'",
                             name, version);
    pthread_mutex_lock(&models->change);
    home = path_join(models->folder, name);
    enum status status =
        !home ? error_set(err, STATUS_NO_MEMORY, "out of memory while activating '%s'", name)
              : entry_reserve(models, err);
    if (status == STATUS_OK && !(model = cache_hold(models, name, version)))
        status = load_version(models, name, home, version, &model, err);
    if (status == STATUS_OK)
        status = store_write_current(home, version, err);
    if (status == STATUS_OK) {
        entry_set(models, name, version, model, "");
        model = NULL;
        cache_drop(models, name, version);
        log_about(models->logger, LOG_INFO, "model", name, "model '%s' is served from version '%s'",
                  name, version);
    }
    pthread_mutex_unlock(&models->change);
    model_drop(model);
    free(home);
    return status;
}

void models_set_needed(struct models *models,
                       bool (*needed)(void *context, const char *name, char job[RECORD_ID_SIZE]),
                       void *context) {
    pthread_mutex_lock(&models->lock);
    models->needed = needed;
    models->needed_context = context;
    pthread_mutex_unlock(&models->lock);
}

/* Whoever needs models has a lock of its own: `lock` is not held while it is asked. */
static bool model_needed(struct models *models, const char *name, char job[RECORD_ID_SIZE]) {
    pthread_mutex_lock(&models->lock);
    bool (*needed)(void *context, const char *name, char job[RECORD_ID_SIZE]) = models->needed;
    void *context = models->needed_context;
    pthread_mutex_unlock(&models->lock);
    return needed && needed(context, name, job);
}

enum status models_remove(struct models *models, const char *name, struct error *err) {
    struct error name_error = {0};
    char job[RECORD_ID_SIZE] = "";
    if (name_check("model", name, &name_error) != STATUS_OK)
        return error_set_key(err, STATUS_NOT_FOUND, "model", "no model '%.128s'", name);
    pthread_mutex_lock(&models->change);
    char *home = path_join(models->folder, name);
    enum status status;
    if (!home)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory while removing '%s'", name);
    else if (!file_exists(home))
        status = error_set_key(err, STATUS_NOT_FOUND, "model", "no model '%s'", name);
    else if (model_needed(models, name, job)) /* it would bring the model back */
        status = error_set_key(err, STATUS_CONFLICT, "model",
                               "job '%s' trains model '%s' and has not ended: cancel it first", job,
                               name);
    else
        status = record_discard(models->folder, home, models->logger, err);
    if (status == STATUS_OK) {
        entry_remove(models, name);
        cache_drop(models, name, NULL);
        labels_forget(models, name, NULL);
        log_about(models->logger, LOG_INFO, "model", name, "model '%s' removed", name);
    }
    pthread_mutex_unlock(&models->change);
    free(home);
    return status;
}
