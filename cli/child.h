/* Training as the server's child. Private to cli/. */
#ifndef VECMILL_CLI_CHILD_H
#define VECMILL_CLI_CHILD_H

#include "cli/cli.h"

/* FOLDER holds settings.conf, corpus, name and perhaps digest; work/ and model/ are made there.
 * Each progress report goes to the descriptor with one write; a failure is left in FOLDER/error as
 * "STATUS key", newline, text. */
enum status job_run(const char *folder, int progress, struct error *err) MUST_CHECK;

#endif
