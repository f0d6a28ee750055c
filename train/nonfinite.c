/* Where a value that is not finite arose first. */
#include "train/nonfinite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "train/nonfinite_dump.h"
#include "train/report.h"
#include "train/schedule.h"
#include "train/worker.h"

#define WORD_SHOWN 80 /* bytes of a word in a message */

/* ---- the rows of a block --------------------------------------------------------------------- */

/* Kept rows are a courtesy: where there is no memory for them nothing is written. */
static bool rows_make_room(struct nonfinite_rows *seen, size_t floats) {
    if (floats <= seen->room)
        return true;
    free(seen->rows);
    seen->rows = aligned_alloc(64, (floats * sizeof(float) + 63) / 64 * 64);
    seen->room = seen->rows ? floats : 0;
    return seen->rows != NULL;
}

void nonfinite_before(const struct nonfinite_block *block) {
    const struct trainer *trainer = block->trainer;
    const struct kernel_train *train = trainer->options->kernel->train;
    const struct kernel_chunk *chunk = &block->worker->chunk;
    struct nonfinite_span span = nonfinite_span(block);
    size_t stride = trainer->step.stride;
    if (!trainer->settings->nonfinite_dump || !trainer->options->dump || block->n == 0 ||
        !rows_make_room(&block->worker->seen, (2 * (size_t)span.count + block->n_noise) * stride))
        return;
    float *to = block->worker->seen.rows;
    for (uint32_t i = 0; i < span.count; i++, to += stride)
        train->row_copy(chunk->input[span.low + i], to, stride);
    for (uint32_t i = 0; i < span.count; i++, to += stride)
        train->row_copy(chunk->output[span.low + i], to, stride);
    for (uint32_t k = 0; k < block->n_noise; k++, to += stride)
        train->row_copy(block->noise->rows[k], to, stride);
}

/* ---- looking --------------------------------------------------------------------------------- */

/* Is it in this row? */
static bool look_at(const struct nonfinite_block *block, const float *row,
                    enum nonfinite_place place, uint32_t id, struct nonfinite *found) {
    const struct kernel *kernel = block->trainer->options->kernel;
    size_t stride = block->trainer->step.stride;
    float *copy = block->worker->before;
    if (id == WORD_NONE || kernel->train->row_is_finite(row, stride))
        return false;
    kernel->train->row_copy(row, copy, stride);
    found->place = place, found->id = id;
    found->column = kernel->first_nonfinite(copy, stride);
    return true;
}

static bool look(const struct nonfinite_block *block, double loss, struct nonfinite *found) {
    const struct kernel_chunk *chunk = &block->worker->chunk;
    struct nonfinite_span span = nonfinite_span(block);
    for (uint32_t i = span.low; i < span.low + span.count; i++)
        if (look_at(block, chunk->input[i], NONFINITE_IN_INPUT, chunk->ids[i], found))
            return true;
    for (uint32_t i = span.low; i < span.low + span.count; i++)
        if (look_at(block, chunk->output[i], NONFINITE_IN_OUTPUT, chunk->ids[i], found))
            return true;
    for (uint32_t k = 0; k < block->n_noise; k++)
        if (look_at(block, block->noise->rows[k], NONFINITE_IN_OUTPUT, block->noise->ids[k], found))
            return true;
    if (isfinite(loss))
        return false;
    found->place = NONFINITE_IN_SCORE, found->id = chunk->ids[chunk->centres[block->first]];
    return true;
}

bool nonfinite_after(const struct nonfinite_block *block, double loss) {
    const struct trainer *trainer = block->trainer;
    struct nonfinite *search = trainer->search, found = *search;
    bool over = false;
    if (block->n > 0 && look(block, loss, &found)) {
        uint64_t words = atomic_load(&trainer->words_done);
        found.found = true;
        found.step = atomic_load(&trainer->steps_done) + block->worker->steps;
        found.epoch = words / trainer->corpus->words + 1;
        found.rate = (double)block->step->rate;
    }
#pragma omp critical(trainer_nonfinite)
    {
        if (found.found && !search->found) {
            found.dumped = nonfinite_dump(block, &found);
            *search = found;
        }
        over = search->found;
    }
    return over;
}

/* ---- telling --------------------------------------------------------------------------------- */

enum status nonfinite_error(const struct trainer *trainer, const struct nonfinite *found,
                            struct error *err) {
    static const char *const places[] = {"the input row", "the output row", "a score of the block"};
    size_t length;
    char column[48] = "";
    const char *word = vocabulary_word(trainer->vocabulary, found->id, &length);
    switch (found->place) {
    case NONFINITE_IN_INPUT:
    case NONFINITE_IN_OUTPUT:
        snprintf(column, sizeof column, " in column %zu", found->column);
        break;
    case NONFINITE_IN_SCORE:
        break;
    }
    return error_set(
        err, STATUS_DIVERGED,
        "training diverged: the first non-finite value is in %s of '%.*s' "
        "(id %u)%s, at step %llu, epoch %llu, learning rate %g; try a smaller "
        "learning_rate or keep guard = true%s%.200s",
        places[found->place], (int)(length < WORD_SHOWN ? length : WORD_SHOWN), word, found->id,
        column, (unsigned long long)found->step, (unsigned long long)found->epoch, found->rate,
        found->dumped ? "; its block is in " : "", found->dumped ? trainer->options->dump : "");
}

void nonfinite_tell(struct trainer *trainer, const struct nonfinite *found) {
    struct error told = {0};
    status_ignore(nonfinite_error(trainer, found, &told));
    trainer_warn(trainer, "%s", told.text);
}
