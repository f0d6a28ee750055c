/* Pieces out of a corpus, and how much of it repeats. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/decode.h"
#include "base/digest.h"
#include "base/file.h"
#include "corpus/corpus.h"
#include "corpus/corpus_range.h"
#include "corpus/corpus_text.h"

#define PIECES_MIN 64         /* that a sample is made of */
#define PIECE_BYTES 4096      /* of one, unless there are few: words like to stand together */
#define LINE_PATIENCE 65536   /* bytes after which a line is cut between two words */
#define POLL_BYTES 1048576    /* of text between two looks at what is asked of us */
#define LINES_SEEN (1u << 19) /* hashes of lines that are kept */

static enum status poll_request(atomic_int *request, struct error *err) {
    struct corpus_pool pool = {.threads = 1, .request = request};
    return corpus_pool_poll(&pool, err);
}

/* ---- a sample -------------------------------------------------------------------------------- */

struct sampling {
    bool lists, lines_only;
    atomic_int *request;
    int file;
    uint64_t max, written;
    atomic_ullong input; /* bytes of the file that were read */
    struct corpus_sample *sample;
};

static enum status sampling_write(struct sampling *sampling, const char *bytes, uint64_t length,
                                  struct error *err) {
    enum status status = poll_request(sampling->request, err);
    if (status == STATUS_OK)
        status = file_write_at(sampling->file, bytes, length, sampling->written, err);
    sampling->written += length;
    return status;
}

/* Where the text may be cut, from `at` on. */
static const char *place_to_cut(const struct sampling *sampling, const char *text, const char *end,
                                const char *at) {
    size_t left = (size_t)(end - at);
    size_t look = sampling->lines_only || left < LINE_PATIENCE ? left : LINE_PATIENCE;
    const char *line = at == text ? text - 1 : memchr(at, '\n', look);
    if (line)
        return line + 1;
    return sampling->lines_only ? end : corpus_range_cut(text, end, at, sampling->lists);
}

static enum status pieces_write(struct sampling *sampling, const char *text, uint64_t length,
                                struct error *err) {
    const char *end = text + length, *from = text;
    uint64_t pieces = sampling->max / PIECE_BYTES;
    pieces = pieces < PIECES_MIN ? PIECES_MIN : pieces;
    uint64_t size = sampling->max / pieces;
    enum status status = STATUS_OK;
    for (uint64_t i = 0; i < pieces && status == STATUS_OK; i++) {
        const char *begin = text + (uint64_t)((double)length / (double)pieces * (double)i);
        begin = begin < from ? from : begin;
        begin = begin == end ? end : place_to_cut(sampling, text, end, begin);
        const char *stop =
            (uint64_t)(end - begin) <= size ? end : place_to_cut(sampling, text, end, begin + size);
        if (begin >= stop)
            continue;
        status = sampling_write(sampling, begin, (uint64_t)(stop - begin), err);
        sampling->sample->bytes += (uint64_t)(stop - begin);
        sampling->sample->pieces++;
        if (status == STATUS_OK && stop[-1] != '\n')
            status = sampling_write(sampling, "\n", 1, err);
        from = stop;
    }
    return status;
}

/* Of a compressed file: ends decoding by a failure of its own once there is enough. */
static enum status beginning_take(void *context, const char *bytes, size_t length,
                                  struct error *err) {
    struct sampling *sampling = context;
    if (sampling->written >= sampling->max)
        return STATUS_CANCELLED;
    return sampling_write(sampling, bytes, length, err);
}

static enum status beginning_write(struct sampling *sampling, const struct file_map *map,
                                   const struct settings *settings, struct error *err) {
    const struct corpus_pool pool = {.threads = 1, .request = sampling->request};
    struct error ended = {0};
    enum status status = corpus_text_stream(map, settings, &pool, &sampling->input, beginning_take,
                                            sampling, &ended);
    bool enough = sampling->written >= sampling->max;
    if (status != STATUS_OK && !(enough && status == STATUS_CANCELLED))
        return error_set_key(err, status, ended.key, "%s", ended.text);
    double read = (double)atomic_load(&sampling->input);
    sampling->sample->bytes = sampling->written;
    sampling->sample->pieces = 1;
    sampling->sample->whole = (double)sampling->written;
    if (status != STATUS_OK && read > 0)
        sampling->sample->whole *= (double)map->length / read;
    return STATUS_OK;
}

enum status corpus_sample(const struct settings *settings, const char *from, const char *to,
                          uint64_t bytes, bool lines_only, atomic_int *request,
                          struct corpus_sample *sample, struct error *err) {
    struct sampling sampling = {.lines_only = lines_only,
                                .lists = settings->format == FORMAT_TOKENS,
                                .request = request,
                                .file = -1,
                                .max = bytes,
                                .sample = sample};
    struct file_map map;
    *sample = (struct corpus_sample){0};
    enum status status = file_map_open(&map, from, err);
    if (status != STATUS_OK)
        return status;
    status = file_scratch_open(to, &sampling.file, err);
    bool packed = encoding_detect(map.data, map.length) != ENCODING_IDENTITY;
    if (status == STATUS_OK && packed)
        status = beginning_write(&sampling, &map, settings, err);
    else if (status == STATUS_OK && map.length <= bytes) {
        status = sampling_write(&sampling, map.data, map.length, err);
        *sample = (struct corpus_sample){map.length, (double)map.length, 1};
    } else if (status == STATUS_OK) {
        status = pieces_write(&sampling, map.data, map.length, err);
        sample->whole = (double)map.length;
    }
    if (sampling.file >= 0)
        close(sampling.file);
    file_map_close(&map);
    return status;
}

/* ---- lines that repeat ----------------------------------------------------------------------- */

/* Hashes below `max`: when they are too many, those of its upper half are forgotten. So many of all
 * different lines are there, whatever their number. */
struct lines {
    uint64_t *slots; /* [2 * LINES_SEEN], 0: free */
    uint64_t max;
    unsigned halvings;
    uint32_t n;     /* hashes */
    uint64_t lines; /* all of them */
};

/* True when it was there. */
static bool slot_take(uint64_t *slots, uint64_t hash) {
    uint64_t mask = 2 * (uint64_t)LINES_SEEN - 1, at = hash * 0x9e3779b97f4a7c15u >> 44 & mask;
    while (slots[at] != 0 && slots[at] != hash)
        at = (at + 1) & mask;
    bool there = slots[at] == hash;
    slots[at] = hash;
    return there;
}

static bool lines_halve(struct lines *lines) {
    uint64_t *slots = calloc(2 * (size_t)LINES_SEEN, sizeof *slots);
    if (!slots)
        return false;
    lines->max /= 2;
    lines->halvings++;
    lines->n = 0;
    for (size_t i = 0; i < 2 * (size_t)LINES_SEEN; i++)
        if (lines->slots[i] != 0 && lines->slots[i] < lines->max)
            lines->n += !slot_take(slots, lines->slots[i]);
    free(lines->slots);
    lines->slots = slots;
    return true;
}

static bool lines_add(struct lines *lines, const char *line, size_t length) {
    uint64_t hash = checksum(line, length);
    lines->lines++;
    if (hash == 0 || hash >= lines->max || slot_take(lines->slots, hash))
        return true;
    lines->n++;
    return lines->n < LINES_SEEN || lines_halve(lines);
}

static enum status lines_walk(struct lines *lines, const struct file_map *map, atomic_int *request,
                              struct error *err) {
    const char *end = map->data + map->length, *polled = map->data;
    enum status status = STATUS_OK;
    for (const char *line = map->data; line < end && status == STATUS_OK;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop ? stop : end;
        size_t length = (size_t)(stop - line);
        length -= length > 0 && line[length - 1] == '\r';
        if (length > 0 && !lines_add(lines, line, length))
            status = error_set(err, STATUS_NO_MEMORY, "out of memory to look at the lines");
        line = stop + 1;
        if (status == STATUS_OK && line - polled > POLL_BYTES) {
            status = poll_request(request, err);
            polled = line;
        }
    }
    return status;
}

enum status corpus_repeated_lines(const char *path, atomic_int *request, double *share,
                                  struct error *err) {
    struct lines lines = {.slots = calloc(2 * (size_t)LINES_SEEN, sizeof *lines.slots),
                          .max = UINT64_MAX};
    struct file_map map;
    *share = 0;
    enum status status =
        !lines.slots ? error_set(err, STATUS_NO_MEMORY, "out of memory to look at the lines")
                     : file_map_open(&map, path, err);
    if (status == STATUS_OK) {
        status = lines_walk(&lines, &map, request, err);
        file_map_close(&map);
    }
    double different = ldexp((double)lines.n, (int)lines.halvings);
    if (status == STATUS_OK && lines.lines > 0)
        *share = fmax(1 - different / (double)lines.lines, 0);
    free(lines.slots);
    return status;
}
