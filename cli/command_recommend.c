/* `vecmill recommend`: what comes next in sessions, as POST .../recommend tells. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "cli/session_files.h"
#include "cli/words.h"

#define K_MAX 1000000
#define BATCH 256 /* sessions searched together */

const struct option_row recommend_options[] = {
    {"k", "N", "how many (default 10)"},
    {"among", "N", "only the N most frequent items; 0 = all (default 0)"},
    {"prefix", "TEXT", "only items that begin with TEXT"},
    SESSION_OPTION_ROWS,
    {"case", "NAME", "fold: an item may stand in another case (default); exact: only as it stands"},
    {"json", NULL, "print a JSON object for each session"},
    {0},
};

struct recommending {
    const struct model *model;
    struct session_options options;
    struct candidates candidates;
    uint64_t *allowed; /* owned */
    size_t k;
    int threads;
    size_t word_case;
    bool json;
    struct session_ids items; /* of the present line */
    uint32_t *ids;            /* of the batch */
    size_t n, n_ids, room;
    size_t starts[BATCH + 1], unknown[BATCH];
    struct neighbor *found; /* [BATCH, k] */
    size_t counts[BATCH];
    uint64_t sessions, strangers; /* so far; of them without a known item */
    struct buffer text;
};

static void put_item(struct recommending *run, uint32_t id) {
    size_t length;
    const char *word = vocabulary_word(run->model->vocabulary, id, &length);
    if (run->json)
        json_put_string(&run->text, word, length);
    else
        buffer_append(&run->text, word, length);
}

static void put_session_json(struct recommending *run, size_t index) {
    buffer_append_text(&run->text, "{\"items\":[");
    for (size_t i = run->starts[index]; i < run->starts[index + 1]; i++) {
        buffer_append_text(&run->text, i > run->starts[index] ? "," : "");
        put_item(run, run->ids[i]);
    }
    buffer_print(&run->text, "],\"unknown\":%zu,\"recommendations\":[", run->unknown[index]);
    for (size_t i = 0; i < run->counts[index]; i++) {
        const struct neighbor *found = &run->found[index * run->k + i];
        buffer_append_text(&run->text, i > 0 ? ",{\"item\":" : "{\"item\":");
        put_item(run, found->id);
        json_put_number(&run->text, "score", (double)found->score);
        buffer_append_char(&run->text, '}');
    }
    buffer_append_text(&run->text, "]}\n");
}

/* A line an item, and an empty line between sessions. */
static void put_session(struct recommending *run, size_t index) {
    if (run->sessions > 0)
        buffer_append_char(&run->text, '\n');
    for (size_t i = 0; i < run->counts[index]; i++) {
        const struct neighbor *found = &run->found[index * run->k + i];
        put_item(run, found->id);
        buffer_print(&run->text, "\t%.4f\n", (double)found->score);
    }
}

static enum status batch_run(struct recommending *run, struct error *err) {
    static const uint32_t none[1];
    enum status status =
        session_next(run->model, run->ids ? run->ids : none, run->starts, run->n, &run->options,
                     &run->candidates, run->k,
                     search_threads(run->model, run->n, run->candidates.among, run->threads), NULL,
                     run->found, run->counts, err);
    for (size_t i = 0; status == STATUS_OK && i < run->n; i++) {
        (run->json ? put_session_json : put_session)(run, i);
        run->strangers += run->starts[i] == run->starts[i + 1];
        run->sessions++;
    }
    run->n = run->n_ids = 0;
    return status == STATUS_OK ? output_flush(&run->text, err) : status;
}

static enum status line_take(struct recommending *run, const char *line, size_t length,
                             struct error *err) {
    enum status status = session_items(run->model->vocabulary, (enum word_case)run->word_case, line,
                                       length, &run->items, err);
    if (status != STATUS_OK || run->items.n == 0)
        return status;
    uint32_t *ids = array_grow(run->ids, &run->room, run->n_ids + run->items.n, sizeof *ids);
    if (!ids)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for a session of %zu items",
                         run->items.n);
    run->ids = ids;
    run->unknown[run->n] = 0;
    for (size_t i = 0; i < run->items.n; i++)
        if (run->items.ids[i] != WORD_NONE)
            ids[run->n_ids++] = run->items.ids[i];
        else
            run->unknown[run->n]++;
    run->starts[++run->n] = run->n_ids;
    return run->n == BATCH ? batch_run(run, err) : STATUS_OK;
}

static enum status lines_take(struct recommending *run, const struct buffer *text,
                              struct error *err) {
    const char *at = text->data, *end = at ? at + text->length : at;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline ? newline : end) - at);
        status = line_take(run, at, length, err);
        at += length + (newline != NULL);
    }
    if (status == STATUS_OK && run->n > 0)
        status = batch_run(run, err);
    if (status == STATUS_OK && run->sessions == 0)
        status = error_set(err, STATUS_REFUSED,
                           "there is no session: a line is one, its items separated by white "
                           "space");
    if (status == STATUS_OK && run->sessions == 1 && run->strangers == 1)
        status = error_set(err, STATUS_NOT_FOUND, "the model knows no item of the session");
    return status;
}

static enum status recommending_prepare(struct recommending *run, struct invocation *invocation,
                                        struct error *err) {
    const char *prefix = option_value(invocation, "prefix");
    size_t length = prefix ? strlen(prefix) : 0, rows = vocabulary_size(run->model->vocabulary);
    run->k = run->k < rows ? run->k : rows;
    run->found = calloc(BATCH * run->k, sizeof *run->found);
    if (prefix)
        run->allowed = word_bits_create(run->model->vocabulary, true);
    if (!run->found || (prefix && !run->allowed))
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    if (prefix)
        word_bits_keep_prefixes(run->model->vocabulary, &prefix, &length, 1, run->allowed);
    run->candidates.allowed = run->allowed;
    return STATUS_OK;
}

static enum status recommending_read(struct recommending *run, struct invocation *invocation,
                                     struct error *err) {
    int64_t k, among = 0;
    enum status status = option_number(invocation, "k", 1, K_MAX, 10, &k, err);
    if (status == STATUS_OK)
        status = option_number(invocation, "among", 0, UINT32_MAX, 0, &among, err);
    if (status == STATUS_OK)
        status = option_choice(invocation, "case", CHOICE_NAMES(WORD_CASES), &run->word_case, err);
    if (status != STATUS_OK)
        return status;
    run->k = (size_t)k;
    run->candidates.among = (uint32_t)among;
    run->json = option_value(invocation, "json") != NULL;
    run->threads = threads_of_settings(&invocation->settings);
    return session_options_read(&run->options, invocation, err);
}

enum status command_recommend(struct invocation *invocation, struct error *err) {
    struct model *model;
    struct buffer text = {0};
    struct recommending *run = calloc(1, sizeof *run);
    if (!run)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    enum status status = recommending_read(run, invocation, err);
    if (status == STATUS_OK)
        status = sessions_read(
            invocation, invocation->n_operands > 1 ? invocation->operands[1] : "-", &text, err);
    if (status == STATUS_OK)
        status = model_open(invocation, &model, err);
    if (status == STATUS_OK) {
        run->model = model;
        status = recommending_prepare(run, invocation, err);
        if (status == STATUS_OK)
            status = lines_take(run, &text, err);
        model_drop(model);
    }
    free(run->allowed);
    free(run->items.ids);
    free(run->ids);
    free(run->found);
    buffer_clear(&run->text);
    buffer_clear(&text);
    free(run);
    return status;
}
