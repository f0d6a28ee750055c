/* TLS: which certificate a connection gets, and bytes through its session. Certificates are read
 * again while connections live on: each holds the one that it began with. */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/file.h"
#include "base/machine.h"
#include "server/http/http_private.h"

#define PEM_MAX ((size_t)1 << 20)
#define WARNING_SECONDS (7 * 86400.0) /* before a certificate's end */

struct tls {
    atomic_uint holds;
    gnutls_certificate_credentials_t credentials;
    bool asks; /* for a client certificate */
};

static bool is_set(const char *setting) {
    return strcmp(setting, "none") != 0;
}

bool http_speaks_tls(const struct settings *settings) {
    return is_set(settings->tls_cert);
}

void tls_priorities(const struct settings *settings, char *text, size_t size) {
    const char *versions = "";
    switch (settings->tls_minimum) {
    case TLS_MINIMUM_1_2:
        versions = "+VERS-TLS1.3:+VERS-TLS1.2";
        break;
    case TLS_MINIMUM_1_3:
        versions = "+VERS-TLS1.3";
        break;
    }
    snprintf(text, size, "%s:-VERS-ALL:%s", settings->tls_priorities, versions);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A client that sends a certificate sends one that an authority of ours signed for clients. */
static int verify_client(gnutls_session_t session) {
    unsigned n = 0, found = 0;
    char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
    gnutls_typed_vdata_st wanted = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)purpose, .size = 0};
    if (!gnutls_certificate_get_peers(session, &n) || n == 0)
        return 0; /* none: tls_lacks_client tells */
    if (gnutls_certificate_verify_peers(session, &wanted, 1, &found) < 0 || found != 0)
        return GNUTLS_E_CERTIFICATE_ERROR;
    return 0;
}

struct pem {
    char *text;
    size_t length;
};

static gnutls_datum_t datum_of(const struct pem *pem) {
    return (gnutls_datum_t){.data = (unsigned char *)pem->text, .size = (unsigned)pem->length};
}

static void pem_clear(struct pem *pem) {
    if (pem->text)
        explicit_bzero(pem->text, pem->length);
    free(pem->text);
}

static enum status pem_read(const char *setting, const char *path, struct pem *pem,
                            struct error *err) {
    struct error inner = {0};
    enum status status = file_read(path, PEM_MAX, &pem->text, &pem->length, &inner);
    return status == STATUS_OK
               ? status
               : error_set_key(err, STATUS_REFUSED, setting, "%s: %s", setting, inner.text);
}

static enum status load_pair(struct tls *tls, const struct settings *settings, struct error *err) {
    struct pem certificate = {0}, key = {0};
    enum status status = pem_read("tls_cert", settings->tls_cert, &certificate, err);
    if (status == STATUS_OK)
        status = pem_read("tls_key", settings->tls_key, &key, err);
    if (status == STATUS_OK) {
        gnutls_datum_t chain = datum_of(&certificate), secret = datum_of(&key);
        int result = gnutls_certificate_set_x509_key_mem2(tls->credentials, &chain, &secret,
                                                          GNUTLS_X509_FMT_PEM, NULL, 0);
        if (result < 0)
            status = error_set_key(err, STATUS_REFUSED, "tls_cert",
                                   "tls_cert '%.120s' and tls_key '%.120s' are no certificate and "
                                   "its private key: %s",
                                   settings->tls_cert, settings->tls_key, gnutls_strerror(result));
    }
    pem_clear(&certificate);
    pem_clear(&key);
    return status;
}

static enum status load_authorities(struct tls *tls, const struct settings *settings,
                                    struct error *err) {
    struct pem authorities = {0};
    enum status status = pem_read("tls_client_ca", settings->tls_client_ca, &authorities, err);
    if (status == STATUS_OK) {
        gnutls_datum_t trusted = datum_of(&authorities);
        int result =
            gnutls_certificate_set_x509_trust_mem(tls->credentials, &trusted, GNUTLS_X509_FMT_PEM);
        if (result <= 0)
            status = error_set_key(err, STATUS_REFUSED, "tls_client_ca",
                                   "tls_client_ca '%.200s' holds no certificate: %s",
                                   settings->tls_client_ca,
                                   result < 0 ? gnutls_strerror(result) : "there is none in it");
    }
    pem_clear(&authorities);
    tls->asks = true;
    gnutls_certificate_set_verify_function(tls->credentials, verify_client);
    return status;
}

static enum status check_priorities(const struct settings *settings, struct error *err) {
    char text[sizeof settings->tls_priorities + 64];
    const char *at = "";
    gnutls_priority_t made = NULL;
    tls_priorities(settings, text, sizeof text);
    int result = gnutls_priority_init(&made, text, &at);
    if (result < 0)
        return error_set_key(err, STATUS_REFUSED, "tls_priorities",
                             "tls_priorities is no priority string of GnuTLS from '%.40s' on: %s",
                             at ? at : "", gnutls_strerror(result));
    gnutls_priority_deinit(made);
    return STATUS_OK;
}

enum status tls_load(const struct settings *settings, struct tls **tls, struct error *err) {
    bool cert = is_set(settings->tls_cert), key = is_set(settings->tls_key),
         authorities = is_set(settings->tls_client_ca);
    *tls = NULL;
    if (cert != key || (authorities && !cert))
        return error_set_key(err, STATUS_REFUSED, cert ? "tls_key" : "tls_cert",
                             "tls_cert and tls_key are set together, and tls_client_ca with both");
    if (!cert)
        return STATUS_OK;
    struct tls *made = calloc(1, sizeof *made);
    if (!made || gnutls_certificate_allocate_credentials(&made->credentials) < 0) {
        free(made);
        return error_set(err, STATUS_NO_MEMORY, "out of memory for certificates");
    }
    atomic_init(&made->holds, 1);
    enum status status = check_priorities(settings, err);
    if (status == STATUS_OK)
        status = load_pair(made, settings, err);
    if (status == STATUS_OK && authorities)
        status = load_authorities(made, settings, err);
    if (status == STATUS_OK)
        *tls = made;
    else
        tls_drop(made);
    return status;
}

void tls_drop(struct tls *tls) {
    if (!tls || atomic_fetch_sub(&tls->holds, 1) > 1)
        return;
    gnutls_certificate_free_credentials(tls->credentials);
    free(tls);
}

/* Wall seconds at which the certificate ends; 0: unknown. */
static time_t end_of(const struct tls *tls) {
    gnutls_x509_crt_t *chain = NULL;
    unsigned n = 0;
    time_t end = 0;
    if (gnutls_certificate_get_x509_crt(tls->credentials, 0, &chain, &n) < 0)
        return 0;
    for (unsigned i = 0; i < n; i++) {
        time_t one = gnutls_x509_crt_get_expiration_time(chain[i]);
        end = i == 0 || one < end ? one : end;
        gnutls_x509_crt_deinit(chain[i]);
    }
    gnutls_free(chain);
    return end;
}

void tls_warn(const struct tls *tls, const struct logger *logger) {
    time_t end = tls ? end_of(tls) : 0;
    char text[32];
    if (end <= 0 || (double)end > machine_wall_seconds() + WARNING_SECONDS)
        return;
    machine_format_time((double)end, text);
    log_line(logger, LOG_WARNING, "the certificate, or one of its chain, ends at %s", text);
}

enum status http_reload(struct http *http, struct error *err) {
    struct tls *made = NULL;
    if (!http_speaks_tls(http->settings))
        return STATUS_OK;
    enum status status = tls_load(http->settings, &made, err);
    if (status != STATUS_OK)
        return status;
    pthread_mutex_lock(&http->mutex);
    struct tls *old = http->tls;
    http->tls = made;
    pthread_mutex_unlock(&http->mutex);
    tls_drop(old);
    tls_warn(made, http->logger);
    return STATUS_OK;
}

/* ---- one connection -------------------------------------------------------------------------- */

void tls_begin(struct http_link *link, void *session) {
    struct http *http = link->http;
    pthread_mutex_lock(&http->mutex);
    link->tls = http->tls;
    atomic_fetch_add(&link->tls->holds, 1);
    pthread_mutex_unlock(&http->mutex);
    link->session = session;
    (void)gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, link->tls->credentials);
    if (link->tls->asks)
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
}

bool tls_lacks_client(const struct http_link *link) {
    unsigned n = 0;
    return link->tls && link->tls->asks &&
           (!gnutls_certificate_get_peers(link->session, &n) || n == 0);
}

ssize_t link_send(struct http_link *link, const char *bytes, size_t length) {
    if (!link->session)
        return send(link->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    ssize_t n = gnutls_record_send(link->session, bytes, length);
    if (n < 0)
        errno = n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED ? EAGAIN : EPIPE;
    return n < 0 ? -1 : n;
}

void link_close_writing(struct http_link *link) {
    if (link->session)
        (void)gnutls_bye(link->session, GNUTLS_SHUT_WR);
    (void)shutdown(link->fd, SHUT_WR);
}
