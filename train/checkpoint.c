/* A checkpoint file: fixed header, one record per worker, both tables, then a checksum of each
 * part. Our own machine's byte order: a checkpoint does not travel. */
#include "train/checkpoint.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/machine.h"
#include "train/decide.h"
#include "train/report.h"
#include "train/worker.h"

#define CHECKPOINT_MAGIC 0x3454504b434d56ull /* "VMCKPT4" */

struct checkpoint_header {
    uint64_t magic, number;
    uint64_t settings, corpus; /* checksums of what the training must share with it */
    uint32_t threads, rows, carry, draws;
    uint64_t stride, shards;
    uint64_t segment_size, segments, next_segment, words_done, steps_done, examples_done,
        pairs_done, epochs_reported;
    double rate_scale, seconds;
    struct tallies tallies;
    struct evaluated evaluated;
};

static uint64_t corpus_checksum(const struct trainer *trainer) {
    const uint64_t *counts = vocabulary_counts(trainer->vocabulary);
    uint64_t sums[7] = {trainer->corpus->length,
                        trainer->corpus->words,
                        checksum(counts, trainer->rows * sizeof *counts),
                        trainer->corpus->held_length,
                        trainer->corpus->held_words,
                        trainer->pairs.checksum,
                        trainer->corpus->graph ? trainer->corpus->graph->checksum : 0};
    return checksum(sums, sizeof sums);
}

static char *checkpoint_path(const struct trainer *trainer, uint64_t number) {
    return path_join(trainer->options->work, number % 2 ? "checkpoint-1" : "checkpoint-0");
}

static char *best_path(const struct trainer *trainer, uint64_t number) {
    return path_join(trainer->options->work, number % 2 ? "best-1" : "best-0");
}

static size_t worker_bytes(const struct checkpoint_header *header) {
    return sizeof(struct worker_state) + ((size_t)header->carry + header->draws) * sizeof(uint32_t);
}

static size_t table_size(const struct checkpoint_header *header) {
    return (size_t)header->rows * header->stride * sizeof(float);
}

static struct checkpoint_header header_of(const struct trainer *trainer, uint64_t number) {
    struct checkpoint_header header;
    memset(&header, 0, sizeof header); /* padding is checksummed too */
    header.magic = CHECKPOINT_MAGIC, header.number = number;
    header.settings = decide_checksum(trainer->settings), header.corpus = corpus_checksum(trainer);
    header.threads = (uint32_t)trainer->threads, header.rows = trainer->rows;
    header.carry = 2 * trainer->step.window, header.draws = WORKER_DRAWS;
    header.stride = trainer->step.stride, header.shards = trainer->input->shards;
    header.segment_size = trainer->segment_size, header.segments = trainer->segments;
    header.next_segment = trainer->next_segment;
    header.words_done = atomic_load(&trainer->words_done),
    header.steps_done = atomic_load(&trainer->steps_done);
    header.examples_done = atomic_load(&trainer->examples_done);
    header.pairs_done = atomic_load(&trainer->pairs_done);
    header.epochs_reported = trainer->epochs_reported;
    header.rate_scale = trainer->rate_scale;
    header.seconds = trainer->seconds_before + machine_monotonic_seconds() - trainer->started;
    header.tallies = trainer->tallies;
    header.evaluated = trainer->evaluated;
    return header;
}

static void append_workers(const struct trainer *trainer, const struct checkpoint_header *header,
                           struct buffer *bytes) {
    buffer_append(bytes, header, sizeof *header);
    for (int i = 0; i < trainer->threads; i++) {
        const struct worker *worker = &trainer->workers[i];
        buffer_append(bytes, &worker->state, sizeof worker->state);
        buffer_append(bytes, worker->carry, header->carry * sizeof *worker->carry);
        buffer_append(bytes, worker->draws, header->draws * sizeof *worker->draws);
    }
}

static enum status write_parts(const struct trainer *trainer, struct file_writer *writer,
                               const struct buffer *workers, size_t table, struct error *err) {
    uint64_t sums[3] = {checksum(workers->data, workers->length),
                        checksum(trainer->input->data, table),
                        checksum(trainer->output->data, table)};
    enum status status = file_writer_append(writer, workers->data, workers->length, err);
    if (status == STATUS_OK)
        status = file_writer_append(writer, trainer->input->data, table, err);
    if (status == STATUS_OK)
        status = file_writer_append(writer, trainer->output->data, table, err);
    if (status == STATUS_OK)
        status = file_writer_append(writer, sums, sizeof sums, err);
    return status;
}

static enum status write_file(const struct trainer *trainer, const char *path,
                              const struct buffer *workers, size_t table, struct error *err) {
    struct file_writer *writer = NULL;
    enum status status = file_writer_create(&writer, path, err);
    if (status != STATUS_OK)
        return status;
    status = write_parts(trainer, writer, workers, table, err);
    if (status == STATUS_OK)
        return file_writer_commit(writer, false, err);
    file_writer_abort(writer);
    return status;
}

/* Where the disk has no room for a third file, the older one goes before the new one is there. The
 * newer one stays. */
static enum status write_over(const struct trainer *trainer, const char *path,
                              const struct buffer *workers, size_t table, struct error *err) {
    struct error full = {0};
    enum status status = write_file(trainer, path, workers, table, &full);
    if (status == STATUS_DISK_FULL && trainer->checkpoints > 1 && file_exists(path) &&
        path_remove(path, err) == STATUS_OK)
        return write_file(trainer, path, workers, table, err);
    return status == STATUS_OK ? status : error_set(err, status, "%s", full.text);
}

/* path: taken and freed. */
static enum status save_to(const struct trainer *trainer, char *path, uint64_t number,
                           struct error *err) {
    struct checkpoint_header header = header_of(trainer, number);
    struct buffer workers = {0};
    enum status status = STATUS_OK;
    append_workers(trainer, &header, &workers);
    if (!path || workers.failed)
        status = error_set(err, STATUS_NO_MEMORY, "cannot allocate a checkpoint's header");
    if (status == STATUS_OK)
        status = write_over(trainer, path, &workers, table_size(&header), err);
    free(path);
    buffer_clear(&workers);
    return status;
}

enum status checkpoint_save(struct trainer *trainer, struct error *err) {
    uint64_t number = trainer->checkpoints;
    enum status status = save_to(trainer, checkpoint_path(trainer, number), number, err);
    if (status != STATUS_OK)
        return status;
    trainer->checkpoints++;
    trainer->last_checkpoint = machine_monotonic_seconds();
    trainer->progress.checkpointed = 1;
    trainer_report(trainer, PHASE_TRAINING, 0, "checkpoint written");
    return STATUS_OK;
}

/* Does the file hold what its header says, whole, and does it belong to this training? */
static enum status verify(const struct trainer *trainer, const struct file_map *map,
                          const char *path, bool *ours, struct error *err) {
    struct checkpoint_header header;
    *ours = false;
    if (map->length < sizeof header)
        return error_set(err, STATUS_CORRUPT, "checkpoint '%s' is cut short", path);
    memcpy(&header, map->data, sizeof header);
    if (header.magic != CHECKPOINT_MAGIC || header.threads < 1 || header.threads > 65536)
        return error_set(err, STATUS_CORRUPT, "'%s' is no checkpoint", path);
    if (header.rows == 0 || header.stride > map->length / sizeof(float) / header.rows)
        return error_set(err, STATUS_CORRUPT, "checkpoint '%s' is cut short", path);
    size_t workers = sizeof header + header.threads * worker_bytes(&header),
           table = table_size(&header);
    uint64_t sums[3];
    if (map->length != workers + 2 * table + sizeof sums)
        return error_set(err, STATUS_CORRUPT, "checkpoint '%s' is cut short", path);
    memcpy(sums, map->data + workers + 2 * table, sizeof sums);
    if (sums[0] != checksum(map->data, workers) ||
        sums[1] != checksum(map->data + workers, table) ||
        sums[2] != checksum(map->data + workers + table, table))
        return error_set(err, STATUS_CORRUPT, "checkpoint '%s' fails its checksum", path);
    /* Only now: what is damaged must not pass for another training's. */
    *ours = header.settings == decide_checksum(trainer->settings) &&
            header.corpus == corpus_checksum(trainer) && header.rows == trainer->rows &&
            header.stride == trainer->step.stride && header.shards == trainer->input->shards &&
            header.carry == 2 * trainer->step.window && header.draws == WORKER_DRAWS;
    return STATUS_OK;
}

static enum status restore_workers(struct trainer *trainer, const struct checkpoint_header *header,
                                   const char *bytes, struct error *err) {
    enum status status = workers_create(trainer, (int)header->threads, err);
    if (status != STATUS_OK)
        return status;
    for (int i = 0; i < trainer->threads; i++) {
        struct worker *worker = &trainer->workers[i];
        memcpy(&worker->state, bytes, sizeof worker->state);
        memcpy(worker->carry, bytes + sizeof worker->state, header->carry * sizeof *worker->carry);
        memcpy(worker->draws, bytes + sizeof worker->state + header->carry * sizeof *worker->carry,
               header->draws * sizeof *worker->draws);
        bytes += worker_bytes(header);
    }
    return STATUS_OK;
}

static void tables_take(struct trainer *trainer, const struct file_map *map) {
    struct checkpoint_header header;
    memcpy(&header, map->data, sizeof header);
    const char *tables = map->data + sizeof header + header.threads * worker_bytes(&header);
    memcpy(trainer->input->data, tables, table_size(&header));
    memcpy(trainer->output->data, tables + table_size(&header), table_size(&header));
}

static enum status restore(struct trainer *trainer, const struct file_map *map, struct error *err) {
    struct checkpoint_header header;
    memcpy(&header, map->data, sizeof header);
    enum status status = restore_workers(trainer, &header, map->data + sizeof header, err);
    if (status != STATUS_OK)
        return status;
    tables_take(trainer, map);
    trainer->segment_size = header.segment_size, trainer->segments = header.segments;
    for (int i = 0; i < trainer->threads && trainer->walks.graph; i++) {
        struct worker *worker = &trainer->workers[i];
        uint64_t at = worker->state.at;
        if (at < worker->state.end)
            worker_make_walks(worker, trainer);
        worker->state.at = at;
    }
    trainer->next_segment = header.next_segment;
    atomic_store(&trainer->words_done, header.words_done);
    atomic_store(&trainer->steps_done, header.steps_done);
    atomic_store(&trainer->examples_done, header.examples_done);
    atomic_store(&trainer->pairs_done, header.pairs_done);
    trainer->words_at_report = header.words_done;
    trainer->epochs_reported = header.epochs_reported;
    trainer->rate_scale = header.rate_scale;
    trainer->tallies = header.tallies;
    trainer->evaluated = header.evaluated;
    trainer->seconds_before = header.seconds;
    trainer->started = machine_monotonic_seconds();
    trainer->checkpoints = header.number + 1;
    trainer_report_restore(trainer);
    return STATUS_OK;
}

/* One of the two files. */
struct candidate {
    struct file_map map;
    uint64_t number;
    bool usable;
};

/* A file that is damaged is told of and passed over. */
static enum status candidate_open(struct candidate *candidate, const struct trainer *trainer,
                                  uint64_t index, struct error *err) {
    struct error why = {0};
    char *path = checkpoint_path(trainer, index);
    if (!path)
        return error_set(err, STATUS_NO_MEMORY, "cannot allocate a path");
    enum status status = STATUS_OK;
    if (file_exists(path)) {
        status = file_map_open(&candidate->map, path, &why);
        if (status == STATUS_OK)
            status = verify(trainer, &candidate->map, path, &candidate->usable, &why);
    }
    if (status != STATUS_OK)
        log_line(trainer->options->logger, LOG_WARNING, "%s", why.text);
    if (candidate->usable)
        memcpy(&candidate->number, candidate->map.data + offsetof(struct checkpoint_header, number),
               sizeof candidate->number);
    free(path);
    return STATUS_OK;
}

enum status checkpoint_load(struct trainer *trainer, bool *found, struct error *err) {
    struct candidate candidates[2] = {0}, *best = NULL;
    enum status status = STATUS_OK;
    *found = false;
    for (uint64_t i = 0; status == STATUS_OK && i < 2; i++) {
        status = candidate_open(&candidates[i], trainer, i, err);
        if (candidates[i].usable && (!best || candidates[i].number > best->number))
            best = &candidates[i];
    }
    if (status == STATUS_OK && best)
        status = restore(trainer, &best->map, err);
    *found = best && status == STATUS_OK;
    for (int i = 0; i < 2; i++)
        file_map_close(&candidates[i].map);
    return status;
}

/* ---- the best rows --------------------------------------------------------------------------- */

enum status checkpoint_keep_best(struct trainer *trainer, uint64_t number, struct error *err) {
    return save_to(trainer, best_path(trainer, number), number, err);
}

enum status checkpoint_take_best(struct trainer *trainer, uint64_t number, struct error *err) {
    struct checkpoint_header header;
    struct file_map map;
    bool ours = false;
    char *path = best_path(trainer, number);
    if (!path)
        return error_set(err, STATUS_NO_MEMORY, "cannot allocate a path");
    enum status status = file_map_open(&map, path, err);
    if (status == STATUS_OK)
        status = verify(trainer, &map, path, &ours, err);
    if (status == STATUS_OK) {
        memcpy(&header, map.data, sizeof header);
        if (!ours || header.number != number)
            status = error_set(err, STATUS_CORRUPT, "'%s' is of another training", path);
        else
            tables_take(trainer, &map);
    }
    file_map_close(&map);
    free(path);
    return status;
}
