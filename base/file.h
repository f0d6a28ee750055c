/* Files that are whole or absent. The only place in vecmill that opens files for writing. A
 * replaced file is written under a temporary name in the same folder (".tmp-<random>"), fsynced,
 * renamed and the folder fsynced: after a power cut the old or the new content is there, never a
 * mixture. A failed fsync is final. */
#ifndef VECMILL_BASE_FILE_H
#define VECMILL_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct file_writer; /* opaque, buffered */

#define FILE_TEMPORARY_PREFIX ".tmp-"

/* Starts a new content for `path`. Nothing is visible until file_writer_commit. Owns: caller ends
 * it by commit or abort. */
enum status file_writer_create(struct file_writer **writer, const char *path,
                               struct error *err) MUST_CHECK;
enum status file_writer_append(struct file_writer *writer, const void *bytes, size_t length,
                               struct error *err) MUST_CHECK;
/* Overwrites bytes already appended (a header known only at the end). */
enum status file_writer_patch(struct file_writer *writer, uint64_t offset, const void *bytes,
                              size_t length, struct error *err) MUST_CHECK;
uint64_t file_writer_size(const struct file_writer *writer);
/* fsync, rename over path (or fail with CONFLICT when `fresh` and path exists), fsync the folder.
 * Frees the writer, also on failure; then nothing is left behind. */
enum status file_writer_commit(struct file_writer *writer, bool fresh,
                               struct error *err) MUST_CHECK;
void file_writer_abort(struct file_writer *writer); /* removes the temporary; NULL is fine */

/* Whole content in one call. */
enum status file_replace(const char *path, const void *bytes, size_t length,
                         struct error *err) MUST_CHECK;
/* Whole file into memory with a NUL behind it; TOO_LARGE over `limit`. Owns: caller frees *data
 * with free(). */
enum status file_read(const char *path, size_t limit, char **data, size_t *length,
                      struct error *err) MUST_CHECK;

/* A read-only mapping. length 0 gives data = "" and needs no unmap. */
struct file_map {
    const char *data;
    size_t length;
};
enum status file_map_open(struct file_map *map, const char *path, struct error *err) MUST_CHECK;
void file_map_close(struct file_map *map);

/* A private scratch file that nobody needs after a crash (ids of a corpus): read-write, not
 * fsynced, unlinked by its owner. Returns a descriptor in *fd. */
enum status file_scratch_open(const char *path, int *fd, struct error *err) MUST_CHECK;
/* Asks for disk space for `bytes` that are about to be written, which makes writing cheaper; a
 * system that cannot, or has too little, is told nothing: writing says so. */
void file_reserve(int fd, uint64_t bytes);
enum status file_write_at(int fd, const void *bytes, size_t length, uint64_t offset,
                          struct error *err) MUST_CHECK;
enum status file_read_at(int fd, void *bytes, size_t length, uint64_t offset,
                         struct error *err) MUST_CHECK;

bool file_exists(const char *path);
enum status file_size(const char *path, uint64_t *size, struct error *err) MUST_CHECK;
/* Makes the folder (0700) and its missing parents, each fsynced into its parent; fine when it
 * exists. */
enum status folder_create(const char *path, struct error *err) MUST_CHECK;
enum status folder_sync(const char *path, struct error *err) MUST_CHECK;
/* Renames and fsyncs both parents; CONFLICT when `to` exists and fresh is set. */
enum status path_rename(const char *from, const char *to, bool fresh, struct error *err) MUST_CHECK;
/* hard link, parent fsynced */
enum status path_link(const char *from, const char *to, struct error *err) MUST_CHECK;
/* Removes a file or a folder with everything in it, never following links; fine when it is not
 * there. */
enum status path_remove(const char *path, struct error *err) MUST_CHECK;
/* Calls visit for each entry ("." and ".." left out), in byte order of names; stops when visit
 * returns not OK. */
enum status folder_visit(const char *path,
                         enum status (*visit)(void *context, const char *name, struct error *err),
                         void *context, struct error *err) MUST_CHECK;
/* Removes what a crash left: every entry whose name begins with FILE_TEMPORARY_PREFIX, recursively.
 * *removed counts. */
enum status folder_sweep(const char *path, size_t *removed, struct error *err) MUST_CHECK;
/* Free bytes for us on the file system that holds path. */
enum status disk_available(const char *path, uint64_t *bytes, struct error *err) MUST_CHECK;
/* "folder/name" into a fresh string; NULL when out of memory. Owns: caller frees. */
char *path_join(const char *folder, const char *name);

#endif
