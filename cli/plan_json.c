/* A plan as one line of JSON; the schema Plan of server/openapi_schemas.json describes it. */
#include <math.h>
#include <string.h>

#include "cli/plan_report.h"
#include "server/json/json.h"
#include "server/json/settings_json.h"

#define WHOLE(value) ((json_int_t)llround(value))

/* Members that came to nothing are NULL: json_append then says that memory ran out. */
static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *notes_json(const struct plan_notes *notes) {
    json_t *list = json_array();
    for (unsigned i = 0; i < notes->n; i++) {
        const struct plan_note *note = &notes->notes[i];
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:o}", "setting",
                            note->setting[0] ? json_string(note->setting) : json_null(), "value",
                            note->value[0] ? json_string(note->value) : json_null(), "detail",
                            json_words(note->text, strlen(note->text))));
    }
    return list;
}

static json_t *corpus_json(const struct plan_frame *frame, const struct train_plan *plan) {
    const struct corpus_report *report = &plan->spectrum.report;
    double factor = plan->factor;
    json_t *sample =
        frame->sample.pieces == 0 || factor <= 1
            ? json_null()
            : json_pack("{s:I, s:o, s:I}", "bytes", (json_int_t)frame->sample.bytes, "share",
                        number(1 / factor), "pieces", (json_int_t)frame->sample.pieces);
    return json_pack(
        "{s:o, s:b, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "name",
        json_words(frame->corpus, strlen(frame->corpus)), "exact", factor <= 1, "sample", sample,
        "bytes", WHOLE((double)report->bytes * factor), "lines",
        WHOLE((double)report->lines * factor), "empty_lines",
        WHOLE((double)report->empty_lines * factor), "sentences",
        WHOLE((double)report->sentences * factor), "words", WHOLE(plan->words), "distinct",
        WHOLE(plan->distinct), "pruned_words", (json_int_t)report->pruned_words, "invalid_utf8",
        WHOLE((double)report->invalid_utf8 * factor), "longest_line",
        (json_int_t)report->longest_line, "longest_word", (json_int_t)report->longest_word,
        "repeated_lines", number(plan->repeated_lines));
}

static json_t *vocabulary_json(const struct train_plan *plan) {
    json_t *curve = json_array();
    for (unsigned i = 0; i < plan->n_curve; i++) {
        const struct plan_point *point = &plan->curve[i];
        json_array_append_new(
            curve, json_pack("{s:I, s:I, s:o, s:I, s:b}", "min_count", (json_int_t)point->min_count,
                             "words", WHOLE(point->words), "covered", number(point->covered),
                             "memory", (json_int_t)point->memory, "fits", point->fits));
    }
    return json_pack("{s:I, s:I, s:o, s:o}", "words", WHOLE(plan->vocabulary), "kept_words",
                     WHOLE(plan->kept_words), "covered",
                     number(plan->words > 0 ? plan->kept_words / plan->words : 0), "curve", curve);
}

static json_t *subsampling_json(const struct plan_frame *frame, const struct train_plan *plan) {
    bool known = plan->chosen.sample != SETTING_AUTO_REAL;
    return json_pack(
        "{s:o, s:b, s:o, s:o, s:o}", "sample", known ? number(plan->chosen.sample) : json_null(),
        "auto", frame->asked->sample == SETTING_AUTO_REAL, "share",
        known ? number(plan->sample_share) : json_null(), "kept_words",
        known ? json_integer(WHOLE(plan->kept_words * plan->sample_share)) : json_null(),
        "warns_below", number(TRAIN_SHARE_LOW));
}

static json_t *pairs_json(const struct train_plan *plan) {
    const struct pair_report *pairs = &plan->pairs;
    if (pairs->pairs == 0)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:f}", "pairs", (json_int_t)pairs->pairs, "used",
                     (json_int_t)pairs->used, "unknown", (json_int_t)pairs->unknown, "same",
                     (json_int_t)pairs->same, "weightless", (json_int_t)pairs->weightless, "share",
                     plan->chosen.pairs_share);
}

static json_t *disk_json(const struct plan_frame *frame, const struct train_plan *plan) {
    uint64_t needed = plan_disk_needed(frame, plan);
    return json_pack(
        "{s:I, s:o, s:o, s:I, s:I, s:I, s:I}", "needed", (json_int_t)needed, "free",
        frame->disk_known ? json_integer((json_int_t)frame->disk_free) : json_null(), "fits",
        frame->disk_known ? json_boolean(needed <= frame->disk_free) : json_null(), "model",
        (json_int_t)plan->disk.model, "checkpoint", (json_int_t)plan->disk.checkpoint, "ids",
        (json_int_t)plan->disk_ids, "reading",
        (json_int_t)plan->disk_to_read + (json_int_t)frame->preparing_bytes);
}

static json_t *time_json(const struct plan_frame *frame, const struct train_plan *plan) {
    const struct plan_speed *speed = &plan->speed;
    struct buffer basis = {0};
    if (!speed->known)
        return json_null();
    plan_basis(frame, plan, &basis);
    json_t *time = json_pack(
        "{s:o, s:o, s:o, s:o, s:i, s:s, s:o, s:o}", "seconds", number(plan_seconds(frame, plan)),
        "reading_seconds", number(plan->reading_seconds + frame->preparing_seconds),
        "training_seconds", number(plan->training_seconds), "words_per_second",
        number(plan->words_to_train / plan->training_seconds), "threads", speed->threads, "kernel",
        frame->kernel->name, "cpu_share", number(speed->cpu_share), "basis",
        basis.failed ? NULL : json_string(basis.data));
    buffer_clear(&basis);
    return time;
}

static json_t *refusal_json(const struct error *refusal) {
    if (refusal->status == STATUS_OK)
        return json_null();
    return json_pack("{s:s, s:o, s:o}", "status", status_name(refusal->status), "setting",
                     refusal->key[0] ? json_string(refusal->key) : json_null(), "detail",
                     json_words(refusal->text, strlen(refusal->text)));
}

void plan_put_json(const struct plan_frame *frame, const struct train_plan *plan,
                   struct buffer *text) {
    const struct train_memory *memory = &plan->memory;
    json_t *document = json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:I, s:I, s:b, s:I, s:I}, s:o, s:o, s:b, s:o, s:o, "
        "s:o}",
        "object", "plan", "corpus", corpus_json(frame, plan), "settings",
        settings_json(&plan->chosen), "chosen", notes_json(&plan->chosen_by_auto), "vocabulary",
        vocabulary_json(plan), "subsampling", subsampling_json(frame, plan), "pairs",
        pairs_json(plan), "memory", "needed", (json_int_t)memory->needed, "allowed",
        (json_int_t)memory->allowed, "fits", memory->fits, "max_dim", (json_int_t)memory->max_dim,
        "reading", (json_int_t)plan->memory_to_read, "disk", disk_json(frame, plan), "time",
        time_json(frame, plan), "trainable", plan->refusal.status == STATUS_OK, "refusal",
        refusal_json(&plan->refusal), "warnings", notes_json(&plan->warnings), "suggestions",
        notes_json(&plan->suggestions));
    json_append(text, document);
    buffer_append_char(text, '\n');
    json_decref(document);
}
