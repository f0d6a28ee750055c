/* What the routes of losses are asked with: rows as numbers or of a model, labels, samples. Private
 * to server/. */
#ifndef VECMILL_SERVER_LOSS_INPUT_H
#define VECMILL_SERVER_LOSS_INPUT_H

#include "server/query/candidate_draw.h"
#include "server/query/tensor.h"

struct rows {
    const float **rows; /* [n] of dim numbers */
    size_t n, dim;
    float *own; /* [n, dim] when they came as numbers */
};

/* One class is one row and its bias: the members `weights` and `biases`, or the output rows of the
 * member `model`, which is held then. */
struct classes {
    struct rows rows;          /* of numbers; .n is the number of classes in either case */
    float *biases;             /* [n] or NULL */
    const struct table *table; /* of a model, or NULL */
};

/* Holds the model that the body names; nothing when it names none. */
enum status loss_model(struct inquiry *inquiry, struct error *err) MUST_CHECK;
/* Neither weights nor model is REFUSED, and so are both. */
enum status classes_read(struct classes *classes, struct inquiry *inquiry,
                         struct error *err) MUST_CHECK;
void classes_clear(struct classes *classes);
const float *class_row(const struct classes *classes, uint32_t id);
float class_bias(const struct classes *classes, uint32_t id);
/* The member `inputs`: lists of dim numbers, or words and ids of the model. */
enum status inputs_read(struct rows *inputs, struct inquiry *inquiry, size_t dim,
                        struct error *err) MUST_CHECK;
void rows_clear(struct rows *rows);

/* Class ids in one list for each example, all of the same length. */
struct truth {
    int64_t *ids; /* [n, per_row] */
    size_t n, per_row;
    bool flat; /* came as a plain list: per_row is 1 */
};
/* A member of class ids (words, too, with a model) below n_classes: a list, or lists of one
 * length. */
enum status truth_read(struct truth *truth, struct inquiry *inquiry, const char *name,
                       size_t n_classes, struct error *err) MUST_CHECK;
void truth_clear(struct truth *truth);

/* What is drawn beside the true classes, or was drawn by the client. */
struct drawn {
    int64_t *ids;                             /* [n] */
    double *true_expected, *sampled_expected; /* [truth->n, per_row]; [n] */
    size_t n;
    uint64_t tries; /* 0: sampled_values was given */
    int64_t seed;
};
/* By `sampled_values`, as TensorFlow's samplers return it, or by num_sampled, seed, sampler,
 * unique; unigram also takes counts and sampler_power. */
enum status drawn_read(struct drawn *drawn, struct inquiry *inquiry, const struct truth *truth,
                       size_t n_classes, struct error *err) MUST_CHECK;
void drawn_clear(struct drawn *drawn);

#endif
