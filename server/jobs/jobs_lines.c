/* Lines of the server's log that are about a job, and what its training process prints. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/jobs/jobs_private.h"

void job_say(const struct jobs *jobs, const struct job *job, enum log_level level,
             const char *format, ...) {
    char text[1024];
    va_list arguments;
    if (level < jobs->logger->min)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const struct log_field fields[] = {
        {.name = "job", .kind = LOG_FIELD_TEXT, .text = job->id},
        {.name = "model", .kind = LOG_FIELD_TEXT, .text = job->model},
        {.name = "corpus", .kind = LOG_FIELD_TEXT, .text = job->corpus},
        {.name = "trace_id", .kind = LOG_FIELD_TEXT, .text = job->trace_id},
    };
    log_line_with(jobs->logger, level, fields, sizeof fields / sizeof fields[0], NULL, "job %s: %s",
                  job->id, text);
}

/* The process writes its log as text, "TIME LEVEL: TEXT", see cli/output.c. What it prints besides,
 * and what a library says, is information. The time is our own line's as well. */
static const char *line_text(const char *line, enum log_level *level) {
    static const char shape[] = "0000-00-00T00:00:00.000Z ";
    static const char *const names[] = {"debug: ", "info: ", "warning: ", "error: "};
    *level = LOG_INFO;
    for (size_t i = 0; i < sizeof shape - 1; i++)
        if (shape[i] == '0' ? !isdigit((unsigned char)line[i]) : line[i] != shape[i])
            return line;
    const char *rest = line + sizeof shape - 1;
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
        if (strncmp(rest, names[i], strlen(names[i])) == 0) {
            *level = (enum log_level)i;
            return rest + strlen(names[i]);
        }
    return line;
}

void job_relay(const struct jobs *jobs, const struct job *job, const char *line) {
    enum log_level level;
    const char *text = line_text(line, &level);
    job_say(jobs, job, level, "%s", text);
}
