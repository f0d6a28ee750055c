/* How well a model tells the last item of a session from those before it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/utf8.h"
#include "embedding/evaluate_text.h"
#include "embedding/session.h"

#define BATCH 256           /* sessions searched at a time: several passes' worth */
#define BATCH_ITEMS 1000000 /* in them; a session that is longer is a batch of its own */
#define STOP_LINES 1024     /* read between two looks at whether to stop */
#define MARK "next-item"

/* An evaluation under way: sessions wait until a batch is full. */
struct next_items {
    const struct model *model;
    const struct session_options *options;
    const struct candidates *candidates;
    size_t k;
    int threads;
    enum word_case word_case;
    const struct stop *stop;
    struct next_item_report *report;
    uint32_t *ids; /* of the known items before each last one */
    size_t n_ids, room;
    size_t n;             /* sessions in the batch */
    size_t *starts;       /* [BATCH + 1] into ids */
    uint32_t *targets;    /* [BATCH] */
    struct neighbor *out; /* [BATCH, k] */
    size_t *found;        /* [BATCH] */
    uint64_t *shown;      /* a bit for each item: it was recommended */
};

bool evaluate_is_sessions(const char *text, size_t length) {
    struct text_part rest = text_begin(text, length), line;
    if (!text_line(&rest, &line) || line.length == 0 || line.text[0] != '#')
        return false;
    line = text_trim((struct text_part){line.text + 1, line.length - 1});
    return line.length == sizeof MARK - 1 && memcmp(line.text, MARK, line.length) == 0;
}

/* ---- a batch --------------------------------------------------------------------------------- */

static void count_answer(struct next_items *run, size_t index) {
    struct next_item_report *report = run->report;
    for (size_t i = 0; i < run->found[index]; i++) {
        uint32_t id = run->out[index * run->k + i].id;
        uint64_t bit = (uint64_t)1 << (id % 64), *shown = &run->shown[id / 64];
        report->recommended += (*shown & bit) == 0;
        *shown |= bit;
        if (id != run->targets[index])
            continue;
        report->hits++;
        report->reciprocal_ranks += 1 / (double)(i + 1);
        report->gains += 1 / log2((double)(i + 2));
    }
}

static enum status batch_run(struct next_items *run, struct error *err) {
    enum status status =
        session_next(run->model, run->ids, run->starts, run->n, run->options, run->candidates,
                     run->k, run->threads, run->stop, run->out, run->found, err);
    for (size_t i = 0; status == STATUS_OK && i < run->n; i++)
        count_answer(run, i);
    run->n = run->n_ids = 0;
    return status;
}

/* ---- a session ------------------------------------------------------------------------------- */

enum status session_items(const struct vocabulary *vocabulary, enum word_case word_case,
                          const char *line, size_t length, struct session_ids *items,
                          struct error *err) {
    const char *at = line, *end = line + length;
    bool list = length > 0 && line[0] == SESSION_LIST;
    items->n = 0;
    while (at < end) {
        size_t gap = list ? *at == SESSION_LIST : utf8_separator(at, end);
        if (gap > 0) {
            at += gap;
            continue;
        }
        const char *item = at;
        uint32_t id;
        while (at < end && (list ? *at != SESSION_LIST : utf8_separator(at, end) == 0))
            at++;
        id = vocabulary_find(vocabulary, item, (size_t)(at - item));
        if (id == WORD_NONE && word_case == WORD_CASE_FOLD) {
            enum status status =
                vocabulary_find_folded(vocabulary, item, (size_t)(at - item), &id, err);
            if (status != STATUS_OK)
                return status;
            items->folded += id != WORD_NONE;
        }
        uint32_t *ids = array_grow(items->ids, &items->room, items->n + 1, sizeof *ids);
        if (!ids)
            return error_set(err, STATUS_NO_MEMORY, "not enough memory for a session of %zu items",
                             items->n + 1);
        items->ids = ids;
        ids[items->n++] = id;
    }
    return STATUS_OK;
}

/* Puts the known items before the last one into the batch. */
static enum status session_take(struct next_items *run, const struct session_ids *items,
                                struct error *err) {
    struct next_item_report *report = run->report;
    size_t first = run->n_ids, before = items->n > 0 ? items->n - 1 : 0;
    report->sessions++;
    if (items->n < 2) {
        report->skipped_short++;
        return STATUS_OK;
    }
    uint32_t *ids = array_grow(run->ids, &run->room, first + before, sizeof *ids);
    uint32_t target = items->ids[before];
    bool repeated = false;
    if (!ids)
        return error_set(err, STATUS_NO_MEMORY, "not enough memory for a session of %zu items",
                         items->n);
    run->ids = ids;
    for (size_t i = 0; i < before; i++) {
        if (items->ids[i] == WORD_NONE)
            continue;
        ids[run->n_ids++] = items->ids[i];
        repeated = repeated || items->ids[i] == target;
    }
    if (run->n_ids == first) {
        report->skipped_unknown++;
        return STATUS_OK;
    }
    report->asked++;
    report->unknown_items += before - (run->n_ids - first);
    report->unknown_targets += target == WORD_NONE;
    report->repeated_targets += repeated;
    run->targets[run->n++] = target;
    run->starts[run->n] = run->n_ids;
    return run->n == BATCH || run->n_ids >= BATCH_ITEMS ? batch_run(run, err) : STATUS_OK;
}

static enum status next_items_init(struct next_items *run, struct error *err) {
    size_t rows = run->model->input->rows;
    run->k = run->k < rows ? run->k : rows;
    run->starts = calloc(BATCH + 1, sizeof *run->starts);
    run->targets = calloc(BATCH, sizeof *run->targets);
    run->out = calloc(BATCH * run->k, sizeof *run->out);
    run->found = calloc(BATCH, sizeof *run->found);
    run->shown = calloc(rows / 64 + 1, sizeof *run->shown);
    return run->starts && run->targets && run->out && run->found && run->shown
               ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY,
                           "not enough memory for a batch of %d sessions and %zu items each", BATCH,
                           run->k);
}

uint64_t evaluate_next_item_memory(const struct model *model, size_t length, size_t k,
                                   int threads) {
    size_t rows = model->input->rows;
    uint64_t items = length / 2 + 1, batch = BATCH_ITEMS < items ? BATCH_ITEMS : items;
    return search_memory(model, BATCH, 1, k, threads) + rows / 8 +
           BATCH * ((k < rows ? k : rows) * sizeof(struct neighbor) +
                    (model->input->columns + 1) * sizeof(float)) +
           (items + 2 * batch) * 2 * sizeof(uint32_t);
}

enum status evaluate_next_item(const struct model *model, const char *text, size_t length,
                               const struct session_options *options,
                               const struct candidates *candidates, size_t k,
                               enum word_case word_case, int threads, const struct stop *stop,
                               struct next_item_report *report, struct error *err) {
    struct next_items run = {.model = model,
                             .options = options,
                             .candidates = candidates,
                             .k = k,
                             .threads = threads,
                             .word_case = word_case,
                             .stop = stop,
                             .report = report};
    struct session_ids items = {0};
    struct text_part rest = text_begin(text, length), line;
    *report = (struct next_item_report){.catalogue = model->input->rows};
    if (candidates && candidates->among > 0 && candidates->among < report->catalogue)
        report->catalogue = candidates->among;
    enum status status = next_items_init(&run, err);
    if (status == STATUS_OK && evaluate_is_sessions(text, length))
        (void)text_line(&rest, &line);
    for (size_t number = 1; status == STATUS_OK && text_line(&rest, &line); number++) {
        if (number % STOP_LINES == 0)
            status = stop_check(stop, "the evaluation", err);
        if (status != STATUS_OK || line.length == 0)
            continue;
        status = session_items(model->vocabulary, word_case, line.text, line.length, &items, err);
        if (status == STATUS_OK)
            status = session_take(&run, &items, err);
    }
    if (status == STATUS_OK && run.n > 0)
        status = batch_run(&run, err);
    if (status == STATUS_OK && report->sessions == report->skipped_short)
        status = error_set(err, STATUS_REFUSED,
                           report->sessions == 0 ? "there is no session: a line is one, its items "
                                                   "separated by white space"
                                                 : "no session has two items: a line is a session, "
                                                   "its items separated by white space");
    report->folded = items.folded;
    report->k = run.k;
    free(items.ids);
    free(run.ids);
    free(run.starts);
    free(run.targets);
    free(run.out);
    free(run.found);
    free(run.shown);
    return status;
}
