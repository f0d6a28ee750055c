/* One training block, stage by stage: see train_step.h for the mathematics. Included once by each
 * kernel_*.c. */
#include "kernel/block/product.h"

#include "kernel/block/block_layout.h"
#include "kernel/block/block_quads.h"
#include "kernel/block/block_rows.h"

/* ---- what the block consists of -------------------------------------------------------------- */

/* Words from a centre to the nearest separator, at most `max`; step is 1 or -1. */
INLINE uint32_t words_beside(const uint32_t *id, ptrdiff_t step, uint32_t max) {
    uint32_t n = 0;
    while (n < max && *(id += step) != WORD_NONE)
        n++;
    return n;
}

/* Cuts the windows at separators and finds the runs of neighbouring centres. */
static void block_reach(struct block *b) {
    const uint32_t *ids = b->chunk->ids, *at = b->at;
    uint32_t window = b->window;
    b->runs = 0;
    for (uint32_t t = 0; t < b->n; t++) {
        bool follows = t > 0 && at[t] == at[t - 1] + 1;
        if (!follows)
            b->run[b->runs++] = t;
        uint32_t left = follows ? b->left[t - 1] + 1 : words_beside(ids + at[t], -1, window);
        b->left[t] = left < window ? left : window;
    }
    b->run[b->runs] = b->n;
    for (uint32_t r = b->runs; r-- > 0;) {
        uint32_t right = words_beside(ids + at[b->run[r + 1] - 1], 1, window);
        for (uint32_t t = b->run[r + 1]; t-- > b->run[r]; right++)
            b->right[t] = right < window ? right : window;
    }
}

/* All centres are neighbours and no window is cut. */
static bool block_is_whole(const struct block *b) {
    uint32_t first = b->at[0], window = b->window, cut = 0;
    if (b->n < KERNEL_BLOCK || b->at[KERNEL_BLOCK - 1] - first != KERNEL_BLOCK - 1)
        return false;
    const uint32_t *ids = b->chunk->ids + first - window;
    for (uint32_t i = 0; i < KERNEL_BLOCK + 2 * window; i++)
        cut |= ids[i] == WORD_NONE;
    return cut == 0;
}

static void block_open_whole(struct block *b) {
    uint32_t window = b->window, each = b->step->cbow ? 1 : 2 * window;
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++) {
        b->left[t] = b->right[t] = window;
        b->start[t] = t * each;
    }
    b->start[KERNEL_BLOCK] = KERNEL_BLOCK * each;
    b->run[0] = 0, b->run[1] = KERNEL_BLOCK, b->runs = 1;
}

static void block_open_cut(struct block *b) {
    uint32_t pair = 0;
    block_reach(b);
    for (uint32_t t = 0; t < b->n; t++) {
        uint32_t context = b->left[t] + b->right[t];
        b->start[t] = pair;
        pair += b->step->cbow ? context > 0 : context;
    }
    b->start[b->n] = pair;
}

static void block_open(struct block *b) {
    b->whole = block_is_whole(b);
    b->whole ? block_open_whole(b) : block_open_cut(b);
    for (uint32_t t = 0; t < KERNEL_BLOCK && !b->step->cbow; t++)
        b->x[t] = t < b->n ? b->chunk->input[b->at[t]] : b->chunk->zero;
}

/* m_t, and the discount of a centre that stands often in its block: every copy would take a full
 * step from the same stale row, and the sum of them diverges ("if if if if switch if"). */
static void block_count_repeats(struct block *b) {
    _Alignas(64) int32_t id[KERNEL_BLOCK];
    if (b->whole)
        memcpy(id, b->chunk->ids + b->at[0], sizeof id);
    for (uint32_t t = 0; t < KERNEL_BLOCK && !b->whole; t++)
        id[t] = t < b->n ? (int32_t)b->chunk->ids[b->at[t]] : -2 - (int32_t)t;
    ivec same[LANES] = {{0}};
    for (uint32_t q = 0; q < KERNEL_BLOCK; q++)
        UNROLL_FOR(int l = 0; l < LANES; l++)
            same[l] -= (ivec)(*(const ivec *)(const void *)(id + l * WIDTH) == (id[q] - (ivec){0}));
    float limit = b->step->clip_repeat;
    float max = 0;
    for (int l = 0; l < LANES; l++) {
        vec_store(b->multiple + l * WIDTH, __builtin_convertvector(same[l], vec));
        vec_store(b->discount + l * WIDTH, vec_set(1.0f));
    }
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++)
        max = b->multiple[t] > max ? b->multiple[t] : max;
    b->repeated = max > limit;
    for (uint32_t t = 0; b->repeated && t < b->n; t++)
        b->discount[t] = limit / fmaxf(b->multiple[t], limit);
}

static void block_weigh(struct block *b) {
    float unit = -b->step->rate * b->step->negative_weight;
    if (b->step->clip)
        block_count_repeats(b);
    if (b->whole && !b->step->cbow && !b->repeated) {
        const float *rate = b->chunk->rate + b->at[0];
        float weight = unit * (float)(2 * b->window);
        for (uint32_t t = 0; t < KERNEL_BLOCK; t++)
            b->weight[t] = weight, b->x_scale[t] = b->step->input_rate * rate[t];
        for (uint32_t i = 0; i < CELLS; i += WIDTH)
            vec_store(b->weight_each + i, vec_set(weight));
        return;
    }
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++) {
        float positives = t < b->n ? (float)(b->start[t + 1] - b->start[t]) : 0.0f;
        b->weight[t] = unit * positives;
        b->x_scale[t] =
            b->step->input_rate * (t < b->n && !b->step->cbow ? b->chunk->rate[b->at[t]] : 1.0f);
    }
    if (b->step->clip && b->repeated)
        for (uint32_t t = 0; t < b->n; t++)
            b->weight[t] *= b->discount[t];
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++)
        four_store(b->weight_each + (size_t)t * 4, b->weight[t] - (four){0});
}

/* The id of pair i of centre t: the positive whose score and gradient stand at pair_at(b, t, i). */
INLINE uint32_t pair_word(const struct block *b, uint32_t t, uint32_t i) {
    const uint32_t *ids = b->chunk->ids + b->at[t];
    uint32_t left = b->left[t];
    return b->step->cbow ? *ids : i < left ? *(ids - left + i) : ids[1 + i - left];
}

#include "kernel/block/block_band.h"
#include "kernel/block/block_cbow.h"
#include "kernel/block/block_noise.h"

#include "kernel/block/block_loss.h"
#include "kernel/block/block_pairs.h"

/* The gradients of the positives are known; band_gradients has rounded its own. */
static void block_finish_positives(struct block *b) {
    if (b->repeated)
        block_discount_positives(b);
    if (b->repeated || b->step->cbow || b->step->loss_kind == KERNEL_SOFTMAX)
        block_round_positives(b);
}

static void block_noise(struct block *b, struct kernel_loss *loss) {
    bool softmax = b->step->loss_kind == KERNEL_SOFTMAX;
    block_score_noise(b);
    if (softmax) {
        block_softmax(b);
        block_finish_positives(b);
    }
    if (loss && !softmax)
        block_add_noise_loss(b, loss);
    if (b->step->remove_hits && !softmax)
        block_remove_hits(b);
    if (b->step->clip)
        block_clip_noise(b);
    else
        block_round_gradients(b);
}

static void block_step(const struct kernel_step *step, struct kernel_workspace *ws,
                       const struct kernel_chunk *chunk, uint32_t first, uint32_t n,
                       uint32_t window, const struct kernel_noise *noise,
                       const struct kernel_noise *next, struct kernel_loss *loss) {
    if (!ws->ready)
        workspace_lay_out(step, (char *)ws, ws);
    struct block b;
    b.step = step, b.ws = ws, b.chunk = chunk, b.noise = noise, b.next = next;
    b.n = n, b.window = window, b.at = chunk->centres + first, b.repeated = false;
    b.want_logits = loss || step->remove_hits || step->loss_kind == KERNEL_SOFTMAX;
    block_open(&b);
    block_weigh(&b);
    if (step->cbow)
        block_means(&b);
    block_gather_inputs(&b);
    step->cbow ? block_score_centres(&b) : block_score_positives(&b);
    if (step->loss_kind == KERNEL_LOGISTIC)
        block_finish_positives(&b);
    block_noise(&b, loss);
    if (loss)
        block_add_loss(&b, loss);
    if (step->clip)
        block_clip_inputs(&b);
    block_update_inputs(&b); /* first: sums over output rows, which DEPTH 1 has no copies of */
    block_update_noise(&b);
    block_update_contexts(&b);
    if (step->cbow)
        block_spread_inputs(&b);
}
