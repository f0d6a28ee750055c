/* Exports of published models: each is written once, beside the version it belongs to, and sent
 * from disk ever after. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/random.h"
#include "server/models/models_private.h"

#define FILES_FOLDER "files"
#define EXPORT_RECORD ".json" /* behind the name of an export */

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

/* Waits until nobody writes `path`, then claims it. Errors: CANCELLED, while waiting. */
static enum status turn_take(struct models *models, struct export_turn *turn,
                             const struct stop *stop, struct error *err) {
    enum status status = STATUS_OK;
    pthread_mutex_lock(&models->export_lock);
    while (status == STATUS_OK && turn_taken(models, turn->path)) {
        struct timespec look;
        (void)clock_gettime(CLOCK_REALTIME, &look);
        look.tv_sec++; /* the longest between two looks at `stop` */
        (void)pthread_cond_timedwait(&models->exported, &models->export_lock, &look);
        status = stop_check(stop, "the export", err);
    }
    if (status == STATUS_OK) {
        turn->next = models->turns;
        models->turns = turn;
    }
    pthread_mutex_unlock(&models->export_lock);
    return status;
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

void models_set_reserved(struct models *models, uint64_t (*reserved)(void *context),
                         void *context) {
    pthread_mutex_lock(&models->lock);
    models->reserved = reserved;
    models->reserved_context = context;
    pthread_mutex_unlock(&models->lock);
}

enum status models_room(struct models *models, const char *folder, uint64_t more, const char *what,
                        struct error *err) {
    uint64_t available = 0, kept = (uint64_t)models->settings->reserve_disk;
    enum status status = disk_available(folder, &available, err);
    if (status != STATUS_OK)
        return status;
    pthread_mutex_lock(&models->lock);
    uint64_t (*reserved)(void *context) = models->reserved;
    void *context = models->reserved_context;
    pthread_mutex_unlock(&models->lock);
    uint64_t jobs = reserved ? reserved(context) : 0;
    if (available >= kept && available - kept >= jobs && available - kept - jobs >= more)
        return STATUS_OK;
    return error_set_key(err, STATUS_DISK_FULL, "reserve_disk",
                         "no room for %s: %" PRIu64 " bytes are free on disk, reserve_disk keeps "
                         "%" PRIu64 " of them and jobs need %" PRIu64 "; it may take %" PRIu64,
                         what, available, kept, jobs, more);
}

/* ---- is it still what was written? ----------------------------------------------------------- */

static bool state_is(const struct file_state *a, const struct file_state *b) {
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed == b->changed && a->modified == b->modified;
}

/* Then its digest is known, too. */
static bool export_was_seen(struct models *models, const char *path, const struct file_state *state,
                            char digest[DIGEST_TEXT_SIZE]) {
    uint64_t key = checksum(path, strlen(path));
    bool seen = false;
    pthread_mutex_lock(&models->export_lock);
    size_t n = models->n_seen < EXPORTS_SEEN ? models->n_seen : EXPORTS_SEEN;
    for (size_t i = 0; i < n && !seen; i++) {
        seen = models->seen[i].path == key && state_is(&models->seen[i].state, state);
        if (seen)
            memcpy(digest, models->seen[i].digest, DIGEST_TEXT_SIZE);
    }
    pthread_mutex_unlock(&models->export_lock);
    return seen;
}

static void export_note_seen(struct models *models, const char *path,
                             const struct file_state *state, const char *digest) {
    struct export_seen seen = {.path = checksum(path, strlen(path)), .state = *state};
    snprintf(seen.digest, sizeof seen.digest, "%s", digest);
    pthread_mutex_lock(&models->export_lock);
    models->seen[models->n_seen++ % EXPORTS_SEEN] = seen;
    pthread_mutex_unlock(&models->export_lock);
}

/* Where size and checksum of an export are kept. Owns: caller frees. */
static char *export_record_path(const char *path) {
    struct buffer text = {0};
    buffer_print(&text, "%s" EXPORT_RECORD, path);
    if (text.failed)
        buffer_clear(&text);
    return buffer_take(&text);
}

static json_t *loss_json(const struct export_loss *loss) {
    json_t *object = json_pack("{s:f, s:f, s:I, s:I}", "cosine_mean", loss->cosine_mean,
                               "cosine_max", loss->cosine_max, "words", (json_int_t)loss->words,
                               "among", (json_int_t)loss->among);
    if (isfinite(loss->overlap))
        json_object_set_new(object, "overlap", json_real(loss->overlap));
    return object;
}

/* False: the record does not tell it. */
static bool loss_read(const char *path, struct export_loss *loss) {
    struct error ignored = {0};
    char *record = export_record_path(path);
    json_t *kept = NULL;
    bool found = record && record_read(record, &kept, &ignored) == STATUS_OK;
    const json_t *object = json_object_get(kept, "loss");
    const json_t *overlap = json_object_get(object, "overlap");
    if (found && json_is_object(object))
        *loss = (struct export_loss){
            .cosine_mean = json_number_value(json_object_get(object, "cosine_mean")),
            .cosine_max = json_number_value(json_object_get(object, "cosine_max")),
            .words = (uint32_t)json_integer_value(json_object_get(object, "words")),
            .among = (uint32_t)json_integer_value(json_object_get(object, "among")),
            .overlap = overlap ? json_number_value(overlap) : NAN};
    found = found && json_is_object(object);
    json_decref(kept);
    free(record);
    return found;
}

/* Keeps size and checksum of what was written just now; loss: or NULL. */
static enum status export_record(struct models *models, const char *path,
                                 const struct export_loss *loss, char digest[DIGEST_TEXT_SIZE],
                                 struct error *failed) {
    struct error err = {0};
    struct file_state state;
    uint64_t sum = 0;
    char text[CHECKSUM_TEXT_SIZE];
    enum status status = file_state(path, &state, &err);
    if (status == STATUS_OK)
        status = file_digest(path, &sum, digest, &err);
    if (status != STATUS_OK)
        return error_set(failed, status, "%s", err.text);
    export_note_seen(models, path, &state, digest);
    checksum_text(sum, text);
    json_t *record = json_pack("{s:I, s:s, s:s}", "bytes", (json_int_t)state.size,
                               RECORD_CONTENT_CHECKSUM, text, "digest", digest);
    if (loss)
        json_object_set_new(record, "loss", loss_json(loss));
    status = record_write(export_record_path(path), record, "export", path, &err);
    if (status != STATUS_OK) /* it is written again after a start */
        log_line(models->logger, LOG_WARNING, "checksum of '%s' is not kept: %s", path, err.text);
    return STATUS_OK;
}

/* CORRUPT when the file is not what was written, or when nothing says what that was. */
static enum status export_check(struct models *models, const char *path,
                                char digest[DIGEST_TEXT_SIZE], struct error *err) {
    struct file_state state;
    uint64_t sum = 0;
    char found[CHECKSUM_TEXT_SIZE], wanted[CHECKSUM_TEXT_SIZE] = "";
    enum status status = file_state(path, &state, err);
    if (status != STATUS_OK || export_was_seen(models, path, &state, digest))
        return status;
    char *record = export_record_path(path);
    json_t *kept = NULL;
    if (!record)
        return error_set(err, STATUS_NO_MEMORY, "out of memory while checking '%s'", path);
    status = record_read(record, &kept, err);
    free(record);
    if (status == STATUS_OK && !record_string(kept, RECORD_CONTENT_CHECKSUM, wanted, sizeof wanted))
        status = error_set(err, STATUS_CORRUPT, "checksum of '%s' is missing", path);
    json_decref(kept);
    if (status == STATUS_OK)
        status = file_digest(path, &sum, digest, err);
    if (status != STATUS_OK)
        return status;
    checksum_text(sum, found);
    if (strcmp(found, wanted) != 0)
        return error_set(err, STATUS_CORRUPT,
                         "'%s' was changed: its checksum is %s, %s was written", path, found,
                         wanted);
    export_note_seen(models, path, &state, digest);
    return STATUS_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

static enum status export_fresh(struct models *models, const char *name, const struct model *model,
                                const char *file, const struct export_options *options,
                                const char *path, char digest[DIGEST_TEXT_SIZE],
                                struct error *err) {
    bool lossy = export_type(file) != VECTOR_FLOAT32;
    struct export_loss loss;
    uint64_t altered = 0;
    char what[160];
    snprintf(what, sizeof what, "'%.120s'", file);
    /* Text takes at most 16 bytes a number, separator included, in all but freak tables. */
    enum status status =
        models_room(models, models->folder,
                    16 * (uint64_t)model->input->rows * model->input->columns, what, err);
    if (status == STATUS_OK)
        status = export_write(model, file, options, path, &altered, err);
    if (status == STATUS_OK && altered > 0)
        log_about(models->logger, LOG_WARNING, "model", name,
                  "model '%s': %" PRIu64 " words stand in '%s' in another form", name, altered,
                  file);
    if (status == STATUS_OK && lossy)
        status = export_measure(model, file, options, &loss, err);
    if (status == STATUS_OK)
        status = export_record(models, path, lossy ? &loss : NULL, digest, err);
    return status;
}

/* An export that is whole, at `path`: the one that is there when it passes its check, else a new
 * one. */
static enum status export_ready(struct models *models, const char *name, const struct model *model,
                                const char *file, const struct export_options *options,
                                const char *path, char digest[DIGEST_TEXT_SIZE],
                                struct error *err) {
    struct error why = {0};
    if (file_exists(path)) {
        if (export_check(models, path, digest, &why) == STATUS_OK)
            return STATUS_OK;
        log_line(models->logger, LOG_WARNING, "model '%s': '%s' is written again: %s", name, file,
                 why.text);
        enum status status = path_remove(path, err);
        if (status != STATUS_OK)
            return status;
    }
    return export_fresh(models, name, model, file, options, path, digest, err);
}

enum status models_export(struct models *models, const char *name, const char *version,
                          const struct model *model, const char *file,
                          const struct export_options *options, char **path,
                          struct export_about *about, struct error *err) {
    struct buffer text = {0};
    buffer_print(&text, "%s/%s/%s/" FILES_FOLDER, models->folder, name, version);
    char *folder = buffer_take(&text);
    buffer_print(&text, "%s%s", options->subtract_mean ? "subtract_mean-" : "",
                 options->normalize ? "normalize-" : "");
    if (options->limit > 0)
        buffer_print(&text, "limit%u-", options->limit);
    buffer_append_text(&text, file);
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
        status = folder_add(folder, err);
    if (status == STATUS_OK) {
        struct export_turn turn = {.path = made};
        status = turn_take(models, &turn, options->stop, err);
        if (status == STATUS_OK) {
            status = export_ready(models, name, model, file, options, made, about->digest, err);
            if (status == STATUS_OK && export_type(file) != VECTOR_FLOAT32 &&
                !loss_read(made, &about->loss))
                status = export_measure(model, file, options, &about->loss, err);
            turn_give(models, &turn);
        }
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
    status = folder_add(made, err);
    if (status != STATUS_OK)
        free(made);
    else
        *path = made;
    return status;
}
