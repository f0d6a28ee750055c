/* A plan as people and programs read it. Private to cli/. */
#ifndef VECMILL_CLI_PLAN_REPORT_H
#define VECMILL_CLI_PLAN_REPORT_H

#include "cli/cli.h"
#include "train/train_plan.h"

/* Beside the plan: what the command knows of the corpus, the disk and itself. */
struct plan_frame {
    const char *corpus;           /* path or name */
    const struct settings *asked; /* the settings as they were given */
    const struct kernel *kernel;
    struct corpus_sample sample; /* of which the plan was made; pieces 0: of the whole */
    double preparing_seconds;    /* decoding and converting the whole corpus, estimated */
    uint64_t preparing_bytes;    /* of scratch files that this takes */
    uint64_t disk_free;          /* bytes that training may use */
    bool disk_known;
};

/* Bytes that training writes in all, at the same time, at most. */
uint64_t plan_disk_needed(const struct plan_frame *frame, const struct train_plan *plan);
double plan_seconds(const struct plan_frame *frame, const struct train_plan *plan);
/* How the speed was measured, in words. */
void plan_basis(const struct plan_frame *frame, const struct train_plan *plan, struct buffer *text);
/* Append a table, or one line of JSON. */
void plan_put_table(const struct plan_frame *frame, const struct train_plan *plan,
                    struct buffer *text);
void plan_put_json(const struct plan_frame *frame, const struct train_plan *plan,
                   struct buffer *text);

#endif
