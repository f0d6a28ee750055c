/* Between the sockets and libmicrohttpd: every byte of a request passes framing.h first. The
 * library has no door for that, but calls recv(2) through the dynamic linker, and a function of
 * that name in the program goes before the C library's. So recv() is defined here: descriptors of
 * our connections are filtered, all others pass straight through. With TLS the library reads by
 * gnutls_record_recv(), which is defined here in the same way; GnuTLS itself then reads ciphertext
 * by recv().
 *
 * guard_admit refuses a request whose bytes did not come through here, so that a build in which
 * the linker decides otherwise answers nothing instead of being open. */
#undef _FORTIFY_SOURCE /* its inline recv() would be a second definition */
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "server/http/http_private.h"

/* Which connection a descriptor is. recv() is handed nothing else, so this is the one table that
 * the whole process shares (see "Invariants" in ARCHITECTURE.md). Pages are made as they are
 * needed, and stay. */
#define PAGE_LINKS 1024
#define PAGES 1024
#define HANDSHAKE_BYTE 22 /* with which TLS begins */

struct page {
    _Atomic(struct http_link *) links[PAGE_LINKS];
};
static _Atomic(struct page *) pages[PAGES];

static struct page *page_of(int fd) {
    return fd >= 0 && fd < PAGES * PAGE_LINKS ? atomic_load(&pages[fd / PAGE_LINKS]) : NULL;
}

enum status filter_attach(struct http_link *link, struct error *err) {
    if (link->fd < 0 || link->fd >= PAGES * PAGE_LINKS)
        return error_set(err, STATUS_REFUSED, "descriptor %d is too large", link->fd);
    if (!page_of(link->fd)) {
        struct page *made = calloc(1, sizeof *made), *expected = NULL;
        if (!made)
            return error_set(err, STATUS_NO_MEMORY, "out of memory for a connection");
        if (!atomic_compare_exchange_strong(&pages[link->fd / PAGE_LINKS], &expected, made))
            free(made);
    }
    link->framing = (struct framing){.limits = {.target = HTTP_TARGET_MAX,
                                                .head = HTTP_HEAD_MAX,
                                                .trailers = HTTP_TRAILERS_MAX,
                                                .fields = HTTP_HEADERS_MAX,
                                                .cookie = HTTP_COOKIE_MAX}};
    atomic_store(&page_of(link->fd)->links[link->fd % PAGE_LINKS], link);
    return STATUS_OK;
}

void filter_detach(const struct http_link *link) {
    struct page *page = page_of(link->fd);
    if (page)
        atomic_store(&page->links[link->fd % PAGE_LINKS], NULL);
}

static enum status status_of_refusal(int status) {
    switch (status) {
    case 413:
    case 414:
    case 431:
        return STATUS_TOO_LARGE;
    case 501:
    case 505:
        return STATUS_UNSUPPORTED;
    default:
        return STATUS_MALFORMED;
    }
}

/* Tells the client. The library only sees that the connection has ended. */
static void answer_refusal(struct http_link *link) {
    const struct framing *framing = &link->framing;
    struct exchange *exchange = link->exchange, *made = NULL;
    struct error err = {0};
    if (!exchange)
        exchange = made = exchange_create(link, ""); /* the library has not seen its target */
    if (!exchange || exchange->stage == STAGE_ANSWERED)
        return;
    if (framing->no_body)
        memcpy(exchange->method, "HEAD", 5);
    exchange_abort_upload(exchange);
    guard_identify(exchange);
    (void)error_set_key(&err, status_of_refusal(framing->status), framing->key, "%s", framing->why);
    response_error(&exchange->request, &exchange->response, framing->status, &err);
    exchange_answer_by_hand(exchange);
    if (made)
        exchange_end(made, true);
}

/* Bytes that found no room the last time. */
static size_t take_spare(struct http_link *link, char *buffer, size_t size) {
    size_t n = link->n_spare < size ? link->n_spare : size;
    memcpy(buffer, link->spare, n);
    link->n_spare -= n;
    memmove(link->spare, link->spare + n, link->n_spare);
    return n;
}

/* One read; *seen: bytes that passed, which stand in the buffer. The white space that framing.h
 * holds back may come out with the next byte, so where the room is smaller than that one byte is
 * read beside the buffer, and what does not fit is kept: it is never the end of a message. */
static ssize_t read_some(struct http_link *link, const struct filter_source *source, char *buffer,
                         size_t room, size_t *seen) {
    struct framing *framing = &link->framing;
    char beside[FRAMING_MAX_SPACE + 2];
    bool tight = room <= framing->space;
    char *to = tight ? beside : buffer;
    size_t space = framing->space;
    ssize_t n = source->read(source->context, to + space, tight ? 1 : room - space);
    if (n <= 0)
        return n;
    *seen = framing_read(framing, to, space, (size_t)n);
    if (tight) {
        size_t fits = *seen < room ? *seen : room;
        memcpy(buffer, beside, fits);
        link->n_spare = *seen - fits;
        memcpy(link->spare, beside + fits, link->n_spare);
        *seen = fits;
    }
    return n;
}

ssize_t filter_read(struct http_link *link, const struct filter_source *source, char *buffer,
                    size_t size) {
    struct framing *framing = &link->framing;
    size_t total = take_spare(link, buffer, size);
    link->filtered = true;
    while (total < size) {
        size_t seen = 0;
        if (framing->status != 0) {
            answer_refusal(link);
            return 0;
        }
        if (total > 0 && (!source->pending || !source->pending(source->context)))
            break;
        ssize_t n = read_some(link, source, buffer + total, size - total, &seen);
        if (n <= 0)
            return total > 0 ? (ssize_t)total : n;
        total += seen;
        /* Good requests stand before the bad one and are answered first. The library must come
         * back then, though no byte may follow. */
        if (framing->status != 0 && total > 0) {
            (void)shutdown(link->fd, SHUT_RD);
            break;
        }
    }
    return (ssize_t)total;
}

struct plain {
    int fd, flags;
};

static ssize_t plain_read(void *context, char *bytes, size_t size) {
    const struct plain *plain = context;
    return recvfrom(plain->fd, bytes, size, plain->flags | MSG_DONTWAIT, NULL, NULL);
}

static struct http_link *link_of(int fd) {
    struct page *page = page_of(fd);
    return page ? atomic_load(&page->links[fd % PAGE_LINKS]) : NULL;
}

static ssize_t session_read(void *context, char *bytes, size_t size) {
    unsigned char sequence[8];
    return gnutls_record_recv_seq(context, bytes, size, sequence);
}

static bool session_pending(void *context) {
    return gnutls_record_check_pending(context) > 0;
}

static ssize_t session_filter(struct http_link *link, gnutls_session_t session, void *buffer,
                              size_t size) {
    const struct filter_source source = {session_read, session_pending, session};
    return filter_read(link, &source, buffer, size);
}

/* Somebody speaks HTTP where TLS is spoken: says so, in HTTP. */
static void answer_plain(const struct http_link *link) {
    static const char text[] =
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n"
        "Content-Length: 39\r\n\r\nthis port speaks TLS: ask by https://\r\n";
    char rest[4096];
    status_ignore(send(link->fd, text, sizeof text - 1, MSG_DONTWAIT | MSG_NOSIGNAL));
    (void)shutdown(link->fd, SHUT_WR);
    status_ignore(recvfrom(link->fd, rest, sizeof rest, MSG_DONTWAIT, NULL, NULL));
}

static ssize_t ciphertext_read(struct http_link *link, void *buffer, size_t size, int flags) {
    ssize_t n = recvfrom(link->fd, buffer, size, flags | MSG_DONTWAIT, NULL, NULL);
    if (n <= 0 || link->greeted)
        return n;
    link->greeted = true;
    if (*(const unsigned char *)buffer == HANDSHAKE_BYTE)
        return n;
    answer_plain(link);
    return 0;
}

/* In place of the C library's. */
ssize_t recv(int fd, void *buffer, size_t size, int flags) {
    struct http_link *link = link_of(fd);
    if (!link)
        return recvfrom(fd, buffer, size, flags, NULL, NULL);
    if (link->session)
        return ciphertext_read(link, buffer, size, flags);
    struct plain plain = {fd, flags};
    const struct filter_source source = {.read = plain_read, .context = &plain};
    return filter_read(link, &source, buffer, size);
}

/* In place of GnuTLS's: where libmicrohttpd reads a connection with TLS. */
ssize_t gnutls_record_recv(gnutls_session_t session, void *buffer, size_t size) {
    unsigned char sequence[8];
    struct http_link *link = link_of(gnutls_transport_get_int(session));
    if (!link || link->session != session)
        return gnutls_record_recv_seq(session, buffer, size, sequence);
    return session_filter(link, session, buffer, size);
}
