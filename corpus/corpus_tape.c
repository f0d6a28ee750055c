#include "corpus/corpus_tape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/pages.h"

enum status corpus_tape_open(struct corpus_tape *tape, const char *path, uint64_t bytes,
                             struct error *err) {
    uint64_t room = bytes / sizeof *tape->memory / CORPUS_BUFFER * CORPUS_BUFFER;
    *tape =
        (struct corpus_tape){.file = -1, .buffer = malloc(CORPUS_BUFFER * sizeof *tape->buffer)};
    if (!tape->buffer)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for reading the corpus");
    if (room > 0)
        tape->memory = pages_reserve(room * sizeof *tape->memory);
    /* where the system gives no memory the file has to do */
    tape->room = !tape->memory ? 0 : room;
    if (!path)
        return STATUS_OK;
    enum status status = file_scratch_open(path, &tape->file, err);
    if (status == STATUS_OK && unlink(path) != 0) /* not path_remove: nothing here needs an fsync */
        status = error_set_errno(err, errno, "cannot remove '%s'", path);
    return status;
}

void corpus_tape_expect_many(struct corpus_tape *tape) {
    if (tape->memory)
        pages_prefer_huge(tape->memory, tape->room * sizeof *tape->memory);
}

void corpus_tape_close(struct corpus_tape *tape) {
    free(tape->buffer);
    pages_release(tape->memory, tape->room * sizeof *tape->memory);
    if (tape->file >= 0)
        close(tape->file);
    *tape = (struct corpus_tape){.file = -1};
}

uint32_t *corpus_tape_next(const struct corpus_tape *tape) {
    return tape->length + CORPUS_BUFFER <= tape->room ? tape->memory + tape->length : tape->buffer;
}

/* How many of n entries from `at` on the memory holds. */
static uint64_t in_memory(const struct corpus_tape *tape, uint64_t at, uint64_t n) {
    uint64_t left = at < tape->room ? tape->room - at : 0;
    return n < left ? n : left;
}

static uint64_t file_offset(const struct corpus_tape *tape, uint64_t at) {
    return (at - tape->room) * sizeof *tape->memory;
}

enum status corpus_tape_write(struct corpus_tape *tape, uint64_t at, const uint32_t *entries,
                              uint64_t n, struct error *err) {
    uint64_t here = in_memory(tape, at, n);
    if (here > 0)
        memcpy(tape->memory + at, entries, here * sizeof *entries);
    if (here == n || tape->file < 0)
        return STATUS_OK;
    return file_write_at(tape->file, entries + here, (n - here) * sizeof *entries,
                         file_offset(tape, at + here), err);
}

enum status corpus_tape_append(struct corpus_tape *tape, const uint32_t *entries, uint64_t n,
                               struct error *err) {
    enum status status = corpus_tape_write(tape, tape->length, entries, n, err);
    if (status == STATUS_OK)
        tape->length += n;
    return status;
}

enum status corpus_tape_advance(struct corpus_tape *tape, uint32_t n, struct error *err) {
    if (corpus_tape_next(tape) == tape->buffer)
        return corpus_tape_append(tape, tape->buffer, n, err);
    tape->length += n;
    return STATUS_OK;
}

enum status corpus_tape_read(const struct corpus_tape *tape, uint64_t at, uint64_t n,
                             uint32_t *buffer, const uint32_t **entries, struct error *err) {
    uint64_t here = in_memory(tape, at, n);
    *entries = here == n ? tape->memory + at : buffer;
    if (here == n)
        return STATUS_OK;
    if (here > 0)
        memcpy(buffer, tape->memory + at, here * sizeof *buffer);
    return file_read_at(tape->file, buffer + here, (n - here) * sizeof *buffer,
                        file_offset(tape, at + here), err);
}
