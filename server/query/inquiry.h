/* A question put to a served model: holds the model while the answer is written, finds words, and
 * turns failures into answers that help (suggestions). An inquiry lives on the stack of its
 * connection's thread and no other thread sees it. Private to server/. */
#ifndef VECMILL_SERVER_INQUIRY_H
#define VECMILL_SERVER_INQUIRY_H

#include "server/http/context.h"
#include "server/http/http_json.h"
#include "server/http/parameters.h"
#include "server/json/fields.h"
#include "server/models/models.h"
#include "server/query/query.h"

#define INQUIRY_JSON "application/json"

/* What a word that the model does not know is: an error, left out, or a row of zeros. */
#define MISSING_POLICIES_SKIP(CHOICE) /* where a row of zeros has no answer */ \
    CHOICE(MISSING_ERROR, "error")                                             \
    CHOICE(MISSING_SKIP, "skip")
#define MISSING_POLICIES(CHOICE)  \
    MISSING_POLICIES_SKIP(CHOICE) \
    CHOICE(MISSING_ZERO, "zero")
enum missing_policy { MISSING_POLICIES(CHOICE_CONSTANT) };

struct inquiry {
    struct server *server;
    const struct http_request *request;
    struct http_response *response; /* for headers; status and body are set by inquiry_end */
    const char *name;               /* of the model; borrowed from the request */
    char split[NAME_SIZE];          /* what stands before the @ of a name, if there is one */
    struct model *model;            /* held; NULL before inquiry_hold */
    char version[MODEL_VERSION_SIZE];
    json_t *body;             /* the request's object, owned; NULL for GET */
    const char *content_type; /* of the answer; JSON unless changed */
    int refusal;              /* HTTP status of a refusal, 0: by the error's status */
    struct buffer members;    /* further members of an error answer, as JSON text */
    int oov;                  /* enum missing_policy, for inquiry_item; set by the route */
    struct buffer missing;    /* words passed over so, as JSON texts with commas between */
};

/* Runs one route: holds the model named by the first segment, in the
 * version that the path names, refuses query keys that
 * the route's row does not name, reads a JSON body with `members`, lets `write` append the answer,
 * and sends it or the error. */
struct inquiry_route {
    const char *const *members; /* of a JSON body, ended by NULL; NULL: the body is no JSON */
    enum status (*write)(struct inquiry *inquiry, struct buffer *answer, struct error *err);
};
void inquiry_run(struct server *server, const struct http_request *request,
                 struct http_response *response, const struct inquiry_route *route);

/* Holds a version of `name` (borrowed) until inquiry_end: the one that `asked` names, by itself or
 * by a label, or the one that is served for NULL. NOT_FOUND: names like it become a member of the
 * answer. */
enum status inquiry_hold(struct inquiry *inquiry, const char *name, const char *asked,
                         struct error *err) MUST_CHECK;
/* The same for "name", "name@version" or "name@label": no name holds an '@'. */
enum status inquiry_hold_named(struct inquiry *inquiry, const char *name,
                               struct error *err) MUST_CHECK;
/* The memory that an answer of `numbers` float32 numbers takes: they are counted, and the text made
 * of them is expected, with `text` bytes for each at the least. Errors: grant_resize's. */
enum status inquiry_reserve(struct inquiry *inquiry, uint64_t numbers, size_t text,
                            struct error *err) MUST_CHECK;
/* The memory of a search: see search_memory; the vectors that are searched for are counted, too.
 * Errors: grant_resize's. */
enum status inquiry_reserve_search(struct inquiry *inquiry, size_t n_vectors, size_t together,
                                   size_t k, struct error *err) MUST_CHECK;
/* Ends an inquiry begun by hand: answers 200 with `answer` (taken) when status is OK, else err;
 * drops the model, the body and members. */
void inquiry_end(struct inquiry *inquiry, enum status status, struct buffer *answer,
                 const struct error *err);

/* Appends `{"model":"name","version":"v"`, the head of every answer; the object is left open. */
void inquiry_head(const struct inquiry *inquiry, struct buffer *answer);
/* Appends `"word":"king","id":3` for an id of the vocabulary. */
void inquiry_append_word(const struct inquiry *inquiry, struct buffer *answer, uint32_t id);

/* Appends `[{"word":"queen","id":5,"count":801,"score":0.83},...]`. */
void inquiry_append_found(const struct inquiry *inquiry, struct buffer *answer,
                          const struct neighbor *found, size_t n);

/* Notes a word as passed over. */
void inquiry_miss(struct inquiry *inquiry, const char *word, size_t length);
/* Appends `,"missing":[...]`: the words that inquiry_item passed over. */
void inquiry_append_missing(struct inquiry *inquiry, struct buffer *answer);
/* Appends a JSON list of words. */
void inquiry_append_words(const struct inquiry *inquiry, struct buffer *answer, const uint32_t *ids,
                          size_t n);

/* The id of a word. `pointer` is the key of errors. An unknown word is NOT_FOUND; similar words of
 * the vocabulary become members of the answer, the nearest is named by the message. */
enum status inquiry_word(struct inquiry *inquiry, const char *word, size_t length,
                         const char *pointer, uint32_t *id, struct error *err) MUST_CHECK;
/* A number as an id; REFUSED when it is out of range. */
enum status inquiry_id(struct inquiry *inquiry, int64_t number, const char *pointer, uint32_t *id,
                       struct error *err) MUST_CHECK;
/* A string is a word, a whole number an id, anything else REFUSED. A word that is not known has the
 * id WORD_NONE and is noted as missing, unless inquiry->oov is MISSING_ERROR. */
enum status inquiry_item(struct inquiry *inquiry, const json_t *item, const char *pointer,
                         uint32_t *id, struct error *err) MUST_CHECK;
/* All items of object[name], min to max_batch of them, as ids, WORD_NONE included; `prefix`
 * stands before "/name" in the keys of errors. Absent: REFUSED when min > 0, else *n = 0. Owns:
 * the caller frees *ids, which a failure leaves as it was. */
enum status inquiry_items(struct inquiry *inquiry, const json_t *object, const char *prefix,
                          const char *name, size_t min, uint32_t **ids, size_t *n,
                          struct error *err) MUST_CHECK;
/* The name of an analogy's method in requests and answers. */
const char *analogy_method_name(enum analogy_method method);
/* The settings the model was trained with; the defaults for an import. Errors: of
 * settings_read_text, for a model that a later version made. */
enum status inquiry_settings(const struct inquiry *inquiry, struct settings *settings,
                             struct error *err) MUST_CHECK;

#endif
