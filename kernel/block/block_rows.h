/* Which words stand near which centres, and loops over their rows. Part of block_body.h. */

/* ---- runs and their partners ----------------------------------------------------------------- */

/* Positions from low to high. */
struct partners {
    uint32_t low, high;
};

/* The centres of a run that have position c as a context word: a centre at i and a word at p are a
 * pair when 0 < |i - p| <= window. */
INLINE struct partners context_partners(const struct block *b, uint32_t run, uint32_t c) {
    uint32_t low = b->at[b->run[run]], high = b->at[b->run[run + 1] - 1], window = b->window;
    return (struct partners){max(low + window, c) - window, min(high, c + window)};
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
#define RUN_STAGE(name, piece)                                                          \
    static __attribute__((noinline)) void name(struct block *b) {                       \
        for (uint32_t run = 0; run < b->runs; run++)                                    \
            for (uint32_t from = 0; from < b->ws->vectors; from += ROW_TILE)            \
                PIECE_SWITCH(piece, b, run, from, min(ROW_TILE, b->ws->vectors - from)) \
    }

/* ---- rows ------------------------------------------------------------------------------------ */

/* sum += g row */
INLINE void add_row(vec *sum, const float *row, float g, const int n) {
    vec weight = vec_set(g);
    UNROLL_FOR(int i = 0; i < n; i++)
        sum[i] += weight * row_load(row + i * WIDTH);
}

/* Rows of the block after this one, two for each centre: spread over the work, where a burst would
 * wait. Its noise rows are fetched by block_update_noise. */
INLINE void prefetch_ahead(const struct block *b, float *const *centre, float *const *context,
                           uint32_t t) {
    uint32_t at = b->at[t] + KERNEL_BLOCK;
    if (at + b->step->window >= b->chunk->length)
        return;
    PREFETCH_ROW(centre[at], b->step->stride);
    PREFETCH_ROW(context[at + b->step->window], b->step->stride);
}

/* ---- rows that other threads share ----------------------------------------------------------- */

static void block_merge(float *row, float *own, float *base, float share, size_t stride) {
    for (size_t j = 0; j < stride; j += WIDTH) {
        vec merged = row_load(row + j) + vec_set(share) * (vec_load(own + j) - vec_load(base + j));
        row_store(row + j, merged);
        vec_store(own + j, merged);
        vec_store(base + j, merged);
    }
}

static bool block_row_is_finite(const float *row, size_t stride) {
    ivec bad = {0};
    for (size_t j = 0; j < stride; j += WIDTH)
        bad |= (ivec)(((ivec)row_load(row + j) & 0x7f800000) == 0x7f800000);
    for (int i = 0; i < WIDTH; i++)
        if (bad[i])
            return false;
    return true;
}
