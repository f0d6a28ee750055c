/* The catalogue of corpora on disk. data/corpora/<name>/ holds meta.json and <random
 * id>.corpus; a new upload is written aside, fsynced, then meta.json is replaced: that is the
 * moment of the switch. A job hard-links the content it began with. Safe from
 * any thread, but for open and close. */
#ifndef VECMILL_SERVER_CORPORA_H
#define VECMILL_SERVER_CORPORA_H

#include "base/digest.h"
#include "corpus/corpus.h"
#include "server/http/http.h"
#include "server/http/name.h"
#include "server/records/record.h"

struct corpora;
struct corpus_info {
    /* format: "text" or "tokens" (decoded NDJSON) */
    char name[NAME_SIZE], id[RECORD_ID_SIZE], digest[DIGEST_TEXT_SIZE], format[16];
    char checksum[CHECKSUM_TEXT_SIZE]; /* of the decoded bytes; empty: of an earlier version */
    uint64_t bytes;                    /* decoded */
    uint64_t altered;                  /* see ndjson_altered */
    uint64_t skipped;                  /* see ndjson_skipped */
    char owner[KEY_ID_SIZE]; /* id of the key that uploaded it; empty: there were no keys */
    double created;
    bool scanned;
    struct corpus_report report; /* of the last scan by a job */
};
/* Loads the records; one that is damaged is moved to data/quarantine, with a log line. Keeps
 * pointers to settings and logger. */
enum status corpora_open(struct corpora **corpora, const struct settings *settings,
                         const struct logger *logger, struct error *err) MUST_CHECK;
void corpora_close(struct corpora *corpora);
/* A copy of what is known. REFUSED for a bad name, NOT_FOUND "no corpus 'x'". */
enum status corpora_find(struct corpora *corpora, const char *name, struct corpus_info *info,
                         struct error *err) MUST_CHECK;
/* Hard-links the current content to `path`; *info as of that moment. */
enum status corpora_link(struct corpora *corpora, const char *name, const char *path,
                         struct corpus_info *info, struct error *err) MUST_CHECK;
/* Hard-links a set of questions that stands beside a corpus; path NULL: only looks for it.
 * NOT_FOUND names those that do. */
enum status corpora_link_questions(struct corpora *corpora, const char *corpus, const char *name,
                                   const char *path, struct error *err) MUST_CHECK;
/* Remembers the report of a scan, if the content is still the one with this digest. */
void corpora_note_report(struct corpora *corpora, const char *name, const char *digest,
                         const struct corpus_report *report);

/* Bytes of the corpora that the key with this id uploaded, but for the one named `but` (or
 * NULL). */
uint64_t corpora_owned(struct corpora *corpora, const char *owner, const char *but);
/* How many there are, and the bytes of their text, decoded. */
size_t corpora_count(struct corpora *corpora, uint64_t *bytes);

/* Deleting a corpus is refused while needed(context, name) says so. The call comes from any thread,
 * without a lock of the catalogue held. */
void corpora_set_needed(struct corpora *corpora, bool (*needed)(void *context, const char *name),
                        void *context);

/* Disk that uploads leave alone beside reserve_disk: what reserved(context) says, in bytes. Called
 * as needed() is. */
void corpora_set_reserved(struct corpora *corpora, uint64_t (*reserved)(void *context),
                          void *context);

/* Routes. */
extern const struct body_stream corpus_upload;
void corpora_list(struct server *server, const struct http_request *request,
                  struct http_response *response);
void corpora_get(struct server *server, const struct http_request *request,
                 struct http_response *response);
void corpora_content(struct server *server, const struct http_request *request,
                     struct http_response *response);
void corpora_delete(struct server *server, const struct http_request *request,
                    struct http_response *response);
/* Sets of questions beside a corpus, for evaluations while one trains: data/corpora/<corpus>/
 * questions/<name>. max_questions of them. */
void corpora_questions_list(struct server *server, const struct http_request *request,
                            struct http_response *response);
void corpora_questions_put(struct server *server, const struct http_request *request,
                           struct http_response *response);
void corpora_questions_get(struct server *server, const struct http_request *request,
                           struct http_response *response);
void corpora_questions_delete(struct server *server, const struct http_request *request,
                              struct http_response *response);

#endif
