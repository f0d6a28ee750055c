/* From the folder of a version to a model in memory, within the budget. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/models/models_private.h"

bool load_is_damage(const struct error *error) {
    return error->status == STATUS_CORRUPT || error->status == STATUS_MALFORMED;
}

bool load_wants_memory(const struct error *error) {
    return error->status == STATUS_NO_MEMORY ||
           (error->status == STATUS_TOO_LARGE && strcmp(error->key, "memory_budget") == 0);
}

bool load_is_unreadable(const struct error *error) {
    return load_is_damage(error) || error->status == STATUS_IO || error->status == STATUS_REFUSED ||
           (error->status == STATUS_TOO_LARGE && !load_wants_memory(error));
}

static void set_version_aside(struct models *models, const char *name, const char *version,
                              const char *folder, const struct error *why) {
    char entry[NAME_SIZE + MODEL_VERSION_SIZE], what[sizeof entry + 32];
    snprintf(entry, sizeof entry, "%s-%s", name, version);
    snprintf(what, sizeof what, "model '%s' version '%s'", name, version);
    quarantine_move(models->settings->data, entry, folder, what, models->logger, why);
}

enum status load_folder(struct models *models, const char *name, const char *folder,
                        struct model **model, struct error *err) {
    struct grant memory = {.budget = models->budget, .kind = BUDGET_MODELS};
    char what[NAME_SIZE + 16];
    uint64_t bytes = 0;
    snprintf(what, sizeof what, "model '%s'", name);
    enum status status = model_measure(folder, &bytes, err);
    if (status == STATUS_OK)
        status = grant_resize(&memory, bytes, what, err);
    /* Versions that nobody asked for lately give way. */
    while (status == STATUS_NO_MEMORY && cache_evict(models)) {
        error_clear(err);
        status = grant_resize(&memory, bytes, what, err);
    }
    if (status == STATUS_OK)
        status = model_load(model, folder, models->kernel, err);
    if (status == STATUS_OK)
        (*model)->memory = memory;
    else
        grant_clear(&memory);
    return status;
}

enum status load_unless(struct models *models, const char *name, const char *home,
                        const char *version, bool (*unusable)(const struct error *error),
                        struct model **model, struct error *err) {
    char *folder = path_join(home, version);
    if (!folder)
        return error_set(err, STATUS_NO_MEMORY, "out of memory while loading model '%s'", name);
    enum status status;
    if (store_has_model(folder))
        status = load_folder(models, name, folder, model, err);
    else
        status = error_set_key(err, STATUS_NOT_FOUND, "version", "model '%s' has no version '%s'",
                               name, version);
    if (status == STATUS_OK)
        store_date(folder, *model);
    if (status != STATUS_OK && unusable(err))
        set_version_aside(models, name, version, folder, err);
    free(folder);
    return status;
}

enum status load_version(struct models *models, const char *name, const char *home,
                         const char *version, struct model **model, struct error *err) {
    return load_unless(models, name, home, version, load_is_damage, model, err);
}
