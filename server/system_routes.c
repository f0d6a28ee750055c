/* Health, settings, problems, the front page. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "server/http/context.h"
#include "server/json/json.h"
#include "server/models/models.h"
#include "server/system.h"

static const char home_page[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>vecmill</title>"
    "<meta name=\"viewport\" content=\"width=device-width\">"
    "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 "
    "1rem}"
    "code{background:#eee;padding:.1em .3em}</style>"
    "<h1>vecmill</h1><p>Turns a corpus into word vectors and serves them.</p>"
    "<p>Put a corpus: <code>PUT /v1/corpora/{corpus}</code>. Train: <code>POST /v1/jobs</code>. "
    "Watch: "
    "<code>GET /v1/jobs/{job}/events</code>. Ask: <code>GET "
    "/v1/models/{model}/neighbors?word=king</code>.</p>"
    "<ul><li><a href=\"/openapi.json\">every call, as OpenAPI 3.1</a><li><a "
    "href=\"/v1/settings\">every setting</a>"
    "<li><a href=\"/v1/models\">models</a><li><a href=\"/v1/jobs\">jobs</a><li><a "
    "href=\"/v1/corpora\">corpora</a>"
    "<li><a href=\"/metrics\">metrics</a></ul>";

void system_home(struct server *server, const struct http_request *request,
                 struct http_response *response) {
    (void)server;
    (void)request;
    struct buffer body = {0};
    buffer_append_text(&body, home_page);
    response_bytes(response, 200, "text/html; charset=utf-8", &body);
    response_header(
        response, "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'");
}

void system_healthz(struct server *server, const struct http_request *request,
                    struct http_response *response) {
    (void)server;
    (void)request;
    struct buffer body = {0};
    buffer_append_text(&body, "{\"status\":\"ok\",\"version\":\"" VECMILL_VERSION "\"}");
    response_bytes(response, 200, "application/json", &body);
}

/* ---- settings -------------------------------------------------------------------------------- */

static bool is_number(const struct setting *row) {
    return row->type == SETTING_IS_INT || row->type == SETTING_IS_REAL ||
           row->type == SETTING_IS_BYTES;
}

void setting_append_value(struct buffer *text, const struct setting *row, const char *value) {
    bool automatic = row->may_be_auto && strcmp(value, SETTING_AUTO_NAME) == 0;
    if (!automatic && (is_number(row) || row->type == SETTING_IS_FLAG))
        buffer_append_text(text, value);
    else
        json_append_string(text, value, strlen(value));
}

/* Bounds are doubles; whole ones up to 2^53 print without an exponent. The largest int64 is no
 * double: it gets its own digits. */
static void append_bound(struct buffer *text, const struct setting *row, double bound) {
    if (row->type != SETTING_IS_REAL && bound >= 9223372036854775807.0)
        buffer_append_text(text, "9223372036854775807");
    else if (row->type != SETTING_IS_REAL)
        buffer_print(text, "%lld", (long long)bound);
    else
        buffer_print(text, "%.15g", bound);
}

static void append_choices(struct buffer *text, const char *const *choices) {
    buffer_append_text(text, ",\"enum\":[");
    for (size_t i = 0; choices[i]; i++) {
        buffer_append_text(text, i > 0 ? "," : "");
        json_append_string(text, choices[i], strlen(choices[i]));
    }
    buffer_append_char(text, ']');
}

/* The default as JSON: rows keep it as it was written in C, so it goes through the setter. */
static void append_default(struct buffer *text, const struct setting *row) {
    struct settings *initial = malloc(sizeof *initial);
    struct buffer value = {0};
    if (!initial) {
        text->failed = true;
        return;
    }
    settings_init(initial);
    settings_print(initial, row, &value);
    buffer_append_text(text, ",\"default\":");
    setting_append_value(text, row, value.data ? value.data : "");
    text->failed = text->failed || value.failed;
    buffer_clear(&value);
    free(initial);
}

/* Everything but the type. */
static void append_bounds(struct buffer *text, const struct setting *row) {
    append_default(text, row);
    if (is_number(row)) {
        buffer_append_text(text, ",\"minimum\":");
        append_bound(text, row, row->min);
        buffer_append_text(text, ",\"maximum\":");
        append_bound(text, row, row->max);
    }
    if (row->choices)
        append_choices(text, row->choices);
    if (row->type == SETTING_IS_TEXT) {
        buffer_print(text, ",\"minLength\":%.0f,\"maxLength\":", row->min);
        append_bound(text, row, row->max);
    }
    buffer_append_text(text, ",\"description\":");
    json_append_string(text, row->meaning, strlen(row->meaning));
}

static const char *type_name(const struct setting *row) {
    static const char *const types[] = {
        [SETTING_IS_INT] = "integer",  [SETTING_IS_REAL] = "number",
        [SETTING_IS_FLAG] = "boolean", [SETTING_IS_CHOICE] = "string",
        [SETTING_IS_TEXT] = "string",  [SETTING_IS_BYTES] = "integer",
    };
    return types[row->type];
}

void setting_append_schema(struct buffer *text, const struct setting *row) {
    const char *zero = setting_zero_name(row);
    if (row->may_be_auto || zero)
        buffer_print(text, "\"type\":[\"%s\",\"string\"],\"pattern\":\"^(%s%s%s)$\"",
                     type_name(row), row->may_be_auto ? SETTING_AUTO_NAME : "",
                     row->may_be_auto && zero ? "|" : "", zero ? zero : "");
    else
        buffer_print(text, "\"type\":\"%s\"", type_name(row));
    append_bounds(text, row);
}

/* Keys are told to nobody, files and folders of the machine to keys that reach everything. */
static bool withheld(const struct setting *row, bool all) {
    static const char *const paths[] = {"data",     "tensorboard_dir", "api_keys_file",
                                        "tls_cert", "tls_key",         "tls_client_ca"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths && !all; i++)
        if (strcmp(row->name, paths[i]) == 0)
            return true;
    return strcmp(row->name, "api_keys") == 0;
}

/* all: who asks reaches everything. */
static void append_setting(struct buffer *text, const struct server *server, bool all,
                           const struct setting *row) {
    bool of_job = (row->scope & SETTING_OF_JOB) != 0;
    buffer_append_text(text, "{\"name\":");
    json_append_string(text, row->name, strlen(row->name));
    buffer_print(text, ",\"scope\":\"%s\",", of_job ? "job" : "server");
    buffer_print(text, "\"type\":\"%s\"%s", type_name(row),
                 row->may_be_auto ? ",\"auto\":true" : "");
    append_bounds(text, row);
    if (!of_job || (row->scope & SETTING_OF_SERVER) != 0) { /* a job's value comes with the job */
        struct buffer value = {0};
        settings_print(&server->settings, row, &value);
        const char *shown = !value.data                                             ? ""
                            : withheld(row, all) && strcmp(value.data, "none") != 0 ? "set"
                                                                                    : value.data;
        buffer_append_text(text, ",\"value\":");
        setting_append_value(text, row, shown);
        text->failed = text->failed || value.failed;
        buffer_clear(&value);
    }
    buffer_append_char(text, '}');
}

void system_settings(struct server *server, const struct http_request *request,
                     struct http_response *response) {
    struct buffer body = {0};
    bool all = key_reaches_all(request->key);
    const char *separator = "";
    buffer_append_text(&body, "{\"settings\":[");
    for (size_t i = 0; i < settings_count(); i++) {
        const struct setting *row = settings_row(i);
        if ((row->scope & (SETTING_OF_JOB | SETTING_OF_SERVER)) == 0)
            continue;
        buffer_append_text(&body, separator);
        append_setting(&body, server, all, row);
        separator = ",";
    }
    buffer_append_text(&body, "]}");
    response_bytes(response, 200, "application/json", &body);
}

/* ---- problems -------------------------------------------------------------------------------- */

static const char *const meanings[STATUS_COUNT] = {
    [STATUS_MALFORMED] = "The request is not what it claims to be.",
    [STATUS_REFUSED] = "The request is well formed, but a value is unknown or out of its bounds.",
    [STATUS_NOT_FOUND] = "What the request names is not here.",
    [STATUS_UNAUTHORIZED] = "A key is needed, or the one that came is none of this service.",
    [STATUS_FORBIDDEN] = "The key does not allow this, or does not reach what it names.",
    [STATUS_CONFLICT] = "What the request names exists already, or is in use.",
    [STATUS_TOO_LARGE] = "The request is over a limit, which is a setting of the service.",
    [STATUS_UNSUPPORTED] = "The service does not know this method, media type or encoding.",
    [STATUS_NO_MEMORY] = "The service has not enough memory for this now.",
    [STATUS_DISK_FULL] = "The service has not enough disk space for this.",
    [STATUS_IO] = "The service could not read or write its data.",
    [STATUS_CORRUPT] = "A file of the service fails its checks.",
    [STATUS_CANCELLED] = "The work was cancelled.",
    [STATUS_PAUSED] = "The work is paused.",
    [STATUS_DIVERGED] = "Training met a value that is not a number.",
    [STATUS_BUSY] = "There is too much to do now: try again later.",
    [STATUS_INTERNAL] = "The service made a mistake.",
};

void system_problem(struct server *server, const struct http_request *request,
                    struct http_response *response) {
    (void)server;
    struct error err = {0};
    for (int status = STATUS_OK + 1; status < STATUS_COUNT; status++) {
        if (strcmp(status_name((enum status)status), request->segments[0]) == 0) {
            int code = status_to_http((enum status)status);
            struct buffer body = {0};
            buffer_print(
                &body,
                "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\"}",
                request->segments[0], reason_phrase(code), code, meanings[status]);
            response_bytes(response, 200, "application/json", &body);
            return;
        }
    }
    (void)error_set(&err, STATUS_NOT_FOUND, "no problem is called '%s'", request->segments[0]);
    response_error(request, response, 0, &err);
}
