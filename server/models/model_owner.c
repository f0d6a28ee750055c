/* Which models are there, and whose they are: for quotas. */
#include <stdlib.h>
#include <string.h>

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
        char *home = models_home(models, list[i].name);
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
