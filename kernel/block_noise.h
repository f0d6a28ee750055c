/* The noise words of a block: scores, gradients, guard, updates. Part of block_body.h. */

/* All ones where a lane of the last vector of a row may learn: the input's constant 1 of the bias column may not. */
INLINE ivec last_vector_mask(const struct kernel_step *step) {
    int32_t lane[WIDTH];
    for (int i = 0; i < WIDTH; i++)
        lane[i] = step->has_bias && (step->columns - 1) % WIDTH == (uint32_t)i ? 0 : -1;
    ivec mask;
    memcpy(&mask, lane, sizeof mask);
    return mask;
}

/* Copies the rows as they stand and squares them, the bias left out. */
static __attribute__((noinline)) void block_gather_noise(struct block *b) {
    struct kernel_workspace *ws = b->ws;
    size_t stride = b->step->stride, last = (size_t)(ws->vectors - 1) * WIDTH;
    ivec mask = last_vector_mask(b->step);
    for (uint32_t k = 0; k < b->step->noise; k++) {
        const float *row = b->noise->rows[k];
        float *copy = ws->o + k * stride;
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

/* ---- scores ----------------------------------------------------------------------------------------------------- */

typedef float vec4 __attribute__((vector_size(16), may_alias));

/* Four columns of WIDTH centres, in lanes of four centres each. */
INLINE vec load_four_columns(const float *x, size_t stride) {
#define ROW4(i) (*(const vec4 *)(x + (size_t)(i)*4 * stride))
#if WIDTH == 4
    return ROW4(0);
#elif WIDTH == 8
    return SHUFFLE(ROW4(0), ROW4(1), 0, 1, 2, 3, 4, 5, 6, 7);
#else
    typedef float vec8 __attribute__((vector_size(32)));
    vec8 low = SHUFFLE(ROW4(0), ROW4(1), 0, 1, 2, 3, 4, 5, 6, 7);
    vec8 high = SHUFFLE(ROW4(2), ROW4(3), 0, 1, 2, 3, 4, 5, 6, 7);
    return SHUFFLE(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#endif
#undef ROW4
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
#else
#define LOW_SINGLES(a, b) SHUFFLE(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HIGH_SINGLES(a, b) SHUFFLE(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LOW_PAIRS(a, b) SHUFFLE(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define HIGH_PAIRS(a, b) SHUFFLE(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#endif

/* x [16][stride] -> xt [columns][16]. Rows past n are whatever an earlier block left there: finite, and weighted 0. */
static void transpose_centres(struct block *b) {
    size_t stride = b->step->stride;
    for (size_t c = 0; c < b->step->columns; c += 4)
        UNROLL
    for (int l = 0; l < LANES; l++) {
        const float *x = b->ws->x + (size_t)l * WIDTH * stride + c;
        vec v0 = load_four_columns(x, stride), v1 = load_four_columns(x + stride, stride);
        vec v2 = load_four_columns(x + 2 * stride, stride), v3 = load_four_columns(x + 3 * stride, stride);
        vec a0 = LOW_SINGLES(v0, v1), a1 = HIGH_SINGLES(v0, v1), a2 = LOW_SINGLES(v2, v3), a3 = HIGH_SINGLES(v2, v3);
        float *to = b->ws->xt + c * KERNEL_BLOCK + (size_t)l * WIDTH;
        vec_store(to, LOW_PAIRS(a0, a2));
        vec_store(to + KERNEL_BLOCK, HIGH_PAIRS(a0, a2));
        vec_store(to + 2 * KERNEL_BLOCK, LOW_PAIRS(a1, a3));
        vec_store(to + 3 * KERNEL_BLOCK, HIGH_PAIRS(a1, a3));
    }
}

/* n noise rows against all centres: lanes are centres, a noise value is broadcast. */
INLINE void score_tile(struct block *b, uint32_t from, const int n) {
    const struct kernel_workspace *ws = b->ws;
    size_t stride = b->step->stride;
    const float *o = ws->o + from * stride, *x = ws->xt;
    vec sum[SCORE_TILE][LANES];
    UNROLL
    for (int k = 0; k < n; k++)
        UNROLL
    for (int l = 0; l < LANES; l++)
        sum[k][l] = vec_set(0.0f);
    for (uint32_t c = 0; c < b->step->columns; c++, x += KERNEL_BLOCK) {
        vec column[LANES];
        UNROLL
        for (int l = 0; l < LANES; l++)
            column[l] = vec_load(x + l * WIDTH);
        UNROLL
        for (int k = 0; k < n; k++) {
            vec value = vec_set(o[(size_t)k * stride + c]);
            UNROLL
            for (int l = 0; l < LANES; l++)
                sum[k][l] += column[l] * value;
        }
    }
    bool logistic = b->step->loss_kind == KERNEL_LOGISTIC;
    UNROLL
    for (int k = 0; k < n; k++) {
        uint32_t word = from + (uint32_t)k;
        vec shift = vec_set(word < b->step->noise ? b->noise->shift[word] : 0.0f);
        UNROLL
        for (int l = 0; l < LANES; l++) {
            size_t at = (size_t)word * KERNEL_BLOCK + (size_t)l * WIDTH;
            vec s = sum[k][l] - shift;
            if (b->want_logits)
                vec_store(ws->logit + at, s);
            if (logistic)
                vec_store(ws->g + at, vec_load(b->weight + l * WIDTH) * vec_sigmoid(s));
        }
    }
}

static __attribute__((noinline)) void block_score_noise(struct block *b) {
    transpose_centres(b);
#define SCORE_CASE(i)                                     \
    case i:                                               \
        score_tile(b, from, (i) <= SCORE_TILE ? (i) : 1); \
        break;
    FOR_PIECES(b->ws->scored, SCORE_TILE, n, from)
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

/* The id of pair i of centre t: the positive whose score pair_logit[start[t] + i] is. */
INLINE uint32_t pair_word(const struct block *b, uint32_t t, uint32_t i) {
    const uint32_t *ids = b->chunk->ids + b->at[t];
    uint32_t w = b->window[t];
    return b->step->cbow ? (b->count[t] ? *ids : KERNEL_NO_WORD) : i < w ? *(ids - w + i) : ids[1 + i - w];
}

/* ---- sampled softmax -------------------------------------------------------------------------------------------- */

/* One pair whose positive was drawn as noise too: its softmax leaves those words out. It needs a maximum of its own,
 * for what is left may be tiny beside what was taken out. Adds the pair's shares of the noise words to `extra`; returns
 * the log of the positive's share. */
static float softmax_without_hits(const struct block *b, uint32_t t, uint32_t word, float positive, float *extra) {
    const float *logit = b->ws->logit + t;
    const uint32_t *ids = b->noise->ids;
    uint32_t noise = b->step->noise;
    float most = positive, sum;
    for (uint32_t k = 0; k < noise; k++)
        most = ids[k] == word ? most : fmaxf(most, logit[(size_t)k * KERNEL_BLOCK]);
    sum = expf(positive - most);
    for (uint32_t k = 0; k < noise; k++)
        sum += ids[k] == word ? 0.0f : expf(logit[(size_t)k * KERNEL_BLOCK] - most);
    for (uint32_t k = 0; k < noise; k++)
        extra[k] += ids[k] == word ? 0.0f : expf(logit[(size_t)k * KERNEL_BLOCK] - most) / sum;
    return positive - most - logf(sum);
}

INLINE bool noise_holds(const struct block *b, uint32_t word) {
    uint32_t found = 0;
    for (uint32_t k = 0; k < b->step->noise; k++)
        found |= b->noise->ids[k] == word;
    return found != 0;
}

static __attribute__((noinline)) void softmax_centre(struct block *b, uint32_t t, float *extra) {
    struct kernel_workspace *ws = b->ws;
    uint32_t noise = b->step->noise, pairs = b->start[t + 1] - b->start[t];
    float *g = ws->pair_g + b->start[t], *s = ws->pair_logit + b->start[t], most = -INFINITY, sum = 0, share = 0;
    for (uint32_t k = 0; k < noise; k++)
        most = fmaxf(most, ws->logit[(size_t)k * KERNEL_BLOCK + t]);
    for (uint32_t i = 0; i < pairs; i++)
        most = fmaxf(most, s[i]);
    for (uint32_t k = 0; k < noise; k++)
        sum += ws->g[(size_t)k * KERNEL_BLOCK + t] = expf(ws->logit[(size_t)k * KERNEL_BLOCK + t] - most);
    memset(extra, 0, noise * sizeof *extra);
    for (uint32_t i = 0; i < pairs; i++) {
        uint32_t word = pair_word(b, t, i);
        if (word == KERNEL_NO_WORD) {
            g[i] = 0;
            continue;
        }
        if (b->step->remove_hits && noise_holds(b, word)) {
            s[i] = softmax_without_hits(b, t, word, s[i], extra);
        } else {
            float z = expf(s[i] - most) + sum;
            share += 1.0f / z;
            s[i] -= most + logf(z);
        }
        g[i] = b->step->rate * (1.0f - expf(s[i])); /* s is the log of the positive's share now: the loss */
    }
    float unit = b->step->guard ? -b->step->rate * b->discount[t] : -b->step->rate;
    for (uint32_t k = 0; k < noise; k++) {
        float *cell = &ws->g[(size_t)k * KERNEL_BLOCK + t];
        *cell = unit * (*cell * share + extra[k]);
    }
}

static void block_softmax(struct block *b) {
    for (uint32_t t = 0; t < b->n; t++)
        softmax_centre(b, t, b->ws->norm);
    for (uint32_t t = b->n; t < KERNEL_BLOCK; t++)
        for (uint32_t k = 0; k < b->step->noise; k++)
            b->ws->g[(size_t)k * KERNEL_BLOCK + t] = 0.0f;
}

/* ---- accidental hits, loss -------------------------------------------------------------------------------------- */

/* A cell counts C_t minus the positives of t that its noise word is. */
static void block_remove_hits(struct block *b) {
    for (uint32_t t = 0; t < b->n; t++) {
        float positives = b->step->cbow ? 1.0f : (float)b->count[t];
        for (uint32_t i = 0; i < b->start[t + 1] - b->start[t]; i++) {
            uint32_t word = pair_word(b, t, i);
            if (word == KERNEL_NO_WORD || !noise_holds(b, word))
                continue;
            float whole = b->weight[t] / positives; /* of one positive */
            for (uint32_t k = 0; k < b->step->noise; k++) {
                size_t cell = (size_t)k * KERNEL_BLOCK + t;
                if (b->noise->ids[k] == word)
                    b->ws->g[cell] -= whole / (1.0f + expf(-b->ws->logit[cell]));
            }
        }
    }
}

INLINE double softplus(double x) {
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static void block_add_loss(struct block *b, struct kernel_loss *loss) {
    const struct kernel_step *step = b->step;
    for (uint32_t t = 0; t < b->n; t++) {
        const float *s = b->ws->pair_logit + b->start[t];
        for (uint32_t i = 0; i < b->start[t + 1] - b->start[t]; i++) {
            if (pair_word(b, t, i) == KERNEL_NO_WORD)
                continue;
            loss->positives++;
            if (step->loss_kind == KERNEL_SOFTMAX)
                loss->sum -= (double)s[i];
            else
                loss->sum += (double)step->positive_a * softplus(-(double)s[i]) +
                             (double)(step->positive_b - step->positive_a) * softplus((double)s[i]);
            for (uint32_t k = 0; step->remove_hits && step->loss_kind == KERNEL_LOGISTIC && k < step->noise; k++)
                if (b->noise->ids[k] == pair_word(b, t, i))
                    loss->sum -=
                        (double)step->negative_weight * softplus((double)b->ws->logit[(size_t)k * KERNEL_BLOCK + t]);
        }
        double cell = (double)step->negative_weight * (step->cbow ? (double)(b->count[t] > 0) : (double)b->count[t]);
        for (uint32_t k = 0; step->loss_kind == KERNEL_LOGISTIC && k < step->noise; k++)
            loss->sum += cell * softplus((double)b->ws->logit[(size_t)k * KERNEL_BLOCK + t]);
    }
}

/* ---- guard ------------------------------------------------------------------------------------------------------ */

/* How many windows of the block hold the same words as centre t's window, per word: an input row of CBOW takes a step
 * for each. */
static float window_multiple(const struct block *b, uint32_t t) {
    const uint32_t *ids = b->chunk->ids;
    uint32_t w = b->window[t], sum = 0;
    for (uint32_t i = 1; i <= 2 * w; i++) {
        uint32_t word = i <= w ? ids[b->at[t] - i] : ids[b->at[t] + i - w];
        for (uint32_t u = 0; word != KERNEL_NO_WORD && u < b->n; u++)
            for (uint32_t j = 1; j <= b->window[u]; j++)
                sum += (uint32_t)(ids[b->at[u] - j] == word) + (uint32_t)(ids[b->at[u] + j] == word);
    }
    return b->count[t] ? (float)sum / (float)b->count[t] : 1.0f;
}

/* A step on a row with gradient sum_c G_c x_c is stable while its curvature, about sum_c G_c |x_c|^2, stays below 2.
 * Rows over the bound are scaled back. Lo: output row k over the centres, times how often k stands in the draw; Lx:
 * centre t over the noise. */
static __attribute__((noinline)) void block_guard(struct block *b) {
    struct kernel_workspace *ws = b->ws;
    const struct kernel_step *step = b->step;
    vec x_square[LANES], curvature[LANES];
    UNROLL
    for (int l = 0; l < LANES; l++)
        x_square[l] = curvature[l] = vec_set(0.0f);
    for (uint32_t c = 0; c < step->columns; c++)
        UNROLL
    for (int l = 0; l < LANES; l++) {
        vec x = vec_load(ws->xt + (size_t)c * KERNEL_BLOCK + (size_t)l * WIDTH);
        x_square[l] += x * x;
    }
    for (uint32_t k = 0; k < step->noise; k += WIDTH) {
        vec v[WIDTH];
        uint32_t n = step->noise - k < WIDTH ? step->noise - k : WIDTH;
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
        vec row = vec_sum_each(v) * vec_load_unaligned(b->noise->repeat + k);
        vec limit = vec_set(step->guard_output);
        vec_store(ws->scale + k, limit / vec_max(row, limit));
    }
    if (step->cbow)
        for (uint32_t t = 0; t < b->n; t++)
            b->multiple[t] = b->repeated ? window_multiple(b, t) : (float)(step->window + 1);
    vec limit = vec_set(step->guard_input);
    UNROLL
    for (int l = 0; l < LANES; l++)
        vec_store(b->x_scale + l * WIDTH, vec_load(b->x_scale + l * WIDTH) * limit /
                                              vec_max(curvature[l] * vec_load(b->multiple + l * WIDTH), limit));
}

/* ---- updates ---------------------------------------------------------------------------------------------------- */

/* Input gradients of GRADIENT_ROWS centres, n vectors: the positives' part plus G O; then into the rows (skip-gram). */
INLINE void inputs_tile(struct block *b, uint32_t t, uint32_t from, const int n) {
    size_t stride = b->step->stride, j = (size_t)from * WIDTH;
    float *d = b->ws->d + t * stride + j;
    vec sum[GRADIENT_ROWS][GRADIENT_VECTORS];
    UNROLL
    for (int r = 0; r < GRADIENT_ROWS; r++)
        UNROLL
    for (int v = 0; v < n; v++)
        sum[r][v] = vec_load(d + (size_t)r * stride + (size_t)v * WIDTH);
    const float *o = b->ws->o + j, *g = b->ws->g + t;
    for (uint32_t k = 0; k < b->step->noise; k++, o += stride, g += KERNEL_BLOCK) {
        vec row[GRADIENT_VECTORS];
        UNROLL
        for (int v = 0; v < n; v++)
            row[v] = vec_load(o + v * WIDTH);
        UNROLL
        for (int r = 0; r < GRADIENT_ROWS; r++) {
            vec weight = vec_set(g[r]);
            UNROLL
            for (int v = 0; v < n; v++)
                sum[r][v] += weight * row[v];
        }
    }
    if (from + (uint32_t)n == b->ws->vectors) {
        ivec mask = last_vector_mask(b->step);
        UNROLL
        for (int r = 0; r < GRADIENT_ROWS; r++)
            sum[r][n - 1] = (vec)((ivec)sum[r][n - 1] & mask);
    }
    UNROLL
    for (int r = 0; r < GRADIENT_ROWS; r++) {
        uint32_t centre = t + (uint32_t)r;
        if (centre >= b->n)
            break;
        float *row = b->step->cbow ? d + (size_t)r * stride : b->chunk->input[b->at[centre]] + j;
        vec scale = vec_set(b->x_scale[centre]);
        UNROLL
        for (int v = 0; v < n; v++) {
            vec old = b->step->cbow ? vec_set(0.0f) : row_load(row + v * WIDTH);
            row_store(row + v * WIDTH, old + scale * sum[r][v]);
        }
    }
}

/* Output rows of GRADIENT_ROWS noise words, n vectors: o_k += scale_k sum_t G_tk x_t. */
INLINE void noise_tile(struct block *b, uint32_t k, uint32_t from, const int n) {
    size_t stride = b->step->stride, j = (size_t)from * WIDTH;
    vec sum[GRADIENT_ROWS][GRADIENT_VECTORS];
    UNROLL
    for (int r = 0; r < GRADIENT_ROWS; r++)
        UNROLL
    for (int v = 0; v < n; v++)
        sum[r][v] = vec_set(0.0f);
    const float *x = b->ws->x + j, *g = b->ws->g + (size_t)k * KERNEL_BLOCK;
    for (uint32_t t = 0; t < b->n; t++, x += stride, g++) {
        vec row[GRADIENT_VECTORS];
        UNROLL
        for (int v = 0; v < n; v++)
            row[v] = vec_load(x + v * WIDTH);
        UNROLL
        for (int r = 0; r < GRADIENT_ROWS; r++) {
            vec weight = vec_set(g[(size_t)r * KERNEL_BLOCK]);
            UNROLL
            for (int v = 0; v < n; v++)
                sum[r][v] += weight * row[v];
        }
    }
    UNROLL
    for (int r = 0; r < GRADIENT_ROWS; r++) {
        uint32_t word = k + (uint32_t)r;
        if (word >= b->step->noise)
            break;
        float *row = b->noise->rows[word] + j;
        vec scale = vec_set(b->step->guard ? b->ws->scale[word] : 1.0f);
        UNROLL
        for (int v = 0; v < n; v++)
            row_store(row + v * WIDTH, row_load(row + v * WIDTH) + scale * sum[r][v]);
    }
}

#define TILE_SWITCH(function, b, at, from, n)                \
    switch (n) {                                             \
    case 1:                                                  \
        function(b, at, from, 1);                            \
        break;                                               \
    case 2:                                                  \
        function(b, at, from, 2);                            \
        break;                                               \
    case 3:                                                  \
        function(b, at, from, GRADIENT_VECTORS < 3 ? 1 : 3); \
        break;                                               \
    default:                                                 \
        function(b, at, from, GRADIENT_VECTORS < 4 ? 1 : 4); \
        break;                                               \
    }

static __attribute__((noinline)) void block_update_inputs(struct block *b) {
    for (uint32_t t = 0; t < b->n; t += GRADIENT_ROWS)
        FOR_PIECES(b->ws->vectors, GRADIENT_VECTORS, n, from)
    TILE_SWITCH(inputs_tile, b, t, from, n)
}

static __attribute__((noinline)) void block_update_noise(struct block *b) {
    for (uint32_t k = 0; k < b->step->noise; k += GRADIENT_ROWS)
        FOR_PIECES(b->ws->vectors, GRADIENT_VECTORS, n, from)
    TILE_SWITCH(noise_tile, b, k, from, n)
}

/* CBOW: every input row of a window takes its centre's whole step (word2vec's rule). */
static __attribute__((noinline)) void block_spread_inputs(struct block *b) {
    size_t stride = b->step->stride;
    for (uint32_t t = 0; t < b->n; t++) {
        const float *d = b->ws->d + t * stride;
        for (uint32_t i = 1; i <= 2 * b->window[t]; i++) {
            uint32_t at = i <= b->window[t] ? b->at[t] - i : b->at[t] + i - b->window[t];
            if (b->edge && b->chunk->ids[at] == KERNEL_NO_WORD)
                continue;
            float *row = b->chunk->input[at];
            vec rate = vec_set(b->chunk->rate[at]);
            for (uint32_t v = 0; v < b->ws->vectors; v++)
                row_store(row + v * WIDTH, row_load(row + v * WIDTH) + rate * vec_load(d + v * WIDTH));
        }
    }
}
