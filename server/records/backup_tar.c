/* A tar file (POSIX.1-2001, pax) that is read piece by piece, as an answer over HTTP wants it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "server/records/backup_list.h"

#define BLOCK ((size_t)512)
#define SIZE_MAX_OCTAL (((uint64_t)1 << 33) - 1) /* eleven octal digits */

/* The header of POSIX's ustar. */
struct tar_header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, linkname[100],
        magic[6], version[2], uname[32], gname[32], devmajor[8], devminor[8], prefix[155], pad[12];
};

struct backup_tar {
    const struct backup_list *list;
    size_t next;        /* entry */
    struct buffer head; /* headers and padding, given out before `left` */
    size_t given;       /* of head */
    int fd;             /* of the file whose content follows, or -1 */
    uint64_t left, at;  /* of its content */
    bool ended;
};

enum status backup_tar_create(struct backup_tar **tar, const struct backup_list *list,
                              struct error *err) {
    struct backup_tar *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a backup");
    made->list = list;
    made->fd = -1;
    *tar = made;
    return STATUS_OK;
}

void backup_tar_free(struct backup_tar *tar) {
    if (!tar)
        return;
    if (tar->fd >= 0)
        close(tar->fd);
    buffer_clear(&tar->head);
    free(tar);
}

/* ---- headers --------------------------------------------------------------------------------- */

static void put_zeros(struct buffer *head, size_t n) {
    static const char zeros[BLOCK] = {0};
    for (; n > 0; n -= n < BLOCK ? n : BLOCK)
        buffer_append(head, zeros, n < BLOCK ? n : BLOCK);
}

static size_t padding(uint64_t size) {
    return (size_t)((BLOCK - size % BLOCK) % BLOCK);
}

/* Cut to what the field holds: what does not fit stands in the pax header before. */
static void put_text(char *field, size_t size, const char *text) {
    size_t length = strlen(text);
    memcpy(field, text, length < size ? length : size);
}

static void put_octal(char *field, size_t size, uint64_t value) {
    char digits[32];
    snprintf(digits, sizeof digits, "%0*" PRIo64, (int)size - 1, value);
    memcpy(field, digits, size - 1);
}

static void put_header(struct buffer *head, const char *path, char type, uint64_t size,
                       unsigned mode, double modified, const char *link) {
    struct tar_header header;
    memset(&header, 0, sizeof header);
    put_text(header.name, sizeof header.name, path);
    put_octal(header.mode, sizeof header.mode, mode);
    put_octal(header.uid, sizeof header.uid, 0);
    put_octal(header.gid, sizeof header.gid, 0);
    put_octal(header.size, sizeof header.size, size <= SIZE_MAX_OCTAL ? size : 0);
    put_octal(header.mtime, sizeof header.mtime, modified > 0 ? (uint64_t)modified : 0);
    header.type = type;
    put_text(header.linkname, sizeof header.linkname, link);
    memcpy(header.magic, "ustar", 6);
    memcpy(header.version, "00", 2);
    memset(header.checksum, ' ', sizeof header.checksum);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof header; i++)
        sum += ((const unsigned char *)&header)[i];
    char digits[16];
    snprintf(digits, sizeof digits, "%06o", sum);
    memcpy(header.checksum, digits, 7);
    buffer_append(head, &header, sizeof header);
}

/* "LENGTH key=value\n", where the length counts itself. */
static void put_record(struct buffer *records, const char *key, const char *value) {
    size_t rest = strlen(key) + strlen(value) + 3, length = rest + 1;
    char digits[24];
    while (length != rest + (size_t)snprintf(digits, sizeof digits, "%zu", length))
        length = rest + strlen(digits);
    buffer_print(records, "%zu %s=%s\n", length, key, value);
}

static void put_entry(struct buffer *head, const struct backup_entry *entry, const char *path,
                      const char *link) {
    struct buffer records = {0};
    char size[24];
    uint64_t bytes = link[0] != '\0' ? 0 : entry->size;
    char type = entry->folder ? '5' : link[0] != '\0' ? '1' : '0';
    if (strlen(path) > 100)
        put_record(&records, "path", path);
    if (strlen(link) > 100)
        put_record(&records, "linkpath", link);
    if (bytes > SIZE_MAX_OCTAL) {
        snprintf(size, sizeof size, "%" PRIu64, bytes);
        put_record(&records, "size", size);
    }
    if (records.length > 0 && !records.failed) {
        put_header(head, "pax", 'x', records.length, 0600, entry->modified, "");
        buffer_append(head, records.data, records.length);
        put_zeros(head, padding(records.length));
    }
    head->failed = head->failed || records.failed;
    buffer_clear(&records);
    put_header(head, path, type, bytes, entry->mode, entry->modified, link);
}

/* ---- reading --------------------------------------------------------------------------------- */

static enum status content_open(struct backup_tar *tar, const struct backup_entry *entry,
                                struct error *err) {
    char *path = path_join(tar->list->folder, entry->path);
    if (!path)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a backup");
    tar->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    enum status status =
        tar->fd >= 0 ? STATUS_OK : error_set_errno(err, errno, "cannot open '%s'", path);
    free(path);
    tar->left = entry->size;
    tar->at = 0;
    return status;
}

/* The headers of the next entry, or the end, behind what was given out. */
static enum status next_entry(struct backup_tar *tar, struct error *err) {
    struct buffer *head = &tar->head;
    enum status status = STATUS_OK;
    buffer_clear(head);
    tar->given = 0;
    if (tar->fd >= 0) {
        close(tar->fd);
        tar->fd = -1;
        put_zeros(head, padding(tar->at));
    }
    if (tar->next < tar->list->n) {
        const struct backup_entry *entry = &tar->list->entries[tar->next],
                                  *same = &tar->list->entries[entry->same_as];
        struct buffer path = {0};
        buffer_print(&path, "%s%s", entry->path, entry->folder ? "/" : "");
        bool linked = same != entry;
        if (path.data)
            put_entry(head, entry, path.data, linked ? same->path : "");
        head->failed = head->failed || path.failed;
        buffer_clear(&path);
        if (!entry->folder && !linked && entry->size > 0)
            status = content_open(tar, entry, err);
        tar->next++;
    } else {
        put_zeros(head, 2 * BLOCK);
        tar->ended = true;
    }
    if (status == STATUS_OK && head->failed)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory for a backup");
    return status;
}

enum status backup_tar_read(struct backup_tar *tar, char *bytes, size_t room, size_t *n,
                            struct error *err) {
    enum status status = STATUS_OK;
    *n = 0;
    while (status == STATUS_OK && *n < room) {
        size_t piece = tar->head.length - tar->given;
        if (piece > 0) {
            piece = piece < room - *n ? piece : room - *n;
            memcpy(bytes + *n, tar->head.data + tar->given, piece);
            tar->given += piece;
        } else if (tar->left > 0) {
            piece = tar->left < room - *n ? (size_t)tar->left : room - *n;
            status = file_read_at(tar->fd, bytes + *n, piece, tar->at, err);
            tar->left -= piece;
            tar->at += piece;
        } else if (tar->ended) {
            break;
        } else {
            status = next_entry(tar, err);
            continue;
        }
        *n += piece;
    }
    return status;
}
