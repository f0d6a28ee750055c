/* The scratch memory of one thread and what is known of the block under way. Included once by each kernel_*.c. */

#define LANES (KERNEL_BLOCK / WIDTH) /* vectors that hold one float of each centre */

struct kernel_workspace {
    bool ready;
    uint32_t vectors; /* of WIDTH floats that hold the columns; the rest of the stride is zero anyway */
    uint32_t scored;  /* K rounded up to 4: rows scored, those past K are zero */
    float *x;         /* [16][stride] input vectors before the block */
    float *xt;        /* [stride][16] the same, a column a line: lanes are centres */
    float *d;         /* [16][stride] gradient of the input vectors, times the rate */
    float *o;         /* [scored][stride] noise rows before the block */
    float *g;         /* [scored][16] G_tk */
    float *logit;     /* [scored][16] only filled when the loss is wanted */
    float *partial;   /* [pairs][WIDTH] dot products before their lanes are summed */
    float *pair_g;    /* [pairs] */
    float *pair_logit, *pair_shift;
    float *square;        /* [scored][WIDTH] |o_k|^2 before the lanes are summed */
    float *norm;          /* [scored] |o_k|^2, bias left out */
    float *scale;         /* [scored] guard of output rows */
    uint32_t *class_size; /* [window + 2] */
};

/* One block while it is worked on. Centres are in the order of their windows, short ones first, so that loops over a
 * window run equally often several times in a row and are predicted. */
struct block {
    const struct kernel_step *step;
    struct kernel_workspace *ws;
    const struct kernel_chunk *chunk;
    const struct kernel_noise *noise, *next;
    uint32_t n, ahead;         /* centres; positions from a centre to its successor in the next block, roughly */
    uint32_t at[KERNEL_BLOCK]; /* position */
    uint32_t window[KERNEL_BLOCK];
    uint32_t start[KERNEL_BLOCK + 1];          /* first pair */
    uint32_t count[KERNEL_BLOCK];              /* positives: pairs that are no separators */
    bool edge;                                 /* a separator is in reach */
    bool want_logits;                          /* for the loss, the softmax or the removal of hits */
    bool repeated;                             /* a centre stands more than guard_repeat times in the block */
    _Alignas(64) float weight[KERNEL_BLOCK];   /* -a w C_t, 0 past n */
    _Alignas(64) float multiple[KERNEL_BLOCK]; /* m_t: centres of the block that are this word */
    _Alignas(64) float discount[KERNEL_BLOCK]; /* w_t */
    _Alignas(64) float x_square[KERNEL_BLOCK]; /* |x_t|^2 with the bias input's 1 */
    _Alignas(64) float x_scale[KERNEL_BLOCK];  /* input_rate times the guard of the centre */
};

INLINE size_t align_64(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

/* Lays the arrays out behind `base`; with ws NULL it only adds up. */
static size_t workspace_lay_out(const struct kernel_step *step, char *base, struct kernel_workspace *ws) {
    size_t row = step->stride * sizeof(float), scored = (step->noise + 3u) / 4 * 4;
    size_t pairs = (size_t)KERNEL_BLOCK * (step->cbow ? 1 : 2 * step->window) + 32;
    size_t sizes[] = {KERNEL_BLOCK * row,
                      KERNEL_BLOCK * row,
                      KERNEL_BLOCK * row,
                      scored * row,
                      scored * 64,
                      scored * 64,
                      pairs * WIDTH * 4,
                      pairs * 4,
                      pairs * 4,
                      pairs * 4,
                      scored * WIDTH * 4 + 64,
                      scored * 4 + 64,
                      scored * 4 + 64,
                      (step->window + 2) * 4};
    float **fields[] = {&ws->x,      &ws->xt,         &ws->d,          &ws->o,      &ws->g,    &ws->logit, &ws->partial,
                        &ws->pair_g, &ws->pair_logit, &ws->pair_shift, &ws->square, &ws->norm, &ws->scale};
    size_t total = align_64(sizeof *ws);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (base && i < sizeof fields / sizeof fields[0])
            *fields[i] = (float *)(void *)(base + total);
        else if (base)
            ws->class_size = (uint32_t *)(void *)(base + total);
        total += align_64(sizes[i]);
    }
    if (base) {
        ws->vectors = (step->columns + WIDTH - 1) / WIDTH;
        ws->scored = (uint32_t)scored;
        ws->ready = true;
    }
    return total;
}

static size_t block_workspace_size(const struct kernel_step *step) {
    struct kernel_workspace unused;
    return workspace_lay_out(step, NULL, &unused);
}

/* Cuts `total` vectors into the fewest pieces of at most `most`, of nearly equal length; calls piece(n, first). */
#define FOR_PIECES(total, most, n, first)                                         \
    for (uint32_t pieces_ = ((total) + (most)-1) / (most), piece_ = 0, first = 0, \
                  n = (total) / pieces_ + (0 < (total) % pieces_);                \
         piece_ < pieces_; first += n, piece_++, n = (total) / pieces_ + (piece_ < (total) % pieces_))
