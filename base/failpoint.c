#include "base/failpoint.h"

#ifdef VECMILL_FAILPOINTS

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FAILPOINTS_MAX 16

struct failpoint {
    char name[48];
    int errnum; /* 0: kill */
    bool skip;  /* see failpoint_skips */
    int at;
    bool onwards;
    atomic_int hits;
};

/* The one piece of process-wide state in vecmill, in test builds only: a failure must reach code
 * that knows nothing of the test, and the point of it is that no interface shows it. */
static struct failpoint failpoints[FAILPOINTS_MAX];
static size_t n_failpoints;

static bool failpoint_parse(struct failpoint *point, const char *text, size_t length) {
    char copy[128];
    if (length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *action = strchr(copy, ':');
    if (!action || (size_t)(action - copy) >= sizeof point->name)
        return false;
    *action++ = '\0';
    char *at = strchr(action, '@');
    if (at)
        *at++ = '\0';
    char *rest = NULL;
    point->at = at ? (int)strtol(at, &rest, 10) : 1;
    point->onwards = rest && *rest == '+';
    point->errnum = strcmp(action, "eio") == 0 ? EIO : strcmp(action, "enospc") == 0 ? ENOSPC : 0;
    memcpy(point->name, copy, strlen(copy) + 1);
    point->skip = strcmp(action, "skip") == 0;
    atomic_init(&point->hits, 0);
    return point->at > 0 && (point->errnum || point->skip || strcmp(action, "kill") == 0);
}

void failpoint_configure(const char *spec) {
    n_failpoints = 0;
    while (spec && *spec && n_failpoints < FAILPOINTS_MAX) {
        size_t length = strcspn(spec, ",");
        if (failpoint_parse(&failpoints[n_failpoints], spec, length))
            n_failpoints++;
        spec += length + (spec[length] == ',');
    }
}

static bool failpoint_is_due(struct failpoint *point) {
    int hit = atomic_fetch_add(&point->hits, 1) + 1;
    return hit == point->at || (point->onwards && hit > point->at);
}

bool failpoint_skips(const char *name) {
    for (size_t i = 0; i < n_failpoints; i++)
        if (failpoints[i].skip && strcmp(failpoints[i].name, name) == 0 &&
            failpoint_is_due(&failpoints[i]))
            return true;
    return false;
}

enum status failpoint_hit(const char *name, struct error *err) {
    for (size_t i = 0; i < n_failpoints; i++) {
        struct failpoint *point = &failpoints[i];
        if (point->skip || strcmp(point->name, name) != 0 || !failpoint_is_due(point))
            continue;
        if (!point->errnum)
            raise(SIGKILL);
        return error_set_errno(err, point->errnum, "failure point '%s'", name);
    }
    return STATUS_OK;
}

#endif
