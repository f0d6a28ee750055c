/* Keys as text: the key itself, once, and its row in the keys file. */
#include <ctype.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/random.h"
#include "server/access/access.h"

#define KEY_PREFIX "vm_"
#define ID_DIGITS 12
#define SECRET_DIGITS 64 /* 256 bits */
#define HASH_PREFIX "sha256:"
#define ROW_MAX 4096

static const char id_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
static const char name_bytes[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.@+:/";
static const char reach_bytes[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,";

const char *scope_name(enum scope scope) {
    static const char *const names[] = {"unset", "open", "read", "train", "admin"};
    return names[scope];
}

enum status key_hash(const char *token, size_t length, unsigned char hash[KEY_HASH_BYTES],
                     struct error *err) {
    int result = gnutls_hash_fast(GNUTLS_DIG_SHA256, token, length, hash);
    if (result < 0)
        return error_set(err, result == GNUTLS_E_MEMORY_ERROR ? STATUS_NO_MEMORY : STATUS_INTERNAL,
                         "cannot compute SHA-256: %s", gnutls_strerror(result));
    return STATUS_OK;
}

enum status key_create(struct access_key *key, char text[KEY_TEXT_SIZE], struct error *err) {
    char secret[SECRET_DIGITS + 1] = "";
    enum status status = random_token(key->id, ID_DIGITS, err);
    if (status == STATUS_OK)
        status = random_token(secret, SECRET_DIGITS, err);
    if (status == STATUS_OK) {
        int length = snprintf(text, KEY_TEXT_SIZE, KEY_PREFIX "%s_%s", key->id, secret);
        status = key_hash(text, (size_t)length, key->hash, err);
    }
    explicit_bzero(secret, sizeof secret);
    return status;
}

static bool hexadecimal(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!strchr("0123456789abcdefABCDEF", text[i]) || text[i] == '\0')
            return false;
    return true;
}

/* The character at `at` as targets may spell it: itself, or %XX. *n: bytes that it takes. */
static char spelt(const char *at, size_t *n) {
    char digits[3] = "";
    *n = 1;
    if (at[0] != '%' || !hexadecimal(at + 1, 1) || !hexadecimal(at + 2, 1))
        return at[0];
    memcpy(digits, at + 1, 2);
    *n = 3;
    return (char)strtol(digits, NULL, 16);
}

/* Bytes of a key at `at` before its secret; 0: there is none. */
static size_t head_length(const char *at) {
    size_t prefix = strlen(KEY_PREFIX), n, length = 0;
    for (size_t i = 0; i <= prefix + ID_DIGITS; i++, length += n) {
        char c = spelt(at + length, &n);
        bool fits = i < prefix               ? tolower((unsigned char)c) == KEY_PREFIX[i]
                    : i < prefix + ID_DIGITS ? hexadecimal(&c, 1)
                                             : c == '_';
        if (!fits)
            return 0;
    }
    return length;
}

/* Digits of a secret at `at`, and their bytes in *length. */
static size_t secret_digits(const char *at, size_t *length) {
    size_t digits = 0, n;
    *length = 0;
    for (char c; c = spelt(at + *length, &n), hexadecimal(&c, 1); digits++)
        *length += n;
    return digits;
}

void key_redact(char *text) {
    for (char *at = text; *at != '\0'; at++) {
        size_t head = head_length(at), length;
        if (head == 0)
            continue;
        (void)secret_digits(at + head, &length); /* also of one that is cut */
        memset(at + head, '*', length);
        at += head - 1;
    }
}

bool key_stands_in(const char *text) {
    for (const char *at = text; *at != '\0'; at++) {
        size_t head = head_length(at), length;
        if (head > 0 && secret_digits(at + head, &length) >= SECRET_DIGITS)
            return true;
    }
    return false;
}

/* ---- members --------------------------------------------------------------------------------- */

static enum status set_scope(struct access_key *key, const char *value, struct error *err) {
    for (const char *at = value; *at != '\0';) {
        size_t length = strcspn(at, ",");
        enum scope found = SCOPE_UNSET;
        for (int scope = SCOPE_READ; scope <= SCOPE_ADMIN; scope++)
            if (strlen(scope_name((enum scope)scope)) == length &&
                memcmp(scope_name((enum scope)scope), at, length) == 0)
                found = (enum scope)scope;
        if (found == SCOPE_UNSET)
            return error_set_key(err, STATUS_REFUSED, "scope",
                                 "scope must be read, train or admin, not '%.40s'", value);
        if (found > key->scope)
            key->scope = found;
        at += length + (at[length] == ',');
    }
    return value[0] != '\0' ? STATUS_OK
                            : error_set_key(err, STATUS_REFUSED, "scope", "scope is empty");
}

static enum status set_text(char *to, size_t size, const char *allowed, const char *member,
                            const char *value, struct error *err) {
    size_t length = strlen(value);
    if (length >= size)
        return error_set_key(err, STATUS_REFUSED, member, "%s has %zu bytes: %zu are the most",
                             member, length, size - 1);
    if (strspn(value, allowed) != length)
        return error_set_key(err, STATUS_REFUSED, member,
                             "%s may hold letters, digits and '%s', not '%.40s'", member,
                             allowed + 62, value);
    memcpy(to, value, length + 1);
    return STATUS_OK;
}

/* "64M": as settings of bytes are written. */
static bool bytes_parse(const char *text, int64_t *value) {
    static const char suffixes[] = "KMGTkmgt";
    char digits[24];
    size_t length = strlen(text);
    const char *suffix = length > 1 ? strchr(suffixes, text[length - 1]) : NULL;
    unsigned shift = suffix ? 10 * (unsigned)((suffix - suffixes) % 4 + 1) : 0;
    length -= suffix != NULL;
    if (length >= sizeof digits)
        return false;
    memcpy(digits, text, length);
    digits[length] = '\0';
    if (!number_parse_int(digits, value) || *value < 0 || *value > INT64_MAX >> shift)
        return false;
    *value <<= shift;
    return true;
}

static enum status set_count(int64_t *to, const char *member, const char *value, bool bytes,
                             struct error *err) {
    int64_t number = 0;
    bool good = bytes ? bytes_parse(value, &number) : number_parse_int(value, &number);
    if (!good || number < 0)
        return error_set_key(err, STATUS_REFUSED, member, "%s must be a number%s, not '%.40s'",
                             member, bytes ? " of bytes such as 10G" : "", value);
    *to = number;
    return STATUS_OK;
}

enum status key_set(struct access_key *key, const char *member, const char *value,
                    struct error *err) {
    if (strcmp(member, "scope") == 0)
        return set_scope(key, value, err);
    if (strcmp(member, "name") == 0)
        return set_text(key->name, sizeof key->name, name_bytes, member, value, err);
    if (strcmp(member, "corpora") == 0)
        return set_text(key->corpora, sizeof key->corpora, reach_bytes, member, value, err);
    if (strcmp(member, "models") == 0)
        return set_text(key->models, sizeof key->models, reach_bytes, member, value, err);
    if (strcmp(member, "max_bytes") == 0)
        return set_count(&key->max_bytes, member, value, true, err);
    if (strcmp(member, "max_models") == 0)
        return set_count(&key->max_models, member, value, false, err);
    if (strcmp(member, "max_jobs") == 0)
        return set_count(&key->max_jobs, member, value, false, err);
    if (strcmp(member, "requests_per_minute") == 0)
        return set_count(&key->requests_per_minute, member, value, false, err);
    return error_set_key(err, STATUS_REFUSED, member,
                         "'%.40s' is no member of a key's row: scope, name, corpora, models, "
                         "max_bytes, max_models, max_jobs, requests_per_minute are",
                         member);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void put_count(struct buffer *row, const char *member, int64_t value) {
    if (value > 0)
        buffer_print(row, " %s=%lld", member, (long long)value);
}

static void put_text(struct buffer *row, const char *member, const char *value) {
    if (value[0] != '\0')
        buffer_print(row, " %s=%s", member, value);
}

void key_print(const struct access_key *key, struct buffer *row) {
    buffer_print(row, "%s " HASH_PREFIX, key->id);
    for (size_t i = 0; i < sizeof key->hash; i++)
        buffer_print(row, "%02x", key->hash[i]);
    buffer_print(row, " scope=%s", scope_name(key->scope));
    put_text(row, "name", key->name);
    put_text(row, "corpora", key->corpora);
    put_text(row, "models", key->models);
    put_count(row, "max_bytes", key->max_bytes);
    put_count(row, "max_models", key->max_models);
    put_count(row, "max_jobs", key->max_jobs);
    put_count(row, "requests_per_minute", key->requests_per_minute);
}

static int digit_of(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hash_parse(const char *text, unsigned char hash[KEY_HASH_BYTES]) {
    size_t prefix = strlen(HASH_PREFIX);
    if (strncmp(text, HASH_PREFIX, prefix) != 0 ||
        strlen(text) != prefix + (size_t)2 * KEY_HASH_BYTES)
        return false;
    for (size_t i = 0; i < KEY_HASH_BYTES; i++) {
        int high = digit_of(text[prefix + 2 * i]), low = digit_of(text[prefix + 2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        hash[i] = (unsigned char)(high * 16 + low);
    }
    return true;
}

static enum status member_parse(struct access_key *key, char *word, struct error *err) {
    char *equals = strchr(word, '=');
    if (!equals) /* it is not quoted: it may be a secret in the wrong place */
        return error_set(err, STATUS_MALFORMED, "behind the hash stand words like member=value");
    *equals = '\0';
    return key_set(key, word, equals + 1, err);
}

enum status key_parse(const char *row, struct access_key *key, struct error *err) {
    char copy[ROW_MAX], *rest = copy;
    *key = (struct access_key){0};
    if (strlen(row) >= sizeof copy)
        return error_set(err, STATUS_MALFORMED, "a row has at most %d bytes", ROW_MAX - 1);
    memcpy(copy, row, strlen(row) + 1);
    const char *id = strtok_r(copy, " \t\r", &rest), *hash = strtok_r(NULL, " \t\r", &rest);
    /* A key that somebody put here instead of its row must not be told to the log. */
    if (id && strncmp(id, KEY_PREFIX, strlen(KEY_PREFIX)) == 0 && strlen(id) > KEY_ID_SIZE)
        return error_set(err, STATUS_MALFORMED,
                         "this is a key: what belongs here is its row, which vecmill key create "
                         "printed with it");
    if (!id || strlen(id) >= sizeof key->id || strspn(id, id_bytes) != strlen(id))
        return error_set(err, STATUS_MALFORMED,
                         "a row begins with the key's id, %d letters and digits at most",
                         KEY_ID_SIZE - 1);
    memcpy(key->id, id, strlen(id) + 1);
    if (!hash || !hash_parse(hash, key->hash))
        return error_set(err, STATUS_MALFORMED,
                         "key '%s' needs its hash, " HASH_PREFIX "and 64 hexadecimal digits, "
                         "behind its id",
                         key->id);
    enum status status = STATUS_OK;
    for (char *word; status == STATUS_OK && (word = strtok_r(NULL, " \t\r", &rest));)
        status = member_parse(key, word, err);
    if (status == STATUS_OK && key->scope == SCOPE_UNSET)
        status = error_set_key(err, STATUS_REFUSED, "scope", "key '%s' has no scope", key->id);
    return status;
}

static enum status keys_add(const struct access_key *key, size_t max, struct access_key **keys,
                            size_t *n, struct error *err) {
    for (size_t i = 0; i < *n; i++) {
        if (strcmp((*keys)[i].id, key->id) == 0)
            return error_set(err, STATUS_REFUSED, "key '%s' is there twice", key->id);
        if (memcmp((*keys)[i].hash, key->hash, sizeof key->hash) == 0)
            return error_set(err, STATUS_REFUSED, "keys '%s' and '%s' are the same key",
                             (*keys)[i].id, key->id);
    }
    if (*n >= max)
        return error_set_key(err, STATUS_REFUSED, "max_api_keys",
                             "there are more keys than max_api_keys allows: %zu", max);
    struct access_key *grown = realloc(*keys, (*n + 1) * sizeof **keys);
    if (!grown)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for keys");
    *keys = grown;
    grown[(*n)++] = *key;
    return STATUS_OK;
}

/* One line, in which semicolons end rows too. */
static enum status line_parse(char *line, size_t max, struct access_key **keys, size_t *n,
                              struct error *err) {
    enum status status = STATUS_OK;
    line[strcspn(line, "#")] = '\0';
    for (char *row = line, *next; status == STATUS_OK && row; row = next) {
        struct access_key key;
        next = strchr(row, ';');
        if (next)
            *next++ = '\0';
        if (row[strspn(row, " \t\r")] == '\0')
            continue;
        status = key_parse(row, &key, err);
        if (status == STATUS_OK)
            status = keys_add(&key, max, keys, n, err);
    }
    return status;
}

enum status keys_parse(const char *text, const char *source, size_t max, struct access_key **keys,
                       size_t *n, struct error *err) {
    char *copy = strdup(text), *next;
    enum status status = STATUS_OK;
    size_t number = 0;
    if (!copy)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for keys");
    for (char *line = copy; line && status == STATUS_OK; line = next) {
        struct error inner = {0};
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        number++;
        status = line_parse(line, max, keys, n, &inner);
        if (status != STATUS_OK)
            error_set_key(err, status, inner.key, "%s:%zu: %s", source, number, inner.text);
    }
    free(copy);
    return status;
}

/* ---- reach ----------------------------------------------------------------------------------- */

bool key_reaches(const struct access_key *key, enum reach reach, const char *name) {
    const char *list = !key ? "" : reach == REACH_CORPUS ? key->corpora : key->models;
    if (list[0] == '\0')
        return true;
    for (const char *at = list; *at != '\0';) {
        size_t length = strcspn(at, ",");
        if (length > 0 && strncmp(name, at, length) == 0)
            return true;
        at += length + (at[length] == ',');
    }
    return false;
}

enum status key_check_reach(const struct access_key *key, enum reach reach, const char *name,
                            struct error *err) {
    if (key_reaches(key, reach, name))
        return STATUS_OK;
    bool corpus = reach == REACH_CORPUS;
    return error_set_key(err, STATUS_FORBIDDEN, corpus ? "corpus" : "model",
                         "key '%s' reaches no %s '%.64s': only those whose names begin with %.200s",
                         key->id, corpus ? "corpus" : "model", name,
                         corpus ? key->corpora : key->models);
}

bool key_reaches_all(const struct access_key *key) {
    return !key || (key->corpora[0] == '\0' && key->models[0] == '\0');
}

const char *key_owner(const struct access_key *key) {
    return key ? key->id : "";
}
