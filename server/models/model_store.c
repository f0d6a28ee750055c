#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/file.h"
#include "base/machine.h"
#include "server/models/models_private.h"

#define VERSION_FILE "version.json"
#define CURRENT_FILE "CURRENT"
#define OWNER_FILE "owner"
#define SMALL_FILE 65536      /* what CURRENT may hold at most */
#define LATEST 253402300799.0 /* the last second of the year 9999 */

/* Models of one thread hold no time, so that the same seed gives the same bytes. */
static bool time_is_known(double time) {
    return time > 0 && time <= LATEST;
}

bool store_has_model(const char *folder) {
    char *path = path_join(folder, MODEL_FILE);
    bool there = path && file_exists(path);
    free(path);
    return there;
}

enum status store_describe(const char *folder, const struct model *model, uint64_t sequence,
                           const struct publish_key *once, struct error *err) {
    char *path = path_join(folder, VERSION_FILE);
    double now = machine_wall_seconds(), created = model->info.created;
    json_t *object = json_pack("{s:I, s:f, s:f, s:I, s:I, s:s}", "sequence", (json_int_t)sequence,
                               "created", time_is_known(created) ? created : now, "published", now,
                               "words", (json_int_t)vocabulary_size(model->vocabulary), "dim",
                               (json_int_t)model->input->columns, "digest", model->digest);
    if (object && once &&
        (json_object_set_new(object, "key", json_string(once->key)) != 0 ||
         json_object_set_new(object, "fingerprint", json_string(once->fingerprint)) != 0)) {
        json_decref(object);
        object = NULL;
    }
    return record_write(path, object, "model", model->info.name, err);
}

enum status model_own(const char *folder, const char *owner, struct error *err) {
    if (owner[0] == '\0' || !file_exists(folder)) /* gone: published already */
        return STATUS_OK;
    char *path = path_join(folder, OWNER_FILE);
    enum status status = !path ? error_set(err, STATUS_NO_MEMORY, "out of memory for a model")
                               : file_replace(path, owner, strlen(owner), err);
    free(path);
    return status;
}

static void read_owner(const char *folder, char owner[KEY_ID_SIZE]) {
    struct error ignored = {0}; /* one that cannot be read is nobody's */
    char *path = path_join(folder, OWNER_FILE), *text = NULL;
    size_t length = 0;
    if (path && file_read(path, KEY_ID_SIZE - 1, &text, &length, &ignored) == STATUS_OK)
        snprintf(owner, KEY_ID_SIZE, "%s", text);
    free(text);
    free(path);
}

/* What version.json says; without a readable one the model file's own time orders the versions. */
static void read_description(const char *folder, struct model_version *version) {
    struct error ignored = {0}; /* store_check_descriptions told of it */
    char *path = path_join(folder, VERSION_FILE);
    json_t *object = NULL;
    if (path && record_read(path, &object, &ignored) == STATUS_OK && json_is_object(object)) {
        version->sequence = (uint64_t)json_integer_value(json_object_get(object, "sequence"));
        version->created = json_number_value(json_object_get(object, "created"));
        version->published = json_number_value(json_object_get(object, "published"));
        version->words = json_integer_value(json_object_get(object, "words"));
        version->dim = json_integer_value(json_object_get(object, "dim"));
        const char *digest = json_string_value(json_object_get(object, "digest"));
        snprintf(version->digest, sizeof version->digest, "%s", !digest ? "" : digest);
        struct publish_key *once = &version->once;
        if (!record_string(object, "key", once->key, sizeof once->key) ||
            !record_string(object, "fingerprint", once->fingerprint, sizeof once->fingerprint))
            *once = (struct publish_key){.key = ""};
    }
    json_decref(object);
    free(path);
    path = path_join(folder, MODEL_FILE);
    struct stat about;
    if (path && stat(path, &about) == 0) {
        version->bytes = (uint64_t)about.st_size;
        if (version->published <= 0)
            version->published =
                (double)about.st_mtim.tv_sec + (double)about.st_mtim.tv_nsec * 1e-9;
    }
    if (!time_is_known(version->created))
        version->created = version->published;
    free(path);
    read_owner(folder, version->owner);
}

void store_date(const char *folder, struct model *model) {
    struct model_version version = {0};
    if (time_is_known(model->info.created))
        return;
    read_description(folder, &version);
    model->info.created = time_is_known(version.created) ? version.created : machine_wall_seconds();
}

void store_version(const char *home, const char *name, struct model_version *version) {
    char *folder = path_join(home, name);
    *version = (struct model_version){0};
    snprintf(version->version, sizeof version->version, "%s", name);
    if (folder)
        read_description(folder, version);
    free(folder);
}

struct version_list {
    const char *home;
    struct model_version *versions;
    size_t n, capacity;
};

static enum status visit_version(void *context, const char *name, struct error *err) {
    struct version_list *list = context;
    struct error ignored = {0};
    if (strlen(name) >= MODEL_VERSION_SIZE || name_check("version", name, &ignored) != STATUS_OK)
        return STATUS_OK; /* CURRENT and what is not ours */
    char *folder = path_join(list->home, name);
    if (!folder)
        return error_set(err, STATUS_NO_MEMORY, "out of memory while listing versions");
    if (store_has_model(folder)) {
        struct model_version *versions =
            array_grow(list->versions, &list->capacity, list->n + 1, sizeof *versions);
        if (!versions) {
            free(folder);
            return error_set(err, STATUS_NO_MEMORY, "out of memory while listing versions");
        }
        list->versions = versions;
        struct model_version *version = &list->versions[list->n++];
        *version = (struct model_version){0};
        snprintf(version->version, sizeof version->version, "%s", name);
        read_description(folder, version);
    }
    free(folder);
    return STATUS_OK;
}

static int compare_versions(const void *left, const void *right) {
    const struct model_version *a = left, *b = right;
    if (a->sequence != b->sequence)
        return a->sequence > b->sequence ? -1 : 1;
    if (a->published > b->published || a->published < b->published)
        return a->published > b->published ? -1 : 1;
    return strcmp(a->version, b->version);
}

enum status store_versions(const char *home, struct model_version **versions, size_t *n,
                           struct error *err) {
    struct version_list list = {.home = home};
    enum status status = folder_visit(home, visit_version, &list, err);
    if (status != STATUS_OK) {
        free(list.versions);
        return status;
    }
    if (list.n > 1)
        qsort(list.versions, list.n, sizeof *list.versions, compare_versions);
    *versions = list.versions;
    *n = list.n;
    return STATUS_OK;
}

enum status store_read_current(const char *home, char version[MODEL_VERSION_SIZE],
                               struct error *err) {
    char *path = path_join(home, CURRENT_FILE);
    if (!path)
        return error_set(err, STATUS_NO_MEMORY, "out of memory while reading %s", CURRENT_FILE);
    char *text = NULL;
    size_t length = 0;
    enum status status = file_read(path, SMALL_FILE, &text, &length, err);
    if (status == STATUS_OK) {
        struct error name = {0};
        char sum[CHECKSUM_TEXT_SIZE];
        size_t n = strcspn(text, "\n");
        char *kept = text + n + (text[n] != '\0'); /* the second line; earlier versions had none */
        text[n] = '\0';
        kept[strcspn(kept, "\n")] = '\0';
        checksum_text(checksum(text, n), sum);
        if (n >= MODEL_VERSION_SIZE || name_check("version", text, &name) != STATUS_OK)
            status = error_set(err, STATUS_CORRUPT, "'%s' does not name a version", path);
        else if (kept[0] != '\0' && strcmp(kept, sum) != 0)
            status =
                error_set(err, STATUS_CORRUPT,
                          "'%s' was changed: its checksum is %s, it says %.40s", path, sum, kept);
        else
            memcpy(version, text, n + 1);
    }
    free(text);
    free(path);
    return status;
}

void store_set_aside(const char *data, const char *path, const char *name, const char *file,
                     const struct logger *logger, const struct error *why) {
    char entry[NAME_SIZE + MODEL_VERSION_SIZE + 32], what[sizeof entry + 32];
    snprintf(entry, sizeof entry, "model-%s-%s", name, file);
    snprintf(what, sizeof what, "%s of model '%s'", file, name);
    quarantine_move(data, entry, path, what, logger, why);
}

void store_set_current_aside(const char *data, const char *home, const char *name,
                             const struct logger *logger, const struct error *why) {
    char *path = path_join(home, CURRENT_FILE);
    if (path)
        store_set_aside(data, path, name, CURRENT_FILE, logger, why);
    free(path);
}

struct description_check {
    const char *data, *home, *name;
    const struct logger *logger;
};

static enum status description_visit(void *context, const char *version, struct error *err) {
    const struct description_check *check = context;
    struct error why = {0};
    struct file_state state;
    json_t *object = NULL;
    char file[MODEL_VERSION_SIZE + 32], *path = record_path(check->home, version, VERSION_FILE);
    (void)err;
    if (strlen(version) < MODEL_VERSION_SIZE && path &&
        file_state(path, &state, &why) == STATUS_OK) {
        if (record_read(path, &object, &why) == STATUS_OK && !json_is_object(object))
            error_set(&why, STATUS_CORRUPT, "'%s' is no record", path);
        snprintf(file, sizeof file, "%s-" VERSION_FILE, version);
        if (why.status != STATUS_OK && why.status != STATUS_NO_MEMORY)
            store_set_aside(check->data, path, check->name, file, check->logger, &why);
        json_decref(object);
    }
    free(path);
    return STATUS_OK;
}

void store_check_descriptions(const char *data, const char *home, const char *name,
                              const struct logger *logger) {
    struct description_check check = {data, home, name, logger};
    struct error err = {0};
    if (folder_visit(home, description_visit, &check, &err) != STATUS_OK)
        log_line(logger, LOG_WARNING, "versions of model '%s' are not checked: %s", name, err.text);
}

enum status store_write_current(const char *home, const char *version, struct error *err) {
    char *path = path_join(home, CURRENT_FILE);
    if (!path)
        return error_set(err, STATUS_NO_MEMORY, "out of memory while writing %s", CURRENT_FILE);
    char sum[CHECKSUM_TEXT_SIZE], line[MODEL_VERSION_SIZE + sizeof sum + 2];
    checksum_text(checksum(version, strlen(version)), sum);
    int n = snprintf(line, sizeof line, "%s\n%s\n", version, sum);
    enum status status = file_replace(path, line, (size_t)n, err);
    free(path);
    return status;
}
