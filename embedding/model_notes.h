/* See model_recall. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_MODEL_NOTES_H
#define VECMILL_EMBEDDING_MODEL_NOTES_H

struct model_notes;

struct model_notes *model_notes_create(void);     /* NULL when out of memory */
void model_notes_free(struct model_notes *notes); /* NULL is fine */

#endif
