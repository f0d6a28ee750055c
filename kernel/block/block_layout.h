/* The scratch memory of one thread and what is known of the block under way. Included once by each
 * kernel_*.c. */

#define LANES (KERNEL_BLOCK / WIDTH) /* vectors that hold one float of each centre */
#define TILE (WIDTH / 4)             /* centres in a vector of scores: see block_quads.h */
#define TILES (KERNEL_BLOCK / TILE)  /* such vectors for four rows */
#define CELLS (KERNEL_BLOCK * 4)     /* their floats */
#define STEP_ROWS 4                  /* rows whose steps are summed together */
#define HALVES (WIDTH > 4)           /* steps know half vectors, for dims like 100 */

/* Operands of products are in the lanes of product.h: `depth` is the length of a row in lanes. With
 * DEPTH 1 output rows are operands as they stand in the table, and of input rows there are copies,
 * so that those can be written first; with DEPTH 2 all operands are rounded copies. */
struct kernel_workspace {
    bool ready;
    /* of WIDTH floats that hold the columns; the rest of the stride is zero anyway */
    uint32_t vectors;
    bool half_tail; /* half of the last vector does */
    uint32_t depth;
    uint32_t quads; /* depth / 4, rounded up */
    float *mask;    /* [WIDTH] bits: what of the last vector of an input row may learn */
#if DEPTH == 2
    float *operand_mask; /* [WIDTH] bits: the same of the last vector of an operand */
#endif
    float *x; /* [stride] of a pair; CBOW: [16][stride] operand, means of windows */
    float *d; /* the same for steps of input vectors */
    /* [quads][16][4] operand: the input vectors, four lanes of each centre side by side */
    float *x_quads;
    float *x_steps;  /* [16 / DEPTH][stride] operand: the same, lanes are columns */
    float *g;        /* [K / 4][16][4] G_tk */
    float *g_inputs; /* [K / 4][16][4 / DEPTH] operand */
    float *g_rows;   /* [K / 4][16 / DEPTH][4] operand */
    float *logit;    /* [K / 4][16][4] only filled when asked for */
    /* The contexts, C rows: see block_band.h. */
    float **context;                    /* [C] */
    float *context_shift;               /* [C] */
    struct band_span *span;             /* [C / 4] */
    float *pair_g, *pair_logit;         /* [C / 4][16][4]: see pair_at */
    float *pair_g_inputs, *pair_g_rows; /* as g_inputs and g_rows */
#if DEPTH == 2
    float *o_steps;       /* [K / 2][stride] operand: the noise rows, summed over noise words */
    float *context_steps; /* [C / 2][stride] operand */
#endif
    /* [K / 4][WIDTH] parts of |o_k|^2, bias left out: see four_sums */
    float *square;
    float *extra;                 /* [K] of one centre: see softmax_centre, block_remove_hits */
    float *scale;                 /* [K] guard of output rows */
    float *windows, *window_sums; /* [positions] CBOW's guard: see block_count_windows */
    uint32_t *window_words;
};

/* Quads of contexts that the centres of a vector of scores reach; low > high: none. */
struct band_tile {
    uint32_t low, high;
};

/* Such vectors, [first, end), whose centres reach a quad of contexts. */
struct band_span {
    uint32_t first, end;
};

/* One block while it is worked on. Centre t has `left` + `right` context words around it;
 * separators are none of them. Its pairs are those words from left to right (CBOW: one pair, the
 * centre itself). */
struct block {
    const struct kernel_step *step;
    struct kernel_workspace *ws;
    const struct kernel_chunk *chunk;
    const struct kernel_noise *noise, *next;
    uint32_t n;
    uint32_t window;              /* of this block */
    const uint32_t *at;           /* [n] positions */
    const float *x[KERNEL_BLOCK]; /* skip-gram's input vectors, rows of the table; zeros past n */
    uint32_t left[KERNEL_BLOCK], right[KERNEL_BLOCK];
    uint32_t start[KERNEL_BLOCK + 1]; /* first pair */
    /* first centre of each run of neighbouring centres; run[runs] is n */
    uint32_t run[KERNEL_BLOCK + 1], runs;
    bool whole;       /* see block_is_whole */
    bool want_logits; /* for the loss, the softmax or the removal of hits */
    /* a centre stands more than clip_repeat times in the block */
    bool repeated;
    uint32_t contexts; /* C */
    /* Rows of the list: the first and the last that a centre reaches, and its own, which is none of
     * its positives. */
    _Alignas(16) uint32_t band_low[KERNEL_BLOCK], band_high[KERNEL_BLOCK], band_self[KERNEL_BLOCK];
    struct band_tile band[TILES];
    float weight[KERNEL_BLOCK];            /* -a w C_t, 0 past n */
    _Alignas(64) float weight_each[CELLS]; /* the same, four times each */
    /* |x_t|^2 with the bias input's 1, four times each */
    _Alignas(64) float x_square[CELLS];
    /* of the centre's step: sum_k G_tk |o_k|^2, in four parts */
    _Alignas(64) float curvature_each[CELLS];
    _Alignas(64) float multiple[KERNEL_BLOCK];  /* m_t: centres of the block that are this word */
    _Alignas(64) float discount[KERNEL_BLOCK];  /* w_t */
    _Alignas(64) float curvature[KERNEL_BLOCK]; /* sums of these parts */
    _Alignas(64) float x_scale[KERNEL_BLOCK];   /* input_rate times the guard of the centre */
};

INLINE size_t align_64(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

struct layout {
    char *base; /* NULL: only add up */
    size_t used;
};

static void lay_out(struct layout *layout, float **field, size_t floats) {
    if (layout->base)
        *field = (float *)(void *)(layout->base + layout->used);
    layout->used += align_64(floats * sizeof(float));
}

/* Operands of products: copies where they are rounded, else the floats they are made of. */
static void lay_out_operands(struct layout *layout, struct kernel_workspace *ws,
                             const struct kernel_step *step) {
    size_t stride = step->stride, noise = (step->noise + 3u) / 4 * 4;
    lay_out(layout, &ws->x, (step->cbow ? KERNEL_BLOCK : 1) * stride);
    lay_out(layout, &ws->x_steps, KERNEL_BLOCK / DEPTH * stride);
    lay_out(layout, &ws->g, noise * KERNEL_BLOCK);
#if DEPTH == 1
    if (layout->base)
        ws->g_inputs = ws->g_rows = ws->g;
    if (layout->base && step->cbow)
        ws->x_steps = ws->x;
#else
    lay_out(layout, &ws->operand_mask, WIDTH);
    lay_out(layout, &ws->o_steps, noise / DEPTH * stride);
    lay_out(layout, &ws->g_inputs, noise / DEPTH * KERNEL_BLOCK);
    lay_out(layout, &ws->g_rows, noise / DEPTH * KERNEL_BLOCK);
#endif
}

/* Of the positives. Contexts at most: every centre far from all others. */
static void lay_out_positives(struct layout *layout, struct kernel_workspace *ws,
                              const struct kernel_step *step) {
    size_t contexts = (size_t)KERNEL_BLOCK * (step->cbow ? 1 : 2 * step->window + 1);
    float *pointers = NULL;
    lay_out(layout, &pointers, contexts * sizeof(float *) / sizeof(float));
    ws->context = (float **)(void *)pointers;
    lay_out(layout, &ws->context_shift, contexts);
    lay_out(layout, &pointers, contexts / 4 * sizeof *ws->span / sizeof(float));
    ws->span = (struct band_span *)(void *)pointers;
    lay_out(layout, &ws->pair_g, contexts * KERNEL_BLOCK);
    lay_out(layout, &ws->pair_logit, contexts * KERNEL_BLOCK);
#if DEPTH == 1
    if (layout->base)
        ws->pair_g_inputs = ws->pair_g_rows = ws->pair_g;
#else
    lay_out(layout, &ws->context_steps, contexts / DEPTH * step->stride);
    lay_out(layout, &ws->pair_g_inputs, contexts * KERNEL_BLOCK / DEPTH);
    lay_out(layout, &ws->pair_g_rows, contexts * KERNEL_BLOCK / DEPTH);
#endif
}

/* Where the tables of cells keep row and centre. */
INLINE size_t cell_at(uint32_t row, uint32_t t) {
    return (size_t)row / 4 * CELLS + (size_t)t * 4 + row % 4;
}

/* Where pair_g and pair_logit keep pair i of centre t. */
INLINE size_t pair_at(const struct block *b, uint32_t t, uint32_t i) {
    return b->step->cbow ? cell_at(t, t) : cell_at(b->band_low[t] + i + (i >= b->left[t]), t);
}

/* What may learn in the last vector of an input row. */
INLINE ivec last_vector_mask(const struct block *b) {
    return (ivec)vec_load(b->ws->mask);
}

#if DEPTH == 2
INLINE ivec last_operand_mask(const struct block *b) {
    return (ivec)vec_load(b->ws->operand_mask);
}
#endif

INLINE uint32_t min(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

INLINE uint32_t max(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

/* All ones, but for the input's constant 1 of the bias column. */
static void mask_fill(const struct kernel_step *step, struct kernel_workspace *ws) {
    memset(ws->mask, 0xff, WIDTH * sizeof *ws->mask);
    if (step->has_bias)
        ws->mask[(step->columns - 1) % WIDTH] = 0;
#if DEPTH == 2
    char *half = (char *)ws->operand_mask + (step->columns - 1) % (2 * WIDTH) * 2;
    memset(ws->operand_mask, 0xff, WIDTH * sizeof *ws->operand_mask);
    if (step->has_bias)
        memset(half, 0, 2);
#endif
}

/* Lays the arrays out behind ws; with base NULL it only adds up. */
static size_t workspace_lay_out(const struct kernel_step *step, char *base,
                                struct kernel_workspace *ws) {
    size_t stride = step->stride, noise = (step->noise + 3u) / 4 * 4;
    size_t positions = step->cbow ? KERNEL_BLOCK * (2 * (size_t)step->window + 1) : 0;
    struct layout layout = {base, align_64(sizeof *ws)};
    ws->vectors = (step->columns + WIDTH - 1) / WIDTH;
    ws->half_tail = HALVES && (step->columns - 1) % WIDTH < WIDTH / 2;
    ws->depth = (step->columns + DEPTH - 1) / DEPTH;
    ws->quads = (ws->depth + 3) / 4;
    lay_out(&layout, &ws->mask, WIDTH);
    lay_out_operands(&layout, ws, step);
    /* whole vectors are written */
    size_t lanes = (stride / DEPTH + KERNEL_PAD - 1) / KERNEL_PAD * KERNEL_PAD;
    lay_out(&layout, &ws->x_quads, KERNEL_BLOCK * lanes);
    lay_out(&layout, &ws->d, (step->cbow ? KERNEL_BLOCK : 1) * stride);
    lay_out(&layout, &ws->logit, noise * KERNEL_BLOCK);
    lay_out_positives(&layout, ws, step);
    lay_out(&layout, &ws->square, noise / 4 * WIDTH);
    lay_out(&layout, &ws->extra, noise);
    lay_out(&layout, &ws->scale, noise + 16);
    lay_out(&layout, &ws->windows, positions);
    lay_out(&layout, &ws->window_sums, positions);
    float *words = NULL;
    lay_out(&layout, &words, positions);
    ws->window_words = (uint32_t *)(void *)words;
    if (base)
        mask_fill(step, ws);
    ws->ready = base != NULL;
    return layout.used;
}

static size_t block_workspace_size(const struct kernel_step *step) {
    struct kernel_workspace unused;
    return workspace_lay_out(step, NULL, &unused);
}

/* How many vectors to take next when `left` are left: at most `max`, and no small rest. */
INLINE uint32_t next_piece(uint32_t left, uint32_t max) {
    return left <= max ? left : left < 2 * max ? (left + 1) / 2 : max;
}

/* Cuts `total` into pieces of at most `max`; n of them from `first` on. */
#define FOR_PIECES(total, max, n, first)                                                       \
    for (uint32_t first = 0, n; first < (total) && (n = next_piece((total)-first, max), true); \
         first += n)

/* Calls function(b, at, from, n) with n, 1 to `max`, as a constant: the piece's vectors stay in
 * registers. */
#define PIECE_CASE(i, max, function, b, at, from)      \
    case i:                                            \
        function(b, at, from, (i) <= (max) ? (i) : 1); \
        break;
/* The same for tiles of steps: function(b, at, from, n, half), n whole vectors and a half one, for
 * all rows of a piece `at` = first, first + 4, ... Each shape is a loop of its own: a switch within
 * the loop over rows has the compiler keep what all shapes need, and move it between tiles. */
#define TILE_CASE(i, function, b, from, tail, first, end)                        \
    case i:                                                                      \
        if (HALVES && (tail))                                                    \
            for (uint32_t at_ = (first); at_ < (end); at_ += 4)                  \
                function(b, at_, from, (i) <= STEP_VECTORS ? (i)-1 : 0, HALVES); \
        else                                                                     \
            for (uint32_t at_ = (first); at_ < (end); at_ += 4)                  \
                function(b, at_, from, (i) <= STEP_VECTORS ? (i) : 1, false);    \
        break;
#define FOR_TILES(function, b, first, end)                                 \
    FOR_PIECES((b)->ws->vectors, STEP_VECTORS, n_, from_) {                \
        bool tail_ = (b)->ws->half_tail && from_ + n_ == (b)->ws->vectors; \
        switch (n_) {                                                      \
            TILE_CASE(1, function, b, from_, tail_, first, end)            \
            TILE_CASE(2, function, b, from_, tail_, first, end)            \
            TILE_CASE(3, function, b, from_, tail_, first, end)            \
            TILE_CASE(4, function, b, from_, tail_, first, end)            \
        }                                                                  \
    }
#define PIECE_SWITCH(function, b, at, from, n)         \
    switch (n) {                                       \
        PIECE_CASE(1, ROW_TILE, function, b, at, from) \
        PIECE_CASE(2, ROW_TILE, function, b, at, from) \
        PIECE_CASE(3, ROW_TILE, function, b, at, from) \
        PIECE_CASE(4, ROW_TILE, function, b, at, from) \
        PIECE_CASE(5, ROW_TILE, function, b, at, from) \
        PIECE_CASE(6, ROW_TILE, function, b, at, from) \
        PIECE_CASE(7, ROW_TILE, function, b, at, from) \
        PIECE_CASE(8, ROW_TILE, function, b, at, from) \
    }
