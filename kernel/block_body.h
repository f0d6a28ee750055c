/* One training block, stage by stage: see train_step.h for the mathematics. Included once by each kernel_*.c. */
#include "kernel/block_layout.h"

/* ---- what the block consists of -------------------------------------------------------------------------------- */

/* Counting sort by window: no branch depends on the random windows. */
static void block_sort(struct block *b, uint32_t first, const uint32_t *windows) {
    uint32_t *size = b->ws->class_size, largest = b->step->window;
    memset(size, 0, (largest + 2) * sizeof *size);
    for (uint32_t i = 0; i < b->n; i++)
        size[windows[i] + 1]++;
    for (uint32_t w = 1; w <= largest; w++)
        size[w + 1] += size[w];
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t place = size[windows[i]]++;
        b->at[place] = b->chunk->centres[first + i];
        b->window[place] = windows[i];
    }
}

static void block_open(struct block *b, uint32_t first, const uint32_t *windows) {
    const uint32_t *ids = b->chunk->ids, *centres = b->chunk->centres + first;
    uint32_t reach = b->step->window, pair = 0;
    block_sort(b, first, windows);
    for (uint32_t t = 0; t < b->n; t++) {
        b->start[t] = pair;
        b->count[t] = 2 * b->window[t];
        pair += b->step->cbow ? 1 : 2 * b->window[t];
    }
    b->start[b->n] = pair;
    /* Separators come `window` at a time, so one can only be in reach if it is at the outer end of a window, or between
     * centres. */
    b->edge = ids[centres[0] - reach] == KERNEL_NO_WORD || ids[centres[b->n - 1] + reach] == KERNEL_NO_WORD ||
              centres[b->n - 1] - centres[0] != b->n - 1;
    if (!b->edge)
        return;
    for (uint32_t t = 0; t < b->n; t++) {
        const uint32_t *centre = ids + b->at[t];
        for (uint32_t i = 1; i <= b->window[t]; i++)
            b->count[t] -= (uint32_t)(*(centre - i) == KERNEL_NO_WORD) + (uint32_t)(centre[i] == KERNEL_NO_WORD);
    }
}

/* m_t, and the discount of a centre that stands often in its block: every copy would take a full step from the same
 * stale row, and the sum of them diverges ("if if if if switch if"). */
static void block_count_repeats(struct block *b) {
    _Alignas(64) int32_t id[KERNEL_BLOCK];
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++)
        id[t] = t < b->n ? (int32_t)b->chunk->ids[b->at[t]] : -2 - (int32_t)t;
    ivec same[LANES] = {{0}};
    for (uint32_t q = 0; q < KERNEL_BLOCK; q++)
        UNROLL
    for (int l = 0; l < LANES; l++)
        same[l] -= (ivec)(*(const ivec *)(const void *)(id + l * WIDTH) == (id[q] - (ivec){0}));
    float limit = b->step->guard_repeat;
    b->repeated = false;
    for (int l = 0; l < LANES; l++) {
        vec multiple = __builtin_convertvector(same[l], vec);
        vec_store(b->multiple + l * WIDTH, multiple);
        vec_store(b->discount + l * WIDTH, vec_set(limit) / vec_max(multiple, vec_set(limit)));
    }
    for (uint32_t t = 0; t < b->n; t++)
        b->repeated |= b->multiple[t] > limit;
}

static void block_weigh(struct block *b) {
    float unit = -b->step->rate * b->step->negative_weight;
    if (b->step->guard)
        block_count_repeats(b);
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++) {
        float positives = t >= b->n ? 0.0f : b->step->cbow ? (float)(b->count[t] > 0) : (float)b->count[t];
        b->weight[t] = unit * positives;
        b->x_scale[t] = b->step->input_rate * (t < b->n && !b->step->cbow ? b->chunk->rate[b->at[t]] : 1.0f);
    }
    if (b->step->guard && b->repeated)
        for (uint32_t t = 0; t < b->n; t++)
            b->weight[t] *= b->discount[t];
}

/* ---- positive scores -------------------------------------------------------------------------------------------- */

INLINE void dot_row(const vec *x, const float *row, float *partial, const int n, bool first) {
    vec sum = x[0] * row_load(row);
    UNROLL
    for (int j = 1; j < n; j++)
        sum += x[j] * row_load(row + j * WIDTH);
    if (!first)
        sum += vec_load(partial);
    vec_store(partial, sum);
}

/* Copies the centres' input vectors and multiplies them with the rows of their windows, n vectors of each row from
 * vector j on. */
INLINE void dots_piece(struct block *b, uint32_t from, const int n) {
    const struct kernel_chunk *chunk = b->chunk;
    size_t stride = b->step->stride, j = (size_t)from * WIDTH;
    for (uint32_t t = 0; t < b->n; t++) {
        uint32_t at = b->at[t], w = b->window[t];
        if (from == 0 && at + b->ahead + b->step->window < chunk->length) {
            PREFETCH_ROW(chunk->input[at + b->ahead], stride);
            PREFETCH_ROW(chunk->output[at + b->ahead + b->step->window], stride);
        }
        const float *row = chunk->input[at] + j;
        vec x[ROW_TILE];
        UNROLL
        for (int i = 0; i < n; i++) {
            x[i] = row_load(row + i * WIDTH);
            vec_store(b->ws->x + t * stride + j + i * WIDTH, x[i]);
        }
        float *partial = b->ws->partial + (size_t)b->start[t] * WIDTH;
        for (uint32_t i = 0; i < w; i++, partial += WIDTH)
            dot_row(x, chunk->output[at - w + i] + j, partial, n, from == 0);
        for (uint32_t i = 1; i <= w; i++, partial += WIDTH)
            dot_row(x, chunk->output[at + i] + j, partial, n, from == 0);
    }
}

/* CBOW: the input vector is the mean of the window's input rows, the positive is the centre's output row. */
INLINE void mean_piece(struct block *b, uint32_t from, const int n) {
    const struct kernel_chunk *chunk = b->chunk;
    size_t stride = b->step->stride, j = (size_t)from * WIDTH;
    for (uint32_t t = 0; t < b->n; t++) {
        uint32_t at = b->at[t], w = b->window[t];
        if (from == 0 && at + b->ahead + b->step->window < chunk->length) {
            PREFETCH_ROW(chunk->output[at + b->ahead], stride);
            PREFETCH_ROW(chunk->input[at + b->ahead + b->step->window], stride);
        }
        vec x[ROW_TILE] = {{0}};
        for (uint32_t i = 1; i <= w; i++) {
            const float *left = chunk->input[at - i] + j, *right = chunk->input[at + i] + j;
            UNROLL
            for (int v = 0; v < n; v++)
                x[v] += row_load(left + v * WIDTH) + row_load(right + v * WIDTH);
        }
        vec share = vec_set(b->count[t] ? 1.0f / (float)b->count[t] : 0.0f);
        UNROLL
        for (int v = 0; v < n; v++) {
            x[v] *= share;
            vec_store(b->ws->x + t * stride + j + v * WIDTH, x[v]);
        }
        dot_row(x, chunk->output[at] + j, b->ws->partial + (size_t)b->start[t] * WIDTH, n, from == 0);
    }
}

/* ---- positive updates ------------------------------------------------------------------------------------------- */

INLINE void update_row(const vec *x, vec *d, float *row, float g, const int n) {
    vec step = vec_set(g);
    UNROLL
    for (int j = 0; j < n; j++) {
        vec o = row_load(row + j * WIDTH);
        d[j] += step * o;
        row_store(row + j * WIDTH, o + step * x[j]);
    }
}

INLINE void update_piece(struct block *b, uint32_t from, const int n) {
    size_t stride = b->step->stride, j = (size_t)from * WIDTH;
    for (uint32_t t = 0; t < b->n; t++) {
        uint32_t at = b->at[t], w = b->window[t];
        const float *g = b->ws->pair_g + b->start[t];
        for (uint32_t k = t; from == 0 && b->next && k < b->step->noise; k += KERNEL_BLOCK)
            PREFETCH_ROW(b->next->rows[k], stride);
        vec x[ROW_TILE], d[ROW_TILE];
        UNROLL
        for (int i = 0; i < n; i++) {
            x[i] = vec_load(b->ws->x + t * stride + j + i * WIDTH);
            d[i] = vec_set(0.0f);
        }
        if (b->step->cbow) {
            update_row(x, d, b->chunk->output[at] + j, *g, n);
        } else {
            for (uint32_t i = 0; i < w; i++)
                update_row(x, d, b->chunk->output[at - w + i] + j, *g++, n);
            for (uint32_t i = 1; i <= w; i++)
                update_row(x, d, b->chunk->output[at + i] + j, *g++, n);
        }
        UNROLL
        for (int i = 0; i < n; i++)
            vec_store(b->ws->d + t * stride + j + i * WIDTH, d[i]);
    }
}

/* The length of a piece is a constant inside each case: its vectors stay in registers. */
#define PIECE_SWITCH(function, b, from, n)        \
    switch (n) {                                  \
    case 1:                                       \
        function(b, from, 1);                     \
        break;                                    \
    case 2:                                       \
        function(b, from, 2 <= ROW_TILE ? 2 : 1); \
        break;                                    \
    case 3:                                       \
        function(b, from, 3 <= ROW_TILE ? 3 : 1); \
        break;                                    \
    case 4:                                       \
        function(b, from, 4 <= ROW_TILE ? 4 : 1); \
        break;                                    \
    case 5:                                       \
        function(b, from, 5 <= ROW_TILE ? 5 : 1); \
        break;                                    \
    case 6:                                       \
        function(b, from, 6 <= ROW_TILE ? 6 : 1); \
        break;                                    \
    case 7:                                       \
        function(b, from, 7 <= ROW_TILE ? 7 : 1); \
        break;                                    \
    default:                                      \
        function(b, from, 8 <= ROW_TILE ? 8 : 1); \
        break;                                    \
    }

static __attribute__((noinline)) void block_dots(struct block *b) {
    FOR_PIECES(b->ws->vectors, ROW_TILE, n, from)
    PIECE_SWITCH(dots_piece, b, from, n)
}

static __attribute__((noinline)) void block_means(struct block *b) {
    FOR_PIECES(b->ws->vectors, ROW_TILE, n, from)
    PIECE_SWITCH(mean_piece, b, from, n)
}

static __attribute__((noinline)) void block_update_positives(struct block *b) {
    FOR_PIECES(b->ws->vectors, ROW_TILE, n, from)
    PIECE_SWITCH(update_piece, b, from, n)
}

/* Copies the shifts of each pair's positive; whole vectors, the next copy overwrites what was too much. */
static void block_gather_shifts(struct block *b) {
    const float *shift = b->chunk->shift;
    for (uint32_t t = 0; t < b->n; t++) {
        uint32_t at = b->at[t], w = b->window[t];
        float *to = b->ws->pair_shift + b->start[t];
        if (b->step->cbow) {
            *to = shift[at];
            continue;
        }
        for (uint32_t i = 0; i < w; i += 16)
            memcpy(to + i, shift + at - w + i, 64);
        for (uint32_t i = 0; i < w; i += 16)
            memcpy(to + w + i, shift + at + 1 + i, 64);
    }
}

/* Sums the lanes, subtracts the shift; for the logistic loss turns scores into gradients. */
static __attribute__((noinline)) void block_score_positives(struct block *b) {
    struct kernel_workspace *ws = b->ws;
    bool logistic = b->step->loss_kind == KERNEL_LOGISTIC;
    vec rate_a = vec_set(b->step->rate * b->step->positive_a), rate_b = vec_set(b->step->rate * b->step->positive_b);
    block_gather_shifts(b);
    for (uint32_t i = 0; i < b->start[b->n]; i += WIDTH) {
        vec v[WIDTH];
        UNROLL
        for (int k = 0; k < WIDTH; k++)
            v[k] = vec_load(ws->partial + (size_t)(i + (uint32_t)k) * WIDTH);
        vec s = vec_sum_each(v) - vec_load(ws->pair_shift + i);
        if (b->want_logits)
            vec_store(ws->pair_logit + i, s);
        if (logistic)
            vec_store(ws->pair_g + i, rate_a - rate_b * vec_sigmoid(s));
    }
}

/* Separators learn nothing; a centre with repeats learns less. */
static void block_correct_positives(struct block *b) {
    if (b->edge)
        for (uint32_t t = 0; t < b->n; t++) {
            float *g = b->ws->pair_g + b->start[t];
            const uint32_t *ids = b->chunk->ids + b->at[t];
            uint32_t w = b->window[t];
            if (b->step->cbow && b->count[t] == 0)
                *g = 0.0f;
            for (uint32_t i = 0; !b->step->cbow && i < w; i++) {
                g[i] = *(ids - w + i) == KERNEL_NO_WORD ? 0.0f : g[i];
                g[w + i] = ids[1 + i] == KERNEL_NO_WORD ? 0.0f : g[w + i];
            }
        }
    if (b->step->guard && b->repeated)
        for (uint32_t t = 0; t < b->n; t++)
            for (uint32_t i = b->start[t]; i < b->start[t + 1]; i++)
                b->ws->pair_g[i] *= b->discount[t];
}

#include "kernel/block_noise.h"
#include "kernel/block_pairs.h"

static void block_step(const struct kernel_step *step, struct kernel_workspace *ws, const struct kernel_chunk *chunk,
                       uint32_t first, uint32_t n, const uint32_t *windows, const struct kernel_noise *noise,
                       const struct kernel_noise *next, struct kernel_loss *loss) {
    if (!ws->ready)
        workspace_lay_out(step, (char *)ws, ws);
    struct block b;
    b.step = step, b.ws = ws, b.chunk = chunk, b.noise = noise, b.next = next;
    b.n = n, b.ahead = KERNEL_BLOCK;
    b.want_logits = loss || step->remove_hits || step->loss_kind == KERNEL_SOFTMAX;
    block_open(&b, first, windows);
    block_weigh(&b);
    if (step->cbow)
        block_means(&b);
    else
        block_dots(&b);
    block_score_positives(&b);
    block_gather_noise(&b);
    block_score_noise(&b);
    if (step->loss_kind == KERNEL_SOFTMAX)
        block_softmax(&b);
    if (loss)
        block_add_loss(&b, loss);
    block_correct_positives(&b);
    if (step->remove_hits && step->loss_kind == KERNEL_LOGISTIC)
        block_remove_hits(&b);
    if (step->guard)
        block_guard(&b);
    block_update_positives(&b);
    block_update_inputs(&b);
    block_update_noise(&b);
    if (step->cbow)
        block_spread_inputs(&b);
}
