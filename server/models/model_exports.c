/* Exports of published models: each is written once, beside the version it belongs to, and sent
 * from disk ever after. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/random.h"
#include "server/models/models_private.h"

#define FILES_FOLDER "files"

/* An export being written; lives on the stack of the thread that writes it. */
struct export_turn {
    const char *path;
    struct export_turn *next;
};

static bool turn_taken(const struct models *models, const char *path) {
    for (const struct export_turn *turn = models->turns; turn != NULL; turn = turn->next)
        if (strcmp(turn->path, path) == 0)
            return true;
    return false;
}

/* Waits until nobody writes `path`, then claims it. */
static void turn_take(struct models *models, struct export_turn *turn) {
    pthread_mutex_lock(&models->export_lock);
    while (turn_taken(models, turn->path))
        pthread_cond_wait(&models->exported, &models->export_lock);
    turn->next = models->turns;
    models->turns = turn;
    pthread_mutex_unlock(&models->export_lock);
}

static void turn_give(struct models *models, struct export_turn *turn) {
    pthread_mutex_lock(&models->export_lock);
    struct export_turn **at = &models->turns;
    while (*at != turn)
        at = &(*at)->next;
    *at = turn->next;
    pthread_cond_broadcast(&models->exported);
    pthread_mutex_unlock(&models->export_lock);
}

static enum status export_fresh(struct models *models, const char *name, const struct model *model,
                                const char *file, const struct export_options *options,
                                const char *path, struct error *err) {
    uint64_t free_bytes = 0, altered = 0;
    /* Text takes at most 16 bytes a number, separator included, in all but freak tables. */
    uint64_t need = (uint64_t)models->settings->reserve_disk +
                    16 * (uint64_t)model->input->rows * model->input->columns;
    enum status status = disk_available(models->folder, &free_bytes, err);
    if (status == STATUS_OK && free_bytes < need)
        status = error_set_key(err, STATUS_DISK_FULL, "reserve_disk",
                               "no room to write '%s': it may take %" PRIu64
                               " bytes with reserve_disk, %" PRIu64 " are free",
                               file, need, free_bytes);
    if (status == STATUS_OK)
        status = export_write(model, file, options, path, &altered, err);
    if (status == STATUS_OK && altered > 0)
        log_line(models->logger, LOG_WARNING,
                 "model '%s': %" PRIu64 " words stand in '%s' in another form", name, altered,
                 file);
    return status;
}

enum status models_export(struct models *models, const char *name, const char *version,
                          const struct model *model, const char *file,
                          const struct export_options *options, char **path, struct error *err) {
    struct buffer text = {0};
    buffer_print(&text, "%s/%s/%s/" FILES_FOLDER, models->folder, name, version);
    char *folder = buffer_take(&text);
    buffer_print(&text, "%s%s%s", options->subtract_mean ? "subtract_mean-" : "",
                 options->normalize ? "normalize-" : "", file);
    char *entry = buffer_take(&text);
    char *made = !folder || !entry ? NULL : path_join(folder, entry);
    enum status status = STATUS_OK;
    if (!made)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory while exporting '%s'", file);
    /* removed meanwhile: do not grow its folder anew */
    else if (!models_has_version(models, name, version))
        status = error_set_key(err, STATUS_NOT_FOUND, "model",
                               "model '%s' has no version '%s' any more", name, version);
    else
        status = folder_create(folder, err);
    if (status == STATUS_OK) {
        struct export_turn turn = {.path = made};
        turn_take(models, &turn);
        if (!file_exists(made))
            status = export_fresh(models, name, model, file, options, made, err);
        turn_give(models, &turn);
    }
    free(folder);
    free(entry);
    if (status != STATUS_OK)
        free(made);
    else
        *path = made;
    return status;
}

enum status models_workplace(const struct models *models, char **path, struct error *err) {
    char name[sizeof FILE_TEMPORARY_PREFIX + 32] = FILE_TEMPORARY_PREFIX;
    enum status status = random_token(name + strlen(name), 32, err);
    if (status != STATUS_OK)
        return status;
    char *made = path_join(models->folder, name);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a folder to work in");
    status = folder_create(made, err);
    if (status != STATUS_OK)
        free(made);
    else
        *path = made;
    return status;
}
