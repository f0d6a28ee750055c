/* Labels: names such as `stable` that people give to versions of a model. They stand in labels.json
 * beside CURRENT, and in memory, so that asking by a label costs no disk. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/machine.h"
#include "server/models/models_private.h"

#define LABELS_FILE "labels.json"

static bool of_model(const struct model_label *label, const char *name) {
    return strcmp(label->model, name) == 0;
}

/* ---- in memory: these take `lock` ------------------------------------------------------------ */

bool label_find(struct models *models, const char *name, const char *label,
                struct model_label *found) {
    bool there = false;
    pthread_mutex_lock(&models->lock);
    for (size_t i = 0; i < models->n_labels && !there; i++)
        if (of_model(&models->labels[i], name) && strcmp(models->labels[i].label, label) == 0) {
            *found = models->labels[i];
            there = true;
        }
    pthread_mutex_unlock(&models->lock);
    return there;
}

bool label_of_version(struct models *models, const char *name, const char *version,
                      char label[NAME_SIZE]) {
    bool there = false;
    pthread_mutex_lock(&models->lock);
    for (size_t i = 0; i < models->n_labels && !there; i++)
        if (of_model(&models->labels[i], name) && strcmp(models->labels[i].version, version) == 0) {
            memcpy(label, models->labels[i].label, NAME_SIZE);
            there = true;
        }
    pthread_mutex_unlock(&models->lock);
    return there;
}

static int compare_labels(const void *left, const void *right) {
    const struct model_label *a = left, *b = right;
    return strcmp(a->label, b->label);
}

enum status labels_list(struct models *models, const char *name, struct model_label **list,
                        size_t *n, struct error *err) {
    *n = 0;
    pthread_mutex_lock(&models->lock);
    struct model_label *copy = malloc((models->n_labels + 1) * sizeof *copy);
    for (size_t i = 0; copy && i < models->n_labels; i++)
        if (of_model(&models->labels[i], name))
            copy[(*n)++] = models->labels[i];
    pthread_mutex_unlock(&models->lock);
    if (!copy)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for the labels of '%s'", name);
    qsort(copy, *n, sizeof *copy, compare_labels);
    *list = copy;
    return STATUS_OK;
}

/* In the place of the one with its name, so that no reader misses it meanwhile, or behind all. */
static enum status label_set(struct models *models, const struct model_label *label,
                             struct error *err) {
    size_t at = 0;
    pthread_mutex_lock(&models->lock);
    while (at < models->n_labels && !(of_model(&models->labels[at], label->model) &&
                                      strcmp(models->labels[at].label, label->label) == 0))
        at++;
    struct model_label *labels =
        array_grow(models->labels, &models->labels_capacity, at + 1, sizeof *labels);
    if (labels) {
        models->labels = labels;
        models->labels[at] = *label;
        models->n_labels += at == models->n_labels;
    }
    pthread_mutex_unlock(&models->lock);
    return labels ? STATUS_OK
                  : error_set(err, STATUS_NO_MEMORY, "out of memory for label '%s'", label->label);
}

void labels_forget(struct models *models, const char *name, const char *label) {
    size_t kept = 0;
    pthread_mutex_lock(&models->lock);
    for (size_t i = 0; i < models->n_labels; i++)
        if (!of_model(&models->labels[i], name) ||
            (label && strcmp(models->labels[i].label, label) != 0))
            models->labels[kept++] = models->labels[i];
    models->n_labels = kept;
    pthread_mutex_unlock(&models->lock);
}

/* ---- on disk --------------------------------------------------------------------------------- */

static enum status labels_read(struct models *models, const char *name, const json_t *record,
                               struct error *err) {
    const json_t *rows = json_object_get(record, "labels");
    enum status status = json_is_array(rows)
                             ? STATUS_OK
                             : error_set(err, STATUS_CORRUPT, "'" LABELS_FILE "' holds no labels");
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        struct model_label label = {.set = json_number_value(json_object_get(row, "set"))};
        snprintf(label.model, sizeof label.model, "%s", name);
        if (!record_string(row, "label", label.label, sizeof label.label) ||
            !record_string(row, "version", label.version, sizeof label.version) ||
            name_check("label", label.label, err) != STATUS_OK ||
            name_check("version", label.version, err) != STATUS_OK)
            status = error_set(err, STATUS_CORRUPT, "'" LABELS_FILE "' does not hold together");
        else
            status = label_set(models, &label, err);
    }
    return status;
}

void labels_load(struct models *models, const char *name, const char *home) {
    struct error err = {0};
    json_t *record = NULL;
    char *path = path_join(home, LABELS_FILE);
    if (path && file_exists(path)) {
        enum status status = record_read(path, &record, &err);
        if (status == STATUS_OK)
            status = labels_read(models, name, record, &err);
        if (status != STATUS_OK) {
            labels_forget(models, name, NULL);
            if (status == STATUS_NO_MEMORY)
                log_line(models->logger, LOG_WARNING, "labels of model '%s': %s", name, err.text);
            else
                store_set_aside(models->settings->data, path, name, LABELS_FILE, models->logger,
                                &err);
        }
    }
    json_decref(record);
    free(path);
}

static json_t *labels_record(const struct model_label *list, size_t n,
                             const struct model_label *with, const char *without) {
    json_t *record = json_pack("{s:i, s:[]}", "vecmill_labels", 1, "labels"),
           *rows = json_object_get(record, "labels");
    int failed = !record;
    for (size_t i = 0; i < n + 1 && !failed; i++) {
        const struct model_label *label = i < n ? &list[i] : with;
        if (label && (i == n || strcmp(label->label, without) != 0))
            failed |= json_array_append_new(rows, json_pack("{s:s, s:s, s:f}", "label",
                                                            label->label, "version", label->version,
                                                            "set", label->set)) != 0;
    }
    if (!failed)
        return record;
    json_decref(record);
    return NULL;
}

enum status labels_change(struct models *models, const char *name, const char *home,
                          const char *label, const char *version, struct model_label *made,
                          struct error *err) {
    struct model_label *list = NULL, next = {.set = machine_wall_seconds()}, before;
    size_t n = 0, max = (size_t)models->settings->max_labels;
    snprintf(next.model, sizeof next.model, "%s", name);
    snprintf(next.label, sizeof next.label, "%s", label);
    snprintf(next.version, sizeof next.version, "%s", version ? version : "");
    enum status status = labels_list(models, name, &list, &n, err);
    if (status == STATUS_OK && version && n >= max && !label_find(models, name, label, &before))
        status = error_set_key(err, STATUS_CONFLICT, "max_labels",
                               "model '%s' has %zu labels already: max_labels is %zu, delete one",
                               name, n, max);
    if (status == STATUS_OK)
        status = record_write(path_join(home, LABELS_FILE),
                              labels_record(list, n, version ? &next : NULL, label), "labels of",
                              name, err);
    free(list);
    if (status != STATUS_OK)
        return status;
    if (made)
        *made = next;
    if (version)
        return label_set(models, &next, err);
    labels_forget(models, name, label);
    return STATUS_OK;
}
