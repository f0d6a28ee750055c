/* The catalogue of models: list, card, delete, versions, files. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/content_check.h"
#include "server/http/context.h"
#include "server/http/http_json.h"
#include "server/http/parameters.h"
#include "server/json/settings_json.h"
#include "server/models/models_private.h"

#define EXPORT_MEMORY ((uint64_t)1 << 20) /* bytes that writing a file takes: text, zlib, words */

/* A call about one model, which is held while it is answered. */
struct call {
    struct models *models;
    const struct http_request *request;
    const char *name; /* of the model */
    struct model *model;
    char version[MODEL_VERSION_SIZE];
    struct buffer members; /* further members of an error answer, as JSON text */
};

static enum status call_begin(struct call *call, struct server *server,
                              const struct http_request *request, struct error *err) {
    *call =
        (struct call){.models = server->models, .request = request, .name = request->segments[0]};
    return models_hold_or_suggest(call->models, request->key, call->name, request->version,
                                  &call->model, call->version, &call->members, err);
}

static void call_refuse(const struct call *call, struct http_response *response,
                        const struct error *err) {
    const char *members = call->members.failed ? NULL : call->members.data;
    response_error_with(call->request, response, err->status == STATUS_CANCELLED ? 503 : 0, err,
                        members);
}

static uint32_t call_rows(const struct call *call) {
    return call->model ? call->model->input->rows : 0;
}

static void call_end(struct call *call) {
    buffer_clear(&call->members);
    model_drop(call->model);
}

static json_t *number_or_null(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *name_or_null(const char *name) {
    return name[0] != '\0' ? json_string(name) : json_null();
}

/* 0: not known. */
static json_t *count_or_null(uint64_t count) {
    return count > 0 ? json_integer((json_int_t)count) : json_null();
}

static void set(json_t *object, const char *name, json_t *value) {
    json_object_set_new(object, name, value); /* a failed allocation is noticed by response_json */
}

/* OpenAI's members and what a list shows of ours. */
static json_t *entry_json(const char *name, const char *version, const struct model *model) {
    json_t *object = json_object();
    set(object, "id", json_string(name));
    set(object, "object", json_string("model"));
    set(object, "created", json_integer((json_int_t)model->info.created));
    set(object, "owned_by", json_string("vecmill"));
    set(object, "version", json_string(version));
    set(object, "dim", json_integer(model->input->columns));
    set(object, "words", json_integer(vocabulary_size(model->vocabulary)));
    set(object, "digest", json_string(model->digest));
    set(object, "loaded", json_true());
    return object;
}

/* The same of a model that is not loaded, as far as its version is described on disk. */
static json_t *unloaded_json(const struct models *models, const struct served_model *entry) {
    struct model_version about = {0};
    char *home = models_home(models, entry->name);
    if (home)
        store_version(home, entry->version, &about);
    free(home);
    json_t *object = json_object();
    set(object, "id", json_string(entry->name));
    set(object, "object", json_string("model"));
    set(object, "created", json_integer((json_int_t)about.created));
    set(object, "owned_by", json_string("vecmill"));
    set(object, "version", json_string(entry->version));
    set(object, "dim", json_integer(about.dim));
    set(object, "words", json_integer(about.words));
    set(object, "digest", json_string(about.digest));
    set(object, "loaded", json_false());
    set(object, "reason", json_string(entry->reason));
    return object;
}

static json_t *trained_with_json(const struct model *model) {
    struct settings settings;
    struct error ignored = {0};
    if (model->info.settings[0] == '\0' || model_settings(model, &settings, &ignored) != STATUS_OK)
        return json_object(); /* an import was not trained here */
    return settings_json(&settings);
}

/* ["sample"]: what was `auto`. */
static json_t *chosen_json(const struct model *model) {
    json_t *list = json_array();
    for (const char *at = model->info.chosen; *at != '\0';) {
        size_t length = strcspn(at, " ");
        json_array_append_new(list, json_words(at, length));
        at += length + strspn(at + length, " ");
    }
    return list;
}

/* The same with what was chosen, and why. A row that is not whole is left out. */
static json_t *choices_json(const struct model *model) {
    json_t *list = json_array();
    for (const char *at = model->info.choices; *at != '\0';) {
        size_t length = strcspn(at, "\n"), name = strcspn(at, "\t\n");
        size_t value = name < length ? strcspn(at + name + 1, "\t\n") : 0;
        size_t why = name + value + 2;
        if (name < length && why <= length)
            json_array_append_new(
                list, choice_json(at, name, at + name + 1, value, at + why, length - why));
        at += length + (at[length] == '\n');
    }
    return list;
}

static json_t *files_json(void) {
    const char *const *names;
    size_t n = export_formats(&names);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(names[i]));
    return list;
}

/* Words that stand in a file in another form than in the model. */
static json_t *changed_words_json(const struct model *model) {
    const char *const *names;
    size_t n = export_formats(&names);
    json_t *object = json_object();
    for (size_t i = 0; i < n; i++)
        set(object, names[i], json_integer((json_int_t)export_changed_words(model, names[i], 0)));
    return object;
}

/* What became of the rows of an import; null of a model that was trained here. */
static json_t *import_json(const struct model *model) {
    const struct model_info *info = &model->info;
    if (info->import_format[0] == '\0')
        return json_null();
    json_t *object = json_object(), *named = json_array();
    for (const char *at = info->import_named; *at != '\0';) {
        size_t length = strcspn(at, "\t");
        json_array_append_new(named, json_words(at, length));
        at += length + (at[length] == '\t');
    }
    set(object, "format", json_words(info->import_format, strlen(info->import_format)));
    set(object, "rows", json_integer((json_int_t)info->import_rows));
    set(object, "kept", json_integer(vocabulary_size(model->vocabulary)));
    set(object, "skipped",
        isnan(info->import_skipped) ? json_null() : json_integer((json_int_t)info->import_skipped));
    set(object, "duplicates", json_integer((json_int_t)info->import_duplicates));
    set(object, "duplicate_words", named);
    set(object, "without_word", json_integer((json_int_t)info->import_unnamed));
    set(object, "with_white_space", json_integer((json_int_t)info->import_spaced));
    set(object, "not_utf8", json_integer((json_int_t)info->import_invalid));
    set(object, "labels", json_integer((json_int_t)info->import_labels));
    set(object, "ngram_rows", json_integer((json_int_t)info->import_buckets));
    return object;
}

/* The labels that name a version. */
static json_t *labels_of_json(struct models *models, const char *name, const char *version) {
    struct model_label *list = NULL;
    struct error ignored = {0}; /* a failed allocation is noticed by response_json */
    size_t n = 0;
    if (labels_list(models, name, &list, &n, &ignored) != STATUS_OK)
        return NULL;
    json_t *labels = json_array();
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].version, version) == 0)
            json_array_append_new(labels, json_string(list[i].label));
    free(list);
    return labels;
}

static json_t *card_json(const struct call *call) {
    const struct model *model = call->model;
    const struct model_info *info = &model->info;
    json_t *card = entry_json(call->name, call->version, model);
    json_t *corpus = json_object(), *training = json_object();
    set(card, "version_labels", labels_of_json(call->models, call->name, call->version));
    set(card, "shards", json_integer(model->input->shards));
    set(card, "partition", json_string(model->input->partition == PARTITION_MOD ? "mod" : "div"));
    set(card, "max_norm", number_or_null(info->default_max_norm));
    set(card, "output_table", json_boolean(model->output != NULL));
    set(card, "settings", trained_with_json(model));
    set(card, "chosen", chosen_json(model));
    set(card, "choices", choices_json(model));
    set(card, "corpus_digest", json_words(info->corpus_digest, strlen(info->corpus_digest)));
    set(corpus, "digest", json_words(info->corpus_digest, strlen(info->corpus_digest)));
    set(corpus, "words", json_integer((json_int_t)info->corpus_words));
    set(corpus, "bytes", json_integer((json_int_t)info->corpus_bytes));
    set(card, "corpus", corpus);
    set(training, "seconds", number_or_null(info->train_seconds));
    set(training, "words", json_integer((json_int_t)info->words_trained));
    set(training, "examples",
        info->examples > 0 ? json_integer((json_int_t)info->examples) : json_null());
    set(training, "pairs_used", count_or_null(info->pairs_used));
    set(training, "pairs_left_out",
        info->pairs_used > 0 ? json_integer((json_int_t)info->pairs_left_out) : json_null());
    set(training, "pairs_trained", count_or_null(info->pairs_trained));
    set(training, "sample_share",
        info->sample_share > 0 ? number_or_null(info->sample_share) : json_null());
    set(training, "words_per_second", number_or_null(info->words_per_second));
    set(training, "steps", json_integer((json_int_t)info->steps));
    set(training, "loss", number_or_null(info->loss));
    set(training, "avg_loss", number_or_null(info->avg_loss));
    set(training, "total_loss", number_or_null(info->total_loss));
    set(training, "holdout_loss", number_or_null(info->holdout_loss));
    set(training, "score", number_or_null(info->score));
    set(training, "score_set", name_or_null(info->score_set));
    set(training, "stopped", name_or_null(info->stopped));
    set(training, "best_epoch", count_or_null(info->best_epoch));
    set(training, "best_step", count_or_null(info->best_step));
    set(training, "kernel", json_words(info->kernel, strlen(info->kernel)));
    set(training, "program", json_words(info->program, strlen(info->program)));
    set(card, "training", training);
    set(card, "import", import_json(model));
    set(card, "files", files_json());
    set(card, "changed_words", changed_words_json(model));
    return card;
}

void models_list(struct server *server, const struct http_request *request,
                 struct http_response *response) {
    struct served_model *list = NULL;
    struct error err = {0};
    size_t n = 0;
    enum status status = query_check(request, &err);
    if (status == STATUS_OK)
        status = models_snapshot(server->models, &list, &n, &err);
    if (status != STATUS_OK) {
        response_error(request, response, 0, &err);
        return;
    }
    json_t *data = json_array(), *document = json_object();
    for (size_t i = 0; i < n; i++)
        if (key_reaches(request->key, REACH_MODEL, list[i].name))
            json_array_append_new(
                data, list[i].model ? entry_json(list[i].name, list[i].version, list[i].model)
                                    : unloaded_json(server->models, &list[i]));
    set(document, "object", json_string("list"));
    set(document, "data", data);
    models_snapshot_free(list, n);
    response_json(response, 200, document);
}

/* Runs a route of the catalogue that answers with a tree. */
static void answer_tree(struct server *server, const struct http_request *request,
                        struct http_response *response,
                        enum status (*make)(struct call *call, json_t **document,
                                            struct error *err)) {
    struct call call;
    struct error err = {0};
    json_t *document = NULL;
    enum status status = call_begin(&call, server, request, &err);
    if (status == STATUS_OK)
        status = query_check(request, &err);
    if (status == STATUS_OK)
        status = make(&call, &document, &err);
    if (status == STATUS_OK)
        response_json(response, 200, document);
    else
        call_refuse(&call, response, &err);
    call_end(&call);
}

static enum status make_card(struct call *call, json_t **document, struct error *err) {
    (void)err;
    *document = card_json(call);
    return STATUS_OK;
}

void models_get(struct server *server, const struct http_request *request,
                struct http_response *response) {
    answer_tree(server, request, response, make_card);
}

/* Holds nothing: a model of which no version loads is not served, and must be deletable all the
 * same. */
void models_delete(struct server *server, const struct http_request *request,
                   struct http_response *response) {
    const char *name = request->segments[0];
    struct buffer members = {0};
    struct error err = {0};
    enum status status = query_check(request, &err);
    if (status == STATUS_OK)
        status = models_remove(server->models, name, &err);
    if (status == STATUS_OK) {
        json_t *object = json_object();
        audit(&server->logger, "model_deleted", key_owner(request->key), request->id, "model=%s",
              name);
        set(object, "id", json_string(name));
        set(object, "object", json_string("model"));
        set(object, "deleted", json_true());
        response_json(response, 200, object);
    } else {
        if (status == STATUS_NOT_FOUND)
            models_suggest(server->models, request->key, name, &members);
        response_error_with(request, response, 0, &err, members.failed ? NULL : members.data);
    }
    buffer_clear(&members);
}

static json_t *version_json(const struct call *call, const struct model_version *version,
                            const char *current) {
    json_t *object = json_object();
    set(object, "id", json_string(version->version));
    set(object, "version", json_string(version->version));
    set(object, "object", json_string("model.version"));
    set(object, "current", json_boolean(strcmp(version->version, current) == 0));
    set(object, "created", json_integer((json_int_t)version->created));
    set(object, "published", json_integer((json_int_t)version->published));
    set(object, "words", json_integer(version->words));
    set(object, "dim", json_integer(version->dim));
    set(object, "bytes", json_integer((json_int_t)version->bytes));
    set(object, "digest", json_string(version->digest));
    set(object, "labels", labels_of_json(call->models, call->name, version->version));
    return object;
}

static enum status make_versions(struct call *call, json_t **document, struct error *err) {
    struct model_version *versions = NULL;
    size_t n = 0;
    char *home = models_home(call->models, call->name);
    enum status status =
        !home ? error_set(err, STATUS_NO_MEMORY, "out of memory for the list of versions")
              : store_versions(home, &versions, &n, err);
    if (status == STATUS_OK) {
        json_t *object = json_object(), *data = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(data, version_json(call, &versions[i], call->version));
        set(object, "object", json_string("list"));
        set(object, "model", json_string(call->name));
        set(object, "current", json_string(call->version));
        set(object, "data", data);
        *document = object;
    }
    free(versions);
    free(home);
    return status;
}

void models_versions(struct server *server, const struct http_request *request,
                     struct http_response *response) {
    answer_tree(server, request, response, make_versions);
}

static enum status make_activated(struct call *call, json_t **document, struct error *err) {
    char version[MODEL_VERSION_SIZE];
    enum status status =
        models_resolve(call->models, call->name, call->request->segments[1], version, err);
    if (status == STATUS_OK)
        status = models_switch(call->models, call->name, version, err);
    if (status != STATUS_OK)
        return status;
    audit(call->models->logger, "version_activated", key_owner(call->request->key),
          call->request->id, "model=%s version=%s", call->name, version);
    /* The card of what is served now, not of what was held when the request came. */
    model_drop(call->model);
    call->model = NULL;
    status = models_hold_or_suggest(call->models, call->request->key, call->name, NULL,
                                    &call->model, call->version, &call->members, err);
    if (status == STATUS_OK)
        *document = card_json(call);
    return status;
}

void models_activate(struct server *server, const struct http_request *request,
                     struct http_response *response) {
    answer_tree(server, request, response, make_activated);
}

/* ---- files ----------------------------------------------------------------------------------- */

/* By ending; the first that fits. */
static const char *file_type(const char *file) {
    static const struct {
        const char *ending, *type;
    } types[] = {{".gz", "application/gzip"},
                 {".txt", "text/plain; charset=utf-8"},
                 {".pbtxt", "text/plain; charset=utf-8"},
                 {".tsv", "text/tab-separated-values; charset=utf-8"},
                 {".npy", "application/x-npy"},
                 {".ndjson", "application/x-ndjson"},
                 {".copy", "text/plain; charset=utf-8"},
                 {".tar", "application/x-tar"},
                 {".safetensors", "application/vnd.safetensors"}};
    size_t length = strlen(file);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t n = strlen(types[i].ending);
        if (length > n && strcmp(file + length - n, types[i].ending) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

/* The format that the file's name, and ?dtype, mean. */
static enum status find_format(struct call *call, const char *file, const char **format,
                               struct error *err) {
    static const char *const types[] = {"float32", "float16", "int8"};
    const char *const *names;
    int type = -1;
    enum status status = query_choice(call->request, "dtype", "float32|float16|int8", &type, err);
    if (status == STATUS_OK)
        status = export_choose(file, NULL, type < 0 ? NULL : types[type], format, err);
    if (status == STATUS_OK || strcmp(err->key, "format") != 0)
        return status;
    size_t n = export_formats(&names);
    buffer_append_text(&call->members, "\"available\":[");
    for (size_t i = 0; i < n; i++)
        buffer_print(&call->members, "%s\"%s\"", i == 0 ? "" : ",", names[i]);
    buffer_append_char(&call->members, ']');
    if (status != STATUS_NOT_FOUND)
        return status;
    error_clear(err);
    return error_set_key(err, STATUS_NOT_FOUND, "file",
                         "no file '%.80s' of model '%s'; there are vectors.txt, vectors.bin "
                         "and others, listed in available; the ending of a name tells the format",
                         file, call->name);
}

/* `digest-file` with the options in it: what is behind one tag never changes. */
static void file_tag(const struct model *model, const char *format,
                     const struct export_options *options, char tag[160]) {
    const char *digest =
        strncmp(model->digest, "sha256:", 7) == 0 ? model->digest + 7 : model->digest;
    char limit[16] = "";
    if (options->limit > 0)
        snprintf(limit, sizeof limit, "%u", options->limit);
    snprintf(tag, 160, "\"%.32s-%s%s%s-%.60s\"", digest, options->subtract_mean ? "m" : "",
             options->normalize ? "n" : "", limit, format);
}

static enum status read_options(const struct http_request *request, struct export_options *options,
                                struct error *err) {
    int64_t limit = 0;
    enum status status = query_flag(request, "subtract_mean", &options->subtract_mean, err);
    if (status == STATUS_OK)
        status = query_flag(request, "normalize", &options->normalize, err);
    if (status == STATUS_OK)
        status = query_int(request, "limit", 1, WORD_NONE - 1, &limit, err);
    options->limit = (uint32_t)limit;
    return status;
}

/* What a smaller type costs. */
static void tell_loss(struct http_response *response, const char *format,
                      const struct export_loss *loss) {
    char overlap[40] = "";
    if (!isnan(loss->overlap))
        snprintf(overlap, sizeof overlap, "; neighbors-overlap=%.4f", loss->overlap);
    response_header(response, "X-Vecmill-Loss",
                    "dtype=%s; cosine-error-mean=%.3g; cosine-error-max=%.3g%s; neighbors=%d; "
                    "words=%u; among=%u",
                    vector_type_name(export_type(format)), loss->cosine_mean, loss->cosine_max,
                    overlap, LOSS_NEIGHBORS, loss->words, loss->among);
}

void models_file(struct server *server, const struct http_request *request,
                 struct http_response *response) {
    const char *file = request->segments[1], *format = NULL;
    struct call call;
    struct export_options options = {.stop = request_stop_of_service(request)};
    struct export_about about = {0};
    struct error err = {0};
    char *path = NULL;
    enum status status = call_begin(&call, server, request, &err);
    if (status == STATUS_OK)
        status = query_check(request, &err);
    if (status == STATUS_OK)
        status = find_format(&call, file, &format, &err);
    if (status == STATUS_OK)
        status = read_options(request, &options, &err);
    if (options.limit >= call_rows(&call))
        options.limit = 0; /* all: one file, one tag */
    if (status == STATUS_OK)
        status = request_reserve(request, EXPORT_MEMORY, "the export", &err);
    if (status == STATUS_OK)
        status = models_export(call.models, call.name, call.version, call.model, format, &options,
                               &path, &about, &err);
    if (status == STATUS_OK) {
        char tag[160], field[DIGEST_FIELD_SIZE];
        digest_field_of_text(about.digest, field);
        file_tag(call.model, format, &options, tag);
        response_header(response, "X-Version", "%s", call.version);
        response_header(response, "Repr-Digest", "%s", field);
        response_header(response, "X-Vecmill-Changed-Words", "%" PRIu64,
                        export_changed_words(call.model, format, options.limit));
        if (export_type(format) != VECTOR_FLOAT32)
            tell_loss(response, format, &about.loss);
        response_header(response, "Content-Disposition", "attachment; filename=\"%s-%s\"",
                        call.name, file);
        response_file(request, response, path, file_type(format), tag);
    } else {
        call_refuse(&call, response, &err);
    }
    call_end(&call);
    free(path);
}
