/* Which models are there, and whose they are: for quotas and for imports that come again. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "server/models/models_private.h"

bool models_has(struct models *models, const char *name) {
    bool found = false;
    pthread_mutex_lock(&models->lock);
    for (size_t i = 0; i < models->n && !found; i++)
        found = strcmp(models->entries[i].name, name) == 0;
    pthread_mutex_unlock(&models->lock);
    return found;
}

uint64_t models_owned(struct models *models, const char *owner, size_t *n) {
    struct served_model *list = NULL;
    struct error ignored = {0}; /* out of memory: what comes will be refused for that */
    uint64_t bytes = 0;
    size_t listed = 0;
    *n = 0;
    if (models_snapshot(models, &list, &listed, &ignored) != STATUS_OK)
        return 0;
    for (size_t i = 0; i < listed; i++) {
        struct model_version *versions = NULL;
        size_t n_versions = 0, own = 0;
        char *home = path_join(models->folder, list[i].name);
        if (home && store_versions(home, &versions, &n_versions, &ignored) != STATUS_OK)
            n_versions = 0;
        for (size_t k = 0; k < n_versions; k++)
            if (strcmp(versions[k].owner, owner) == 0) {
                bytes += versions[k].bytes;
                own++;
            }
        *n += own > 0;
        free(versions);
        free(home);
    }
    models_snapshot_free(list, listed);
    return bytes;
}

enum status models_admit(struct models *models, const char *name, const struct publish_terms *terms,
                         struct error *err) {
    const struct access_key *asker = &terms->asker;
    size_t owned = 0;
    if (asker->id[0] == '\0' || asker->max_models <= 0 || models_has(models, name))
        return STATUS_OK;
    (void)models_owned(models, asker->id, &owned);
    return quota_count(asker, "max_models", asker->max_models,
                       owned + quota_coming(terms->access, asker->id, name), err);
}

enum status models_replay(struct models *models, const char *name,
                          const struct publish_terms *terms, char version[MODEL_VERSION_SIZE],
                          bool *replayed, struct error *err) {
    struct model_version *versions = NULL;
    size_t n = 0;
    const struct publish_key *once = terms->once;
    char *home = path_join(models->folder, name);
    enum status status = STATUS_OK;
    *replayed = false;
    if (!home)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory while publishing '%s'", name);
    else if (file_exists(home))
        status = store_versions(home, &versions, &n, err);
    for (size_t i = 0; status == STATUS_OK && i < n && !*replayed; i++) {
        if (strcmp(versions[i].once.key, once->key) != 0 ||
            strcmp(versions[i].owner, terms->asker.id) != 0)
            continue; /* others may use the same key */
        if (strcmp(versions[i].once.fingerprint, once->fingerprint) != 0) {
            status = error_set_key(err, STATUS_REFUSED, "Idempotency-Key",
                                   "Idempotency-Key '%s' was used before with another import",
                                   once->key);
        } else {
            *replayed = true;
            memcpy(version, versions[i].version, MODEL_VERSION_SIZE);
        }
    }
    free(versions);
    free(home);
    return status;
}
