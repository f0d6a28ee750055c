/* Between the sockets and libmicrohttpd: every byte of a request passes framing.h first. The
 * library has no door for that, but calls recv(2) through the dynamic linker, and a function of
 * that name in the program goes before the C library's. So recv() is defined here: descriptors of
 * our connections are filtered, all others pass straight through.
 *
 * guard_admit refuses a request whose bytes did not come through here, so that a build in which
 * the linker decides otherwise answers nothing instead of being open. */
#undef _FORTIFY_SOURCE /* its inline recv() would be a second definition */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "server/http/http_private.h"

/* Which connection a descriptor is. recv() is handed nothing else, so this is the one table that
 * the whole process shares (see "Invariants" in ARCHITECTURE.md). Pages are made as they are
 * needed, and stay. */
#define PAGE_LINKS 1024
#define PAGES 1024

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

ssize_t filter_read(struct http_link *link, filter_source *source, void *context, char *buffer,
                    size_t size) {
    struct framing *framing = &link->framing;
    link->filtered = true;
    for (;;) {
        size_t space = framing->space;
        if (size <= space && framing->status == 0)
            framing_refuse(framing, 431, "the header fields are too large");
        if (framing->status != 0) {
            answer_refusal(link);
            return 0;
        }
        ssize_t n = source(context, buffer + space, size - space);
        if (n <= 0)
            return n;
        size_t seen = framing_read(framing, buffer, space, (size_t)n);
        if (seen == 0)
            continue;
        /* Good requests stand before the bad one and are answered first. The library must come
         * back then, though no byte may follow. */
        if (framing->status != 0)
            (void)shutdown(link->fd, SHUT_RD);
        return (ssize_t)seen;
    }
}

struct plain {
    int fd, flags;
};

static ssize_t plain_read(void *context, char *bytes, size_t size) {
    const struct plain *plain = context;
    return recvfrom(plain->fd, bytes, size, plain->flags | MSG_DONTWAIT, NULL, NULL);
}

/* In place of the C library's. */
ssize_t recv(int fd, void *buffer, size_t size, int flags) {
    struct page *page = page_of(fd);
    struct http_link *link = page ? atomic_load(&page->links[fd % PAGE_LINKS]) : NULL;
    if (!link)
        return recvfrom(fd, buffer, size, flags, NULL, NULL);
    struct plain plain = {fd, flags};
    return filter_read(link, plain_read, &plain, buffer, size);
}
