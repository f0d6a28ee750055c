#include "corpus/corpus_spill.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/pages.h"

enum status corpus_spill_open(struct corpus_spill *spill, const char *path, uint64_t bytes,
                              struct error *err) {
    uint64_t room = bytes / sizeof *spill->memory / CORPUS_BUFFER * CORPUS_BUFFER;
    *spill =
        (struct corpus_spill){.file = -1, .buffer = malloc(CORPUS_BUFFER * sizeof *spill->buffer)};
    if (!spill->buffer)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for reading the corpus");
    if (room > 0)
        spill->memory = pages_reserve(room * sizeof *spill->memory);
    /* where the system gives no memory the file has to do */
    spill->room = !spill->memory ? 0 : room;
    if (!path)
        return STATUS_OK;
    enum status status = file_scratch_open(path, &spill->file, err);
    if (status == STATUS_OK && unlink(path) != 0) /* not path_remove: nothing here needs an fsync */
        status = error_set_errno(err, errno, "cannot remove '%s'", path);
    return status;
}

void corpus_spill_expect_many(struct corpus_spill *spill) {
    if (spill->memory)
        pages_prefer_huge(spill->memory, spill->room * sizeof *spill->memory);
}

void corpus_spill_close(struct corpus_spill *spill) {
    free(spill->buffer);
    pages_release(spill->memory, spill->room * sizeof *spill->memory);
    if (spill->file >= 0)
        close(spill->file);
    *spill = (struct corpus_spill){.file = -1};
}

uint32_t *corpus_spill_next(const struct corpus_spill *spill) {
    return spill->length + CORPUS_BUFFER <= spill->room ? spill->memory + spill->length
                                                        : spill->buffer;
}

/* How many of n entries from `at` on the memory holds. */
static uint64_t in_memory(const struct corpus_spill *spill, uint64_t at, uint64_t n) {
    uint64_t left = at < spill->room ? spill->room - at : 0;
    return n < left ? n : left;
}

static uint64_t file_offset(const struct corpus_spill *spill, uint64_t at) {
    return (at - spill->room) * sizeof *spill->memory;
}

enum status corpus_spill_write(struct corpus_spill *spill, uint64_t at, const uint32_t *entries,
                               uint64_t n, struct error *err) {
    uint64_t here = in_memory(spill, at, n);
    if (here > 0)
        memcpy(spill->memory + at, entries, here * sizeof *entries);
    if (here == n || spill->file < 0)
        return STATUS_OK;
    return file_write_at(spill->file, entries + here, (n - here) * sizeof *entries,
                         file_offset(spill, at + here), err);
}

enum status corpus_spill_append(struct corpus_spill *spill, const uint32_t *entries, uint64_t n,
                                struct error *err) {
    enum status status = corpus_spill_write(spill, spill->length, entries, n, err);
    if (status == STATUS_OK)
        spill->length += n;
    return status;
}

enum status corpus_spill_advance(struct corpus_spill *spill, uint32_t n, struct error *err) {
    if (corpus_spill_next(spill) == spill->buffer)
        return corpus_spill_append(spill, spill->buffer, n, err);
    spill->length += n;
    return STATUS_OK;
}

enum status corpus_spill_read(const struct corpus_spill *spill, uint64_t at, uint64_t n,
                              uint32_t *buffer, const uint32_t **entries, struct error *err) {
    uint64_t here = in_memory(spill, at, n);
    *entries = here == n ? spill->memory + at : buffer;
    if (here == n)
        return STATUS_OK;
    if (here > 0)
        memcpy(buffer, spill->memory + at, here * sizeof *buffer);
    return file_read_at(spill->file, buffer + here, (n - here) * sizeof *buffer,
                        file_offset(spill, at + here), err);
}
