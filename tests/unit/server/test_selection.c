/* Nested lists of words and ids against a plain reading of them. */
#include "tests/support/inquiry_fixture.h"

#include "server/query/selection.h"

static enum status read(struct inquiry_fixture *fixture, struct selection *selection,
                        const char *member, const json_t *tree, const json_t *weights,
                        enum missing_policy missing, struct error *err) {
    return selection_read(selection, &fixture->inquiry, member, tree, weights, missing, err);
}

/* What a made tree holds: its leaves and where its innermost lists begin. */
struct expected {
    uint32_t ids[FIXTURE_BATCH];
    float weights[FIXTURE_BATCH];
    size_t n, starts[FIXTURE_BATCH + 1], lists;
    size_t first[8], min[8], max[8]; /* lengths of the lists of each level */
};

/* A tree of lists of one to three entries, down to `depth`; weights in the same shape. */
static json_t *make_tree(struct random *random, unsigned level, unsigned depth,
                         struct expected *expected, json_t **weights) {
    json_t *list = json_array();
    size_t n = 1 + (size_t)(random_next(random) % 3);
    *weights = json_array();
    if (expected->first[level] == 0)
        expected->first[level] = expected->min[level] = expected->max[level] = n;
    expected->min[level] = n < expected->min[level] ? n : expected->min[level];
    expected->max[level] = n > expected->max[level] ? n : expected->max[level];
    if (level == depth)
        expected->starts[expected->lists++] = expected->n;
    for (size_t i = 0; i < n; i++) {
        if (level < depth) {
            json_t *below, *list_below = make_tree(random, level + 1, depth, expected, &below);
            json_array_append_new(list, list_below);
            json_array_append_new(*weights, below);
            continue;
        }
        uint32_t id = (uint32_t)(random_next(random) % FIXTURE_WORDS);
        float weight = (float)(int)(random_next(random) % 9) / 4 - 1;
        expected->ids[expected->n] = id;
        expected->weights[expected->n++] = weight;
        json_array_append_new(list, json_integer(id));
        json_array_append_new(*weights, json_real((double)weight));
    }
    return list;
}

static void test_trees(void **state) {
    struct random random;
    random_init(&random, 3, 0);
    for (int round = 0; round < 400; round++) {
        unsigned depth = 1 + (unsigned)round % 3;
        struct expected expected = {.n = 0};
        struct selection selection;
        struct error err = {0};
        json_t *weights, *tree = make_tree(&random, 1, depth, &expected, &weights);
        assert_int_equal(read(*state, &selection, "ids", tree, weights, MISSING_ERROR, &err),
                         STATUS_OK);
        assert_int_equal(selection.depth, depth);
        assert_int_equal(selection.n, expected.n);
        assert_int_equal(selection.lists, expected.lists);
        assert_int_equal(selection.missing, 0);
        expected.starts[expected.lists] = expected.n;
        assert_memory_equal(selection.starts, expected.starts,
                            (expected.lists + 1) * sizeof expected.starts[0]);
        assert_memory_equal(selection.ids, expected.ids, expected.n * sizeof expected.ids[0]);
        assert_memory_equal(selection.weights, expected.weights,
                            expected.n * sizeof expected.weights[0]);
        for (unsigned level = 1; level <= depth; level++) {
            assert_int_equal(selection.shape[level - 1], expected.first[level]);
            assert_int_equal(selection.ragged[level - 1],
                             expected.min[level] != expected.max[level]);
        }
        selection_clear(&selection);
        json_decref(tree);
        json_decref(weights);
    }
}

static void test_missing_words(void **state) {
    struct selection selection;
    struct error err = {0};
    json_t *tree = fixture_json("[[\"no\",\"king\"],[\"nor\"],[],[\"man\",\"no\",\"x\"]]");
    json_t *weights = fixture_json("[[1,2],[3],[],[4,5,6]]");
    assert_int_equal(read(*state, &selection, "words", tree, weights, MISSING_ERROR, &err),
                     STATUS_NOT_FOUND);
    assert_string_equal(err.key, "/words/0/0");
    selection_clear(&selection);
    error_clear(&err);
    assert_int_equal(read(*state, &selection, "words", tree, weights, MISSING_SKIP, &err),
                     STATUS_OK);
    static const uint32_t ids[] = {WORD_NONE, 0, WORD_NONE, 2, WORD_NONE, 11};
    static const size_t starts[] = {0, 2, 3, 3, 6};
    assert_int_equal(selection.n, 6);
    assert_memory_equal(selection.ids, ids, sizeof ids);
    assert_memory_equal(selection.starts, starts, sizeof starts);
    assert_int_equal(selection.missing, 3);
    assert_string_equal(json_string_value(selection.absent[0]), "no");
    assert_string_equal(json_string_value(selection.absent[1]), "nor");
    assert_string_equal(json_string_value(selection.absent[2]), "no");
    selection_drop_missing(&selection);
    static const uint32_t kept_ids[] = {0, 2, 11};
    static const size_t kept_starts[] = {0, 1, 1, 1, 3};
    static const float kept_weights[] = {2, 4, 6};
    assert_int_equal(selection.n, 3);
    assert_memory_equal(selection.ids, kept_ids, sizeof kept_ids);
    assert_memory_equal(selection.starts, kept_starts, sizeof kept_starts);
    assert_memory_equal(selection.weights, kept_weights, sizeof kept_weights);
    assert_string_equal(json_string_value(selection.leaves[1]), "man");
    assert_int_equal(selection.missing, 3);
    selection_clear(&selection);
    json_decref(tree);
    json_decref(weights);
}

static void test_lists_without_leaves(void **state) {
    static const struct {
        const char *text;
        unsigned depth;
        size_t lists, shape[3];
    } rows[] = {{"[]", 1, 1, {0}}, {"[[],[]]", 2, 2, {2, 0}}, {"[[[]],[]]", 3, 1, {2, 1, 0}}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct selection selection;
        struct error err = {0};
        json_t *tree = fixture_json(rows[i].text);
        assert_int_equal(read(*state, &selection, "ids", tree, NULL, MISSING_ERROR, &err),
                         STATUS_OK);
        assert_int_equal(selection.depth, rows[i].depth);
        assert_int_equal(selection.n, 0);
        assert_int_equal(selection.lists, rows[i].lists);
        assert_memory_equal(selection.shape, rows[i].shape,
                            rows[i].depth * sizeof selection.shape[0]);
        selection_clear(&selection);
        json_decref(tree);
    }
}

static void test_refusals(void **state) {
    static const struct {
        const char *member, *tree, *weights, *key, *text;
    } rows[] = {
        {"words", "[\"king\",7]", NULL, "/words/1", "words must hold strings, not a whole number"},
        {"ids", "[[1],[\"king\"]]", NULL, "/ids/1/0", "ids must hold whole numbers, not a string"},
        {"ids", "[1.5]", NULL, "/ids/0", "ids must hold whole numbers, not a fraction"},
        {"ids", "[12]", NULL, "/ids/0", "id 12 is out of range: model 'm' has ids 0 to 11"},
        {"ids", "[-1]", NULL, "/ids/0", "id -1 is out of range: model 'm' has ids 0 to 11"},
        {"", "[12]", NULL, "id", "id 12 is out of range: model 'm' has ids 0 to 11"},
        {"ids", "[1,[2]]", NULL, "/ids/1",
         "ids must be nested evenly: a list stands at depth 1, entries at depth 1 before"},
        {"ids", "[[1],2]", NULL, "/ids/1",
         "ids must be nested evenly: an entry stands at depth 1, others at depth 2"},
        {"ids", "[1,2]", "[1]", "/weights",
         "weights must have the shape of ids: they differ at /ids"},
        {"ids", "[[1],[2]]", "[[1],2]", "/weights",
         "weights must have the shape of ids: they differ at /ids/1"},
        {"ids", "[[1,2]]", "[[1,\"2\"]]", "/weights/0/1",
         "weights must hold a number for each entry of ids, not a string"},
        {"ids", "[1]", "[1e39]", "/weights/0",
         "weights must hold a number for each entry of ids, not one too large"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct selection selection;
        struct error err = {0};
        json_t *tree = fixture_json(rows[i].tree),
               *weights = rows[i].weights ? fixture_json(rows[i].weights) : NULL;
        assert_int_equal(
            read(*state, &selection, rows[i].member, tree, weights, MISSING_ERROR, &err),
            STATUS_REFUSED);
        assert_string_equal(err.text, rows[i].text);
        assert_string_equal(err.key, rows[i].key);
        selection_clear(&selection);
        json_decref(tree);
        json_decref(weights);
    }
}

/* `n` times `inner` in a list. */
static json_t *repeat(const char *inner, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, fixture_json(inner));
    return list;
}

static void check_limit(void **state, json_t *tree, const char *key, const char *text) {
    struct selection selection;
    struct error err = {0};
    enum status status = read(*state, &selection, "ids", tree, NULL, MISSING_ERROR, &err);
    assert_int_equal(status, text ? STATUS_REFUSED : STATUS_OK);
    if (text) {
        assert_string_equal(err.key, key);
        assert_string_equal(err.text, text);
    }
    selection_clear(&selection);
    json_decref(tree);
}

static json_t *nest(unsigned depth) {
    json_t *tree = json_integer(1);
    for (unsigned i = 0; i < depth; i++) {
        json_t *list = json_array();
        json_array_append_new(list, tree);
        tree = list;
    }
    return tree;
}

static void test_limits(void **state) {
    check_limit(state, repeat("1", FIXTURE_BATCH), NULL, NULL);
    check_limit(state, repeat("1", FIXTURE_BATCH + 1), "/ids/40",
                "one request may ask for 40 rows at most (max_batch)");
    check_limit(state, repeat("[]", FIXTURE_BATCH), NULL, NULL);
    check_limit(state, repeat("[]", FIXTURE_BATCH + 1), "/ids",
                "ids must hold at most 40 lists (max_batch)");
    check_limit(state, nest(SELECTION_DEPTH), NULL, NULL);
    check_limit(state, nest(SELECTION_DEPTH + 1),
                "/ids/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/", /* cut */
                "ids is nested deeper than 30");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_INQUIRY(test_trees),    WITH_INQUIRY(test_missing_words),
        WITH_INQUIRY(test_refusals), WITH_INQUIRY(test_lists_without_leaves),
        WITH_INQUIRY(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
