/* Published models: versions on disk, the current one in memory. Private to server/.
 * data/models/<name>/<version>/model.vecmill, never changed; data/models/<name>/CURRENT names the
 * served version (one line). */
#ifndef VECMILL_SERVER_MODELS_H
#define VECMILL_SERVER_MODELS_H

#include "embedding/embedding.h"
#include "server/json/json.h"

struct models;
/* Loads every CURRENT; a damaged version is moved to data/quarantine and the newest good one served
 * instead, with a log line. */
enum status models_open(struct models **models, struct server *server,
                        struct error *err) MUST_CHECK;
void models_close(struct models *models);
/* Moves folder (with model.vecmill in it, durable already) to <name>/<version> and makes it
 * current. Publishing the same version again is fine (a job that died between rename and record).
 * Old versions beyond max_versions are removed. */
enum status models_publish(struct models *models, const char *name, const char *version,
                           const char *folder, struct error *err) MUST_CHECK;
bool models_has_version(struct models *models, const char *name, const char *version);
/* The served model, held: caller drops. NOT_FOUND "no model 'x'". version: 40 bytes, may be
 * NULL. */
enum status models_hold(struct models *models, const char *name, struct model **model,
                        char version[40], struct error *err) MUST_CHECK;
size_t models_count(struct models *models);

/* Routes: handlers_models.c (card, list, delete, versions, files), handlers_vectors.c (rows,
 * words), handlers_search.c. */
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
void models_file(struct server *server, const struct http_request *request,
                 struct http_response *response);
extern const struct body_stream model_import;
void vectors_get(struct server *server, const struct http_request *request,
                 struct http_response *response);
void vectors_post(struct server *server, const struct http_request *request,
                  struct http_response *response);
void vectors_openai(struct server *server, const struct http_request *request,
                    struct http_response *response);
void words_get(struct server *server, const struct http_request *request,
               struct http_response *response);
void neighbors_get(struct server *server, const struct http_request *request,
                   struct http_response *response);
void neighbors_post(struct server *server, const struct http_request *request,
                    struct http_response *response);
void analogy_post(struct server *server, const struct http_request *request,
                  struct http_response *response);
void similarity_post(struct server *server, const struct http_request *request,
                     struct http_response *response);
void odd_one_out_post(struct server *server, const struct http_request *request,
                      struct http_response *response);
void evaluate_post(struct server *server, const struct http_request *request,
                   struct http_response *response);
void candidates_post(struct server *server, const struct http_request *request,
                     struct http_response *response);

#endif
