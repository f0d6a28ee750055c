/* Who may do what: keys, their scopes, what they reach, and their quotas. Knows nothing of HTTP:
 * server/http/ hands over the hash of a request's token. A key is 256 random bits that are shown
 * once; what is kept is its SHA-256, which for random keys is as good as a slow hash (there is
 * nothing to guess). Safe from any thread, but for open and close. */
#ifndef VECMILL_SERVER_ACCESS_H
#define VECMILL_SERVER_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"

/* What a route needs and what a key gives: each scope holds those before it. */
enum scope {
    SCOPE_UNSET, /* of a route whose row says nothing: nobody gets in */
    SCOPE_OPEN,  /* without a key: the probes */
    SCOPE_READ,  /* asks, and changes nothing */
    SCOPE_TRAIN, /* uploads, trains, imports, deletes corpora */
    SCOPE_ADMIN  /* deletes models, decides which version is served */
};
const char *scope_name(enum scope scope); /* "read"; "open" and "unset" for those two */

#define KEY_ID_SIZE 17     /* at most 16 characters, and a NUL */
#define KEY_NAME_SIZE 65   /* a name for people, and a NUL */
#define KEY_REACH_SIZE 512 /* prefixes joined by commas, and a NUL */
#define KEY_HASH_BYTES 32
#define KEY_TEXT_SIZE 81 /* "vm_" + 12 + "_" + 64 hexadecimal digits, and a NUL */

/* A key as it is kept; plain data. */
struct access_key {
    char id[KEY_ID_SIZE]; /* in logs and records: it tells nothing of the key */
    char name[KEY_NAME_SIZE];
    enum scope scope;
    char corpora[KEY_REACH_SIZE], models[KEY_REACH_SIZE]; /* prefixes of names; empty: all */
    /* Quotas; 0: none. Of what the key made: bytes of corpora and models, models, jobs that have
     * not ended. */
    int64_t max_bytes, max_models, max_jobs, requests_per_minute;
    unsigned char hash[KEY_HASH_BYTES];
};

/* ---- key_row.c: keys as text ----------------------------------------------------------------- */

/* Makes id, hash and text of a new key; the other members are the caller's. The text is told once
 * and kept nowhere: overwrite it when it is told. */
enum status key_create(struct access_key *key, char text[KEY_TEXT_SIZE],
                       struct error *err) MUST_CHECK;
/* SHA-256 of a token. */
enum status key_hash(const char *token, size_t length, unsigned char hash[KEY_HASH_BYTES],
                     struct error *err) MUST_CHECK;
/* Overwrites the secret of every key that stands in the text with '*': a client may put one where
 * it does not belong, as into a query string. Also of one that is cut or has characters as %XX. */
void key_redact(char *text);
bool key_stands_in(const char *text); /* a whole one */
/* Sets one member of a row from its text: scope, name, corpora, models, max_bytes, max_models,
 * max_jobs, requests_per_minute. REFUSED with the name as key. */
enum status key_set(struct access_key *key, const char *member, const char *value,
                    struct error *err) MUST_CHECK;
/* Appends "ID sha256:HEX scope=read name=...", without a line break. */
void key_print(const struct access_key *key, struct buffer *row);
/* Reads such a row, which ends with the text. MALFORMED or REFUSED says what is wrong with it. */
enum status key_parse(const char *row, struct access_key *key, struct error *err) MUST_CHECK;
/* Reads rows that end with a line break or a semicolon; '#' begins a comment up to the line's end.
 * `source` names the text in errors ("keys:3: ..."). Appends to *keys, of which there are *n, max
 * at most. Owns: caller frees *keys, also after a failure. REFUSED for an id or a hash that is
 * there already. */
enum status keys_parse(const char *text, const char *source, size_t max, struct access_key **keys,
                       size_t *n, struct error *err) MUST_CHECK;

/* ---- what a key reaches ---------------------------------------------------------------------- */

enum reach { REACH_CORPUS, REACH_MODEL };
/* Does the name begin with one of the key's prefixes? key NULL: there are no keys, all is
 * reached. */
bool key_reaches(const struct access_key *key, enum reach reach, const char *name);
/* FORBIDDEN, with the prefixes, unless it is reached. Says nothing of whether it exists. */
enum status key_check_reach(const struct access_key *key, enum reach reach, const char *name,
                            struct error *err) MUST_CHECK;
/* Does it reach every name? Only such a key sees what speaks of all of them, as /metrics does. */
bool key_reaches_all(const struct access_key *key);
/* Is the key that made something this one? Also true where there are no keys. */
const char *key_owner(const struct access_key *key); /* its id; "" for NULL */

/* ---- access.c: the keys in force ------------------------------------------------------------- */

struct access;
struct access_options {
    const struct settings *settings; /* api_keys, api_keys_file, data, ...; pointer is kept */
    const struct logger *logger;     /* pointer is kept */
    bool beyond;                     /* the service listens beyond loopback */
    /* Tells the one that starts the service a key that was made (setting first_key), and is false
     * when it could not be told. NULL: none is made. */
    bool (*tell)(void *context, const char *key, const char *row);
    void *context;
};
/* Reads the keys from `api_keys`, from the file `api_keys_file` and from data/keys, where the first
 * key is kept. Without any: makes the first key if the setting first_key says so; else REFUSED
 * with key "api_keys" when the service listens beyond loopback and is not `insecure`. */
enum status access_open(struct access **access, const struct access_options *options,
                        struct error *err) MUST_CHECK;
void access_close(struct access *access); /* NULL is fine */
/* Reads the files again. After a failure the keys are those of before. Requests under way keep the
 * key that they came with. */
enum status access_reload(struct access *access, struct error *err) MUST_CHECK;
/* Are there keys, so that requests need one? False for NULL. */
bool access_required(struct access *access);
size_t access_count(struct access *access);

enum verdict {
    VERDICT_GRANTED,
    VERDICT_NO_KEY,    /* 401: one is needed */
    VERDICT_WRONG_KEY, /* 401 */
    VERDICT_SCOPE,     /* 403: the key's scope is not enough */
    VERDICT_RATE       /* 429: requests_per_minute */
};
/* May a request whose token has this hash (NULL: it has none) do what needs `scope`? *key is the
 * one that it is, with id "" when it is none; *wait: seconds until a request is granted again
 * (VERDICT_RATE). All hashes are compared, each in constant time. Cost: 32 bytes for each key. */
enum verdict access_admit(struct access *access, const unsigned char *hash, enum scope scope,
                          struct access_key *key, double *wait);

/* ---- audit.c --------------------------------------------------------------------------------- */

/* One line "audit event=... key=... request=... " and what the format adds, at any log_level. key:
 * an id, "" for none; request: its id, or "". */
void audit(const struct logger *logger, const char *event, const char *key, const char *request,
           const char *format, ...) PRINTF_LIKE(5, 6);

/* ---- quota.c: bytes that are on their way ---------------------------------------------------- */

/* What one upload adds to what its key owns. Zeroed: no bound. */
struct byte_quota {
    struct access *access;
    char id[KEY_ID_SIZE];
    int64_t max;
    uint64_t owned;   /* when it began */
    uint64_t settled; /* of the key's uploads, when `owned` was counted */
    uint64_t held;
};
/* What a key owns is what the store says: it survives restarts, and shrinks with what is deleted.
 * owned(context, id, but): bytes of the corpora and models that the key made, but for the corpus
 * `but` (or NULL). Called from any thread. */
void access_set_owned(struct access *access,
                      uint64_t (*owned)(void *context, const char *id, const char *but),
                      void *context);
/* coming(context, id, but): models that are not there and that jobs of the key are going to make,
 * but for the model `but`. Called from any thread. */
void access_set_coming(struct access *access,
                       uint64_t (*coming)(void *context, const char *id, const char *but),
                       void *context);
/* What that function says now; 0 without one. */
uint64_t quota_coming(struct access *access, const char *id, const char *but);
/* Counts what the key owns; `replaces`: a corpus that the upload takes the place of, or NULL.
 * access or key NULL, or a key without a bound: nothing is counted. */
void quota_begin(struct byte_quota *quota, struct access *access, const struct access_key *key,
                 const char *replaces);
/* Counts bytes as they come, those of other uploads of the same key with them. BUSY with key
 * "max_bytes" when they are more than the key may own. */
enum status quota_take(struct byte_quota *quota, uint64_t bytes, struct error *err) MUST_CHECK;
/* Would `bytes` more fit? Takes nothing. */
enum status quota_check(const struct byte_quota *quota, uint64_t bytes,
                        struct error *err) MUST_CHECK;
/* The upload is over; kept: what it brought is owned now. May be called again. */
void quota_end(struct byte_quota *quota, bool kept);
/* BUSY with key `what` ("max_jobs", "max_models") when the key owns as many as it may. */
enum status quota_count(const struct access_key *key, const char *what, int64_t max, uint64_t owned,
                        struct error *err) MUST_CHECK;

#endif
