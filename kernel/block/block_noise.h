/* The noise words of a block: scores, gradients, guard, updates. Part of block_body.h. */

/* Rows of the table up to a multiple of four, the last of them zeros. */
INLINE const float *noise_row(const struct block *b, uint32_t k) {
    return k < b->step->noise ? b->noise->rows[k] : b->chunk->zero;
}

#if DEPTH == 1
/* Lane r of all fours: a part of |row r|^2, the bias left out. */
static void square_noise_quad(struct block *b, uint32_t k, const float *const *rows) {
    struct kernel_workspace *ws = b->ws;
    size_t last = (size_t)(ws->vectors - 1) * WIDTH;
    ivec mask = last_vector_mask(b);
    vec square[4];
    for (uint32_t r = 0; r < 4; r++) {
        const float *row = rows[r];
        vec sum = vec_set(0.0f);
        for (size_t j = 0; j < last; j += WIDTH) {
            vec o = row_load(row + j);
            sum += o * o;
        }
        vec o = (vec)((ivec)row_load(row + last) & mask);
        square[r] = sum + o * o;
    }
    vec_store(ws->square + (size_t)k / 4 * WIDTH, four_sums(square));
}
#endif

/* Keeps the scores of four words by the centres of n vectors from centre t on. */
INLINE void noise_keep(struct block *b, uint32_t k, uint32_t t, const vec *s, const int n) {
    float *to = b->ws->g + (size_t)k / 4 * CELLS + (size_t)t * 4;
    vec shift = four_spread_at(b->noise->shift + k);
    UNROLL_FOR(int i = 0; i < n; i++)
        vec_store(to + i * WIDTH, s[i] - shift);
}

/* Scores become gradients: a loop of its own, as band_gradients is. */
static void noise_gradients(struct block *b) {
    const struct kernel_workspace *ws = b->ws;
    bool logistic = b->step->loss_kind == KERNEL_LOGISTIC;
    if (b->want_logits)
        memcpy(ws->logit, ws->g, sizeof(float) * CELLS * ((b->step->noise + 3) / 4));
    for (uint32_t k = 0; logistic && k < b->step->noise; k += 4) {
        float *g = ws->g + (size_t)k / 4 * CELLS;
        vec weight = four_spread_at(b->noise->weight + k);
        UNROLL_FOR(uint32_t i = 0; i < CELLS; i += WIDTH)
            vec_store(g + i,
                      weight * vec_load(b->weight_each + i) * gradient_sigmoid(vec_load(g + i)));
    }
}

static __attribute__((noinline)) void block_score_noise(struct block *b) {
    for (uint32_t k = 0; k < b->step->noise; k += 4) {
        vec s[SCORE_TILES];
        const float *row[4] = {noise_row(b, k), noise_row(b, k + 1), noise_row(b, k + 2),
                               noise_row(b, k + 3)};
#if DEPTH == 1
        const int rest = TILES % SCORE_TILES;
        uint32_t t = 0;
        square_noise_quad(b, k, row);
        for (; t + SCORE_TILES * TILE <= KERNEL_BLOCK; t += SCORE_TILES * TILE) {
            score_quad(b, row, t, s, SCORE_TILES);
            noise_keep(b, k, t, s, SCORE_TILES);
        }
        if (rest) {
            score_quad(b, row, t, s, rest);
            noise_keep(b, k, t, s, rest);
        }
#else
        vec square;
        round_and_score(b, row, b->ws->o_steps + (size_t)k / DEPTH * b->step->stride, &square, 0, s,
                        TILES);
        vec_store(b->ws->square + (size_t)k / 4 * WIDTH, square);
        noise_keep(b, k, 0, s, TILES);
#endif
    }
    noise_gradients(b);
}

static __attribute__((noinline)) void block_round_gradients(struct block *b) {
    const struct kernel_workspace *ws = b->ws;
    for (size_t at = 0; at < (size_t)(b->step->noise + 3) / 4 * CELLS; at += WIDTH)
        round_gradients(vec_load(ws->g + at), ws->g_inputs, ws->g_rows, at);
}

/* ---- guard ----------------------------------------------------------------------------------- */

/* A step on a row with gradient sum_c G_c x_c is stable while its curvature, about sum_c G_c
 * |x_c|^2, stays below 2. Rows over the bound are scaled back: output row k by its sum over the
 * centres, times how often k stands in the draw; centre t, in the end, by its sum over the noise.
 * Gradients, which are final, are rounded on the way. */
static __attribute__((noinline)) void block_clip_noise(struct block *b) {
    struct kernel_workspace *ws = b->ws;
    vec curvature[TILES] = {{0}};
    for (uint32_t k = 0; k < b->step->noise; k += 4) {
        vec row = vec_set(0.0f),
            norm = four_spread(four_fold(vec_load(ws->square + (size_t)k / 4 * WIDTH)));
        size_t at = (size_t)k / 4 * CELLS;
        UNROLL_FOR(size_t i = 0; i < TILES; i++) {
            vec cells = vec_load(ws->g + at + i * WIDTH);
            round_gradients(cells, ws->g_inputs, ws->g_rows, at + i * WIDTH);
            row -= cells * vec_load(b->x_square + i * WIDTH);
            curvature[i] -= cells * norm;
        }
        four_store(ws->scale + k, four_fold(row));
    }
    UNROLL_FOR(int i = 0; i < TILES; i++)
        vec_store(b->curvature_each + i * WIDTH, curvature[i]);
    vec limit = vec_set(b->step->clip_output);
    for (uint32_t k = 0; k < b->step->noise; k += WIDTH) {
        vec row = vec_load(ws->scale + k) * vec_load_unaligned(b->noise->repeat + k);
        vec_store(ws->scale + k, limit / vec_max(row, limit));
    }
}

static void block_clip_inputs(struct block *b) {
    if (b->step->cbow && b->repeated)
        block_count_windows(b);
    for (uint32_t t = 0; b->step->cbow && !b->repeated && t < b->n; t++)
        b->multiple[t] = (float)(b->step->window + 1);
    vec limit = vec_set(b->step->clip_input);
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++) {
        const float *each = b->curvature_each + (size_t)t * 4;
        b->curvature[t] = (each[0] + each[1]) + (each[2] + each[3]);
    }
    UNROLL_FOR(int l = 0; l < LANES; l++) {
        vec curvature = vec_load(b->curvature + l * WIDTH) * vec_load(b->multiple + l * WIDTH);
        vec scale = vec_load(b->x_scale + l * WIDTH);
        vec_store(b->x_scale + l * WIDTH, scale * limit / vec_max(curvature, limit));
    }
}

/* ---- updates --------------------------------------------------------------------------------- */

/* What the steps of inputs sum over: noise row, or pair of them, u. */
INLINE const float *noise_operand(const struct block *b, uint32_t u) {
#if DEPTH == 1
    return b->noise->rows[u];
#else
    return b->ws->o_steps + u * b->step->stride;
#endif
}

/* The input's constant 1 of the bias column, in the last vector, learns nothing. */
INLINE void steps_mask(const struct block *b, struct steps *sum, int r, const int n,
                       const bool half) {
    ivec mask = last_vector_mask(b);
    if (half)
        sum->tail[r] = (halfvec)((half_ivec)sum->tail[r] & (half_ivec)vec_lower((vec)mask));
    else
        sum->v[r][n - 1] = (vec)((ivec)sum->v[r][n - 1] & mask);
}

/* x_t += scale_t (positives' step + sum_k G_tk o_k) for STEP_ROWS centres; CBOW only keeps the
 * step. */
INLINE void inputs_tile(struct block *b, uint32_t t, uint32_t from, const int n, const bool half) {
    const struct kernel_workspace *ws = b->ws;
    size_t stride = b->step->stride, j = (size_t)from * WIDTH;
    struct steps sum;
    struct targets to = {.count = b->n - t};
    UNROLL_FOR(uint32_t r = 0; r < STEP_ROWS; r++) {
        uint32_t centre = min(t + r, b->n - 1);
        to.row[r] = (b->step->cbow ? ws->d + centre * stride : b->chunk->input[b->at[centre]]) + j;
        to.scale[r] = b->x_scale[centre];
    }
    positives_of_inputs(b, &sum, t, j, n, half);
    ROLL_FOR(uint32_t u = 0, end = (b->step->noise + DEPTH - 1) / DEPTH; u < end; u++)
        steps_add(&sum, noise_operand(b, u) + j, input_gradients(ws->g_inputs, u, t), OPERANDS, 0,
                  4, n, half);
    if (from + (uint32_t)n + half == ws->vectors)
        UNROLL_FOR(int r = 0; r < STEP_ROWS; r++)
            steps_mask(b, &sum, r, n, half);
    if (b->step->cbow)
        targets_keep(&to, &sum, n, half);
    else
        targets_add(&to, &sum, n, half);
}

/* o_k += scale_k sum_t G_tk x_t for STEP_ROWS noise words. */
INLINE void noise_tile(struct block *b, uint32_t k, uint32_t from, const int n, const bool half) {
    size_t j = (size_t)from * WIDTH;
    struct steps sum;
    struct targets to = {.count = b->step->noise - k};
    for (uint32_t next = k; from == 0 && b->next && next < k + STEP_ROWS && next < b->step->noise;
         next++)
        PREFETCH_ROW(b->next->rows[next], b->step->stride);
    UNROLL_FOR(uint32_t r = 0; r < STEP_ROWS; r++) {
        uint32_t word = min(k + r, b->step->noise - 1);
        to.row[r] = b->noise->rows[word] + j;
        to.scale[r] = b->step->clip ? b->ws->scale[word] : 1.0f;
    }
    const float *g = b->ws->g_rows + (size_t)k / 4 * CELLS / DEPTH;
    steps_clear(&sum, n, half);
    ROLL_FOR(uint32_t u = 0; u * DEPTH < b->n; u++)
        steps_add(&sum, input_operand(b, u) + j, g + (size_t)u * 4, 1, 0, 4, n, half);
    targets_add(&to, &sum, n, half);
}

static __attribute__((noinline)) void block_update_inputs(struct block *b) {
    FOR_TILES(inputs_tile, b, 0, b->n)
}

static __attribute__((noinline)) void block_update_noise(struct block *b) {
    FOR_TILES(noise_tile, b, 0, b->step->noise)
}
