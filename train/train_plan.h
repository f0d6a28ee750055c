/* What a training would take, told before it is begun: the words that min_count keeps, what
 * subsampling keeps of them, memory, disk, time. The corpus is read, the settings are judged and
 * the kernel is tried by the code that trains, so that a plan and the training do not disagree. */
#ifndef VECMILL_TRAIN_TRAIN_PLAN_H
#define VECMILL_TRAIN_TRAIN_PLAN_H

#include "train/train.h"

#define PLAN_NOTES 24
#define PLAN_CURVE 16

/* A warning, a suggestion, or what `auto` chose. */
struct plan_note {
    char setting[64]; /* that it is about; empty: none */
    char value[32];   /* chosen or suggested for it; empty: none */
    char text[400];
};
struct plan_notes {
    struct plan_note notes[PLAN_NOTES];
    unsigned n;
};

/* One point of the vocabulary curve. */
struct plan_point {
    uint64_t min_count;
    double words;   /* of the vocabulary, without max_vocab */
    double covered; /* share of the text that they are */
    uint64_t memory;
    bool fits;
};

/* How fast this machine trains with these settings: measured by training, whose rows are thrown
 * away. */
struct plan_speed {
    bool known;
    double words_per_second; /* of corpus words, those that subsampling drops included */
    double share;            /* that subsampling kept of them */
    double seconds;          /* for which it was measured */
    double cpu_share;        /* of the time of the threads that they got a CPU: 0..1 */
    uint64_t words;          /* passed meanwhile */
    uint32_t rows;           /* of the tables */
    int threads;
};

struct train_plan_options {
    /* settings, corpus, work, kernel and request; the rest is not looked at */
    struct train_options training;
    double factor; /* how many times longer the whole text is than the corpus; 1: it is the whole */
    double seconds;  /* for which the kernel is tried; 0: not at all */
    uint64_t memory; /* bytes that planning may take, about; 0: what training may */
};

/* Figures are of the whole text: estimates with a factor above 1, else what training reports. */
struct train_plan {
    struct error
        refusal; /* with which training would end before it begins; status OK: it would not */
    /* nothing in it is `auto`; the threshold of subsampling is known unless no word is kept */
    struct settings chosen;
    double factor;
    struct corpus_spectrum spectrum; /* of the corpus as it was read */
    double repeated_lines;           /* share; see corpus_repeated_lines */
    double words, distinct, vocabulary, kept_words;
    double sample_share; /* of kept_words, by subsampling */
    struct plan_point curve[PLAN_CURVE];
    unsigned n_curve;
    struct pair_report pairs; /* by the vocabulary of the corpus as it was read; zeros: none */
    uint64_t beside;          /* bytes of memory that they take */
    struct train_memory memory;
    uint64_t memory_to_read; /* bytes, from above, that counting the words takes */
    struct train_disk disk;
    uint64_t disk_to_read, disk_ids; /* bytes of scratch files: while reading, and while training */
    struct plan_speed speed;
    double words_to_train; /* of all epochs, without holdout, as max_steps allows */
    double reading_seconds, training_seconds; /* estimated; training: 0 when speed is not known */
    struct plan_notes chosen_by_auto, warnings, suggestions;
};

/* Files in the work folder, which must exist, are gone when it returns. Threads: as training, but
 * not more than the machine has. Errors: those of corpus_create before the words are counted (also
 * that the corpus is empty), CANCELLED, PAUSED, NO_MEMORY. What training would refuse later is no
 * error: plan->refusal. Cost: as reading the corpus, and options->seconds. */
enum status train_plan(const struct train_plan_options *options, struct train_plan *plan,
                       struct error *err) MUST_CHECK;

#endif
