/* The weights of the centres. */
#ifndef VECMILL_KERNEL_BLOCK_WEIGHTS_H
#define VECMILL_KERNEL_BLOCK_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/block/block_clip.h"
#include "kernel/block/block_layout.h"
#include "kernel/block/block_operands.h"
#include "kernel/vector.h"

/* The weights -a w C_t d_t of the cells of the noise, and how far input rows move. */
static void block_weigh(struct block *b) {
    float unit = -b->step->rate * b->step->negative_weight;
    if (b->step->clip)
        block_count_repeats(b);
    if (b->whole && !b->step->cbow && !b->repeated) {
        const float *rate = b->chunk->rate + b->at[0];
        float weight = unit * (float)(2 * b->window);
        for (uint32_t t = 0; t < KERNEL_BLOCK; t++)
            b->weight[t] = weight, b->x_scale[t] = b->step->input_rate * rate[t];
        for (uint32_t i = 0; i < QUAD_CELLS; i += WIDTH)
            vec_store(b->weight_each + i, vec_set(weight));
        return;
    }
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++) {
        float positives = t < b->n ? (float)(b->start[t + 1] - b->start[t]) : 0.0f;
        b->weight[t] = unit * positives;
        b->x_scale[t] = b->step->input_rate;
        if (t < b->n)
            b->x_scale[t] *= b->step->cbow ? words_share(b, t) : b->chunk->rate[b->at[t]];
    }
    if (b->step->clip && b->repeated)
        for (uint32_t t = 0; t < b->n; t++)
            b->weight[t] *= b->discount[t];
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++)
        four_store(b->weight_each + (size_t)t * 4, b->weight[t] - (four){0});
}

#endif
