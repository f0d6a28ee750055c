/* A zip with one file in it, read from front to back as it streams by: header of the file, its
 * bytes, perhaps a descriptor with the sizes that were not known before, then the directory of the
 * archive. Folders, and what macOS adds about its own business, are no files. */
#define ZLIB_CONST /* input is read only */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/buffer.h"
#include "base/decode_private.h"

#define SIGNATURE_BYTES 4
#define HEADER_BYTES 30      /* of a file, its signature included */
#define DIRECTORY_END 22     /* bytes of the record that ends an archive */
#define FLAG_ENCRYPTED 0x01u /* of a header */
#define FLAG_DESCRIPTOR 0x08u
#define METHOD_STORED 0
#define METHOD_DEFLATED 8
#define SIZE_ELSEWHERE UINT32_MAX /* the size stands in the extra field of zip64 */
#define EXTRA_ZIP64 1
#define QUOTED 80 /* bytes of a name in a message */

enum zip_state { ZIP_HEADER, ZIP_DATA, ZIP_DESCRIPTOR, ZIP_DIRECTORY };

struct zip {
    enum zip_state state;
    struct buffer held; /* of a header, descriptor or directory: what is not whole yet */
    z_stream inflate;
    char name[QUOTED + 1], first[QUOTED + 1]; /* of this file; of the one that was read, or "" */
    bool ignored;                             /* this file's bytes go nowhere */
    unsigned flags, method;
    uint32_t crc, crc_found;
    uint64_t packed, size;             /* as the header says, where it does */
    uint64_t packed_found, size_found; /* as they came */
    bool ended;                        /* the record that ends an archive was there */
};

static uint64_t zip_number(const char *bytes, size_t length) {
    uint64_t number = 0;
    for (size_t i = length; i > 0; i--)
        number = number << 8 | (unsigned char)bytes[i - 1];
    return number;
}

static enum status zip_open(struct decoder *decoder, struct error *err) {
    struct zip *zip = calloc(1, sizeof *zip);
    decoder->state = zip;
    return zip && inflateInit2(&zip->inflate, -15) == Z_OK ? STATUS_OK
                                                           : decoder_no_memory(decoder, err);
}

static void zip_close(struct decoder *decoder) {
    struct zip *zip = decoder->state;
    if (zip) {
        inflateEnd(&zip->inflate);
        buffer_clear(&zip->held);
    }
    free(zip);
}

static enum status zip_damaged(const struct decoder *decoder, const char *what, struct error *err) {
    return error_set(err, STATUS_MALFORMED, "zip archive is damaged before byte %llu: %s",
                     (unsigned long long)decoder->read, what);
}

/* Moves bytes into zip->held until it has `wanted` of them; returns whether it has. */
static bool zip_hold(struct zip *zip, size_t wanted, const char **bytes, size_t *length) {
    size_t missing = wanted > zip->held.length ? wanted - zip->held.length : 0;
    size_t taken = missing < *length ? missing : *length;
    buffer_append(&zip->held, *bytes, taken);
    *bytes += taken;
    *length -= taken;
    return zip->held.length >= wanted || zip->held.failed;
}

/* The sizes of a large file stand in the extra field, those that did not fit into the header. */
static void extra_read(struct zip *zip, const char *extra, size_t length) {
    while (length >= 4) {
        size_t id = (size_t)zip_number(extra, 2), n = (size_t)zip_number(extra + 2, 2);
        const char *at = extra + 4, *end = at + (n < length - 4 ? n : length - 4);
        if (id == EXTRA_ZIP64 && zip->size == SIZE_ELSEWHERE && end - at >= 8) {
            zip->size = zip_number(at, 8);
            at += 8;
        }
        if (id == EXTRA_ZIP64 && zip->packed == SIZE_ELSEWHERE && end - at >= 8)
            zip->packed = zip_number(at, 8);
        length -= (size_t)(end - extra);
        extra = end;
    }
}

static bool is_no_file(const char *name, size_t length) {
    static const char mac[] = "__MACOSX/";
    return (length > 0 && name[length - 1] == '/') ||
           (length >= sizeof mac - 1 && memcmp(name, mac, sizeof mac - 1) == 0);
}

static enum status zip_unsupported(const struct zip *zip, const char *why, struct error *err) {
    return error_set(err, STATUS_UNSUPPORTED, "the file '%s' in the zip archive %s: unpack it",
                     zip->name, why);
}

static enum status member_check(const struct zip *zip, struct error *err) {
    if (!zip->ignored && zip->first[0] != '\0')
        return error_set(err, STATUS_UNSUPPORTED,
                         "the zip archive holds several files, '%s' and '%s': unpack it, and give "
                         "one of them",
                         zip->first, zip->name);
    if (zip->flags & FLAG_ENCRYPTED)
        return zip_unsupported(zip, "is encrypted", err);
    if (zip->method != METHOD_STORED && zip->method != METHOD_DEFLATED)
        return zip_unsupported(zip, "is packed in a way that is not known here", err);
    if (zip->method == METHOD_STORED && (zip->flags & FLAG_DESCRIPTOR) && zip->packed == 0 &&
        !zip->ignored)
        return zip_unsupported(zip, "does not say how long it is", err);
    return STATUS_OK;
}

/* zip->held is a whole header. */
static enum status member_begin(struct decoder *decoder, struct error *err) {
    struct zip *zip = decoder->state;
    const char *header = zip->held.data;
    size_t name = (size_t)zip_number(header + 26, 2), extra = (size_t)zip_number(header + 28, 2);
    zip->flags = (unsigned)zip_number(header + 6, 2);
    zip->method = (unsigned)zip_number(header + 8, 2);
    zip->crc = (uint32_t)zip_number(header + 14, 4);
    zip->packed = zip_number(header + 18, 4);
    zip->size = zip_number(header + 22, 4);
    extra_read(zip, header + HEADER_BYTES + name, extra);
    zip->ignored = is_no_file(header + HEADER_BYTES, name);
    size_t quoted = name < QUOTED ? name : QUOTED;
    for (size_t i = 0; i < quoted; i++) {
        char c = header[HEADER_BYTES + i];
        zip->name[i] = (char)(c >= ' ' && c < 0x7f ? c : '?');
    }
    zip->name[quoted] = '\0';
    enum status status = member_check(zip, err);
    if (!zip->ignored)
        snprintf(zip->first, sizeof zip->first, "%s", quoted == 0 ? "?" : zip->name);
    zip->packed_found = zip->size_found = 0;
    zip->crc_found = (uint32_t)crc32(0, NULL, 0);
    inflateReset(&zip->inflate);
    zip->held.length = 0;
    zip->state = ZIP_DATA;
    return status;
}

/* The next header, or the directory. */
static enum status header_push(struct decoder *decoder, const char **bytes, size_t *length,
                               struct error *err) {
    struct zip *zip = decoder->state;
    if (!zip_hold(zip, SIGNATURE_BYTES, bytes, length))
        return STATUS_OK;
    if (zip->held.failed)
        return decoder_no_memory(decoder, err);
    if (memcmp(zip->held.data, "PK\3\4", SIGNATURE_BYTES) != 0) {
        if (memcmp(zip->held.data, "PK", 2) != 0)
            return zip_damaged(decoder, "neither a file nor the directory begins there", err);
        if (zip->first[0] == '\0')
            return error_set(err, STATUS_UNSUPPORTED, "the zip archive holds no file");
        zip->state = ZIP_DIRECTORY;
        return STATUS_OK;
    }
    if (!zip_hold(zip, HEADER_BYTES, bytes, length))
        return STATUS_OK;
    size_t whole = HEADER_BYTES + (size_t)zip_number(zip->held.data + 26, 2) +
                   (size_t)zip_number(zip->held.data + 28, 2);
    if (!zip_hold(zip, whole, bytes, length))
        return STATUS_OK;
    return zip->held.failed ? decoder_no_memory(decoder, err) : member_begin(decoder, err);
}

static enum status member_emit(struct decoder *decoder, const char *bytes, size_t length,
                               struct error *err) {
    struct zip *zip = decoder->state;
    zip->crc_found = (uint32_t)crc32(zip->crc_found, (const Bytef *)bytes, (uInt)length);
    zip->size_found += length;
    return zip->ignored ? STATUS_OK : decoder_emit(decoder, bytes, length, err);
}

static enum status member_check_sums(const struct decoder *decoder, uint32_t crc, bool sizes,
                                     struct error *err) {
    const struct zip *zip = decoder->state;
    if (crc != zip->crc_found)
        return zip_damaged(decoder, "the checksum of the file is wrong", err);
    return sizes ? STATUS_OK : zip_damaged(decoder, "the file has another size", err);
}

static enum status member_end(struct decoder *decoder, struct error *err) {
    struct zip *zip = decoder->state;
    bool later = (zip->flags & FLAG_DESCRIPTOR) != 0;
    zip->state = later ? ZIP_DESCRIPTOR : ZIP_HEADER;
    return later
               ? STATUS_OK
               : member_check_sums(decoder, zip->crc,
                                   zip->packed_found == zip->packed && zip->size_found == zip->size,
                                   err);
}

static enum status stored_push(struct decoder *decoder, const char **bytes, size_t *length,
                               struct error *err) {
    struct zip *zip = decoder->state;
    uint64_t left = zip->packed - zip->packed_found;
    size_t taken = left < *length ? (size_t)left : *length;
    enum status status = member_emit(decoder, *bytes, taken, err);
    zip->packed_found += taken;
    *bytes += taken;
    *length -= taken;
    if (status == STATUS_OK && zip->packed_found == zip->packed)
        status = member_end(decoder, err);
    return status;
}

static enum status deflated_push(struct decoder *decoder, const char **bytes, size_t *length,
                                 struct error *err) {
    struct zip *zip = decoder->state;
    z_stream *stream = &zip->inflate;
    int result = Z_OK;
    bool full = false;
    stream->next_in = (const Bytef *)*bytes;
    stream->avail_in = (uInt)*length;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && result != Z_STREAM_END && (stream->avail_in > 0 || full)) {
        stream->next_out = (Bytef *)decoder->room;
        stream->avail_out = (uInt)DECODE_ROOM;
        result = inflate(stream, Z_NO_FLUSH);
        if (result == Z_MEM_ERROR)
            return decoder_no_memory(decoder, err);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return zip_damaged(decoder, stream->msg ? stream->msg : "a code is wrong", err);
        full = stream->avail_out == 0 && result == Z_OK;
        status = member_emit(decoder, decoder->room, DECODE_ROOM - stream->avail_out, err);
    }
    zip->packed_found += *length - stream->avail_in;
    *bytes += *length - stream->avail_in;
    *length = stream->avail_in;
    return status == STATUS_OK && result == Z_STREAM_END ? member_end(decoder, err) : status;
}

/* A checksum and two sizes, of 4 bytes each or 8, behind a signature or not: which of them is told
 * by what came, and where the file is empty by what follows. */
static enum status descriptor_push(struct decoder *decoder, const char **bytes, size_t *length,
                                   struct error *err) {
    struct zip *zip = decoder->state;
    if (!zip_hold(zip, 12, bytes, length))
        return STATUS_OK;
    size_t begin = !zip->held.failed && memcmp(zip->held.data, "PK\7\10", 4) == 0 ? 4 : 0;
    bool empty = zip->size_found == 0;
    if (!zip_hold(zip, begin + (empty ? 14 : 12), bytes, length))
        return STATUS_OK;
    if (zip->held.failed)
        return decoder_no_memory(decoder, err);
    const char *at = zip->held.data + begin;
    size_t width = zip_number(at + 4, 4) == (uint32_t)zip->packed_found &&
                           zip_number(at + 8, 4) == (uint32_t)zip->size_found &&
                           (!empty || memcmp(at + 12, "PK", 2) == 0)
                       ? 4
                       : 8;
    size_t whole = begin + 4 + 2 * width;
    if (!zip_hold(zip, whole, bytes, length))
        return STATUS_OK;
    if (zip->held.failed)
        return decoder_no_memory(decoder, err);
    at = zip->held.data + begin;
    bool sizes = zip_number(at + 4, width) ==
                     (width == 4 ? (uint32_t)zip->packed_found : zip->packed_found) &&
                 zip_number(at + 4 + width, width) ==
                     (width == 4 ? (uint32_t)zip->size_found : zip->size_found);
    uint32_t crc = (uint32_t)zip_number(at, 4);
    zip->held.length -= whole;
    memmove(zip->held.data, zip->held.data + whole, zip->held.length);
    zip->state = ZIP_HEADER;
    return member_check_sums(decoder, crc, sizes, err);
}

/* Nothing of the directory is needed but its end, which says that the archive is whole. */
static enum status directory_push(struct decoder *decoder, const char **bytes, size_t *length,
                                  struct error *err) {
    struct zip *zip = decoder->state;
    buffer_append(&zip->held, *bytes, zip->ended ? 0 : *length);
    *bytes += *length;
    *length = 0;
    if (zip->held.failed)
        return decoder_no_memory(decoder, err);
    const char *end = memmem(zip->held.data, zip->held.length, "PK\5\6", SIGNATURE_BYTES);
    size_t kept = end ? zip->held.length - (size_t)(end - zip->held.data) : SIGNATURE_BYTES - 1;
    zip->ended = zip->ended || (end && kept >= DIRECTORY_END);
    kept = kept < zip->held.length ? kept : zip->held.length;
    memmove(zip->held.data, zip->held.data + zip->held.length - kept, kept);
    zip->held.length = kept;
    decoder->inside = !zip->ended;
    return STATUS_OK;
}

static enum status zip_push(struct decoder *decoder, const char *bytes, size_t length,
                            struct error *err) {
    struct zip *zip = decoder->state;
    enum status status = STATUS_OK;
    while (length > 0 && status == STATUS_OK)
        switch (zip->state) {
        case ZIP_HEADER:
            status = header_push(decoder, &bytes, &length, err);
            break;
        case ZIP_DATA:
            status = zip->method == METHOD_STORED ? stored_push(decoder, &bytes, &length, err)
                                                  : deflated_push(decoder, &bytes, &length, err);
            break;
        case ZIP_DESCRIPTOR:
            status = descriptor_push(decoder, &bytes, &length, err);
            break;
        case ZIP_DIRECTORY:
            status = directory_push(decoder, &bytes, &length, err);
            break;
        }
    return status;
}

const struct codec codec_zip = {"zip", zip_open, zip_push, NULL, zip_close};
