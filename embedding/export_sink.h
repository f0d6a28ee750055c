/* Where exported bytes go: a file that is whole or absent, perhaps through gzip. Private to
 * embedding/. */
#ifndef VECMILL_EMBEDDING_EXPORT_SINK_H
#define VECMILL_EMBEDDING_EXPORT_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct export_sink;
/* Starts the file at `path`; gzip: through gzip. The stream carries neither time nor name, so that
 * the same bytes give the same file. Owns: ended by commit or abort. */
enum status export_sink_create(struct export_sink **sink, const char *path, bool gzip,
                               struct error *err) MUST_CHECK;
enum status export_sink_append(struct export_sink *sink, const void *bytes, size_t length,
                               struct error *err) MUST_CHECK;
/* Bytes appended so far, and overwriting of some of them; not through gzip. */
uint64_t export_sink_size(const struct export_sink *sink);
enum status export_sink_patch(struct export_sink *sink, uint64_t offset, const void *bytes,
                              size_t length, struct error *err) MUST_CHECK;
/* Makes the file visible. Frees the sink, also on failure; then nothing is left behind. */
enum status export_sink_commit(struct export_sink *sink, struct error *err) MUST_CHECK;
void export_sink_abort(struct export_sink *sink); /* NULL is fine */

#endif
