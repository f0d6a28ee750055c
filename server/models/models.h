/* Published models: versions on disk, the current one in memory.
 * data/models/<name>/<version>/model.vecmill, never changed; data/models/<name>/CURRENT names the
 * served version (one line). Safe from any thread, but for open and close. */
#ifndef VECMILL_SERVER_MODELS_H
#define VECMILL_SERVER_MODELS_H

#include "embedding/embedding.h"
#include "server/http/http.h"
#include "server/http/name.h"
#include "server/json/json.h"
#include "server/records/record.h"

#define MODEL_VERSION_SIZE 40 /* the longest name of a version and its NUL */

struct models;
/* Loads every CURRENT; a damaged version is moved to data/quarantine and the newest good one served
 * instead, with a log line. One for which there is no memory is listed, not loaded: whoever asks
 * for it makes the next try. Keeps pointers to settings, logger, kernel and budget (or NULL). */
enum status models_open(struct models **models, const struct settings *settings,
                        const struct logger *logger, const struct kernel *kernel,
                        struct budget *budget, struct error *err) MUST_CHECK;
void models_close(struct models *models);
/* Moves folder (with model.vecmill in it, durable already) to <name>/<version> and makes it
 * current. Publishing the same version again is fine (a job that died between rename and record).
 * After a failure the folder lies where it lay.
 * Old versions beyond max_versions are removed. */
enum status models_publish(struct models *models, const char *name, const char *version,
                           const char *folder, struct error *err) MUST_CHECK;
bool models_has_version(struct models *models, const char *name, const char *version);
/* The served model, held: caller drops. version may be NULL. Loads one that is not loaded yet.
 * Errors: NOT_FOUND "no model 'x'"; for one that does not fit NO_MEMORY, with the numbers. */
enum status models_hold(struct models *models, const char *name, struct model **model,
                        char version[MODEL_VERSION_SIZE], struct error *err) MUST_CHECK;
/* The same of the version that `asked` names, by itself or by a label, be it served or not; NULL:
 * of the served one. A version that is not in memory is loaded, and kept as long as there is room.
 * Errors: NOT_FOUND "model 'x' has no version or label 'y'". */
enum status models_hold_version(struct models *models, const char *name, const char *asked,
                                struct model **model, char version[MODEL_VERSION_SIZE],
                                struct error *err) MUST_CHECK;
/* The same, and appends `"suggestions":["name",...]` of names near `name` when there is none;
 * appends nothing when no name is near. FORBIDDEN for a name that the key does not reach; what is
 * suggested is reached. */
enum status models_hold_or_suggest(struct models *models, const struct access_key *key,
                                   const char *name, const char *asked, struct model **model,
                                   char version[MODEL_VERSION_SIZE], struct buffer *members,
                                   struct error *err) MUST_CHECK;
/* Notes in a folder that is to be published whose it is: the id of a key, "" for nobody. */
enum status model_own(const char *folder, const char *owner, struct error *err) MUST_CHECK;
/* Bytes of the versions that the key with this id made; *n: of how many models. Looks at the
 * disk. */
uint64_t models_owned(struct models *models, const char *owner, size_t *n);
bool models_has(struct models *models, const char *name);
/* REFUSED for a bad name, CONFLICT when max_models models are there and `name` is not one of
 * them. */
enum status models_check_new(struct models *models, const char *name, struct error *err) MUST_CHECK;
/* The settings the model was trained with; the defaults for an import. */
enum status model_settings(const struct model *model, struct settings *settings,
                           struct error *err) MUST_CHECK;
size_t models_count(struct models *models);
/* How many of them are not loaded, for want of memory; for each a sentence is added to the list
 * `why`, which may be NULL. */
size_t models_count_unloaded(struct models *models, json_t *why);

/* A served model, for /metrics. */
struct model_gauge {
    char name[NAME_SIZE];
    uint64_t bytes, words;
};
/* The models that take most memory, `max` of them at most, largest first; returns how many. Owns:
 * caller frees *largest, which is NULL where there is none or no memory. */
size_t models_largest(struct models *models, size_t max, struct model_gauge **largest);

/* Deleting a model is refused while needed(context, name, job) says so; job: who needs it. The call
 * comes from any thread, while no change of models is under way. */
void models_set_needed(struct models *models,
                       bool (*needed)(void *context, const char *name, char job[RECORD_ID_SIZE]),
                       void *context);
/* Disk that imports and exports leave alone beside reserve_disk: what reserved(context) says, in
 * bytes. Called from any thread. */
void models_set_reserved(struct models *models, uint64_t (*reserved)(void *context), void *context);

/* Refuses with DISK_FULL when `more` bytes on the disk of `folder` would eat into what reserve_disk
 * and jobs need. `what` names them in the message. */
enum status models_room(struct models *models, const char *folder, uint64_t more, const char *what,
                        struct error *err) MUST_CHECK;

/* Routes: list, card, delete, versions, labels, files, import. */
void models_list(struct server *server, const struct http_request *request,
                 struct http_response *response);
void models_get(struct server *server, const struct http_request *request,
                struct http_response *response);
void models_delete(struct server *server, const struct http_request *request,
                   struct http_response *response);
void models_versions(struct server *server, const struct http_request *request,
                     struct http_response *response);
void models_activate(struct server *server, const struct http_request *request,
                     struct http_response *response);
void models_delete_version(struct server *server, const struct http_request *request,
                           struct http_response *response);
void models_labels(struct server *server, const struct http_request *request,
                   struct http_response *response);
void models_get_label(struct server *server, const struct http_request *request,
                      struct http_response *response);
void models_put_label(struct server *server, const struct http_request *request,
                      struct http_response *response);
void models_delete_label(struct server *server, const struct http_request *request,
                         struct http_response *response);
void models_file(struct server *server, const struct http_request *request,
                 struct http_response *response);
extern const struct body_stream model_import;

#endif
