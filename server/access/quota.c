#include <stdio.h>
#include <string.h>

#include "server/access/access_private.h"

void access_set_owned(struct access *access,
                      uint64_t (*owned)(void *context, const char *id, const char *but),
                      void *context) {
    pthread_mutex_lock(&access->mutex);
    access->owned = owned;
    access->owned_context = context;
    pthread_mutex_unlock(&access->mutex);
}

void access_set_coming(struct access *access,
                       uint64_t (*coming)(void *context, const char *id, const char *but),
                       void *context) {
    pthread_mutex_lock(&access->mutex);
    access->coming = coming;
    access->coming_context = context;
    pthread_mutex_unlock(&access->mutex);
}

uint64_t quota_coming(struct access *access, const char *id, const char *but) {
    if (!access)
        return 0;
    pthread_mutex_lock(&access->mutex);
    uint64_t (*coming)(void *context, const char *id, const char *but) = access->coming;
    void *context = access->coming_context;
    pthread_mutex_unlock(&access->mutex);
    return coming ? coming(context, id, but) : 0;
}

void quota_begin(struct byte_quota *quota, struct access *access, const struct access_key *key,
                 const char *replaces) {
    *quota = (struct byte_quota){0};
    if (!access || !key || key->max_bytes <= 0)
        return;
    pthread_mutex_lock(&access->mutex);
    uint64_t (*owned)(void *context, const char *id, const char *but) = access->owned;
    void *context = access->owned_context;
    const struct key_use *use = use_find(access, key->id);
    if (use) {
        quota->access = access;
        quota->max = key->max_bytes;
        quota->settled = use->settled;
        memcpy(quota->id, key->id, sizeof quota->id);
    }
    pthread_mutex_unlock(&access->mutex);
    if (use && owned)
        quota->owned = owned(context, key->id, replaces);
}

/* Under the mutex. Uploads that ended since `owned` was counted may stand in it too: that errs on
 * the side of the bound. */
static enum status check(const struct byte_quota *quota, const struct key_use *use, uint64_t bytes,
                         struct error *err) {
    uint64_t used = quota->owned + (use->settled - quota->settled) + use->held;
    if (used <= (uint64_t)quota->max && bytes <= (uint64_t)quota->max - used)
        return STATUS_OK;
    return error_set_key(err, STATUS_BUSY, "max_bytes",
                         "key '%s' owns or sends %llu bytes and needs %llu more: its max_bytes is "
                         "%lld; delete what is no longer needed",
                         quota->id, (unsigned long long)used, (unsigned long long)bytes,
                         (long long)quota->max);
}

static enum status take(struct byte_quota *quota, uint64_t bytes, uint64_t keep,
                        struct error *err) {
    if (!quota->access)
        return STATUS_OK;
    enum status status = STATUS_OK;
    pthread_mutex_lock(&quota->access->mutex);
    struct key_use *use = use_find(quota->access, quota->id);
    status = use ? check(quota, use, bytes, err) : STATUS_OK;
    if (use && status == STATUS_OK) {
        use->held += keep;
        quota->held += keep;
    }
    pthread_mutex_unlock(&quota->access->mutex);
    return status;
}

enum status quota_take(struct byte_quota *quota, uint64_t bytes, struct error *err) {
    return take(quota, bytes, bytes, err);
}

enum status quota_check(const struct byte_quota *quota, uint64_t bytes, struct error *err) {
    struct byte_quota copy = *quota;
    return take(&copy, bytes, 0, err);
}

void quota_end(struct byte_quota *quota, bool kept) {
    if (!quota->access)
        return;
    pthread_mutex_lock(&quota->access->mutex);
    struct key_use *use = use_find(quota->access, quota->id);
    if (use) {
        use->held -= quota->held;
        use->settled += kept ? quota->held : 0;
    }
    pthread_mutex_unlock(&quota->access->mutex);
    quota->access = NULL;
}

enum status quota_count(const struct access_key *key, const char *what, int64_t max, uint64_t owned,
                        struct error *err) {
    if (!key || max <= 0 || owned < (uint64_t)max)
        return STATUS_OK;
    return error_set_key(err, STATUS_BUSY, what, "key '%s' has %llu of the %lld that its %s allows",
                         key->id, (unsigned long long)owned, (long long)max, what);
}
