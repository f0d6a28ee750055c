/* The training step in its simple version: plain loops over plain doubles, in the order in which
 * one would write the formulas of kernel/train_step.h down. Read it before kernel/block/.
 *
 *   rows_copy            the input vectors x_t and the discounts d_t
 *   noise_scores         s_tk = <x_t, o_k> - shift_k
 *   ..._gradients        g_tp of the positives, then G_tk of the noise, both of rows as they stood
 *   positives_sum        the steps of the centres: D_t = sum_p g_tp o_p
 *   noise_update         D_t += sum_k G_tk o_k;  o_k += c_k sum_t G_tk x_t
 *   positives_update     o_p += g_tp x_t
 *   inputs_update        x_t += input_rate c_t D_t
 *
 * Two things make it longer than that. A kernel may round its operands to bfloat16, and so does the
 * oracle where it is told to; and it adds up how far such roundings may move a row (`mass`), which
 * is the tolerance of the comparison. */
#include "tests/oracle/oracle_block.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Scratch of one step. */
struct step {
    const struct oracle_block *b;
    size_t width;      /* of an output row */
    double *x;         /* [n, width] x_t, the constant 1 of the bias included, as they stood */
    double *o;         /* [k, width] o_k as they stood */
    double *rounded_x; /* the same as operands of products: rounded, or as they are */
    double *rounded_o;
    double *d;        /* [n, dim] D_t = sum_p g_tp o_p + sum_k G_tk o_k */
    double *d_mass;   /* [n] as input_mass, before input_rate and clipping */
    double *g;        /* [positives] g_tp */
    double *cells;    /* [n, k] G_tk */
    double *scores;   /* [n, k] s_tk */
    double *copies;   /* [n] m_t: how many centres of the block are the word of t */
    double *discount; /* [n] d_t */
    double loss;
};

/* ---- arithmetic ------------------------------------------------------------------------------ */

static double dot(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* To the nearest number of 8 significant bits, ties to the even one. */
static double round_bfloat16(double x) {
    float value = (float)x;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
    memcpy(&value, &bits, sizeof bits);
    return (double)value;
}

/* x as it goes into a product. */
static double operand(const struct oracle_block *b, double x) {
    return b->bfloat16 ? round_bfloat16(x) : x;
}

/* <x, row>; x is an operand already. */
static double product(const struct oracle_block *b, const double *x, const double *row, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * operand(b, row[i]);
    return sum;
}

static double largest(const double *values, size_t n) {
    double max = 0;
    for (size_t i = 0; i < n; i++)
        max = fmax(max, fabs(values[i]));
    return max;
}

/* y += scale g x, with g and x as operands. mass: that of y, or NULL. */
static void add_product(const struct oracle_block *b, double *y, const double *x, size_t n,
                        double g, double scale, double *mass) {
    for (size_t i = 0; i < n; i++)
        y[i] += scale * operand(b, g) * operand(b, x[i]);
    if (mass)
        *mass += scale * fabs(g) * largest(x, n);
}

/* ---- rows and scores ------------------------------------------------------------------------- */

static double *output_mass(const struct oracle_block *b, uint32_t id) {
    return b->output_mass ? b->output_mass + id : NULL;
}

/* w v_k */
static double noise_weight(const struct oracle_block *b, size_t k) {
    return b->noise_weight * (b->weight ? b->weight[k] : 1);
}

static double *output_row(const struct step *s, uint32_t id) {
    return s->b->output + id * s->width;
}

/* s_tp */
static double positive_score(const struct step *s, size_t t, uint32_t id) {
    double shift = s->b->true_shift ? s->b->true_shift[id] : 0;
    return product(s->b, s->rounded_x + t * s->width, output_row(s, id), s->width) - shift;
}

/* x_t, m_t and d_t. */
static void rows_copy(struct step *s) {
    const struct oracle_block *b = s->b;
    for (size_t t = 0; t < b->n; t++) {
        memcpy(s->x + t * s->width, b->input + b->centres[t] * b->dim, b->dim * sizeof *s->x);
        if (b->bias)
            s->x[t * s->width + b->dim] = 1;
        for (size_t u = 0; u < b->n; u++)
            s->copies[t] += b->centres[u] == b->centres[t];
        bool often = b->clip && s->copies[t] > b->clip_repeat;
        s->discount[t] = often ? b->clip_repeat / s->copies[t] : 1;
    }
    for (size_t i = 0; i < b->n * s->width; i++)
        s->rounded_x[i] = operand(b, s->x[i]);
}

/* o_k and s_tk. */
static void noise_scores(struct step *s) {
    const struct oracle_block *b = s->b;
    for (size_t k = 0; k < b->k; k++) {
        double *o = s->o + k * s->width, *rounded = s->rounded_o + k * s->width;
        memcpy(o, output_row(s, b->noise[k]), s->width * sizeof *o);
        for (size_t i = 0; i < s->width; i++)
            rounded[i] = operand(b, o[i]);
        for (size_t t = 0; t < b->n; t++)
            s->scores[t * b->k + k] = dot(s->rounded_x + t * s->width, rounded, s->width) -
                                      (b->noise_shift ? b->noise_shift[k] : 0);
    }
}

/* ---- gradients ------------------------------------------------------------------------------- */

/* d_u of a centre u that is this word: a positive learns less, too, when its word stands often
 * among the centres. */
static double positive_discount(const struct oracle_block *b, uint32_t word) {
    double copies = 0;
    for (size_t t = 0; t < b->n; t++)
        copies += b->centres[t] == word;
    return b->clip && copies > b->clip_repeat ? b->clip_repeat / copies : 1;
}

/* g_tp = a (A - B sigmoid(s_tp)) */
static void logistic_gradients(struct step *s, size_t t) {
    const struct oracle_block *b = s->b;
    double a = b->rate * s->discount[t];
    for (size_t p = b->starts[t]; p < b->starts[t + 1]; p++) {
        double x = positive_score(s, t, b->positives[p]);
        s->g[p] = a * positive_discount(b, b->positives[p]) *
                  (b->positive_a - b->positive_b * oracle_sigmoid(x));
        s->loss += b->positive_a * oracle_softplus(-x) +
                   (b->positive_b - b->positive_a) * oracle_softplus(x);
    }
}

/* G_tk = -a w v_k C_t sigmoid(s_tk) */
static void logistic_cells(struct step *s, size_t t) {
    const struct oracle_block *b = s->b;
    double a = b->rate * s->discount[t];
    for (size_t k = 0; k < b->k; k++) {
        double count = (double)(b->starts[t + 1] - b->starts[t]);
        for (size_t p = b->starts[t]; b->remove_hits && p < b->starts[t + 1]; p++)
            count -= b->positives[p] == b->noise[k];
        double x = s->scores[t * b->k + k];
        s->cells[t * b->k + k] = -a * noise_weight(b, k) * count * oracle_sigmoid(x);
        s->loss += noise_weight(b, k) * count * oracle_softplus(x);
    }
}

/* The softmax of positive p leaves noise word k out. */
static bool left_out(const struct oracle_block *b, size_t k, size_t p) {
    return b->remove_hits && b->noise[k] == b->positives[p];
}

/* g_tp = a (1 - e^s_tp / Z_tp) and G_tk = -a sum_p e^s_tk / Z_tp. Exponents are taken relative to
 * the largest score. */
static void softmax_gradients(struct step *s, size_t t) {
    const struct oracle_block *b = s->b;
    const double *scores = s->scores + t * b->k;
    double a = b->rate * s->discount[t];
    for (size_t p = b->starts[t]; p < b->starts[t + 1]; p++) {
        double x = positive_score(s, t, b->positives[p]), max = x;
        for (size_t k = 0; k < b->k; k++)
            if (!left_out(b, k, p))
                max = fmax(max, scores[k]);
        double sum = exp(x - max);
        for (size_t k = 0; k < b->k; k++)
            if (!left_out(b, k, p))
                sum += exp(scores[k] - max);
        s->g[p] = a * positive_discount(b, b->positives[p]) * (1 - exp(x - max) / sum);
        s->loss += log(sum) + max - x;
        for (size_t k = 0; k < b->k; k++)
            if (!left_out(b, k, p))
                s->cells[t * b->k + k] -= a * exp(scores[k] - max) / sum;
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* D_t += sum_p g_tp o_p */
static void positives_sum(struct step *s) {
    const struct oracle_block *b = s->b;
    for (size_t t = 0; t < b->n; t++)
        for (size_t p = b->starts[t]; p < b->starts[t + 1]; p++)
            add_product(b, s->d + t * b->dim, output_row(s, b->positives[p]), b->dim, s->g[p], 1,
                        s->d_mass + t);
}

/* o_p += g_tp x_t */
static void positives_update(struct step *s) {
    const struct oracle_block *b = s->b;
    for (size_t t = 0; t < b->n; t++)
        for (size_t p = b->starts[t]; p < b->starts[t + 1]; p++)
            add_product(b, output_row(s, b->positives[p]), s->x + t * s->width, s->width, s->g[p],
                        1, output_mass(b, b->positives[p]));
}

/* min(1, bound / curvature); 1 for a curvature of zero, and without clipping. */
static double clip_scale(const struct oracle_block *b, double bound, double curvature) {
    return b->clip && curvature > bound ? bound / curvature : 1;
}

/* D_t += sum_k G_tk o_k, then o_k += c_k sum_t G_tk x_t. */
static void noise_update(struct step *s, double *scales) {
    const struct oracle_block *b = s->b;
    for (size_t t = 0; t < b->n; t++)
        for (size_t k = 0; k < b->k; k++)
            add_product(b, s->d + t * b->dim, s->o + k * s->width, b->dim, s->cells[t * b->k + k],
                        1, s->d_mass + t);
    for (size_t k = 0; k < b->k; k++) {
        double curvature = 0;
        for (size_t t = 0; t < b->n; t++) {
            const double *x = s->rounded_x + t * s->width;
            curvature -= s->cells[t * b->k + k] * dot(x, x, s->width);
        }
        double scale = clip_scale(b, b->clip_output, curvature * (b->repeat ? b->repeat[k] : 1));
        for (size_t t = 0; t < b->n; t++)
            add_product(b, output_row(s, b->noise[k]), s->x + t * s->width, s->width,
                        s->cells[t * b->k + k], scale, output_mass(b, b->noise[k]));
        if (scales)
            scales[b->n + k] = scale;
    }
}

/* x_t += input_rate c_t D_t */
static void inputs_update(struct step *s, double *scales) {
    const struct oracle_block *b = s->b;
    for (size_t t = 0; t < b->n; t++) {
        double curvature = 0;
        for (size_t k = 0; k < b->k; k++) {
            const double *o = s->rounded_o + k * s->width;
            curvature -= s->cells[t * b->k + k] * dot(o, o, b->dim);
        }
        double scale = clip_scale(b, b->clip_input, curvature * s->copies[t]);
        for (size_t i = 0; i < b->dim; i++)
            b->input[b->centres[t] * b->dim + i] += b->input_rate * scale * s->d[t * b->dim + i];
        if (b->input_mass)
            b->input_mass[b->centres[t]] += b->input_rate * scale * s->d_mass[t];
        if (scales)
            scales[t] = scale;
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static double *zeros(size_t n) {
    double *room = calloc(n + 1, sizeof *room);
    if (!room)
        abort();
    return room;
}

double oracle_block_step(const struct oracle_block *b, double *scales) {
    size_t width = b->dim + (b->bias ? 1 : 0);
    struct step s = {.b = b, .width = width};
    s.x = zeros(b->n * width);
    s.o = zeros(b->k * width);
    s.rounded_x = zeros(b->n * width);
    s.rounded_o = zeros(b->k * width);
    s.d = zeros(b->n * b->dim);
    s.d_mass = zeros(b->n);
    s.g = zeros(b->starts[b->n]);
    s.cells = zeros(b->n * b->k);
    s.scores = zeros(b->n * b->k);
    s.copies = zeros(b->n);
    s.discount = zeros(b->n);
    rows_copy(&s);
    noise_scores(&s);
    for (size_t t = 0; t < b->n; t++)
        switch (b->objective) {
        case ORACLE_NCE: /* the two differ by their shifts */
        case ORACLE_NEGATIVE_SAMPLING:
            logistic_gradients(&s, t);
            logistic_cells(&s, t);
            break;
        case ORACLE_SAMPLED_SOFTMAX:
            softmax_gradients(&s, t);
            break;
        }
    positives_sum(&s);
    noise_update(&s, scales);
    positives_update(&s);
    inputs_update(&s, scales);
    double *const rooms[] = {s.x, s.o,     s.rounded_x, s.rounded_o, s.d,       s.d_mass,
                             s.g, s.cells, s.scores,    s.copies,    s.discount};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        free(rooms[i]);
    return s.loss;
}
