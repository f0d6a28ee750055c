/* CBOW: what differs from skip-gram. Part of block_body.h. */

/* CBOW: the input vector is the mean of the window's input rows. */
INLINE void means_piece(struct block *b, uint32_t run, uint32_t from, const int n) {
    float *const *input = b->chunk->input;
    size_t stride = b->step->stride, j = (size_t)from * WIDTH;
    vec all[ROW_TILE] = {{0}};                  /* of the window and its centre, moved on from centre to centre */
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
        for (int v = 0; v < n; v++)
            vec_store(to + v * WIDTH, (all[v] - row_load(input[at] + j + v * WIDTH)) * share);
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

RUN_STAGE(block_means, means_piece)
RUN_STAGE(block_spread_inputs, spread_piece)

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
