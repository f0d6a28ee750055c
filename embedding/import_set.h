/* One file, or several that belong together: the members of a tar, the files of a folder, or a file
 * and those beside it. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_IMPORT_SET_H
#define VECMILL_EMBEDDING_IMPORT_SET_H

#include "base/file.h"

#define SET_MEMBERS 16
#define SET_NAME_SIZE 160

struct import_member {
    char name[SET_NAME_SIZE]; /* without folders */
    const char *data;
    size_t length;
};

struct import_set {
    struct import_member members[SET_MEMBERS];
    struct file_map maps[SET_MEMBERS];
    size_t n, n_maps;
};

/* The file at `path`, or, of a folder or a tar, what is in it. Errors: NOT_FOUND, REFUSED;
 * MALFORMED for a damaged tar; UNSUPPORTED for one of too many files, or that is packed. Owns:
 * import_set_close, also after a failure. */
enum status import_set_open(struct import_set *set, const char *path, struct error *err) MUST_CHECK;
/* Adds the file at `path`; `missing` is fine: then nothing is added. */
enum status import_set_add(struct import_set *set, const char *path, bool missing,
                           struct error *err) MUST_CHECK;
void import_set_close(struct import_set *set);
/* NULL: there is none of that name. */
const struct import_member *import_set_find(const struct import_set *set, const char *name);

/* What a member is, by its first bytes. */
enum member_kind {
    MEMBER_OTHER,
    MEMBER_FASTTEXT,
    MEMBER_NPY,
    MEMBER_SAFETENSORS,
    MEMBER_PICKLE,
    MEMBER_TAR
};
enum member_kind import_member_kind(const struct import_member *member);

#endif
