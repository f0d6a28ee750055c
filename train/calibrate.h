/* How fast a training goes here. Private to train/. */
#ifndef VECMILL_TRAIN_CALIBRATE_H
#define VECMILL_TRAIN_CALIBRATE_H

#include "train/train_plan.h"

/* Trains for options->seconds over the corpus, with rows for as many of its words as
 * options->memory allows. settings: nothing is `auto`. speed->known stays false where not even one
 * row fits, or no word was trained. Errors: CANCELLED and PAUSED as requested, NO_MEMORY, the
 * sampler's. */
enum status train_calibrate(const struct train_plan_options *options,
                            const struct settings *settings, const struct corpus *corpus,
                            struct plan_speed *speed, struct error *err) MUST_CHECK;

#endif
