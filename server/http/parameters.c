#include "server/http/parameters.h"

#include <string.h>
#include <strings.h>

#include "base/failpoint.h"
#include "base/number.h"
#include "server/json/fields.h"

struct key_check {
    const char *query; /* the route's: "name:type" words */
    struct error *err;
};

/* Length of the name that the word begins with. */
static size_t name_length(const char *query) {
    return strcspn(query, ":");
}

/* Behind the word that begins here. */
static const char *name_next(const char *query) {
    query += strcspn(query, " ");
    return query + strspn(query, " ");
}

static void visit_key(void *context, const char *key, const char *value) {
    const struct key_check *check = context;
    (void)value;
    for (const char *name = check->query; *name != '\0'; name = name_next(name))
        if (strlen(key) == name_length(name) && memcmp(key, name, name_length(name)) == 0)
            return;
    error_set_key(check->err, STATUS_REFUSED, key, "unknown query key '%.*s'", QUOTED_MAX, key);
}

enum status query_check(const struct http_request *request, struct error *err) {
    /* Not the caller's err: it may be NULL, and the outcome is read back from here. */
    struct error first = {0};
    const char *query = request->route && request->route->query ? request->route->query : "";
    struct key_check check = {query, &first};
    request_query_visit(request, visit_key, &check);
    if (first.status == STATUS_OK)
        return STATUS_OK;
    struct buffer list = {0};
    for (const char *name = query; *name != '\0'; name = name_next(name))
        buffer_print(&list, "%s%.*s", name == query ? "" : ", ", (int)name_length(name), name);
    if (list.length > 0 && !list.failed)
        error_set_key(err, STATUS_REFUSED, first.key, "%s: this route takes %s", first.text,
                      list.data);
    else
        error_set_key(err, STATUS_REFUSED, first.key, "%s: this route takes none", first.text);
    buffer_clear(&list);
    return STATUS_REFUSED;
}

enum status query_int(const struct http_request *request, const char *key, int64_t min, int64_t max,
                      int64_t *value, struct error *err) {
    const char *text = request_query(request, key, 0);
    int64_t number;
    if (!text)
        return STATUS_OK;
    if (!number_parse_int(text, &number))
        return error_set_key(err, STATUS_REFUSED, key, "%s must be a whole number, not '%.*s'", key,
                             QUOTED_MAX, text);
    /* a defect for e2e_fuzz.py to find */
    if (number < 0 && failpoint_hit("planted.query_int", err) != STATUS_OK)
        return STATUS_IO;
    enum status status = bounds_check_int(key, key, min, max, number, err);
    if (status == STATUS_OK)
        *value = number;
    return status;
}

enum status query_real(const struct http_request *request, const char *key, double min, double max,
                       double *value, struct error *err) {
    const char *text = request_query(request, key, 0);
    double number;
    if (!text)
        return STATUS_OK;
    if (!number_parse_real(text, &number))
        return error_set_key(err, STATUS_REFUSED, key, "%s must be a number, not '%.*s'", key,
                             QUOTED_MAX, text);
    enum status status = bounds_check_real(key, key, min, max, number, err);
    if (status == STATUS_OK)
        *value = number;
    return status;
}

enum status query_flag(const struct http_request *request, const char *key, bool *value,
                       struct error *err) {
    static const struct {
        const char *text;
        bool value;
    } spellings[] = {{"", true},       {"true", true}, {"1", true},  {"yes", true},
                     {"false", false}, {"0", false},   {"no", false}};
    const char *text = request_query(request, key, 0);
    if (!text)
        return STATUS_OK;
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
        if (strcasecmp(spellings[i].text, text) == 0) {
            *value = spellings[i].value;
            return STATUS_OK;
        }
    return error_set_key(err, STATUS_REFUSED, key, "%s must be true or false, not '%.*s'", key,
                         QUOTED_MAX, text);
}

enum status query_choice(const struct http_request *request, const char *key, const char *choices,
                         int *index, struct error *err) {
    const char *text = request_query(request, key, 0);
    if (!text)
        return STATUS_OK;
    return bounds_check_choice(key, key, choices, text, strlen(text), index, err);
}
