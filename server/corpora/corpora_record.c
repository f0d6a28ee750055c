/* A corpus as clients see it, and as meta.json keeps it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/machine.h"
#include "server/corpora/corpora_private.h"
#include "server/corpora/corpora_report.h"

void corpus_entry_free(struct corpus_entry *entry) {
    if (entry)
        free(entry->keys);
    free(entry);
}

struct corpus_entry *corpus_entry_next(const struct corpus_entry *old,
                                       const struct corpus_info *info, const char *key) {
    struct corpus_entry *entry = calloc(1, sizeof *entry);
    size_t kept = !old ? 0 : old->n_keys, skip = 0;
    if (!entry)
        return NULL;
    entry->info = *info;
    if (key && kept == CORPUS_KEYS)
        skip = 1;
    entry->keys = calloc(kept + 1, sizeof *entry->keys);
    if (!entry->keys) {
        free(entry);
        return NULL;
    }
    for (size_t i = skip; i < kept; i++)
        entry->keys[entry->n_keys++] = old->keys[i];
    if (key) {
        struct upload_key *last = &entry->keys[entry->n_keys++];
        snprintf(last->key, sizeof last->key, "%s", key);
        last->info = *info;
    }
    return entry;
}

json_t *corpus_document(const struct corpus_info *info) {
    char created[32];
    machine_format_time(info->created, created);
    json_t *report = info->scanned ? corpus_report_json(&info->report) : json_null();
    return json_pack("{s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:o}", "name", info->name, "bytes",
                     (json_int_t)info->bytes, "digest", info->digest, "created", created, "format",
                     info->format, "altered", (json_int_t)info->altered, "skipped",
                     (json_int_t)info->skipped, "report", report);
}

static json_t *info_record(const struct corpus_info *info) {
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:f, s:s}", "id", info->id, "digest",
                     info->digest, RECORD_CONTENT_CHECKSUM, info->checksum, "format", info->format,
                     "bytes", (json_int_t)info->bytes, "altered", (json_int_t)info->altered,
                     "skipped", (json_int_t)info->skipped, "created", info->created, "owner",
                     info->owner);
}

json_t *corpus_record(const struct corpus_entry *entry) {
    json_t *keys = json_array(), *record = info_record(&entry->info);
    int failed = !keys || !record;
    for (size_t i = 0; i < entry->n_keys && !failed; i++) {
        json_t *key = info_record(&entry->keys[i].info);
        failed |= json_object_set_new(key, "key", json_string(entry->keys[i].key)) != 0;
        failed |= json_array_append_new(keys, key) != 0;
    }
    failed |= json_object_set_new(record, "vecmill_corpus", json_integer(1)) != 0;
    failed |= json_object_set_new(record, "name", json_string(entry->info.name)) != 0;
    failed |= json_object_set(record, "keys", keys) != 0;
    if (entry->info.scanned)
        failed |=
            json_object_set_new(record, "report", corpus_report_json(&entry->info.report)) != 0;
    json_decref(keys);
    if (!failed)
        return record;
    json_decref(record);
    return NULL;
}

static bool info_read(const json_t *record, struct corpus_info *info) {
    if (!record_string(record, "id", info->id, sizeof info->id) || !record_id_valid(info->id))
        return false;
    if (!record_string(record, "digest", info->digest, sizeof info->digest) ||
        !record_string(record, "format", info->format, sizeof info->format))
        return false;
    if (strcmp(info->format, "text") != 0 && strcmp(info->format, "tokens") != 0)
        return false;
    if (!record_string(record, RECORD_CONTENT_CHECKSUM, info->checksum, sizeof info->checksum))
        info->checksum[0] = '\0';
    if (!record_string(record, "owner", info->owner, sizeof info->owner))
        info->owner[0] = '\0'; /* absent before there were keys */
    json_int_t bytes = json_integer_value(json_object_get(record, "bytes"));
    json_int_t altered = json_integer_value(json_object_get(record, "altered"));
    /* absent before lines could be skipped */
    json_int_t skipped = json_integer_value(json_object_get(record, "skipped"));
    if (bytes <= 0 || altered < 0 || skipped < 0)
        return false;
    info->bytes = (uint64_t)bytes;
    info->altered = (uint64_t)altered;
    info->skipped = (uint64_t)skipped;
    info->created = json_number_value(json_object_get(record, "created"));
    const json_t *report = json_object_get(record, "report");
    info->scanned = json_is_object(report);
    if (info->scanned)
        corpus_report_read(report, &info->report);
    return true;
}

enum status corpus_read(const json_t *record, const char *name, struct corpus_entry **read,
                        struct error *err) {
    const json_t *keys = json_object_get(record, "keys");
    size_t n_keys = json_array_size(keys);
    struct corpus_info info = {0};
    snprintf(info.name, sizeof info.name, "%s", name);
    if (!info_read(record, &info) || n_keys > CORPUS_KEYS)
        return error_set(err, STATUS_CORRUPT, "record of corpus '%s' does not hold together", name);
    struct corpus_entry *entry = calloc(1, sizeof *entry);
    if (entry)
        entry->keys = calloc(n_keys + 1, sizeof *entry->keys);
    if (!entry || !entry->keys) {
        corpus_entry_free(entry);
        return error_set(err, STATUS_NO_MEMORY, "out of memory to load corpus '%s'", name);
    }
    entry->info = info;
    for (size_t i = 0; i < n_keys; i++) {
        struct upload_key *key = &entry->keys[entry->n_keys];
        const json_t *row = json_array_get(keys, i);
        memcpy(key->info.name, name, strlen(name) + 1);
        if (info_read(row, &key->info) && record_string(row, "key", key->key, sizeof key->key))
            entry->n_keys++;
    }
    *read = entry;
    return STATUS_OK;
}
