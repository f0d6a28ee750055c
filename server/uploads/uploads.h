/* Uploads that come in parts, and go on after a cut ("Resumable Uploads for HTTP", a draft of the
 * IETF). A request for a streamed route with "Upload-Complete: ?0" makes one; PATCH appends to it;
 * the append with "Upload-Complete: ?1" ends it, and then the route takes the whole as if it had
 * come at once. data/uploads/<id>/ holds upload.json and body, the bytes as they came. Safe from
 * any thread, but for open and close. */
#ifndef VECMILL_SERVER_UPLOADS_H
#define VECMILL_SERVER_UPLOADS_H

#include "server/http/http.h"

struct models;
struct uploads;
/* Loads the records; one that is damaged is moved to data/quarantine, with a log line. Starts a
 * thread that removes what is older than upload_expiry. Keeps pointers to settings, logger and
 * models, which are asked for room on the disk. */
enum status uploads_open(struct uploads **uploads, const struct settings *settings,
                         const struct logger *logger, struct models *models,
                         struct error *err) MUST_CHECK;
void uploads_close(struct uploads *uploads); /* NULL is fine */
/* Bytes of the uploads that the key with this id began and that are not complete. One that its
 * route takes at this moment is counted by that. */
uint64_t uploads_owned(struct uploads *uploads, const char *owner);

/* Routes. */
extern const struct body_stream upload_create; /* in_parts of the routes that take uploads */
extern const struct body_stream upload_append;
void uploads_list(struct server *server, const struct http_request *request,
                  struct http_response *response);
void uploads_get(struct server *server, const struct http_request *request,
                 struct http_response *response);
void uploads_delete(struct server *server, const struct http_request *request,
                    struct http_response *response);

#endif
