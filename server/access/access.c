/* The keys in force: where they come from, who a token is, how often it may ask. */
#include <gnutls/gnutls.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/file.h"
#include "base/machine.h"
#include "server/access/access_private.h"

#define KEYS_FILE "keys"
#define KEYS_FILE_MAX ((size_t)4 << 20)
#define NONE "none" /* of a setting that is a text */

struct key_list {
    struct access_key *keys;
    size_t n;
};

static bool is_set(const char *setting) {
    return strcmp(setting, NONE) != 0;
}

/* ---- where keys come from -------------------------------------------------------------------- */

static enum status read_file(const struct access *access, const char *path, struct key_list *list,
                             struct error *err) {
    char *text = NULL;
    size_t length = 0;
    enum status status = file_read(path, KEYS_FILE_MAX, &text, &length, err);
    if (status != STATUS_OK)
        return status;
    if (strlen(text) != length)
        status = error_set(err, STATUS_MALFORMED, "'%s' holds a NUL byte", path);
    else
        status = keys_parse(text, path, (size_t)access->settings->max_api_keys, &list->keys,
                            &list->n, err);
    /* It may hold keys by mistake. */
    explicit_bzero(text, length);
    free(text);
    return status;
}

static enum status read_all(const struct access *access, struct key_list *list, struct error *err) {
    const struct settings *settings = access->settings;
    enum status status = STATUS_OK;
    if (is_set(settings->api_keys))
        status = keys_parse(settings->api_keys, "api_keys", (size_t)settings->max_api_keys,
                            &list->keys, &list->n, err);
    if (status == STATUS_OK && is_set(settings->api_keys_file)) {
        struct error inner = {0};
        size_t before = list->n;
        status = read_file(access, settings->api_keys_file, list, &inner);
        if (status == STATUS_OK && list->n == before) /* a file that was emptied opens nothing */
            status =
                error_set(&inner, STATUS_REFUSED, "'%s' holds no key", settings->api_keys_file);
        if (status != STATUS_OK)
            error_set_key(err, status, "api_keys_file", "api_keys_file: %s", inner.text);
    }
    if (status == STATUS_OK && file_exists(access->kept))
        status = read_file(access, access->kept, list, err);
    return status;
}

/* A key for whoever starts the service for the first time. It is told before it is kept: a key that
 * nobody knows would lock everybody out. */
static enum status make_first(struct access *access, const struct access_options *options,
                              struct key_list *list, struct error *err) {
    struct access_key key = {.scope = SCOPE_ADMIN, .name = "first"};
    struct buffer row = {0};
    char text[KEY_TEXT_SIZE] = "";
    enum status status = key_create(&key, text, err);
    if (status == STATUS_OK) {
        key_print(&key, &row);
        buffer_append_char(&row, '\n');
    }
    if (status == STATUS_OK && row.failed)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory for a key");
    if (status == STATUS_OK && !options->tell(options->context, text, row.data))
        status = error_set(err, STATUS_IO, "the first key cannot be told: standard output fails");
    explicit_bzero(text, sizeof text);
    if (status == STATUS_OK)
        status = file_replace(access->kept, row.data, row.length, err);
    if (status == STATUS_OK)
        status = keys_parse(row.data, access->kept, 1, &list->keys, &list->n, err);
    if (status == STATUS_OK)
        audit(access->logger, "key_made", key.id, "", "scope=admin file=\"%s\"", access->kept);
    buffer_clear(&row);
    return status;
}

static enum status refuse_open(const struct settings *settings, struct error *err) {
    return error_set_key(
        err, STATUS_REFUSED, "api_keys",
        "listen = %.64s is reached from other machines, and there are no keys: make one by "
        "'vecmill key create --scope admin' and name its file in api_keys_file, or listen on "
        "127.0.0.1, or say insecure = true",
        settings->listen);
}

static bool holds(const struct access_key *keys, size_t n, const struct access_key *key) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(keys[i].id, key->id) == 0 &&
            gnutls_memcmp(keys[i].hash, key->hash, sizeof key->hash) == 0)
            return true;
    return false;
}

static void note(const struct access *access, const char *event, const struct access_key *key) {
    audit(access->logger, event, key->id, "", "scope=%s name=%s corpora=%s models=%s",
          scope_name(key->scope), key->name, key->corpora, key->models);
}

/* Under the mutex: tells which keys come and which go. */
static void note_changes(const struct access *access, const struct key_list *list) {
    for (size_t i = 0; i < list->n; i++)
        if (!holds(access->keys, access->n, &list->keys[i]))
            note(access, "key_added", &list->keys[i]);
    for (size_t i = 0; i < access->n; i++)
        if (!holds(list->keys, list->n, &access->keys[i]))
            note(access, "key_removed", &access->keys[i]);
}

static void take_over(struct access *access, struct key_list *list) {
    pthread_mutex_lock(&access->mutex);
    if (access->n > 0) /* not those of the start */
        note_changes(access, list);
    struct access_key *old = access->keys;
    access->keys = list->keys;
    access->n = list->n;
    atomic_store(&access->count, list->n);
    pthread_mutex_unlock(&access->mutex);
    free(old);
    *list = (struct key_list){0};
}

static enum status load(struct access *access, const struct access_options *options,
                        struct error *err) {
    const struct settings *settings = access->settings;
    struct key_list list = {0};
    enum status status = read_all(access, &list, err);
    if (status == STATUS_OK && list.n == 0 && settings->first_key && !settings->insecure &&
        options->tell)
        status = make_first(access, options, &list, err);
    if (status == STATUS_OK && list.n == 0 && access->beyond && !settings->insecure)
        status = refuse_open(settings, err);
    if (status == STATUS_OK)
        take_over(access, &list);
    free(list.keys);
    return status;
}

enum status access_open(struct access **opened, const struct access_options *options,
                        struct error *err) {
    struct access *access = calloc(1, sizeof *access);
    if (!access || !(access->kept = path_join(options->settings->data, KEYS_FILE))) {
        free(access);
        return error_set(err, STATUS_NO_MEMORY, "out of memory for keys");
    }
    access->settings = options->settings;
    access->logger = options->logger;
    access->beyond = options->beyond;
    pthread_mutex_init(&access->mutex, NULL);
    enum status status = load(access, options, err);
    if (status != STATUS_OK) {
        access_close(access);
        return status;
    }
    *opened = access;
    return STATUS_OK;
}

void access_close(struct access *access) {
    if (!access)
        return;
    pthread_mutex_destroy(&access->mutex);
    free(access->keys);
    free(access->uses);
    free(access->kept);
    free(access);
}

enum status access_reload(struct access *access, struct error *err) {
    struct key_list list = {0};
    bool required = access_required(access);
    enum status status = read_all(access, &list, err);
    if (status == STATUS_OK && list.n == 0 && required) /* never from closed to open */
        status = error_set_key(err, STATUS_REFUSED, "api_keys", "no key is left");
    if (status == STATUS_OK)
        take_over(access, &list);
    free(list.keys);
    return status;
}

bool access_required(struct access *access) {
    return access_count(access) > 0;
}

size_t access_count(struct access *access) {
    return access ? atomic_load(&access->count) : 0;
}

/* ---- who it is, and how often ---------------------------------------------------------------- */

struct key_use *use_find(struct access *access, const char *id) {
    for (size_t i = 0; i < access->n_uses; i++)
        if (strcmp(access->uses[i].id, id) == 0)
            return &access->uses[i];
    struct key_use *uses =
        array_grow(access->uses, &access->capacity, access->n_uses + 1, sizeof *uses);
    if (!uses)
        return NULL;
    access->uses = uses;
    struct key_use *use = &uses[access->n_uses++];
    *use = (struct key_use){.tokens = NAN};
    memcpy(use->id, id, strlen(id) + 1);
    return use;
}

bool use_request(struct key_use *use, int64_t per_minute, double now, double *wait) {
    double rate = (double)per_minute / 60;
    double tokens =
        isnan(use->tokens) ? (double)per_minute : use->tokens + (now - use->refilled) * rate;
    use->tokens = tokens < (double)per_minute ? tokens : (double)per_minute;
    use->refilled = now;
    if (use->tokens >= 1) {
        use->tokens -= 1;
        return true;
    }
    *wait = (1 - use->tokens) / rate;
    return false;
}

/* Under the mutex. Looks at all keys, so that the time tells nothing. */
static const struct access_key *find(const struct access *access,
                                     const unsigned char hash[KEY_HASH_BYTES]) {
    const struct access_key *found = NULL;
    for (size_t i = 0; i < access->n; i++)
        if (gnutls_memcmp(access->keys[i].hash, hash, KEY_HASH_BYTES) == 0)
            found = &access->keys[i];
    return found;
}

enum verdict access_admit(struct access *access, const unsigned char *hash, enum scope scope,
                          struct access_key *key, double *wait) {
    enum verdict verdict = VERDICT_WRONG_KEY;
    *key = (struct access_key){0};
    if (!hash)
        return VERDICT_NO_KEY;
    pthread_mutex_lock(&access->mutex);
    const struct access_key *found = find(access, hash);
    if (found) {
        struct key_use *use = found->requests_per_minute > 0 ? use_find(access, found->id) : NULL;
        *key = *found;
        verdict = scope != SCOPE_UNSET && found->scope >= scope ? VERDICT_GRANTED : VERDICT_SCOPE;
        if (use && !use_request(use, found->requests_per_minute, machine_monotonic_seconds(), wait))
            verdict = VERDICT_RATE;
    }
    pthread_mutex_unlock(&access->mutex);
    return verdict;
}
