/* Open connections: their list, what each is doing, how one ends. libmicrohttpd closes a descriptor
 * only after it told us, so one in the list is always the right one. */
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/machine.h"
#include "server/http/http_private.h"

/* for how long a body that nobody reads is thrown away, in all and without a byte */
#define LINGER_SECONDS 5.0
#define LINGER_SILENCE_MS 1000

static void address_of(int fd, unsigned char address[16]) {
    struct sockaddr_storage peer = {0};
    socklen_t length = sizeof peer;
    memset(address, 0, 16);
    if (getpeername(fd, (struct sockaddr *)&peer, &length) != 0)
        return;
    if (peer.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)&peer;
        /* as a mapped IPv6 address, so that both spellings are one client */
        address[10] = address[11] = 0xff;
        memcpy(address + 12, &v4->sin_addr, 4);
    } else if (peer.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)&peer;
        memcpy(address, &v6->sin6_addr, 16);
    }
}

struct http_link *link_create(struct http *http, int fd) {
    struct http_link *link = calloc(1, sizeof *link);
    if (!link)
        return NULL;
    link->http = http;
    link->fd = fd;
    link->state = LINK_HEADER;
    link->since = machine_monotonic_seconds();
    address_of(fd, link->address);
    pthread_mutex_lock(&http->mutex);
    link->next = http->links;
    if (link->next)
        link->next->previous = link;
    http->links = link;
    http->n_links++;
    pthread_mutex_unlock(&http->mutex);
    return link;
}

void link_free(struct http_link *link) {
    if (!link)
        return;
    struct http *http = link->http;
    pthread_mutex_lock(&http->mutex);
    if (link->previous)
        link->previous->next = link->next;
    else
        http->links = link->next;
    if (link->next)
        link->next->previous = link->previous;
    http->n_links--;
    pthread_mutex_unlock(&http->mutex);
    tls_drop(link->tls);
    free(link);
}

enum connection_kind link_kind(const struct http_link *link) {
    if (link->streams)
        return CONNECTION_EVENT_STREAM;
    if (link->uploads)
        return CONNECTION_UPLOAD;
    return link->state == LINK_HEADER || link->state == LINK_IDLE ? CONNECTION_IDLE
                                                                  : CONNECTION_REQUEST;
}

void link_upload_begin(struct http_link *link) {
    pthread_mutex_lock(&link->http->mutex);
    link->uploads = true;
    pthread_mutex_unlock(&link->http->mutex);
}

uint64_t link_acknowledged(int fd, bool *waiting) {
    struct tcp_info info;
    socklen_t length = sizeof info;
    int queued = 0;
    memset(&info, 0, sizeof info);
    *waiting = ioctl(fd, SIOCOUTQ, &queued) == 0 && queued > 0;
    (void)getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
    return info.tcpi_bytes_acked;
}

void link_enter(struct http_link *link, enum link_state state) {
    struct http *http = link->http;
    double now = machine_monotonic_seconds();
    pthread_mutex_lock(&http->mutex);
    enum link_state was = link->state;
    link->state = state;
    bool header_goes_on = state == LINK_HEADER && was == LINK_HEADER;
    if (state == LINK_BUSY && was == LINK_BODY) {
        link->paused = now;
    } else if (state == LINK_BODY && link->paused > 0) {
        /* our own time is not held against the client */
        link->window += now - link->paused;
        link->since = now;
        link->paused = 0;
    } else if (state == LINK_BODY || state == LINK_SEND) {
        bool waiting;
        link->since = link->window = now;
        link->moved = state == LINK_SEND ? link_acknowledged(link->fd, &waiting) : 0;
        link->window_moved = link->moved;
        link->paused = 0;
    } else if (!header_goes_on) { /* a header's time runs from its connection's start */
        link->since = now;
        link->paused = 0;
    }
    pthread_mutex_unlock(&http->mutex);
}

void link_moved(struct http_link *link, uint64_t bytes) {
    pthread_mutex_lock(&link->http->mutex);
    link->moved += bytes;
    pthread_mutex_unlock(&link->http->mutex);
}

void link_shut(struct http_link *link) {
    static const char late[] =
        "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    if (!link->session && (link->state == LINK_HEADER || link->state == LINK_BODY)) {
        /* Nothing of an answer has been sent in these states, so the line stands alone; it may be
         * lost, and that is fine. A session belongs to the connection's own thread. */
        status_ignore(send(link->fd, late, sizeof late - 1, MSG_DONTWAIT | MSG_NOSIGNAL));
    }
    (void)shutdown(link->fd, SHUT_RDWR);
    link->shut = true;
}

void link_linger(struct http_link *link) {
    const struct http *http = link->http;
    char bytes[16384];
    double until = machine_monotonic_seconds() + LINGER_SECONDS;
    int64_t left = http->settings->drain_bytes;
    link_close_writing(link);
    while (left > 0 && !atomic_load(&http->draining) && machine_monotonic_seconds() < until) {
        struct pollfd wait = {.fd = link->fd, .events = POLLIN};
        if (poll(&wait, 1, LINGER_SILENCE_MS) <= 0)
            break;
        ssize_t n = recvfrom(link->fd, bytes, sizeof bytes, MSG_DONTWAIT, NULL, NULL);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            break;
        left -= n > 0 ? n : 0;
    }
}
