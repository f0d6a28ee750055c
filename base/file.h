/* Files that are whole or absent. The only place in vecmill that opens files for writing. A
 * replaced file is written under a temporary name in the same folder (".tmp-<random>"), fsynced,
 * renamed and the folder fsynced: after a power cut the old or the new content is there, never a
 * mixture. A failed fsync is final. */
#ifndef VECMILL_BASE_FILE_H
#define VECMILL_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

#define FILE_TEMPORARY_PREFIX ".tmp-"

/* ---- writing a file that is whole or absent -------------------------------------------------- */

/* Buffered. Threads: one at a time. */
struct file_writer;
/* Starts a new content for `path`. Nothing is visible until file_writer_commit. Owns: ended by
 * commit or abort. */
enum status file_writer_create(struct file_writer **writer, const char *path,
                               struct error *err) MUST_CHECK;
enum status file_writer_append(struct file_writer *writer, const void *bytes, size_t length,
                               struct error *err) MUST_CHECK;
/* Overwrites bytes already appended (a header known only at the end). */
enum status file_writer_patch(struct file_writer *writer, uint64_t offset, const void *bytes,
                              size_t length, struct error *err) MUST_CHECK;
/* Bytes appended so far. */
uint64_t file_writer_size(const struct file_writer *writer);
/* fsync, rename over path (or fail with CONFLICT when `fresh` and path exists), fsync the folder.
 * Frees the writer, also on failure; then nothing is left behind. */
enum status file_writer_commit(struct file_writer *writer, bool fresh,
                               struct error *err) MUST_CHECK;
void file_writer_abort(struct file_writer *writer); /* removes the temporary; NULL is fine */

/* The whole content in one call. */
enum status file_replace(const char *path, const void *bytes, size_t length,
                         struct error *err) MUST_CHECK;

/* ---- reading and scratch files --------------------------------------------------------------- */

/* A whole file into memory, a NUL behind it. Errors: TOO_LARGE over `limit` bytes. Owns: caller
 * frees *data. */
enum status file_read(const char *path, size_t limit, char **data, size_t *length,
                      struct error *err) MUST_CHECK;

struct file_map {
    const char *data; /* read-only; "" when the file is empty */
    size_t length;
};
/* Owns: file_map_close. */
enum status file_map_open(struct file_map *map, const char *path, struct error *err) MUST_CHECK;
void file_map_close(struct file_map *map);

/* Opens a scratch file that nobody needs after a crash (ids of a corpus), for reading and writing;
 * it is never fsynced. Owns: caller closes *fd and removes the file. */
enum status file_scratch_open(const char *path, int *fd, struct error *err) MUST_CHECK;
/* Opens a file that grows over several runs of the program, for reading and writing, and cuts it
 * behind `size` bytes; it is made when `size` is 0. CORRUPT when it has less. Owns: caller closes
 * *fd. */
enum status file_grow_open(const char *path, uint64_t size, int *fd, struct error *err) MUST_CHECK;
/* fsyncs what was written to a descriptor; a failure is final. */
enum status file_sync(int fd, struct error *err) MUST_CHECK;
/* Asks for disk space for `bytes` that are about to be written, which makes writing cheaper; a
 * system that cannot, or has too little, is told nothing: writing says so. */
void file_reserve(int fd, uint64_t bytes);
/* All `length` bytes or a failure. Threads: any number, in places of their own. */
enum status file_write_at(int fd, const void *bytes, size_t length, uint64_t offset,
                          struct error *err) MUST_CHECK;
enum status file_read_at(int fd, void *bytes, size_t length, uint64_t offset,
                         struct error *err) MUST_CHECK;

/* ---- paths and folders ----------------------------------------------------------------------- */

bool file_exists(const char *path);
bool folder_exists(const char *path); /* a folder, or a link to one */
enum status file_size(const char *path, uint64_t *size, struct error *err) MUST_CHECK;
/* What changes when somebody writes to a file or replaces it; times in nanoseconds since 1970. */
struct file_state {
    uint64_t device, inode, size;
    int64_t changed, modified;
};
/* Of the entry itself, not of what it links to. NOT_FOUND: it is not there; any other failure says
 * nothing about that. */
enum status file_state(const char *path, struct file_state *state, struct error *err) MUST_CHECK;
/* XXH3-64 of the content, read piece by piece. */
enum status file_checksum(const char *path, uint64_t *sum, struct error *err) MUST_CHECK;
/* The same, and its SHA-256 as digest_text gives it, in one reading. */
enum status file_digest(const char *path, uint64_t *sum, char text[DIGEST_TEXT_SIZE],
                        struct error *err) MUST_CHECK;
/* Makes the folder (mode 0700) and its missing parents, each fsynced into its parent; fine when it
 * exists. */
enum status folder_create(const char *path, struct error *err) MUST_CHECK;
/* The same of the last part only: NOT_FOUND when its parent is not there. For folders below one
 * that may go away, and must not come back empty. */
enum status folder_add(const char *path, struct error *err) MUST_CHECK;
/* fsyncs a folder: the names in it survive a power cut. */
enum status folder_sync(const char *path, struct error *err) MUST_CHECK;
/* Renames and fsyncs both parents. Errors: CONFLICT when `fresh` and `to` exists. */
enum status path_rename(const char *from, const char *to, bool fresh, struct error *err) MUST_CHECK;
/* Makes a hard link and fsyncs its parent. */
enum status path_link(const char *from, const char *to, struct error *err) MUST_CHECK;
/* Copies a folder by hard links, on one file system, without fsync: what is there now, apart from
 * temporary files, links, devices, and what `skip` says of "name/of/entry" below `prefix`. to: the
 * new folder; NULL: only the stamp is wanted. *stamp is another one when an entry was added,
 * removed or replaced. NOT_FOUND when something vanished meanwhile. */
struct folder_links {
    bool (*skip)(const char *path);
    const char *prefix;
};
enum status folder_link(const char *from, const char *to, const struct folder_links *links,
                        uint64_t *stamp, struct error *err) MUST_CHECK;
/* Removes a file or a folder with everything in it, never following links; fine when it is not
 * there. */
enum status path_remove(const char *path, struct error *err) MUST_CHECK;
/* Calls visit for each entry but "." and "..", in byte order of names; stops at the first status
 * that is not OK, and returns it. */
enum status folder_visit(const char *path,
                         enum status (*visit)(void *context, const char *name, struct error *err),
                         void *context, struct error *err) MUST_CHECK;
/* Removes what a crash left: every entry whose name begins with FILE_TEMPORARY_PREFIX, also in
 * folders below. *removed counts them. What cannot be removed or looked into is passed over; the
 * first such failure is returned in the end. */
enum status folder_sweep(const char *path, size_t *removed, struct error *err) MUST_CHECK;
/* Bytes free for us on the file system that holds path. */
enum status disk_available(const char *path, uint64_t *bytes, struct error *err) MUST_CHECK;
/* "folder/name" in a new string; NULL when there is no memory. Owns: caller frees. */
char *path_join(const char *folder, const char *name);
/* Leaves the last part of a path, in place; one that ends in a slash stays as it is. */
void path_shorten(char *path);

#endif
