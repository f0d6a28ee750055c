/* What a backup holds, and the two ways to write it: backup_list.c (a folder) and backup_tar.c (a
 * tar file). Private to server/records. */
#ifndef VECMILL_SERVER_BACKUP_LIST_H
#define VECMILL_SERVER_BACKUP_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"

struct backup_entry {
    char *path; /* below the folder */
    bool folder;
    uint64_t size;
    mode_t mode;
    double modified; /* wall seconds */
    uint64_t device, inode;
    size_t same_as; /* an earlier entry that is the same file; its own index when there is none */
};

struct backup_list {
    char *folder;
    struct backup_entry *entries; /* folders before what is in them */
    size_t n, capacity, n_files;
    uint64_t bytes;
};
/* All that is in `folder`, by name. Owns: backup_list_free. */
enum status backup_list_create(struct backup_list **list, const char *folder,
                               struct error *err) MUST_CHECK;
void backup_list_free(struct backup_list *list); /* NULL is fine */
/* See backup_copy. */
enum status backup_list_copy(const struct backup_list *list, const char *to,
                             struct error *err) MUST_CHECK;

struct backup_tar;
/* Keeps a pointer to list. Owns: backup_tar_free. */
enum status backup_tar_create(struct backup_tar **tar, const struct backup_list *list,
                              struct error *err) MUST_CHECK;
enum status backup_tar_read(struct backup_tar *tar, char *bytes, size_t room, size_t *n,
                            struct error *err) MUST_CHECK;
void backup_tar_free(struct backup_tar *tar); /* NULL is fine */

#endif
