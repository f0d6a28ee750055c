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

enum status command_import(struct invocation *invocation, struct error *err) {
    const char *output = option_value(invocation, "output"),
               *name = option_value(invocation, "name");
    const char *file = invocation->operands[0];
    const struct kernel *kernel;
    struct model *model;
    char digest[DIGEST_TEXT_SIZE];
    if (!output || !*output)
        return misuse(invocation, err, "--output is needed: the folder to write the model to");
    enum status status = kernel_of_settings(&invocation->settings, &kernel, err);
    if (status == STATUS_OK) {
        status = import_read(&model, file, name ? name : base_name(file),
                             (uint64_t)invocation->settings.max_import_bytes, kernel, err);
    }
    if (status != STATUS_OK)
        return status;
    status = model_save(model, output, digest, err);
    if (status == STATUS_OK) {
        fprintf(stdout, "model: %s, %u words of %u dimensions, %s\n", output,
                vocabulary_size(model->vocabulary), model->input->columns, digest);
    }
    model_drop(model);
    return status;
}
