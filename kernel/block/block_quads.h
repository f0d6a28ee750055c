/* Products of matrices in quads. A vector is cut into fours of lanes, one for each of TILE centres;
 * a score is summed in the four of its centre, against four lanes of a row that are broadcast, and
 * four rows' sums end in one vector: lane r of four i belongs to row r and centre i. So a table of
 * cells, a cell for each row and centre, is [rows / 4][16 centres][4 rows] at any WIDTH. Fewer
 * shuffles than a transpose of the inputs, and a broadcast serves several vectors where a broadcast
 * of single numbers would take more loads than the products have cycles. Part of block_body.h. */

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
#define EVEN_FOURS(a, b) SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define ODD_FOURS(a, b) SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
#else
#define LOW_SINGLES(a, b) SHUFFLE(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HIGH_SINGLES(a, b) SHUFFLE(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LOW_PAIRS(a, b) SHUFFLE(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define HIGH_PAIRS(a, b) SHUFFLE(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define EVEN_FOURS(a, b) SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define ODD_FOURS(a, b) SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
#endif

typedef float four __attribute__((vector_size(16), may_alias));

INLINE four four_load(const float *p) {
    four v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void four_store(float *p, four v) {
    memcpy(p, &v, sizeof v);
}

/* The same in every four of a vector. */
INLINE vec four_spread(four v) {
#if WIDTH == 16
    return (vec)_mm512_broadcast_f32x4((__m128)v);
#elif WIDTH == 8
    return SHUFFLE(v, v, 0, 1, 2, 3, 0, 1, 2, 3);
#else
    return v;
#endif
}

INLINE vec four_spread_at(const float *p) {
#if WIDTH == 8
    /* gcc 12 makes a shuffle of the other form */
    return (vec)_mm256_broadcast_ps((const __m128 *)(const void *)p);
#else
    return four_spread(four_load(p));
#endif
}

/* Lane r: the sum of lanes r of all fours. */
INLINE four four_fold(vec v) {
#if WIDTH == 16
    typedef float eight __attribute__((vector_size(32)));
    eight half =
        SHUFFLE(v, v, 0, 1, 2, 3, 4, 5, 6, 7) + SHUFFLE(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    return SHUFFLE(half, half, 0, 1, 2, 3) + SHUFFLE(half, half, 4, 5, 6, 7);
#elif WIDTH == 8
    return SHUFFLE(v, v, 0, 1, 2, 3) + SHUFFLE(v, v, 4, 5, 6, 7);
#else
    return v;
#endif
}

/* Lane r of each four: the sum of that four of v[r]. */
INLINE vec four_sums(const vec v[4]) {
    vec a = LOW_SINGLES(v[0], v[1]) + HIGH_SINGLES(v[0], v[1]);
    vec b = LOW_SINGLES(v[2], v[3]) + HIGH_SINGLES(v[2], v[3]);
    return LOW_PAIRS(a, b) + HIGH_PAIRS(a, b);
}

/* ---- operands -------------------------------------------------------------------------------- */

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

/* Keeps n vectors of a row as an operand. */
INLINE void operand_store(float *to, const vec *row, const int n) {
    UNROLL_FOR(int v = 0; v < n; v += DEPTH) {
#if DEPTH == 1
        vec_store(to + v * WIDTH, row[v]);
#else
        vec_store(to + v / 2 * WIDTH, round_row(row[v], v + 1 < n ? row[v + 1] : vec_set(0.0f)));
#endif
    }
}

#if DEPTH == 2
/* Vector v of four rounded rows, as pairs of rows whose lanes are columns. */
INLINE void pairs_store(float *to, size_t stride, const vec *o, uint32_t v, uint32_t vectors) {
    UNROLL_FOR(int r = 0; r < 4; r += 2) {
        float *pairs = to + (size_t)r / 2 * stride + (size_t)v * 2 * WIDTH;
        vec_store(pairs, low_pairs(o[r], o[r + 1]));
        if (2 * v + 1 < vectors)
            vec_store(pairs + WIDTH, high_pairs(o[r], o[r + 1]));
    }
}
#endif

/* Four i of v[q] becomes four q of v[i]. */
INLINE void exchange_fours(vec v[TILE]) {
#if WIDTH == 16
    vec even_low = EVEN_FOURS(v[0], v[1]), even_high = EVEN_FOURS(v[2], v[3]);
    vec odd_low = ODD_FOURS(v[0], v[1]), odd_high = ODD_FOURS(v[2], v[3]);
    v[0] = EVEN_FOURS(even_low, even_high), v[2] = ODD_FOURS(even_low, even_high);
    v[1] = EVEN_FOURS(odd_low, odd_high), v[3] = ODD_FOURS(odd_low, odd_high);
#elif WIDTH == 8
    vec even = EVEN_FOURS(v[0], v[1]);
    v[1] = ODD_FOURS(v[0], v[1]);
    v[0] = even;
#else
    (void)v;
#endif
}

/* The input vectors as operands: in quads for scores, in rows for steps; and their squares. CBOW's
 * are operands already. */
INLINE void gather_inputs(struct block *b, const bool cbow) {
    struct kernel_workspace *ws = b->ws;
    for (uint32_t t = 0; t < KERNEL_BLOCK; t += TILE) {
        vec square[TILE] = {{0}};
        for (uint32_t i = 0; i * WIDTH < ws->depth; i++) {
            vec v[TILE];
            UNROLL_FOR(uint32_t c = 0; c < TILE; c++)
                v[c] = cbow ? vec_load(ws->x + (t + c) * b->step->stride + (size_t)i * WIDTH)
                            : operand_row(b->x[t + c], i, ws->vectors);
#if DEPTH == 2
            pairs_store(ws->x_steps + t / 2 * b->step->stride, b->step->stride, v, i, ws->vectors);
#endif
            exchange_fours(v);
            float *to = ws->x_quads + (size_t)i * TILE * CELLS + (size_t)t * 4;
            UNROLL_FOR(int c = 0; c < TILE; c++) {
                vec_store(to + c * CELLS, v[c]);
                square[c] = multiply_add(square[c], v[c], v[c]);
            }
        }
        UNROLL_FOR(int c = 1; c < TILE; c++)
            square[0] += square[c];
        vec same[4] = {square[0], square[0], square[0], square[0]};
        vec_store(b->x_square + (size_t)t * 4, four_sums(same));
    }
#if DEPTH == 1
    float *to = ws->x_steps;
    size_t stride = b->step->stride, used = ws->vectors * WIDTH;
    for (uint32_t t = 0; t < KERNEL_BLOCK && !cbow; t++, to += stride) {
        const float *x = b->x[t];
        UNROLL_SOME_FOR(size_t j = 0; j < used; j += WIDTH)
            vec_store(to + j, row_load(x + j));
    }
#endif
}

static __attribute__((noinline)) void block_gather_inputs(struct block *b) {
    if (b->step->cbow)
        gather_inputs(b, true);
    else
        gather_inputs(b, false);
}

/* Gradients, a vector of cells, as operands: for the steps of the inputs, [16 centres][4 / DEPTH],
 * and of the rows, [16 / DEPTH][4]; `at` is where the tables of cells have them. With DEPTH 1 they
 * are the cells themselves. */
INLINE void round_gradients(vec g, float *for_inputs, float *for_rows, size_t at) {
#if DEPTH == 1
    (void)g, (void)for_inputs, (void)for_rows, (void)at;
#else
    typedef int16_t half __attribute__((vector_size(32), may_alias));
    half v = (half)_mm512_cvtneps_pbh((__m512)g);
    *(half *)(void *)(for_inputs + at / 2) = v;
    *(half *)(void *)(for_rows + at / 2) =
        SHUFFLE(v, v, 0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15);
#endif
}

/* ---- scores ---------------------------------------------------------------------------------- */

#if DEPTH == 1
/* Four rows against the centres of n vectors from centre t on. */
INLINE void score_quad(const struct block *b, const float *const *row, uint32_t t, vec *scores,
                       const int n) {
    const float *x = b->ws->x_quads + (size_t)t * 4;
    vec sum[SCORE_TILES][4];
    UNROLL_FOR(int i = 0; i < n; i++)
        UNROLL_FOR(int r = 0; r < 4; r++)
            sum[i][r] = vec_set(0.0f);
    for (uint32_t q = 0; q < b->ws->quads; q++, x += CELLS) {
        vec column[SCORE_TILES];
        UNROLL_FOR(int i = 0; i < n; i++)
            /* opaque: else it is loaded again for each product */
            column[i] = row_load(x + i * WIDTH);
        UNROLL_FOR(int r = 0; r < 4; r++) {
            vec value = row_spread_four(row[r] + (size_t)q * 4);
            UNROLL_FOR(int i = 0; i < n; i++)
                sum[i][r] = multiply_add(sum[i][r], column[i], value);
        }
    }
    UNROLL_FOR(int i = 0; i < n; i++)
        scores[i] = four_sums(sum[i]);
}
#else
INLINE vec nth_four(vec v, int n) {
    return n == 0 ? (vec)_mm512_shuffle_f32x4((__m512)v, (__m512)v, 0x00)
           : n == 1 ? (vec)_mm512_shuffle_f32x4((__m512)v, (__m512)v, 0x55)
           : n == 2 ? (vec)_mm512_shuffle_f32x4((__m512)v, (__m512)v, 0xaa)
                    : (vec)_mm512_shuffle_f32x4((__m512)v, (__m512)v, 0xff);
}

/* Rounds four rows and scores them by the centres of n vectors from centre t on, in one pass.
 * steps: [2][stride] pairs of rows, for the inputs' steps. square: NULL, or lane r of all fours
 * becomes a part of |row r|^2, the bias left out. */
INLINE void round_and_score(const struct block *b, const float *const *row, float *steps,
                            vec *square, uint32_t t, vec *scores, const int n) {
    const struct kernel_workspace *ws = b->ws;
    const float *x = ws->x_quads + (size_t)t * 4;
    vec sum[SCORE_TILES][4], squares[4];
    UNROLL_FOR(int r = 0; r < 4; r++) {
        squares[r] = vec_set(0.0f);
        UNROLL_FOR(int i = 0; i < n; i++)
            sum[i][r] = vec_set(0.0f);
    }
    for (uint32_t v = 0, left = ws->quads; v < ws->vectors; v += 2, x += 4 * CELLS, left -= 4) {
        vec o[4];
        UNROLL_FOR(int r = 0; r < 4; r++)
            o[r] = operand_row(row[r], v / 2, ws->vectors);
        pairs_store(steps, b->step->stride, o, v / 2, ws->vectors);
        UNROLL_FOR(int q = 0; q < 4; q++) {
            vec value[4];
            UNROLL_FOR(int r = 0; r < 4; r++)
                value[r] = nth_four(o[r], q);
            UNROLL_FOR(int i = 0; i < n; i++) {
                vec column = row_load(x + (size_t)q * CELLS + i * WIDTH); /* opaque, as above */
                UNROLL_FOR(int r = 0; r < 4; r++)
                    sum[i][r] = multiply_add(sum[i][r], column, value[r]);
            }
            if ((uint32_t)q + 1 == left)
                break;
        }
        if (square && v + 2 >= ws->vectors) {
            ivec mask = last_operand_mask(b);
            UNROLL_FOR(int r = 0; r < 4; r++)
                o[r] = (vec)((ivec)o[r] & mask);
        }
        UNROLL_FOR(int r = 0; square && r < 4; r++)
            squares[r] = multiply_add(squares[r], o[r], o[r]);
    }
    if (square)
        *square = four_sums(squares);
    UNROLL_FOR(int i = 0; i < n; i++)
        scores[i] = four_sums(sum[i]);
}
#endif

/* ---- steps ----------------------------------------------------------------------------------- */

/* Sums of the steps of STEP_ROWS rows. Functions take the n whole vectors and, when `half`, the
 * half one behind them. */
struct steps {
    vec v[STEP_ROWS][STEP_VECTORS];
    halfvec tail[STEP_ROWS];
};

INLINE void steps_clear(struct steps *sum, const int n, const bool half) {
    UNROLL_FOR(int r = 0; r < STEP_ROWS; r++) {
        UNROLL_FOR(int i = 0; i < n; i++)
            sum->v[r][i] = vec_set(0.0f);
        if (half)
            sum->tail[r] = vec_lower(vec_set(0.0f));
    }
}

/* sum_r += g[r spread] row for r from `from` to `to` - 1, both operands */
INLINE void steps_add(struct steps *sum, const float *row, const float *g, const int spread,
                      const int from, const int to, const int n, const bool half) {
    vec v[STEP_VECTORS];
    halfvec tail = vec_lower(vec_set(0.0f));
    UNROLL_FOR(int i = 0; i < n; i++)
        v[i] = row_load(row + i * WIDTH); /* opaque, as above */
    if (half)
        tail = row_load_half(row + n * WIDTH);
    UNROLL_FOR(int r = from; r < to; r++) {
        vec weight = vec_set(g[r * spread]);
        UNROLL_FOR(int i = 0; i < n; i++)
            sum->v[r][i] = multiply_add(sum->v[r][i], weight, v[i]);
        if (half)
            sum->tail[r] = multiply_add_half(sum->tail[r], vec_lower(weight), tail);
    }
}

/* row += scale sum_r */
INLINE void steps_store(const struct steps *sum, int r, float *row, float scale, const int n,
                        const bool half) {
    vec by = vec_set(scale);
    UNROLL_FOR(int i = 0; i < n; i++)
        row_store(row + i * WIDTH, row_load(row + i * WIDTH) + by * sum->v[r][i]);
    if (half)
        row_store_half(row + n * WIDTH,
                       row_load_half(row + n * WIDTH) + vec_lower(by) * sum->tail[r]);
}

/* Where the steps of STEP_ROWS rows go, from a piece's first float on; rows from `count` on take
 * none. */
struct targets {
    float *row[STEP_ROWS];
    float scale[STEP_ROWS];
    uint32_t count;
};

/* row_r += scale_r sum_r */
INLINE void targets_add(const struct targets *to, const struct steps *sum, const int n,
                        const bool half) {
    UNROLL_FOR(int r = 0; r < STEP_ROWS; r++)
        if ((uint32_t)r < to->count)
            steps_store(sum, r, to->row[r], to->scale[r], n, half);
}

/* row_r = scale_r sum_r */
INLINE void targets_keep(const struct targets *to, const struct steps *sum, const int n,
                         const bool half) {
    UNROLL_FOR(int r = 0; r < STEP_ROWS; r++) {
        vec by = vec_set(to->scale[r]);
        if ((uint32_t)r >= to->count)
            break;
        UNROLL_FOR(int i = 0; i < n; i++)
            vec_store(to->row[r] + i * WIDTH, by * sum->v[r][i]);
        if (half)
            row_store_half(to->row[r] + n * WIDTH, vec_lower(by) * sum->tail[r]);
    }
}

/* Operands are counted singly or, with DEPTH 2, by pairs of rows; a table of cells has them by
 * fours of rows. */
#define OPERANDS (4 / DEPTH)

/* What the step of a row sums over: input vector, or pair of them, u. */
INLINE const float *input_operand(const struct block *b, uint32_t u) {
    return b->ws->x_steps + u * b->step->stride;
}

/* Gradients of operand row u for the centres from t on, OPERANDS apart, in cells as g_inputs has
 * them. */
INLINE const float *input_gradients(const float *cells, uint32_t u, uint32_t t) {
    return cells + (size_t)(u / OPERANDS) * (CELLS / DEPTH) + (size_t)t * OPERANDS + u % OPERANDS;
}
