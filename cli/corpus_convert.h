/* NDJSON on disk to the `tokens` format of corpus/. Private to cli/. */
#ifndef VECMILL_CLI_CORPUS_CONVERT_H
#define VECMILL_CLI_CORPUS_CONVERT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"
#include "config/config.h"

/* What the name says of a corpus: FORMAT_NDJSON for .ndjson and .jsonl, FORMAT_TOKENS for .tokens,
 * also with .gz, .zst, .bz2, .xz or .zip behind; else FORMAT_AUTO: text, if it looks like it. */
enum setting_format corpus_format_of(const char *path);

/* What a conversion could not keep as it was; see ndjson_altered and ndjson_skipped. */
struct corpus_losses {
    uint64_t altered, skipped;
};

/* Decodes (compression is told by its magic) and converts `from` into the scratch file `to`, which
 * the caller removes. Settings: text_field, weight_field, max_weight, max_window_bytes,
 * max_invalid_share. Errors: PAUSED
 * when *request is set on the way. */
enum status corpus_convert(const char *from, const char *to, const struct settings *settings,
                           atomic_int *request, struct corpus_losses *losses,
                           struct error *err) MUST_CHECK;

#endif
