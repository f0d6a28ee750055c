/* From trained tables to a model on disk. */
#ifndef VECMILL_TRAIN_PUBLISH_H
#define VECMILL_TRAIN_PUBLISH_H

#include "train/trainer_state.h"

/* Writes the model to options->output and its digest to the result. The vocabulary and the tables
 * go to the model: the trainer can only be cleared afterwards, also after a failure. */
enum status trainer_publish(struct trainer *trainer, struct train_result *result,
                            struct error *err) MUST_CHECK;

#endif
