/* A file on its way in, piece by piece: what it is packed in is undone, what it is is looked at,
 * and its bytes go on to whoever takes them. Uploads, imports and the command line share it. */
#ifndef VECMILL_BASE_INTAKE_H
#define VECMILL_BASE_INTAKE_H

#include "base/decode.h"
#include "base/file_kind.h"

struct intake_options {
    const char *subject; /* "corpus", in messages; lives as long as the intake */
    enum file_use use;
    double max_invalid;     /* see file_kind_check */
    enum encoding encoding; /* that somebody named; IDENTITY: told by the first bytes */
    struct decode_limits limits;
};

struct intake;
/* Owns: intake_free. */
enum status intake_create(struct intake **intake, const struct intake_options *options,
                          decode_sink sink, void *context, struct error *err) MUST_CHECK;
/* The sink gets nothing before FILE_HEAD decoded bytes were looked at, or all that there are.
 * Errors: those of decoder_push and of file_kind_check; UNSUPPORTED for what is packed twice. */
enum status intake_push(struct intake *intake, const void *bytes, size_t length,
                        struct error *err) MUST_CHECK;
enum status intake_finish(struct intake *intake, struct error *err) MUST_CHECK;
/* After a failure: hands on what was decoded before, as far as it waits to be looked at. Errors:
 * those of file_kind_check and of the sink. */
enum status intake_release(struct intake *intake, struct error *err) MUST_CHECK;
void intake_free(struct intake *intake); /* NULL is fine */

#endif
