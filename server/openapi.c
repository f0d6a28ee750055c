/* GET /openapi.json: the route table gives paths, summaries and path parameters, the settings rows
 * give the job settings, and the table here adds what neither knows: query keys and the shapes of
 * bodies. */
#include <string.h>

#include "server/http/context.h"
#include "server/json/json.h"
#include "server/system.h"

#define VECTORS \
    "application/json=Rows application/x-npy application/octet-stream application/vnd.safetensors"
#define CORPUS_TYPES "text/plain application/x-ndjson"

struct operation {
    const char *method, *pattern;
    /* "name:type" words; a '*' behind: may stand many times; "settings": one for each job
     * setting */
    const char *query;
    const char *request; /* "Schema", or media types; "type=Schema" gives one of them a schema */
    int status;
    const char *answer; /* as request */
};

static const struct operation operations[] = {
    {"GET", "/", "", "", 200, "text/html"},
    {"GET", "/healthz", "", "", 200, "Health"},
    {"GET", "/readyz", "", "", 200, "Readiness"},
    {"GET", "/metrics", "", "", 200, "text/plain"},
    {"GET", "/openapi.json", "", "", 200, "application/json"},
    {"GET", "/problems/{problem}", "", "", 200, "Problem"},
    {"GET", "/v1/settings", "", "", 200, "SettingList"},
    {"GET", "/v1/corpora", "", "", 200, "CorpusList"},
    {"GET", "/v1/corpora/{corpus}", "", "", 200, "Corpus"},
    {"PUT", "/v1/corpora/{corpus}", "", CORPUS_TYPES, 201, "Corpus"},
    {"POST", "/v1/corpora/{corpus}", "", CORPUS_TYPES, 201, "Corpus"},
    {"DELETE", "/v1/corpora/{corpus}", "", "", 204, ""},
    {"POST", "/v1/jobs", "", "JobRequest", 202, "Job"},
    {"GET", "/v1/jobs", "state:string limit:integer offset:integer", "", 200, "JobList"},
    {"GET", "/v1/jobs/{job}", "", "", 200, "Job"},
    {"GET", "/v1/jobs/{job}/events", "", "", 200, "text/event-stream"},
    {"GET", "/v1/jobs/{job}/history", "points:integer", "", 200, "JobHistory"},
    {"POST", "/v1/jobs/{job}/cancel", "", "", 200, "Job"},
    {"POST", "/v1/jobs/{job}/pause", "", "", 200, "Job"},
    {"POST", "/v1/jobs/{job}/resume", "", "", 200, "Job"},
    {"GET", "/v1/models", "", "", 200, "ModelList"},
    {"GET", "/v1/models/{model}", "", "", 200, "Model"},
    {"DELETE", "/v1/models/{model}", "", "", 200, "ModelDeleted"},
    {"POST", "/v1/models/{model}/train", "settings", CORPUS_TYPES, 202, "Job"},
    {"GET", "/v1/models/{model}/versions", "", "", 200, "VersionList"},
    {"POST", "/v1/models/{model}/versions/{version}/activate", "", "", 200, "Model"},
    {"GET", "/v1/models/{model}/embeddings",
     "word:string* id:integer* max_norm:number oov:string format:string", "", 200, VECTORS},
    {"POST", "/v1/models/{model}/embeddings", "format:string", "RowsRequest", 200, VECTORS},
    {"GET", "/v1/models/{model}/words", "prefix:string offset:integer limit:integer", "", 200,
     "Words"},
    {"GET", "/v1/models/{model}/neighbors", "word:string id:integer k:integer among:integer", "",
     200, "Neighbors"},
    {"POST", "/v1/models/{model}/neighbors", "", "NeighborsRequest", 200, "NeighborsList"},
    {"POST", "/v1/models/{model}/analogy", "", "AnalogyRequest", 200, "Neighbors"},
    {"POST", "/v1/models/{model}/similarity", "", "SimilarityRequest", 200, "Similarity"},
    {"POST", "/v1/models/{model}/odd-one-out", "", "OddOneOutRequest", 200, "OddOneOut"},
    {"POST", "/v1/models/{model}/evaluate", "set:string among:integer method:string", "text/plain",
     200, "Evaluation"},
    {"POST", "/v1/models/{model}/candidates", "", "CandidatesRequest", 200, "Candidates"},
    {"GET", "/v1/models/{model}/files/{file}", "subtract_mean:boolean normalize:boolean", "", 200,
     "application/octet-stream text/plain application/gzip"},
    {"PUT", "/v1/models/{model}/files/{file}", "", "application/octet-stream text/plain", 201,
     "Model"},
    {"POST", "/v1/embeddings", "", "EmbeddingsRequest", 200, "Embeddings"},
};

static const struct operation *operation_find(const struct route *route) {
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (strcmp(operations[i].method, route->method) == 0 &&
            strcmp(operations[i].pattern, route->pattern) == 0)
            return &operations[i];
    return NULL;
}

/* "content":{...}; a word without a slash is a schema of application/json. */
static void put_content(struct buffer *text, const char *types) {
    const char *separator = "";
    buffer_append_text(text, "\"content\":{");
    for (const char *at = types; *at != '\0';) {
        size_t n = strcspn(at, " ");
        const char *equals = memchr(at, '=', n), *slash = memchr(at, '/', n);
        const char *schema = !slash ? at : equals ? equals + 1 : NULL;
        if (!slash) {
            buffer_print(text, "%s\"application/json\":", separator);
        } else {
            buffer_print(text, "%s\"%.*s\":", separator, (int)(equals ? (size_t)(equals - at) : n),
                         at);
        }
        if (schema) {
            buffer_print(text, "{\"schema\":{\"$ref\":\"#/components/schemas/%.*s\"}}",
                         (int)(at + n - schema), schema);
        } else {
            buffer_append_text(text, "{}");
        }
        separator = ",";
        at += n + strspn(at + n, " ");
    }
    buffer_append_char(text, '}');
}

static void put_path_parameters(struct buffer *text, const char *pattern, const char **separator) {
    for (const char *open = strchr(pattern, '{'); open != NULL; open = strchr(open + 1, '{')) {
        buffer_print(text,
                     "%s{\"name\":\"%.*s\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":"
                     "\"string\"}}",
                     *separator, (int)strcspn(open + 1, "}"), open + 1);
        *separator = ",";
    }
}

static void put_query_parameters(struct buffer *text, const char *query, const char **separator) {
    for (const char *at = query; *at != '\0';) {
        size_t n = strcspn(at, " "), name = strcspn(at, ":");
        bool many = at[n - 1] == '*';
        size_t type = n - name - 1 - many;
        buffer_print(text,
                     "%s{\"name\":\"%.*s\",\"in\":\"query\",\"schema\":%s{\"type\":\"%.*s\"}%s}",
                     *separator, (int)name, at, many ? "{\"type\":\"array\",\"items\":" : "",
                     (int)type, at + name + 1, many ? "}" : "");
        *separator = ",";
        at += n + strspn(at + n, " ");
    }
}

static void put_setting_parameters(struct buffer *text, const char **separator) {
    for (size_t i = 0; i < settings_count(); i++) {
        const struct setting *row = settings_row(i);
        if ((row->scope & SETTING_OF_JOB) != 0) {
            buffer_print(text, "%s{\"name\":\"%s\",\"in\":\"query\",\"schema\":{", *separator,
                         row->name);
            setting_append_schema(text, row);
            buffer_append_text(text, "}}");
            *separator = ",";
        }
    }
}

static void put_parameters(struct buffer *text, const struct route *route,
                           const struct operation *operation) {
    const char *separator = "";
    buffer_append_text(text, "\"parameters\":[");
    put_path_parameters(text, route->pattern, &separator);
    if (strcmp(operation->query, "settings") == 0)
        put_setting_parameters(text, &separator);
    else
        put_query_parameters(text, operation->query, &separator);
    buffer_append_text(text, "],");
}

/* "get_v1_jobs_job_events": generators of clients make function names of it. */
static void put_operation_id(struct buffer *text, const struct route *route) {
    buffer_append_text(text, "\"operationId\":\"");
    for (const char *c = route->method; *c != '\0'; c++)
        buffer_append_char(text, (char)(*c | 0x20));
    for (const char *c = route->pattern; *c != '\0'; c++)
        if (*c == '/' || *c == '-' || *c == '.')
            buffer_append_char(text, '_');
        else if (*c != '{' && *c != '}')
            buffer_append_char(text, *c);
    buffer_append_text(text, "\",");
}

static void put_operation(struct buffer *text, const struct route *route,
                          const struct operation *operation) {
    buffer_append_char(text, '"');
    for (const char *c = route->method; *c != '\0'; c++)
        buffer_append_char(text, (char)(*c | 0x20));
    buffer_append_text(text, "\":{");
    put_operation_id(text, route);
    buffer_append_text(text, "\"summary\":");
    json_append_string(text, route->summary, strlen(route->summary));
    buffer_append_char(text, ',');
    put_parameters(text, route, operation);
    if (operation->request[0] != '\0') {
        buffer_append_text(text, "\"requestBody\":{\"required\":true,");
        put_content(text, operation->request);
        buffer_append_text(text, "},");
    }
    buffer_print(text, "\"responses\":{\"%d\":{\"description\":\"done\"", operation->status);
    if (operation->answer[0] != '\0') {
        buffer_append_char(text, ',');
        put_content(text, operation->answer);
    }
    buffer_print(text, "},\"default\":{\"description\":\"an error\",");
    put_content(text, route->openai_errors ? "OpenAIError" : "application/problem+json=Problem");
    buffer_append_text(text, "}}}");
}

static void put_paths(struct buffer *text, const struct route *routes) {
    for (const struct route *route = routes; route->method != NULL; route++) {
        bool first = true;
        for (const struct route *before = routes; before < route; before++)
            first = first && strcmp(before->pattern, route->pattern) != 0;
        if (!first)
            continue; /* stands with the first route of its pattern */
        buffer_print(text, "%s\"%s\":{", route == routes ? "" : ",", route->pattern);
        const char *separator = "";
        for (const struct route *same = route; same->method != NULL; same++) {
            const struct operation *operation = operation_find(same);
            if (strcmp(same->pattern, route->pattern) == 0 && operation) {
                buffer_append_text(text, separator);
                put_operation(text, same, operation);
                separator = ",";
            }
        }
        buffer_append_char(text, '}');
    }
}

static void put_job_settings(struct buffer *text) {
    const char *separator = "";
    buffer_append_text(text, "\"JobSettings\":{\"type\":\"object\",\"properties\":{");
    for (size_t i = 0; i < settings_count(); i++) {
        const struct setting *row = settings_row(i);
        if ((row->scope & SETTING_OF_JOB) != 0) {
            buffer_print(text, "%s\"%s\":{", separator, row->name);
            setting_append_schema(text, row);
            buffer_append_char(text, '}');
            separator = ",";
        }
    }
    buffer_append_text(text, "}}");
}

void system_openapi(struct server *server, const struct http_request *request,
                    struct http_response *response) {
    (void)request;
    struct buffer text = {0};
    buffer_append_text(
        &text,
        "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"vecmill\",\"version\":\"" VECMILL_VERSION
        "\",\"description\":\"Turns a corpus into word vectors and serves them.\",\"license\":{"
        "\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}},\"paths\":{");
    put_paths(&text, server->routes);
    buffer_append_text(&text, "},\"components\":{\"schemas\":{");
    put_job_settings(&text);
    for (size_t i = 0; openapi_schemas[i] != NULL; i++) {
        buffer_append_char(&text, ',');
        buffer_append_text(&text, openapi_schemas[i]);
    }
    buffer_append_text(&text, "}}}");
    response_bytes(response, 200, "application/json", &text);
}
