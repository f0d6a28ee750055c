/* What is made of the rows of commands and settings beside --help: man pages and completion.
 * Private to cli/. */
#ifndef VECMILL_CLI_MANUAL_H
#define VECMILL_CLI_MANUAL_H

#include "cli/cli.h"

/* Append vecmill(1), and vecmill.conf(5). */
void manual_put_program(const struct command *commands, struct buffer *page);
void manual_put_settings(struct buffer *page);

/* Append a script that completes commands, options, and the values of choices. */
void completion_put_bash(const struct command *commands, struct buffer *script);
void completion_put_zsh(const struct command *commands, struct buffer *script);
void completion_put_fish(const struct command *commands, struct buffer *script);

#endif
