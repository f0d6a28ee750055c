/* The published figures of candidate sampling, and what is refused. */
#include "tests/support/sampler_made.h"

/* u from a list, as the published examples script them. */
struct script {
    const double *values;
    size_t next;
};

static double script_draw(void *context) {
    struct script *script = context;
    return script->values[script->next++];
}

static void log_uniform_probabilities(void **state) {
    (void)state;
    static const struct {
        uint32_t range, id;
        double p;
    } vectors[] = {
        {1, 0, 1},
        {2, 0, 0.6309297535714575},
        {2, 1, 0.36907024642854264},
        {5, 0, 0.3868528072345416},
        {5, 1, 0.22629438553091683},
        {5, 2, 0.16055842170362472},
        {5, 3, 0.124538787234844},
        {5, 4, 0.10175559829607281},
        {6, 0, 0.3562071871080222},
        {6, 1, 0.20836784694555743},
        {6, 2, 0.1478393401624647},
        {6, 3, 0.11467310113087181},
        {6, 4, 0.09369474581468562},
        {6, 5, 0.07921777883839824},
        {10, 0, 0.2890648263178878},
        {10, 1, 0.16909208367343836},
        {10, 2, 0.11997274264444946},
        {10, 3, 0.09305808883546392},
        {10, 4, 0.07603399483797442},
        {10, 5, 0.06428582664803488},
        {10, 6, 0.055686915996414614},
        {10, 7, 0.049119341028988864},
        {10, 8, 0.04393874780647507},
        {10, 9, 0.039747432210872534},
        {50000, 0, 0.06406285610439517},
        {50000, 1, 0.037474368510166584},
        {50000, 2, 0.026588487594228577},
        {50000, 9, 0.00880886845583937},
        {50000, 99, 0.0009196410683264735},
        {50000, 999, 9.237698400921479e-05},
        {50000, 9999, 9.241854395679776e-06},
        {50000, 49998, 1.848481781013351e-06},
        {50000, 49999, 1.8484448117449678e-06},
        {1000000, 0, 0.05017166231245267},
        {1000000, 100, 0.0007131329449275738},
        {1000000, 999999, 7.238237221419644e-08},
    };
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct sampler *sampler = log_uniform(vectors[i].range);
        /* The published figures take the log of a quotient near 1, which loses digits of rare
         * ids. */
        double relative = vectors[i].p > 1e-5 ? 1e-12 : 1e-10;
        assert_close(sampler_probability(sampler, vectors[i].id), vectors[i].p, relative);
        assert_int_equal(sampler_range(sampler), vectors[i].range);
        assert_int_equal(sampler_support(sampler), vectors[i].range);
        assert_true(sampler_probability(sampler, vectors[i].range) == 0);
        assert_true(sampler_probability(sampler, UINT32_MAX) == 0);
        sampler_free(sampler);
    }
}

static void probabilities_sum_to_one(void **state) {
    (void)state;
    static const uint32_t ranges[] = {1, 2, 10, 4097, 200000};
    for (size_t i = 0; i < COUNT(ranges); i++) {
        struct sampler *sampler = log_uniform(ranges[i]);
        double sum = 0, before = 2;
        for (uint32_t id = 0; id < ranges[i]; id++) {
            double p = sampler_probability(sampler, id);
            assert_true(p > 0 && p < before);
            before = p;
            sum += p;
        }
        assert_close(sum, 1, 1e-12);
        sampler_free(sampler);
    }
    struct sampler *million = log_uniform(1000000);
    for (uint32_t id = 100; id < 1000000; id *= 2)
        assert_true(fabs(sampler_probability(million, id) / sampler_probability(million, id / 2) -
                         0.5) < 0.1);
    sampler_free(million);
}

static void log_uniform_draws(void **state) {
    (void)state;
    static const struct {
        uint32_t range;
        double u;
        uint32_t id;
    } vectors[] = {
        {10, 0.0, 0},
        {10, 0.1, 0},
        {10, 0.28, 0},
        {10, 0.289, 0},
        {10, 0.2891, 1},
        {10, 0.3, 1},
        {10, 0.458, 1},
        {10, 0.4582, 2},
        {10, 0.5, 2},
        {10, 0.6, 3},
        {10, 0.75, 5},
        {10, 0.9, 7},
        {10, 0.96, 8},
        {10, 0.9603, 9},
        {10, 0.99, 9},
        {10, 0.9999999999, 9},
        {50000, 0.0, 0},
        {50000, 0.064, 0},
        {50000, 0.0641, 1},
        {50000, 0.1, 1},
        {50000, 0.25, 13},
        {50000, 0.5, 222},
        {50000, 0.75, 3342},
        {50000, 0.9, 16945},
        {50000, 0.99, 44872},
        {50000, 0.999, 49461},
        {50000, 0.999999, 49999},
        {50000, 0.9999999999, 49999},
    };
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct sampler *sampler = log_uniform(vectors[i].range);
        assert_int_equal(sampler_invert(sampler, vectors[i].u), vectors[i].id);
        sampler_free(sampler);
    }
}

/* Where each id's interval of u begins, and the largest u there is. */
static void log_uniform_intervals(void **state) {
    (void)state;
    static const double starts[] = {0,
                                    0.2890648263178878,
                                    0.45815690999132624,
                                    0.5781296526357756,
                                    0.6711877414712396,
                                    0.7472217363092141,
                                    0.8115075629572489,
                                    0.8671944789536634,
                                    0.9163138199826525,
                                    0.9602525677891275};
    struct sampler *ten = log_uniform(10);
    for (uint32_t id = 0; id < 10; id++) {
        assert_int_equal(sampler_invert(ten, starts[id] + 1e-12), id);
        if (id > 0)
            assert_int_equal(sampler_invert(ten, starts[id] - 1e-12), id - 1);
    }
    sampler_free(ten);
    static const uint32_t ranges[] = {1, 2, 3, 5, 10, 100, 1000, 50000, 1000000};
    for (size_t i = 0; i < COUNT(ranges); i++) {
        struct sampler *sampler = log_uniform(ranges[i]);
        assert_int_equal(sampler_invert(sampler, 1 - 0x1p-52), ranges[i] - 1);
        assert_int_equal(sampler_invert(sampler, 1 - 0x1p-53), ranges[i] - 1);
        assert_int_equal(sampler_invert(sampler, 0), 0);
        sampler_free(sampler);
    }
    for (uint32_t range = 1; range <= 2000; range++) {
        struct sampler *sampler = log_uniform(range);
        assert_int_equal(sampler_invert(sampler, 1 - 0x1p-52), range - 1);
        sampler_free(sampler);
    }
}

static void scripted_batches(void **state) {
    (void)state;
    static const double values[] = {0.05, 0.2, 0.5, 0.31, 0.55, 0.4, 0.95, 0.1};
    static const uint32_t unique_ids[] = {0, 2, 1, 8}, free_ids[] = {0, 0, 2, 1};
    static const double unique_counts[] = {0.9082069054673225, 0.5912357864046709,
                                           0.7265548174419756, 0.2698702906317424};
    static const double unique_floats[] = {0.9082069396972656, 0.5912358164787292,
                                           0.726554811000824, 0.2698702812194824};
    static const double free_counts[] = {1.1562593052715513, 1.1562593052715513,
                                         0.47989097057779784, 0.6763683346937535};
    struct sampler *sampler = log_uniform(10);
    struct script script = {values, 0};
    struct error err = {0};
    uint32_t ids[4];
    uint64_t tries;
    assert_int_equal(
        sampler_sample(sampler, NULL, script_draw, &script, true, ids, 4, &tries, &err), STATUS_OK);
    assert_int_equal(tries, 7);
    assert_int_equal(script.next, 7);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(ids[i], unique_ids[i]);
        assert_close(sampler_expected_count(sampler, ids[i], 4, tries), unique_counts[i], 1e-12);
        assert_close(sampler_expected_count(sampler, ids[i], 4, tries), unique_floats[i], 1e-5);
    }
    assert_close(sampler_expected_count(sampler, 1, 4, 7), 0.7265548174419756, 1e-12);
    assert_close(sampler_expected_count(sampler, 9, 4, 7), 0.2471675333087372, 1e-12);
    script.next = 0;
    assert_int_equal(
        sampler_sample(sampler, NULL, script_draw, &script, false, ids, 4, &tries, &err),
        STATUS_OK);
    assert_int_equal(tries, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(ids[i], free_ids[i]);
        assert_close(sampler_expected_count(sampler, ids[i], 4, tries), free_counts[i], 1e-12);
    }
    sampler_free(sampler);
}

static void expected_counts_of_ten(void **state) {
    (void)state;
    static const struct {
        uint64_t tries;
        double counts[10];
    } rows[] = {
        {4,
         {1.1562593052715513, 0.6763683346937535, 0.47989097057779784, 0.37223235534185567,
          0.3041359793518977, 0.2571433065921395, 0.22274766398565846, 0.19647736411595546,
          0.17575499122590027, 0.15898972884349014}},
        {5,
         {0.8183857139000097, 0.603936808008877, 0.47218634758850775, 0.38638303420011966,
          0.32658937540294736, 0.28267488086215214, 0.24910357676798578, 0.2226258956935311,
          0.20121741829503723, 0.18355414995977368}},
        {7,
         {0.9082069054673225, 0.7265548174419756, 0.5912357864046709, 0.49527327338222377,
          0.42510047510821614, 0.3719380911681005, 0.33040523455547305, 0.2971185251532784,
          0.2698702906317424, 0.2471675333087372}},
        {20,
         {0.998912072307472, 0.9753930417141848, 0.9223891432058643, 0.8582283364551136,
          0.7943541941978638, 0.7352328159230079, 0.6820783215699897, 0.6348088219510513,
          0.5928875871478906, 0.5556660028513327}},
    };
    struct sampler *sampler = log_uniform(10);
    for (size_t i = 0; i < COUNT(rows); i++)
        for (uint32_t id = 0; id < 10; id++)
            assert_close(sampler_expected_count(sampler, id, 4, rows[i].tries), rows[i].counts[id],
                         1e-12);
    assert_true(sampler_expected_count(sampler, 10, 4, 4) == 0);
    assert_true(sampler_expected_count(sampler, 10, 4, 9) == 0);
    sampler_free(sampler);
}

static void expected_counts_of_many(void **state) {
    (void)state;
    static const struct {
        uint64_t tries;
        uint32_t id;
        double exact, single, logarithm;
    } rows[] = {
        {64, 0, 4.100022790681291, 4.100022792816162, 1.4109925323975665},
        {64, 1, 2.3983595846506613, 2.398359537124634, 0.8747849972613508},
        {64, 9, 0.5637675811737197, 0.5637675523757935, -0.5731132025340628},
        {64, 99, 0.058857028372894304, 0.0588570274412632, -2.8326440238105435},
        {64, 999, 0.005912126976589747, 0.00591212697327137, -5.130749617794596},
        {64, 49999, 0.00011830046795167794, 0.00011830047151306644, -9.04228283135227},
        {80, 0, 0.9949911888996836, 0.9949911832809448, -0.005021397239955747},
        {80, 1, 0.9529039734934724, 0.9529039859771729, -0.04824114274113551},
        {80, 9, 0.5072885999903022, 0.5072885155677795, -0.6786752065912193},
        {80, 99, 0.07096153455383807, 0.07096153497695923, -2.6456173155968576},
        {80, 999, 0.007363257489754743, 0.007363256998360157, -4.911252850440384},
        {80, 49999, 0.00014786478853409272, 0.0001478647900512442, -8.819212292764615},
        {100, 0, 0.9986674966284932, 0.9986674785614014, -0.0013333919435622352},
        {100, 1, 0.978060317719868, 0.9780603051185608, -0.02218393628892497},
        {100, 9, 0.5871989783271614, 0.5871989727020264, -0.5323915415894052},
        {100, 99, 0.08790070593333492, 0.08790069818496704, -2.4315474432272945},
        {100, 999, 0.009195584723420554, 0.009195583872497082, -4.689031831493592},
        {100, 49999, 0.0001848275692919957, 0.0001848275715019554, -8.596087225403092},
    };
    struct sampler *sampler = log_uniform(50000);
    for (size_t i = 0; i < COUNT(rows); i++) {
        double count = sampler_expected_count(sampler, rows[i].id, 64, rows[i].tries);
        assert_close(count, rows[i].exact, rows[i].id == 49999 ? 1e-11 : 1e-12);
        assert_close(count, rows[i].single, 1e-5);
        assert_close(log(count), rows[i].logarithm, 1e-11);
    }
    sampler_free(sampler);
}

static void one_id(void **state) {
    (void)state;
    static const uint64_t count = 3;
    struct error err = {0};
    struct random random;
    random_init(&random, 1, 0);
    for (const char *const *name = sampler_names(); *name; name++) {
        struct sampler *sampler = made_by_name(*name, 1, &count);
        uint32_t ids[5] = {9, 9, 9, 9, 9};
        uint64_t tries;
        assert_close(sampler_probability(sampler, 0), 1, 1e-15);
        assert_int_equal(sampler_sample(sampler, &random, NULL, NULL, true, ids, 1, &tries, &err),
                         STATUS_OK);
        assert_int_equal(ids[0], 0);
        assert_int_equal(tries, 1);
        assert_close(sampler_expected_count(sampler, 0, 1, 1), 1, 1e-15);
        assert_int_equal(sampler_sample(sampler, &random, NULL, NULL, false, ids, 5, &tries, &err),
                         STATUS_OK);
        assert_close(sampler_expected_count(sampler, 0, 5, tries), 5, 1e-15);
        sampler_fill(sampler, &random, ids, 5);
        for (size_t i = 0; i < 5; i++)
            assert_int_equal(ids[i], 0);
        sampler_free(sampler);
    }
}

static void uniform_counts(void **state) {
    (void)state;
    struct sampler *sampler = made(SAMPLER_UNIFORM, 10, NULL, 0);
    for (uint32_t id = 0; id < 10; id++) {
        assert_close(sampler_probability(sampler, id), 0.1, 1e-15);
        assert_close(sampler_expected_count(sampler, id, 4, 4), 0.4, 1e-15);
        assert_close(sampler_expected_count(sampler, id, 4, 6), 0.468559, 1e-12);
        assert_int_equal(sampler_invert(sampler, (id + 0.5) / 10), id);
    }
    assert_int_equal(sampler_invert(sampler, 1 - 0x1p-53), 9);
    assert_true(sampler_probability(sampler, 10) == 0);
    sampler_free(sampler);
}

/* Each bucket gives its own id below its share and the alias above it. */
static void check_alias(const struct sampler *sampler, uint32_t n, const double *shares,
                        const uint32_t *aliases) {
    for (uint32_t b = 0; b < n; b++) {
        assert_int_equal(sampler_invert(sampler, (b + 1e-9) / n), b);
        assert_int_equal(sampler_invert(sampler, (b + shares[b] - 1e-8) / n), b);
        if (shares[b] < 1)
            assert_int_equal(sampler_invert(sampler, (b + shares[b] + 1e-8) / n), aliases[b]);
    }
}

static void unigram_tables(void **state) {
    (void)state;
    static const uint64_t four[] = {1, 2, 3, 4};
    static const double four_shares[] = {0.4, 0.8, 1, 0.8};
    static const uint32_t four_aliases[] = {3, 3, 2, 2};
    struct sampler *sampler = made(SAMPLER_UNIGRAM, 4, four, 1);
    check_alias(sampler, 4, four_shares, four_aliases);
    for (uint32_t id = 0; id < 4; id++)
        assert_close(sampler_probability(sampler, id), (id + 1) / 10.0, 1e-15);
    sampler_free(sampler);

    static const uint64_t words[] = {10, 5, 3, 1, 1};
    static const double p[] = {0.4245167803900111, 0.2524191878389244, 0.17208214181435005,
                               0.07549094497835719, 0.07549094497835719};
    static const double shares[] = {1, 0.6395506640864079, 0.8604107090717502, 0.37745472489178594,
                                    0.37745472489178594};
    static const uint32_t aliases[] = {0, 0, 0, 0, 1};
    sampler = made(SAMPLER_UNIGRAM, 5, words, 0.75);
    check_alias(sampler, 5, shares, aliases);
    for (uint32_t id = 0; id < 5; id++)
        assert_close(sampler_probability(sampler, id), p[id], 1e-12);
    sampler_free(sampler);

    static const uint64_t powers[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};
    static const double powers_p[] = {0.00507487451627401, 0.00883586973759897, 0.01538414275455592,
                                      0.02678534828161329, 0.04663600006928263, 0.08119799226038416,
                                      0.14137391580158357, 0.24614628407289477, 0.4285655725058126};
    sampler = made(SAMPLER_UNIGRAM, 9, powers, 0.8);
    for (uint32_t id = 0; id < 9; id++)
        assert_close(sampler_probability(sampler, id), powers_p[id], 1e-12);
    sampler_free(sampler);
}

/* counts^power for awkward powers, and zero counts. */
static void unigram_powers(void **state) {
    (void)state;
    static const uint64_t counts[] = {UINT64_MAX, 1000003, 7, 1, 0};
    static const double exponents[] = {0,           5e-324, 1e-9, 0.1, 0.5,  0.75,
                                       1 - 0x1p-53, 1,      1.3,  2,   -0.5, -1};
    for (size_t i = 0; i < COUNT(exponents); i++) {
        double power = exponents[i], sum = power == 0;
        for (size_t k = 0; k < 4; k++)
            sum += pow((double)counts[k], power);
        struct sampler *sampler = made(SAMPLER_UNIGRAM, 5, counts, power);
        for (uint32_t k = 0; k < 4; k++)
            assert_close(sampler_probability(sampler, k), pow((double)counts[k], power) / sum,
                         1e-13);
        assert_close(sampler_probability(sampler, 4), power == 0 ? 0.2 : 0, 1e-13);
        assert_int_equal(sampler_support(sampler), power == 0 ? 5 : 4);
        sampler_free(sampler);
    }
}

/* Ids of count zero are never drawn, wherever they stand and whatever the rounding; rare ones still
 * can be. */
static void unigram_zero_counts(void **state) {
    (void)state;
    enum { RANGE = 3001, DRAWS = 200000 };
    uint64_t *counts = calloc(RANGE, sizeof *counts);
    uint32_t *ids = calloc(DRAWS, sizeof *ids);
    assert_true(counts && ids);
    struct random random;
    random_init(&random, 5, 0);
    uint32_t support = 0;
    for (uint32_t k = 0; k < RANGE; k++) {
        counts[k] = k % 3 == 0 ? 0 : random_below(&random, 1000) + 1;
        support += counts[k] > 0;
    }
    struct sampler *sampler = made(SAMPLER_UNIGRAM, RANGE, counts, 0.6180339887);
    assert_int_equal(sampler_support(sampler), support);
    sampler_fill(sampler, &random, ids, DRAWS);
    for (size_t i = 0; i < DRAWS; i++) {
        assert_true(ids[i] % 3 != 0);
        assert_true(sampler_invert(sampler, random_unit(&random)) % 3 != 0);
    }
    struct error err = {0};
    uint64_t tries;
    assert_int_equal(
        sampler_sample(sampler, &random, NULL, NULL, true, ids, support + 1, &tries, &err),
        STATUS_REFUSED);
    assert_string_equal(err.text,
                        "cannot draw 2001 different ids: only 2000 have a probability above zero");
    error_clear(&err);
    assert_int_equal(sampler_sample(sampler, &random, NULL, NULL, true, ids, support, &tries, &err),
                     STATUS_OK);
    assert_true(tries > support);
    sampler_free(sampler);
    free(counts);
    free(ids);
}

static void create_refusals(void **state) {
    (void)state;
    static const uint64_t counts[] = {1, 2}, zeros[] = {0, 0};
    static const struct {
        enum sampler_kind kind;
        uint32_t range;
        const uint64_t *counts;
        double power;
        const char *key, *text;
    } rows[] = {
        {SAMPLER_LOG_UNIFORM, 0, NULL, 0, "range", "range must be between 1 and 4294967295, not 0"},
        {SAMPLER_UNIFORM, 0, NULL, 0, "range", "range must be between 1 and 4294967295, not 0"},
        {SAMPLER_UNIGRAM, 0, counts, 1, "range", "range must be between 1 and 4294967295, not 0"},
        {SAMPLER_UNIGRAM, 2, counts, -1.5, "power", "power must be between -1 and 2, not -1.5"},
        {SAMPLER_UNIGRAM, 2, counts, 2.5, "power", "power must be between -1 and 2, not 2.5"},
        {SAMPLER_UNIGRAM, 2, counts, NAN, "power", "power must be between -1 and 2, not nan"},
        {SAMPLER_UNIGRAM, 2, zeros, 1, "",
         "counts of all 2 ids are zero: there is nothing to sample"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error err = {0};
        struct sampler *sampler = (struct sampler *)&err;
        assert_int_equal(sampler_create(&sampler, rows[i].kind, rows[i].range, rows[i].counts,
                                        rows[i].power, &err),
                         STATUS_REFUSED);
        assert_null(sampler);
        assert_string_equal(err.key, rows[i].key);
        assert_string_equal(err.text, rows[i].text);
    }
    struct sampler *sampler = made(SAMPLER_UNIGRAM, 2, zeros, 0); /* 0^0 counts as 1 */
    assert_close(sampler_probability(sampler, 1), 0.5, 1e-15);
    sampler_free(sampler);
    sampler_free(NULL);
}

static void accidental_hits(void **state) {
    (void)state;
    static const uint32_t truth[] = {1, 2, 2, 2, 7, 9}; /* 3 rows of 2 */
    static const uint32_t sampled[] = {2, 0, 9, 2, 1};
    static const struct accidental_hit expected[] = {{0, 0}, {0, 3}, {0, 4},
                                                     {1, 0}, {1, 3}, {2, 2}};
    struct accidental_hit hits[8];
    memset(hits, 0xff, sizeof hits);
    assert_int_equal(sampler_accidental_hits(truth, 3, 2, sampled, 5, hits, 8), 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(hits[i].row, expected[i].row);
        assert_int_equal(hits[i].column, expected[i].column);
    }
    memset(hits, 0xff, sizeof hits);
    assert_int_equal(sampler_accidental_hits(truth, 3, 2, sampled, 5, hits, 2), 6);
    assert_int_equal(hits[1].column, 3);
    assert_int_equal(hits[2].row, UINT32_MAX);
    assert_int_equal(sampler_accidental_hits(truth, 3, 2, sampled, 5, NULL, 0), 6);
    assert_int_equal(sampler_accidental_hits(truth, 0, 2, sampled, 5, hits, 8), 0);
    assert_int_equal(sampler_accidental_hits(truth, 3, 2, sampled, 0, hits, 8), 0);
    assert_int_equal(sampler_accidental_hits(truth + 4, 1, 1, sampled, 5, hits, 8), 0);
    static const uint32_t labels[] = {1, 2}, example[] = {0, 2, 5};
    assert_int_equal(sampler_accidental_hits(labels, 2, 1, example, 3, hits, 8), 1);
    assert_int_equal(hits[0].row, 1);
    assert_int_equal(hits[0].column, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_uniform_probabilities),
        cmocka_unit_test(probabilities_sum_to_one),
        cmocka_unit_test(log_uniform_draws),
        cmocka_unit_test(log_uniform_intervals),
        cmocka_unit_test(scripted_batches),
        cmocka_unit_test(expected_counts_of_ten),
        cmocka_unit_test(expected_counts_of_many),
        cmocka_unit_test(one_id),
        cmocka_unit_test(uniform_counts),
        cmocka_unit_test(unigram_tables),
        cmocka_unit_test(unigram_powers),
        cmocka_unit_test(unigram_zero_counts),
        cmocka_unit_test(create_refusals),
        cmocka_unit_test(accidental_hits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
