#include "train/judge.h"

#include <string.h>

#include "graph/graph.h"
#include "train/pairs.h"

enum status train_judge(const struct settings *settings, struct corpus *corpus, const char *work,
                        struct error *err) {
    if (corpus->graph) /* which has an edge */
        return train_admit(settings, vocabulary_size(corpus->vocabulary),
                           graph_bytes(corpus->graph), err);
    enum status status = pairs_check_corpus(settings, corpus, err);
    if (status == STATUS_OK)
        status = train_admit(settings, vocabulary_size(corpus->vocabulary), 0, err);
    if (status == STATUS_OK && strcmp(settings->context_prefix, "none") != 0)
        status = corpus_spread_contexts(corpus, settings->context_prefix, work, err);
    if (status == STATUS_OK && settings->holdout > 0)
        status = corpus_hold_out(corpus, settings->holdout, (uint64_t)settings->seed,
                                 (uint64_t)settings->holdout_words, work, err);
    if (status == STATUS_OK && settings->holdout > 0)
        status = pairs_check_corpus(settings, corpus, err);
    return status;
}
