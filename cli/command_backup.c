#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"
#include "server/records/backup.h"

#define PIECE ((size_t)1 << 20)

const struct option_row backup_options[] = {
    {"output", "FILE.tar|DIR",
     "tar file or new folder to write; - is a tar file on standard output"},
    {0},
};

/* Takes the next bytes of the tar file. */
typedef enum status (*sink)(void *context, const char *bytes, size_t length, struct error *err);

static enum status tar_write(struct backup *backup, sink take, void *context, struct error *err) {
    char *bytes = malloc(PIECE);
    size_t n = 1;
    enum status status =
        bytes ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "out of memory to back up");
    while (status == STATUS_OK && n > 0) {
        status = backup_read(backup, bytes, PIECE, &n, err);
        if (status == STATUS_OK && n > 0)
            status = take(context, bytes, n, err);
    }
    free(bytes);
    return status;
}

static enum status to_file(void *context, const char *bytes, size_t length, struct error *err) {
    return file_writer_append(context, bytes, length, err);
}

static enum status to_output(void *context, const char *bytes, size_t length, struct error *err) {
    (void)context;
    return fwrite(bytes, 1, length, stdout) == length
               ? STATUS_OK
               : error_set_errno(err, errno, "cannot write standard output");
}

static enum status write_file(struct backup *backup, const char *path, struct error *err) {
    struct file_writer *writer = NULL;
    enum status status = file_writer_create(&writer, path, err);
    if (status != STATUS_OK)
        return status;
    status = tar_write(backup, to_file, writer, err);
    if (status == STATUS_OK)
        return file_writer_commit(writer, true, err);
    file_writer_abort(writer);
    return status;
}

static bool ends_in(const char *text, const char *end) {
    size_t length = strlen(text), n = strlen(end);
    return length > n && strcmp(text + length - n, end) == 0;
}

/* A compressed tar file is for other programs to make. */
static bool is_compressed(const char *path) {
    static const char *const ends[] = {".gz", ".tgz", ".zst", ".xz", ".bz2", ".zip", ".7z"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_in(path, ends[i]))
            return true;
    return false;
}

enum status command_backup(struct invocation *invocation, struct error *err) {
    const char *output = option_value(invocation, "output"), *data = invocation->operands[0];
    struct backup *backup = NULL;
    if (!output || *output == '\0')
        return misuse(invocation, err, "--output is needed: a file FILE.tar, a new folder, or -");
    bool tar = strcmp(output, "-") == 0, file = ends_in(output, ".tar");
    if (is_compressed(output))
        return misuse(invocation, err,
                      "a backup is not compressed here: vecmill backup %s --output - | zstd > '%s'",
                      data, output);
    if (tar && output_is_terminal(STDOUT_FILENO))
        return misuse(invocation, err, "a tar file is not for a terminal");
    if (!tar && file_exists(output))
        return misuse(invocation, err, "'%s' exists already", output);
    (void)umask(S_IRWXG | S_IRWXO); /* a copy is as private as its data folder */
    enum status status = backup_open(&backup, data, err);
    if (status != STATUS_OK)
        return status;
    if (tar)
        status = tar_write(backup, to_output, NULL, err);
    else
        status = file ? write_file(backup, output, err) : backup_copy(backup, output, err);
    if (status == STATUS_OK)
        fprintf(stderr, "vecmill backup: %zu files, %llu bytes\n", backup_files(backup),
                (unsigned long long)backup_bytes(backup));
    backup_close(backup);
    return status;
}
