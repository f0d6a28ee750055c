#include "cli/credentials.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define VARIABLE "CREDENTIALS_DIRECTORY="

static const struct {
    const char *file, *setting;
} credentials[] = {{"api_keys", "api_keys_file"},
                   {"tls_cert", "tls_cert"},
                   {"tls_key", "tls_key"},
                   {"tls_client_ca", "tls_client_ca"}};

static bool is_unset(const struct settings *settings, const char *name) {
    const struct setting *row = settings_find(name);
    return row && strcmp((const char *)settings + row->offset, "none") == 0;
}

enum status credentials_apply(struct settings *settings, char *const *environment,
                              struct error *err) {
    const char *folder = NULL;
    enum status status = STATUS_OK;
    for (char *const *variable = environment; *variable; variable++)
        if (strncmp(*variable, VARIABLE, strlen(VARIABLE)) == 0)
            folder = *variable + strlen(VARIABLE);
    for (size_t i = 0; folder && folder[0] != '\0' && status == STATUS_OK &&
                       i < sizeof credentials / sizeof *credentials;
         i++) {
        char *path = path_join(folder, credentials[i].file);
        if (!path)
            status = error_set(err, STATUS_NO_MEMORY, "out of memory for settings");
        else if (is_unset(settings, credentials[i].setting) && file_exists(path))
            status = settings_set(settings, credentials[i].setting, path, SETTING_OF_ALL, err);
        free(path);
    }
    return status;
}
