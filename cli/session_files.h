/* Files of sessions, and how sessions are asked. Private to cli/. */
#ifndef VECMILL_CLI_SESSION_FILES_H
#define VECMILL_CLI_SESSION_FILES_H

#include "cli/cli.h"
#include "embedding/session.h"

/* Rows of a table of options. */
#define SESSION_OPTION_ROWS                                                                   \
    {"score", "NAME", "cosine (default), or output: by the output rows, as training scores"}, \
        {"history", "N", "so many of the last items ask, all or 0: all of them (default 1)"}, \
        {"decay", "X", "an item counts X times as much as the one behind it (default 1)"},    \
        {"repeat", NULL, "items of the session may be found again"}, {                        \
        "format", "NAME", "text, ndjson or tokens; default: by the file's name"               \
    }

/* What these say. */
enum status session_options_read(struct session_options *options, struct invocation *invocation,
                                 struct error *err) MUST_CHECK;
/* The sessions of a file, compressed or not, or of standard input ("-"), a line each; NDJSON, by
 * the file's name or the option `format`, becomes lines of the tokens format. Errors: those of the
 * file. Owns: buffer_clear. */
enum status sessions_read(struct invocation *invocation, const char *path, struct buffer *text,
                          struct error *err) MUST_CHECK;

#endif
