/* The positives one by one, two neighbours at a time: kernels whose operands are floats (DEPTH 1). Part of
 * block_body.h. */

/* Visits the partners of two neighbours at once where it can, so that a partner's row is loaded once for two pairs. */
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

INLINE void load_row(vec *x, const float *row, const int n) {
    UNROLL
    for (int i = 0; i < n; i++)
        x[i] = row_load(row + i * WIDTH);
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

RUN_STAGE(windows_dots, dots_piece)

/* CBOW: the only positive of a centre is its own output row. */
static __attribute__((noinline)) void centres_dots(struct block *b) {
    for (uint32_t t = 0; t < b->n; t++) {
        const float *row = b->chunk->output[b->at[t]];
        vec sum = vec_set(0.0f);
        for (uint32_t v = 0; v < b->ws->vectors; v++)
            sum += row_load(b->x[t] + v * WIDTH) * row_load(row + v * WIDTH);
        if (b->start[t] < b->start[t + 1])
            vec_store(b->ws->partial + (size_t)b->start[t] * WIDTH, sum);
    }
}

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
    if (b->step->cbow)
        centres_dots(b);
    else
        windows_dots(b);
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

/* CBOW: d_t = g_t o_t. */
static __attribute__((noinline)) void centres_sum(struct block *b) {
    for (uint32_t t = 0; t < b->n; t++) {
        const float *row = b->chunk->output[b->at[t]];
        float *d = b->ws->d + t * b->step->stride;
        vec g = vec_set(b->start[t] < b->start[t + 1] ? b->ws->pair_g[b->start[t]] : 0.0f);
        for (uint32_t v = 0; v < b->ws->vectors; v++)
            vec_store(d + v * WIDTH, g * row_load(row + v * WIDTH));
    }
}

/* CBOW: o_t += g_t x_t. */
static __attribute__((noinline)) void centres_update(struct block *b) {
    for (uint32_t t = 0; t < b->n; t++) {
        float *row = b->chunk->output[b->at[t]];
        vec g = vec_set(b->start[t] < b->start[t + 1] ? b->ws->pair_g[b->start[t]] : 0.0f);
        for (uint32_t v = 0; v < b->ws->vectors; v++)
            row_store(row + v * WIDTH, row_load(row + v * WIDTH) + g * row_load(b->x[t] + v * WIDTH));
    }
}

RUN_STAGE(windows_sum, inputs_piece)
RUN_STAGE(windows_update, contexts_piece)

static void block_sum_positives(struct block *b) {
    if (b->step->cbow)
        centres_sum(b);
    else
        windows_sum(b);
}

static void block_update_contexts(struct block *b) {
    if (b->step->cbow)
        centres_update(b);
    else
        windows_update(b);
}

/* The steps of centres t + r by their positives. */
INLINE void positives_of_inputs(const struct block *b, struct steps *sum, uint32_t t, size_t j, const int n,
                                const bool half) {
    size_t stride = b->step->stride;
    const float *d = b->ws->d + t * stride + j;
    UNROLL
    for (int r = 0; r < STEP_ROWS; r++, d += stride) {
        UNROLL
        for (int i = 0; i < n; i++)
            sum->v[r][i] = vec_load(d + i * WIDTH);
        if (half)
            sum->tail[r] = row_load_half(d + n * WIDTH);
    }
}
