#include "embedding/export_bundle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/random.h"

#define TAR_BLOCK 512
#define OCTAL_MAX ((uint64_t)1 << 33) /* sizes from here on do not fit into 11 octal digits */
/* Fields of a ustar header that are not 0. */
#define AT_MODE 100
#define AT_OWNER 108
#define AT_GROUP 116
#define AT_SIZE 124
#define AT_TIME 136
#define AT_SUM 148
#define AT_TYPE 156
#define AT_MAGIC 257

static enum status flush(struct export_job *job, struct error *err) {
    return export_text_flow(job, true, err);
}

static void append_zeros(struct export_job *job, size_t n) {
    while (n-- > 0 && !job->text.failed)
        buffer_append_char(&job->text, '\0');
}

enum status bundle_open(struct export_job *job, const char *name, struct error *err) {
    if (job->folder) {
        char *path = path_join(job->folder, name);
        enum status status = !path ? error_set(err, STATUS_NO_MEMORY, "out of memory for an export")
                                   : export_sink_create(&job->sink, path, false, err);
        free(path);
        return status;
    }
    enum status status = flush(job, err);
    if (status != STATUS_OK)
        return status;
    job->member = export_sink_size(job->sink);
    job->member_name = name;
    append_zeros(job, TAR_BLOCK); /* of the header, which is made when its size is known */
    return flush(job, err);
}

/* The whole header of a member. Its time is that of the model, so that the same model gives the
 * same tar. */
static void header_fill(char header[TAR_BLOCK], const char *name, uint64_t size, double created) {
    unsigned sum = 0;
    uint64_t seconds = created > 0 && created < (double)OCTAL_MAX ? (uint64_t)created : 0;
    memset(header, 0, TAR_BLOCK);
    snprintf(header, AT_MODE, "%s", name);
    snprintf(header + AT_MODE, 8, "0000644");
    snprintf(header + AT_OWNER, 8, "0000000");
    snprintf(header + AT_GROUP, 8, "0000000");
    if (size < OCTAL_MAX) {
        snprintf(header + AT_SIZE, 12, "%011" PRIo64, size);
    } else { /* GNU's and POSIX 2001's way: the number itself, big-endian, behind a set bit */
        header[AT_SIZE] = (char)0x80;
        for (int i = 0; i < 8; i++)
            header[AT_SIZE + 11 - i] = (char)(size >> 8 * i);
    }
    snprintf(header + AT_TIME, 12, "%011" PRIo64, seconds);
    header[AT_TYPE] = '0';
    memcpy(header + AT_MAGIC, "ustar\00000", 8);
    memset(header + AT_SUM, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += (unsigned char)header[i];
    snprintf(header + AT_SUM, 8, "%06o", sum);
}

enum status bundle_close(struct export_job *job, struct error *err) {
    enum status status = flush(job, err);
    if (status != STATUS_OK)
        return status;
    if (job->folder) {
        struct export_sink *sink = job->sink;
        job->sink = NULL; /* commit frees it in any case */
        return export_sink_commit(sink, err);
    }
    char header[TAR_BLOCK];
    uint64_t size = export_sink_size(job->sink) - job->member - TAR_BLOCK;
    header_fill(header, job->member_name, size, job->model->info.created);
    append_zeros(job, (size_t)(-size % TAR_BLOCK));
    return export_sink_patch(job->sink, job->member, header, sizeof header, err);
}

enum status bundle_end(struct export_job *job, struct error *err) {
    append_zeros(job, (size_t)2 * TAR_BLOCK);
    return flush(job, err);
}

enum status bundle_folder(const char *folder, char **made, struct error *err) {
    char token[17];
    struct buffer text = {0};
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    size_t parent = length;
    while (parent > 0 && folder[parent - 1] != '/')
        parent--;
    enum status status = random_token(token, 16, err);
    if (status != STATUS_OK)
        return status;
    buffer_append(&text, folder, parent);
    buffer_print(&text, FILE_TEMPORARY_PREFIX "%s", token);
    char *path = buffer_take(&text);
    if (!path)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for an export");
    status = folder_create(path, err);
    if (status != STATUS_OK)
        free(path);
    else
        *made = path;
    return status;
}
