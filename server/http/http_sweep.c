/* Deadlines of connections. libmicrohttpd only knows an idle time-out, which a client that sends
 * one byte a second outlives. So one thread, the sweeper, polls every open connection and shuts
 * those that broke a rule. libmicrohttpd then sees the end of the connection and cleans up; it
 * closes a descriptor only after it told us, so one in the list is always the right one. */
#include <poll.h>

#include "base/machine.h"
#include "server/http/http_private.h"

#define SWEEP_INTERVAL_MS 100
/* what a client gets to finish its header once the service stops */
#define DRAIN_HEADER_SECONDS 0.5

/* Has the current window ended with too few bytes? Begins the next one. */
static bool too_slow(struct http_link *link, double now) {
    if (now - link->window < HTTP_RATE_SECONDS)
        return false;
    uint64_t min = (uint64_t)link->http->settings->min_body_rate * HTTP_RATE_SECONDS;
    bool slow = link->moved - link->window_moved < min;
    link->window = now;
    link->window_moved = link->moved;
    return slow;
}

/* The answer's side: only a client that lets our bytes wait is slow; a stream that has nothing to
 * say is not. */
static bool send_overdue(struct http_link *link, double now) {
    bool waiting;
    uint64_t acknowledged = link_acknowledged(link->fd, &waiting);
    if (!waiting) {
        link->since = link->window = now;
        link->moved = link->window_moved = acknowledged;
        return false;
    }
    if (acknowledged > link->moved) {
        link->since = now;
        link->moved = acknowledged;
    }
    return now - link->since > link->http->settings->idle_timeout || too_slow(link, now);
}

static bool link_overdue(struct http_link *link, double now) {
    const struct http *http = link->http;
    bool draining = atomic_load(&http->draining);
    double age = now - link->since;
    switch (link->state) {
    case LINK_HEADER:
        return age > http->settings->header_timeout || (draining && age > DRAIN_HEADER_SECONDS);
    case LINK_IDLE:
        return draining || age > http->settings->idle_timeout;
    case LINK_BODY:
        return age > http->settings->idle_timeout || too_slow(link, now);
    case LINK_SEND:
        return send_overdue(link, now);
    case LINK_BUSY:
        break;
    }
    return false;
}

static void *sweep_run(void *argument) {
    struct http *http = argument;
    while (!atomic_load(&http->stopping)) {
        (void)poll(NULL, 0, SWEEP_INTERVAL_MS);
        double now = machine_monotonic_seconds();
        pthread_mutex_lock(&http->mutex);
        for (struct http_link *link = http->links; link != NULL; link = link->next)
            if (!link->shut && link_overdue(link, now))
                link_shut(link);
        pthread_mutex_unlock(&http->mutex);
    }
    return NULL;
}

enum status sweep_start(struct http *http, struct error *err) {
    int failed = pthread_create(&http->sweeper, NULL, sweep_run, http);
    if (failed != 0)
        return error_set_errno(err, failed, "cannot start the thread that watches connections");
    http->sweeping = true;
    return STATUS_OK;
}

void sweep_stop(struct http *http) {
    if (http->sweeping) {
        atomic_store(&http->stopping, true);
        pthread_join(http->sweeper, NULL);
        http->sweeping = false;
    }
}
