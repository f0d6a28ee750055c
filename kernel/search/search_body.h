/* Scores and norms for search, and the finite check: see kernel.h. Compiled once for each
 * instruction set (kernel_*.c). */
#ifndef VECMILL_KERNEL_SEARCH_BODY_H
#define VECMILL_KERNEL_SEARCH_BODY_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel/vector.h"

/* A register tile of WIDTH sums, so that one vec_sum_each ends them all: SCORE_QUERIES queries by
 * SCORE_ROWS rows, or one query against WIDTH rows. Every sum runs over the columns in the same
 * order and is ended in the same way, whatever stands beside it; past the end the last one is
 * repeated. */
#if WIDTH == 16
#define SCORE_QUERIES 4
#define SCORE_ROWS 4
#elif WIDTH == 8
#define SCORE_QUERIES 4
#define SCORE_ROWS 2
#else
#define SCORE_QUERIES 2
#define SCORE_ROWS 2
#endif

INLINE void scores_tile(const float *queries, size_t n_queries, const float *rows, size_t n_rows,
                        size_t stride, float *scores, size_t pitch, const int tile_queries,
                        const int tile_rows) {
    const float *query[WIDTH], *row[WIDTH];
    vec sum[WIDTH];
    UNROLL_FOR(int i = 0; i < tile_queries; i++)
        query[i] = queries + ((size_t)i < n_queries ? (size_t)i : n_queries - 1) * stride;
    UNROLL_FOR(int i = 0; i < tile_rows; i++)
        row[i] = rows + ((size_t)i < n_rows ? (size_t)i : n_rows - 1) * stride;
    UNROLL_FOR(int i = 0; i < WIDTH; i++)
        sum[i] = vec_set(0.0f);
    for (size_t j = 0; j < stride; j += WIDTH)
        UNROLL_FOR(int r = 0; r < tile_rows; r++) {
            vec value = vec_load(row[r] + j);
            UNROLL_FOR(int q = 0; q < tile_queries; q++)
                sum[q * tile_rows + r] += vec_load(query[q] + j) * value;
        }
    float all[WIDTH];
    vec total = vec_sum_each(sum);
    memcpy(all, &total, sizeof all);
    for (size_t q = 0; q < (size_t)tile_queries && q < n_queries; q++)
        for (size_t r = 0; r < (size_t)tile_rows && r < n_rows; r++)
            scores[q * pitch + r] = all[q * (size_t)tile_rows + r];
}

static void search_scores(const float *queries, size_t n_queries, const float *rows, size_t n_rows,
                          size_t stride, float *scores) {
    size_t q = 0;
    for (; q + 2 <= n_queries; q += SCORE_QUERIES)
        for (size_t r = 0; r < n_rows; r += SCORE_ROWS)
            scores_tile(queries + q * stride, n_queries - q, rows + r * stride, n_rows - r, stride,
                        scores + q * n_rows + r, n_rows, SCORE_QUERIES, SCORE_ROWS);
    if (q < n_queries)
        for (size_t r = 0; r < n_rows; r += WIDTH)
            scores_tile(queries + q * stride, 1, rows + r * stride, n_rows - r, stride,
                        scores + q * n_rows + r, n_rows, 1, WIDTH);
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

#endif
