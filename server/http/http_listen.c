/* From "HOST:PORT" to a listening socket. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/number.h"
#include "server/http/http_private.h"

#define LISTEN_BACKLOG 511

static enum status listen_refuse(const char *text, struct error *err) {
    return error_set_key(
        err, STATUS_REFUSED, "listen",
        "listen must be HOST:PORT, [IPV6]:PORT or :PORT with a port of 0 to 65535, not '%s'", text);
}

/* Is the address of this machine alone? */
static bool is_loopback(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
    }
    const struct sockaddr_in6 *v6 = (const void *)address;
    return address->sa_family == AF_INET6 &&
           (IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
            (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127));
}

/* host may end up empty: all addresses. */
static enum status listen_parse(const char *text, char *host, size_t host_size, const char **port,
                                struct error *err) {
    const char *colon = strrchr(text, ':');
    int64_t number;
    if (!colon || !number_parse_int(colon + 1, &number) || number < 0 || number > 65535)
        return listen_refuse(text, err);
    const char *from = text, *to = colon;
    if (from[0] == '[') {
        if (to == from || to[-1] != ']')
            return listen_refuse(text, err);
        from++;
        to--;
    } else if (memchr(from, ':', (size_t)(to - from))) {
        return listen_refuse(text, err);
    }
    if ((size_t)(to - from) >= host_size)
        return listen_refuse(text, err);
    memcpy(host, from, (size_t)(to - from));
    host[to - from] = '\0';
    *port = colon + 1;
    return STATUS_OK;
}

/* Returns the socket, or -1 with errno. */
static int listen_try(const struct addrinfo *address, bool all) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int yes = 1, no = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (address->ai_family == AF_INET6 && all)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    int errnum = errno;
    close(fd);
    errno = errnum;
    return -1;
}

static enum status listen_describe(int fd, char *address, size_t address_size, uint16_t *port,
                                   struct error *err) {
    struct sockaddr_storage bound = {0};
    socklen_t length = sizeof bound;
    char host[NI_MAXHOST], service[NI_MAXSERV];
    int64_t number;
    if (getsockname(fd, (struct sockaddr *)&bound, &length) != 0 ||
        getnameinfo((struct sockaddr *)&bound, length, host, sizeof host, service, sizeof service,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0 ||
        !number_parse_int(service, &number))
        return error_set(err, STATUS_IO, "cannot tell the address of the listening socket");
    *port = (uint16_t)number;
    snprintf(address, address_size, bound.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
             service);
    return STATUS_OK;
}

enum status http_listens_beyond(const char *listen, bool *beyond, struct error *err) {
    char host[256];
    const char *service = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
                    *found = NULL;
    enum status status = listen_parse(listen, host, sizeof host, &service, err);
    if (status != STATUS_OK)
        return status;
    *beyond = host[0] == '\0';
    if (*beyond)
        return STATUS_OK;
    int failed = getaddrinfo(host, service, &hints, &found);
    if (failed != 0)
        return error_set_key(err, STATUS_REFUSED, "listen", "cannot listen on '%s': %s", listen,
                             gai_strerror(failed));
    for (const struct addrinfo *at = found; at; at = at->ai_next)
        *beyond = *beyond || !is_loopback(at->ai_addr);
    freeaddrinfo(found);
    return STATUS_OK;
}

enum status listen_open(const char *listen, int *fd, char *address, size_t address_size,
                        uint16_t *port, struct error *err) {
    char host[256];
    const char *service = NULL;
    enum status status = listen_parse(listen, host, sizeof host, &service, err);
    if (status != STATUS_OK)
        return status;
    /* All addresses: one IPv6 socket takes IPv4 too; machines without IPv6 fall back to the
     * second. */
    const char *names[2] = {host[0] != '\0' ? host : "::", host[0] != '\0' ? NULL : "0.0.0.0"};
    int errnum = 0, opened = -1;
    for (size_t i = 0; i < 2 && names[i] && opened < 0; i++) {
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                 .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
                        *found = NULL;
        int failed = getaddrinfo(names[i], service, &hints, &found);
        if (failed != 0 && host[0] != '\0') {
            return error_set_key(err, STATUS_REFUSED, "listen", "cannot listen on '%s': %s", listen,
                                 gai_strerror(failed));
        }
        for (struct addrinfo *at = found; at && opened < 0; at = at->ai_next) {
            opened = listen_try(at, host[0] == '\0');
            errnum = errno;
        }
        if (found)
            freeaddrinfo(found);
    }
    if (opened < 0)
        return error_set_errno(err, errnum, "cannot listen on '%s'", listen);
    status = listen_describe(opened, address, address_size, port, err);
    if (status != STATUS_OK) {
        close(opened);
        return status;
    }
    *fd = opened;
    return STATUS_OK;
}
