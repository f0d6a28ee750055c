/* Between corpora.c (the catalogue), corpora_record.c (what meta.json keeps), corpora_upload.c
 * (bodies on their way in) and corpora_routes.c. Private to these and to their tests. */
#ifndef VECMILL_SERVER_CORPORA_PRIVATE_H
#define VECMILL_SERVER_CORPORA_PRIVATE_H

#include <pthread.h>

#include "server/corpora/corpora.h"
#include "server/http/idempotency.h"
#include "server/records/record.h"

#define CORPUS_QUESTIONS "questions" /* the folder of its sets of questions */

/* Answered uploads remembered per corpus, so that a replay answers the same. */
#define CORPUS_KEYS 16

struct upload_key {
    char key[IDEMPOTENCY_KEY_SIZE];
    struct corpus_info info; /* what was answered */
};

struct corpus_entry {
    struct corpus_info info;
    struct upload_key *keys; /* oldest first */
    size_t n_keys;
};

struct corpora {
    pthread_mutex_t mutex; /* guards the entries, `needed`, and the switch of a corpus on disk */
    const struct settings *settings;
    const struct logger *logger;
    char *folder;                  /* data/corpora */
    struct corpus_entry **entries; /* by name */
    size_t n, capacity;
    bool (*needed)(void *context, const char *name); /* see corpora_set_needed */
    void *needed_context;
    uint64_t (*reserved)(void *context); /* see corpora_set_reserved */
    void *reserved_context;
};

/* ---- corpora_record.c ---- */
void corpus_entry_free(struct corpus_entry *entry); /* NULL is fine */
/* A copy of `old` (NULL: of nothing) with `info` as the content and `key` (NULL: none) remembered.
 * NULL when out of memory. */
struct corpus_entry *corpus_entry_next(const struct corpus_entry *old,
                                       const struct corpus_info *info, const char *key);
/* The corpus as clients see it; NULL when out of memory. */
json_t *corpus_document(const struct corpus_info *info);
/* What meta.json holds, NULL when out of memory; and its inverse, CORRUPT when it does not hold
 * together. */
json_t *corpus_record(const struct corpus_entry *entry);
enum status corpus_read(const json_t *record, const char *name, struct corpus_entry **read,
                        struct error *err) MUST_CHECK;

/* ---- corpora.c ---- */
/* Refuses a name that is bad, or that would be one corpus too many. */
enum status corpora_admit(struct corpora *corpora, const char *name, struct error *err) MUST_CHECK;
/* The switch: moves the finished content at `staged` (inside corpora->folder, durable) to
 * info->name and records it. `key`: the Idempotency-Key or NULL. A key of info->owner that was
 * answered before: the same content gives the old answer and *replayed, another content is
 * REFUSED. *answer is what the client is told. On failure `staged` is still the caller's. */
enum status corpora_switch(struct corpora *corpora, const struct corpus_info *info, const char *key,
                           const char *staged, struct corpus_info *answer, bool *replayed,
                           struct error *err) MUST_CHECK;
/* DISK_FULL when `more` bytes would eat into what reserve_disk and jobs need. `what` names them in
 * the message. */
enum status corpora_room(struct corpora *corpora, uint64_t more, const char *what,
                         struct error *err) MUST_CHECK;
/* What corpora_set_reserved's function says now. */
uint64_t corpora_reserved(struct corpora *corpora);
/* Path of the content that is current now, and *info of it. Another upload may remove it at any
 * moment. Owns: caller frees *path. */
enum status corpora_path(struct corpora *corpora, const char *name, char **path,
                         struct corpus_info *info, struct error *err) MUST_CHECK;
/* CONFLICT while it is needed, see corpora_set_needed. */
enum status corpora_remove(struct corpora *corpora, const char *name, struct error *err) MUST_CHECK;
/* All corpora that the key reaches, by name, as clients see them; NULL when out of memory. */
json_t *corpora_documents(struct corpora *corpora, const struct access_key *key);

#endif
