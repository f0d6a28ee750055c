/* vecmill key: makes keys, and looks at the files that hold their rows. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"
#include "server/access/access.h"

#define FILE_MAX ((size_t)4 << 20)
#define KEYS_MAX 1000000

const struct option_row key_options[] = {
    {"scope", "NAME", "create: read, train (uploads and trains) or admin (all); default read"},
    {"name", "TEXT", "create: a name for people"},
    {"corpora", "PREFIX", "create: reach only corpora whose names begin so; several by commas"},
    {"models", "PREFIX", "create: reach only models whose names begin so; several by commas"},
    {"max-bytes", "BYTES", "create: corpora and models that it may own, such as 10G"},
    {"max-models", "N", "create: models that it may own"},
    {"max-jobs", "N", "create: jobs of it that have not ended"},
    {"requests-per-minute", "N", "create: how often it may ask"},
    {"append", "FILE", "create: put the row into this file, too"},
    {0},
};

static enum status members_read(struct invocation *invocation, struct access_key *key,
                                struct error *err) {
    static const struct {
        const char *option, *member;
    } members[] = {{"name", "name"},
                   {"corpora", "corpora"},
                   {"models", "models"},
                   {"max-bytes", "max_bytes"},
                   {"max-models", "max_models"},
                   {"max-jobs", "max_jobs"},
                   {"requests-per-minute", "requests_per_minute"}};
    const char *scope = option_value(invocation, "scope");
    enum status status = key_set(key, "scope", scope ? scope : "read", err);
    for (size_t i = 0; i < sizeof members / sizeof *members && status == STATUS_OK; i++) {
        const char *value = option_value(invocation, members[i].option);
        if (value)
            status = key_set(key, members[i].member, value, err);
    }
    invocation->misused |= status != STATUS_OK;
    return status;
}

/* The file's text, which may not be there yet. */
static enum status file_text(const char *path, char **text, size_t *length, struct error *err) {
    *text = NULL;
    *length = 0;
    return file_exists(path) ? file_read(path, FILE_MAX, text, length, err) : STATUS_OK;
}

/* Puts the text in place of the file's, whose owner and mode stay: the service that reads it is
 * perhaps another user. */
static enum status text_replace(const char *path, const struct buffer *text, struct error *err) {
    struct stat before;
    bool there = stat(path, &before) == 0;
    enum status status = file_replace(path, text->data, text->length, err);
    if (status == STATUS_OK && there &&
        (chown(path, before.st_uid, before.st_gid) != 0 ||
         chmod(path, before.st_mode & 07777) != 0))
        return error_set_errno(err, errno, "cannot give '%s' back to its owner", path);
    return status;
}

/* Others that append wait until *fd is closed: each replaces the file, and the last would win. The
 * folder is locked, for the file changes and may not be there. */
static enum status folder_lock(const char *path, int *fd, struct error *err) {
    const char *slash = strrchr(path, '/');
    char *folder = !slash ? strdup(".") : strndup(path, slash > path ? (size_t)(slash - path) : 1);
    if (!folder)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for '%s'", path);
    enum status status = STATUS_OK;
    *fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0 || flock(*fd, LOCK_EX) != 0)
        status = error_set_errno(err, errno, "cannot lock '%s'", folder);
    free(folder);
    return status;
}

static enum status row_put(const char *path, const struct buffer *row, struct error *err) {
    struct buffer whole = {0};
    struct access_key *keys = NULL;
    char *text;
    size_t length, n = 0;
    enum status status = file_text(path, &text, &length, err);
    if (status != STATUS_OK)
        return status;
    if (length > 0)
        buffer_append(&whole, text, length);
    if (length > 0 && text[length - 1] != '\n')
        buffer_append_char(&whole, '\n');
    buffer_append(&whole, row->data, row->length);
    if (whole.failed)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory for '%s'", path);
    if (status == STATUS_OK) /* a file that the service would refuse is not made */
        status = keys_parse(whole.data, path, KEYS_MAX, &keys, &n, err);
    if (status == STATUS_OK)
        status = text_replace(path, &whole, err);
    buffer_clear(&whole);
    free(keys);
    free(text);
    return status;
}

static enum status row_append(const char *path, const struct buffer *row, struct error *err) {
    char *real = realpath(path, NULL); /* a link stays one; NULL: the file is not there yet */
    int lock = -1;
    enum status status = folder_lock(real ? real : path, &lock, err);
    if (status == STATUS_OK)
        status = row_put(real ? real : path, row, err);
    if (lock >= 0)
        close(lock);
    free(real);
    return status;
}

static enum status create(struct invocation *invocation, struct error *err) {
    struct access_key key = {0};
    struct buffer row = {0}, shown = {0};
    char text[KEY_TEXT_SIZE] = "";
    const char *path = option_value(invocation, "append");
    if (invocation->n_operands > 1)
        return misuse(invocation, err, "key create takes no '%.64s'", invocation->operands[1]);
    enum status status = members_read(invocation, &key, err);
    if (status == STATUS_OK)
        status = key_create(&key, text, err);
    if (status != STATUS_OK)
        return status;
    key_print(&key, &row);
    buffer_append_char(&row, '\n');
    if (row.failed)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory for a key");
    if (status == STATUS_OK && path)
        status = row_append(path, &row, err);
    if (status == STATUS_OK) {
        buffer_print(&shown, "%s\n%s", text, row.data);
        status = output_flush(&shown, err);
    }
    if (status == STATUS_OK)
        fprintf(stderr,
                "The first line is the key: it is shown this once. The second is its row "
                "for the keys file%s%s%s.\n",
                path ? ", which is in '" : "", path ? path : "", path ? "' now" : "");
    explicit_bzero(text, sizeof text);
    buffer_clear(&row);
    return status;
}

static enum status keys_read(const char *path, struct access_key **keys, size_t *n,
                             struct error *err) {
    char *text = NULL;
    size_t length = 0;
    enum status status = file_read(path, FILE_MAX, &text, &length, err);
    if (status == STATUS_OK && strlen(text) != length)
        status = error_set(err, STATUS_MALFORMED, "'%s' holds a NUL byte", path);
    if (status == STATUS_OK)
        status = keys_parse(text, path, KEYS_MAX, keys, n, err);
    free(text);
    return status;
}

static void list(const struct access_key *keys, size_t n, struct buffer *text) {
    for (size_t i = 0; i < n; i++) {
        struct buffer row = {0};
        key_print(&keys[i], &row);
        /* without the hash, which is nothing to look at */
        const char *members = row.data ? strstr(row.data, " scope=") : NULL;
        buffer_print(text, "%s%s\n", keys[i].id, members ? members : "");
        text->failed |= row.failed;
        buffer_clear(&row);
    }
}

/* The key comes by standard input: arguments are seen by every user of the machine. */
static enum status check(const struct access_key *keys, size_t n, struct buffer *text,
                         struct error *err) {
    char line[256] = "";
    unsigned char hash[KEY_HASH_BYTES];
    if (!fgets(line, sizeof line, stdin))
        return error_set(err, STATUS_MALFORMED, "no key came by standard input");
    enum status status = key_hash(line, strcspn(line, "\r\n"), hash, err);
    explicit_bzero(line, sizeof line);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < n; i++)
        if (memcmp(keys[i].hash, hash, sizeof hash) == 0) {
            list(&keys[i], 1, text);
            return STATUS_OK;
        }
    return error_set(err, STATUS_NOT_FOUND, "this key has no row there");
}

enum status command_key(struct invocation *invocation, struct error *err) {
    const char *action = invocation->operands[0];
    struct access_key *keys = NULL;
    struct buffer text = {0};
    size_t n = 0;
    if (strcmp(action, "create") == 0)
        return create(invocation, err);
    bool checks = strcmp(action, "check") == 0;
    if (!checks && strcmp(action, "list") != 0)
        return misuse(invocation, err, "'%.64s' is none of create, list and check", action);
    if (invocation->n_operands != 2)
        return misuse(invocation, err, "key %s needs the FILE that holds the rows", action);
    enum status status = keys_read(invocation->operands[1], &keys, &n, err);
    if (status == STATUS_OK && checks)
        status = check(keys, n, &text, err);
    else if (status == STATUS_OK)
        list(keys, n, &text);
    if (status == STATUS_OK)
        status = output_flush(&text, err);
    buffer_clear(&text);
    free(keys);
    return status;
}
