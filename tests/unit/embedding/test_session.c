/* What comes next in sessions, beside the same in plain loops; figures counted by hand. */
#include "tests/support/vectors_sample.h"

#include <math.h>

#include "embedding/session.h"
#include "tests/support/stop_after.h"

#define ROWS 700
#define DIM 20

/* Rows of both tables; the output rows are dealt to another number of shards. */
static struct model *random_model(void) {
    float *values = sample_values((size_t)ROWS * DIM, 7),
          *outputs = sample_values((size_t)ROWS * (DIM + 1), 8);
    struct error err = {0};
    memset(values + (size_t)9 * DIM, 0, DIM * sizeof *values); /* w9 has no direction */
    struct model *model = sample_model(NULL, values, ROWS, DIM, 3, PARTITION_MOD, NULL);
    assert_int_equal(table_create(&model->output, ROWS, DIM + 1, 2, PARTITION_DIV, &err),
                     STATUS_OK);
    for (uint32_t id = 0; id < ROWS; id++)
        memcpy(table_row(model->output, id), outputs + (size_t)id * (DIM + 1),
               (DIM + 1) * sizeof(float));
    free(values);
    free(outputs);
    return model;
}

/* The score of each item, NaN for what may not be found. */
static void plain_scores(const struct model *model, const uint32_t *ids, size_t n,
                         const struct session_options *options, double *scores) {
    double vector[DIM] = {0}, weight = 1, sum = 0;
    bool output = options->score == SESSION_OUTPUT;
    size_t taken = options->history == 0 || options->history > n ? n : options->history;
    for (size_t back = 0; back < taken; back++, weight *= options->decay) {
        const float *row = table_row(model->input, ids[n - 1 - back]);
        double norm = 0;
        for (size_t i = 0; i < DIM; i++)
            norm += (double)row[i] * row[i];
        norm = output ? 1 : sqrt(norm);
        for (size_t i = 0; norm > 0 && i < DIM; i++)
            vector[i] += weight * row[i] / norm;
        sum += weight;
    }
    for (uint32_t id = 0; id < ROWS; id++) {
        const float *row = table_row(output ? model->output : model->input, id);
        double dot = 0, left = 0, right = 0;
        for (size_t i = 0; i < DIM; i++) {
            dot += vector[i] / sum * row[i];
            left += vector[i] / sum * vector[i] / sum;
            right += (double)row[i] * row[i];
        }
        scores[id] = output ? dot + row[DIM] : dot / sqrt(left) / sqrt(right);
    }
    for (size_t i = 0; !options->repeat && i < n; i++)
        scores[ids[i]] = (double)NAN;
}

static void check_found(const double *scores, const struct neighbor *out, size_t found, size_t k) {
    double least = INFINITY;
    size_t better = 0;
    assert_int_equal(found, k);
    for (size_t i = 0; i < found; i++) {
        assert_true(fabs(out[i].score - scores[out[i].id]) < 1e-5); /* false for NaN */
        assert_true(i == 0 || out[i].score <= out[i - 1].score);
        least = scores[out[i].id] < least ? scores[out[i].id] : least;
    }
    for (uint32_t id = 0; id < ROWS; id++)
        better += scores[id] > least + 1e-5;
    assert_true(better < k);
}

static void sessions_are_those_of_plain_loops(void **state) {
    enum { SESSIONS = 5, K = 12 };
    static const uint32_t ids[] = {3, 600, 44, 44, 5, 9, 71, 0, 1, 2, 3, 4, 5, 6, 7, 8, 699};
    static const size_t starts[SESSIONS + 1] = {0, 1, 5, 7, 16, 17};
    static const struct session_options options[] = {
        {SESSION_COSINE, 1, 1, false},  {SESSION_COSINE, 3, 0.5, false},
        {SESSION_COSINE, 0, 1, true},   {SESSION_OUTPUT, 1, 1, false},
        {SESSION_OUTPUT, 0, 0.7, true}, {SESSION_OUTPUT, 2, 0, false}};
    struct model *model = random_model();
    struct neighbor out[SESSIONS * K], again[SESSIONS * K];
    size_t found[SESSIONS];
    double scores[ROWS];
    struct error err = {0};
    (void)state;
    for (size_t o = 0; o < sizeof options / sizeof *options; o++) {
        assert_int_equal(session_next(model, ids, starts, SESSIONS, &options[o], NULL, K, 1, NULL,
                                      out, found, &err),
                         STATUS_OK);
        for (size_t i = 0; i < SESSIONS; i++) {
            plain_scores(model, ids + starts[i], starts[i + 1] - starts[i], &options[o], scores);
            check_found(scores, out + i * K, found[i], K);
        }
        assert_int_equal(session_next(model, ids, starts, SESSIONS, &options[o], NULL, K, 3, NULL,
                                      again, found, &err),
                         STATUS_OK);
        assert_memory_equal(out, again, sizeof out);
    }
    model_drop(model);
}

static void nothing_asks_finds_nothing(void **state) {
    static const uint32_t ids[] = {9, 9, 4};
    static const size_t starts[] = {0, 0, 2, 3}; /* no item; an item of zeros; one that asks */
    struct model *model = random_model();
    struct session_options options = SESSION_OPTIONS;
    struct neighbor out[3 * 4];
    size_t found[3];
    struct error err = {0};
    (void)state;
    assert_int_equal(
        session_next(model, ids, starts, 3, &options, NULL, 4, 1, NULL, out, found, &err),
        STATUS_OK);
    assert_int_equal(found[0], 0);
    assert_int_equal(found[1], 0);
    assert_int_equal(found[2], 4);
    table_free(model->output);
    model->output = NULL;
    options.score = SESSION_OUTPUT;
    assert_int_equal(
        session_next(model, ids, starts, 3, &options, NULL, 4, 1, NULL, out, found, &err),
        STATUS_REFUSED);
    assert_string_equal(err.key, "score");
    assert_non_null(strstr(err.text, "it was imported"));
    model_drop(model);
}

/* a, b, c, d, e point ever further away from a; far is none's neighbour. */
static struct model *fan_model(void) {
    static const char *const words[] = {"a", "b", "c", "d", "E", "far away"};
    static const float values[] = {1, 0, 9, 1, 8, 2, 7, 3, 6, 4, -5, -5};
    return sample_model(words, values, 6, 2, 1, PARTITION_MOD, NULL);
}

static struct next_item_report ask(const struct model *model, const char *text,
                                   const struct session_options *options, size_t k) {
    struct next_item_report report, again;
    struct error err = {0};
    assert_int_equal(evaluate_next_item(model, text, strlen(text), options, NULL, k, WORD_CASE_FOLD,
                                        1, NULL, &report, &err),
                     STATUS_OK);
    assert_int_equal(evaluate_next_item(model, text, strlen(text), options, NULL, k, WORD_CASE_FOLD,
                                        3, NULL, &again, &err),
                     STATUS_OK);
    assert_memory_equal(&report, &again, sizeof report);
    return report;
}

static void hits_and_ranks_are_counted(void **state) {
    static const char text[] = "\xef\xbb\xbf# next-item\n"
                               "a b\n"               /* rank 1 */
                               "a\xe3\x80\x80 d\r\n" /* rank 3: no hit at 2 */
                               "\n"
                               "x a c\n"     /* rank 2; x is passed over */
                               "a unknown\n" /* a miss */
                               "a b a\n"     /* stood before: a miss */
                               "a\n"         /* too short */
                               "x y b\n"     /* nothing to ask by */
                               "d e\n"       /* c and e are about as near; e in another case */
                               "\x1f"
                               "a\x1f"
                               "far away\x1f";
    struct model *model = fan_model();
    struct session_options options = SESSION_OPTIONS;
    struct next_item_report report = ask(model, text, &options, 2);
    (void)state;
    assert_int_equal(report.sessions, 9);
    assert_int_equal(report.skipped_short, 1);
    assert_int_equal(report.skipped_unknown, 1);
    assert_int_equal(report.asked, 7);
    assert_int_equal(report.hits, 3);
    assert_int_equal(report.unknown_targets, 1);
    assert_int_equal(report.repeated_targets, 1);
    assert_int_equal(report.unknown_items, 1);
    assert_int_equal(report.folded, 1);
    assert_int_equal(report.catalogue, 6);
    assert_int_equal(report.k, 2);
    assert_int_equal(report.recommended, 4);     /* of a: b, c; of b: c, a is seen, d; of d: c, E */
    double last = report.reciprocal_ranks - 1.5; /* 1 / the rank of e behind d */
    assert_true(fabs(last - 1) < 1e-9 || fabs(last - 0.5) < 1e-9);
    assert_true(fabs(report.gains - 1 - 1 / log2(3) - (last > 0.9 ? 1 : 1 / log2(3))) < 1e-9);
    options.repeat = true;
    report = ask(model, "a b a", &options, 2);
    assert_int_equal(report.hits, 1); /* behind b itself or c */
    assert_int_equal(report.repeated_targets, 1);
    report = ask(model, "a d", &options, 100);
    assert_int_equal(report.k, 6);
    assert_int_equal(report.hits, 1);
    model_drop(model);
}

static void what_is_no_session_is_refused(void **state) {
    static const struct {
        const char *text, *says;
    } bad[] = {{"", "there is no session"},
               {"# next-item\n", "there is no session"},
               {"a\nb\n", "no session has two items"}};
    struct model *model = fan_model();
    const struct session_options options = SESSION_OPTIONS;
    struct next_item_report report;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        assert_int_equal(evaluate_next_item(model, bad[i].text, strlen(bad[i].text), &options, NULL,
                                            10, WORD_CASE_EXACT, 1, NULL, &report, &err),
                         STATUS_REFUSED);
        assert_non_null(strstr(err.text, bad[i].says));
    }
    model_drop(model);
}

static void the_mark_is_the_first_line(void **state) {
    static const struct {
        const char *text;
        bool sessions;
    } cases[] = {{"# next-item\na b", true},
                 {"\xef\xbb\xbf#next-item \r\n", true},
                 {"a b\n# next-item\n", false},
                 {"# next-items\n", false},
                 {"", false},
                 {": next-item\n", false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(evaluate_is_sessions(cases[i].text, strlen(cases[i].text)),
                         cases[i].sessions);
}

/* Sessions of several batches, and one whose items alone are more than a batch holds. */
static void batches_do_not_matter(void **state) {
    struct model *model = random_model();
    const struct session_options options = SESSION_OPTIONS;
    struct buffer text = {0};
    struct random random;
    struct next_item_report all, part, sum = {0};
    (void)state;
    random_init(&random, 5, 0);
    for (int i = 0; i < 600; i++)
        buffer_print(&text, "w%u w%u\n", (unsigned)(random_next(&random) % ROWS),
                     (unsigned)(random_next(&random) % 40));
    all = ask(model, text.data, &options, 50);
    for (char *at = text.data; *at;) {
        char *end = strchr(at, '\n');
        *end = '\0';
        part = ask(model, at, &options, 50);
        sum.hits += part.hits;
        sum.reciprocal_ranks += part.reciprocal_ranks;
        at = end + 1;
    }
    assert_int_equal(all.asked, 600);
    assert_true(all.hits > 10);
    assert_int_equal(all.hits, sum.hits);
    assert_true(fabs(all.reciprocal_ranks - sum.reciprocal_ranks) < 1e-9);
    buffer_clear(&text);
    for (int i = 0; i < 1000001; i++)
        buffer_append_text(&text, "w3 ");
    buffer_append_text(&text, "w4\nw3 w4\n");
    assert_int_equal(ask(model, text.data, &options, 10).asked, 2);
    assert_true(evaluate_next_item_memory(model, text.length, 10, 1) > 4 * 1000001u);
    buffer_clear(&text);
    model_drop(model);
}

static void it_stops_when_asked(void **state) {
    struct model *model = random_model();
    const struct session_options options = SESSION_OPTIONS;
    struct buffer text = {0};
    struct next_item_report report;
    struct error err = {0};
    struct stop_after after;
    (void)state;
    for (int i = 0; i < 5000; i++)
        buffer_append_text(&text, "unknown words\n"); /* nothing to search */
    buffer_append_text(&text, "w1 w2\n");
    struct stop stop = stop_after(&after, 2);
    assert_int_equal(evaluate_next_item(model, text.data, text.length, &options, NULL, 10,
                                        WORD_CASE_EXACT, 1, &stop, &report, &err),
                     STATUS_CANCELLED);
    buffer_clear(&text);
    model_drop(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_are_those_of_plain_loops),
        cmocka_unit_test(nothing_asks_finds_nothing),
        cmocka_unit_test(hits_and_ranks_are_counted),
        cmocka_unit_test(what_is_no_session_is_refused),
        cmocka_unit_test(the_mark_is_the_first_line),
        cmocka_unit_test(batches_do_not_matter),
        cmocka_unit_test(it_stops_when_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
