/* Parting the ids in two: what is trained on, and what is held out. Two passes: how many sentences
 * would be held out, and the writing. */
#include "base/random.h"
#include "corpus/corpus_private.h"
#include "corpus/ids_writer.h"

#define STREAM 0x686f6c646f7574 /* "holdout": this hash is nobody else's */

/* Uniform in [0, 1): of the sentence or piece with this number. */
static double unit_hash(uint64_t seed, uint64_t number) {
    return (double)(random_mix(random_mix(seed ^ STREAM) + number) >> 11) * 0x1p-53;
}

/* ---- the first pass -------------------------------------------------------------------------- */

/* Where the pieces are: number of the one that the next word belongs to. */
struct walk {
    uint64_t number, words; /* of the sentence so far */
    uint64_t most;
};

/* Is this entry the first word of a sentence or piece? Then walk->number is its number. */
static bool walk_begins(struct walk *walk, uint32_t id) {
    if (id == WORD_NONE) {
        walk->words = 0;
        return false;
    }
    bool begins = walk->words++ % walk->most == 0;
    walk->number += begins;
    return begins;
}

/* What is held out: hashes below `below`. */
static enum status choose(const struct corpus *corpus, double share, uint64_t seed, uint64_t most,
                          double *below, struct error *err) {
    struct walk walk = {.most = most};
    uint64_t chosen = 0;
    double least = 2;
    for (uint64_t i = 0; i < corpus->length; i++) {
        if (!walk_begins(&walk, corpus->ids[i]))
            continue;
        double hash = unit_hash(seed, walk.number);
        chosen += hash < share;
        least = hash < least ? hash : least;
    }
    if (walk.number < 2)
        return error_set_key(err, STATUS_REFUSED, "holdout",
                             "holdout needs two sentences, or one of more than holdout_words "
                             "%llu words: the text has one of %llu",
                             (unsigned long long)most, (unsigned long long)corpus->words);
    *below = chosen == 0 || chosen == walk.number ? least + 0x1p-53 : share;
    return STATUS_OK;
}

/* ---- the second pass ------------------------------------------------------------------------- */

static enum status write_parts(const struct corpus *corpus, uint64_t seed, uint64_t most,
                               double below, struct ids_writer parts[2], struct error *err) {
    struct walk walk = {.most = most};
    struct ids_writer *part = &parts[0];
    enum status status = STATUS_OK;
    for (uint64_t i = 0; status == STATUS_OK && i < corpus->length; i++) {
        uint32_t id = corpus->ids[i];
        if (walk_begins(&walk, id)) {
            struct ids_writer *next = &parts[unit_hash(seed, walk.number) < below];
            if (next != part)
                status = ids_writer_end(part, err);
            part = next;
        }
        if (status == STATUS_OK && (id != WORD_NONE || part->open))
            status = ids_writer_put(part, id, err);
    }
    for (int i = 0; status == STATUS_OK && i < 2; i++) {
        status = ids_writer_end(&parts[i], err);
        if (status == STATUS_OK)
            status = ids_writer_flush(&parts[i], err);
    }
    return status;
}

/* The parts take the place of the whole. */
static enum status adopt(struct corpus_owner *owner, struct corpus_ids *trained,
                         const struct ids_writer parts[2], struct error *err) {
    struct corpus *corpus = &owner->corpus;
    enum status status = file_map_open(&trained->map, trained->path, err);
    if (status == STATUS_OK)
        status = file_map_open(&owner->held.map, owner->held.path, err);
    if (status != STATUS_OK)
        return status;
    corpus_ids_close(&owner->ids);
    owner->ids = *trained;
    *trained = (struct corpus_ids){.map = {.data = ""}};
    corpus->ids = (const uint32_t *)(const void *)owner->ids.map.data;
    corpus->length = parts[0].length, corpus->words = parts[0].words;
    corpus->held_ids = (const uint32_t *)(const void *)owner->held.map.data;
    corpus->held_length = parts[1].length, corpus->held_words = parts[1].words;
    return STATUS_OK;
}

enum status corpus_hold_out(struct corpus *corpus, double share, uint64_t seed, uint64_t most,
                            const char *work, struct error *err) {
    struct corpus_owner *owner = (struct corpus_owner *)corpus;
    struct corpus_ids trained = {.map = {.data = ""}, .path = path_join(work, CORPUS_TRAINED_FILE)};
    struct ids_writer parts[2] = {IDS_WRITER_CLOSED, IDS_WRITER_CLOSED};
    double below = 0;
    owner->held.path = path_join(work, CORPUS_HELD_FILE);
    enum status status = choose(corpus, share, seed, most, &below, err);
    if (status == STATUS_OK)
        status = ids_writer_open(&parts[0], trained.path, err);
    if (status == STATUS_OK)
        status = ids_writer_open(&parts[1], owner->held.path, err);
    if (status == STATUS_OK)
        status = write_parts(corpus, seed, most, below, parts, err);
    ids_writer_close(&parts[0]);
    ids_writer_close(&parts[1]);
    if (status == STATUS_OK)
        status = adopt(owner, &trained, parts, err);
    corpus_ids_close(&trained);
    return status;
}
