/* Scores and norms for search, and the finite check: see kernel.h. Included once by each kernel_*.c. */

/* Four queries against two rows at a time keeps eight sums in flight; every sum runs over the columns in the same
 * order, whatever stands beside it. */
INLINE void scores_tile(const float *queries, int n_queries, const float *rows, int n_rows, size_t stride,
                        float *scores, size_t pitch) {
    vec sum[4][2] = {{{0}}};
    for (size_t j = 0; j < stride; j += WIDTH) {
        vec row[2];
        UNROLL
        for (int r = 0; r < n_rows; r++)
            row[r] = vec_load(rows + (size_t)r * stride + j);
        UNROLL
        for (int q = 0; q < n_queries; q++) {
            vec query = vec_load(queries + (size_t)q * stride + j);
            UNROLL
            for (int r = 0; r < n_rows; r++)
                sum[q][r] += query * row[r];
        }
    }
    for (int q = 0; q < n_queries; q++)
        for (int r = 0; r < n_rows; r++)
            scores[(size_t)q * pitch + (size_t)r] = vec_sum(sum[q][r]);
}

static void search_scores(const float *queries, size_t n_queries, const float *rows, size_t n_rows, size_t stride,
                          float *scores) {
    for (size_t q = 0; q < n_queries;) {
        const float *query = queries + q * stride;
        float *out = scores + q * n_rows;
        size_t r = 0;
        if (n_queries - q >= 4) {
            for (; r + 2 <= n_rows; r += 2)
                scores_tile(query, 4, rows + r * stride, 2, stride, out + r, n_rows);
            if (r < n_rows)
                scores_tile(query, 4, rows + r * stride, 1, stride, out + r, n_rows);
            q += 4;
        } else {
            for (; r + 2 <= n_rows; r += 2)
                scores_tile(query, 1, rows + r * stride, 2, stride, out + r, n_rows);
            if (r < n_rows)
                scores_tile(query, 1, rows + r * stride, 1, stride, out + r, n_rows);
            q += 1;
        }
    }
}

static void search_norms(const float *rows, size_t n_rows, size_t stride, float *norms) {
    for (size_t r = 0; r < n_rows; r++) {
        double sum = 0;
        for (size_t j = 0; j < stride; j++)
            sum += (double)rows[r * stride + j] * rows[r * stride + j];
        norms[r] = (float)sqrt(sum);
    }
}

static size_t search_first_nonfinite(const float *values, size_t n) {
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        uint32_t bad = 0;
        for (size_t j = 0; j < 64; j++) {
            uint32_t bits;
            memcpy(&bits, values + i + j, 4);
            bad |= (bits & 0x7f800000u) == 0x7f800000u;
        }
        if (bad)
            break;
    }
    for (; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, 4);
        if ((bits & 0x7f800000u) == 0x7f800000u)
            return i;
    }
    return n;
}
