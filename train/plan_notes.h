/* What a plan says in words. Private to train/. */
#ifndef VECMILL_TRAIN_PLAN_NOTES_H
#define VECMILL_TRAIN_PLAN_NOTES_H

#include "train/train_plan.h"

/* Adds a note; text is cut when it is too long. setting and value may be NULL. What is too many is
 * left out. */
void plan_note_add(struct plan_notes *notes, const char *setting, const char *value,
                   const char *format, ...) PRINTF_LIKE(4, 5);
/* What was `auto` or left open in the settings as asked, and why it became what it is. */
void plan_notes_chosen(const struct settings *asked, struct train_plan *plan);
/* All figures of the plan are known. corpus: NULL where no word is kept. */
void plan_notes_warn(const struct corpus *corpus, struct train_plan *plan);
void plan_notes_suggest(const struct corpus *corpus, struct train_plan *plan);

#endif
