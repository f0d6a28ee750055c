/* An event file that grows while TensorBoard watches it, over several runs of the program. */
#ifndef VECMILL_BASE_EVENT_LOG_H
#define VECMILL_BASE_EVENT_LOG_H

#include "base/error.h"
#include "base/event_file.h"

/* One writer at a time. The file is only appended to: a reader keeps it open, and goes on where it
 * stood. */
struct event_log;

/* For the file at `path`, which may be there already: what follows its last whole record (a write
 * that a crash or a full disk cut) is cut off, for readers stop in front of it. Nothing is made
 * before the first record. Owns: event_log_close. Errors: IO, NO_MEMORY. */
enum status event_log_open(struct event_log **log, const char *path, struct error *err) MUST_CHECK;
void event_log_close(struct event_log *log); /* NULL is fine */
/* Makes the file and the folders above it now, when it is not there: for who wants to know at once
 * whether that can be done. Errors as for event_log_append. */
enum status event_log_begin(struct event_log *log, double wall_time, struct error *err) MUST_CHECK;
/* Appends one record of n scalars, in one write; makes the file and the folders above it, also when
 * somebody took them away. The first record since event_log_open whose step is not beyond the last
 * one in the file, and any that falls behind it, says first that the training began again there:
 * TensorBoard then forgets the steps from there on. After a failure, the next call begins where the
 * last whole record ends. Not fsynced. wall_time as for event_file_scalars. Errors: DISK_FULL, IO,
 * NO_MEMORY. */
enum status event_log_append(struct event_log *log, double wall_time, int64_t step,
                             const struct event_scalar *scalars, size_t n,
                             struct error *err) MUST_CHECK;
/* Removes the folder of an event file, and the one above it if that is empty then. */
enum status event_log_remove(const char *folder, struct error *err) MUST_CHECK;

#endif
