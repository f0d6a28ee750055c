/* Who gets a connection when there are too many, so that nobody locks out the others.
 *
 * A connection beyond a bound is taken all the same, from a reserve: its one request is answered if
 * the route is `vital` (health, metrics, a look at the jobs), and else refused with 429 or 503.
 * Whoever holds such a connection without a request gives way to the next one. */
#include <string.h>
#include <sys/ioctl.h>

#include "server/http/http_private.h"

/* The most of the reserve that connections without a request may hold. The rest is for those that
 * have been shut but are not gone yet. */
#define CROWD_WAITING (HTTP_RESERVE / 2)

int64_t crowd_address_bound(const struct settings *settings) {
    int64_t max = settings->max_connections;
    return settings->max_connections_per_address > 0 ? settings->max_connections_per_address
                                                     : max - max / 2;
}

static bool same_address(const struct http_link *a, const struct http_link *b) {
    return memcmp(a->address, b->address, sizeof a->address) == 0;
}

/* The one that has been silent between two requests for longest, and has not just got another.
 * like: only of its address; NULL: any. */
static struct http_link *longest_idle(const struct http *http, const struct http_link *like) {
    struct http_link *found = NULL;
    for (struct http_link *at = http->links; at; at = at->next) {
        int waiting = 0;
        if (at->shut || at->refusal != 0 || at->state != LINK_IDLE ||
            (like && !same_address(at, like)) || (found && at->since >= found->since))
            continue;
        if (ioctl(at->fd, FIONREAD, &waiting) == 0 && waiting == 0)
            found = at;
    }
    return found;
}

/* Refused connections that send nothing must not fill the reserve: the oldest goes, of those with
 * too many connections first. */
static void thin_out(const struct http *http, const struct http_link *newest) {
    struct http_link *found = NULL;
    size_t n = 0;
    for (struct http_link *at = http->links; at; at = at->next) {
        if (at->shut || at->refusal == 0 || at == newest)
            continue;
        n++;
        if (at->state != LINK_HEADER)
            continue;
        bool worse = !found || (at->refusal == 429 && found->refusal != 429) ||
                     (at->refusal == found->refusal && at->since < found->since);
        if (worse && !(found && found->refusal == 429 && at->refusal != 429))
            found = at;
    }
    if (found && n >= CROWD_WAITING)
        link_shut(found);
}

void crowd_admit(struct http_link *link) {
    struct http *http = link->http;
    int64_t all = 0, like = 0;
    struct http_link *idle = NULL;
    pthread_mutex_lock(&http->mutex);
    for (const struct http_link *at = http->links; at; at = at->next) {
        if (at->shut || at->refusal != 0)
            continue;
        all++;
        like += same_address(at, link);
    }
    if (like > crowd_address_bound(http->settings)) {
        idle = longest_idle(http, link);
        link->refusal = idle ? 0 : 429;
    } else if (all > http->settings->max_connections) {
        idle = longest_idle(http, NULL);
        link->refusal = idle ? 0 : 503;
    }
    if (idle)
        link_shut(idle);
    if (link->refusal != 0)
        thin_out(http, link);
    pthread_mutex_unlock(&http->mutex);
}

bool crowd_stream_begin(struct http_link *link, struct error *err) {
    struct http *http = link->http;
    int64_t max = http->settings->max_event_streams, all = 0, like = 0;
    pthread_mutex_lock(&http->mutex);
    for (const struct http_link *at = http->links; at; at = at->next) {
        all += at->streams;
        like += at->streams && same_address(at, link);
    }
    link->streams = all < max && like < max - max / 2;
    bool good = link->streams;
    pthread_mutex_unlock(&http->mutex);
    if (!good) {
        (void)error_set_key(err, STATUS_BUSY, "max_event_streams",
                            "%lld event streams are open, %lld of them from this address; "
                            "max_event_streams allows %lld, half of them from one address",
                            (long long)all, (long long)like, (long long)max);
    }
    return good;
}

void crowd_stream_end(struct http_link *link) {
    pthread_mutex_lock(&link->http->mutex);
    link->streams = link->uploads = false;
    pthread_mutex_unlock(&link->http->mutex);
}
