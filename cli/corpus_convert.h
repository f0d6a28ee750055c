/* NDJSON on disk to the `tokens` format of corpus/. Private to cli/. */
#ifndef VECMILL_CLI_CORPUS_CONVERT_H
#define VECMILL_CLI_CORPUS_CONVERT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"
#include "config/config.h"

/* What the name says of a corpus: FORMAT_NDJSON for .ndjson and .jsonl, FORMAT_TOKENS for .tokens,
 * also with .gz or .zst behind; else FORMAT_TEXT. */
enum setting_format corpus_format_of(const char *path);

/* Decodes (gzip and zstd are told by their magic) and converts `from` into the scratch file `to`,
 * which the caller removes. *altered: tokens in which a separator became a space. Errors: PAUSED
 * when *request is set on the way. */
enum status corpus_convert(const char *from, const char *to, atomic_int *request, uint64_t *altered,
                           struct error *err) MUST_CHECK;

#endif
