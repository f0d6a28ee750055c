/* Secrets that systemd hands to a service as files (LoadCredential=). Private to cli/. */
#ifndef VECMILL_CLI_CREDENTIALS_H
#define VECMILL_CLI_CREDENTIALS_H

#include "config/config.h"

/* Where $CREDENTIALS_DIRECTORY of `environment` holds a file api_keys, tls_cert, tls_key or
 * tls_client_ca, and nothing else was set, the setting (api_keys_file for api_keys) becomes its
 * path. */
enum status credentials_apply(struct settings *settings, char *const *environment,
                              struct error *err) MUST_CHECK;

#endif
