/* From numbers to ids in one pass. The numbers are dealt out in pieces in the order of the text, so
 * that the piece before is done, or under way, when a thread needs to know where its own ids begin
 * in the file. */
#include <pthread.h>
#include <stdlib.h>

#include "base/file.h"
#include "corpus/corpus_remap.h"

/* Some numbers of one generation of one range. */
struct piece {
    uint64_t turn; /* pieces before it */
    int range;
    uint32_t generation;
    uint64_t at;
    uint32_t n;
};

struct remap_pass {
    struct corpus_pool *pool;
    struct corpus_remap *remap;
    pthread_mutex_t lock;
    pthread_cond_t turned;
    struct piece next;
    /* Of the piece whose turn it is: */
    uint64_t turn, offset; /* in the file, entries */
    bool open;             /* the sentence that goes on there holds a kept word */
    bool failed;           /* a thread gave up: its turn never ends */
};

/* What one thread works with. */
struct remapper {
    struct remap_pass *pass;
    uint32_t *room;     /* [CORPUS_BUFFER] for numbers that come from a file */
    const uint32_t *in; /* the numbers of the piece */
    uint32_t *out;      /* [CORPUS_BUFFER] */
    uint32_t fill;      /* of out */
    uint64_t words;
    /* out begins with a sentence end that belongs to an open sentence of the pieces before, if
     * any */
    bool leads;
    bool marked, open;
    uint32_t *map_room; /* for the map of an older generation */
    const uint32_t *loaded;
    int loaded_range;
    uint32_t loaded_generation;
};

static enum status no_memory(struct error *err) {
    return error_set(err, STATUS_NO_MEMORY, "out of memory for numbering the corpus");
}

static enum status map_read(const struct corpus_counter *counter,
                            const struct generation *generation, uint32_t *room,
                            const uint32_t **map, struct error *err) {
    return corpus_spill_read(&counter->spill, generation->map_at, generation->map_size, room, map,
                             err);
}

/* Chains the maps of a pruned table from the last generation back, so that each leads straight to
 * ids. */
static enum status maps_chain(void *context, int index, struct error *err) {
    struct remap_pass *pass = context;
    struct corpus_counter *counter = &pass->remap->counters[index];
    const uint32_t *next = pass->remap->maps[index];
    uint32_t *owned = NULL;
    enum status status = STATUS_OK;
    for (uint32_t g = counter->n_generations - 1; g-- > 0 && status == STATUS_OK;) {
        const struct generation *generation = &counter->generations[g];
        const uint32_t *old;
        uint32_t *map = malloc(generation->map_size * sizeof *map + 1);
        status = !map ? no_memory(err) : map_read(counter, generation, map, &old, err);
        for (uint32_t i = 0; i < generation->map_size && status == STATUS_OK; i++)
            map[i] = old[i] == WORD_NONE ? WORD_NONE : next[old[i]];
        if (status == STATUS_OK)
            status = corpus_spill_write(&counter->spill, generation->map_at, map,
                                        generation->map_size, err);
        free(owned);
        next = owned = map;
    }
    free(owned);
    return status;
}

/* The next piece of the text; false: all are dealt. */
static bool piece_take(struct remap_pass *pass, struct piece *piece) {
    struct piece *next = &pass->next;
    bool found = false;
    pthread_mutex_lock(&pass->lock);
    while (!found && next->range < pass->pool->threads) {
        const struct corpus_counter *counter = &pass->remap->counters[next->range];
        uint64_t left = counter->generations[next->generation].ids - next->at;
        if (left > 0) {
            next->n = left < CORPUS_BUFFER ? (uint32_t)left : CORPUS_BUFFER;
            *piece = *next;
            next->at += next->n;
            next->turn++;
            found = true;
        } else {
            next->at = 0;
            if (++next->generation == counter->n_generations) {
                next->generation = 0;
                next->range++;
            }
        }
    }
    pthread_mutex_unlock(&pass->lock);
    return found;
}

static enum status piece_map(struct remapper *remapper, const struct piece *piece,
                             const uint32_t **map, struct error *err) {
    const struct corpus_counter *counter = &remapper->pass->remap->counters[piece->range];
    if (piece->generation == counter->n_generations - 1) {
        *map = remapper->pass->remap->maps[piece->range];
        return STATUS_OK;
    }
    const struct generation *generation = &counter->generations[piece->generation];
    if (!remapper->loaded || remapper->loaded_range != piece->range ||
        remapper->loaded_generation != piece->generation) {
        remapper->loaded = NULL;
        free(remapper->map_room);
        remapper->map_room = malloc(generation->map_size * sizeof *remapper->map_room + 1);
        if (!remapper->map_room)
            return no_memory(err);
        enum status status =
            map_read(counter, generation, remapper->map_room, &remapper->loaded, err);
        if (status != STATUS_OK)
            return status;
        remapper->loaded_range = piece->range;
        remapper->loaded_generation = piece->generation;
    }
    *map = remapper->loaded;
    return STATUS_OK;
}

/* Turns n numbers into ids: dropped words left out, a sentence end only behind a kept word. out
 * holds as much as in. */
static void piece_convert(struct remapper *remapper, const uint32_t *map, uint32_t n) {
    uint32_t *out = remapper->out, fill = 0, ends = 0;
    const uint32_t *in = remapper->in;
    /* as if the pieces before ended within a sentence; if not, its end is taken back */
    bool open = true;
    remapper->marked = remapper->leads = false;
    for (uint32_t i = 0;; i++) {
        uint32_t begin = fill;
        for (; i < n && in[i] != WORD_NONE; i++) {
            uint32_t id = map[in[i]];
            out[fill] = id; /* a dropped one is overwritten by the next */
            fill += id != WORD_NONE;
        }
        open |= fill > begin;
        if (i == n)
            break;
        remapper->leads |= fill == 0 && open;
        remapper->marked = true;
        out[fill] = WORD_NONE;
        fill += open;
        ends += open;
        open = false;
    }
    remapper->fill = fill;
    remapper->words += fill - ends;
    remapper->open = remapper->marked ? open : fill > 0;
}

/* Waits for the turn of the piece and ends it. *begin: entries of out to leave out; false: another
 * thread failed. */
static bool piece_turn(struct remapper *remapper, const struct piece *piece, uint64_t *offset,
                       uint32_t *begin) {
    struct remap_pass *pass = remapper->pass;
    pthread_mutex_lock(&pass->lock);
    while (pass->turn != piece->turn && !pass->failed)
        pthread_cond_wait(&pass->turned, &pass->lock);
    bool good = !pass->failed;
    if (good) {
        *begin = remapper->leads && !pass->open;
        *offset = pass->offset;
        pass->offset += remapper->fill - *begin;
        pass->open = remapper->open || (!remapper->marked && pass->open);
        pass->turn++;
        pthread_cond_broadcast(&pass->turned);
    }
    pthread_mutex_unlock(&pass->lock);
    return good;
}

static enum status piece_work(struct remapper *remapper, const struct piece *piece,
                              struct error *err) {
    struct remap_pass *pass = remapper->pass;
    const struct corpus_counter *counter = &pass->remap->counters[piece->range];
    const uint32_t *map = NULL;
    uint64_t offset, at = counter->generations[piece->generation].ids_at + piece->at;
    uint32_t begin;
    enum status status = corpus_pool_poll(pass->pool, err);
    if (status == STATUS_OK)
        status = piece_map(remapper, piece, &map, err);
    if (status == STATUS_OK)
        status =
            corpus_spill_read(&counter->spill, at, piece->n, remapper->room, &remapper->in, err);
    if (status != STATUS_OK)
        return status;
    piece_convert(remapper, map, piece->n);
    if (!piece_turn(remapper, piece, &offset, &begin))
        return STATUS_OK; /* whoever failed says why */
    atomic_fetch_add_explicit(&pass->remap->done, piece->n, memory_order_relaxed);
    return file_write_at(pass->remap->ids, remapper->out + begin,
                         (remapper->fill - begin) * sizeof *remapper->out,
                         offset * sizeof *remapper->out, err);
}

static void remapper_end(struct remapper *remapper, enum status status) {
    struct remap_pass *pass = remapper->pass;
    pthread_mutex_lock(&pass->lock);
    pass->remap->words += remapper->words;
    pass->failed |= status != STATUS_OK;
    pthread_cond_broadcast(&pass->turned);
    pthread_mutex_unlock(&pass->lock);
    free(remapper->room);
    free(remapper->out);
    free(remapper->map_room);
}

static enum status remap_work(void *context, int index, struct error *err) {
    struct remapper remapper = {.pass = context};
    struct piece piece;
    if (index == 0) {
        enum status status =
            remapper.pass->remap->beside(remapper.pass->remap->beside_context, err);
        if (status != STATUS_OK) {
            remapper_end(&remapper, status);
            return status;
        }
    }
    remapper.room = malloc(CORPUS_BUFFER * sizeof *remapper.room);
    remapper.out = malloc(CORPUS_BUFFER * sizeof *remapper.out);
    enum status status = !remapper.room || !remapper.out ? no_memory(err) : STATUS_OK;
    while (status == STATUS_OK && piece_take(remapper.pass, &piece))
        status = piece_work(&remapper, &piece, err);
    remapper_end(&remapper, status);
    return status;
}

static enum status pass_init(struct remap_pass *pass, struct error *err) {
    int errnum = pthread_mutex_init(&pass->lock, NULL);
    if (errnum != 0)
        return error_set_errno(err, errnum, "cannot make a mutex");
    errnum = pthread_cond_init(&pass->turned, NULL);
    if (errnum == 0)
        return STATUS_OK;
    pthread_mutex_destroy(&pass->lock);
    return error_set_errno(err, errnum, "cannot make a condition variable");
}

static uint64_t numbers_bytes(const struct corpus_remap *remap, int threads) {
    uint64_t bytes = 0;
    for (int t = 0; t < threads; t++)
        bytes += remap->counters[t].emitted * sizeof(uint32_t);
    return bytes;
}

enum status corpus_remap(struct corpus_pool *pool, struct corpus_remap *remap, struct error *err) {
    struct remap_pass pass = {.pool = pool, .remap = remap};
    enum status status = pass_init(&pass, err);
    if (status != STATUS_OK)
        return status;
    status = corpus_pool_run(pool, maps_chain, &pass, err);
    if (status == STATUS_OK) {
        file_reserve(remap->ids, numbers_bytes(remap, pool->threads));
        status = corpus_pool_run(pool, remap_work, &pass, err);
    }
    pthread_cond_destroy(&pass.turned);
    pthread_mutex_destroy(&pass.lock);
    if (status != STATUS_OK)
        return status;
    uint32_t end = WORD_NONE;
    remap->length = pass.offset;
    if (pass.open)
        status = file_write_at(remap->ids, &end, sizeof end, remap->length++ * sizeof end, err);
    return status;
}
