#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/words.h"

const struct option_row export_options_rows[] = {
    {"output", "FILE", "file to write"},
    {"format", "NAME",
     "vectors.txt, vectors.bin, vectors.npy, model.safetensors, ...; default: by the file's name"},
    {"subtract-mean", NULL, "write the vectors minus their mean"},
    {"normalize", NULL, "write the vectors with length 1"},
    {0},
};

const struct option_row import_options[] = {
    {"output", "DIR", "folder to write the model to"},
    {"name", "NAME", "name of the model; default: the file's name"},
    {"max-rows", "N", "read only the first N rows, whatever stands behind them"},
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

/* The format of that name, or the one that the name of a file ends in: "x-vectors.txt". NULL:
 * none. */
static const char *format_find(const char *name, bool whole) {
    const char *const *names;
    size_t n = export_formats(&names);
    for (size_t i = 0; i < n; i++)
        if (whole ? strcmp(names[i], name) == 0 : ends_in(name, names[i]))
            return names[i];
    return NULL;
}

static enum status refuse_format(struct invocation *invocation, const char *asked,
                                 struct error *err) {
    struct buffer list = {0};
    const char *const *names;
    size_t n = export_formats(&names);
    for (size_t i = 0; i < n; i++)
        buffer_print(&list, "%s%s", i == 0 ? "" : i == n - 1 ? " or " : ", ", names[i]);
    enum status status;
    if (asked) {
        status = misuse(invocation, err, "--format must be %s, not '%.64s'",
                        list.failed ? "known" : list.data, asked);
    } else {
        status = misuse(invocation, err, "--format is needed: %s",
                        list.failed ? "the format" : list.data);
    }
    buffer_clear(&list);
    return status;
}

enum status command_export(struct invocation *invocation, struct error *err) {
    const char *output = option_value(invocation, "output"),
               *asked = option_value(invocation, "format");
    if (!output || !*output)
        return misuse(invocation, err, "--output is needed: the file to write");
    const char *format = asked ? format_find(asked, true) : format_find(base_name(output), false);
    if (!format)
        return refuse_format(invocation, asked, err);
    struct model *model;
    enum status status = model_open(invocation, &model, err);
    if (status != STATUS_OK)
        return status;
    struct export_options options = {.subtract_mean =
                                         option_value(invocation, "subtract-mean") != NULL,
                                     .normalize = option_value(invocation, "normalize") != NULL};
    uint64_t altered = 0;
    status = export_write(model, format, &options, output, &altered, err);
    if (status == STATUS_OK && altered > 0) {
        fprintf(stderr,
                "vecmill export: %llu words stand in %s in another form than in the model "
                "(docs/model-format.md)\n",
                (unsigned long long)altered, format);
    }
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
    put_count(line, info->import_unnamed, "without a word left out", "without a word left out");
    put_count(line, info->import_spaced, "word with white space", "words with white space");
    put_count(line, info->import_invalid, "word that is not UTF-8", "words that are not UTF-8");
    buffer_append_char(line, '\n');
}

enum status command_import(struct invocation *invocation, struct error *err) {
    const char *output = option_value(invocation, "output"),
               *name = option_value(invocation, "name");
    const char *file = invocation->operands[0];
    const struct kernel *kernel;
    struct model *model;
    int64_t max_rows;
    char digest[DIGEST_TEXT_SIZE];
    if (!output || !*output)
        return misuse(invocation, err, "--output is needed: the folder to write the model to");
    enum status status = option_number(invocation, "max-rows", 1, WORD_NONE - 1, 0, &max_rows, err);
    if (status == STATUS_OK)
        status = kernel_of_settings(&invocation->settings, &kernel, err);
    if (status == STATUS_OK) {
        const struct import_bounds bounds = {
            .decode = {.bytes = (uint64_t)invocation->settings.max_import_bytes,
                       .window = (uint64_t)invocation->settings.max_window_bytes},
            .max_rows = (uint64_t)max_rows};
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
