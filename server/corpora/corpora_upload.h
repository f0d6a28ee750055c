/* A corpus on its way in, piece by piece: what the routes that take one share. */
#ifndef VECMILL_SERVER_CORPORA_UPLOAD_H
#define VECMILL_SERVER_CORPORA_UPLOAD_H

#include "server/corpora/corpora.h"

struct upload;

/* Refuses what needs no byte of the body: name, headers, length, free space. Owns: caller frees
 * *begun with upload_free. */
enum status upload_begin(struct corpora *corpora, const struct http_request *request,
                         const char *name, struct upload **begun, struct error *err) MUST_CHECK;
/* The next bytes of the body; `upload` is a struct upload. */
enum status upload_push(void *upload, const char *bytes, size_t length,
                        struct error *err) MUST_CHECK;
/* The whole body is in: content checked, durable, switched to. *answer, *replayed: see
 * corpora_switch. */
enum status upload_complete(struct upload *upload, struct corpus_info *answer, bool *replayed,
                            struct error *err) MUST_CHECK;
/* Tells log and audit of a corpus that was stored for the request. */
void upload_note(const struct logger *logger, const struct http_request *request,
                 const struct corpus_info *info);
const char *upload_key(const struct upload *upload); /* the Idempotency-Key, "" for none */
void upload_free(void *upload);                      /* NULL is fine */

#endif
