/* One version of a model, by its name or by a label: asking it, deleting it, labels. */
#include <stdlib.h>
#include <string.h>

#include "server/models/models_private.h"

static bool is_version_name(const char *asked) {
    struct error ignored = {0};
    return strlen(asked) < MODEL_VERSION_SIZE &&
           name_check("version", asked, &ignored) == STATUS_OK;
}

enum status models_resolve(struct models *models, const char *name, const char *asked,
                           char version[MODEL_VERSION_SIZE], struct error *err) {
    struct model_label label;
    if (label_find(models, name, asked, &label)) {
        memcpy(version, label.version, MODEL_VERSION_SIZE);
        return STATUS_OK;
    }
    if (is_version_name(asked) && models_has_version(models, name, asked)) {
        memcpy(version, asked, strlen(asked) + 1);
        return STATUS_OK;
    }
    return error_set_key(err, STATUS_NOT_FOUND, "version",
                         "model '%s' has no version or label '%.128s'", name, asked);
}

/* Loads it unless somebody did meanwhile; whoever comes meanwhile waits. */
static enum status load_other(struct models *models, const char *name, const char *version,
                              struct model **model, struct error *err) {
    pthread_mutex_lock(&models->change);
    enum status status = STATUS_OK;
    *model = cache_hold(models, name, version);
    if (!*model) {
        char *home = models_home(models, name);
        status = !home ? error_set(err, STATUS_NO_MEMORY, "out of memory while loading '%s'", name)
                       : load_version(models, name, home, version, model, err);
        free(home);
        if (status == STATUS_OK)
            cache_put(models, name, version, *model);
    }
    pthread_mutex_unlock(&models->change);
    return status;
}

enum status models_hold_version(struct models *models, const char *name, const char *asked,
                                struct model **model, char version[MODEL_VERSION_SIZE],
                                struct error *err) {
    char wanted[MODEL_VERSION_SIZE], served[MODEL_VERSION_SIZE];
    if (!asked)
        return models_hold(models, name, model, version, err);
    enum status status = models_served_version(models, name, served, err);
    if (status == STATUS_OK)
        status = models_resolve(models, name, asked, wanted, err);
    if (status != STATUS_OK)
        return status;
    if (strcmp(wanted, served) == 0) {
        status = models_hold(models, name, model, served, err);
        /* Nearly always; else another one was activated at this moment. */
        if (status != STATUS_OK || strcmp(wanted, served) == 0)
            goto done;
        model_drop(*model);
    }
    *model = cache_hold(models, name, wanted);
    if (!*model)
        status = load_other(models, name, wanted, model, err);
    if (status == STATUS_TOO_LARGE) /* no fault of the one who asks for the version */
        status = err->status = STATUS_NO_MEMORY;
done:
    if (status == STATUS_OK && version)
        memcpy(version, wanted, sizeof wanted);
    return status;
}

enum status models_hold_or_suggest(struct models *models, const struct access_key *key,
                                   const char *name, const char *asked, struct model **model,
                                   char version[MODEL_VERSION_SIZE], struct buffer *members,
                                   struct error *err) {
    enum status status = key_check_reach(key, REACH_MODEL, name, err);
    if (status == STATUS_OK)
        status = models_hold_version(models, name, asked, model, version, err);
    if (status == STATUS_NOT_FOUND && err && strcmp(err->key, "model") == 0)
        models_suggest(models, key, name, members);
    return status;
}

/* With `change` held. */
static enum status remove_version(struct models *models, const char *name, const char *home,
                                  const char *version, struct error *err) {
    char served[MODEL_VERSION_SIZE] = "", label[NAME_SIZE];
    struct model_label found;
    struct error ignored = {0}; /* a model of which no version loads is not served at all */
    status_ignore(models_served_version(models, name, served, &ignored));
    if (label_find(models, name, version, &found))
        return error_set_key(err, STATUS_CONFLICT, "version",
                             "'%.128s' is a label: delete version '%s' by its own name, or the "
                             "label by DELETE /v1/models/%s/labels/%s",
                             version, found.version, name, version);
    if (!is_version_name(version) || !models_has_version(models, name, version))
        return error_set_key(err, STATUS_NOT_FOUND, "version", "model '%s' has no version '%.128s'",
                             name, version);
    if (strcmp(served, version) == 0)
        return error_set_key(err, STATUS_CONFLICT, "version",
                             "version '%s' of model '%s' is the one that is served: activate "
                             "another one first, or delete the model",
                             version, name);
    if (label_of_version(models, name, version, label))
        return error_set_key(err, STATUS_CONFLICT, "label",
                             "version '%s' of model '%s' has the label '%s': move or delete the "
                             "label first",
                             version, name, label);
    char *path = path_join(home, version);
    enum status status =
        !path ? error_set(err, STATUS_NO_MEMORY, "out of memory while removing '%s'", name)
              : record_discard(models->folder, path, models->logger, err);
    free(path);
    if (status == STATUS_OK) {
        cache_drop(models, name, version);
        log_about(models->logger, LOG_INFO, "model", name, "model '%s': version '%s' removed", name,
                  version);
    }
    return status;
}

/* The folder of a model that is there. Owns: caller frees *home. */
static enum status home_find(struct models *models, const char *name, char **home,
                             struct error *err) {
    struct error ignored = {0};
    *home = NULL;
    if (name_check("model", name, &ignored) != STATUS_OK)
        return error_set_key(err, STATUS_NOT_FOUND, "model", "no model '%.128s'", name);
    *home = models_home(models, name);
    if (!*home)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for model '%s'", name);
    return file_exists(*home)
               ? STATUS_OK
               : error_set_key(err, STATUS_NOT_FOUND, "model", "no model '%s'", name);
}

enum status models_remove_version(struct models *models, const char *name, const char *version,
                                  struct error *err) {
    char *home;
    pthread_mutex_lock(&models->change);
    enum status status = home_find(models, name, &home, err);
    if (status == STATUS_OK)
        status = remove_version(models, name, home, version, err);
    pthread_mutex_unlock(&models->change);
    free(home);
    return status;
}

enum status models_set_label(struct models *models, const char *name, const char *label,
                             const char *asked, struct model_label *made, struct error *err) {
    char version[MODEL_VERSION_SIZE], *home;
    pthread_mutex_lock(&models->change);
    enum status status = home_find(models, name, &home, err);
    if (status == STATUS_OK)
        status = name_check("label", label, err);
    if (status == STATUS_OK)
        status = models_resolve(models, name, asked, version, err);
    if (status == STATUS_OK && is_version_name(label) && models_has_version(models, name, label))
        status =
            error_set_key(err, STATUS_CONFLICT, "label",
                          "'%s' is a version of model '%s' and cannot be a label", label, name);
    if (status == STATUS_OK)
        status = labels_change(models, name, home, label, version, made, err);
    if (status == STATUS_OK)
        log_about(models->logger, LOG_INFO, "model", name, "model '%s': label '%s' is version '%s'",
                  name, label, version);
    pthread_mutex_unlock(&models->change);
    free(home);
    return status;
}

enum status models_remove_label(struct models *models, const char *name, const char *label,
                                struct error *err) {
    char *home;
    struct model_label before;
    pthread_mutex_lock(&models->change);
    enum status status = home_find(models, name, &home, err);
    if (status == STATUS_OK && !label_find(models, name, label, &before))
        status = error_set_key(err, STATUS_NOT_FOUND, "label", "model '%s' has no label '%.128s'",
                               name, label);
    if (status == STATUS_OK)
        status = labels_change(models, name, home, label, NULL, NULL, err);
    if (status == STATUS_OK)
        log_about(models->logger, LOG_INFO, "model", name, "model '%s': label '%s' removed", name,
                  label);
    pthread_mutex_unlock(&models->change);
    free(home);
    return status;
}
