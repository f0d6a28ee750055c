/* Words of a model as they stand on the command line. Private to cli/. */
#ifndef VECMILL_CLI_WORDS_H
#define VECMILL_CLI_WORDS_H

#include "cli/cli.h"
#include "embedding/embedding.h"

/* Loads the model that the first operand names, for the kernel of the settings. Errors:
 * model_load's. Owns: model_drop. */
enum status model_open(struct invocation *invocation, struct model **model,
                       struct error *err) MUST_CHECK;
/* The id of a word. Errors: NOT_FOUND "no word 'kign' in the model; did you mean 'king'?" */
enum status word_find(const struct model *model, const char *word, uint32_t *id,
                      struct error *err) MUST_CHECK;

#endif
