/* Text, a line for each thing, tabs between its fields. */
#include "train/nonfinite_dump.h"

#include "base/buffer.h"
#include "base/file.h"
#include "train/worker.h"

struct nonfinite_span nonfinite_span(const struct nonfinite_block *block) {
    const struct kernel_chunk *chunk = &block->worker->chunk;
    uint32_t window = block->step->window;
    if (block->n == 0)
        return (struct nonfinite_span){0, 0};
    uint32_t low = chunk->centres[block->first] - window,
             high = chunk->centres[block->first + block->n - 1] + window;
    return (struct nonfinite_span){low, high - low + 1};
}

/* A dump under way. */
struct dump {
    const struct nonfinite_block *block;
    const struct kernel_chunk *chunk;
    struct nonfinite_span span;
    size_t stride;
    uint32_t columns;
    const float *inputs, *outputs, *noise; /* rows before the block */
    struct buffer *text;
};

static void put_word(struct dump *dump, uint32_t id) {
    size_t length;
    const char *word = vocabulary_word(dump->block->trainer->vocabulary, id, &length);
    buffer_print(dump->text, "\t%u\t", id);
    for (size_t i = 0; i < length; i++)
        switch (word[i]) {
        case '\\':
            buffer_append_text(dump->text, "\\\\");
            break;
        case '\t':
            buffer_append_text(dump->text, "\\t");
            break;
        case '\n':
            buffer_append_text(dump->text, "\\n");
            break;
        default:
            buffer_append_char(dump->text, word[i]);
        }
}

static void put_row(struct dump *dump, const float *row) {
    for (uint32_t j = 0; j < dump->columns; j++)
        buffer_print(dump->text, "\t%.9g", (double)row[j]);
    buffer_append_char(dump->text, '\n');
}

static void put_head(struct dump *dump, const struct nonfinite *found) {
    static const char *const places[] = {"input", "output", "score"};
    const struct nonfinite_block *block = dump->block;
    buffer_append_text(dump->text, "vecmill-nonfinite\t1\n");
    buffer_print(dump->text, "place\t%s", places[found->place]);
    put_word(dump, found->id);
    buffer_print(dump->text, "\t%zu\nstep\t%llu\nepoch\t%llu\nlearning_rate\t%.17g\n",
                 found->column, (unsigned long long)found->step, (unsigned long long)found->epoch,
                 found->rate);
    buffer_print(dump->text, "kernel\t%s\ncolumns\t%u\nwindow\t%u\n",
                 block->trainer->options->kernel->name, dump->columns, block->window);
}

static void put_rows(struct dump *dump) {
    const struct nonfinite_block *block = dump->block;
    for (uint32_t t = 0; t < block->n; t++) {
        uint32_t at = dump->chunk->centres[block->first + t];
        buffer_print(dump->text, "centre\t%u", at - dump->span.low);
        put_word(dump, dump->chunk->ids[at]);
        buffer_append_char(dump->text, '\n');
    }
    for (uint32_t i = 0; i < 2 * dump->span.count; i++) {
        bool input = i < dump->span.count;
        uint32_t at = input ? i : i - dump->span.count, id = dump->chunk->ids[dump->span.low + at];
        if (id == WORD_NONE)
            continue;
        buffer_print(dump->text, "%s\t%u", input ? "input" : "output", at);
        put_word(dump, id);
        buffer_print(dump->text, "\t%.9g",
                     input ? 0.0 : (double)dump->chunk->shift[dump->span.low + at]);
        put_row(dump, (input ? dump->inputs : dump->outputs) + at * dump->stride);
    }
    for (uint32_t k = 0; k < block->n_noise; k++) {
        buffer_print(dump->text, "noise\t%u", k);
        put_word(dump, block->noise->ids[k]);
        buffer_print(dump->text, "\t%.9g", (double)block->noise->shift[k]);
        put_row(dump, dump->noise + k * dump->stride);
    }
}

/* ---- scores ---------------------------------------------------------------------------------- */

/* The words of the window of position `at`: [at - *left, at + *right]. */
static void reach(const struct dump *dump, uint32_t at, uint32_t *left, uint32_t *right) {
    const uint32_t *ids = dump->chunk->ids;
    uint32_t window = dump->block->window;
    for (*left = 0; *left < window && ids[at - *left - 1] != WORD_NONE;)
        ++*left;
    for (*right = 0; *right < window && ids[at + *right + 1] != WORD_NONE;)
        ++*right;
}

/* The product of the centre's input vector, with CBOW the mean of its window, and a row. */
static double product(const struct dump *dump, uint32_t at, const float *row) {
    uint32_t left = 0, right = 0;
    double sum = 0;
    if (!dump->block->step->cbow) {
        const float *x = dump->inputs + (at - dump->span.low) * dump->stride;
        for (uint32_t j = 0; j < dump->columns; j++)
            sum += (double)x[j] * (double)row[j];
        return sum;
    }
    reach(dump, at, &left, &right);
    for (uint32_t p = at - left; p <= at + right; p++)
        for (uint32_t j = 0; p != at && j < dump->columns; j++)
            sum += (double)dump->inputs[(p - dump->span.low) * dump->stride + j] * (double)row[j];
    return left + right > 0 ? sum / (left + right) : 0;
}

static void put_score(struct dump *dump, const char *kind, uint32_t at, uint32_t number,
                      double score) {
    buffer_print(dump->text, "%s\t%u\t%u\t%.17g\n", kind, at - dump->span.low, number, score);
}

static void put_scores(struct dump *dump) {
    const struct nonfinite_block *block = dump->block;
    bool shared = !block->trainer->settings->exact_negatives;
    for (uint32_t t = 0; t < block->n; t++) {
        uint32_t at = dump->chunk->centres[block->first + t], left, right;
        reach(dump, at, &left, &right);
        uint32_t from = block->step->cbow ? at : at - left,
                 to = block->step->cbow ? at : at + right;
        for (uint32_t p = from; p <= to; p++)
            if (block->step->cbow ? left + right > 0 : p != at)
                put_score(dump, "positive", at, p - dump->span.low,
                          product(dump, at, dump->outputs + (p - dump->span.low) * dump->stride) -
                              (double)dump->chunk->shift[p]);
        for (uint32_t k = 0; shared && k < block->n_noise; k++)
            put_score(dump, "negative", at, k,
                      product(dump, at, dump->noise + k * dump->stride) -
                          (double)block->noise->shift[k]);
    }
}

bool nonfinite_dump(const struct nonfinite_block *block, const struct nonfinite *found) {
    const struct trainer *trainer = block->trainer;
    const float *rows = block->worker->seen.rows;
    struct buffer text = {0};
    struct error err = {0};
    struct nonfinite_span span = nonfinite_span(block);
    size_t stride = trainer->step.stride;
    if (!trainer->settings->nonfinite_dump || !trainer->options->dump || !rows)
        return false;
    struct dump dump = {.block = block,
                        .chunk = &block->worker->chunk,
                        .span = span,
                        .stride = stride,
                        .columns = trainer->step.columns,
                        .inputs = rows,
                        .outputs = rows + span.count * stride,
                        .noise = rows + (size_t)2 * span.count * stride,
                        .text = &text};
    put_head(&dump, found);
    put_rows(&dump);
    put_scores(&dump);
    enum status status = text.failed
                             ? error_set(&err, STATUS_NO_MEMORY, "out of memory")
                             : file_replace(trainer->options->dump, text.data, text.length, &err);
    buffer_clear(&text);
    if (status != STATUS_OK)
        log_line(trainer->options->logger, LOG_WARNING, "the block is not written: %s", err.text);
    return status == STATUS_OK;
}
