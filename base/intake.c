#include "base/intake.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

struct intake {
    struct intake_options options;
    struct decoder *decoder; /* NULL while `packed` is too short to tell */
    size_t n_packed;
    char packed[DECODE_MAGIC]; /* first bytes as they came */
    struct buffer head;        /* first bytes decoded, while they wait */
    bool known;                /* they were looked at */
    bool blank;                /* they are NULs, all of them */
    decode_sink sink;
    void *context;
};

enum status intake_create(struct intake **intake, const struct intake_options *options,
                          decode_sink sink, void *context, struct error *err) {
    struct intake *made = calloc(1, sizeof *made);
    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for reading a file");
    made->options = *options;
    made->sink = sink;
    made->context = context;
    *intake = made;
    return STATUS_OK;
}

void intake_free(struct intake *intake) {
    if (!intake)
        return;
    decoder_free(intake->decoder);
    buffer_clear(&intake->head);
    free(intake);
}

static bool is_blank(const struct file_head *head) {
    for (size_t i = 0; i < head->length; i++)
        if (head->bytes[i] != '\0')
            return false;
    return true;
}

/* Enough decoded bytes wait, or all: they are looked at and go on. NULs may be a bomb, of which the
 * limit is the better thing to say: what they are is said at the end. */
static enum status head_decide(struct intake *intake, bool whole, struct error *err) {
    const struct intake_options *options = &intake->options;
    const struct file_head head = {intake->head.data ? intake->head.data : "", intake->head.length,
                                   whole};
    if (intake->head.failed)
        return error_set(err, STATUS_NO_MEMORY, "out of memory for reading a file");
    intake->known = true;
    enum status status = STATUS_OK;
    if (encoding_detect(head.bytes, head.length) != ENCODING_IDENTITY)
        status = error_set_key(err, STATUS_UNSUPPORTED, "Content-Encoding",
                               "%s is compressed twice: undo one of them", options->subject);
    intake->blank = !whole && is_blank(&head);
    if (status == STATUS_OK && !intake->blank)
        status = file_kind_check(&head, options->use, options->max_invalid, options->subject, err);
    if (status == STATUS_OK && head.length > 0)
        status = intake->sink(intake->context, head.bytes, head.length, err);
    buffer_clear(&intake->head);
    return status;
}

static enum status intake_take(void *context, const char *bytes, size_t length, struct error *err) {
    struct intake *intake = context;
    if (intake->known)
        return intake->sink(intake->context, bytes, length, err);
    buffer_append(&intake->head, bytes, length);
    return intake->head.failed || intake->head.length >= FILE_HEAD ? head_decide(intake, false, err)
                                                                   : STATUS_OK;
}

/* The first bytes say what they are packed in, unless somebody did. */
static enum status packed_decide(struct intake *intake, struct error *err) {
    const struct intake_options *options = &intake->options;
    const struct file_head head = {intake->packed, intake->n_packed, false};
    enum encoding encoding = options->encoding;
    if (encoding == ENCODING_IDENTITY)
        encoding = encoding_detect(intake->packed, intake->n_packed);
    enum status status = file_kind_check_packed(&head, options->subject, err);
    if (status == STATUS_OK)
        status =
            decoder_create(&intake->decoder, encoding, &options->limits, intake_take, intake, err);
    return status == STATUS_OK && intake->n_packed > 0
               ? decoder_push(intake->decoder, intake->packed, intake->n_packed, err)
               : status;
}

enum status intake_push(struct intake *intake, const void *bytes, size_t length,
                        struct error *err) {
    const char *from = bytes;
    enum status status = STATUS_OK;
    if (!intake->decoder) {
        size_t room = DECODE_MAGIC - intake->n_packed, taken = room < length ? room : length;
        memcpy(intake->packed + intake->n_packed, from, taken);
        intake->n_packed += taken;
        from += taken;
        length -= taken;
        if (intake->n_packed < DECODE_MAGIC)
            return STATUS_OK;
        status = packed_decide(intake, err);
    }
    if (status == STATUS_OK && length > 0)
        status = decoder_push(intake->decoder, from, length, err);
    return status;
}

enum status intake_finish(struct intake *intake, struct error *err) {
    enum status status = intake->decoder ? STATUS_OK : packed_decide(intake, err);
    if (status == STATUS_OK)
        status = decoder_finish(intake->decoder, err);
    if (status == STATUS_OK && !intake->known)
        status = head_decide(intake, true, err);
    if (status != STATUS_OK || !intake->blank)
        return status;
    const struct intake_options *options = &intake->options;
    const struct file_head head = {(const char[DECODE_MAGIC]){0}, DECODE_MAGIC, true};
    return file_kind_check(&head, options->use, options->max_invalid, options->subject, err);
}

enum status intake_release(struct intake *intake, struct error *err) {
    return !intake || intake->known || intake->head.length == 0 ? STATUS_OK
                                                                : head_decide(intake, false, err);
}
