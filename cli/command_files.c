#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/words.h"

const struct option_row export_options_rows[] = {
    {"output", "FILE", "file to write"},
    {"format", "NAME", "vectors.npy, npy, qdrant, ...; default: by the ending of the file's name"},
    {"dtype", "NAME", "float32 (the default), float16 or int8; what that costs is printed"},
    {"limit", "N", "write only the first N rows, those of the most frequent words"},
    {"subtract-mean", NULL, "write the vectors minus their mean"},
    {"normalize", NULL, "write the vectors with length 1"},
    {0},
};

const struct option_row import_options[] = {
    {"output", "DIR", "folder to write the model to"},
    {"name", "NAME", "name of the model; default: the file's name"},
    {"limit", "N", "read only the first N rows, whatever stands behind them"},
    {"max-rows", "N", "the same"},
    {"vocab", "FILE", "words of a .npy or .safetensors: a line each, or a tokenizer.json"},
    {0},
};

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool ends_in(const char *text, const char *end) {
    size_t length = strlen(text), n = strlen(end);
    return length >= n && strcmp(text + length - n, end) == 0;
}

/* gensim's .kv is two files: the numbers lie in the other one, which it may map. */
static enum status export_numbers(const struct model *model, const char *format,
                                  const struct export_options *options, const char *output,
                                  struct error *err) {
    struct buffer path = {0};
    buffer_print(&path, "%s.vectors.npy", output);
    bool half = export_type(format) == VECTOR_FLOAT16;
    enum status status = path.failed
                             ? error_set(err, STATUS_NO_MEMORY, "out of memory")
                             : export_write(model, half ? "vectors.float16.npy" : "vectors.npy",
                                            options, path.data, NULL, err);
    buffer_clear(&path);
    return status;
}

static enum status export_all(const struct model *model, const char *format,
                              const struct export_options *options, const char *output,
                              uint64_t *altered, struct error *err) {
    enum status status = STATUS_OK;
    if (ends_in(format, ".tar") && !ends_in(output, ".tar"))
        return export_write_folder(model, format, options, output, altered, err);
    if (ends_in(format, ".kv"))
        status = export_numbers(model, format, options, output, err);
    return status == STATUS_OK ? export_write(model, format, options, output, altered, err)
                               : status;
}

/* What a smaller type costs: one line. */
static enum status report_loss(const struct model *model, const char *format,
                               const struct export_options *options, struct error *err) {
    struct export_loss loss;
    struct buffer line = {0};
    enum status status = export_measure(model, format, options, &loss, err);
    if (status != STATUS_OK)
        return status;
    buffer_print(&line, "%s: cosine error %.3g on average, %.3g at most",
                 vector_type_name(export_type(format)), loss.cosine_mean, loss.cosine_max);
    if (!isnan(loss.overlap))
        buffer_print(&line, "; %.2f%% of the %d nearest of %u words among %u stay nearest",
                     100 * loss.overlap, LOSS_NEIGHBORS, loss.words, loss.among);
    buffer_append_char(&line, '\n');
    return output_flush(&line, err);
}

enum status command_export(struct invocation *invocation, struct error *err) {
    const char *output = option_value(invocation, "output"),
               *asked = option_value(invocation, "format"), *format;
    if (!output || !*output)
        return misuse(invocation, err, "--output is needed: the file to write");
    if (!asked && ends_in(output, "/"))
        asked = "static-embedding";
    int64_t limit;
    enum status status =
        export_choose(output, asked, option_value(invocation, "dtype"), &format, err);
    if (status == STATUS_OK)
        status = option_number(invocation, "limit", 1, WORD_NONE - 1, 0, &limit, err);
    if (status != STATUS_OK) {
        invocation->misused = true;
        return status;
    }
    struct model *model;
    status = model_open(invocation, &model, err);
    if (status != STATUS_OK)
        return status;
    struct export_options options = {.subtract_mean =
                                         option_value(invocation, "subtract-mean") != NULL,
                                     .normalize = option_value(invocation, "normalize") != NULL,
                                     .limit = (uint32_t)limit};
    uint64_t altered = 0;
    status = export_all(model, format, &options, output, &altered, err);
    if (status == STATUS_OK && altered > 0) {
        fprintf(stderr,
                "vecmill export: %llu words stand in %s in another form than in the model "
                "(docs/formats.md)\n",
                (unsigned long long)altered, format);
    }
    if (status == STATUS_OK && export_type(format) != VECTOR_FLOAT32)
        status = report_loss(model, format, &options, err);
    model_drop(model);
    return status;
}

static void put_count(struct buffer *line, uint64_t n, const char *one, const char *many) {
    if (n > 0)
        buffer_print(line, ", %" PRIu64 " %s", n, n == 1 ? one : many);
}

/* What became of the rows: one line. */
static void put_report(struct buffer *line, const struct model *model) {
    const struct model_info *info = &model->info;
    buffer_print(line, "rows: %" PRIu64 " read as %s, %" PRIu32 " kept", info->import_rows,
                 info->import_format, vocabulary_size(model->vocabulary));
    if (isnan(info->import_skipped))
        buffer_append_text(line, ", the rest left out");
    else
        put_count(line, (uint64_t)info->import_skipped, "behind them left out",
                  "behind them left out");
    if (info->import_duplicates > 0) {
        put_count(line, info->import_duplicates, "duplicate left out (", "duplicates left out (");
        for (const char *at = info->import_named; *at != '\0';) {
            size_t length = strcspn(at, "\t");
            buffer_print(line, "%s'%.*s'", at == info->import_named ? "" : ", ", (int)length, at);
            at += length + (at[length] == '\t');
        }
        buffer_append_text(line, ")");
    }
    put_count(line, info->import_labels, "label left out", "labels left out");
    put_count(line, info->import_unnamed, "without a word left out", "without a word left out");
    put_count(line, info->import_spaced, "word with white space", "words with white space");
    put_count(line, info->import_invalid, "word that is not UTF-8", "words that are not UTF-8");
    buffer_append_char(line, '\n');
    if (info->import_buckets > 0)
        buffer_print(line,
                     "n-grams: %" PRIu64 " rows went into the vectors of the words; they are not "
                     "kept, so that words that are not here have no vector\n",
                     info->import_buckets);
}

enum status command_import(struct invocation *invocation, struct error *err) {
    const char *output = option_value(invocation, "output"),
               *name = option_value(invocation, "name");
    const char *file = invocation->operands[0];
    const struct kernel *kernel;
    struct model *model;
    int64_t max_rows, limit;
    char digest[DIGEST_TEXT_SIZE];
    if (!output || !*output)
        return misuse(invocation, err, "--output is needed: the folder to write the model to");
    enum status status = option_number(invocation, "max-rows", 1, WORD_NONE - 1, 0, &max_rows, err);
    if (status == STATUS_OK)
        status = option_number(invocation, "limit", 1, WORD_NONE - 1, max_rows, &limit, err);
    if (status == STATUS_OK && max_rows > 0 && limit != max_rows)
        return misuse(invocation, err, "--limit and --max-rows mean the same: give one");
    if (status == STATUS_OK)
        status = kernel_of_settings(&invocation->settings, &kernel, err);
    if (status == STATUS_OK) {
        const struct import_bounds bounds = {
            .decode = {.bytes = (uint64_t)invocation->settings.max_import_bytes,
                       .window = (uint64_t)invocation->settings.max_window_bytes},
            .max_rows = (uint64_t)limit,
            .vocabulary = option_value(invocation, "vocab")};
        status = import_read(&model, file, name ? name : base_name(file), &bounds, kernel, err);
    }
    if (status != STATUS_OK)
        return status;
    status = model_save(model, output, digest, err);
    if (status == STATUS_OK) {
        struct buffer text = {0};
        buffer_print(&text, "model: %s, %u words of %u dimensions, %s\n", output,
                     vocabulary_size(model->vocabulary), model->input->columns, digest);
        put_report(&text, model);
        status = output_flush(&text, err);
    }
    model_drop(model);
    return status;
}
