#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/digest.h"
#include "base/failpoint.h"
#include "base/random.h"

#define WRITER_BUFFER ((size_t)256 * 1024)
#define FILE_TOKEN_SIZE 17             /* 16 characters and a NUL */
#define TRANSFER_MAX ((size_t)1 << 30) /* Linux moves at most 2 GiB - 4 KiB in one call */

struct file_writer {
    int fd;
    bool failed;
    char *path, *temporary, *folder;
    char *buffer;
    size_t used;
    uint64_t size; /* appended so far; `size - used` is in the file */
};

static int open_again(const char *path, int flags, mode_t mode) {
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC | O_NOCTTY, mode);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* The folder part of path: "." without a slash, "/" for entries of the root. NULL when out of
 * memory. */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static void file_writer_free(struct file_writer *writer) {
    if (writer->fd >= 0)
        close(writer->fd);
    free(writer->path);
    free(writer->temporary);
    free(writer->folder);
    free(writer->buffer);
    free(writer);
}

void file_writer_abort(struct file_writer *writer) {
    if (!writer)
        return;
    if (writer->fd >= 0)
        unlink(writer->temporary);
    file_writer_free(writer);
}

static enum status file_writer_names(struct file_writer *writer, const char *path,
                                     struct error *err) {
    char token[FILE_TOKEN_SIZE];
    char name[sizeof FILE_TEMPORARY_PREFIX + FILE_TOKEN_SIZE];
    enum status status = random_token(token, FILE_TOKEN_SIZE - 1, err);
    if (status != STATUS_OK)
        return status;
    snprintf(name, sizeof name, "%s%s", FILE_TEMPORARY_PREFIX, token);
    writer->path = strdup(path);
    writer->folder = folder_of(path);
    writer->temporary = writer->folder ? path_join(writer->folder, name) : NULL;
    writer->buffer = malloc(WRITER_BUFFER);
    if (!writer->path || !writer->temporary || !writer->buffer)
        return error_set(err, STATUS_NO_MEMORY, "out of memory writing '%s'", path);
    return STATUS_OK;
}

enum status file_writer_create(struct file_writer **writer, const char *path, struct error *err) {
    struct stat info;
    /* A rename would put a plain file in the place of a device or a pipe, /dev/null included. */
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return error_set(err, STATUS_REFUSED, "cannot write '%s': not a regular file", path);
    struct file_writer *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory writing '%s'", path);
    made->fd = -1;
    enum status status = file_writer_names(made, path, err);
    if (status == STATUS_OK) {
        made->fd = open_again(made->temporary, O_RDWR | O_CREAT | O_EXCL, 0666);
        if (made->fd < 0)
            status = error_set_errno(err, errno, "cannot create a file in '%s'", made->folder);
    }
    if (status != STATUS_OK) {
        file_writer_free(made);
        return status;
    }
    *writer = made;
    return STATUS_OK;
}

static enum status write_all(int fd, const char *bytes, size_t length, uint64_t offset,
                             struct error *err) {
    while (length > 0) {
        ssize_t n = pwrite(fd, bytes, length < TRANSFER_MAX ? length : TRANSFER_MAX, (off_t)offset);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return error_set_errno(err, errno, "cannot write %zu bytes at offset %llu", length,
                                   (unsigned long long)offset);
        }
        bytes += n;
        length -= (size_t)n;
        offset += (uint64_t)n;
    }
    return STATUS_OK;
}

/* write_all at the end of the writer's file, with the file named in the error. */
static enum status file_writer_put(struct file_writer *writer, const char *bytes, size_t length,
                                   uint64_t offset, struct error *err) {
    struct error inner = {0};
    enum status status = failpoint_hit("file.write", &inner);
    if (status == STATUS_OK)
        status = write_all(writer->fd, bytes, length, offset, &inner);
    if (status != STATUS_OK) {
        writer->failed = true;
        error_set(err, status, "'%s': %s", writer->path, inner.text);
    }
    return status;
}

static enum status file_writer_flush(struct file_writer *writer, struct error *err) {
    if (writer->failed)
        return error_set(err, STATUS_IO, "'%s': an earlier write failed", writer->path);
    if (writer->used == 0)
        return STATUS_OK;
    enum status status =
        file_writer_put(writer, writer->buffer, writer->used, writer->size - writer->used, err);
    writer->used = 0;
    return status;
}

enum status file_writer_append(struct file_writer *writer, const void *bytes, size_t length,
                               struct error *err) {
    if (length > WRITER_BUFFER - writer->used || writer->failed) {
        enum status status = file_writer_flush(writer, err);
        if (status != STATUS_OK)
            return status;
    }
    if (length >= WRITER_BUFFER) {
        enum status status = file_writer_put(writer, bytes, length, writer->size, err);
        writer->size += length;
        return status;
    }
    if (length > 0)
        memcpy(writer->buffer + writer->used, bytes, length);
    writer->used += length;
    writer->size += length;
    return STATUS_OK;
}

enum status file_writer_patch(struct file_writer *writer, uint64_t offset, const void *bytes,
                              size_t length, struct error *err) {
    if (offset > writer->size || length > writer->size - offset) {
        return error_set(
            err, STATUS_INTERNAL, "'%s': patch of %zu bytes at %llu is outside the %llu written",
            writer->path, length, (unsigned long long)offset, (unsigned long long)writer->size);
    }
    enum status status = file_writer_flush(writer, err);
    return status == STATUS_OK ? file_writer_put(writer, bytes, length, offset, err) : status;
}

uint64_t file_writer_size(const struct file_writer *writer) {
    return writer->size;
}

static enum status file_writer_sync(struct file_writer *writer, struct error *err) {
    enum status status = failpoint_hit("file.fsync", err);
    if (status != STATUS_OK)
        return status;
    /* No second try: after a failed fsync the kernel may have dropped the dirty pages and report
     * success. */
    if (fsync(writer->fd) != 0)
        return error_set_errno(err, errno, "cannot fsync '%s'", writer->path);
    return STATUS_OK;
}

enum status file_writer_commit(struct file_writer *writer, bool fresh, struct error *err) {
    enum status status = file_writer_flush(writer, err);
    if (status == STATUS_OK)
        status = file_writer_sync(writer, err);
    if (status == STATUS_OK)
        status = failpoint_hit("file.rename", err);
    if (status == STATUS_OK && failpoint_skips("file.rename")) {
        file_writer_abort(writer);
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = path_rename(writer->temporary, writer->path, fresh, err);
        if (status == STATUS_OK) {
            file_writer_free(writer);
            return STATUS_OK;
        }
        /* When only the folder's fsync failed, the file stands under its name already: a fresh one
         * is taken back. */
        if (fresh && status != STATUS_CONFLICT && access(writer->temporary, F_OK) != 0)
            unlink(writer->path);
    }
    file_writer_abort(writer);
    return status;
}

enum status file_replace(const char *path, const void *bytes, size_t length, struct error *err) {
    struct file_writer *writer;
    enum status status = file_writer_create(&writer, path, err);
    if (status != STATUS_OK)
        return status;
    status = file_writer_append(writer, bytes, length, err);
    if (status != STATUS_OK) {
        file_writer_abort(writer);
        return status;
    }
    return file_writer_commit(writer, false, err);
}

static enum status read_to_end(int fd, const char *path, size_t expected, size_t limit,
                               struct buffer *buffer, struct error *err) {
    for (;;) {
        /* One byte more than expected, so that the end is seen without growing; pipes and /proc say
         * 0. */
        size_t room = buffer->length < expected ? expected - buffer->length + 1 : 65536;
        if (room > limit - buffer->length)
            room = limit - buffer->length + 1;
        buffer_reserve(buffer, room);
        if (buffer->failed)
            return error_set(err, STATUS_NO_MEMORY, "out of memory reading '%s'", path);
        ssize_t n =
            read(fd, buffer->data + buffer->length, room < TRANSFER_MAX ? room : TRANSFER_MAX);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return error_set_errno(err, errno, "cannot read '%s'", path);
        }
        if (n == 0)
            return STATUS_OK;
        buffer->length += (size_t)n;
        buffer->data[buffer->length] = '\0';
        if (buffer->length > limit)
            return error_set(err, STATUS_TOO_LARGE, "'%s' is larger than %zu bytes", path, limit);
    }
}

enum status file_read(const char *path, size_t limit, char **data, size_t *length,
                      struct error *err) {
    int fd = open_again(path, O_RDONLY, 0);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open '%s'", path);
    enum status status;
    struct buffer buffer = {0};
    struct stat info;
    if (limit > SIZE_MAX / 4)
        limit = SIZE_MAX / 4;
    if (fstat(fd, &info) != 0) {
        status = error_set_errno(err, errno, "cannot read '%s'", path);
    } else if (S_ISREG(info.st_mode) && (uint64_t)info.st_size > limit) {
        status = error_set(err, STATUS_TOO_LARGE, "'%s' is larger than %zu bytes", path, limit);
    } else {
        status = read_to_end(fd, path, S_ISREG(info.st_mode) ? (size_t)info.st_size : 0, limit,
                             &buffer, err);
    }
    close(fd);
    if (status != STATUS_OK) {
        buffer_clear(&buffer);
        return status;
    }
    *length = buffer.length;
    *data = buffer.data;
    return STATUS_OK;
}

enum status file_map_open(struct file_map *map, const char *path, struct error *err) {
    *map = (struct file_map){.data = ""};
    int fd = open_again(path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open '%s'", path);
    enum status status = STATUS_OK;
    struct stat info;
    if (fstat(fd, &info) != 0) {
        status = error_set_errno(err, errno, "cannot read '%s'", path);
    } else if (!S_ISREG(info.st_mode)) {
        status = error_set(err, STATUS_REFUSED, "cannot map '%s': not a regular file", path);
    } else if (info.st_size > 0) {
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            status = error_set_errno(err, errno, "cannot map '%s'", path);
        } else {
            map->data = data;
            map->length = (size_t)info.st_size;
        }
    }
    close(fd);
    return status;
}

void file_map_close(struct file_map *map) {
    if (map->length > 0) {
        union {
            const char *read;
            void *any;
        } data = {.read = map->data}; /* munmap takes no const */
        munmap(data.any, map->length);
    }
    *map = (struct file_map){.data = ""};
}

enum status file_scratch_open(const char *path, int *fd, struct error *err) {
    int opened = open_again(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    if (opened < 0)
        return error_set_errno(err, errno, "cannot create '%s'", path);
    *fd = opened;
    return STATUS_OK;
}

enum status file_grow_open(const char *path, uint64_t size, int *fd, struct error *err) {
    struct stat info;
    int opened = open_again(path, O_RDWR | O_NOFOLLOW | (size == 0 ? O_CREAT : 0), 0600);
    enum status status = STATUS_OK;
    if (opened < 0)
        return error_set_errno(err, errno, "cannot open '%s'", path);
    if (fstat(opened, &info) != 0 || ftruncate(opened, (off_t)size) != 0)
        status = error_set_errno(err, errno, "cannot cut '%s'", path);
    else if ((uint64_t)info.st_size < size)
        status = error_set(err, STATUS_CORRUPT, "'%s' has %llu bytes, it had %llu", path,
                           (unsigned long long)info.st_size, (unsigned long long)size);
    if (status == STATUS_OK)
        *fd = opened;
    else
        close(opened);
    return status;
}

enum status file_sync(int fd, struct error *err) {
    enum status status = failpoint_hit("file.fsync", err);
    if (status == STATUS_OK && fsync(fd) != 0)
        status = error_set_errno(err, errno, "cannot fsync a file");
    return status;
}

void file_reserve(int fd, uint64_t bytes) {
#ifdef FALLOC_FL_KEEP_SIZE
    (void)fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes);
#else
    (void)fd, (void)bytes;
#endif
}

enum status file_write_at(int fd, const void *bytes, size_t length, uint64_t offset,
                          struct error *err) {
    enum status status = failpoint_hit("file.write", err);
    return status == STATUS_OK ? write_all(fd, bytes, length, offset, err) : status;
}

enum status file_read_at(int fd, void *bytes, size_t length, uint64_t offset, struct error *err) {
    char *to = bytes;
    while (length > 0) {
        ssize_t n = pread(fd, to, length < TRANSFER_MAX ? length : TRANSFER_MAX, (off_t)offset);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return error_set_errno(err, errno, "cannot read %zu bytes at offset %llu", length,
                                   (unsigned long long)offset);
        }
        if (n == 0) {
            return error_set(err, STATUS_IO, "file ends at offset %llu, %zu bytes too early",
                             (unsigned long long)offset, length);
        }
        to += n;
        length -= (size_t)n;
        offset += (uint64_t)n;
    }
    return STATUS_OK;
}

bool file_exists(const char *path) {
    return access(path, F_OK) == 0;
}

enum status file_size(const char *path, uint64_t *size, struct error *err) {
    struct stat info;
    if (stat(path, &info) != 0)
        return error_set_errno(err, errno, "cannot open '%s'", path);
    *size = (uint64_t)info.st_size;
    return STATUS_OK;
}

enum status file_state(const char *path, struct file_state *state, struct error *err) {
    struct stat info;
    if (lstat(path, &info) != 0)
        return error_set_errno(err, errno, "cannot look at '%s'", path);
    *state = (struct file_state){
        .device = (uint64_t)info.st_dev,
        .inode = (uint64_t)info.st_ino,
        .size = (uint64_t)info.st_size,
        .changed = (int64_t)info.st_ctim.tv_sec * 1000000000 + info.st_ctim.tv_nsec,
        .modified = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec,
    };
    return STATUS_OK;
}

/* digest: NULL when only the checksum is wanted. */
static enum status file_sums(const char *path, uint64_t *sum, struct digest *digest,
                             struct error *err) {
    int fd = open_again(path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open '%s'", path);
    char *bytes = malloc(WRITER_BUFFER);
    struct checksum *running = checksum_create();
    enum status status = bytes && running
                             ? STATUS_OK
                             : error_set(err, STATUS_NO_MEMORY, "out of memory reading '%s'", path);
    while (status == STATUS_OK) {
        ssize_t n = read(fd, bytes, WRITER_BUFFER);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = error_set_errno(err, errno, "cannot read '%s'", path);
        if (n <= 0)
            break;
        checksum_add(running, bytes, (size_t)n);
        if (digest)
            digest_add(digest, bytes, (size_t)n);
    }
    if (status == STATUS_OK)
        *sum = checksum_value(running);
    checksum_free(running);
    free(bytes);
    close(fd);
    return status;
}

enum status file_checksum(const char *path, uint64_t *sum, struct error *err) {
    return file_sums(path, sum, NULL, err);
}

enum status file_digest(const char *path, uint64_t *sum, char text[DIGEST_TEXT_SIZE],
                        struct error *err) {
    struct digest *digest = NULL;
    enum status status = digest_create(&digest, err);
    if (status == STATUS_OK)
        status = file_sums(path, sum, digest, err);
    if (status == STATUS_OK)
        digest_text(digest, text);
    digest_free(digest);
    return status;
}
