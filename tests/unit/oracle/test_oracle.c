/* The oracle of the training kernels against published figures and finite differences. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "sampler/sampler.h"
#include "tests/oracle/oracle_objective.h"

#define COUNT(array) (sizeof array / sizeof *(array))

static void check_near(double got, double expected, double tolerance, int line) {
    if (!(fabs(got - expected) <= tolerance * fmax(1, fabs(expected))))
        fail_msg("line %d: %.12g, not %.12g", line, got, expected);
}
#define assert_near(got, expected, tolerance) check_near(got, expected, tolerance, __LINE__)

static void check_all(const double *got, const double *expected, size_t n, const char *what) {
    for (size_t i = 0; i < n; i++)
        if (!(fabs(got[i] - expected[i]) <= 1e-5 * fmax(1, fabs(expected[i]))))
            fail_msg("%s[%zu]: %.9g, not %.9g", what, i, got[i], expected[i]);
}

static void cross_entropy(void **state) {
    (void)state;
    static const struct {
        double x, z, q, loss, slope;
    } rows[] = {
        {-100, 0, 1, 3.720075976020836e-44, 3.720075976020836e-44},
        {-2, 0, 1, 0.1269280110429725, 0.11920292202211755},
        {-2, 1, 1, 2.1269280110429727, -0.8807970779778824},
        {0, 0, 1, 0.6931471805599453, 0.5},
        {2, 0, 1, 2.1269280110429727, 0.8807970779778823},
        {2, 1, 1, 0.1269280110429725, -0.11920292202211769},
        {2, 0.5, 1, 1.1269280110429725, 0.3807970779778823},
        {100, 1, 1, 3.720075976020836e-44, 0},
        {0, 1, 1, 0.6931471805599453, -0.5},
        {0, 0.5, 1, 0.6931471805599453, 0},
        {-100, 1, 1, 100, -1},
        {100, 0, 1, 100, 1},
        {1000, 0, 1, 1000, 1},
        {-1000, 1, 1, 1000, -1},
        {30, 1, 1, 9.357622968839737e-14, -9.357622968839e-14},
        {-30, 0, 1, 9.357622968839737e-14, 9.3576229688393e-14},
        {1e-8, 1, 1, 0.6931471755599453, -0.4999999975},
        {-100, 0, 3, 0, 0},
        {-2, 0, 3, 0.1269280110429727, 0.11920292202211769},
        {-2, 1, 3, 6.3807840331289185, -2.642391233933647},
        {0, 0, 3, 0.6931471805599453, 0.5},
        {2, 0, 3, 2.1269280110429727, 0.8807970779778824},
        {2, 1, 3, 0.3807840331289175, -0.3576087660663526},
        {2, 0.5, 3, 1.253856022085945, 0.2615941559557649},
        {100, 1, 3, 1.1160227928062509e-43, -1.1160227928062509e-43},
        {0, 1, 3, 2.0794415416798357, -1.5},
        {1.5, 1, 0.5, 0.1007066389913762, -0.09121276190317816},
        {1.5, 1, 10, 2.014132779827524, -1.8242552380635633},
        {-1.5, 1, 10, 17.014132779827523, -8.175744761936436},
        {-100, 1, 3, 300, -3},
        {0.7, 0.25, 2, 1.0289825611068224, 0.33523471521020753},
        {0.7, 0.25, 1, 0.9281860488854579, 0.41818777216816605},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        double x = rows[i].x, z = rows[i].z, q = rows[i].q;
        assert_near(oracle_cross_entropy(x, z, q), rows[i].loss, 1e-12);
        assert_near(oracle_cross_entropy_slope(x, z, q), rows[i].slope, 1e-12);
        assert_near(oracle_cross_entropy_slope(x, z, q),
                    oracle_sigmoid(x) * (1 + (q - 1) * z) - q * z, 1e-12);
    }
    /* Nothing cancels in the tails. */
    assert_true(fabs(oracle_cross_entropy(-15, 0, 3) / 3.0590227e-07 - 1) < 1e-7);
    assert_true(fabs(oracle_cross_entropy(30, 1, 1) / 9.357622968839737e-14 - 1) < 1e-12);
    assert_true(oracle_sigmoid(-FLT_MAX) == 0 && oracle_sigmoid(FLT_MAX) == 1);
    assert_true(oracle_cross_entropy(-FLT_MAX, 0, 1) == 0);
}

/* The worked example: 6 classes, 3 dimensions, 2 examples, 3 samples of which one is the second
 * example's label. */
static const double inputs[] = {0.5, -1.0, 0.25, -0.75, 0.5, 1.0};
static const double weights[] = {0.1,   0.2,  -0.3,  -0.4, 0.5,   0.6,  0.7,   -0.8, 0.9,
                                 -0.15, 0.25, -0.35, 0.45, -0.55, 0.65, -0.05, 0.95, -0.85};
static const double biases[] = {0.05, -0.10, 0.15, -0.20, 0.25, -0.30};
static const uint32_t sampled[] = {0, 2, 5};
static const uint32_t one_label[] = {1, 2}, two_labels[] = {1, 3, 2, 2};

struct example {
    const char *name;
    enum oracle_objective objective;
    size_t truths;
    uint64_t tries;
    bool remove_hits;
    double logits[10], losses[2], slopes[10], d_inputs[6], d_weights[18], d_biases[6];
};

#define MASKED (-FLT_MAX)
static const struct example examples[] = {
    {"nce",
     ORACLE_NCE,
     1,
     3,
     false,
     {-0.18016202, -0.24136956, 2.33801685, -0.05055776, 0.93801685, -0.29136956, 0.93801685,
      0.79944224},
     {4.46535232, 3.32739539},
     {-0.54491907, 0.43994887, 0.91197702, 0.48736325, -0.28130110, 0.42766861, 0.71869890,
      0.68985516},
     {0.87597827, -0.45105629, -0.05241555, 0.31445256, 0.39097789, -0.32101945},
     {-0.10077702, -0.22611457, 0.53765583, -0.27245954, 0.54491907, -0.13622977, 0.12794017,
      -0.69327812, 0.66539205, 0, 0, 0, 0, 0, 0, -0.27370974, -0.14243567, 0.81169597},
     {0.86761748, -0.54491907, 1.34937481, 0, 0, 1.17721841}},
    {"nce after 5 tries",
     ORACLE_NCE,
     1,
     5,
     false,
     {-0.27763485, -0.05779882, 2.12169846, -0.40312139, 0.72169846, -0.10779882, 0.72169846,
      0.44687861},
     {4.25287153, 3.09581877},
     {-0.56896628, 0.48555432, 0.89299433, 0.40056262, -0.32701908, 0.47307632, 0.67298092,
      0.60989684},
     {0.88120985, -0.52123325, -0.02382939, 0.25898608, 0.39724780, -0.34896957},
     {-0.11203011, -0.24901614, 0.59446494, -0.28448314, 0.56896628, -0.14224157, 0.18702579,
      -0.72001342, 0.56921042, 0, 0, 0, 0, 0, 0, -0.25714132, -0.09561420, 0.71003750},
     {0.95863068, -0.56896628, 1.23895617, 0, 0, 1.01045946}},
    {"nce without hits",
     ORACLE_NCE,
     1,
     3,
     true,
     {-0.18016202, -0.24136956, 2.33801685, -0.05055776, 0.93801685, -0.29136956, MASKED,
      0.79944224},
     {4.46535232, 2.05906575},
     {-0.54491907, 0.43994887, 0.91197702, 0.48736325, -0.28130110, 0.42766861, 0, 0.68985516},
     {0.87597827, -0.45105629, -0.05241555, -0.18863667, 0.96593701, -0.96784846},
     {-0.10077702, -0.22611457, 0.53765583, -0.27245954, 0.54491907, -0.13622977, 0.66696434,
      -1.05262757, -0.05330685, 0, 0, 0, 0, 0, 0, -0.27370974, -0.14243567, 0.81169597},
     {0.86761748, -0.54491907, 0.63067591, 0, 0, 1.17721841}},
    {"negative sampling",
     ORACLE_NEGATIVE_SAMPLING,
     1,
     3,
     false,
     {-0.65, -0.175, 1.525, -1.4875, 0.125, -0.225, 0.125, -0.6375},
     {3.60513005, 2.40152041},
     {-0.65701046, 0.45636131, 0.82127358, 0.18429726, -0.46879063, 0.44398611, 0.53120937,
      0.34581189},
     {0.87411696, -0.71916943, 0.05137888, 0.07080114, 0.36738352, -0.37095906},
     {-0.10480893, -0.23436826, 0.55807644, -0.32850523, 0.65701046, -0.16425262, 0.36382273,
      -0.79006420, 0.26773714, 0, 0, 0, 0, 0, 0, -0.16721028, -0.01139132, 0.39188620},
     {0.90034742, -0.65701046, 0.88369232, 0, 0, 0.53010915}},
    {"nce with two truths",
     ORACLE_NCE,
     2,
     3,
     false,
     {-0.18016202, 0.45455751, -0.24136956, 2.33801685, -0.05055776, 0.93801685, 0.93801685,
      -0.29136956, 0.93801685, 0.79944224},
     {5.09402696, 4.59572502},
     {-0.04491907, 0.11172227, 0.43994887, 0.91197702, 0.48736325, 0.21869890, 0.21869890,
      0.42766861, 0.71869890, 0.68985516},
     {0.65921992, -0.17312572, 0.20848165, 0.81754178, -0.18398123, 0.32580955},
     {-0.10077702, -0.22611457, 0.53765583, -0.02245954, 0.04491907, -0.01122977, -0.41108401,
      -0.33392867, 1.38409094, 0.05586114, -0.11172227, 0.02793057, 0, 0, 0, -0.27370974,
      -0.14243567, 0.81169597},
     {0.86761748, -0.04491907, 2.06807370, 0.11172227, 0, 1.17721841}},
    {"sampled softmax",
     ORACLE_SAMPLED_SOFTMAX,
     1,
     3,
     false,
     {-0.18016202, -0.24136956, 2.33801685, -0.05055776, 0.93801685, -0.29136956, 0.93801685,
      0.79944224},
     {2.73987110, 1.15154316},
     {-0.93542133, 0.06074451, 0.80116190, 0.07351492, -0.68385148, 0.09246459, 0.31614852,
      0.27523837},
     {0.93738057, -1.02665210, 0.07908187, -0.26190753, 0.57413173, -0.59262464},
     {-0.03897619, -0.01451221, 0.10765071, -0.46771066, 0.93542133, -0.23385533, 0.67635816,
      -0.98501337, -0.16741248, 0, 0, 0, 0, 0, 0, -0.16967131, 0.06410426, 0.29361710},
     {0.15320909, -0.93542133, 0.43345895, 0, 0, 0.34875329}},
    {"sampled softmax without hits",
     ORACLE_SAMPLED_SOFTMAX,
     1,
     3,
     true,
     {-0.18016202, -0.24136956, 2.33801685, -0.05055776, 0.93801685, -0.29136956, MASKED,
      0.79944224},
     {2.73987110, 0.77152864},
     {-0.93542133, 0.06074451, 0.80116190, 0.07351492, -0.53769417, 0.13521150, 0, 0.40248267},
     {0.93738057, -1.02665210, 0.07908187, -0.38298890, 0.83955617, -0.86659847},
     {-0.07103637, 0.00686125, 0.15039762, -0.46771066, 0.93542133, -0.23385533, 0.80385158,
      -1.07000898, -0.33740370, 0, 0, 0, 0, 0, 0, -0.26510454, 0.12772641, 0.42086140},
     {0.19595601, -0.93542133, 0.26346773, 0, 0, 0.47599759}},
};

static struct sampler *log_uniform_six(void) {
    struct error err = {0};
    struct sampler *sampler;
    if (sampler_create(&sampler, SAMPLER_LOG_UNIFORM, 6, NULL, 0, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return sampler;
}

static void worked_examples(void **state) {
    (void)state;
    struct sampler *sampler = log_uniform_six();
    for (size_t i = 0; i < COUNT(examples); i++) {
        const struct example *e = &examples[i];
        const uint32_t *labels = e->truths == 1 ? one_label : two_labels;
        double true_counts[4], sampled_counts[3];
        for (size_t j = 0; j < 2 * e->truths; j++)
            true_counts[j] = sampler_expected_count(sampler, labels[j], 3, e->tries);
        for (size_t j = 0; j < 3; j++)
            sampled_counts[j] = sampler_expected_count(sampler, sampled[j], 3, e->tries);
        const struct oracle_problem problem = {e->objective,
                                               2,
                                               e->truths,
                                               3,
                                               6,
                                               3,
                                               inputs,
                                               weights,
                                               biases,
                                               labels,
                                               sampled,
                                               true_counts,
                                               sampled_counts,
                                               e->remove_hits,
                                               1};
        double logits[10], slopes[10], losses[2], d_inputs[6], d_weights[18], d_biases[6];
        oracle_solve(&problem, &(struct oracle_result){logits, slopes, losses, d_inputs, d_weights,
                                                       d_biases});
        check_all(logits, e->logits, 2 * (e->truths + 3), e->name);
        check_all(slopes, e->slopes, 2 * (e->truths + 3), e->name);
        check_all(losses, e->losses, 2, e->name);
        check_all(d_inputs, e->d_inputs, 6, e->name);
        check_all(d_weights, e->d_weights, 18, e->name);
        check_all(d_biases, e->d_biases, 6, e->name);
    }
    sampler_free(sampler);
}

static void worked_counts(void **state) {
    (void)state;
    struct sampler *sampler = log_uniform_six();
    assert_near(sampler_expected_count(sampler, 0, 3, 3), 1.0686215613240666, 1e-12);
    assert_near(sampler_expected_count(sampler, 1, 3, 3), 0.6251035408366723, 1e-12);
    assert_near(sampler_expected_count(sampler, 2, 3, 3), 0.4435180204873941, 1e-12);
    assert_near(sampler_expected_count(sampler, 3, 3, 3), 0.34401930339261544, 1e-12);
    assert_near(sampler_expected_count(sampler, 5, 3, 3), 0.2376533365151947, 1e-12);
    assert_near(sampler_expected_count(sampler, 0, 3, 5), 0.8894062408566806, 1e-12);
    assert_near(sampler_expected_count(sampler, 1, 3, 5), 0.6891025740705287, 1e-12);
    assert_near(sampler_expected_count(sampler, 2, 3, 5), 0.5506265547083425, 1e-12);
    assert_near(sampler_expected_count(sampler, 5, 3, 5), 0.338111819522743, 1e-12);
    sampler_free(sampler);
}

/* One step of plain gradient descent on the mean loss, rate 0.1. */
static void worked_descent(void **state) {
    (void)state;
    static const double after_weights[] = {
        0.10503885, 0.21130573,  -0.32688279, -0.38637702, 0.47275405, 0.60681149,
        0.69360299, -0.76533609, 0.86673040,  -0.15,       0.25,       -0.35,
        0.45,       -0.55,       0.65,        -0.03631451, 0.95712178, -0.89058480};
    static const double after_biases[] = {0.00661913, -0.07275405, 0.08253126,
                                          -0.2,       0.25,        -0.35886092};
    static const double after_inputs[] = {0.45620109,  -0.97744719, 0.25262078,
                                          -0.76572263, 0.48045111,  1.01605097};
    const struct example *e = &examples[0];
    double got_weights[18], got_biases[6], got_inputs[6];
    for (size_t i = 0; i < 18; i++)
        got_weights[i] = weights[i] - 0.1 / 2 * e->d_weights[i];
    for (size_t i = 0; i < 6; i++) {
        got_biases[i] = biases[i] - 0.1 / 2 * e->d_biases[i];
        got_inputs[i] = inputs[i] - 0.1 / 2 * e->d_inputs[i];
    }
    check_all(got_weights, after_weights, 18, "weights");
    check_all(got_biases, after_biases, 6, "biases");
    check_all(got_inputs, after_inputs, 6, "inputs");
    assert_near((e->losses[0] + e->losses[1]) / 2, 3.896373854127063, 1e-7);
}

/* The data of a published unit test: 5 classes, 10 dimensions, every expected count one half. */
static void published_test(void **state) {
    (void)state;
    static const double w[] = {
        1.764052391052246,    0.40015721321105957, 0.978738009929657,    2.2408931255340576,
        1.8675580024719238,   -0.9772778749465942, 0.9500884413719177,   -0.15135720372200012,
        -0.10321885347366333, 0.4105985164642334,  0.14404356479644775,  1.4542734622955322,
        0.7610377073287964,   0.12167501449584961, 0.44386324286460876,  0.3336743414402008,
        1.4940791130065918,   -0.2051582634449005, 0.3130677044391632,   -0.8540957570075989,
        -2.5529897212982178,  0.653618574142456,   0.8644362092018127,   -0.7421650290489197,
        2.269754648208618,    -1.4543657302856445, 0.04575851559638977,  -0.18718385696411133,
        1.5327792167663574,   1.4693588018417358,  0.154947429895401,    0.37816253304481506,
        -0.8877857327461243,  -1.980796456336975,  -0.34791216254234314, 0.15634897351264954,
        1.2302906513214111,   1.202379822731018,   -0.38732680678367615, -0.302302747964859,
        -1.0485529899597168,  -1.420017957687378,  -1.7062702178955078,  1.950775384902954,
        -0.5096521973609924,  -0.4380742907524109, -1.2527953386306763,  0.7774903774261475,
        -1.6138978004455566,  -0.21274028718471527};
    static const double b[] = {-0.8954665660858154, 0.38690251111984253, -0.5108051300048828,
                               -1.18063223361969, -0.02818222902715206};
    static const double h[] = {
        0.4283318817615509,   0.06651721894741058, 0.30247190594673157,  -0.6343221068382263,
        -0.3627411723136902,  -0.6724604368209839, -0.35955315828323364, -0.8131462931632996,
        -1.7262825965881348,  0.17742614448070526, -0.4017809331417084,  -1.630198359489441,
        0.46278226375579834,  -0.9072983860969543, 0.05194539576768875,  0.7290905714035034,
        0.12898291647434235,  1.1394007205963135,  -1.234825849533081,   0.4023416340351105,
        -0.6848101019859314,  -0.8707971572875977, -0.5788496732711792,  -0.3115525245666504,
        0.056165341287851334, -1.1651498079299927, 0.9008265137672424,   0.4656624495983124,
        -1.5362436771392822,  1.4882521629333496};
    static const uint32_t labels[] = {0, 1, 2}, noise[] = {1, 0, 2, 3};
    static const double halves[] = {0.5, 0.5, 0.5, 0.5};
    static const double expected_logits[] = {-0.533265, -0.056256, -0.533265, -2.230351, -0.192032,
                                             -1.611713, -1.611713, -3.516400, -1.235400, 2.201353,
                                             2.700476,  -1.628942, -0.224920, 2.700476,  1.819716};
    static const double nce[] = {2.825805725140834, 4.566372612192932, 5.566518353898041};
    static const double softmax[] = {1.6488788394424934, 3.8896723601404415, 0.908777060291962};
    double logits[15], slopes[15], losses[3], d_inputs[30], d_weights[50], d_biases[5];
    const struct oracle_result result = {logits, slopes, losses, d_inputs, d_weights, d_biases};
    struct oracle_problem problem = {ORACLE_NCE, 3,      1,     4,      5,      10,    h, w,
                                     b,          labels, noise, halves, halves, false, 1};
    oracle_solve(&problem, &result);
    check_all(logits, expected_logits, 15, "logits");
    check_all(losses, nce, 3, "nce");
    problem.objective = ORACLE_SAMPLED_SOFTMAX;
    oracle_solve(&problem, &result);
    check_all(losses, softmax, 3, "softmax");
}

/* Zero weights: every logit is 0 and the loss (1 + S) ln 2. */
static void first_loss(void **state) {
    (void)state;
    static const struct {
        size_t samples;
        double loss;
    } rows[] = {{5, 4.158883}, {25, 18.021827}, {64, 45.054567}, {100, 70.007865}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t noise[100];
        for (uint32_t k = 0; k < 100; k++)
            noise[k] = k;
        static const double zeros[200], h[] = {1, -2};
        static const uint32_t label[] = {3};
        const struct oracle_problem problem = {ORACLE_NEGATIVE_SAMPLING,
                                               1,
                                               1,
                                               rows[i].samples,
                                               100,
                                               2,
                                               h,
                                               zeros,
                                               NULL,
                                               label,
                                               noise,
                                               NULL,
                                               NULL,
                                               false,
                                               1};
        double logits[101], slopes[101], losses[1], d_inputs[2], d_weights[200], d_biases[100];
        oracle_solve(&problem, &(struct oracle_result){logits, slopes, losses, d_inputs, d_weights,
                                                       d_biases});
        assert_near(losses[0], rows[i].loss, 1e-7);
        assert_near(losses[0], (double)(1 + rows[i].samples) * log(2), 1e-12);
        for (size_t c = 0; c <= rows[i].samples; c++)
            assert_near(slopes[c], c == 0 ? -0.5 : 0.5, 1e-15);
    }
}

/* ---- finite differences
 * ------------------------------------------------------------------------- */

enum { BATCH = 4, MAX_TRUTHS = 3, SAMPLES = 6, CLASSES = 9, DIM = 5 };

struct room {
    double inputs[BATCH * DIM], weights[CLASSES * DIM], biases[CLASSES];
    double true_counts[BATCH * MAX_TRUTHS], sampled_counts[SAMPLES];
    uint32_t labels[BATCH * MAX_TRUTHS], sampled[SAMPLES];
    double logits[BATCH * (MAX_TRUTHS + SAMPLES)], slopes[BATCH * (MAX_TRUTHS + SAMPLES)],
        losses[BATCH];
    double d_inputs[BATCH * DIM], d_weights[CLASSES * DIM], d_biases[CLASSES];
};

static void randoms(struct random *random, double *values, size_t n, double min, double max) {
    for (size_t i = 0; i < n; i++)
        values[i] = min + (max - min) * random_unit(random);
}

static double total_loss(const struct oracle_problem *problem, struct room *r) {
    oracle_solve(problem, &(struct oracle_result){r->logits, r->slopes, r->losses, r->d_inputs,
                                                  r->d_weights, r->d_biases});
    double sum = 0;
    for (size_t b = 0; b < BATCH; b++)
        sum += r->losses[b];
    return sum;
}

static void check_gradient(const struct oracle_problem *problem, struct room *r, double *values,
                           const double *gradient, size_t n) {
    double expected[CLASSES * DIM];
    total_loss(problem, r);
    memcpy(expected, gradient, n * sizeof *expected);
    for (size_t i = 0; i < n; i++) {
        double kept = values[i], h = 1e-5;
        values[i] = kept + h;
        double above = total_loss(problem, r);
        values[i] = kept - h;
        double below = total_loss(problem, r);
        values[i] = kept;
        assert_near(expected[i], (above - below) / (2 * h), 1e-7);
    }
}

static void finite_differences(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 8, 0);
    for (int turn = 0; turn < 36; turn++) {
        struct room r = {0};
        randoms(&random, r.inputs, COUNT(r.inputs), -1, 1);
        randoms(&random, r.weights, COUNT(r.weights), -1, 1);
        randoms(&random, r.biases, COUNT(r.biases), -1, 1);
        randoms(&random, r.true_counts, COUNT(r.true_counts), 0.1, 2);
        randoms(&random, r.sampled_counts, COUNT(r.sampled_counts), 0.1, 2);
        for (size_t i = 0; i < COUNT(r.labels); i++)
            r.labels[i] = (uint32_t)random_below(&random, CLASSES);
        for (size_t i = 0; i < COUNT(r.sampled); i++)
            /* repeats and accidental hits in most turns */
            r.sampled[i] = (uint32_t)random_below(&random, CLASSES);
        const struct oracle_problem problem = {.objective = (enum oracle_objective)(turn % 3),
                                               .batch = BATCH,
                                               .truths = 1 + (size_t)turn / 3 % MAX_TRUTHS,
                                               .samples = SAMPLES,
                                               .classes = CLASSES,
                                               .dim = DIM,
                                               .inputs = r.inputs,
                                               .weights = r.weights,
                                               .biases = turn % 4 == 3 ? NULL : r.biases,
                                               .labels = r.labels,
                                               .sampled = r.sampled,
                                               .true_counts = r.true_counts,
                                               .sampled_counts = r.sampled_counts,
                                               .remove_hits = turn >= 18,
                                               .pos_weight = turn % 2 ? 1 : 2.5};
        check_gradient(&problem, &r, r.inputs, r.d_inputs, COUNT(r.inputs));
        check_gradient(&problem, &r, r.weights, r.d_weights, COUNT(r.weights));
        if (problem.biases)
            check_gradient(&problem, &r, r.biases, r.d_biases, COUNT(r.biases));
    }
}

static void word2vec_step(void **state) {
    (void)state;
    double input[] = {0.1, -0.2}, table[] = {-0.5, 0.6, 0.3, 0.4, 0.2, -0.1};
    /* the label itself is drawn second, and skipped */
    static const uint32_t noise[] = {0, 1, 2, 0};
    static const double input_after[] = {0.11274509742516532, -0.20735212844504392};
    static const double table_after[] = {-0.5022876553736954, 0.6045753107473906,
                                         0.3012812434912105,  0.39743751301757896,
                                         0.1987250033328001,  -0.09745000666560018};
    oracle_word2vec_step(input, table, 2, 1, noise, 4, 0.025);
    for (size_t i = 0; i < 2; i++)
        assert_near(input[i], input_after[i], 1e-14);
    for (size_t i = 0; i < 6; i++)
        assert_near(table[i], table_after[i], 1e-14);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cross_entropy),      cmocka_unit_test(worked_examples),
        cmocka_unit_test(worked_counts),      cmocka_unit_test(worked_descent),
        cmocka_unit_test(published_test),     cmocka_unit_test(first_loss),
        cmocka_unit_test(finite_differences), cmocka_unit_test(word2vec_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
