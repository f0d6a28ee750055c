#include <errno.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/credentials.h"

#define PATIENCE 5 /* seconds for each of connecting, sending and receiving */

struct address {
    char host[256], port[16];
};

/* HOST:PORT, [IPV6]:PORT or :PORT. All addresses are asked through the loopback one. */
static enum status address_read(struct address *address, const char *listen, struct error *err) {
    const char *colon = strrchr(listen, ':');
    size_t length = colon ? (size_t)(colon - listen) : 0;
    const char *host = listen;
    if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
        host++;
        length -= 2;
    }
    if (!colon || !colon[1] || strlen(colon + 1) >= sizeof address->port ||
        length >= sizeof address->host) {
        return error_set_key(err, STATUS_REFUSED, "listen",
                             "listen must be HOST:PORT, [IPV6]:PORT or :PORT, not '%.64s'", listen);
    }
    snprintf(address->host, sizeof address->host, "%.*s", (int)length, host);
    snprintf(address->port, sizeof address->port, "%s", colon + 1);
    if (length == 0 || strcmp(address->host, "0.0.0.0") == 0)
        snprintf(address->host, sizeof address->host, "127.0.0.1");
    else if (strcmp(address->host, "::") == 0)
        snprintf(address->host, sizeof address->host, "::1");
    return STATUS_OK;
}

static enum status address_connect(const struct address *address, int *connected,
                                   struct error *err) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    int result = getaddrinfo(address->host, address->port, &hints, &list), errnum = ECONNREFUSED;
    if (result != 0) {
        return error_set(err, STATUS_IO, "cannot find '%s': %s", address->host,
                         gai_strerror(result));
    }
    const struct timeval patience = {.tv_sec = PATIENCE};
    *connected = -1;
    for (const struct addrinfo *entry = list; entry && *connected < 0; entry = entry->ai_next) {
        int fd = socket(entry->ai_family, entry->ai_socktype | SOCK_CLOEXEC, entry->ai_protocol);
        if (fd < 0) {
            errnum = errno;
            continue;
        }
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (connect(fd, entry->ai_addr, entry->ai_addrlen) == 0) {
            *connected = fd;
        } else {
            errnum = errno;
            close(fd);
        }
    }
    freeaddrinfo(list);
    if (*connected < 0) {
        return error_set_errno(err, errnum, "cannot connect to '%s' port %s", address->host,
                               address->port);
    }
    return STATUS_OK;
}

/* A connection to the service, with TLS or without. */
struct connection {
    int fd;
    gnutls_session_t session; /* NULL: plain */
    gnutls_certificate_credentials_t credentials;
};

/* Who answers is not verified: nothing secret is sent, and the name in the certificate is not that
 * of the loopback address. */
static enum status handshake(struct connection *connection, const struct address *address,
                             struct error *err) {
    int result = gnutls_certificate_allocate_credentials(&connection->credentials);
    if (result >= 0)
        result = gnutls_init(&connection->session, GNUTLS_CLIENT);
    if (result >= 0)
        result = gnutls_set_default_priority(connection->session);
    if (result >= 0)
        result = gnutls_credentials_set(connection->session, GNUTLS_CRD_CERTIFICATE,
                                        connection->credentials);
    if (result < 0)
        return error_set(err, STATUS_NO_MEMORY, "cannot begin TLS: %s", gnutls_strerror(result));
    gnutls_transport_set_int(connection->session, connection->fd);
    do
        result = gnutls_handshake(connection->session);
    while (result == GNUTLS_E_INTERRUPTED || result == GNUTLS_E_WARNING_ALERT_RECEIVED);
    if (result < 0)
        return error_set(err, STATUS_IO, "'%s' port %s does not speak TLS with us: %s",
                         address->host, address->port, gnutls_strerror(result));
    return STATUS_OK;
}

static void connection_close(struct connection *connection) {
    if (connection->session)
        gnutls_deinit(connection->session);
    if (connection->credentials)
        gnutls_certificate_free_credentials(connection->credentials);
    close(connection->fd);
}

static ssize_t connection_write(struct connection *connection, const char *bytes, size_t length) {
    return connection->session ? gnutls_record_send(connection->session, bytes, length)
                               : send(connection->fd, bytes, length, MSG_NOSIGNAL);
}

/* As recv(2); errno says why it failed. */
static ssize_t connection_read(struct connection *connection, char *bytes, size_t size) {
    if (!connection->session)
        return recv(connection->fd, bytes, size, 0);
    ssize_t n = gnutls_record_recv(connection->session, bytes, size);
    if (n < 0)
        errno = n == GNUTLS_E_INTERRUPTED ? EINTR : n == GNUTLS_E_AGAIN ? EAGAIN : ECONNRESET;
    return n < 0 ? -1 : n;
}

/* Asks, and reads as much of the answer as holds the status. */
static enum status ask(struct connection *connection, const struct address *address, char *answer,
                       size_t room, struct error *err) {
    char request[512];
    int length =
        snprintf(request, sizeof request,
                 "GET /healthz HTTP/1.1\r\nHost: localhost:%s\r\nConnection: close\r\n\r\n",
                 address->port); /* whatever names allowed_hosts knows */
    if (connection_write(connection, request, (size_t)length) != length)
        return error_set_errno(err, errno, "cannot ask '%s' port %s", address->host, address->port);
    size_t used = 0;
    while (used < room - 1 && !memchr(answer, '\n', used)) {
        ssize_t n = connection_read(connection, answer + used, room - 1 - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            return error_set_errno(err, n < 0 ? errno : ECONNRESET, "no answer from '%s' port %s",
                                   address->host, address->port);
        }
        used += (size_t)n;
    }
    answer[used] = '\0';
    answer[strcspn(answer, "\r\n")] = '\0';
    return STATUS_OK;
}

enum status command_healthcheck(struct invocation *invocation, struct error *err) {
    struct settings *settings = &invocation->settings;
    struct connection connection = {.fd = -1};
    struct address address;
    char answer[256];
    enum status status = credentials_apply(settings, invocation->environment, err);
    if (status == STATUS_OK)
        status = address_read(&address, settings->listen, err);
    if (status == STATUS_OK)
        status = address_connect(&address, &connection.fd, err);
    if (status != STATUS_OK)
        return status;
    if (strcmp(settings->tls_cert, "none") != 0)
        status = handshake(&connection, &address, err);
    if (status == STATUS_OK)
        status = ask(&connection, &address, answer, sizeof answer, err);
    connection_close(&connection);
    if (status == STATUS_OK && strncmp(answer, "HTTP/1.1 200", 12) != 0)
        status = error_set(err, STATUS_IO, "the service answered '%.100s'", answer);
    return status;
}
