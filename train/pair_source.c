#include "train/pair_source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

bool pair_source_wanted(const struct settings *settings) {
    return strcmp(settings->pairs, "none") != 0;
}

/* Ids, weights as they were read, the table, and what making it takes (alias.h). Arrays that grow
 * may have room for twice as many. */
uint64_t pair_source_bytes(uint64_t n) {
    return n * (2 * (2 * sizeof(uint32_t) + sizeof(double)) + sizeof(struct alias_cell) + 12);
}

/* So that their sum is finite, whatever they are. */
static void weights_scale(double *weights, uint32_t n) {
    double most = 0;
    for (uint32_t i = 0; i < n; i++)
        most = fmax(most, weights[i]);
    for (uint32_t i = 0; i < n; i++)
        weights[i] /= most;
}

enum status pair_source_init(struct pair_source *source, const struct settings *settings,
                             const char *path, const struct vocabulary *vocabulary,
                             atomic_int *request, struct error *err) {
    struct pair_list list;
    double share = settings->pairs_share;
    *source = (struct pair_source){0};
    if (!pair_source_wanted(settings))
        return STATUS_OK;
    enum status status =
        pair_list_read(&list, settings, path ? path : settings->pairs, vocabulary, request, err);
    source->report = list.report;
    if (status == STATUS_OK && !(source->cells = calloc(list.n, sizeof *source->cells)))
        status =
            error_set_key(err, STATUS_NO_MEMORY, "pairs", "out of memory for %u pairs", list.n);
    if (status == STATUS_OK)
        weights_scale(list.weights, list.n);
    if (status == STATUS_OK)
        status = alias_build(list.weights, list.n, source->cells, err);
    if (status == STATUS_OK) {
        uint64_t sums[2] = {checksum(list.ids, list.n * sizeof *list.ids),
                            checksum(list.weights, list.n * sizeof *list.weights)};
        source->checksum = checksum(sums, sizeof sums);
        source->ids = list.ids, source->n = list.n;
        source->per_centre = share / (1 - share);
        list.ids = NULL; /* they are the source's */
    }
    pair_list_clear(&list);
    return status;
}

void pair_source_clear(struct pair_source *source) {
    free(source->ids);
    free(source->cells);
    *source = (struct pair_source){0};
}
