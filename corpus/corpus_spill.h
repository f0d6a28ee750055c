/* The spill buffer: entries that one thread writes in order and any thread reads later. They stay
 * in memory up to a bound, and beyond it go to a scratch file. Writing into memory that was not
 * touched before costs half of what a file costs. Private to corpus/. */
#ifndef VECMILL_CORPUS_CORPUS_SPILL_H
#define VECMILL_CORPUS_CORPUS_SPILL_H

#include <stdint.h>

#include "base/error.h"

#define CORPUS_BUFFER 65536u /* most entries that are added, or read, at once */

struct corpus_spill {
    uint32_t *memory; /* [room], mapped; pages that nobody wrote take none */
    uint64_t room;    /* entries, a multiple of CORPUS_BUFFER */
    uint64_t length;  /* entries written */
    uint32_t *buffer; /* [CORPUS_BUFFER], where the memory is full */
    int file;         /* -1: what the memory does not hold is forgotten */
};

/* path: of the scratch file, which loses its name at once, so that no crash leaves it behind; NULL:
 * none. bytes: the bound. Close also after a failure. */
enum status corpus_spill_open(struct corpus_spill *spill, const char *path, uint64_t bytes,
                              struct error *err) MUST_CHECK;
/* Before the first entry: there will be megabytes. */
void corpus_spill_expect_many(struct corpus_spill *spill);
void corpus_spill_close(struct corpus_spill *spill);
/* Room for CORPUS_BUFFER entries, of which corpus_spill_advance then adds the first n. Valid until
 * then. */
uint32_t *corpus_spill_next(const struct corpus_spill *spill);
enum status corpus_spill_advance(struct corpus_spill *spill, uint32_t n,
                                 struct error *err) MUST_CHECK;
/* Adds any number of entries. What corpus_spill_next gave must not be in use. */
enum status corpus_spill_append(struct corpus_spill *spill, const uint32_t *entries, uint64_t n,
                                struct error *err) MUST_CHECK;
/* n entries from `at` on, as long as the spill buffer is open or until buffer, which has room for
 * n, is used again. */
enum status corpus_spill_read(const struct corpus_spill *spill, uint64_t at, uint64_t n,
                              uint32_t *buffer, const uint32_t **entries,
                              struct error *err) MUST_CHECK;
/* Over entries that were written before. */
enum status corpus_spill_write(struct corpus_spill *spill, uint64_t at, const uint32_t *entries,
                               uint64_t n, struct error *err) MUST_CHECK;

#endif
