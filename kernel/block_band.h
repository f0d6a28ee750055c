/* The positives as products of matrices: kernels with DEPTH 2, for which a banded product costs less than its pairs one
 * by one. The contexts of a block are a list of rows, those of each run from left to right; a centre's partners are
 * neighbours in it, so that its cells lie in a band. Four rows and four centres are the least that is worked on; cells
 * outside of the band are zero. Part of block_body.h. */

/* The list, the place of each centre in it, and which quads of rows the centres of a tile reach. */
static void band_open(struct block *b) {
    struct kernel_workspace *ws = b->ws;
    uint32_t n = 0;
    for (uint32_t run = 0; run < b->runs; run++) {
        uint32_t low = run_low(b, run), high = run_high(b, run), offset = n - low;
        for (uint32_t t = b->run[run]; t < b->run[run + 1]; t++) {
            uint32_t self = b->at[t] + offset;
            b->band_low[t] = self - b->left[t], b->band_high[t] = self + b->right[t], b->band_self[t] = self;
        }
        for (uint32_t p = low; p <= high && low < high; p++, n++) {
            ws->context[n] = b->chunk->output[p];
            ws->context_shift[n] = b->chunk->shift[p];
        }
    }
    b->contexts = n;
}

/* The same of a block that is one piece of a sentence, and what band_bound finds: by rule, for loops whose length
 * changes with the window take 2% of a training. */
static void band_open_whole(struct block *b) {
    struct kernel_workspace *ws = b->ws;
    uint32_t reach = 2 * b->window, low = b->at[0] - b->window;
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++)
        b->band_low[t] = t, b->band_self[t] = t + b->window, b->band_high[t] = t + reach;
    for (uint32_t i = 0; i < KERNEL_BLOCK / 4; i++)
        b->band[i] = (struct band_tile){i, i + (3 + reach) / 4};
    b->contexts = KERNEL_BLOCK + reach;
    for (uint32_t q = 0, wide = (3 + reach) / 4; q * 4 < b->contexts; q++)
        ws->span[q] = (struct band_span){q > wide ? q - wide : 0, least(q + 1, KERNEL_BLOCK / 4)};
    memcpy(ws->context, b->chunk->output + low, b->contexts * sizeof *ws->context);
    memcpy(ws->context_shift, b->chunk->shift + low, b->contexts * sizeof *ws->context_shift);
}

/* CBOW: the only positive of a centre is its own output row. */
static void band_open_cbow(struct block *b) {
    struct kernel_workspace *ws = b->ws;
    for (uint32_t t = 0; t < b->n; t++) {
        ws->context[t] = b->chunk->output[b->at[t]];
        ws->context_shift[t] = b->chunk->shift[b->at[t]];
        b->band_low[t] = b->band_high[t] = t;
        b->band_self[t] = KERNEL_NO_WORD;
    }
    b->contexts = b->n;
}

/* The tiles of centres that reach quad q. */
static struct band_span band_span(const struct block *b, uint32_t q) {
    struct band_span span = {0, 0};
    for (uint32_t i = 0; i < KERNEL_BLOCK / 4; i++) {
        if (b->band[i].low > q || q > b->band[i].high)
            continue;
        span.first = span.end ? span.first : i;
        span.end = i + 1;
    }
    return span;
}

/* A centre without positives reaches nothing; four of them lie where those before them end, so that the tiles that
 * reach a quad are neighbours. */
static void band_bound(struct block *b) {
    bool found = false; /* in this tile */
    for (uint32_t t = 0; t < KERNEL_BLOCK; t++) {
        found = found && t % 4 != 0;
        bool none = t >= b->n || b->start[t] == b->start[t + 1];
        struct band_tile *tile = &b->band[t / 4];
        if (t % 4 == 0)
            *tile = (struct band_tile){1, 0};
        if (t % 4 == 0 && t > 0 && tile[-1].low <= tile[-1].high)
            *tile = (struct band_tile){tile[-1].high, tile[-1].high};
        if (none) {
            b->band_low[t] = 1, b->band_high[t] = 0, b->band_self[t] = 0;
            continue;
        }
        if (!found)
            tile->low = b->band_low[t] / 4;
        tile->high = b->band_high[t] / 4;
        found = true;
    }
    for (uint32_t q = 0; q * 4 < b->contexts; q++)
        b->ws->span[q] = band_span(b, q);
}

/* Fills the last quad up with zeros. */
static void band_close(struct block *b) {
    for (uint32_t i = b->contexts; i % 4 != 0; i++) {
        b->ws->context[i] = (float *)(uintptr_t)b->chunk->zero; /* only read */
        b->ws->context_shift[i] = 0;
    }
}

INLINE ivec spread_each(const uint32_t *four_of_them) {
    return (ivec)_mm512_permutexvar_epi32(_mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0),
                                          _mm512_castsi128_si512(*(const __m128i *)(const void *)four_of_them));
}

/* Rounds quad q of the list and scores it by the centres of n tiles from `tile` on. */
INLINE void band_quad(struct block *b, uint32_t q, uint32_t tile, const int n) {
    struct kernel_workspace *ws = b->ws;
    float *to = ws->pair_logit + (size_t)q * CELLS + (size_t)tile * WIDTH;
    vec s[SCORE_TILES], shift = four_spread_at(ws->context_shift + (size_t)q * 4);
    float *const *list = ws->context + (size_t)q * 4;
    const float *row[4] = {list[0], list[1], list[2], list[3]};
    round_and_score(b, row, ws->context_steps + (size_t)q * 4 / DEPTH * b->step->stride, NULL, tile * 4, s, n);
    UNROLL
    for (int i = 0; i < n; i++)
        vec_store(to + i * WIDTH, s[i] - shift);
}

static void band_score_quad(struct block *b, uint32_t q) {
    struct band_span span = b->ws->span[q];
    switch (span.end - span.first) {
    case 1:
        band_quad(b, q, span.first, 1);
        break;
    case 2:
        band_quad(b, q, span.first, 2);
        break;
    case 3:
        band_quad(b, q, span.first, 3);
        break;
    case 4:
        band_quad(b, q, span.first, 4);
        break;
    }
}

/* Gradients of the scores, zero outside of the band. A loop of its own: a sigmoid waits for itself, and many at a time
 * hide that. */
INLINE void band_gradients(struct block *b, bool logistic) {
    struct kernel_workspace *ws = b->ws;
    vec rate_b = vec_set(b->step->rate * b->step->positive_b); /* A - B sigmoid(s) = A - B + B sigmoid(-s) */
    vec rest = vec_set(b->step->rate * (b->step->positive_a - b->step->positive_b));
    for (uint32_t i = 0; i < KERNEL_BLOCK / 4; i++) {
        struct band_tile tile = b->band[i];
        ivec low = spread_each(b->band_low + i * 4), high = spread_each(b->band_high + i * 4);
        ivec self = spread_each(b->band_self + i * 4);
        for (uint32_t q = tile.low; q <= tile.high; q++) {
            size_t at = (size_t)q * CELLS + (size_t)i * WIDTH;
            ivec index = (ivec){0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3} + (int32_t)(q * 4);
            ivec pairs = (index >= low) & (index <= high) & (index != self);
            vec g = vec_set(0.0f);
            if (logistic)
                g = rest + rate_b * gradient_sigmoid(-vec_load(ws->pair_logit + at));
            vec_store(ws->pair_g + at, (vec)((ivec)g & pairs));
        }
    }
}

static __attribute__((noinline)) void block_score_positives(struct block *b) {
    uint32_t ahead = 0;
    if (b->whole && !b->step->cbow) {
        band_open_whole(b);
    } else {
        b->step->cbow ? band_open_cbow(b) : band_open(b);
        band_bound(b);
    }
    band_close(b);
    for (uint32_t q = 0; q * 4 < b->contexts; q++) {
        for (; !b->step->cbow && ahead < b->n && ahead * b->contexts < (q + 1) * 4 * b->n; ahead++)
            prefetch_ahead(b, b->chunk->input, b->chunk->output, ahead);
        band_score_quad(b, q);
    }
    band_gradients(b, b->step->loss_kind == KERNEL_LOGISTIC);
}

/* Their gradients are final. */
static __attribute__((noinline)) void block_sum_positives(struct block *b) {
    struct kernel_workspace *ws = b->ws;
    for (uint32_t q = 0; q * 4 < b->contexts; q++)
        round_cells(ws->pair_g + (size_t)q * CELLS, ws->pair_g_inputs + (size_t)q * CELLS / DEPTH,
                    ws->pair_g_rows + (size_t)q * CELLS / DEPTH);
}

/* The steps of centres t + r by their positives. */
INLINE void positives_of_inputs(const struct block *b, struct steps *sum, uint32_t t, size_t j, const int n,
                                const bool half) {
    const struct kernel_workspace *ws = b->ws;
    steps_clear(sum, n, half);
    struct band_tile tile = b->band[t / 4];
    for (uint32_t q = tile.low; q <= tile.high; q++)
        add_quad_to_inputs(sum, ws->context_steps + (size_t)q * 4 / DEPTH * b->step->stride + j, b->step->stride,
                           ws->pair_g_inputs + (size_t)q * CELLS / DEPTH + (size_t)t * 4 / DEPTH, n, half);
}

/* o_c += sum_t g_tc x_t for the rows of quad q. */
INLINE void contexts_tile(struct block *b, uint32_t row, uint32_t from, const int n, const bool half) {
    uint32_t q = row / 4;
    const struct kernel_workspace *ws = b->ws;
    size_t j = (size_t)from * WIDTH;
    struct steps sum;
    struct targets to = {.count = b->contexts - q * 4};
    struct band_span span = ws->span[q];
    UNROLL
    for (uint32_t r = 0; r < STEP_ROWS; r++)
        to.row[r] = ws->context[q * 4 + r] + j, to.scale[r] = 1.0f;
    sum_inputs(b, &sum, span.first * 4, least(span.end * 4, b->n), ws->pair_g_rows + (size_t)q * CELLS / DEPTH, j, n,
               half);
    targets_add(&to, &sum, n, half);
}

static __attribute__((noinline)) void block_update_contexts(struct block *b) {
    FOR_TILES(contexts_tile, b, 0, b->contexts)
}
