#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/decode.h"
#include "base/file.h"
#include "base/machine.h"
#include "base/random.h"
#include "cli/child.h"
#include "cli/corpus_convert.h"
#include "cli/plan_report.h"
#include "cli/watch.h"
#include "server/json/json.h"

#define SECONDS_MAX 60.0
#define SECONDS_USUAL 1.0
#define TOKEN_SIZE 17 /* of the work folder's name, with its NUL */

const struct option_row plan_options[] = {
    {"json", NULL, "print one line of JSON, as POST /v1/plan answers it"},
    {"sample-bytes", "BYTES", "read a sample of about this size and extrapolate; 0: read all"},
    {"seconds", "X", "for which training is tried, to tell its speed; default: 1, 0: not at all"},
    {"memory", "BYTES", "that planning may take, about; default: what training may"},
    {"work", "DIR", "folder for scratch files; default: TMPDIR, or /tmp"},
    {"output", "DIR", "folder the model is to go to, for its free space; default: the present one"},
    {"reserved", "BYTES", "free space there that others need"},
    {"name", "NAME", "of the corpus, to be printed; default: CORPUS"},
    {"background", NULL, "run at the lowest priority, and end when the caller does"},
    {0},
};

struct planning {
    struct settings settings;
    const char *corpus; /* as it is read */
    char *work, *sample, *converted;
    struct train_plan_options options;
    struct plan_frame frame;
    int64_t sample_bytes;
    struct watch watch;
};

static enum status work_choose(struct planning *planning, const char *folder, struct error *err) {
    char token[TOKEN_SIZE], name[64];
    if (!folder || !*folder)
        folder = getenv("TMPDIR");
    if (!folder || !*folder)
        folder = "/tmp";
    enum status status = random_token(token, sizeof token - 1, err);
    if (status != STATUS_OK)
        return status;
    snprintf(name, sizeof name, FILE_TEMPORARY_PREFIX "vecmill-plan-%s", token);
    planning->work = path_join(folder, name);
    planning->sample = planning->work ? path_join(planning->work, "sample") : NULL;
    planning->converted = planning->sample ? path_join(planning->work, "converted") : NULL;
    if (!planning->converted)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    return folder_create(planning->work, err);
}

static enum status options_read(struct planning *planning, struct invocation *invocation,
                                struct error *err) {
    const char *name = option_value(invocation, "name");
    int64_t memory;
    planning->settings = invocation->settings;
    planning->corpus = invocation->operands[0];
    planning->frame.corpus = name ? name : planning->corpus;
    planning->frame.asked = &planning->settings;
    enum status status = option_bytes(invocation, "sample-bytes", 0, &planning->sample_bytes, err);
    if (status == STATUS_OK)
        status = option_bytes(invocation, "memory", 0, &memory, err);
    if (status == STATUS_OK)
        status = option_real(invocation, "seconds", 0, SECONDS_MAX, SECONDS_USUAL,
                             &planning->options.seconds, err);
    if (status == STATUS_OK)
        status = kernel_of_settings(&planning->settings, &planning->frame.kernel, err);
    if (status != STATUS_OK)
        return status;
    planning->options.memory = (uint64_t)memory;
    planning->options.factor = 1;
    if (planning->settings.format == FORMAT_AUTO)
        planning->settings.format = corpus_format_of(planning->corpus);
    return STATUS_OK;
}

/* The disk that training would write to; one that cannot be asked is not known. */
static enum status disk_ask(struct planning *planning, struct invocation *invocation,
                            struct error *err) {
    const char *output = option_value(invocation, "output");
    uint64_t bytes = 0;
    int64_t reserved;
    enum status status = option_bytes(invocation, "reserved", 0, &reserved, err);
    planning->frame.disk_known =
        status == STATUS_OK &&
        disk_available(output && file_exists(output) ? output : ".", &bytes, NULL) == STATUS_OK;
    planning->frame.disk_free = bytes > (uint64_t)reserved ? bytes - (uint64_t)reserved : 0;
    return status;
}

static enum status corpus_is_packed(const char *path, bool *packed, struct error *err) {
    struct file_map map;
    enum status status = file_map_open(&map, path, err);
    if (status != STATUS_OK)
        return status;
    *packed = encoding_detect(map.data, map.length) != ENCODING_IDENTITY;
    file_map_close(&map);
    return STATUS_OK;
}

/* Compressed text is decoded, NDJSON converted, and a sample taken, where it is wanted: into
 * scratch files, which are read instead. */
static enum status corpus_prepare(struct planning *planning, struct error *err) {
    struct corpus_losses losses = {0};
    struct corpus_sample *sample = &planning->frame.sample;
    double begun = machine_monotonic_seconds();
    bool packed = false, ndjson = planning->settings.format == FORMAT_NDJSON;
    enum status status = corpus_is_packed(planning->corpus, &packed, err);
    if (status == STATUS_OK && (packed || planning->sample_bytes > 0)) {
        uint64_t bytes = planning->sample_bytes > 0 ? (uint64_t)planning->sample_bytes : UINT64_MAX;
        status = corpus_sample(&planning->settings, planning->corpus, planning->sample, bytes,
                               ndjson, &planning->watch.request, sample, err);
        planning->corpus = planning->sample;
        if (status == STATUS_OK && sample->bytes > 0)
            planning->options.factor = sample->whole / (double)sample->bytes;
        planning->frame.preparing_bytes = packed ? (uint64_t)sample->whole : 0;
    }
    if (status == STATUS_OK && ndjson) {
        status = corpus_convert(planning->corpus, planning->converted, &planning->settings,
                                &planning->watch.request, &losses, err);
        planning->corpus = planning->converted;
        planning->settings.format = FORMAT_TOKENS;
        uint64_t size = 0;
        if (status == STATUS_OK)
            status = file_size(planning->converted, &size, err);
        planning->frame.preparing_bytes = (uint64_t)((double)size * planning->options.factor);
    }
    if (packed || ndjson)
        planning->frame.preparing_seconds =
            (machine_monotonic_seconds() - begun) * planning->options.factor;
    return status;
}

static enum status plan_make(struct planning *planning, bool json, bool *told, struct error *err) {
    struct train_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    planning->options.training = (struct train_options){.settings = &planning->settings,
                                                        .corpus = planning->corpus,
                                                        .work = planning->work,
                                                        .kernel = planning->frame.kernel,
                                                        .request = &planning->watch.request};
    struct buffer text = {0};
    enum status status = train_plan(&planning->options, plan, err);
    if (status == STATUS_OK) {
        if (json)
            plan_put_json(&planning->frame, plan, &text);
        else
            plan_put_table(&planning->frame, plan, &text);
        *told = true;
        status = output_flush(&text, err);
    }
    /* As training would end: told behind the plan. */
    if (status == STATUS_OK && plan->refusal.status != STATUS_OK)
        status = error_set_key(err, plan->refusal.status, plan->refusal.key,
                               "training would be refused: %s", plan->refusal.text);
    free(plan);
    return status;
}

/* Programs hear of a failure where they expect the plan. */
static void failure_tell(const struct error *reason) {
    struct buffer text = {0};
    buffer_append_text(&text, "{\"object\":\"error\",\"status\":");
    json_put_string(&text, status_name(reason->status), strlen(status_name(reason->status)));
    buffer_append_text(&text, ",\"setting\":");
    json_put_string(&text, reason->key, strlen(reason->key));
    buffer_append_text(&text, ",\"detail\":");
    json_put_string(&text, reason->text, strlen(reason->text));
    buffer_append_text(&text, "}\n");
    status_ignore(output_flush(&text, NULL)); /* standard error tells it, too */
}

static enum status plan_run(struct planning *planning, struct invocation *invocation, bool json,
                            struct error *err) {
    bool told = false;
    enum status status = options_read(planning, invocation, err);
    if (status == STATUS_OK)
        status = disk_ask(planning, invocation, err);
    if (status == STATUS_OK)
        status = work_choose(planning, option_value(invocation, "work"), err);
    if (status == STATUS_OK)
        status = corpus_prepare(planning, err);
    if (status == STATUS_OK)
        status = plan_make(planning, json, &told, err);
    if (planning->work)
        status_ignore(path_remove(planning->work, NULL)); /* the plan is told already */
    if (status == STATUS_PAUSED) {
        error_clear(err);
        status = error_set(err, STATUS_CANCELLED, "planning was stopped");
    }
    if (status != STATUS_OK && json && !told)
        failure_tell(err);
    free(planning->converted);
    free(planning->sample);
    free(planning->work);
    return status;
}

enum status command_plan(struct invocation *invocation, struct error *err) {
    struct planning planning = {.watch = {.code = EXIT_CANCELLED}};
    bool json = option_value(invocation, "json") != NULL;
    json_setup();
    enum status status =
        option_value(invocation, "background") ? child_subside(-1, err) : STATUS_OK;
    if (status == STATUS_OK)
        status = watch_start(&planning.watch, err);
    if (status != STATUS_OK)
        return status;
    status = plan_run(&planning, invocation, json, err);
    watch_stop(&planning.watch);
    return status;
}
