/* A copy of a data folder that a server may be working on. Each corpus, job, model and upload in it
 * is as it was at one moment behind the call of backup_open: what was acknowledged before is there.
 * A server started on the copy goes on as after a power cut. One thread at a time. */
#ifndef VECMILL_SERVER_BACKUP_H
#define VECMILL_SERVER_BACKUP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct backup;
/* Takes the copy, by hard links in a temporary folder inside `data`: no content is read yet, and
 * what is deleted from now on keeps its disk space until backup_close. Left out: what is made anew
 * when it is missing (downloads, scratch files), the quarantine, and the lock. Errors: CONFLICT
 * when something changes all the time. Owns: backup_close. */
enum status backup_open(struct backup **backup, const char *data, struct error *err) MUST_CHECK;
/* The next bytes of the copy as a tar file (POSIX, pax); *n = 0 at its end. */
enum status backup_read(struct backup *backup, char *bytes, size_t room, size_t *n,
                        struct error *err) MUST_CHECK;
/* The copy as a folder, made whole or not at all. CONFLICT when it exists. */
enum status backup_copy(struct backup *backup, const char *folder, struct error *err) MUST_CHECK;
size_t backup_files(const struct backup *backup);
uint64_t backup_bytes(const struct backup *backup); /* of contents */
void backup_close(struct backup *backup);           /* NULL is fine */

#endif
