#include "server/http/name.h"

#include <string.h>

#include "server/access/access.h"

enum status name_check(const char *key, const char *name, struct error *err) {
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t length = strlen(name);
    if (length < 1 || length > 128 || !strchr(first, name[0]) || strstr(name, "..") ||
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") !=
            length) {
        return error_set_key(err, STATUS_REFUSED, key,
                             "%s must be 1 to 128 letters, digits, '.', '_' or '-', begin with a "
                             "letter or digit and "
                             "not hold '..', not '%.128s'",
                             key, name);
    }
    if (key_stands_in(name)) /* lists would tell it to others */
        return error_set_key(err, STATUS_REFUSED, key,
                             "%s is a key of access, which no name may be", key);
    return STATUS_OK;
}
