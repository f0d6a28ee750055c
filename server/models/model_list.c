/* All models at once: for lists, for names near another, for what is not loaded. */
#include <stdlib.h>
#include <string.h>

#include "server/models/models_private.h"

size_t models_count_unloaded(struct models *models, json_t *why) {
    size_t n = 0;
    pthread_mutex_lock(&models->lock);
    for (size_t i = 0; i < models->n; i++) {
        const struct served_model *entry = &models->entries[i];
        if (entry->model)
            continue;
        if (why) {
            struct buffer text = {0};
            buffer_print(&text, "model '%s' is not loaded: %s", entry->name, entry->reason);
            json_array_append_new(why, json_words(text.data ? text.data : "", text.length));
            buffer_clear(&text);
        }
        n++;
    }
    pthread_mutex_unlock(&models->lock);
    return n;
}

static int larger_first(const void *a, const void *b) {
    const struct model_gauge *left = a, *right = b;
    if (left->bytes != right->bytes)
        return left->bytes > right->bytes ? -1 : 1;
    return strcmp(left->name, right->name);
}

size_t models_largest(struct models *models, size_t max, struct model_gauge **largest) {
    size_t n = 0;
    pthread_mutex_lock(&models->lock);
    struct model_gauge *all = malloc((models->n + 1) * sizeof *all);
    for (size_t i = 0; all && i < models->n; i++) {
        const struct served_model *entry = &models->entries[i];
        if (!entry->model)
            continue;
        memcpy(all[n].name, entry->name, sizeof all[n].name);
        all[n].bytes = entry->model->memory.bytes;
        all[n++].words = entry->model->input->rows;
    }
    pthread_mutex_unlock(&models->lock);
    if (all)
        qsort(all, n, sizeof *all, larger_first);
    *largest = all;
    return n < max ? n : max;
}

enum status models_snapshot(struct models *models, struct served_model **list, size_t *n,
                            struct error *err) {
    pthread_mutex_lock(&models->lock);
    struct served_model *copy = malloc((models->n + 1) * sizeof *copy);
    if (copy)
        for (size_t i = 0; i < models->n; i++) {
            copy[i] = models->entries[i];
            if (copy[i].model)
                model_hold(copy[i].model);
        }
    *n = models->n;
    pthread_mutex_unlock(&models->lock);
    if (!copy)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for the list of models");
    *list = copy;
    return STATUS_OK;
}

void models_snapshot_free(struct served_model *list, size_t n) {
    if (!list)
        return;
    for (size_t i = 0; i < n; i++)
        model_drop(list[i].model);
    free(list);
}

void models_suggest(struct models *models, const struct access_key *key, const char *name,
                    struct buffer *members) {
    struct served_model *list = NULL;
    struct error ignored = {0};
    size_t n = 0;
    if (models_snapshot(models, &list, &n, &ignored) != STATUS_OK || !list)
        return;
    /* Names are words too: the vocabulary knows what is near. */
    struct vocabulary *names = NULL;
    struct buffer text = {0};
    size_t reached = 0;
    for (size_t i = 0; i < n; i++)
        if (key_reaches(key, REACH_MODEL, list[i].name)) {
            struct served_model other = list[reached];
            list[reached++] = list[i];
            list[i] = other;
        }
    uint64_t *offsets = calloc(n + 1, sizeof *offsets);
    for (size_t i = 0; offsets && i < reached; i++) {
        buffer_append_text(&text, list[i].name);
        offsets[i + 1] = text.length;
    }
    uint32_t ids[5];
    size_t found = 0;
    if (reached > 0 && offsets && !text.failed &&
        vocabulary_create(&names, (uint32_t)reached, text.data, offsets, NULL, &ignored) ==
            STATUS_OK)
        found = vocabulary_suggest(names, name, strlen(name), (uint32_t)reached, ids,
                                   sizeof ids / sizeof ids[0]);
    for (size_t i = 0; i < found; i++) {
        buffer_append_text(members, i == 0 ? "\"suggestions\":[" : ",");
        json_append_string(members, list[ids[i]].name, strlen(list[ids[i]].name));
    }
    if (found > 0)
        buffer_append_char(members, ']');
    vocabulary_free(names);
    buffer_clear(&text);
    free(offsets);
    models_snapshot_free(list, n);
}
