/* A scratch file of ids while it is written, sentence by sentence. Private to corpus/. */
#ifndef VECMILL_CORPUS_IDS_WRITER_H
#define VECMILL_CORPUS_IDS_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct ids_writer {
    uint32_t *buffer; /* entries that wait */
    uint32_t filled;
    uint64_t length, words;
    int file;  /* -1: not open */
    bool open; /* a sentence is: it needs an end */
};
#define IDS_WRITER_CLOSED ((struct ids_writer){.file = -1})

/* path: of the file; NULL: there was no memory for it. Close also after a failure. */
enum status ids_writer_open(struct ids_writer *writer, const char *path,
                            struct error *err) MUST_CHECK;
/* A word, or the WORD_NONE of a sentence's end. */
enum status ids_writer_put(struct ids_writer *writer, uint32_t id, struct error *err) MUST_CHECK;
/* Ends the sentence, if one is open. */
enum status ids_writer_end(struct ids_writer *writer, struct error *err) MUST_CHECK;
/* All that waits is in the file. */
enum status ids_writer_flush(struct ids_writer *writer, struct error *err) MUST_CHECK;
void ids_writer_close(struct ids_writer *writer);

#endif
