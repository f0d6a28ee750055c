/* What corpora, models and jobs share on disk: a folder of folders, FOLDER/NAME/FILE, with one JSON
 * file in each that says what the rest is. */
#ifndef VECMILL_SERVER_RECORD_H
#define VECMILL_SERVER_RECORD_H

#include <stdbool.h>

#include "base/log.h"
#include "server/json/json.h"

#define RECORD_ID_SIZE 33 /* 32 random hexadecimal characters and NUL */

enum status record_id_create(char id[RECORD_ID_SIZE], struct error *err) MUST_CHECK;
bool record_id_valid(const char *id);

/* folder/name/file; file may be NULL. NULL when out of memory. Owns: caller frees. */
char *record_path(const char *folder, const char *name, const char *file);
/* Makes `path` vanish in one step, renamed to a temporary name under `folder`, and removes it then
 * piece by piece: what a crash leaves of it is swept at the next start, and so is what cannot be
 * removed, which is logged. */
enum status record_discard(const char *folder, const char *path, const struct logger *logger,
                           struct error *err) MUST_CHECK;
/* The member of a record that holds the checksum of the content it is about. */
#define RECORD_CONTENT_CHECKSUM "content_checksum"
/* The JSON at `path`, of at most 1 MiB. CORRUPT when it is not what record_write wrote, by the
 * checksum in it; a record without one is of an earlier version. Owns: caller json_decref's
 * *record. */
enum status record_read(const char *path, json_t **record, struct error *err) MUST_CHECK;
/* Replaces the JSON at `path`, durably, with a checksum in it. Takes path and record, also on
 * failure; when one of them is NULL, memory ran out: "out of memory to record WHAT 'NAME'". */
enum status record_write(char *path, json_t *record, const char *what, const char *name,
                         struct error *err) MUST_CHECK;
/* The member into text[size]; false when it is no string or does not fit. */
bool record_string(const json_t *record, const char *name, char *text, size_t size);

/* One kind of records, as they are loaded at the start. */
struct record_kind {
    const char *what; /* "corpus": of messages, and of names in quarantine */
    const char *file; /* without this file a folder was never acknowledged, and is removed */
    bool (*name_valid)(const char *name); /* others are left alone, with a line in the log */
    /* Takes the record in. NO_MEMORY ends the start; any other failure, a record that cannot be
     * read included, is damage: the folder is moved to quarantine. */
    enum status (*load)(void *context, const char *name, const json_t *record, struct error *err);
};

/* Loads every record under `folder`, which is created when it is missing, and swept of temporary
 * files; *swept: how many. `data` is the data folder, for the quarantine. */
enum status records_load(const struct record_kind *kind, const char *folder, const char *data,
                         const struct logger *logger, void *context, size_t *swept,
                         struct error *err) MUST_CHECK;

/* Moves the folder `from`, whose content fails its checks, to data/quarantine/ENTRY-<random>, so
 * that a person can look at it, and logs why. `what` names it in the log: "corpus 'news'". Never
 * fails: what cannot be moved stays, and is logged as well. */
void quarantine_move(const char *data, const char *entry, const char *from, const char *what,
                     const struct logger *logger, const struct error *why);

/* Appends the names of what stands in data/quarantine, `max` of them at most, to the array `names`;
 * *n: how many there are. */
enum status quarantine_list(const char *data, size_t max, json_t *names, size_t *n,
                            struct error *err) MUST_CHECK;

/* Binary search in a table that is sorted by name: the index of `name`, or of the place where it
 * would stand. name_at gives the name of a row. */
size_t sorted_find(const void *table, size_t n,
                   const char *(*name_at)(const void *table, size_t index), const char *name,
                   bool *found);

#endif
