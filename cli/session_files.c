#include "cli/session_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/intake.h"
#include "cli/corpus_convert.h"
#include "server/json/ndjson.h"

#define PIECE ((size_t)1 << 16)

enum { FORMAT_BY_NAME, SESSIONS_TEXT, SESSIONS_NDJSON, SESSIONS_TOKENS };

enum status session_options_read(struct session_options *options, struct invocation *invocation,
                                 struct error *err) {
    size_t score;
    int64_t history = 1;
    const char *text = option_value(invocation, "history");
    *options = SESSION_OPTIONS;
    enum status status =
        option_choice(invocation, "score", CHOICE_NAMES(SESSION_SCORES), &score, err);
    if (status == STATUS_OK && text && strcmp(text, "all") == 0)
        history = 0;
    else if (status == STATUS_OK)
        status = option_number(invocation, "history", 0, UINT32_MAX, 1, &history, err);
    if (status == STATUS_OK)
        status = option_real(invocation, "decay", 0, 1, 1, &options->decay, err);
    if (status != STATUS_OK)
        return status;
    options->score = (enum session_score)score;
    options->history = (uint32_t)history;
    options->repeat = option_value(invocation, "repeat") != NULL;
    return STATUS_OK;
}

static enum status text_take(void *context, const char *bytes, size_t length, struct error *err) {
    buffer_append(context, bytes, length);
    return ((struct buffer *)context)->failed
               ? error_set(err, STATUS_NO_MEMORY, "out of memory for the sessions")
               : STATUS_OK;
}

static enum status ndjson_take(void *context, const char *bytes, size_t length, struct error *err) {
    return ndjson_push(context, bytes, length, err);
}

static enum status pieces_read(int fd, const char *path, struct intake *intake, struct error *err) {
    char piece[PIECE];
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n == 0)
            return intake_finish(intake, err);
        if (n > 0)
            status = intake_push(intake, piece, (size_t)n, err);
        else if (errno != EINTR)
            status = error_set_errno(err, errno, "cannot read '%s'", path);
    }
    return status;
}

/* As `format` says, else as the file is called. */
static enum status format_find(struct invocation *invocation, const char *path, bool *ndjson,
                               struct error *err) {
    size_t format;
    enum status status =
        option_choice(invocation, "format", "auto|text|ndjson|tokens", &format, err);
    *ndjson = format == FORMAT_BY_NAME ? corpus_format_of(path) == FORMAT_NDJSON
                                       : format == SESSIONS_NDJSON;
    return status;
}

enum status sessions_read(struct invocation *invocation, const char *path, struct buffer *text,
                          struct error *err) {
    bool is_ndjson, is_stdin = strcmp(path, "-") == 0;
    struct ndjson *ndjson = NULL;
    struct intake *intake = NULL;
    enum status status = format_find(invocation, path, &is_ndjson, err);
    if (status != STATUS_OK)
        return status;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open '%s'", path);
    /* Numbers in columns are items here: the text is not looked at for what else it might be. */
    const struct intake_options options = {.subject = "file of sessions",
                                           .use = is_ndjson ? FILE_AS_NDJSON : FILE_AS_STATED,
                                           .max_invalid = 1};
    if (is_ndjson)
        status = ndjson_create(&ndjson, &NDJSON_PLAIN, text_take, text, err);
    if (status == STATUS_OK)
        status = intake_create(&intake, &options, is_ndjson ? ndjson_take : text_take,
                               is_ndjson ? (void *)ndjson : (void *)text, err);
    if (status == STATUS_OK)
        status = pieces_read(fd, path, intake, err);
    if (status == STATUS_OK && ndjson)
        status = ndjson_finish(ndjson, err);
    intake_free(intake);
    ndjson_free(ndjson);
    if (!is_stdin)
        close(fd);
    return status;
}
