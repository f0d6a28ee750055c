/* Versions that are asked for by their name while another one is served: the last few of them stay
 * in memory. */
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "server/models/models_private.h"

struct cached_version {
    char name[NAME_SIZE], version[MODEL_VERSION_SIZE];
    struct model *model; /* held */
    uint64_t used;       /* when somebody asked last, by models->cache_clock */
};

/* Want `lock` held. */

static struct cached_version *find(const struct models *models, const char *name,
                                   const char *version) {
    for (size_t i = 0; i < models->n_cached; i++)
        if (strcmp(models->cached[i].version, version) == 0 &&
            strcmp(models->cached[i].name, name) == 0)
            return &models->cached[i];
    return NULL;
}

/* Out of the table. The caller drops what it returns, without the lock: the last reference frees
 * gigabytes. */
static struct model *take(struct models *models, struct cached_version *entry) {
    struct model *model = entry->model;
    *entry = models->cached[--models->n_cached];
    return model;
}

static struct model *take_oldest(struct models *models) {
    struct cached_version *oldest = NULL;
    for (size_t i = 0; i < models->n_cached; i++)
        if (!oldest || models->cached[i].used < oldest->used)
            oldest = &models->cached[i];
    return oldest ? take(models, oldest) : NULL;
}

/* The others take it. */

struct model *cache_hold(struct models *models, const char *name, const char *version) {
    pthread_mutex_lock(&models->lock);
    struct cached_version *entry = find(models, name, version);
    struct model *model = entry ? model_hold(entry->model) : NULL;
    if (entry)
        entry->used = ++models->cache_clock;
    pthread_mutex_unlock(&models->lock);
    return model;
}

void cache_put(struct models *models, const char *name, const char *version, struct model *model) {
    size_t max = (size_t)models->settings->max_versions_loaded;
    struct model *gone = NULL;
    if (max == 0)
        return;
    pthread_mutex_lock(&models->lock);
    if (models->n_cached >= max)
        gone = take_oldest(models);
    struct cached_version *cached =
        array_grow(models->cached, &models->cached_capacity, models->n_cached + 1, sizeof *cached);
    if (cached) { /* else it is loaded again when somebody asks again */
        models->cached = cached;
        struct cached_version *entry = &models->cached[models->n_cached++];
        *entry = (struct cached_version){.model = model_hold(model), .used = ++models->cache_clock};
        snprintf(entry->name, sizeof entry->name, "%s", name);
        snprintf(entry->version, sizeof entry->version, "%s", version);
    }
    pthread_mutex_unlock(&models->lock);
    model_drop(gone);
}

bool cache_evict(struct models *models) {
    pthread_mutex_lock(&models->lock);
    struct model *gone = take_oldest(models);
    pthread_mutex_unlock(&models->lock);
    model_drop(gone);
    return gone != NULL;
}

void cache_drop(struct models *models, const char *name, const char *version) {
    struct model *gone;
    do {
        gone = NULL;
        pthread_mutex_lock(&models->lock);
        for (size_t i = 0; i < models->n_cached && !gone; i++)
            if (strcmp(models->cached[i].name, name) == 0 &&
                (!version || strcmp(models->cached[i].version, version) == 0))
                gone = take(models, &models->cached[i]);
        pthread_mutex_unlock(&models->lock);
        model_drop(gone);
    } while (gone);
}
