/* What models.c, the model_*.c files and the routes share: the registry's shape on disk and the
 * calls only its routes need.
 *
 * data/models/<name>/CURRENT                  the served version, and a line with its checksum
 * data/models/<name>/labels.json              names that people gave to versions
 * data/models/<name>/<version>/model.vecmill  never changed
 * data/models/<name>/<version>/version.json   sequence and figures, so that listing versions need
 *                                             not load them
 * data/models/<name>/<version>/owner          id of the key that made it, if one did
 * data/models/<name>/<version>/files/         exports, each written once, and <export>.json, its
 *                                             size and checksum, and what its numbers lost
 * data/quarantine/<name>-<version>-<random>/  versions that failed their checks */
#ifndef VECMILL_SERVER_MODELS_PRIVATE_H
#define VECMILL_SERVER_MODELS_PRIVATE_H

#include <pthread.h>

#include "base/digest.h"
#include "base/file.h"
#include "server/http/idempotency.h"
#include "server/models/models.h"
#include "server/records/record.h"

/* The Idempotency-Key of an import, and a digest of what a replay must repeat. */
struct publish_key {
    char key[IDEMPOTENCY_KEY_SIZE], fingerprint[DIGEST_TEXT_SIZE];
};

/* Who publishes an import, and how often. */
struct publish_terms {
    const struct publish_key *once; /* or NULL */
    struct access *access;
    struct access_key asker; /* id "": there are no keys */
};

/* ---- model_store.c: the folder of one model -------------------------------------------------- */
struct model_version {
    char version[MODEL_VERSION_SIZE];
    uint64_t sequence; /* order of publishing within the model, from 1 */
    double created, published;
    int64_t words, dim;
    uint64_t bytes;
    char digest[DIGEST_TEXT_SIZE];
    char owner[KEY_ID_SIZE]; /* of the key that made it, see model_own */
    struct publish_key once; /* of the import that made it, or empty */
};
/* Whether `folder` holds a model file. */
bool store_has_model(const char *folder);
/* What is known of one version without loading it; zeros where nothing is. */
void store_version(const char *home, const char *name, struct model_version *version);
/* Versions under data/models/<name>, newest first. Owns: caller frees *versions. */
enum status store_versions(const char *home, struct model_version **versions, size_t *n,
                           struct error *err) MUST_CHECK;
/* Writes version.json into the folder of a version. `once` may be NULL. */
enum status store_describe(const char *folder, const struct model *model, uint64_t sequence,
                           const struct publish_key *once, struct error *err) MUST_CHECK;
/* Gives a model that does not know when it was made the time of its version: that of version.json,
 * else of the file. For a model that is not served yet. */
void store_date(const char *folder, struct model *model);
/* The version named by CURRENT; NOT_FOUND when there is none, CORRUPT when it is no version
 * name. */
enum status store_read_current(const char *home, char version[MODEL_VERSION_SIZE],
                               struct error *err) MUST_CHECK;
/* Moves what stands under CURRENT or version.json and cannot be read out of the way, to the
 * quarantine of the data folder `data`; `name`: of the model. */
void store_set_current_aside(const char *data, const char *home, const char *name,
                             const struct logger *logger, const struct error *why);
/* The same of the file at `path`, which is called `file`. */
void store_set_aside(const char *data, const char *path, const char *name, const char *file,
                     const struct logger *logger, const struct error *why);
void store_check_descriptions(const char *data, const char *home, const char *name,
                              const struct logger *logger);
enum status store_write_current(const char *home, const char *version,
                                struct error *err) MUST_CHECK;

/* ---- models.c and model_exports.c: for the routes -------------------------------------------- */
struct served_model {
    char name[NAME_SIZE], version[MODEL_VERSION_SIZE];
    struct model *model; /* held; NULL: not loaded */
    char reason[256];    /* why it is not loaded */
};
struct cached_version; /* see model_cache.c */
struct model_label {
    char model[NAME_SIZE], label[NAME_SIZE], version[MODEL_VERSION_SIZE];
    double set; /* wall seconds */
};
struct export_turn;
/* An export that was checked since the start, as it stood then. A file that is not among these is
 * checked anew: that costs time, nothing else. */
#define EXPORTS_SEEN 256
struct export_seen {
    uint64_t path; /* checksum of it */
    struct file_state state;
    char digest[DIGEST_TEXT_SIZE];
};
/* Two mutexes: `lock` guards the table of entries and is held for a few instructions only, so that
 * a reader never waits for the disk; `change` orders publish, activate and delete, and is held over
 * their disk work. `change` is taken first. */
struct models {
    const struct settings *settings;
    const struct logger *logger;
    const struct kernel *kernel;
    struct budget *budget; /* or NULL */
    char *folder;          /* data/models */
    pthread_mutex_t lock, change;
    struct served_model *entries; /* by name; each holds its model */
    size_t n, capacity;
    /* other versions that were asked for, and labels; by `lock` */
    struct cached_version *cached;
    size_t n_cached, cached_capacity;
    uint64_t cache_clock;
    struct model_label *labels;
    size_t n_labels, labels_capacity;
    pthread_mutex_t export_lock; /* guards turns */
    pthread_cond_t exported;     /* a turn ended */
    struct export_turn *turns;   /* exports being written */
    /* what is known to be whole, the oldest replaced first; by export_lock */
    struct export_seen seen[EXPORTS_SEEN];
    size_t n_seen;
    /* see models_set_needed and models_set_reserved; by `lock` */
    bool (*needed)(void *context, const char *name, char job[RECORD_ID_SIZE]);
    void *needed_context;
    uint64_t (*reserved)(void *context);
    void *reserved_context;
};
/* ---- model_load.c ---- */
bool load_is_damage(const struct error *error);
/* Is there only no room for it now, or with these settings? */
bool load_wants_memory(const struct error *error);
/* At the start a file that cannot be read is as good as a damaged one; while models are served it
 * may be trouble that passes. One of another format version stays, and so does one for which there
 * is no memory. */
bool load_is_unreadable(const struct error *error);
/* model_load, within the budget: versions that nobody asked for lately give way. */
enum status load_folder(struct models *models, const char *name, const char *folder,
                        struct model **model, struct error *err) MUST_CHECK;
/* Loads one version; one that is `unusable` by its failure is put into quarantine. */
enum status load_unless(struct models *models, const char *name, const char *home,
                        const char *version, bool (*unusable)(const struct error *error),
                        struct model **model, struct error *err) MUST_CHECK;
/* The same with load_is_damage. */
enum status load_version(struct models *models, const char *name, const char *home,
                         const char *version, struct model **model, struct error *err) MUST_CHECK;

/* ---- model_cache.c: versions in memory beside the served ones; these take `lock` ---- */
/* Held for the caller; NULL when it is not in memory. */
struct model *cache_hold(struct models *models, const char *name, const char *version);
/* Keeps a reference of its own; the one that nobody asked for the longest goes when there are
 * max_versions_loaded. */
void cache_put(struct models *models, const char *name, const char *version, struct model *model);
bool cache_evict(struct models *models); /* lets the longest unused one go; false: there is none */
/* version: NULL for all of the model. */
void cache_drop(struct models *models, const char *name, const char *version);

/* ---- model_labels.c: these take `lock`; `change` is held by who calls labels_change ---- */
bool label_find(struct models *models, const char *name, const char *label,
                struct model_label *found);
/* A label of that version, if there is one. */
bool label_of_version(struct models *models, const char *name, const char *version,
                      char label[NAME_SIZE]);
/* All of a model, by name. Owns: caller frees *list. */
enum status labels_list(struct models *models, const char *name, struct model_label **list,
                        size_t *n, struct error *err) MUST_CHECK;
/* Into memory at the start; a damaged file is set aside. */
void labels_load(struct models *models, const char *name, const char *home);
/* Out of memory only. label: NULL for all. */
void labels_forget(struct models *models, const char *name, const char *label);
/* Sets a label, or removes it when version is NULL, durably. *made (or NULL): what was set. Errors:
 * CONFLICT beyond max_labels. */
enum status labels_change(struct models *models, const char *name, const char *home,
                          const char *label, const char *version, struct model_label *made,
                          struct error *err) MUST_CHECK;

/* ---- model_versions.c ---- */
/* The version that `asked` names, by itself or by a label. NOT_FOUND when neither is there. */
enum status models_resolve(struct models *models, const char *name, const char *asked,
                           char version[MODEL_VERSION_SIZE], struct error *err) MUST_CHECK;
/* Deletes one version with its files, and lets its memory go when the last reader drops it.
 * NOT_FOUND; CONFLICT for the served one, and for one that a label names. */
enum status models_remove_version(struct models *models, const char *name, const char *version,
                                  struct error *err) MUST_CHECK;
/* Points a label at the version that `asked` names. CONFLICT for a label that is the name of a
 * version. */
enum status models_set_label(struct models *models, const char *name, const char *label,
                             const char *asked, struct model_label *made,
                             struct error *err) MUST_CHECK;
enum status models_remove_label(struct models *models, const char *name, const char *label,
                                struct error *err) MUST_CHECK;

/* ---- models.c ---- */
/* The version that is served, loaded or not. NOT_FOUND "no model 'x'". */
enum status models_served_version(struct models *models, const char *name,
                                  char version[MODEL_VERSION_SIZE], struct error *err) MUST_CHECK;
/* models_publish of an import, as far as models_admit lets it in. What the same key of access made
 * with the same Idempotency-Key before: *replayed, see models_replay. */
enum status models_publish_import(struct models *models, const char *name,
                                  char version[MODEL_VERSION_SIZE], const char *folder,
                                  const struct publish_terms *terms, bool *replayed,
                                  struct error *err) MUST_CHECK;
/* The version that the import made before, if any: then *replayed, and `version` becomes its name.
 * REFUSED when its fingerprint is another. terms->once is not NULL. */
enum status models_replay(struct models *models, const char *name,
                          const struct publish_terms *terms, char version[MODEL_VERSION_SIZE],
                          bool *replayed, struct error *err) MUST_CHECK;
/* BUSY when a new model of that name is more than max_models of the asker's key, with what its jobs
 * are going to make. */
enum status models_admit(struct models *models, const char *name, const struct publish_terms *terms,
                         struct error *err) MUST_CHECK;
/* All models by name, each held as far as it is loaded. Owns: models_snapshot_free. */
enum status models_snapshot(struct models *models, struct served_model **list, size_t *n,
                            struct error *err) MUST_CHECK;
void models_snapshot_free(struct served_model *list, size_t n);
/* Appends `"suggestions":["name",...]` of names near `name` that the key reaches; appends nothing
 * when there are none. */
void models_suggest(struct models *models, const struct access_key *key, const char *name,
                    struct buffer *members);
enum status models_remove(struct models *models, const char *name, struct error *err) MUST_CHECK;
enum status models_switch(struct models *models, const char *name, const char *version,
                          struct error *err) MUST_CHECK;
/* data/models/<name>. Owns: caller frees; NULL when out of memory. */
char *models_home(const struct models *models, const char *name);
/* Path of the export of a version, written when it is not there yet; several callers write one file
 * once. Owns: caller frees *path. DISK_FULL when it would eat into reserve_disk. */
struct export_about {
    char digest[DIGEST_TEXT_SIZE]; /* of the file */
    struct export_loss loss;       /* set for a format whose numbers are no float32 */
};
enum status models_export(struct models *models, const char *name, const char *version,
                          const struct model *model, const char *file,
                          const struct export_options *options, char **path,
                          struct export_about *about, struct error *err) MUST_CHECK;
/* A fresh folder for work in progress on the same file system; removed at the next start if we die.
 * Owns: caller frees *path. */
enum status models_workplace(const struct models *models, char **path,
                             struct error *err) MUST_CHECK;

#endif
