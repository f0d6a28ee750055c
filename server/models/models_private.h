/* What models.c, model_store.c, model_exports.c and the routes share: the registry's shape on disk
 * and the calls only its routes need.
 *
 * data/models/<name>/CURRENT                  the served version, and a line with its checksum
 * data/models/<name>/<version>/model.vecmill  never changed
 * data/models/<name>/<version>/version.json   sequence and figures, so that listing versions need
 *                                             not load them
 * data/models/<name>/<version>/owner          id of the key that made it, if one did
 * data/models/<name>/<version>/files/         exports, each written once, and <export>.json, its
 *                                             size and checksum
 * data/quarantine/<name>-<version>-<random>/  versions that failed their checks */
#ifndef VECMILL_SERVER_MODELS_PRIVATE_H
#define VECMILL_SERVER_MODELS_PRIVATE_H

#include <pthread.h>

#include "base/digest.h"
#include "base/file.h"
#include "server/models/models.h"
#include "server/records/record.h"

/* ---- model_store.c: the folder of one model -------------------------------------------------- */
struct model_version {
    char version[MODEL_VERSION_SIZE];
    uint64_t sequence; /* order of publishing within the model, from 1 */
    double created, published;
    int64_t words, dim;
    uint64_t bytes;
    char digest[DIGEST_TEXT_SIZE];
    char owner[KEY_ID_SIZE]; /* of the key that made it, see model_own */
};
/* Whether `folder` holds a model file. */
bool store_has_model(const char *folder);
/* What is known of one version without loading it; zeros where nothing is. */
void store_version(const char *home, const char *name, struct model_version *version);
/* Versions under data/models/<name>, newest first. Owns: caller frees *versions. */
enum status store_versions(const char *home, struct model_version **versions, size_t *n,
                           struct error *err) MUST_CHECK;
/* Writes version.json into the folder of a version. */
enum status store_describe(const char *folder, const struct model *model, uint64_t sequence,
                           struct error *err) MUST_CHECK;
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
struct export_turn;
/* An export that was checked since the start, as it stood then. A file that is not among these is
 * checked anew: that costs time, nothing else. */
#define EXPORTS_SEEN 256
struct export_seen {
    uint64_t path; /* checksum of it */
    struct file_state state;
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
/* All models by name, each held as far as it is loaded. Owns: models_snapshot_free. */
enum status models_snapshot(struct models *models, struct served_model **list, size_t *n,
                            struct error *err) MUST_CHECK;
void models_snapshot_free(struct served_model *list, size_t n);
/* Appends `"suggestions":["name",...]` of names near `name` that the key reaches; appends nothing
 * when there are none. */
void models_suggest(struct models *models, const struct access_key *key, const char *name,
                    struct buffer *members);
/* Refuses with DISK_FULL when `more` bytes on the disk of `folder` would eat into what reserve_disk
 * and jobs need. `what` names them in the message. */
enum status models_room(struct models *models, const char *folder, uint64_t more, const char *what,
                        struct error *err) MUST_CHECK;
enum status models_remove(struct models *models, const char *name, struct error *err) MUST_CHECK;
enum status models_switch(struct models *models, const char *name, const char *version,
                          struct error *err) MUST_CHECK;
/* data/models/<name>. Owns: caller frees; NULL when out of memory. */
char *models_home(const struct models *models, const char *name);
/* Path of the export of a version, written when it is not there yet; several callers write one file
 * once. Owns: caller frees *path. DISK_FULL when it would eat into reserve_disk. */
enum status models_export(struct models *models, const char *name, const char *version,
                          const struct model *model, const char *file,
                          const struct export_options *options, char **path,
                          struct error *err) MUST_CHECK;
/* A fresh folder for work in progress on the same file system; removed at the next start if we die.
 * Owns: caller frees *path. */
enum status models_workplace(const struct models *models, char **path,
                             struct error *err) MUST_CHECK;

#endif
