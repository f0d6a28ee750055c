/* What rows hold before the first step. */
#include "train/initial_rows.h"

#include <math.h>
#include <string.h>

#include "base/random.h"

/* word2vec: small input rows, output rows of zeros. */
static void fill_word2vec(struct random *random, float *input, uint32_t dim) {
    for (uint32_t j = 0; j < dim; j++)
        input[j] = (float)((random_unit(random) - 0.5) / dim);
}

/* TensorFlow's NCE example: uniform input rows, normal output rows. */
static void fill_tensorflow(struct random *random, float *input, float *output, uint32_t dim) {
    for (uint32_t j = 0; j < dim; j++)
        input[j] = (float)(2 * random_unit(random) - 1);
    for (uint32_t j = 0; j < dim; j++)
        output[j] = (float)(random_truncated_normal(random) / sqrt((double)dim));
}

void initial_rows_write(struct trainer *trainer) {
    const struct settings *settings = trainer->settings;
    uint32_t dim = (uint32_t)settings->dim;
#pragma omp parallel for num_threads(trainer->threads) schedule(static)
    for (uint32_t id = 0; id < trainer->rows; id++) {
        struct random random;
        random_init(&random, (uint64_t)settings->seed, (uint64_t)1 << 32 | id);
        float *input = table_row(trainer->input, id), *output = table_row(trainer->output, id);
        memset(input, 0, trainer->step.stride * sizeof *input);
        memset(output, 0, trainer->step.stride * sizeof *output);
        switch (settings->init) {
        case INIT_WORD2VEC:
            fill_word2vec(&random, input, dim);
            break;
        case INIT_TENSORFLOW:
            fill_tensorflow(&random, input, output, dim);
            break;
        }
        if (trainer->bias.column)
            input[dim] = 1;
        if (trainer->bias.learned)
            output[dim] = (float)word_tables_log_probability(&trainer->tables, id);
    }
}
