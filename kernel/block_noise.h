/* The noise words of a block: scores, gradients, guard, updates. Part of block_body.h. */

INLINE ivec last_vector_mask(const struct block *b) {
    return (ivec)vec_load(b->ws->mask);
}

#if WIDTH == 4
#define LOW_SINGLES(a, b) SHUFFLE(a, b, 0, 4, 1, 5)
#define HIGH_SINGLES(a, b) SHUFFLE(a, b, 2, 6, 3, 7)
#define LOW_PAIRS(a, b) SHUFFLE(a, b, 0, 1, 4, 5)
#define HIGH_PAIRS(a, b) SHUFFLE(a, b, 2, 3, 6, 7)
#elif WIDTH == 8
#define LOW_SINGLES(a, b) SHUFFLE(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH_SINGLES(a, b) SHUFFLE(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define LOW_PAIRS(a, b) SHUFFLE(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH_PAIRS(a, b) SHUFFLE(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define EVEN_QUARTERS(a, b) SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define ODD_QUARTERS(a, b) SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
#else
#define LOW_SINGLES(a, b) SHUFFLE(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HIGH_SINGLES(a, b) SHUFFLE(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LOW_PAIRS(a, b) SHUFFLE(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define HIGH_PAIRS(a, b) SHUFFLE(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define EVEN_QUARTERS(a, b) SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define ODD_QUARTERS(a, b) SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
#endif

/* Lane j of v[i] becomes lane i of v[j]: first within blocks of 4 by 4, which are quarters of vectors, then the blocks.
 */
INLINE void transpose(vec v[WIDTH]) {
    vec u[WIDTH];
    UNROLL
    for (int i = 0; i < WIDTH; i += 4) {
        vec a0 = LOW_SINGLES(v[i], v[i + 1]), a1 = HIGH_SINGLES(v[i], v[i + 1]);
        vec a2 = LOW_SINGLES(v[i + 2], v[i + 3]), a3 = HIGH_SINGLES(v[i + 2], v[i + 3]);
        u[i] = LOW_PAIRS(a0, a2), u[i + 1] = HIGH_PAIRS(a0, a2);
        u[i + 2] = LOW_PAIRS(a1, a3), u[i + 3] = HIGH_PAIRS(a1, a3);
    }
#if WIDTH == 4
    UNROLL
    for (int i = 0; i < 4; i++)
        v[i] = u[i];
#elif WIDTH == 8
    UNROLL
    for (int i = 0; i < 4; i++)
        v[i] = EVEN_QUARTERS(u[i], u[i + 4]), v[i + 4] = ODD_QUARTERS(u[i], u[i + 4]);
#else
    UNROLL
    for (int i = 0; i < 4; i++) {
        vec even_low = EVEN_QUARTERS(u[i], u[i + 4]), even_high = EVEN_QUARTERS(u[i + 8], u[i + 12]);
        vec odd_low = ODD_QUARTERS(u[i], u[i + 4]), odd_high = ODD_QUARTERS(u[i + 8], u[i + 12]);
        v[i] = EVEN_QUARTERS(even_low, even_high), v[i + 8] = ODD_QUARTERS(even_low, even_high);
        v[i + 4] = EVEN_QUARTERS(odd_low, odd_high), v[i + 12] = ODD_QUARTERS(odd_low, odd_high);
    }
#endif
}

/* Vector `v` of the operand that a row of floats becomes. */
INLINE vec operand_row(const float *row, uint32_t v, uint32_t vectors) {
#if DEPTH == 1
    (void)vectors;
    return row_load(row + v * WIDTH);
#else
    const float *two = row + v * 2 * WIDTH;
    return round_row(row_load(two), 2 * v + 1 < vectors ? row_load(two + WIDTH) : vec_set(0.0f));
#endif
}

/* The input vectors as operands. */
static __attribute__((noinline)) void block_gather_inputs(struct block *b) {
    struct kernel_workspace *ws = b->ws;
    for (uint32_t i = 0; i * WIDTH < ws->depth; i++)
        UNROLL
    for (int l = 0; l < LANES; l++) {
        vec v[WIDTH];
        UNROLL
        for (int t = 0; t < WIDTH; t++)
            v[t] = operand_row(b->x[l * WIDTH + t], i, ws->vectors);
        transpose(v);
        float *to = ws->xt + (size_t)i * WIDTH * KERNEL_BLOCK + (size_t)l * WIDTH;
        UNROLL
        for (int c = 0; c < WIDTH; c++)
            vec_store(to + (size_t)c * KERNEL_BLOCK, v[c]);
    }
#if DEPTH == 2
    for (uint32_t t = 0; t < b->n; t += 2)
        for (uint32_t v = 0; v < ws->vectors; v++)
            vec_store(ws->x_steps + t / 2 * b->step->stride + v * WIDTH,
                      round_pairs(row_load(b->x[t] + v * WIDTH), row_load(b->x[t + 1] + v * WIDTH)));
#endif
}

/* What noise_tile sums over: input vector t, or with DEPTH 2 the pair of t and t + 1. */
INLINE const float *input_operand(const struct block *b, uint32_t t) {
    return DEPTH == 1 ? b->x[t] : b->ws->x_steps + t / DEPTH * b->step->stride;
}

#if DEPTH == 1
/* Copies the noise rows as they stand and squares them, the bias left out. */
static __attribute__((noinline)) void block_gather_noise(struct block *b) {
    struct kernel_workspace *ws = b->ws;
    size_t last = (size_t)(ws->vectors - 1) * WIDTH;
    ivec mask = last_vector_mask(b);
    for (uint32_t k = b->low; k < b->high; k++) {
        const float *row = b->noise->rows[k];
        float *copy = ws->o_rows + k * ws->half;
        vec square = vec_set(0.0f);
        for (size_t j = 0; j < last; j += WIDTH) {
            vec o = row_load(row + j);
            vec_store(copy + j, o);
            square += o * o;
        }
        vec o = row_load(row + last);
        vec_store(copy + last, o);
        o = (vec)((ivec)o & mask);
        vec_store(ws->square + (size_t)k * WIDTH, square + o * o);
    }
}

static void block_round_gradients(struct block *b) {
    (void)b;
}
#else
/* The same, rounded: pairs of columns for the scores, pairs of rows for the steps of the inputs. */
INLINE void round_two(struct block *b, uint32_t k, const float *first, const float *second) {
    struct kernel_workspace *ws = b->ws;
    float *columns = ws->o_rows + (k - b->low) * ws->half, *pairs = ws->o_steps + k / 2 * b->step->stride;
    const vec zero = vec_set(0.0f);
    ivec mask = last_vector_mask(b);
    vec square[2] = {zero, zero};
    for (uint32_t v = 0; v < ws->vectors; v += 2, columns += WIDTH) {
        bool more = v + 1 < ws->vectors, end = v + 2 >= ws->vectors;
        size_t j = (size_t)v * WIDTH;
        vec a0 = row_load(first + j), a1 = more ? row_load(first + j + WIDTH) : zero;
        vec b0 = row_load(second + j), b1 = more ? row_load(second + j + WIDTH) : zero;
        vec_store(columns, round_row(a0, a1));
        vec_store(columns + ws->half, round_row(b0, b1));
        vec_store(pairs + j, round_pairs(a0, b0));
        if (more)
            vec_store(pairs + j + WIDTH, round_pairs(a1, b1));
        if (end && more)
            a1 = (vec)((ivec)a1 & mask), b1 = (vec)((ivec)b1 & mask);
        else if (end)
            a0 = (vec)((ivec)a0 & mask), b0 = (vec)((ivec)b0 & mask);
        square[0] += a0 * a0 + a1 * a1;
        square[1] += b0 * b0 + b1 * b1;
    }
    vec_store(ws->square + (size_t)k * WIDTH, square[0]);
    vec_store(ws->square + (size_t)(k + 1) * WIDTH, square[1]);
}

static __attribute__((noinline)) void block_gather_noise(struct block *b) {
    float *const *rows = b->noise->rows;
    for (uint32_t k = b->low; k < b->high; k += 2)
        round_two(b, k, rows[k], k + 1 < b->high ? rows[k + 1] : b->chunk->zero);
}

static __attribute__((noinline)) void block_round_gradients(struct block *b) {
    struct kernel_workspace *ws = b->ws;
    for (uint32_t k = b->low; k < b->high; k += 2) {
        vec first = vec_load(ws->g + (size_t)k * WIDTH), second = vec_load(ws->g + (size_t)(k + 1) * WIDTH);
        vec_store(ws->g_inputs + (size_t)(k / 2) * WIDTH, round_pairs(first, second));
        vec_store(ws->g_noise + (size_t)(k / 2) * WIDTH, round_row(first, second));
    }
}
#endif

/* ---- scores ----------------------------------------------------------------------------------------------------- */

/* n noise rows against all centres: lanes are centres, a noise value is broadcast. */
INLINE void score_tile(struct block *b, uint32_t from, const int n) {
    const struct kernel_workspace *ws = b->ws;
    size_t stride = ws->half;
    const float *o = ws->o_rows + (DEPTH == 1 ? b->low + from : from) * stride, *x = ws->xt;
    vec sum[SCORE_TILE][LANES];
    UNROLL
    for (int k = 0; k < n; k++)
        UNROLL
    for (int l = 0; l < LANES; l++)
        sum[k][l] = vec_set(0.0f);
    for (uint32_t c = 0; c < ws->depth; c++, x += KERNEL_BLOCK) {
        vec column[LANES];
        UNROLL
        for (int l = 0; l < LANES; l++)
            column[l] = vec_load(x + l * WIDTH);
        UNROLL
        for (int k = 0; k < n; k++) {
            vec value = vec_set(o[(size_t)k * stride + c]);
            UNROLL
            for (int l = 0; l < LANES; l++)
                sum[k][l] = multiply_add(sum[k][l], column[l], value);
        }
    }
    bool logistic = b->step->loss_kind == KERNEL_LOGISTIC;
    UNROLL
    for (int k = 0; k < n; k++) {
        uint32_t word = b->low + from + (uint32_t)k;
        vec shift = vec_set(b->noise->shift[word]), weight = vec_set(b->noise->weight[word]);
        UNROLL
        for (int l = 0; l < LANES; l++) {
            size_t at = (size_t)word * KERNEL_BLOCK + (size_t)l * WIDTH;
            vec s = sum[k][l] - shift;
            if (b->want_logits)
                vec_store(ws->logit + at, s);
            if (logistic)
                vec_store(ws->g + at, weight * vec_load(b->weight + l * WIDTH) * vec_sigmoid(s));
        }
    }
}

static __attribute__((noinline)) void block_score_noise(struct block *b) {
#define SCORE_CASE(i)                                     \
    case i:                                               \
        score_tile(b, from, (i) <= SCORE_TILE ? (i) : 1); \
        break;
    FOR_PIECES(b->high - b->low, b->ws->score_piece, n, from)
    switch (n) {
        SCORE_CASE(1)
        SCORE_CASE(2)
        SCORE_CASE(3)
        SCORE_CASE(4)
        SCORE_CASE(5)
        SCORE_CASE(6)
        SCORE_CASE(7)
        SCORE_CASE(8)
        SCORE_CASE(9)
        SCORE_CASE(10)
        SCORE_CASE(11)
        SCORE_CASE(12)
        SCORE_CASE(13)
        SCORE_CASE(14)
        SCORE_CASE(15)
        SCORE_CASE(16)
    }
#undef SCORE_CASE
}

/* ---- guard ------------------------------------------------------------------------------------------------------ */

/* CBOW: an input row takes a step for each window of the block that holds its word. m_t: how many those are, the mean
 * over the words of window t. */
static __attribute__((noinline)) void block_count_windows(struct block *b) {
    float *windows = b->ws->windows, *sums = b->ws->window_sums;
    uint32_t *words = b->ws->window_words, n = 0;
    for (uint32_t run = 0; run < b->runs; run++)
        for (uint32_t c = run_low(b, run); c <= run_high(b, run); c++, n++) {
            struct partners near = context_partners(b, run, c);
            bool self = near.low[0] <= c && c <= near.high[0];
            words[n] = b->chunk->ids[c];
            windows[n] = (float)(near.high[0] - near.low[0] + 1 - self);
        }
    for (uint32_t i = 0; i < n; i++) {
        float sum = 0;
        for (uint32_t k = 0; k < n; k++)
            sum += words[k] == words[i] ? windows[k] : 0.0f;
        sums[i] = sum;
    }
    for (uint32_t run = 0, first = 0; run < b->runs; run++) {
        for (uint32_t t = b->run[run]; t < b->run[run + 1]; t++) {
            const float *own = sums + first + (b->at[t] - run_low(b, run));
            uint32_t context = b->left[t] + b->right[t];
            float sum = 0;
            for (uint32_t i = 1; i <= b->left[t]; i++)
                sum += *(own - i);
            for (uint32_t i = 1; i <= b->right[t]; i++)
                sum += own[i];
            b->multiple[t] = context ? sum / (float)context : 1.0f;
        }
        first += run_high(b, run) - run_low(b, run) + 1;
    }
}

/* |x_t|^2, a lane each; four sums at a time, or each would wait for the last. Lines of xt past `depth` are zero. */
static void block_square_inputs(struct block *b) {
    for (int l = 0; l < LANES; l++) {
        const float *x = b->ws->xt + (size_t)l * WIDTH;
        vec sum[4] = {{0}};
        for (uint32_t c = 0; c < b->ws->depth; c += 4)
            UNROLL
        for (int i = 0; i < 4; i++) {
            vec line = vec_load(x + (size_t)(c + (uint32_t)i) * KERNEL_BLOCK);
            sum[i] = multiply_add(sum[i], line, line);
        }
        vec_store(b->x_square + l * WIDTH, (sum[0] + sum[1]) + (sum[2] + sum[3]));
        vec_store(b->curvature + l * WIDTH, vec_set(0.0f));
    }
}

/* A step on a row with gradient sum_c G_c x_c is stable while its curvature, about sum_c G_c |x_c|^2, stays below 2.
 * Rows over the bound are scaled back: output row k by its sum over the centres, times how often k stands in the draw;
 * centre t, in the end, by its sum over the noise. */
static __attribute__((noinline)) void block_guard_noise(struct block *b) {
    struct kernel_workspace *ws = b->ws;
    vec x_square[LANES], curvature[LANES];
    UNROLL
    for (int l = 0; l < LANES; l++) {
        x_square[l] = vec_load(b->x_square + l * WIDTH);
        curvature[l] = vec_load(b->curvature + l * WIDTH);
    }
    for (uint32_t k = b->low; k < b->high; k += WIDTH) {
        vec v[WIDTH];
        uint32_t n = least(b->high - k, WIDTH);
        for (uint32_t i = 0; i < WIDTH; i++)
            v[i] = i < n ? vec_load(ws->square + (size_t)(k + i) * WIDTH) : vec_set(0.0f);
        vec_store(ws->norm + k, vec_sum_each(v));
        for (uint32_t i = 0; i < n; i++) {
            vec norm = vec_set(ws->norm[k + i]);
            v[i] = vec_set(0.0f);
            UNROLL
            for (int l = 0; l < LANES; l++) {
                vec g = vec_load(ws->g + (size_t)(k + i) * KERNEL_BLOCK + (size_t)l * WIDTH);
                v[i] -= g * x_square[l];
                curvature[l] -= g * norm;
            }
        }
        vec row = vec_sum_each(v) * vec_load_unaligned(b->noise->repeat + k), limit = vec_set(b->step->guard_output);
        vec_store(ws->scale + k, limit / vec_max(row, limit));
    }
    UNROLL
    for (int l = 0; l < LANES; l++)
        vec_store(b->curvature + l * WIDTH, curvature[l]);
}

static void block_guard_inputs(struct block *b) {
    if (b->step->cbow && b->repeated)
        block_count_windows(b);
    for (uint32_t t = 0; b->step->cbow && !b->repeated && t < b->n; t++)
        b->multiple[t] = (float)(b->step->window + 1);
    vec limit = vec_set(b->step->guard_input);
    UNROLL
    for (int l = 0; l < LANES; l++) {
        vec curvature = vec_load(b->curvature + l * WIDTH) * vec_load(b->multiple + l * WIDTH);
        vec scale = vec_load(b->x_scale + l * WIDTH);
        vec_store(b->x_scale + l * WIDTH, scale * limit / vec_max(curvature, limit));
    }
}

/* ---- updates ---------------------------------------------------------------------------------------------------- */

/* x_t += scale_t (d_t + sum_k G_tk o_k) for STEP_ROWS centres, n vectors; CBOW only keeps the step. */
INLINE void inputs_tile(struct block *b, uint32_t t, uint32_t from, const int n) {
    size_t stride = b->step->stride, j = (size_t)from * WIDTH;
    float *d = b->ws->d + t * stride + j;
    vec sum[STEP_ROWS][STEP_VECTORS];
    UNROLL
    for (int r = 0; r < STEP_ROWS; r++)
        UNROLL
    for (int v = 0; v < n; v++)
        sum[r][v] = vec_load(d + (size_t)r * stride + v * WIDTH);
    const float *o = b->ws->o_steps + j, *g = b->ws->g_inputs + t;
    for (uint32_t k = 0; k < b->step->noise; k += DEPTH, o += stride, g += KERNEL_BLOCK) {
        vec row[STEP_VECTORS];
        UNROLL
        for (int v = 0; v < n; v++)
            row[v] = vec_load(o + v * WIDTH);
        UNROLL
        for (int r = 0; r < STEP_ROWS; r++) {
            vec weight = vec_set(g[r]);
            UNROLL
            for (int v = 0; v < n; v++)
                sum[r][v] = multiply_add(sum[r][v], weight, row[v]);
        }
    }
    ivec mask = last_vector_mask(b);
    UNROLL
    for (int r = 0; r < STEP_ROWS; r++) {
        uint32_t centre = t + (uint32_t)r;
        if (centre >= b->n)
            break;
        if (from + (uint32_t)n == b->ws->vectors)
            sum[r][n - 1] = (vec)((ivec)sum[r][n - 1] & mask);
        bool cbow = b->step->cbow;
        float *row = cbow ? d + (size_t)r * stride : b->chunk->input[b->at[centre]] + j;
        vec scale = vec_set(b->x_scale[centre]);
        UNROLL
        for (int v = 0; v < n; v++)
            row_store(row + v * WIDTH, (cbow ? vec_set(0.0f) : row_load(row + v * WIDTH)) + scale * sum[r][v]);
    }
}

/* o_k += scale_k sum_t G_tk x_t for STEP_ROWS noise words, n vectors. */
INLINE void noise_tile(struct block *b, uint32_t k, uint32_t from, const int n) {
    const uint32_t line = KERNEL_BLOCK / DEPTH;
    size_t j = (size_t)from * WIDTH;
    vec sum[STEP_ROWS][STEP_VECTORS];
    UNROLL
    for (int r = 0; r < STEP_ROWS; r++)
        UNROLL
    for (int v = 0; v < n; v++)
        sum[r][v] = vec_set(0.0f);
    const float *g = b->ws->g_noise + (size_t)k * line;
    for (uint32_t t = 0; t < b->n; t += DEPTH, g++) {
        const float *x = input_operand(b, t) + j;
        vec row[STEP_VECTORS];
        UNROLL
        for (int v = 0; v < n; v++)
            row[v] = row_load(x + v * WIDTH);
        UNROLL
        for (int r = 0; r < STEP_ROWS; r++) {
            vec weight = vec_set(g[(size_t)r * line]);
            UNROLL
            for (int v = 0; v < n; v++)
                sum[r][v] = multiply_add(sum[r][v], weight, row[v]);
        }
    }
    UNROLL
    for (int r = 0; r < STEP_ROWS; r++) {
        uint32_t word = k + (uint32_t)r;
        if (word >= b->high)
            break;
        float *row = b->noise->rows[word] + j;
        vec scale = vec_set(b->step->guard ? b->ws->scale[word] : 1.0f);
        UNROLL
        for (int v = 0; v < n; v++)
            row_store(row + v * WIDTH, row_load(row + v * WIDTH) + scale * sum[r][v]);
    }
}

static __attribute__((noinline)) void block_update_inputs(struct block *b) {
    for (uint32_t t = 0; t < b->n; t += STEP_ROWS)
        FOR_PIECES(b->ws->vectors, b->ws->step_piece, n, from)
    TILE_SWITCH(inputs_tile, b, t, from, n)
}

static __attribute__((noinline)) void block_update_noise(struct block *b) {
    for (uint32_t k = b->low; k < b->high; k += STEP_ROWS) {
        for (uint32_t next = k; b->next && next < k + STEP_ROWS && next < b->high; next++)
            PREFETCH_ROW(b->next->rows[next], b->step->stride);
        FOR_PIECES(b->ws->vectors, b->ws->step_piece, n, from)
        TILE_SWITCH(noise_tile, b, k, from, n)
    }
}
