#include "tests/support/vectors_sample.h"

#include <math.h>

#include "tests/support/stop_after.h"

/* Countries and capitals on a grid: b - a + c lands on the answer; "decoy" is in the way of one
 * question. */
static const char *const words[] = {"athens", "greece",      "oslo",   "norway",
                                    "bern",   "switzerland", "big",    "bigger",
                                    "small",  "smaller",     "moscow", "\xd0\xbc\xd0\xb8\xd1\x80",
                                    "Oslo",   "void"};
static const float values[] = {1, 0, 0, 0, 1, 0,  0, 2, 0, 1,  0,  0,  0, 1, 0, 2, 0, 0, 1,
                               0, 0, 0, 1, 2, 5,  1, 0, 0, 5,  1,  0,  3, 5, 0, 1, 0, 5, 0,
                               1, 3, 1, 1, 1, -1, 1, 2, 3, -4, -1, -2, 0, 0, 0, 0, 0, 0};
#define N_WORDS 14

static struct model *grid_model(void) {
    return sample_model(words, values, N_WORDS, 4, 2, PARTITION_MOD, NULL);
}

static struct analogy_report analogies(const struct model *model, const char *text, uint32_t among,
                                       enum analogy_method method) {
    struct analogy_report report, again;
    struct error err = {0};
    assert_int_equal(evaluate_analogies(model, text, strlen(text), among, method, WORD_CASE_FOLD, 1,
                                        NULL, &report, &err),
                     STATUS_OK);
    assert_int_equal(evaluate_analogies(model, text, strlen(text), among, method, WORD_CASE_FOLD, 3,
                                        NULL, &again, &err),
                     STATUS_OK);
    assert_int_equal(report.correct, again.correct);
    assert_int_equal(report.answered, again.answered);
    analogy_report_clear(&again);
    return report;
}

static void sections_are_counted(void **state) {
    static const char text[] = "\xef\xbb\xbf// a comment\r\n"
                               ": capital-world\r\n"
                               "# another one\n"
                               /* lower-cased, but for Oslo, which stands as it is */
                               "Athens Greece Oslo Norway\r\n"
                               "athens greece bern switzerland\r\n"
                               /* wrong answer */
                               "athens\tgreece\xe3\x80\x80 bern \xc2\xa0norway\xe2\x80\xa8\r\n"
                               "athens greece berlin germany\r\n"
                               "\r\n"
                               ": gram3-comparative\n"
                               "BIG BIGGER small smaller\n"
                               ":other things \n"
                               "bern switzerland oslo norway\n"
                               /* an answer that is in the question cannot be right */
                               "oslo norway athens oslo";
    struct model *model = grid_model();
    struct analogy_report report = analogies(model, text, 0, ANALOGY_ADD);
    (void)state;
    assert_int_equal(report.n_sections, 3);
    assert_string_equal(report.sections[0].name, "capital-world");
    assert_int_equal(report.sections[0].answered, 3);
    assert_int_equal(report.sections[0].skipped, 1);
    assert_int_equal(report.sections[0].correct, 1);
    assert_string_equal(report.sections[1].name, "gram3-comparative");
    assert_int_equal(report.sections[1].answered, 1);
    assert_int_equal(report.sections[1].correct, 1);
    assert_string_equal(report.sections[2].name, "other things");
    assert_int_equal(report.sections[2].answered, 2);
    assert_int_equal(report.sections[2].correct, 1);
    assert_int_equal(report.answered, 6);
    assert_int_equal(report.correct, 3);
    assert_int_equal(report.skipped, 1);
    assert_int_equal(report.semantic_answered, 3);
    assert_int_equal(report.semantic_correct, 1);
    assert_int_equal(report.syntactic_answered, 1);
    assert_int_equal(report.syntactic_correct, 1);
    analogy_report_clear(&report);
    report = analogies(model, text, 0, ANALOGY_MUL);
    assert_int_equal(report.answered, 6);
    assert_true(report.correct >= 2);
    analogy_report_clear(&report);
    analogy_report_clear(&report);
    model_drop(model);
}

static void questions_are_restricted(void **state) {
    static const char text[] = ": family\nathens greece bern switzerland\nATHENS GREECE OSLO "
                               "NORWAY\nOslo bern oslo bern\n";
    struct model *model = grid_model();
    struct analogy_report report = analogies(model, text, 5, ANALOGY_ADD);
    (void)state;
    assert_int_equal(report.answered, 2); /* Oslo is too rare: read as oslo */
    assert_int_equal(report.skipped, 1);
    assert_int_equal(report.correct, 1);
    assert_int_equal(report.semantic_answered, 2);
    analogy_report_clear(&report);
    report = analogies(model, text, 1000, ANALOGY_ADD);
    assert_int_equal(report.answered, 3);
    assert_int_equal(report.correct, 2);
    analogy_report_clear(&report);
    report = analogies(model, "", 0, ANALOGY_ADD);
    assert_int_equal(report.n_sections, 0);
    assert_int_equal(report.answered, 0);
    analogy_report_clear(&report);
    model_drop(model);
}

/* A question of zero vectors, or one whose vectors cancel out, is answered wrongly. */
static void questions_without_direction_are_wrong(void **state) {
    static const char text[] =
        ": x\nvoid void void athens\noslo void Oslo athens\nathens greece oslo norway\n";
    struct model *model = grid_model();
    struct analogy_report report = analogies(model, text, 0, ANALOGY_ADD);
    (void)state;
    assert_int_equal(report.answered, 3);
    assert_int_equal(report.correct, 1);
    analogy_report_clear(&report);
    report = analogies(model, text, 0, ANALOGY_MUL);
    assert_int_equal(report.answered, 3);
    analogy_report_clear(&report);
    model_drop(model);
}

/* More questions than one batch, each checked against a search of its own. */
static void batches_match_single_questions(void **state) {
    enum { ROWS = 300, DIM = 10, QUESTIONS = 2500 };
    float *random_values = sample_values(ROWS * DIM, 3);
    struct model *model = sample_model(NULL, random_values, ROWS, DIM, 4, PARTITION_DIV, NULL);
    struct random random;
    (void)state;
    for (int method = 0; method < 2; method++) {
        struct buffer text = {0};
        uint64_t right = 0;
        random_init(&random, 1, 1);
        buffer_append_text(&text, ": gram\n");
        for (int i = 0; i < QUESTIONS; i++) {
            uint32_t ids[4], positive[2];
            const struct candidates candidates = {.among = 200};
            struct neighbor best;
            size_t found;
            struct error err = {0};
            for (int j = 0; j < 4; j++)
                ids[j] = (uint32_t)random_below(&random, candidates.among);
            positive[0] = ids[1];
            positive[1] = ids[2];
            assert_int_equal(search_analogy(model, positive, 2, ids, 1, (enum analogy_method)method,
                                            &candidates, 1, 1, NULL, &best, &found, &err),
                             STATUS_OK);
            if (i % 2)
                ids[3] = best.id;
            right += best.id == ids[3];
            buffer_print(&text, "w%u W%u w%u w%u\n", ids[0], ids[1], ids[2], ids[3]);
        }
        struct analogy_report report =
            analogies(model, text.data, 200, (enum analogy_method)method);
        assert_int_equal(report.answered, QUESTIONS);
        assert_int_equal(report.correct, right);
        assert_int_equal(report.syntactic_correct, right);
        analogy_report_clear(&report);
        buffer_clear(&text);
    }
    free(random_values);
    model_drop(model);
}

static void bad_questions_are_named(void **state) {
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"athens greece oslo norway\n", "line 1: a question before the first section (': name')"},
        {": x\n\nathens greece oslo\n", "line 3: a question is 4 words, not 3"},
        {": x\nathens greece oslo norway bern\nathens oslo\n",
         "line 2: a question is 4 words, not at least 5"},
        {": x\n\x01\xff\n", "line 2: a question is 4 words, not 1"},
    };
    struct model *model = grid_model();
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct analogy_report report;
        struct error err = {0};
        assert_int_equal(evaluate_analogies(model, bad[i].text, strlen(bad[i].text), 0, ANALOGY_ADD,
                                            WORD_CASE_FOLD, 1, NULL, &report, &err),
                         STATUS_MALFORMED);
        assert_string_equal(err.text, bad[i].message);
        assert_null(report.sections);
    }
    model_drop(model);
}

/* What is no question is counted and named beside those that are. */
static void unread_questions_are_noted(void **state) {
    static const char text[] = ": empty\n: Capital-World\nathens greece oslo norway\n"
                               "athens greece oslo\n\nathens greece oslo norway bern\n"
                               "Athens\tgreece\t\"Oslo\"\tnorway\tcapital\tx\n"
                               "athens,greece,bern,switzerland\n"
                               "athens;greece;;norway\n:\n";
    struct model *model = grid_model();
    struct analogy_report report = analogies(model, text, 0, ANALOGY_ADD);
    (void)state;
    assert_int_equal(report.n_sections, 3);
    assert_string_equal(report.sections[0].name, "empty");
    assert_int_equal(report.sections[0].answered + report.sections[0].skipped, 0);
    assert_string_equal(report.sections[2].name, "");
    assert_int_equal(report.answered, 3);
    assert_int_equal(report.semantic_answered, 3); /* names of sections in any case */
    assert_int_equal(report.notes.folded, 1);
    assert_int_equal(report.notes.unread, 3);
    assert_int_equal(report.notes.lines[0], 4);
    assert_int_equal(report.notes.lines[1], 6);
    assert_int_equal(report.notes.lines[2], 9);
    analogy_report_clear(&report);
    model_drop(model);
}

/* A vocabulary may have a word in one case only; which one, a question file cannot know. */
static void case_is_a_switch(void **state) {
    static const char text[] =
        ": x\nGREECE athens norway OSLO\nSwitzerland \xd0\x9c\xd0\x98\xd0\xa0 "
        "oslo oslo\n";
    static const char *const mixed[] = {"Athens", "greece", "OSLO", "Norway", "oslo"};
    static const float rows[] = {1, 0, 0, 1, 1, 1, 0, 2, 3, 3};
    struct model *model = sample_model(mixed, rows, 5, 2, 1, PARTITION_MOD, NULL);
    struct similarity_report pairs;
    struct analogy_report report = analogies(model, text, 0, ANALOGY_ADD);
    struct error err = {0};
    static const char scored[] = "ATHENS greece 1\nAthens OSLO 2\nathens Oslo 3\nno greece 4\n";
    (void)state;
    assert_int_equal(report.answered, 1);
    assert_int_equal(report.skipped, 1);
    assert_int_equal(report.notes.folded, 3); /* OSLO stands there */
    analogy_report_clear(&report);
    report = analogies(model, text, 4, ANALOGY_ADD);
    assert_int_equal(report.answered, 1);
    analogy_report_clear(&report);
    assert_int_equal(evaluate_analogies(model, text, strlen(text), 0, ANALOGY_ADD, WORD_CASE_EXACT,
                                        1, NULL, &report, &err),
                     STATUS_OK);
    assert_int_equal(report.answered, 0);
    assert_int_equal(report.skipped, 2);
    assert_int_equal(report.notes.folded, 0);
    analogy_report_clear(&report);
    assert_int_equal(
        evaluate_similarity(model, scored, strlen(scored), WORD_CASE_EXACT, NULL, &pairs, &err),
        STATUS_OK);
    assert_int_equal(pairs.found, 1);
    assert_int_equal(pairs.notes.folded, 0);
    assert_int_equal(
        evaluate_similarity(model, scored, strlen(scored), WORD_CASE_FOLD, NULL, &pairs, &err),
        STATUS_OK);
    assert_int_equal(pairs.found, 3);
    assert_int_equal(pairs.notes.folded, 3);
    model_drop(model);
}

static struct similarity_report similarity(const struct model *model, const char *text) {
    struct similarity_report report;
    struct error err = {0};
    assert_int_equal(
        evaluate_similarity(model, text, strlen(text), WORD_CASE_FOLD, NULL, &report, &err),
        STATUS_OK);
    return report;
}

/* Cosines to "base" are 1, 0.8, 0.8, 0.6, 0, in the order of the words. */
static struct model *fan_model(void) {
    static const char *const fan[] = {"base", "a",    "b",   "c",   "d",
                                      "e",    "none", "old", "new", "\xd0\xbc\xd0\xb8\xd1\x80"};
    static const float rows[] = {1, 0, 2, 0, 8, 6, 8, -6, 6, 8, 0, 3, 0, 0, 1, 1, 1, 0, 8, 6};
    return sample_model(fan, rows, 10, 2, 1, PARTITION_MOD, NULL);
}

static void correlations_are_known(void **state) {
    struct model *model = fan_model();
    /* x = 9 7 6 7 1, y = 1 .8 .8 .6 0: ranks 5 3.5 2 3.5 1 and 5 3.5 3.5 2 1. */
    struct similarity_report report = similarity(
        model,
        "# comment\nbase a 9\nbase b 7\n\nbase\tc\t6\nBASE,D,7\nbase e 1e0\nbase absent 3\n");
    (void)state;
    assert_int_equal(report.pairs, 6);
    assert_int_equal(report.found, 5);
    assert_true(fabs(report.spearman - 7.25 / 9.5) < 1e-12);
    double x[] = {9, 7, 6, 7, 1}, y[] = {1, 0.8, 0.8, 0.6, 0}, xx = 0, yy = 0, xy = 0;
    for (int i = 0; i < 5; i++) {
        xx += (x[i] - 6) * (x[i] - 6);
        yy += (y[i] - 0.64) * (y[i] - 0.64);
        xy += (x[i] - 6) * (y[i] - 0.64);
    }
    assert_true(fabs(report.pearson - xy / sqrt(xx * yy)) < 1e-7);
    /* A word with a zero vector has no cosine; upper case beyond ASCII is found too. */
    report = similarity(model, "base none 3\nbase \xd0\x9c\xd0\x98\xd0\xa0 4\n");
    assert_int_equal(report.pairs, 2);
    assert_int_equal(report.found, 1);
    assert_true(isnan(report.pearson) && isnan(report.spearman));
    report = similarity(model, "base a 5\nbase b 5\nbase e 5\n");
    assert_true(isnan(report.pearson) && isnan(report.spearman));
    report = similarity(model, "base e 0\nbase a 1\n");
    assert_true(fabs(report.pearson - 1) < 1e-12 && fabs(report.spearman - 1) < 1e-12);
    report = similarity(model, "");
    assert_int_equal(report.pairs, 0);
    assert_true(isnan(report.pearson));
    model_drop(model);
}

static void headers_name_the_score(void **state) {
    struct model *model = fan_model();
    struct similarity_report report =
        similarity(model, "word1\tword2\tPOS\tSimLex999\tconc(w1)\tSD(SimLex)\r\n"
                          "old\tnew\tA\t1.58\t2.72\t0.41\r\n"
                          "base\ta\tN\t9.2\t1.75\t0.67\r\n");
    (void)state;
    assert_int_equal(report.pairs, 2);
    assert_int_equal(report.found, 2);
    assert_true(fabs(report.spearman - 1) < 1e-12);
    report = similarity(model, "\xef\xbb\xbfWord 1,Word 2,Human (mean)\nbase, a ,9\nbase,e,1\n");
    assert_int_equal(report.found, 2);
    assert_true(fabs(report.spearman - 1) < 1e-12);
    report = similarity(model, "base a 9 1 1\nbase e 1 9 9\n");
    assert_true(fabs(report.spearman - 1) < 1e-12);
    model_drop(model);
}

/* Whatever a file looks like, every pair of it counts. */
static void pairs_files_of_every_make(void **state) {
    static const struct {
        const char *text;
        unsigned column;
        bool header;
    } files[] = {
        {"base\ta\t9\tN\tsynonym\nbase\tb\t7\tN\tx\nbase\te\t1\tN\ty\n", 3, false},
        {"base\ta\tN\t9\tsynonym\nbase\tb\tN\t7\tx\nbase\te\tN\t1\ty\n", 4, false},
        {"base a 9 1 2\nbase b 7 3 4\nbase e 1 5 6\n", 3, false},
        {"base;a;9,5;x\nbase;b;7,25;y\nbase;e;1;z\n", 3, false},
        {"\xef\xbb\xbf\"base\",\"a\",\"9\"\r\n\"base\", \"b\" ,7\r\nbase,e,1\r\n", 3, false},
        {"w1,w2,score,note\nbase,a,9,x\n# c\nbase,b,7,y\n\nbase,e,1,z\n", 3, true},
        {"w1 w2 score 5\nbase a 9 5\nbase b 7 5\nbase e 1 5\n", 3, true},
        {"w1\tw2\tPOS\tscore\nbase\ta\tN\t9\nbase\tb\tN\t7\nbase\te\tN\t1\n", 4, true},
        {"base\ta\t9\nbase\tb\t7\nbase\te\t1", 3, false},
    };
    struct model *model = fan_model();
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct similarity_report report = similarity(model, files[i].text);
        if (report.pairs != 3 || report.found != 3 || report.column != files[i].column ||
            report.header != files[i].header || report.notes.unread != 0)
            fail_msg("file %zu: %d pairs, %d found, column %u, header %d, %d unread", i,
                     (int)report.pairs, (int)report.found, report.column, report.header,
                     (int)report.notes.unread);
        assert_true(fabs(report.spearman - 1) < 1e-12);
    }
    /* one pair, with words behind it */
    struct similarity_report report = similarity(model, "base\ta\t9\tN\tsynonym\n");
    assert_int_equal(report.pairs, 1);
    assert_false(report.header);
    model_drop(model);
}

static void quotes_and_phrases(void **state) {
    static const char *const phrases[] = {"New York", "a,b", "say \"hi\"", "\"", "x"};
    static const float rows[] = {1, 0, 1, 1, 0, 1, 2, 1, 1, 2};
    struct model *model = sample_model(phrases, rows, 5, 2, 1, PARTITION_MOD, NULL);
    struct similarity_report report = similarity(
        model,
        "a,b;x;4,5\nNew York,x,1\n\"New York\" x 2\nNew York\tx\t3\n\"a,b\",x,4\n\"a,b\";x;5\n"
        "\"say \"\"hi\"\"\",x,6\nx,\"\"\"\",7\n\"\tx\t8\nsay \"hi\",x,9\n"
        /* white space of Unicode around quotes */
        "\xc2\xa0\"a,b\"\xe3\x80\x80,x,10\n\"New York\"\xe2\x80\x89x 11\n");
    (void)state;
    assert_int_equal(report.pairs, 12);
    assert_int_equal(report.found, 12);
    assert_int_equal(report.notes.unread, 0);
    model_drop(model);
}

static void bad_pairs_are_named(void **state) {
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"base b\nbase\n", "line 1: two words and a score are 3 fields, not 2"},
        {"\n\nbase b many\n", "line 3: the score 'many' is not a number"},
        {"a b score\nc d score\n", "line 1: the score 'score' is not a number"},
        {"base a nan\nbase b inf\n", "line 1: the score 'nan' is not a number"},
        {"base\t\t1\n", "line 1: a word is missing"},
        {"w w POS SimLex999 x\na b A\n", "line 2: two words and a score are 4 fields, not 3"},
    };
    struct model *model = fan_model();
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct similarity_report report;
        struct error err = {0};
        assert_int_equal(evaluate_similarity(model, bad[i].text, strlen(bad[i].text),
                                             WORD_CASE_FOLD, NULL, &report, &err),
                         STATUS_MALFORMED);
        assert_string_equal(err.text, bad[i].message);
    }
    model_drop(model);
}

/* Lines that are no pair, and pairs that stand twice, are counted beside the others. */
static void unread_pairs_are_noted(void **state) {
    struct model *model = fan_model();
    struct buffer many = {0};
    struct similarity_report report =
        similarity(model, "base a 9\nbase b\n\nbase b many\na base 8\nbase\t\t1\nbase e 1\n"
                          "base a 9\nnil zip 1\nnil zip 1\n");
    (void)state;
    assert_int_equal(report.pairs, 6);
    assert_int_equal(report.found, 4);
    assert_int_equal(report.duplicates, 3);
    assert_int_equal(report.notes.unread, 3);
    assert_int_equal(report.notes.lines[0], 2);
    assert_int_equal(report.notes.lines[1], 4);
    assert_int_equal(report.notes.lines[2], 6);
    for (int i = 0; i < 2 * UNREAD_NAMED; i++)
        buffer_append_text(&many, "bad\n");
    buffer_append_text(&many, "base a 1\n");
    report = similarity(model, many.data);
    assert_int_equal(report.pairs, 1);
    assert_int_equal(report.notes.unread, 2 * UNREAD_NAMED);
    assert_int_equal(report.notes.lines[UNREAD_NAMED - 1], UNREAD_NAMED);
    buffer_clear(&many);
    model_drop(model);
}

/* Question files of many lines, in which nothing is found: only the lines take time. */
static void evaluations_stop_when_told(void **state) {
    struct model *model = grid_model();
    struct buffer questions = {0}, pairs = {0};
    struct analogy_report analogy;
    struct similarity_report similarity;
    struct stop_after after;
    struct stop stop = stop_after(&after, 2);
    struct error err = {0};
    (void)state;
    buffer_append_text(&questions, ": section\n");
    for (int i = 0; i < 5000; i++) {
        buffer_append_text(&questions, "none of these here\n");
        buffer_append_text(&pairs, "none here 1\n");
    }
    assert_int_equal(evaluate_analogies(model, questions.data, questions.length, 0, ANALOGY_ADD,
                                        WORD_CASE_FOLD, 1, &stop, &analogy, &err),
                     STATUS_CANCELLED);
    assert_string_equal(err.text,
                        "the evaluation was stopped: its client is gone, or the service stops");
    assert_int_equal(atomic_load(&after.calls), 2); /* after the first no it stopped asking */
    error_clear(&err);
    stop = stop_after(&after, 2);
    assert_int_equal(evaluate_similarity(model, pairs.data, pairs.length, WORD_CASE_FOLD, &stop,
                                         &similarity, &err),
                     STATUS_CANCELLED);
    assert_int_equal(atomic_load(&after.calls), 2);
    /* and in the search that a full batch is */
    questions.length = 0;
    buffer_append_text(&questions, ": section\nathens greece oslo norway\n");
    error_clear(&err);
    stop = stop_after(&after, 1);
    assert_int_equal(evaluate_analogies(model, questions.data, questions.length, 0, ANALOGY_ADD,
                                        WORD_CASE_FOLD, 1, &stop, &analogy, &err),
                     STATUS_CANCELLED);
    assert_int_equal(analogy.n_sections, 0); /* nothing is left to free */
    buffer_clear(&questions);
    buffer_clear(&pairs);
    model_drop(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_are_counted),
        cmocka_unit_test(questions_are_restricted),
        cmocka_unit_test(questions_without_direction_are_wrong),
        cmocka_unit_test(batches_match_single_questions),
        cmocka_unit_test(bad_questions_are_named),
        cmocka_unit_test(correlations_are_known),
        cmocka_unit_test(headers_name_the_score),
        cmocka_unit_test(bad_pairs_are_named),
        cmocka_unit_test(unread_questions_are_noted),
        cmocka_unit_test(case_is_a_switch),
        cmocka_unit_test(pairs_files_of_every_make),
        cmocka_unit_test(quotes_and_phrases),
        cmocka_unit_test(unread_pairs_are_noted),
        cmocka_unit_test(evaluations_stop_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
