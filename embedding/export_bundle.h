/* Several files that belong together: the members of a tar, or the files of a folder (job->folder).
 * Private to embedding/. */
#ifndef VECMILL_EMBEDDING_EXPORT_BUNDLE_H
#define VECMILL_EMBEDDING_EXPORT_BUNDLE_H

#include "embedding/export_rows.h"

/* Everything appended to job->text from here to bundle_close is the file of that name. */
enum status bundle_open(struct export_job *job, const char *name, struct error *err) MUST_CHECK;
enum status bundle_close(struct export_job *job, struct error *err) MUST_CHECK;
/* The end of a tar. */
enum status bundle_end(struct export_job *job, struct error *err) MUST_CHECK;
/* A fresh folder beside the one that it becomes. Owns: caller frees *made. */
enum status bundle_folder(const char *folder, char **made, struct error *err) MUST_CHECK;

#endif
