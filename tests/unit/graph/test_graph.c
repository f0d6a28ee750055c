/* Lists of edges: how lines are read, the rows that come of them, bytes, visits, and walks against
 * frequencies that are computed exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "graph/graph.h"

struct made {
    char folder[64], path[80];
    struct settings settings;
    struct graph *graph;
    struct error err;
    uint64_t max_bytes;
};

static enum status graph_of(struct made *made, const char *text, size_t length) {
    struct error err = {0};
    struct graph_options options = {.settings = &made->settings,
                                    .path = made->path,
                                    .max_bytes = made->max_bytes ? made->max_bytes : UINT64_MAX};
    graph_free(made->graph);
    made->graph = NULL;
    made->err = (struct error){0};
    assert_int_equal(file_replace(made->path, text, length, &err), STATUS_OK);
    return graph_read(&made->graph, &options, &made->err);
}

static void graph_must(struct made *made, const char *text) {
    if (graph_of(made, text, strlen(text)) != STATUS_OK)
        fail_msg("%s", made->err.text);
}

static int setup(void **state) {
    struct made *made = calloc(1, sizeof *made);
    snprintf(made->folder, sizeof made->folder, "/tmp/test_graph-XXXXXX");
    assert_non_null(mkdtemp(made->folder));
    snprintf(made->path, sizeof made->path, "%s/edges", made->folder);
    settings_init(&made->settings);
    *state = made;
    return 0;
}

static int teardown(void **state) {
    struct made *made = *state;
    struct error err = {0};
    graph_free(made->graph);
    assert_int_equal(path_remove(made->folder, &err), STATUS_OK);
    free(made);
    return 0;
}

static uint32_t id_of(const struct made *made, const char *name) {
    uint32_t id = vocabulary_find(made->graph->corpus.vocabulary, name, strlen(name));
    if (id == WORD_NONE)
        fail_msg("no node '%s'", name);
    return id;
}

/* The share of a neighbour's weight; 0: it is none. */
static double share_of(const struct made *made, const char *from, const char *to) {
    const struct graph *graph = made->graph;
    uint32_t v = id_of(made, from), u = id_of(made, to);
    uint64_t begin = graph->starts[v], end = graph->starts[v + 1];
    for (uint64_t i = begin; i < end; i++)
        if (graph->neighbours[i] == u)
            return !graph->sums
                       ? 1.0 / (double)(end - begin)
                       : ((double)graph->sums[i] - (i > begin ? (double)graph->sums[i - 1] : 0)) /
                             (double)graph->sums[end - 1];
    return 0;
}

static void lines_of_every_make(void **state) {
    struct made *made = *state;
    graph_must(made, "\xef\xbb\xbf# a comment 1 2 3 4\n"
                     "a b\r\n"
                     "  a\tc \n\n"
                     "a, caf\xc3\xa9 ,2\n"
                     "caf\xc3\xa9\xe3\x80\x80"
                     "b 1e0\n"
                     "b a\n" /* again, the other way round */
                     "d d\n" /* a loop */
                     "b,c");
    const struct graph *graph = made->graph;
    assert_int_equal(graph->nodes, 5);
    assert_int_equal(graph->edges.edges, 7);
    assert_int_equal(graph->edges.loops, 1);
    assert_int_equal(graph->edges.duplicates, 1);
    assert_int_equal(graph->edges.dead_ends, 1);
    assert_int_equal(graph->starts[5], 10);
    assert_true(fabs(share_of(made, "a", "b") - 2.0 / 5) < 1e-6);
    assert_true(fabs(share_of(made, "a", "caf\xc3\xa9") - 2.0 / 5) < 1e-6);
    assert_true(fabs(share_of(made, "caf\xc3\xa9", "a") - 2.0 / 3) < 1e-6);
    assert_true(share_of(made, "d", "a") == 0);
    for (uint32_t v = 0; v < graph->nodes; v++)
        for (uint64_t i = graph->starts[v]; i < graph->starts[v + 1]; i++) {
            assert_true(i == graph->starts[v] || graph->neighbours[i - 1] < graph->neighbours[i]);
            assert_true(graph_has_edge(graph, graph->neighbours[i], v));
        }
    assert_false(graph_has_edge(graph, id_of(made, "c"), id_of(made, "caf\xc3\xa9")));
    made->settings.edges_directed = true;
    graph_must(made, "a b 3\nb c\na c\na b\n");
    assert_true(fabs(share_of(made, "a", "b") - 0.8) < 1e-6);
    assert_true(share_of(made, "b", "a") == 0);
    assert_int_equal(made->graph->edges.dead_ends, 1);
    assert_int_equal(made->graph->edges.duplicates, 1);
}

/* Both directions of each edge in the file, or all weights the same: no weights are kept. */
static void equal_weights_take_no_memory(void **state) {
    struct made *made = *state;
    graph_must(made, "a b\nb a\nb c\nc b\n");
    assert_null(made->graph->sums);
    graph_must(made, "a b 2.5\nb c 2.5\n");
    assert_null(made->graph->sums);
    graph_must(made, "a b 2.5\nb c 2\n");
    assert_non_null(made->graph->sums);
}

static void bad_lines_are_named(void **state) {
    struct made *made = *state;
    static const struct {
        const char *text, *says;
        enum status status;
    } bad[] = {
        {"a b\na\n", "line 2 of the edges is no edge", STATUS_MALFORMED},
        {"a b c d\n", "here are 4 fields", STATUS_MALFORMED},
        {"#\n\na b x\n", "line 3 of the edges has the weight 'x'", STATUS_MALFORMED},
        {"a b 0\n", "must be a finite number above 0", STATUS_MALFORMED},
        {"a b -1\n", "must be a finite number above 0", STATUS_MALFORMED},
        {"a b nan\n", "has the weight 'nan'", STATUS_MALFORMED},
        {"a b inf\n", "has the weight 'inf'", STATUS_MALFORMED},
        {"a b 1e60\n", "must be a finite number above 0", STATUS_MALFORMED},
        {"", "no edge between two nodes", STATUS_REFUSED},
        {"a a\n", "no edge between two nodes (1 lines, 1 from a node to itself)", STATUS_REFUSED}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(graph_of(made, bad[i].text, strlen(bad[i].text)), bad[i].status);
        if (!strstr(made->err.text, bad[i].says))
            fail_msg("'%s' has not '%s'", made->err.text, bad[i].says);
    }
    made->max_bytes = 1000;
    assert_int_equal(graph_of(made, "a b\n", 4), STATUS_NO_MEMORY);
    assert_string_equal(made->err.key, "max_memory");
}

/* The formula holds what is allocated: rows of entries of 4 bytes, weights only when given. */
static void a_large_graph_fits(void **state) {
    struct made *made = *state;
    const uint64_t edges = 83000000, nodes = 5000000, most = (uint64_t)4 << 30;
    assert_true(graph_build_bytes(nodes, edges, false, false) < most / 2);
    assert_true(graph_build_bytes(nodes, edges, false, true) < most);
    graph_must(made, "a b\nb c\nc d\n");
    assert_int_equal(graph_bytes(made->graph), (4 + 2) * 8 + 6 * 4);
    graph_must(made, "a b 2\nb c\nc d\n");
    assert_int_equal(graph_bytes(made->graph), (4 + 2) * 8 + 6 * 8);
    assert_true(graph_build_bytes(4, 3, false, true) >= 2 * graph_bytes(made->graph));
    made->settings.edges_directed = true;
    graph_must(made, "a b\nb c\nc d\n");
    assert_int_equal(graph_bytes(made->graph), (4 + 2) * 8 + 3 * 4);
}

/* Counts are the visits of an epoch: against many walks. */
static void visits_are_expected(void **state) {
    struct made *made = *state;
    static const char *const texts[] = {"a b\nb c\nc a\nc d\nd e\ne f 3\n",
                                        "hub 1\nhub 2\nhub 3\nhub 4\nhub 5\n",
                                        "a b\nb c 2\nb d\nc a\n"};
    for (int t = 0; t < 3; t++) {
        struct random random;
        uint32_t ids[40];
        double visits[16] = {0}, all = 0;
        made->settings.edges_directed = t == 2;
        graph_must(made, texts[t]);
        const struct graph *graph = made->graph;
        const struct walk_rule rule = {40, 1, 1};
        random_init(&random, 5, 0);
        for (int i = 0; i < 20000; i++)
            for (uint32_t v = 0; v < graph->nodes; v++) {
                uint32_t n = graph_walk(graph, &rule, &random, v, ids);
                for (uint32_t k = 0; k < n; k++)
                    visits[ids[k]]++;
            }
        for (uint32_t v = 0; v < graph->nodes; v++) {
            double told = (double)vocabulary_count(graph->corpus.vocabulary, v);
            double found = visits[v] / 20000 * 10; /* `walks` is 10 */
            assert_true(fabs(told - found) < 0.03 * found + 2);
            all += told;
        }
        assert_true(t == 2 || fabs(all - (double)graph->corpus.words) < 0.01 * all);
        assert_int_equal(graph->corpus.words, graph->nodes * 10 * 40);
    }
}

/* node2vec's transitions, by its own formula: from `before` at `node` to each neighbour. */
static double allowed(const struct made *made, const struct walk_rule *rule, const char *before,
                      const char *to) {
    uint32_t a = id_of(made, before), b = id_of(made, to);
    return a == b ? 1 / rule->p : graph_has_edge(made->graph, a, b) ? 1 : 1 / rule->q;
}

static void steps_follow_p_and_q(void **state) {
    struct made *made = *state;
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    static const struct walk_rule rules[] = {{3, 1, 1},      {3, 0.25, 4}, {3, 4, 0.25},
                                             {3, 100, 0.01}, {3, 0.01, 1}, {3, 1, 0.5}};
    for (size_t r = 0; r < 2 * sizeof rules / sizeof *rules; r++) {
        const struct walk_rule *rule = &rules[r / 2];
        struct random random;
        uint32_t ids[3];
        double seen[5][5] = {{0}}, chi = 0;
        int cells = 0;
        graph_must(made, r % 2 ? "a b 2\na c\nb c .5\nb d 3\nc d\nd e\nb e\n"
                               : "a b\na c\nb c\nb d\nc d\nd e\nb e\n");
        const struct graph *graph = made->graph;
        random_init(&random, 11, r);
        for (int i = 0; i < 400000; i++) {
            graph_walk(graph, rule, &random, id_of(made, "a"), ids);
            if (ids[1] == id_of(made, "b"))
                seen[0][ids[2]]++;
        }
        double all = 0, weights = 0;
        for (uint32_t v = 0; v < 5; v++)
            all += seen[0][v];
        for (int v = 0; v < 5; v++)
            weights += share_of(made, "b", names[v]) * allowed(made, rule, "a", names[v]);
        for (int v = 0; v < 5; v++) {
            double expected =
                all * share_of(made, "b", names[v]) * allowed(made, rule, "a", names[v]) / weights;
            double found = seen[0][id_of(made, names[v])];
            if (expected == 0)
                assert_true(found == 0);
            else
                chi += (found - expected) * (found - expected) / expected, cells++;
        }
        assert_int_equal(cells, 4);
        if (chi > 21.1) /* three degrees of freedom: once in 10,000 */
            fail_msg("rule %zu: chi-square %g", r, chi);
    }
}

/* A walk ends where there is no edge out; a node without any is a walk of one. */
static void walks_end_early(void **state) {
    struct made *made = *state;
    struct random random;
    uint32_t ids[40];
    const struct walk_rule rule = {40, 0.5, 2};
    made->settings.edges_directed = true;
    graph_must(made, "a b\nb c\nx x\n");
    random_init(&random, 1, 1);
    assert_int_equal(graph_walk(made->graph, &rule, &random, id_of(made, "a"), ids), 3);
    assert_int_equal(ids[2], id_of(made, "c"));
    assert_int_equal(graph_walk(made->graph, &rule, &random, id_of(made, "x"), ids), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(lines_of_every_make), TEST(equal_weights_take_no_memory), TEST(bad_lines_are_named),
        TEST(a_large_graph_fits),  TEST(visits_are_expected),          TEST(steps_follow_p_and_q),
        TEST(walks_end_early)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
