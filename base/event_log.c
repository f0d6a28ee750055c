#include "base/event_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

struct event_log {
    char *path;
    uint64_t size; /* of the whole records; 0: it is to be begun */
    int64_t step;  /* of the last one; -1: none */
    bool going;    /* a record was written since event_log_open */
};

/* ---- what is there --------------------------------------------------------------------------- */

/* Reads the record at log->size into *message, which grows. False: there is no whole one. */
static bool step_over_record(struct event_log *log, int fd, uint64_t end, struct buffer *message) {
    unsigned char head[EVENT_HEAD];
    uint64_t length, room = end - log->size;
    int64_t step;
    if (room < EVENT_HEAD + EVENT_TAIL ||
        file_read_at(fd, head, EVENT_HEAD, log->size, NULL) != STATUS_OK ||
        !event_head_read(head, &length) || length > room - EVENT_HEAD - EVENT_TAIL)
        return false;
    message->length = 0;
    buffer_reserve(message, (size_t)length + EVENT_TAIL);
    if (message->failed || file_read_at(fd, message->data, (size_t)length + EVENT_TAIL,
                                        log->size + EVENT_HEAD, NULL) != STATUS_OK)
        return false;
    const unsigned char *bytes = (const unsigned char *)message->data;
    if (!event_message_whole(bytes, length))
        return false;
    if (event_message_step(bytes, length, &step))
        log->step = step;
    log->size += EVENT_HEAD + length + EVENT_TAIL;
    return true;
}

static enum status log_scan(struct event_log *log, struct error *err) {
    struct buffer message = {0};
    struct stat info;
    enum status status = STATUS_OK;
    int fd = open(log->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return STATUS_OK;
    bool known = fd >= 0 && fstat(fd, &info) == 0;
    if (!known)
        status = error_set_errno(err, errno, "cannot open '%s'", log->path);
    else if (!S_ISREG(info.st_mode))
        status = error_set(err, STATUS_IO, "'%s' is no file", log->path);
    while (status == STATUS_OK && step_over_record(log, fd, (uint64_t)info.st_size, &message))
        continue;
    if (message.failed)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory to read '%s'", log->path);
    buffer_clear(&message);
    if (fd >= 0)
        close(fd);
    return status;
}

enum status event_log_open(struct event_log **log, const char *path, struct error *err) {
    struct event_log *made = calloc(1, sizeof *made);
    if (made)
        made->path = strdup(path);
    if (!made || !made->path) {
        free(made);
        return error_set(err, STATUS_NO_MEMORY, "out of memory for an event file");
    }
    made->step = -1;
    enum status status = log_scan(made, err);
    if (status == STATUS_OK)
        *log = made;
    else
        event_log_close(made);
    return status;
}

void event_log_close(struct event_log *log) {
    if (!log)
        return;
    free(log->path);
    free(log);
}

/* ---- what comes ------------------------------------------------------------------------------ */

/* The folders above path. Unlike the data folder they are for others too, as the umask allows. */
static enum status folders_make(char *path, struct error *err) {
    enum status status = STATUS_OK;
    for (char *slash = strchr(path + 1, '/'); slash && status == STATUS_OK;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int failed = mkdir(path, 0777) == 0 ? 0 : errno;
        if (failed && !folder_exists(path))
            status = error_set_errno(err, failed, "cannot make the folder '%s'", path);
        *slash = '/';
    }
    return status;
}

/* Cut behind the whole records; begun anew when it is gone, or was replaced by less. */
static enum status log_grow(struct event_log *log, int *fd, struct error *err) {
    struct stat info = {0};
    int opened = open(log->path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    if (opened < 0 && errno == ENOENT) {
        enum status status = folders_make(log->path, err);
        if (status != STATUS_OK)
            return status;
        log->size = 0, log->step = -1;
        opened = open(log->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0666);
    }
    if (opened < 0)
        return error_set_errno(err, errno, "cannot open '%s'", log->path);
    bool known = fstat(opened, &info) == 0;
    if (known && (uint64_t)info.st_size < log->size)
        log->size = 0, log->step = -1;
    if (!known ||
        ((uint64_t)info.st_size > log->size && ftruncate(opened, (off_t)log->size) != 0)) {
        int failed = errno;
        close(opened);
        return error_set_errno(err, failed, "cannot cut '%s'", log->path);
    }
    *fd = opened;
    return STATUS_OK;
}

/* Appends the text, with the record that a file begins with in front when this is the first. */
static enum status log_write(struct event_log *log, double wall_time, struct buffer *records,
                             struct error *err) {
    struct buffer text = {0};
    int fd = -1;
    enum status status = log_grow(log, &fd, err);
    if (status != STATUS_OK)
        return status;
    if (log->size == 0)
        event_file_begin(&text, wall_time);
    if (records->failed)
        text.failed = true;
    else if (records->length > 0)
        buffer_append(&text, records->data, records->length);
    if (text.failed)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory for an event file");
    else if (text.length > 0)
        status = file_write_at(fd, text.data, text.length, log->size, err);
    if (status == STATUS_OK)
        log->size += text.length;
    buffer_clear(&text);
    close(fd);
    return status;
}

enum status event_log_begin(struct event_log *log, double wall_time, struct error *err) {
    struct buffer none = {0};
    return log_write(log, wall_time, &none, err);
}

enum status event_log_append(struct event_log *log, double wall_time, int64_t step,
                             const struct event_scalar *scalars, size_t n, struct error *err) {
    struct buffer records = {0};
    if (step < log->step || (step == log->step && !log->going))
        event_file_restart(&records, wall_time, step);
    event_file_scalars(&records, wall_time, step, scalars, n);
    enum status status = log_write(log, wall_time, &records, err);
    if (status == STATUS_OK) {
        log->step = step;
        log->going = true;
    }
    buffer_clear(&records);
    return status;
}

enum status event_log_remove(const char *folder, struct error *err) {
    enum status status = path_remove(folder, err);
    const char *slash = strrchr(folder, '/');
    if (status != STATUS_OK || !slash || slash == folder)
        return status;
    char *above = strndup(folder, (size_t)(slash - folder));
    if (above)
        (void)rmdir(above); /* others may stand in it */
    free(above);
    return STATUS_OK;
}
