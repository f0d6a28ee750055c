/* A job as clients see it, as job.json keeps it, and as its events tell it. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/machine.h"
#include "server/corpora/corpora_report.h"
#include "server/jobs/jobs_private.h"
#include "server/json/settings_json.h"

static const char *const state_names[] = {"queued",    "running", "paused",    "waiting",
                                          "succeeded", "failed",  "cancelled", NULL};
static const char *const phase_names[] = {"vocabulary", "training", "publishing", NULL};

const char *const *jobs_states(void) {
    return state_names;
}

const char *const *jobs_phases(void) {
    return phase_names;
}

const char *job_state_name(enum job_state state) {
    return state_names[state];
}

const char *phase_name(int phase) {
    return phase >= 0 && phase < 3 ? phase_names[phase] : NULL;
}

bool job_ended(enum job_state state) {
    return state == JOB_SUCCEEDED || state == JOB_FAILED || state == JOB_CANCELLED;
}

static json_t *number_or_null(bool known, double value) {
    return known && isfinite(value) ? json_real(value) : json_null();
}

static json_t *time_or_null(double seconds) {
    char text[32];
    if (seconds <= 0)
        return json_null();
    machine_format_time(seconds, text);
    return json_string(text);
}

static json_t *text_or_null(const char *text) {
    return !text || text[0] == '\0' ? json_null() : json_string(text);
}

static json_t *error_json(const struct error *error) {
    if (error->status == STATUS_OK)
        return json_null();
    return json_pack("{s:s, s:o, s:o}", "code", status_name(error->status), "detail",
                     json_words(error->text, strlen(error->text)), "key",
                     error->key[0] == '\0' ? json_null()
                                           : json_words(error->key, strlen(error->key)));
}

/* Every figure by its name. known: false: all are null. */
static void figures_json(json_t *document, const struct train_progress *now, bool known) {
    size_t count = 0;
    const struct train_figure *figures = train_figures(&count);
    for (size_t i = 0; i < count; i++)
        status_ignore(
            json_object_set_new(document, figures[i].name,
                                number_or_null(known, train_figure_value(now, &figures[i]))));
    json_object_set_new(document, "row_norm_word",
                        known && now->row_norm_word[0] != '\0'
                            ? json_words(now->row_norm_word, strlen(now->row_norm_word))
                            : json_null());
}

/* What evaluations and stop_early told so far; null where there was no evaluation. */
static json_t *evaluation_json(const struct train_progress *now) {
    if (now->evaluations == 0)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:I, s:I}", "evaluations",
                     (json_int_t)now->evaluations, "waited", (json_int_t)now->waited, "best_epoch",
                     (json_int_t)now->best_epoch, "best_step", (json_int_t)now->best_step,
                     "score_set", text_or_null(train_score_name(now->score_set)), "score_answered",
                     (json_int_t)now->score_answered, "score_asked", (json_int_t)now->score_asked);
}

/* What became of the pairs, by name; null when there are none. */
#define PAIR_COUNTS(ROW) \
    ROW(pairs)           \
    ROW(used)            \
    ROW(unknown)         \
    ROW(same)            \
    ROW(weightless)

static json_t *pairs_json(const struct train_progress *now) {
    json_t *document = now->pairs.pairs > 0 ? json_object() : NULL;
    if (!document)
        return json_null();
    int failed = 0;
#define PAIR_PUT(name) \
    failed |= json_object_set_new(document, #name, json_integer((json_int_t)now->pairs.name)) != 0;
    PAIR_COUNTS(PAIR_PUT)
#undef PAIR_PUT
    failed |=
        json_object_set_new(document, "trained", json_integer((json_int_t)now->pairs_trained)) != 0;
    if (!failed)
        return document;
    json_decref(document);
    return NULL;
}

uint64_t job_epochs(const struct job *job) {
    bool automatic = job->settings.epochs == SETTING_AUTO_INT;
    if (job->progress.epochs > 0 || automatic)
        return job->progress.epochs;
    return (uint64_t)job->settings.epochs;
}

/* Members that tell how far a job is. */
static json_t *progress_json(const struct job *job) {
    const struct train_progress *now = &job->progress;
    bool training = job->phase >= PHASE_TRAINING, running = job->state == JOB_RUNNING;
    uint64_t epochs = job_epochs(job);
    json_t *document = json_pack(
        "{s:o, s:f, s:I, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "phase",
        text_or_null(phase_name(job->phase)), "progress",
        isfinite(now->progress) ? now->progress : 0.0, "epoch", (json_int_t)now->epoch, "epochs",
        epochs > 0 ? json_integer((json_int_t)epochs) : json_null(), "step", (json_int_t)now->step,
        "words", (json_int_t)now->words, "words_total", (json_int_t)now->words_total, "examples",
        (json_int_t)now->examples, "words_per_second",
        number_or_null(training, now->words_per_second), "learning_rate",
        number_or_null(training, now->learning_rate), "eta_seconds",
        number_or_null(running && training, now->eta_seconds), "evaluation", evaluation_json(now),
        "stopped", text_or_null(train_stop_name(now->stopped)), "pairs", pairs_json(now));
    if (document)
        figures_json(document, now, training);
    return document;
}

static json_t *kernel_json(const struct job *job, const char *kernel) {
    const struct setting *row = settings_find("kernel");
    return job->settings.kernel == KERNEL_AUTO || !row ? text_or_null(kernel)
                                                       : setting_json(&job->settings, row);
}

json_t *job_document(const struct job *job, const char *kernel) {
    const struct train_progress *now = &job->progress;
    bool pausing = job->state == JOB_RUNNING && job->ask == JOB_ASK_PAUSE;
    bool scanned = now->corpus.words > 0 && job->phase >= PHASE_TRAINING;
    json_int_t threads = job->settings.threads > 0 ? job->settings.threads : machine_threads();
    json_t *document = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:i, s:b, s:o}",
        "id", job->id, "state", job_state_name(job->state), "model", job->model, "corpus",
        job->corpus, "corpus_digest", job->digest, "settings", settings_json(&job->settings),
        "created", time_or_null(job->created), "started", time_or_null(job->started), "finished",
        time_or_null(job->finished), "error", error_json(&job->error), "corpus_report",
        scanned ? corpus_report_json(&now->corpus) : json_null(), "version",
        text_or_null(job->version), "threads", threads, "kernel", kernel_json(job, kernel),
        "crashes", (int)job->crashes, "pausing", (int)pausing, "warning",
        job->stalled ? json_string("no progress for stall_timeout: see the events") : json_null());
    json_t *progress = progress_json(job);
    if (document && progress && json_object_update(document, progress) == 0) {
        json_decref(progress);
        return document;
    }
    json_decref(progress);
    json_decref(document);
    return NULL;
}

/* What is kept of the last report. */
static json_t *progress_record(const struct train_progress *now) {
    json_t *record = json_pack(
        "{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:i, "
        "s:o}",
        "progress", number_or_null(true, now->progress), "epoch", (json_int_t)now->epoch, "epochs",
        (json_int_t)now->epochs, "step", (json_int_t)now->step, "words", (json_int_t)now->words,
        "words_total", (json_int_t)now->words_total, "examples", (json_int_t)now->examples,
        "words_per_second", number_or_null(true, now->words_per_second), "learning_rate",
        number_or_null(true, now->learning_rate), "score_answered", (json_int_t)now->score_answered,
        "score_asked", (json_int_t)now->score_asked, "evaluations", (json_int_t)now->evaluations,
        "waited", (json_int_t)now->waited, "best_epoch", (json_int_t)now->best_epoch, "best_step",
        (json_int_t)now->best_step, "score_set", (int)now->score_set, "stopped", (int)now->stopped,
        "pairs", pairs_json(now));
    if (record)
        figures_json(record, now, true);
    return record;
}

json_t *job_record(const struct job *job) {
    const struct train_progress *now = &job->progress;
    return json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:s, s:i, s:i, s:f, s:f, s:f, s:o, "
        "s:i, s:i, "
        "s:b, s:I, s:s, s:I, s:s, s:o, s:o, s:s}",
        "vecmill_job", 1, "id", job->id, "version", job->version, "model", job->model, "corpus",
        job->corpus, "digest", job->digest, "key", job->key, "fingerprint", job->fingerprint,
        "settings", settings_json(&job->settings), "sequence", (json_int_t)job->sequence, "state",
        job_state_name(job->state), "phase", job->phase, "ask", (int)job->ask, "created",
        job->created, "started", job->started, "finished", job->finished, "error",
        error_json(&job->error), "crashes", (int)job->crashes, "restarts", (int)job->restarts,
        "orderly", (int)job->orderly, "reserved", (json_int_t)job->reserved,
        RECORD_CONTENT_CHECKSUM, job->checksum, "plan_words", (json_int_t)job->plan_words,
        "trace_id", job->trace_id, "report", corpus_report_json(&now->corpus), "progress",
        progress_record(now), "owner", job->owner);
}

/* A whole number in min..max; -2 for anything else. */
static json_int_t read_count(const json_t *record, const char *name, json_int_t min,
                             json_int_t max) {
    const json_t *value = json_object_get(record, name);
    json_int_t count = json_integer_value(value);
    return json_is_integer(value) && count >= min && count <= max ? count : -2;
}

static uint64_t read_natural(const json_t *from, const char *name) {
    json_int_t value = json_integer_value(json_object_get(from, name));
    return value > 0 ? (uint64_t)value : 0;
}

/* A record of an earlier version has few of them: the others are not known. */
static void read_figures(const json_t *from, struct train_progress *now) {
    size_t count = 0;
    const struct train_figure *figures = train_figures(&count);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(from, figures[i].name);
        if (json_is_number(value))
            train_figure_set(now, &figures[i], json_number_value(value));
    }
    const char *word = json_string_value(json_object_get(from, "row_norm_word"));
    snprintf(now->row_norm_word, sizeof now->row_norm_word, "%s", !word ? "" : word);
    now->score_answered = read_natural(from, "score_answered");
    now->score_asked = read_natural(from, "score_asked");
    now->evaluations = read_natural(from, "evaluations");
    now->waited = read_natural(from, "waited");
    now->best_epoch = read_natural(from, "best_epoch");
    now->best_step = read_natural(from, "best_step");
    now->score_set = (uint32_t)read_natural(from, "score_set");
    now->stopped = (uint32_t)read_natural(from, "stopped");
}

static void read_progress(const json_t *record, struct train_progress *now) {
    const json_t *from = json_object_get(record, "progress");
    train_progress_init(now);
    now->progress = json_number_value(json_object_get(from, "progress"));
    now->epoch = (uint64_t)json_integer_value(json_object_get(from, "epoch"));
    now->epochs = (uint64_t)json_integer_value(json_object_get(from, "epochs"));
    now->step = (uint64_t)json_integer_value(json_object_get(from, "step"));
    now->words = (uint64_t)json_integer_value(json_object_get(from, "words"));
    now->words_total = (uint64_t)json_integer_value(json_object_get(from, "words_total"));
    now->examples = (uint64_t)json_integer_value(json_object_get(from, "examples"));
    now->words_per_second = json_number_value(json_object_get(from, "words_per_second"));
    const json_t *pairs = json_object_get(from, "pairs");
#define PAIR_GET(name) now->pairs.name = read_natural(pairs, #name);
    PAIR_COUNTS(PAIR_GET)
#undef PAIR_GET
    now->pairs_trained = read_natural(pairs, "trained");
    read_figures(from, now);
    now->learning_rate = json_number_value(json_object_get(from, "learning_rate"));
    corpus_report_read(json_object_get(record, "report"), &now->corpus);
}

static void read_error(const json_t *record, struct error *error) {
    const json_t *from = json_object_get(record, "error");
    const char *code = json_string_value(json_object_get(from, "code"));
    const char *detail = json_string_value(json_object_get(from, "detail"));
    const char *key = json_string_value(json_object_get(from, "key"));
    if (!code)
        return;
    error->status = STATUS_INTERNAL;
    for (int status = 0; status < STATUS_COUNT; status++)
        if (strcmp(status_name((enum status)status), code) == 0)
            error->status = (enum status)status;
    snprintf(error->text, sizeof error->text, "%s", !detail ? "" : detail);
    snprintf(error->key, sizeof error->key, "%s", !key ? "" : key);
}

static bool read_state(const json_t *record, struct job *job) {
    const char *state = json_string_value(json_object_get(record, "state"));
    for (int i = 0; state && state_names[i]; i++)
        if (strcmp(state_names[i], state) == 0) {
            job->state = (enum job_state)i;
            return true;
        }
    return false;
}

static void read_settings(const json_t *record, struct job *job, unsigned *unknown) {
    const char *name;
    json_t *value, *settings = json_object_get(record, "settings");
    *unknown = !json_is_object(settings);
    settings_init(&job->settings);
    json_object_foreach(settings, name, value) {
        struct error ignored = {0};
        *unknown += setting_read_json(&job->settings, name, value, &ignored) != STATUS_OK;
    }
}

enum status job_read(const json_t *record, struct job *job, unsigned *unknown, struct error *err) {
    json_int_t sequence = read_count(record, "sequence", 0, INT64_MAX - 1);
    json_int_t reserved = read_count(record, "reserved", 0, INT64_MAX / 2);
    json_int_t phase = read_count(record, "phase", PHASE_NONE, PHASE_PUBLISHING);
    json_int_t ask = read_count(record, "ask", JOB_ASK_NONE, JOB_ASK_CANCEL);
    json_int_t crashes = read_count(record, "crashes", 0, INT32_MAX);
    json_int_t restarts = read_count(record, "restarts", 0, INT32_MAX);
    if (read_count(record, "vecmill_job", 1, 1) != 1 || sequence < 0 || reserved < 0 ||
        phase < PHASE_NONE || ask < 0 || crashes < 0 || restarts < 0 || !read_state(record, job) ||
        !record_string(record, "id", job->id, sizeof job->id) || !record_id_valid(job->id) ||
        !record_string(record, "version", job->version, sizeof job->version) ||
        !record_string(record, "model", job->model, sizeof job->model) ||
        !record_string(record, "corpus", job->corpus, sizeof job->corpus) ||
        !record_string(record, "digest", job->digest, sizeof job->digest) ||
        !record_string(record, "key", job->key, sizeof job->key) ||
        !record_string(record, "fingerprint", job->fingerprint, sizeof job->fingerprint) ||
        name_check("model", job->model, err) != STATUS_OK ||
        name_check("corpus", job->corpus, err) != STATUS_OK) {
        error_clear(err);
        return error_set(err, STATUS_CORRUPT, "record of a job does not hold together");
    }
    if (!record_string(record, RECORD_CONTENT_CHECKSUM, job->checksum, sizeof job->checksum))
        job->checksum[0] = '\0';
    if (!record_string(record, "owner", job->owner, sizeof job->owner))
        job->owner[0] = '\0'; /* absent before there were keys */
    if (!record_string(record, "trace_id", job->trace_id, sizeof job->trace_id))
        job->trace_id[0] = '\0';
    json_int_t plan = read_count(record, "plan_words", 0, INT64_MAX);
    job->plan_words = plan > 0 ? (uint64_t)plan : 0;
    job->sequence = (uint64_t)sequence;
    job->reserved = (uint64_t)reserved;
    job->phase = (int)phase;
    job->ask = (enum job_ask)ask;
    job->crashes = (unsigned)crashes;
    job->restarts = (unsigned)restarts;
    job->orderly = json_is_true(json_object_get(record, "orderly"));
    job->created = json_number_value(json_object_get(record, "created"));
    job->started = json_number_value(json_object_get(record, "started"));
    job->finished = json_number_value(json_object_get(record, "finished"));
    read_settings(record, job, unknown);
    read_progress(record, &job->progress);
    read_error(record, &job->error);
    return STATUS_OK;
}

/* `{"job":"...","time":"..."`, to be gone on with. */
static void event_begin(const struct job *job, struct buffer *text) {
    char now[32];
    machine_format_time(machine_wall_seconds(), now);
    buffer_print(text, "{\"job\":\"%s\",\"time\":\"%s\"", job->id, now);
}

static void event_end(const struct job *job, enum event_kind kind, struct buffer *text) {
    buffer_append_char(text, '}');
    if (!text->failed && job->log)
        job_log_append(job->log, kind, text->data);
    buffer_clear(text);
}

static void put_real(struct buffer *text, const char *name, double value) {
    if (isfinite(value))
        buffer_print(text, ",\"%s\":%.9g", name, value);
    else
        buffer_print(text, ",\"%s\":null", name);
}

void job_state_event(const struct job *job) {
    struct buffer text = {0};
    const char *phase = phase_name(job->phase);
    event_begin(job, &text);
    buffer_print(&text, ",\"state\":\"%s\",\"phase\":%s%s%s", job_state_name(job->state),
                 !phase ? "" : "\"", !phase ? "null" : phase, !phase ? "" : "\"");
    put_real(&text, "progress", job->progress.progress);
    if (job->version[0] != '\0')
        buffer_print(&text, ",\"version\":\"%s\"", job->version);
    if (job->error.status != STATUS_OK) {
        buffer_print(&text,
                     ",\"error\":{\"code\":\"%s\",\"detail\":", status_name(job->error.status));
        json_append_string(&text, job->error.text, strlen(job->error.text));
        buffer_append_text(&text, ",\"key\":");
        if (job->error.key[0] != '\0')
            json_append_string(&text, job->error.key, strlen(job->error.key));
        else
            buffer_append_text(&text, "null");
        buffer_append_char(&text, '}');
    }
    event_end(job, EVENT_STATE, &text);
}

/* A row of the history. Of an evaluation's figures each is told once, in the row of the
 * evaluation; the others have null. */
static void put_figures(struct buffer *text, const struct train_progress *now) {
    size_t count = 0;
    const struct train_figure *figures = train_figures(&count);
    for (size_t i = 0; i < count; i++)
        put_real(text, figures[i].name,
                 figures[i].evaluated && !now->evaluated ? (double)NAN
                                                         : train_figure_value(now, &figures[i]));
    buffer_append_text(text, ",\"row_norm_word\":");
    if (now->row_norm_word[0] != '\0')
        json_append_string(text, now->row_norm_word, strlen(now->row_norm_word));
    else
        buffer_append_text(text, "null");
    if (now->evaluated)
        buffer_print(text,
                     ",\"evaluations\":%" PRIu64 ",\"improved\":%s,\"waited\":%" PRIu64
                     ",\"score_answered\":%" PRIu64 ",\"score_asked\":%" PRIu64,
                     now->evaluations, now->improved ? "true" : "false", now->waited,
                     now->score_answered, now->score_asked);
}

void job_progress_event(const struct job *job, bool epoch_ended) {
    const struct train_progress *now = &job->progress;
    struct buffer text = {0};
    const char *phase = phase_name(job->phase);
    enum event_kind kind = epoch_ended      ? EVENT_EPOCH
                           : now->evaluated ? EVENT_EVALUATION
                                            : EVENT_PROGRESS;
    event_begin(job, &text);
    buffer_print(&text, ",\"phase\":\"%s\"", !phase ? "" : phase);
    put_real(&text, "progress", now->progress);
    if (job->phase == PHASE_TRAINING) {
        if (kind == EVENT_PROGRESS)
            kind = EVENT_ROW;
        buffer_print(&text,
                     ",\"epoch\":%" PRIu64 ",\"epochs\":%" PRIu64 ",\"step\":%" PRIu64
                     ",\"words\":%" PRIu64 ",\"words_total\":%" PRIu64,
                     now->epoch, now->epochs, now->step, now->words, now->words_total);
        put_real(&text, "words_per_second", now->words_per_second);
        put_real(&text, "learning_rate", now->learning_rate);
        put_real(&text, "eta_seconds", now->eta_seconds);
        put_real(&text, "seconds", now->seconds);
        put_figures(&text, now);
    }
    event_end(job, kind, &text);
}

void job_line_event(const struct job *job, const char *line, size_t length) {
    struct buffer text = {0};
    event_begin(job, &text);
    buffer_append_text(&text, ",\"line\":");
    json_append_string(&text, line, length);
    event_end(job, EVENT_LOG, &text);
}
