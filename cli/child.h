/* Training as the server's child. Private to cli/. */
#ifndef VECMILL_CLI_CHILD_H
#define VECMILL_CLI_CHILD_H

#include "cli/cli.h"

/* Lowest priority, first to be killed when memory runs out, and gone when the parent is. progress:
 * a pipe's writing end, whose reader should be there, or -1. Errors: CANCELLED when the parent is
 * gone already. */
enum status child_subside(int progress, struct error *err) MUST_CHECK;
/* Trains the job in `folder`, which holds settings.conf, corpus, name and perhaps digest; work/ and
 * model/ are made there. Each progress report goes to the descriptor `progress` with one write. A
 * failure is left in the file `error`, too: "STATUS key", newline, text. */
enum status job_run(const char *folder, int progress, struct error *err) MUST_CHECK;

#endif
