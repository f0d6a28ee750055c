/* A question put to a served model: holds the model while the answer is written, finds words, and
 * turns failures into answers that help (suggestions). Private to server/. */
#ifndef VECMILL_SERVER_INQUIRY_H
#define VECMILL_SERVER_INQUIRY_H

#include "server/http/context.h"
#include "server/http/http_json.h"
#include "server/http/parameters.h"
#include "server/json/fields.h"
#include "server/models/models.h"
#include "server/query/query.h"

#define INQUIRY_JSON "application/json"

struct inquiry {
    struct server *server;
    const struct http_request *request;
    struct http_response *response; /* for headers; status and body are set by inquiry_answer */
    const char *name;               /* of the model */
    struct model *model;            /* held */
    char version[MODEL_VERSION_SIZE];
    json_t *body;             /* the request's object, owned; NULL for GET */
    const char *content_type; /* of the answer; JSON unless changed */
    int refusal;              /* HTTP status of a refusal, 0: by the error's status */
    struct buffer members;    /* further members of an error answer, as JSON text */
};

/* Runs one route: holds the model named by the first segment, reads a JSON body with `members`
 * (NULL: the route has none), refuses query keys outside `keys`, lets `write` fill the answer and
 * sends it, or the error. */
struct inquiry_route {
    const char *const *members, *const *keys;
    enum status (*write)(struct inquiry *inquiry, struct buffer *answer, struct error *err);
};
void inquiry_run(struct server *server, const struct http_request *request,
                 struct http_response *response, const struct inquiry_route *route);

/* Holds `name`; suggests names when there is no such model. */
enum status inquiry_hold(struct inquiry *inquiry, const char *name, struct error *err) MUST_CHECK;
/* Ends an inquiry begun by hand: sends `answer` (taken) when status is OK, else the error; drops
 * what it holds. */
void inquiry_end(struct inquiry *inquiry, enum status status, struct buffer *answer,
                 const struct error *err);

/* `{"model":"name","version":"v"` : the head of every answer, open. */
void inquiry_head(const struct inquiry *inquiry, struct buffer *answer);
/* `"word":"king","id":3` for an id of the vocabulary. */
void inquiry_append_word(const struct inquiry *inquiry, struct buffer *answer, uint32_t id);

/* `pointer` names the place in errors. Unknown word: NOT_FOUND with suggestions, also as a member
 * of the answer. */
enum status inquiry_word(struct inquiry *inquiry, const char *word, size_t length,
                         const char *pointer, uint32_t *id, struct error *err) MUST_CHECK;
enum status inquiry_id(struct inquiry *inquiry, int64_t number, const char *pointer, uint32_t *id,
                       struct error *err) MUST_CHECK;
/* A string is a word, a whole number an id. */
enum status inquiry_item(struct inquiry *inquiry, const json_t *item, const char *pointer,
                         uint32_t *id, struct error *err) MUST_CHECK;
/* All items of body[name], as ids; *ids has room for `min` at least. Absent: *n = 0 unless least
 * > 0. Owns: caller frees *ids. */
enum status inquiry_items(struct inquiry *inquiry, const json_t *object, const char *prefix,
                          const char *name, size_t min, uint32_t **ids, size_t *n,
                          struct error *err) MUST_CHECK;
/* The settings the model was trained with; the defaults for an import. */
enum status inquiry_settings(const struct inquiry *inquiry, struct settings *settings,
                             struct error *err) MUST_CHECK;

#endif
