/* One case is laid out twice: in float rows for a kernel (struct layout), in doubles for the oracle
 * (struct wanted). Both take the step, then the tables are compared. */
#include "tests/oracle/oracle_kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/oracle/oracle_block.h"

/* ---- drawing a case -------------------------------------------------------------------------- */

struct draw {
    uint64_t state;
};

static uint64_t draw_next(struct draw *draw) {
    uint64_t z = (draw->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint32_t draw_below(struct draw *draw, uint32_t n) {
    return (uint32_t)((draw_next(draw) >> 32) * n >> 32);
}

static double draw_unit(struct draw *draw) {
    return (double)(draw_next(draw) >> 11) * 0x1p-53;
}

struct kernel_case kernel_case_draw(uint64_t seed) {
    struct draw draw = {seed * 7919 + 1};
    static const uint32_t dims[] = {1,   2,   3,   15,  16,  17,  31,   32,
                                    100, 101, 127, 128, 200, 300, 2047, 2048};
    static const uint32_t noises[] = {1, 2, 3, 4, 5, 15, 16, 17, 32, 33, 64, 100, 255, 256};
    struct kernel_case test = {
        .dim = draw_below(&draw, 3) ? 1 + draw_below(&draw, 320) : dims[draw_below(&draw, 16)],
        .noise = draw_below(&draw, 2) ? 1 + draw_below(&draw, 64) : noises[draw_below(&draw, 14)],
        .window = 1 + draw_below(&draw, 20),
        .words = draw_below(&draw, 3) ? 2 + draw_below(&draw, 200) : 1 + draw_below(&draw, 4),
        .longest = draw_below(&draw, 3) ? 40 : 1 + draw_below(&draw, 4),
        .bias = draw_below(&draw, 4) != 0,
        .cbow = draw_below(&draw, 3) == 0,
        .softmax = draw_below(&draw, 3) == 0,
        .clip = draw_below(&draw, 2) != 0,
        .hits = draw_below(&draw, 3) == 0,
        .rate = 0.001 + 0.05 * draw_unit(&draw),
        .pos_weight = 1,
        .num_true = 1,
        .seed = draw_next(&draw),
    };
    if (!test.softmax && draw_below(&draw, 3) == 0) {
        test.pos_weight = 0.5 + 2 * draw_unit(&draw);
        test.num_true = 1 + draw_below(&draw, 3);
    }
    test.inside = draw_below(&draw, 2) != 0;
    test.cbow_input = 0.5f + 2 * (float)draw_unit(&draw);
    test.cbow_mean = draw_below(&draw, 3) ? 1 + 10 * (float)draw_unit(&draw) : 0;
    return test;
}

/* ---- one case, laid out for the kernel and for the oracle ------------------------------------ */

/* Owns the arrays that chunk and draw_of_noise are views of. */
struct layout {
    const struct kernel_case *test;
    struct draw draw;
    size_t stride, columns, length, n;       /* n: centres */
    float *input, *output;                   /* [words][stride] */
    float *zero;                             /* [stride] */
    float *shift_of, *repeat_of, *weight_of; /* [words] */
    uint32_t *ids, *centres;
    uint32_t reach; /* the window of this block */
    float **in, **out, *shift, *rate;
    uint32_t *noise;
    float **noise_rows, *noise_shift, *noise_weight, *noise_repeat;
    struct kernel_step step;
    struct kernel_chunk chunk;
    struct kernel_noise draw_of_noise;
    struct kernel_workspace *workspace;
};

static void *zeros(size_t bytes) {
    size_t size = (bytes + 63) / 64 * 64 + 64;
    void *memory = aligned_alloc(64, size);
    if (!memory)
        abort();
    memset(memory, 0, size);
    return memory;
}

static void fill_tables(struct layout *l) {
    const struct kernel_case *test = l->test;
    double scale = 2 / sqrt((double)test->dim);
    for (uint32_t w = 0; w < test->words; w++) {
        for (uint32_t j = 0; j < test->dim; j++) {
            l->input[w * l->stride + j] = (float)(scale * (2 * draw_unit(&l->draw) - 1));
            l->output[w * l->stride + j] = (float)(scale * (2 * draw_unit(&l->draw) - 1));
        }
        if (test->bias) {
            l->input[w * l->stride + test->dim] = 1;
            l->output[w * l->stride + test->dim] = (float)(-3 * draw_unit(&l->draw));
        }
        l->shift_of[w] = (float)(-3 * draw_unit(&l->draw));
        l->repeat_of[w] = (float)(1 + 3 * draw_unit(&l->draw));
        l->weight_of[w] = l->test->softmax ? 1 : (float)(0.3 + 2 * draw_unit(&l->draw));
    }
}

/* Words from position n on; returns the position behind them. */
static uint32_t fill_words(struct layout *l, uint32_t n, uint32_t words) {
    for (uint32_t i = 0; i < words; i++)
        l->ids[n++] = draw_below(&l->draw, l->test->words);
    return n;
}

/* Sentences whose words are all centres, until the block is full, or sometimes before. */
static uint32_t fill_sentences(struct layout *l, uint32_t n) {
    uint32_t window = l->test->window, sentence = 0;
    while (l->n < KERNEL_BLOCK) {
        l->centres[l->n++] = n;
        n = fill_words(l, n, 1);
        if (++sentence == l->test->longest || draw_below(&l->draw, 30) == 0) {
            for (uint32_t i = 0; i < window; i++)
                l->ids[n++] = WORD_NONE;
            sentence = 0;
        }
        if (draw_below(&l->draw, 40) == 0)
            break; /* a short block */
    }
    return n;
}

static void fill_chunk(struct layout *l) {
    uint32_t window = l->test->window, n = 0;
    l->reach = 1 + draw_below(&l->draw, window);
    for (uint32_t i = 0; i < window; i++)
        l->ids[n++] = WORD_NONE;
    if (l->test->inside) {
        n = fill_words(l, n, l->reach);
        for (; l->n < KERNEL_BLOCK; l->n++)
            l->centres[l->n] = n + (uint32_t)l->n;
        n = fill_words(l, n, KERNEL_BLOCK + l->reach);
    } else {
        n = fill_sentences(l, n);
    }
    for (uint32_t i = 0; i < window; i++)
        l->ids[n++] = WORD_NONE;
    l->length = n;
    for (uint32_t i = 0; i < n; i++) {
        bool word = l->ids[i] != WORD_NONE;
        l->in[i] = word ? l->input + l->ids[i] * l->stride : l->zero;
        l->out[i] = word ? l->output + l->ids[i] * l->stride : l->zero;
        l->shift[i] = word ? l->shift_of[l->ids[i]] : 0;
    }
    l->chunk = (struct kernel_chunk){l->ids,  l->in,      l->out, l->shift,      l->rate,
                                     l->zero, l->centres, n,      (uint32_t)l->n};
}

static void fill_noise(struct layout *l, size_t count) {
    for (size_t k = 0; k < count; k++) {
        uint32_t id = l->noise[k] = draw_below(&l->draw, l->test->words);
        l->noise_rows[k] = l->output + id * l->stride;
        l->noise_shift[k] = l->shift_of[id];
        l->noise_weight[k] = l->weight_of[id];
        l->noise_repeat[k] = l->repeat_of[id];
    }
    l->draw_of_noise = (struct kernel_noise){l->noise, l->noise_rows, l->noise_shift,
                                             l->noise_weight, l->noise_repeat};
}

static void layout_create(struct layout *l, const struct kernel *kernel,
                          const struct kernel_case *test, size_t noise) {
    memset(l, 0, sizeof *l);
    l->test = test, l->draw.state = test->seed;
    l->columns = test->dim + test->bias;
    l->stride = (l->columns + KERNEL_PAD - 1) / KERNEL_PAD * KERNEL_PAD;
    size_t rows = test->words * l->stride * sizeof(float),
           positions = 64 * (2 + (size_t)test->window) * KERNEL_BLOCK;
    l->input = zeros(rows), l->output = zeros(rows), l->zero = zeros(l->stride * sizeof(float));
    l->rate = zeros(positions);
    for (size_t i = 0; i < positions / 4; i++)
        l->rate[i] = 1;
    l->shift_of = zeros(test->words * 4), l->repeat_of = zeros(test->words * 4);
    l->weight_of = zeros(test->words * 4);
    l->ids = zeros(positions), l->centres = zeros(256), l->shift = zeros(positions);
    l->in = zeros(2 * positions), l->out = zeros(2 * positions);
    l->noise = zeros(noise * 4), l->noise_rows = zeros(noise * 8);
    l->noise_shift = zeros(noise * 4), l->noise_weight = zeros(noise * 4),
    l->noise_repeat = zeros(noise * 4);
    double z = 1.0 / test->num_true;
    l->step = (struct kernel_step){.stride = l->stride,
                                   .columns = (uint32_t)l->columns,
                                   .has_bias = test->bias,
                                   .cbow = test->cbow,
                                   .loss_kind = test->softmax ? KERNEL_SOFTMAX : KERNEL_LOGISTIC,
                                   .noise = test->noise,
                                   .window = test->window,
                                   .remove_hits = test->hits,
                                   .clip = test->clip && !test->cbow,
                                   .clip_repeat = 2,
                                   .clip_output = 0.5f, /* low, so that it acts */
                                   .clip_input = 0.25f,
                                   .positive_a = (float)(test->pos_weight * z),
                                   .positive_b = (float)(1 + (test->pos_weight - 1) * z),
                                   .negative_weight = (float)(1.25 * z),
                                   .input_rate = 1.4f,
                                   .cbow_input = test->cbow_input,
                                   .cbow_mean = test->cbow_mean,
                                   .rate = (float)test->rate};
    fill_tables(l);
    fill_chunk(l);
    fill_noise(l, noise);
    l->workspace = zeros(kernel->train->workspace_size(&l->step));
}

static void layout_free(struct layout *l) {
    void *all[] = {l->input,     l->output,  l->zero,        l->shift_of,    l->repeat_of,
                   l->ids,       l->centres, l->weight_of,   l->shift,       l->in,
                   l->out,       l->noise,   l->noise_rows,  l->noise_shift, l->noise_repeat,
                   l->workspace, l->rate,    l->noise_weight};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

/* ---- what the oracle makes of it ------------------------------------------------------------- */

struct wanted {
    double *input, *output, *means; /* means: CBOW's input vectors, one row a centre */
    size_t width;
    uint32_t *centres, *positives;
    size_t *starts;
    double *shift, *noise_shift, *weight, *repeat;
    /* of rows of input, of output, of means: see oracle_block.h */
    double *input_mass, *output_mass, *mean_mass;
};

/* Word i of the window of centre t, left to right, separators included. */
static uint32_t neighbour(const struct layout *l, size_t t, uint32_t i) {
    uint32_t at = l->centres[t], w = l->reach;
    return l->ids[i < w ? at - w + i : at + 1 + i - w];
}

/* Context words of centre t. */
static double window_words(const struct layout *l, size_t t) {
    double words = 0;
    for (uint32_t c = 0; c < 2 * l->reach; c++)
        words += neighbour(l, t, c) != WORD_NONE;
    return words;
}

/* f_t: what each word of the window takes of the step of its mean. */
static double words_share(const struct layout *l, size_t t) {
    double words = window_words(l, t), mean = (double)l->test->cbow_mean;
    return (double)l->test->cbow_input * (mean > 0 && words > 0 ? mean / words : 1);
}

static void wanted_create(struct wanted *w, const struct layout *l) {
    const struct kernel_case *test = l->test;
    w->width = l->columns;
    w->input = zeros(test->words * test->dim * sizeof(double));
    w->output = zeros(test->words * w->width * sizeof(double));
    w->means = zeros(KERNEL_BLOCK * test->dim * sizeof(double));
    w->centres = zeros(KERNEL_BLOCK * 4), w->starts = zeros((KERNEL_BLOCK + 1) * sizeof *w->starts);
    w->positives = zeros(KERNEL_BLOCK * 2 * (size_t)test->window * 4);
    w->shift = zeros(test->words * sizeof(double));
    w->input_mass = zeros(test->words * sizeof(double)),
    w->output_mass = zeros(test->words * sizeof(double));
    w->mean_mass = zeros(KERNEL_BLOCK * sizeof(double));
    w->noise_shift = zeros(test->noise * sizeof(double)),
    w->repeat = zeros(test->noise * sizeof(double));
    w->weight = zeros(test->noise * sizeof(double));
    for (uint32_t id = 0; id < test->words; id++) {
        for (size_t j = 0; j < test->dim; j++)
            w->input[id * test->dim + j] = (double)l->input[id * l->stride + j];
        for (size_t j = 0; j < w->width; j++)
            w->output[id * w->width + j] = (double)l->output[id * l->stride + j];
        w->shift[id] = (double)l->shift_of[id];
    }
    for (uint32_t k = 0; k < test->noise; k++)
        w->noise_shift[k] = (double)l->noise_shift[k], w->weight[k] = (double)l->noise_weight[k],
        w->repeat[k] = (double)l->noise_repeat[k];
    for (size_t i = 0; i < l->n; i++) {
        size_t positive = w->starts[i], count = 0;
        w->centres[i] = test->cbow ? (uint32_t)i : l->ids[l->centres[i]];
        for (uint32_t c = 0; c < 2 * l->reach; c++) {
            uint32_t id = neighbour(l, i, c);
            if (id == WORD_NONE)
                continue;
            count++;
            if (!test->cbow)
                w->positives[positive++] = id;
            for (size_t j = 0; test->cbow && j < test->dim; j++)
                w->means[i * test->dim + j] += w->input[id * test->dim + j];
        }
        for (size_t j = 0; test->cbow && count && j < test->dim; j++)
            w->means[i * test->dim + j] /= (double)count;
        if (test->cbow && count)
            w->positives[positive++] = l->ids[l->centres[i]];
        w->starts[i + 1] = positive;
    }
}

static void wanted_free(struct wanted *w) {
    void *all[] = {w->input,      w->output,      w->means,       w->centres, w->positives,
                   w->starts,     w->shift,       w->noise_shift, w->repeat,  w->weight,
                   w->input_mass, w->output_mass, w->mean_mass};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

/* The oracle's step. For CBOW its input rows are the means, and what a mean moves by goes to each
 * of its words, f_t times. Returns the loss. */
static double wanted_step(struct wanted *w, const struct layout *l, bool bfloat16) {
    const struct kernel_case *test = l->test;
    struct oracle_block block = {.objective = test->softmax ? ORACLE_SAMPLED_SOFTMAX : ORACLE_NCE,
                                 .dim = test->dim,
                                 .bias = test->bias,
                                 .input = test->cbow ? w->means : w->input,
                                 .output = w->output,
                                 .n = l->n,
                                 .k = test->noise,
                                 .centres = w->centres,
                                 .starts = w->starts,
                                 .positives = w->positives,
                                 .noise = l->noise,
                                 .true_shift = w->shift,
                                 .noise_shift = w->noise_shift,
                                 .rate = (double)l->step.rate,
                                 .input_rate = (double)l->step.input_rate,
                                 .positive_a = (double)l->step.positive_a,
                                 .positive_b = (double)l->step.positive_b,
                                 .noise_weight = (double)l->step.negative_weight,
                                 .remove_hits = test->hits,
                                 .clip = l->step.clip,
                                 .clip_repeat = 2,
                                 .clip_output = 0.5,
                                 .clip_input = 0.25,
                                 .repeat = w->repeat,
                                 .weight = w->weight,
                                 .bfloat16 = bfloat16,
                                 .input_mass = test->cbow ? w->mean_mass : w->input_mass,
                                 .output_mass = w->output_mass};
    double *before = zeros(KERNEL_BLOCK * test->dim * sizeof(double));
    memcpy(before, w->means, KERNEL_BLOCK * test->dim * sizeof(double));
    double loss = oracle_block_step(&block, NULL);
    for (size_t i = 0; test->cbow && i < l->n; i++)
        for (uint32_t c = 0; c < 2 * l->reach; c++) {
            uint32_t id = neighbour(l, i, c);
            double share = words_share(l, i);
            if (id == WORD_NONE)
                continue;
            for (size_t j = 0; j < test->dim; j++)
                w->input[id * test->dim + j] +=
                    share * (w->means[i * test->dim + j] - before[i * test->dim + j]);
            w->input_mass[id] += share * w->mean_mass[i];
        }
    free(before);
    return loss;
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* |got - want| as a multiple of the tolerance. */
static double distance(double got, double want, double slack) {
    double d = fabs(got - want) / (1e-5 + 1e-4 * fabs(want) + slack);
    return isfinite(d) ? d : INFINITY;
}

/* slack: of what the products of a row's step add up to. */
static double compare_tables(const struct layout *l, const struct wanted *w, double slack) {
    const struct kernel_case *test = l->test;
    double worst = 0;
    for (uint32_t id = 0; id < test->words; id++) {
        const float *input = l->input + id * l->stride, *output = l->output + id * l->stride;
        for (size_t j = 0; j < test->dim; j++)
            worst = fmax(worst, distance((double)input[j], w->input[id * test->dim + j],
                                         slack * w->input_mass[id]));
        for (size_t j = 0; j < w->width; j++)
            worst = fmax(worst, distance((double)output[j], w->output[id * w->width + j],
                                         slack * w->output_mass[id]));
        for (size_t j = test->dim; j < l->stride; j++)
            if (input[j] != (test->bias && j == test->dim ? 1.0f : 0.0f))
                return INFINITY;
        for (size_t j = w->width; j < l->stride; j++)
            if (output[j] != 0)
                return INFINITY;
    }
    for (size_t j = 0; j < l->stride; j++)
        if (l->zero[j] != 0)
            return INFINITY;
    return worst;
}

double kernel_case_compare(const struct kernel *kernel, const struct kernel_case *test) {
    struct layout l;
    struct wanted w;
    struct kernel_loss loss = {0};
    layout_create(&l, kernel, test, test->noise);
    wanted_create(&w, &l);
    double want = wanted_step(&w, &l, kernel->bfloat16);
    kernel->train->block(&l.step, l.workspace, &l.chunk, 0, (uint32_t)l.n, l.reach,
                         &l.draw_of_noise, &l.draw_of_noise, &loss);
    /* Gradients are known to 2^-12 and may be rounded to the other neighbour, 2^-7 of them away. */
    double slack = kernel->bfloat16 ? 0x1p-7 : 0;
    double worst =
        fmax(compare_tables(&l, &w, slack), distance(loss.sum, want, slack > 0 ? 1e-3 * want : 0));
    if (loss.positives != w.starts[l.n])
        worst = INFINITY;
    layout_free(&l);
    wanted_free(&w);
    return worst;
}

/* ---- word2vec's rule ------------------------------------------------------------------------- */

/* One pair after the other, in doubles. */
struct sequence {
    struct wanted *w;
    const struct layout *l;
    double *x, *d;
    size_t used;
};

/* weight: of a noise word; 0: this is the positive. */
static void sequence_cell(struct sequence *s, double *row, double shift, double weight) {
    const struct kernel_step *step = &s->l->step;
    size_t dim = s->l->test->dim, width = s->w->width;
    double score = -shift + (s->l->test->bias ? row[dim] : 0);
    for (size_t j = 0; j < dim; j++)
        score += s->x[j] * row[j];
    double share = 1 / (1 + exp(-score));
    double g = (double)step->rate *
               (weight > 0 ? -(double)step->negative_weight * weight * share
                           : (double)step->positive_a - (double)step->positive_b * share);
    for (size_t j = 0; j < width; j++) {
        double old = row[j];
        row[j] += g * (j < dim ? s->x[j] : 1);
        s->d[j] += g * old;
    }
}

static void sequence_pair(struct sequence *s, uint32_t word) {
    memset(s->d, 0, (s->w->width) * sizeof *s->d);
    sequence_cell(s, s->w->output + word * s->w->width, s->w->shift[word], 0);
    for (uint32_t k = 0; k < s->l->test->noise; k++) {
        uint32_t id = s->l->noise[s->used++];
        if (id != word)
            sequence_cell(s, s->w->output + id * s->w->width, s->w->shift[id],
                          (double)s->l->weight_of[id]);
    }
}

static void sequence_centre(struct sequence *s, size_t t) {
    size_t dim = s->l->test->dim;
    double rate = (double)s->l->step.input_rate, count = 0;
    uint32_t w = s->l->reach;
    memset(s->x, 0, dim * sizeof *s->x);
    for (uint32_t c = 0; c < 2 * w; c++) {
        uint32_t id = neighbour(s->l, t, c);
        if (id == WORD_NONE)
            continue;
        count++;
        double *row = s->w->input + (s->l->test->cbow ? id : s->l->ids[s->l->centres[t]]) * dim;
        for (size_t j = 0; j < dim; j++)
            s->x[j] = s->l->test->cbow ? s->x[j] + row[j] : row[j];
        if (s->l->test->cbow)
            continue;
        sequence_pair(s, id);
        for (size_t j = 0; j < dim; j++)
            row[j] += rate * s->d[j];
    }
    if (!s->l->test->cbow || count == 0)
        return;
    for (size_t j = 0; j < dim; j++)
        s->x[j] /= count;
    sequence_pair(s, s->l->ids[s->l->centres[t]]);
    for (uint32_t c = 0; c < 2 * w; c++) {
        uint32_t id = neighbour(s->l, t, c);
        for (size_t j = 0; id != WORD_NONE && j < dim; j++)
            s->w->input[id * dim + j] += rate * words_share(s->l, t) * s->d[j];
    }
}

double kernel_case_compare_pairs(const struct kernel *kernel, const struct kernel_case *test) {
    struct kernel_case plain = *test;
    plain.softmax = plain.clip = plain.hits = false;
    struct layout l;
    struct wanted w;
    layout_create(&l, kernel, &plain, (size_t)plain.noise * KERNEL_BLOCK * 2 * plain.window);
    wanted_create(&w, &l);
    struct sequence s = {.w = &w, .l = &l};
    s.x = zeros(w.width * sizeof(double)), s.d = zeros(w.width * sizeof(double));
    for (size_t i = 0; i < l.n; i++)
        sequence_centre(&s, i);
    kernel->train->pairs(&l.step, l.workspace, &l.chunk, 0, (uint32_t)l.n, l.reach,
                         &l.draw_of_noise, plain.noise, NULL);
    double worst = compare_tables(&l, &w, 0);
    free(s.x);
    free(s.d);
    layout_free(&l);
    wanted_free(&w);
    return worst;
}

/* ---- search ---------------------------------------------------------------------------------- */

double kernel_case_compare_search(const struct kernel *kernel, uint64_t seed) {
    struct draw draw = {seed};
    size_t stride = (1 + draw_below(&draw, 20)) * (size_t)KERNEL_PAD,
           queries = 1 + draw_below(&draw, 9);
    size_t rows = 1 + draw_below(&draw, 40);
    float *q = zeros(queries * stride * 4), *r = zeros(rows * stride * 4),
          *scores = zeros(queries * rows * 4);
    float *norms = zeros(rows * 4);
    double worst = 0;
    for (size_t i = 0; i < queries * stride; i++)
        q[i] = (float)(2 * draw_unit(&draw) - 1);
    for (size_t i = 0; i < rows * stride; i++)
        r[i] = (float)(2 * draw_unit(&draw) - 1);
    kernel->scores(q, queries, r, rows, stride, scores);
    kernel->norms(r, rows, stride, norms);
    for (size_t i = 0; i < queries; i++)
        for (size_t j = 0; j < rows; j++) {
            double sum = 0, square = 0;
            for (size_t c = 0; c < stride; c++) {
                sum += (double)q[i * stride + c] * (double)r[j * stride + c];
                square += (double)r[j * stride + c] * (double)r[j * stride + c];
            }
            worst = fmax(worst, fmax(distance((double)scores[i * rows + j], sum, 0),
                                     distance((double)norms[j], sqrt(square), 0)));
        }
    size_t n = rows * stride, bad = draw_below(&draw, (uint32_t)n);
    if (kernel->first_nonfinite(r, n) != n)
        worst = INFINITY;
    static const float values[] = {NAN, INFINITY, -INFINITY};
    r[bad] = values[draw_below(&draw, 3)];
    if (kernel->first_nonfinite(r, n) != bad)
        worst = INFINITY;
    free(q);
    free(r);
    free(scores);
    free(norms);
    return worst;
}
