#include "embedding/model_notes.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "embedding/embedding.h"

struct model_notes {
    pthread_mutex_t mutex; /* held while a vector is copied */
    double keys[MODEL_SLOTS];
    float *values[MODEL_SLOTS]; /* NULL: none */
};

struct model_notes *model_notes_create(void) {
    struct model_notes *notes = calloc(1, sizeof *notes);
    if (notes)
        pthread_mutex_init(&notes->mutex, NULL);
    return notes;
}

void model_notes_free(struct model_notes *notes) {
    if (!notes)
        return;
    for (unsigned slot = 0; slot < MODEL_SLOTS; slot++)
        free(notes->values[slot]);
    pthread_mutex_destroy(&notes->mutex);
    free(notes);
}

bool model_recall(const struct model *model, unsigned slot, double key, float *values) {
    struct model_notes *notes = model->notes;
    assert(slot < MODEL_SLOTS);
    pthread_mutex_lock(&notes->mutex);
    bool found = notes->values[slot] && !(notes->keys[slot] < key || notes->keys[slot] > key);
    if (found)
        memcpy(values, notes->values[slot], model->input->columns * sizeof *values);
    pthread_mutex_unlock(&notes->mutex);
    return found;
}

void model_remember(const struct model *model, unsigned slot, double key, const float *values) {
    struct model_notes *notes = model->notes;
    size_t bytes = model->input->columns * sizeof *values;
    assert(slot < MODEL_SLOTS);
    pthread_mutex_lock(&notes->mutex);
    if (!notes->values[slot])
        notes->values[slot] = malloc(bytes);
    if (notes->values[slot]) {
        memcpy(notes->values[slot], values, bytes);
        notes->keys[slot] = key;
    }
    pthread_mutex_unlock(&notes->mutex);
}
