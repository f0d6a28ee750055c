/* One training block, stage by stage: see train_step.h for the mathematics. Included once by each kernel_*.c. */
#include "kernel/product.h"

#include "kernel/block_layout.h"

/* ---- what the block consists of -------------------------------------------------------------------------------- */

/* Words from a centre to the nearest separator, at most `most`; step is 1 or -1. */
INLINE uint32_t words_beside(const uint32_t *id, ptrdiff_t step, uint32_t most) {
    uint32_t n = 0;
    while (n < most && *(id += step) != KERNEL_NO_WORD)
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

static void block_open(struct block *b) {
    uint32_t pair = 0;
    block_reach(b);
    for (uint32_t t = 0; t < b->n; t++) {
        uint32_t context = b->left[t] + b->right[t];
        b->start[t] = pair;
        b->base[t] = pair + b->left[t] - b->at[t];
        pair += b->step->cbow ? context > 0 : context;
    }
    b->start[b->n] = pair;
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++)
        b->x[t] = t >= b->n       ? b->chunk->zero
                  : b->step->cbow ? b->ws->x + t * b->step->stride
                                  : b->chunk->input[b->at[t]];
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
        float positives = t < b->n ? (float)(b->start[t + 1] - b->start[t]) : 0.0f;
        b->weight[t] = unit * positives;
        b->x_scale[t] = b->step->input_rate * (t < b->n && !b->step->cbow ? b->chunk->rate[b->at[t]] : 1.0f);
    }
    if (b->step->guard && b->repeated)
        for (uint32_t t = 0; t < b->n; t++)
            b->weight[t] *= b->discount[t];
}

/* ---- pairs of neighbours ---------------------------------------------------------------------------------------- */

/* A centre at position i and a context word at p are a pair when 0 < |i - p| <= window, both in one run's reach. Two
 * neighbours i and i + 1 have nearly the same partners: first has those from low[0] to high[0], second those from
 * low[1] to high[1], each 0 or 1 further. Visits both at once where it can, so that a partner's row is loaded once for
 * two pairs. */
struct partners {
    uint32_t low[2], high[2];
};

#define VISIT_SIDE(low0, high0, low1, high1, after, BOTH, ONE)                       \
    do {                                                                             \
        uint32_t low0_ = (low0), high0_ = (high0), low1_ = (low1), high1_ = (high1); \
        if (low0_ < low1_ && low0_ <= high0_)                                        \
            ONE(0, low0_, after);                                                    \
        for (uint32_t p_ = low1_; p_ <= high0_; p_++)                                \
            BOTH(p_, after);                                                         \
        if (high0_ < high1_ && low1_ <= high1_)                                      \
            ONE(1, high1_, after);                                                   \
    } while (0)

/* after: 1 when p lies behind the one of the two that it is a partner of, else 0. i is at least 1: separators stand
 * before the first word of a chunk. */
#define VISIT_TWO(i, partners, BOTH, ONE)                                                   \
    do {                                                                                    \
        const uint32_t *l_ = (partners).low, *h_ = (partners).high, i_ = (i);               \
        VISIT_SIDE(l_[0], least(h_[0], i_ - 1), l_[1], least(h_[1], i_ - 1), 0, BOTH, ONE); \
        if (l_[1] <= i_ && i_ <= h_[1])                                                     \
            ONE(1, i_, 0);                                                                  \
        if (l_[0] <= i_ + 1 && i_ + 1 <= h_[0])                                             \
            ONE(0, i_ + 1, 1);                                                              \
        VISIT_SIDE(most(l_[0], i_ + 2), h_[0], most(l_[1], i_ + 2), h_[1], 1, BOTH, ONE);   \
    } while (0)

#define VISIT_ONE(i, partners, ONE)                                                        \
    do {                                                                                   \
        for (uint32_t p_ = (partners).low[0], end_ = (partners).high[0]; p_ <= end_; p_++) \
            if (p_ != (i))                                                                 \
                ONE(0, p_, p_ > (i));                                                      \
    } while (0)

/* The context words of centre t, and of t + 1 when it is a neighbour. */
INLINE struct partners centre_partners(const struct block *b, uint32_t t, bool two) {
    uint32_t u = two ? t + 1 : t;
    return (struct partners){{b->at[t] - b->left[t], b->at[u] - b->left[u]},
                             {b->at[t] + b->right[t], b->at[u] + b->right[u]}};
}

/* The centres of a run that have position c as a context word, and those of c + 1. */
INLINE struct partners context_partners(const struct block *b, uint32_t run, uint32_t c) {
    uint32_t low = b->at[b->run[run]], high = b->at[b->run[run + 1] - 1], window = b->window;
    return (struct partners){{most(low + window, c) - window, most(low + window, c + 1) - window},
                             {least(high, c + window), least(high, c + 1 + window)}};
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

INLINE void load_row(vec *x, const float *row, const int n) {
    UNROLL
    for (int i = 0; i < n; i++)
        x[i] = row_load(row + i * WIDTH);
}

/* sum += g row */
INLINE void add_row(vec *sum, const float *row, float g, const int n) {
    vec weight = vec_set(g);
    UNROLL
    for (int i = 0; i < n; i++)
        sum[i] += weight * row_load(row + i * WIDTH);
}

INLINE void add_row_two(vec *x, vec *y, const float *row, float g, float h, const int n) {
    vec to_x = vec_set(g), to_y = vec_set(h);
    UNROLL
    for (int i = 0; i < n; i++) {
        vec o = row_load(row + i * WIDTH);
        x[i] += to_x * o;
        y[i] += to_y * o;
    }
}

INLINE void store_row(float *to, const vec *x, const int n) {
    UNROLL
    for (int i = 0; i < n; i++)
        vec_store(to + i * WIDTH, x[i]);
}

INLINE void add_to_row(float *row, const vec *sum, const int n) {
    UNROLL
    for (int i = 0; i < n; i++)
        row_store(row + i * WIDTH, row_load(row + i * WIDTH) + sum[i]);
}

/* Positions [low, high] that the windows of a run reach. */
INLINE uint32_t run_low(const struct block *b, uint32_t run) {
    uint32_t first = b->run[run];
    return b->at[first] - b->left[first];
}

INLINE uint32_t run_high(const struct block *b, uint32_t run) {
    uint32_t last = b->run[run + 1] - 1;
    return b->at[last] + b->right[last];
}

/* A stage that takes one run after the other, a piece of its rows at a time. */
#define RUN_STAGE(name, piece)                                    \
    static __attribute__((noinline)) void name(struct block *b) { \
        for (uint32_t run = 0; run < b->runs; run++)              \
            FOR_PIECES(b->ws->vectors, b->ws->row_piece, n, from) \
        PIECE_SWITCH(piece, b, run, from, n)                      \
    }

/* ---- positive scores -------------------------------------------------------------------------------------------- */

/* Dot products of n vectors of x with a row; `first`: of a row's first vectors, else added to what is there. */
INLINE void dot_row(const vec *x, const float *row, float *partial, const int n, bool first) {
    vec sum = x[0] * row_load(row);
    UNROLL
    for (int j = 1; j < n; j++)
        sum += x[j] * row_load(row + j * WIDTH);
    if (!first)
        sum += vec_load(partial);
    vec_store(partial, sum);
}

INLINE void dot_row_two(const vec *x, const vec *y, const float *row, float *to_x, float *to_y, const int n,
                        bool first) {
    vec o = row_load(row), sum_x = x[0] * o, sum_y = y[0] * o;
    UNROLL
    for (int j = 1; j < n; j++) {
        o = row_load(row + j * WIDTH);
        sum_x += x[j] * o;
        sum_y += y[j] * o;
    }
    if (!first)
        sum_x += vec_load(to_x), sum_y += vec_load(to_y);
    vec_store(to_x, sum_x);
    vec_store(to_y, sum_y);
}

/* Rows of the block after this one, two for each centre: spread over the work, where a burst would wait. Its noise rows
 * are fetched by block_update_noise. */
INLINE void prefetch_ahead(const struct block *b, float *const *centre, float *const *context, uint32_t t) {
    uint32_t at = b->at[t] + KERNEL_BLOCK;
    if (at + b->step->window >= b->chunk->length)
        return;
    PREFETCH_ROW(centre[at], b->step->stride);
    PREFETCH_ROW(context[at + b->step->window], b->step->stride);
}

/* Products of the centres' input vectors with the rows of their windows, n vectors of each row from vector `from` on.
 */
INLINE void dots_piece(struct block *b, uint32_t run, uint32_t from, const int n) {
    size_t j = (size_t)from * WIDTH;
    float *const *output = b->chunk->output, *partial = b->ws->partial;
    bool first = from == 0;
    vec x[2][ROW_TILE];
#define PARTIAL(r, p, after) (partial + (size_t)(base[r] + (p) - (after)) * WIDTH)
#define BOTH(p, after) dot_row_two(x[0], x[1], output[p] + j, PARTIAL(0, p, after), PARTIAL(1, p, after), n, first)
#define ONE(r, p, after) dot_row(x[r], output[p] + j, PARTIAL(r, p, after), n, first)
    for (uint32_t t = b->run[run], end = b->run[run + 1]; t < end; t += 2) {
        bool two = t + 1 < end;
        for (uint32_t u = t; first && u < t + 1 + two; u++)
            prefetch_ahead(b, b->chunk->input, output, u);
        struct partners near = centre_partners(b, t, two);
        uint32_t base[2] = {b->base[t], b->base[t + two]};
        load_row(x[0], b->x[t] + j, n);
        if (two) {
            load_row(x[1], b->x[t + 1] + j, n);
            VISIT_TWO(b->at[t], near, BOTH, ONE);
        } else {
            VISIT_ONE(b->at[t], near, ONE);
        }
    }
#undef PARTIAL
#undef BOTH
#undef ONE
}

/* CBOW: the input vector is the mean of the window's input rows, the positive is the centre's output row. */
INLINE void means_piece(struct block *b, uint32_t run, uint32_t from, const int n) {
    float *const *input = b->chunk->input, *partial = b->ws->partial;
    size_t stride = b->step->stride, j = (size_t)from * WIDTH;
    vec all[ROW_TILE] = {{0}}, x[ROW_TILE];     /* all: of the window and its centre, moved on from centre to centre */
    uint32_t low = run_low(b, run), next = low; /* all holds [low, next) */
    for (uint32_t t = b->run[run]; t < b->run[run + 1]; t++) {
        uint32_t at = b->at[t], context = b->left[t] + b->right[t];
        if (from == 0)
            prefetch_ahead(b, b->chunk->output, input, t);
        for (; next <= at + b->right[t]; next++)
            add_row(all, input[next] + j, 1.0f, n);
        for (; low < at - b->left[t]; low++)
            add_row(all, input[low] + j, -1.0f, n);
        float *to = b->ws->x + t * stride + j;
        vec share = vec_set(context ? 1.0f / (float)context : 0.0f);
        UNROLL
        for (int v = 0; v < n; v++) {
            x[v] = (all[v] - row_load(input[at] + j + v * WIDTH)) * share;
            vec_store(to + v * WIDTH, x[v]);
        }
        if (context)
            dot_row(x, b->chunk->output[at] + j, partial + (size_t)b->start[t] * WIDTH, n, from == 0);
    }
}

RUN_STAGE(block_dots, dots_piece)
RUN_STAGE(block_means, means_piece)

/* Copies the shifts of each pair's positive; whole vectors, the next copy overwrites what was too much. */
static void block_gather_shifts(struct block *b) {
    const float *shift = b->chunk->shift;
    for (uint32_t t = 0; t < b->n; t++) {
        uint32_t at = b->at[t], left = b->left[t];
        float *to = b->ws->pair_shift + b->start[t];
        if (b->step->cbow) {
            *to = shift[at];
            continue;
        }
        for (uint32_t i = 0; i < left; i += 16)
            memcpy(to + i, shift + at - left + i, 64);
        for (uint32_t i = 0; i < b->right[t]; i += 16)
            memcpy(to + left + i, shift + at + 1 + i, 64);
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

/* The id of pair i of centre t: the positive whose score pair_logit[start[t] + i] is. */
INLINE uint32_t pair_word(const struct block *b, uint32_t t, uint32_t i) {
    const uint32_t *ids = b->chunk->ids + b->at[t];
    uint32_t left = b->left[t];
    return b->step->cbow ? *ids : i < left ? *(ids - left + i) : ids[1 + i - left];
}

/* A pair learns less when its centre, or its context word, stands often in the block: the rare branch. How often a word
 * stands among the centres tells how often its output row is a positive, too. */
static void block_discount_positives(struct block *b) {
    uint32_t often[KERNEL_BLOCK], n = 0; /* centres that do */
    for (uint32_t t = 0; t < b->n; t++) {
        if (b->discount[t] < 1.0f)
            often[n++] = t;
        for (uint32_t i = b->start[t]; i < b->start[t + 1]; i++)
            b->ws->pair_g[i] *= b->discount[t];
    }
    for (uint32_t t = 0; t < b->n && !b->step->cbow; t++)
        for (uint32_t i = 0; i < b->start[t + 1] - b->start[t]; i++)
            for (uint32_t u = 0, word = pair_word(b, t, i); u < n; u++)
                if (b->chunk->ids[b->at[often[u]]] == word) {
                    b->ws->pair_g[b->start[t] + i] *= b->discount[often[u]];
                    break;
                }
}

/* ---- updates of windows ----------------------------------------------------------------------------------------- */

/* Skip-gram: d_t = sum_p g_tp o_p, two centres at a time. */
INLINE void inputs_piece(struct block *b, uint32_t run, uint32_t from, const int n) {
    size_t stride = b->step->stride, j = (size_t)from * WIDTH;
    float *const *output = b->chunk->output;
    const float *g = b->ws->pair_g;
    vec d[2][ROW_TILE];
#define PAIR(r, p, after) g[base[r] + (p) - (after)]
#define BOTH(p, after) add_row_two(d[0], d[1], output[p] + j, PAIR(0, p, after), PAIR(1, p, after), n)
#define ONE(r, p, after) add_row(d[r], output[p] + j, PAIR(r, p, after), n)
    for (uint32_t t = b->run[run], end = b->run[run + 1]; t < end; t += 2) {
        bool two = t + 1 < end;
        struct partners near = centre_partners(b, t, two);
        uint32_t base[2] = {b->base[t], b->base[t + two]};
        float *to = b->ws->d + t * stride + j;
        UNROLL
        for (int i = 0; i < n; i++)
            d[0][i] = d[1][i] = vec_set(0.0f);
        if (two)
            VISIT_TWO(b->at[t], near, BOTH, ONE);
        else
            VISIT_ONE(b->at[t], near, ONE);
        store_row(to, d[0], n);
        if (two)
            store_row(to + stride, d[1], n);
    }
#undef PAIR
#undef BOTH
#undef ONE
}

/* Skip-gram: o_c += sum_t g_tc x_t, two rows at a time over all centres that they are contexts of. */
INLINE void contexts_piece(struct block *b, uint32_t run, uint32_t from, const int n) {
    const struct kernel_workspace *ws = b->ws;
    size_t j = (size_t)from * WIDTH;
    float *const *output = b->chunk->output;
    uint32_t high = run_high(b, run), centre = b->run[run] - b->at[b->run[run]]; /* + position */
    vec sum[2][ROW_TILE];
    for (uint32_t c = run_low(b, run); c <= high; c += 2) {
        bool two = c < high;
        struct partners near = context_partners(b, run, c);
        UNROLL
        for (int i = 0; i < n; i++)
            sum[0][i] = sum[1][i] = vec_set(0.0f);
#define PAIR(r, t, after) ws->pair_g[b->base[t] + c + (r) - !(after)] /* of centre t and row r of the two */
#define ROW(p) (b->x[centre + (p)] + j)
#define BOTH(p, after) \
    add_row_two(sum[0], sum[1], ROW(p), PAIR(0, centre + (p), after), PAIR(1, centre + (p), after), n)
#define ONE(r, p, after) add_row(sum[r], ROW(p), PAIR(r, centre + (p), after), n)
        if (two)
            VISIT_TWO(c, near, BOTH, ONE);
        else
            VISIT_ONE(c, near, ONE);
#undef PAIR
#undef ROW
#undef BOTH
#undef ONE
        add_to_row(output[c] + j, sum[0], n);
        if (two)
            add_to_row(output[c + 1] + j, sum[1], n);
    }
}

/* CBOW: every input row of a window takes its centre's whole step (word2vec's rule). */
INLINE void spread_piece(struct block *b, uint32_t run, uint32_t from, const int n) {
    size_t stride = b->step->stride, j = (size_t)from * WIDTH;
    uint32_t first = b->run[run], end = b->run[run + 1], centre = first - b->at[first], low = b->at[first], next = low;
    const float *d = b->ws->d + j;
    vec all[ROW_TILE] = {{0}}; /* of the centres [low, next) that reach c, c itself included */
    for (uint32_t c = run_low(b, run); c <= run_high(b, run); c++) {
        struct partners near = context_partners(b, run, c);
        float *row = b->chunk->input[c] + j;
        vec rate = vec_set(b->chunk->rate[c]);
        bool self = c >= b->at[first] && c <= b->at[end - 1];
        for (; next <= near.high[0]; next++)
            add_row(all, d + (centre + next) * stride, 1.0f, n);
        for (; low < near.low[0]; low++)
            add_row(all, d + (centre + low) * stride, -1.0f, n);
        UNROLL
        for (int i = 0; i < n; i++) {
            vec own = self ? vec_load(d + (centre + c) * stride + i * WIDTH) : vec_set(0.0f);
            row_store(row + i * WIDTH, row_load(row + i * WIDTH) + rate * (all[i] - own));
        }
    }
}

/* CBOW: d_t = g_t o_t. */
static __attribute__((noinline)) void block_sum_centres(struct block *b) {
    for (uint32_t t = 0; t < b->n; t++) {
        const float *row = b->chunk->output[b->at[t]];
        float *d = b->ws->d + t * b->step->stride;
        vec g = vec_set(b->start[t] < b->start[t + 1] ? b->ws->pair_g[b->start[t]] : 0.0f);
        for (uint32_t v = 0; v < b->ws->vectors; v++)
            vec_store(d + v * WIDTH, g * row_load(row + v * WIDTH));
    }
}

/* CBOW: o_t += g_t x_t. */
static __attribute__((noinline)) void block_update_centres(struct block *b) {
    for (uint32_t t = 0; t < b->n; t++) {
        float *row = b->chunk->output[b->at[t]];
        vec g = vec_set(b->start[t] < b->start[t + 1] ? b->ws->pair_g[b->start[t]] : 0.0f);
        for (uint32_t v = 0; v < b->ws->vectors; v++)
            row_store(row + v * WIDTH, row_load(row + v * WIDTH) + g * row_load(b->x[t] + v * WIDTH));
    }
}

RUN_STAGE(block_sum_positives, inputs_piece)
RUN_STAGE(block_update_contexts, contexts_piece)
RUN_STAGE(block_spread_inputs, spread_piece)

#include "kernel/block_noise.h"

#include "kernel/block_loss.h"
#include "kernel/block_pairs.h"

/* The gradients of the positives are known: their part of the inputs' steps, from output rows that nobody changed yet.
 */
static void block_finish_positives(struct block *b) {
    if (b->repeated)
        block_discount_positives(b);
    if (b->step->cbow)
        block_sum_centres(b);
    else
        block_sum_positives(b);
}

/* All that is done with the noise words [low, high). */
static void block_noise_batch(struct block *b, struct kernel_loss *loss) {
    bool softmax = b->step->loss_kind == KERNEL_SOFTMAX;
    block_gather_noise(b);
    block_score_noise(b);
    if (softmax) {
        block_softmax(b);
        block_finish_positives(b);
    }
    if (loss && !softmax)
        block_add_noise_loss(b, loss);
    if (b->step->remove_hits && !softmax)
        block_remove_hits(b);
    if (b->step->guard)
        block_guard_noise(b);
    block_round_gradients(b);
    block_update_noise(b);
}

static void block_step(const struct kernel_step *step, struct kernel_workspace *ws, const struct kernel_chunk *chunk,
                       uint32_t first, uint32_t n, uint32_t window, const struct kernel_noise *noise,
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
    else
        block_dots(&b);
    block_score_positives(&b);
    block_gather_inputs(&b);
    if (step->guard)
        block_square_inputs(&b);
    if (step->loss_kind == KERNEL_LOGISTIC)
        block_finish_positives(&b);
    for (b.low = 0; b.low < step->noise; b.low = b.high) {
        b.high = least(b.low + ws->batch, step->noise);
        block_noise_batch(&b, loss);
    }
    if (loss)
        block_add_loss(&b, loss);
    if (step->guard)
        block_guard_inputs(&b);
    if (step->cbow)
        block_update_centres(&b);
    else
        block_update_contexts(&b);
    block_update_inputs(&b);
    if (step->cbow)
        block_spread_inputs(&b);
}
