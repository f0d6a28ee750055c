#include "tests/support/vectors_sample.h"

#include "tests/support/stop_after.h"

#include <math.h>

#define ROWS 1500

static double cosine(const float *a, const float *b, size_t dim) {
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < dim; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return ab / sqrt(aa) / sqrt(bb);
}

/* The simple version: a score for every id, NAN for those that may not be found. */
static void check_against(const double *scores, uint32_t rows, size_t k, const struct neighbor *out,
                          size_t found) {
    size_t allowed = 0;
    bool *seen = calloc(rows, sizeof *seen);
    for (uint32_t id = 0; id < rows; id++)
        allowed += !isnan(scores[id]);
    assert_int_equal(found, k < allowed ? k : allowed);
    for (size_t i = 0; i < found; i++) {
        assert_true(out[i].id < rows);
        assert_false(seen[out[i].id]);
        seen[out[i].id] = true;
        assert_true(fabs(out[i].score - scores[out[i].id]) < 2e-6); /* false for NAN */
        if (i > 0)
            assert_true(out[i].score < out[i - 1].score ||
                        (out[i].score == out[i - 1].score && out[i].id > out[i - 1].id));
    }
    /* Nothing that was left out is clearly better than the last one found. */
    for (uint32_t id = 0; found > 0 && id < rows; id++)
        assert_true(isnan(scores[id]) || seen[id] || scores[id] < out[found - 1].score + 2e-6);
    free(seen);
}

static void check_case(uint32_t rows, uint32_t dim, uint32_t shards, enum partition partition,
                       uint32_t among, size_t k) {
    enum { QUERIES = 7 };
    float *values = sample_values((size_t)rows * dim, rows + dim),
          *queries = sample_values(QUERIES * dim, 99);
    uint32_t excluded[] = {0, 3, 3, 1, 2, WORD_NONE, 5};
    size_t starts[QUERIES + 1] = {0, 1, 3, 3, 6, 7, 7, 7}, found[QUERIES], found_again[QUERIES];
    struct neighbor *out = calloc(QUERIES * k + 1, sizeof *out),
                    *again = calloc(QUERIES * k + 1, sizeof *again);
    double *scores = calloc(rows, sizeof *scores);
    const struct candidates candidates = {.among = among};
    struct error err = {0};
    if (rows > 10) /* a zero row never matches */
        memset(values + (size_t)9 * dim, 0, dim * sizeof *values);
    struct model *model = sample_model(NULL, values, rows, dim, shards, partition, NULL);

    assert_int_equal(search_neighbors(model, queries, QUERIES, excluded, starts, &candidates, k, 1,
                                      NULL, out, found, &err),
                     STATUS_OK);
    for (size_t q = 0; q < QUERIES; q++) {
        for (uint32_t id = 0; id < rows; id++)
            scores[id] = among != 0 && id >= among
                             ? NAN
                             : cosine(queries + q * dim, values + (size_t)id * dim, dim);
        for (size_t i = starts[q]; i < starts[q + 1]; i++)
            if (excluded[i] < rows)
                scores[excluded[i]] = NAN;
        check_against(scores, rows, k, out + q * k, found[q]);
    }
    for (int threads = 2; threads <= 3; threads++) {
        assert_int_equal(search_neighbors(model, queries, QUERIES, excluded, starts, &candidates, k,
                                          threads, NULL, again, found_again, &err),
                         STATUS_OK);
        assert_memory_equal(found, found_again, sizeof found);
        for (size_t q = 0; q < QUERIES; q++)
            for (size_t i = 0; i < found[q]; i++) {
                assert_int_equal(out[q * k + i].id, again[q * k + i].id);
                assert_memory_equal(&out[q * k + i].score, &again[q * k + i].score, sizeof(float));
            }
    }
    model_drop(model);
    free(values);
    free(queries);
    free(out);
    free(again);
    free(scores);
}

static void neighbors_match_the_simple_version(void **state) {
    static const uint32_t dims[] = {1, 2, 15, 16, 17, 100, 300};
    (void)state;
    for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++) {
        check_case(ROWS, dims[i], 1, PARTITION_MOD, 0, 10);
        check_case(ROWS / 3, dims[i], 5, PARTITION_DIV, 100, 3);
        check_case(ROWS / 3, dims[i], 5, PARTITION_MOD, 100, 3);
    }
    check_case(1, 8, 1, PARTITION_MOD, 0, 5);
    check_case(2, 8, 4, PARTITION_DIV, 0, 5);
    check_case(2, 8, 4, PARTITION_MOD, 1, 5);
    check_case(300, 4, 7, PARTITION_MOD, 0, 1);
    check_case(300, 4, 300, PARTITION_MOD, 0, 300);
    check_case(300, 4, 299, PARTITION_DIV, 1000, 5000);
    check_case(40, 4, 1, PARTITION_MOD, 0, 0);
}

/* The same pair gets the same bits however the table is cut and however many queries go
 * together. */
static void sharding_and_batching_change_nothing(void **state) {
    enum { DIM = 50, QUERIES = 150, K = 8 };
    float *values = sample_values(ROWS * DIM, 5), *queries = sample_values(QUERIES * DIM, 6);
    struct neighbor *whole = calloc(QUERIES * K, sizeof *whole),
                    *other = calloc(QUERIES * K, sizeof *other);
    size_t found[QUERIES];
    struct error err = {0};
    (void)state;
    for (const struct kernel *const *kernel = kernel_list(); *kernel != NULL; kernel++) {
        if (!(*kernel)->runs())
            continue;
        struct model *model =
            sample_model(NULL, values, ROWS, DIM, 1, PARTITION_MOD, (*kernel)->name);
        assert_int_equal(search_neighbors(model, queries, QUERIES, NULL, NULL, NULL, K, 1, NULL,
                                          whole, found, &err),
                         STATUS_OK);
        for (size_t q = 0; q < QUERIES; q += 7) {
            assert_int_equal(search_neighbors(model, queries + q * DIM, 1, NULL, NULL, NULL, K, 1,
                                              NULL, other, found, &err),
                             STATUS_OK);
            assert_memory_equal(whole + q * K, other, K * sizeof *other);
        }
        model_drop(model);
        for (uint32_t shards = 2; shards < 12; shards += 3) {
            model = sample_model(NULL, values, ROWS, DIM, shards,
                                 shards % 2 ? PARTITION_MOD : PARTITION_DIV, (*kernel)->name);
            assert_int_equal(search_neighbors(model, queries, QUERIES, NULL, NULL, NULL, K, 2, NULL,
                                              other, found, &err),
                             STATUS_OK);
            assert_memory_equal(whole, other, QUERIES * K * sizeof *other);
            model_drop(model);
        }
    }
    free(values);
    free(queries);
    free(whole);
    free(other);
}

static void ties_go_to_the_lower_id(void **state) {
    enum { N = 700, DIM = 3 };
    float values[N * DIM], query[DIM] = {1, 1, 0};
    struct neighbor out[N];
    size_t found;
    struct error err = {0};
    (void)state;
    for (int i = 0; i < N;
         /* all rows in two directions, at powers of two, so that cosines are equal to the bit */
         i++) {
        float length = ldexpf(1, i % 5 - 2);
        values[i * DIM] = length;
        values[i * DIM + 1] = i % 3 == 0 ? length : 0;
        values[i * DIM + 2] = 0;
    }
    for (uint32_t shards = 1; shards < 5; shards++)
        for (int threads = 1; threads < 4; threads++) {
            struct model *model = sample_model(NULL, values, N, DIM, shards, PARTITION_MOD, NULL);
            assert_int_equal(search_neighbors(model, query, 1, NULL, NULL, NULL, 300, threads, NULL,
                                              out, &found, &err),
                             STATUS_OK);
            assert_int_equal(found, 300);
            for (uint32_t i = 0; i < 234; i++)
                assert_int_equal(out[i].id, 3 * i);
            for (uint32_t i = 234, id = 1; i < 300; i++, id += id % 3)
                assert_int_equal(out[i].id, id);
            model_drop(model);
        }
}

/* Rows near the ends of the float range still have their direction; scores stay within -1..1. */
static void extreme_rows_are_found(void **state) {
    const float values[] = {1e-40f, 1e-40f, 1e38f, 1e38f, -1e-30f, 1e-30f, 0,
                            0,      3,      3,     1e30f, -1e-30f, -2,     -2};
    const float queries[] = {1e-42f, 1e-42f, 2e38f, 2e38f};
    static const uint32_t order[] = {0, 1, 4, 5, 2, 6};
    struct neighbor out[14];
    size_t found[2];
    struct error err = {0};
    struct model *model = sample_model(NULL, values, 7, 2, 1, PARTITION_MOD, NULL);
    (void)state;
    assert_int_equal(
        search_neighbors(model, queries, 2, NULL, NULL, NULL, 7, 1, NULL, out, found, &err),
        STATUS_OK);
    for (size_t q = 0; q < 2; q++) {
        assert_int_equal(found[q], 6);
        for (size_t i = 0; i < 6; i++) {
            assert_true(out[q * 7 + i].score <= 1 && out[q * 7 + i].score >= -1);
            if (i >= 3)
                assert_int_equal(out[q * 7 + i].id, order[i]);
        }
        assert_true(out[q * 7 + 2].score > 0.999999f);
        assert_true(out[q * 7 + 5].score < -0.999999f);
    }
    assert_true(search_similarity(model, 0, 1) > 0.9999 && search_similarity(model, 0, 1) <= 1);
    assert_true(search_similarity(model, 3, 1) == 0);
    model_drop(model);
}

/* Candidates named by bits, beside the plain way; and what is nearer than a word. */
static void only_candidates_are_found(void **state) {
    enum { N = 200, DIM = 7 };
    float *values = sample_values((size_t)N * DIM, 8);
    memset(values + (size_t)70 * DIM, 0, DIM * sizeof *values);
    struct model *model = sample_model(NULL, values, N, DIM, 3, PARTITION_MOD, NULL);
    uint64_t *bits = word_bits_create(model->vocabulary, false);
    struct error err = {0};
    struct neighbor out[N], closer[N], page[2];
    size_t found, total, again, nearer = 0;
    const char *prefixes[] = {"w1", "w23"};
    const size_t lengths[] = {2, 3};
    (void)state;
    for (uint32_t id = 0; id < N; id += 3)
        word_bits_put(bits, id, true);
    word_bits_put(bits, 9, false);
    struct candidates candidates = {.among = 150, .allowed = bits};
    assert_int_equal(
        search_neighbors(model, values, 1, NULL, NULL, &candidates, N, 2, NULL, out, &found, &err),
        STATUS_OK);
    assert_int_equal(found, 49); /* 0, 3, ... 147 without 9; the row of zeros is none of them */
    for (size_t i = 0; i < found; i++)
        assert_true(out[i].id < 150 && out[i].id % 3 == 0 && out[i].id != 9);
    free(bits);
    bits = word_bits_create(model->vocabulary, true);
    word_bits_keep_prefixes(model->vocabulary, prefixes, lengths, 2, bits);
    for (uint32_t id = 0; id < N; id++) {
        char word[8];
        snprintf(word, sizeof word, "w%u", id);
        bool begins = strncmp(word, "w1", 2) == 0 || strncmp(word, "w23", 3) == 0;
        assert_int_equal(bits[id / 64] >> (id % 64) & 1, begins);
    }
    free(bits);
    assert_int_equal(search_closer(model, 4, 50, NULL, 0, N, NULL, closer, &total, &err),
                     STATUS_OK);
    for (uint32_t id = 0; id < N; id++)
        if (id != 4 && id != 70 &&
            search_similarity(model, 4, id) > search_similarity(model, 4, 50))
            assert_int_equal(closer[nearer++].id, id);
    assert_int_equal(nearer, total);
    assert_true(total > 5);
    assert_int_equal(search_closer(model, 4, 50, NULL, 3, 2, NULL, page, &again, &err), STATUS_OK);
    assert_int_equal(again, total);
    assert_memory_equal(page, closer + 3, sizeof page);
    assert_int_equal(search_closer(model, 4, 4, NULL, 0, N, NULL, closer, &total, &err), STATUS_OK);
    assert_int_equal(total, 0);
    assert_int_equal(search_closer(model, 4, 70, NULL, 0, N, NULL, closer, &total, &err),
                     STATUS_REFUSED);
    assert_string_equal(err.text, "id 70 has a zero vector: it has no direction");
    model_drop(model);
    free(values);
}

static void bad_queries_are_refused(void **state) {
    const float values[] = {1, 0, 0, 1};
    float query[] = {1, 2, 0, 0};
    struct neighbor out[4];
    size_t found[2];
    struct error err = {0};
    struct model *model = sample_model(NULL, values, 2, 2, 1, PARTITION_MOD, NULL);
    (void)state;
    assert_int_equal(
        search_neighbors(model, query, 2, NULL, NULL, NULL, 2, 1, NULL, out, found, &err),
        STATUS_REFUSED);
    assert_string_equal(err.text, "query 1 is a zero vector: it has no direction");
    error_clear(&err);
    query[3] = NAN;
    assert_int_equal(
        search_neighbors(model, query, 2, NULL, NULL, NULL, 2, 1, NULL, out, found, &err),
        STATUS_REFUSED);
    assert_string_equal(err.text, "value 1 of query 1 is not finite");
    error_clear(&err);
    query[3] = -INFINITY;
    assert_int_equal(
        search_neighbors(model, query, 2, NULL, NULL, NULL, 2, 1, NULL, out, found, &err),
        STATUS_REFUSED);
    error_clear(&err);
    assert_int_equal(
        search_neighbors(model, query, 0, NULL, NULL, NULL, 2, 1, NULL, out, found, &err),
        STATUS_OK);
    model_drop(model);
}

struct analogy {
    enum analogy_method method;
    size_t n_positive, n_negative;
    const uint32_t *positive, *negative;
};

/* The score of every row by the plain formulas; NAN for the words of the question. */
static void score_simply(const struct analogy *analogy, const float *values, size_t dim,
                         double *scores) {
    float target[64] = {0};
    assert_true(dim <= sizeof target / sizeof target[0]);
    for (size_t i = 0; i < analogy->n_positive + analogy->n_negative; i++) {
        bool adds = i < analogy->n_positive;
        size_t id = adds ? analogy->positive[i] : analogy->negative[i - analogy->n_positive];
        const float *row = values + id * dim;
        double norm = 0;
        for (size_t j = 0; j < dim; j++)
            norm += (double)row[j] * row[j];
        for (size_t j = 0; j < dim; j++)
            target[j] += (float)((adds ? row[j] : -row[j]) / sqrt(norm));
    }
    for (uint32_t id = 0; id < ROWS; id++) {
        const float *row = values + id * dim;
        double above = 1, below = 1;
        for (size_t i = 0; i < analogy->n_positive; i++)
            above *= (1 + cosine(row, values + analogy->positive[i] * dim, dim)) / 2;
        for (size_t i = 0; i < analogy->n_negative; i++)
            below *= (1 + cosine(row, values + analogy->negative[i] * dim, dim)) / 2;
        scores[id] = analogy->method == ANALOGY_MUL ? (float)(above / (below + 0.001))
                                                    : cosine(target, row, dim);
    }
    for (size_t i = 0; i < analogy->n_positive; i++)
        scores[analogy->positive[i]] = NAN;
    for (size_t i = 0; i < analogy->n_negative; i++)
        scores[analogy->negative[i]] = NAN;
}

static void check_analogy(const struct model *model, const struct analogy *analogy,
                          const double *scores) {
    enum { K = 12 };
    struct neighbor out[K], again[K];
    size_t found, found_again;
    struct error err = {0};
    assert_int_equal(search_analogy(model, analogy->positive, analogy->n_positive,
                                    analogy->negative, analogy->n_negative, analogy->method, NULL,
                                    K, 1, NULL, out, &found, &err),
                     STATUS_OK);
    assert_int_equal(search_analogy(model, analogy->positive, analogy->n_positive,
                                    analogy->negative, analogy->n_negative, analogy->method, NULL,
                                    K, 3, NULL, again, &found_again, &err),
                     STATUS_OK);
    assert_int_equal(found, found_again);
    assert_memory_equal(out, again, found * sizeof out[0]);
    /* scores of 3CosMul may be large: compare shares of them */
    for (size_t i = 0; i < found; i++) {
        double right = scores[out[i].id];
        assert_true(fabs(out[i].score - right) <= 1e-4 * fmax(1, fabs(right)));
    }
    bool seen[ROWS] = {false};
    for (size_t i = 0; i < found; i++)
        seen[out[i].id] = true;
    for (uint32_t id = 0; id < ROWS; id++)
        assert_true(isnan(scores[id]) || seen[id] || scores[id] < out[found - 1].score * 1.0001);
    if (analogy->method == ANALOGY_ADD)
        check_against(scores, ROWS, K, out, found);
}

static void analogies_match_the_simple_version(void **state) {
    enum { DIM = 20 };
    static const uint32_t positive[] = {4, 17, 8}, negative[] = {33, 2};
    float *values = sample_values(ROWS * DIM, 21);
    double *scores = calloc(ROWS, sizeof *scores);
    struct model *model = sample_model(NULL, values, ROWS, DIM, 3, PARTITION_MOD, NULL);
    (void)state;
    for (int method = 0; method < 2; method++)
        for (size_t n_positive = 0; n_positive <= 3; n_positive++)
            for (size_t n_negative = n_positive == 0; n_negative <= 2; n_negative++) {
                const struct analogy analogy = {(enum analogy_method)method, n_positive, n_negative,
                                                positive, negative};
                score_simply(&analogy, values, DIM, scores);
                check_analogy(model, &analogy, scores);
            }
    free(values);
    free(scores);
    model_drop(model);
}

static void bad_analogies_are_refused(void **state) {
    const float values[] = {1, 0, 0, 1, 0, 0, 2, 0};
    static const uint32_t ids[] = {0, 1, 2, 3, 4};
    struct neighbor out[4];
    size_t found, odd;
    float scores[4];
    struct error err = {0};
    struct model *model = sample_model(NULL, values, 4, 2, 1, PARTITION_MOD, NULL);
    (void)state;
    assert_int_equal(
        search_analogy(model, ids, 0, ids, 0, ANALOGY_ADD, NULL, 2, 1, NULL, out, &found, &err),
        STATUS_REFUSED);
    assert_string_equal(err.text, "the question holds no words");
    error_clear(&err);
    assert_int_equal(
        search_analogy(model, ids, 5, ids, 0, ANALOGY_MUL, NULL, 2, 1, NULL, out, &found, &err),
        STATUS_REFUSED);
    assert_string_equal(err.text, "id 4 is outside 0..3");
    error_clear(&err);
    assert_int_equal(
        search_analogy(model, ids, 1, ids + 3, 1, ANALOGY_ADD, NULL, 2, 1, NULL, out, &found, &err),
        STATUS_REFUSED);
    assert_string_equal(err.text, "the words of the question cancel out: no direction is left");
    error_clear(&err);
    assert_int_equal(
        search_analogy(model, ids + 2, 1, ids, 0, ANALOGY_MUL, NULL, 2, 1, NULL, out, &found, &err),
        STATUS_REFUSED);
    assert_string_equal(err.text, "every word of the question has a zero vector");
    error_clear(&err);
    assert_int_equal(search_odd_one_out(model, ids, 2, &odd, scores, &err), STATUS_REFUSED);
    assert_string_equal(err.text, "the odd one is sought among at least 3 words, not 2");
    error_clear(&err);
    assert_int_equal(search_odd_one_out(model, ids + 1, 4, &odd, scores, &err), STATUS_REFUSED);
    assert_string_equal(err.text, "id 4 is outside 0..3");
    model_drop(model);
}

static void odd_one_is_found(void **state) {
    static const char *const words[] = {"breakfast", "lunch", "dinner", "car"};
    const float values[] = {1, 0.1f, 0, 20, 1, 1, 3, 0.2f, 0.1f, 0, 5, 5};
    static const uint32_t ids[] = {0, 3, 1, 2};
    struct model *model = sample_model(words, values, 4, 3, 1, PARTITION_MOD, NULL);
    double mean[3] = {0};
    float scores[4];
    size_t odd;
    struct error err = {0};
    (void)state;
    assert_int_equal(search_odd_one_out(model, ids, 4, &odd, scores, &err), STATUS_OK);
    assert_int_equal(odd, 1);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 3; j++)
            mean[j] += values[i * 3 + j] / model->norms[i];
    float as_float[3] = {(float)mean[0], (float)mean[1], (float)mean[2]};
    for (int i = 0; i < 4; i++)
        assert_true(fabs(scores[i] - cosine(as_float, values + ids[i] * 3, 3)) < 1e-6);
    assert_true(fabs(search_similarity(model, 0, 3) - cosine(values, values + 9, 3)) < 1e-12);
    model_drop(model);
}

/* Blocks that a kernel scored, over all threads. */
static atomic_int blocks_scored;
static const struct kernel *counted;

static void count_scores(const float *queries, size_t n_queries, const float *rows, size_t n_rows,
                         size_t stride, float *scores) {
    atomic_fetch_add(&blocks_scored, 1);
    counted->scores(queries, n_queries, rows, n_rows, stride, scores);
}

static int search_until(const struct model *model, int stop_at, int threads, enum status wanted) {
    enum { QUERIES = 70 }; /* two passes */
    struct neighbor out[QUERIES * 2];
    size_t found[QUERIES];
    struct stop_after after;
    struct stop stop = stop_after(&after, stop_at);
    struct error err = {0};
    float *queries = sample_values(QUERIES * model->input->columns, 5);
    atomic_store(&blocks_scored, 0);
    assert_int_equal(search_neighbors(model, queries, QUERIES, NULL, NULL, NULL, 2, threads, &stop,
                                      out, found, &err),
                     wanted);
    if (wanted == STATUS_CANCELLED)
        assert_string_equal(err.text,
                            "the search was stopped: its client is gone, or the service stops");
    free(queries);
    return atomic_load(&blocks_scored);
}

static void searches_stop_when_told(void **state) {
    enum { THREADS = 4 };
    float *values = sample_values((size_t)ROWS * 16, 3);
    struct model *model = sample_model(NULL, values, ROWS, 16, 3, PARTITION_DIV, NULL);
    struct kernel counting = *model->kernel;
    (void)state;
    counted = model->kernel;
    counting.scores = count_scores;
    model->kernel = &counting;
    int all = search_until(model, 1000000, 1, STATUS_OK);
    assert_true(all >= 2 * (ROWS / 256));
    /* asked before each block: the third no lets two through, the first none */
    assert_int_equal(search_until(model, 3, 1, STATUS_CANCELLED), 2);
    assert_int_equal(search_until(model, 1, 1, STATUS_CANCELLED), 0);
    assert_int_equal(search_until(model, all, 1, STATUS_CANCELLED), all - 1);
    assert_int_equal(search_until(model, all + 1, 1, STATUS_OK), all);
    /* several threads: each may be in a block when one is told */
    assert_true(search_until(model, 3, THREADS, STATUS_CANCELLED) <= 2 + THREADS);
    model->kernel = counted;
    model_drop(model);
    free(values);
}

/* What grows with the question is told; what is bounded by passes stays bounded. */
static void memory_of_a_search_is_told(void **state) {
    float *values = sample_values((size_t)ROWS * 16, 3);
    struct model *model = sample_model(NULL, values, ROWS, 16, 1, PARTITION_MOD, NULL);
    (void)state;
    uint64_t one = search_memory(model, 1, 1, 10, 1), many = search_memory(model, 100000, 1, 10, 1);
    assert_true(one >= (16 + 256) * sizeof(float) + 10 * sizeof(struct neighbor));
    assert_true(many < 1 << 20); /* a pass at a time */
    assert_true(search_memory(model, 64, 1, 10, 8) > 7 * search_memory(model, 64, 1, 10, 1));
    /* one question of many vectors is no more than one pass, but that is large */
    assert_true(search_memory(model, 10000, 10000, 10, 2) >= 10000u * 2 * 256 * sizeof(float));
    /* k counts up to the rows there are */
    assert_int_equal(search_memory(model, 1, 1, 10000000, 1), search_memory(model, 1, 1, ROWS, 1));
    model_drop(model);
    free(values);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbors_match_the_simple_version),
        cmocka_unit_test(sharding_and_batching_change_nothing),
        cmocka_unit_test(ties_go_to_the_lower_id),
        cmocka_unit_test(extreme_rows_are_found),
        cmocka_unit_test(only_candidates_are_found),
        cmocka_unit_test(bad_queries_are_refused),
        cmocka_unit_test(analogies_match_the_simple_version),
        cmocka_unit_test(bad_analogies_are_refused),
        cmocka_unit_test(odd_one_is_found),
        cmocka_unit_test(searches_stop_when_told),
        cmocka_unit_test(memory_of_a_search_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
