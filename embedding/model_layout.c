/* Where everything lies in a model file, and its fixed-size records as bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "embedding/model_file.h"

static const char magic_front[8] = {'\x89', 'V', 'E', 'C', 'M', 'I', 'L', '\n'};
static const char magic_back[8] = {'V', 'E', 'C', 'M', 'E', 'N', 'D', '\n'};

#define AT_TABLE_CHECKSUM 112
#define AT_HEADER_CHECKSUM 120

/* Byte by byte: the header reads the same on every machine. */
static void put_number(unsigned char *bytes, unsigned n_bytes, uint64_t value) {
    for (unsigned i = 0; i < n_bytes; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t get_number(const unsigned char *bytes, unsigned n_bytes) {
    uint64_t value = 0;

    for (unsigned i = 0; i < n_bytes; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

/* The header's facts and their places, for writing and reading alike. */
struct header_field {
    unsigned at, n_bytes;
    size_t offset;
};
#define HEADER_FIELD(at, member) \
    { at, sizeof(((struct model_layout *)0)->member), offsetof(struct model_layout, member) }
static const struct header_field header_fields[] = {
    HEADER_FIELD(12, n_sections),
    HEADER_FIELD(16, rows),
    HEADER_FIELD(20, input.columns),
    HEADER_FIELD(24, input.shards),
    HEADER_FIELD(32, output.columns),
    HEADER_FIELD(36, output.shards),
    HEADER_FIELD(48, metadata_length),
    HEADER_FIELD(56, settings_length),
    HEADER_FIELD(64, words_length),
    HEADER_FIELD(72, file_length),
    HEADER_FIELD(AT_TABLE_CHECKSUM, table_checksum),
};
#undef HEADER_FIELD
#define N_HEADER_FIELDS (sizeof header_fields / sizeof header_fields[0])
#define AT_VERSION 8
#define AT_INPUT_PARTITION 28
#define AT_OUTPUT_PARTITION 40

void section_name(const struct model_section *section, char name[SECTION_NAME_SIZE]) {
#define SECTION_CASE(row, number, text) \
    case SECTION_##row:                 \
        kind = text;                    \
        break;
    const char *kind = "unknown";

    switch (section->type) { SECTION_ROWS(SECTION_CASE) }
    if (section->type == SECTION_INPUT || section->type == SECTION_OUTPUT)
        snprintf(name, SECTION_NAME_SIZE, "%s %" PRIu32, kind, section->shard);
    else
        snprintf(name, SECTION_NAME_SIZE, "%s", kind);
#undef SECTION_CASE
}

/* False on overflow. */
static bool align_up(uint64_t *offset) {
    if (__builtin_add_overflow(*offset, (uint64_t)MODEL_ALIGNMENT - 1, offset))
        return false;
    *offset -= *offset % MODEL_ALIGNMENT;
    return true;
}

/* Appends a section behind *end. False on overflow. */
static bool layout_add(struct model_layout *layout, uint64_t *end, uint32_t type, uint32_t shard,
                       uint64_t length) {
    if (!align_up(end))
        return false;
    layout->sections[layout->n_sections++] =
        (struct model_section){.type = type, .shard = shard, .offset = *end, .length = length};
    return !__builtin_add_overflow(*end, length, end);
}

static bool shards_add(struct model_layout *layout, uint64_t *end, uint32_t type,
                       const struct table_shape *shape) {
    for (uint32_t shard = 0; shard < shape->shards; shard++) {
        uint32_t rows = partition_rows(shape->partition, layout->rows, shape->shards, shard);

        if (!layout_add(layout, end, type, shard, table_bytes(rows, shape->columns)))
            return false;
    }
    return true;
}

static bool footer_add(struct model_layout *layout, uint64_t end) {
    layout->footer_offset = end;
    return !__builtin_add_overflow(end, (uint64_t)MODEL_FOOTER_SIZE, &layout->file_length);
}

static bool sections_add(struct model_layout *layout, uint64_t end) {
    uint64_t rows = layout->rows;

    return layout_add(layout, &end, SECTION_METADATA, 0, layout->metadata_length) &&
           layout_add(layout, &end, SECTION_SETTINGS, 0, layout->settings_length) &&
           layout_add(layout, &end, SECTION_WORDS, 0, layout->words_length) &&
           layout_add(layout, &end, SECTION_OFFSETS, 0, (rows + 1) * sizeof(uint64_t)) &&
           layout_add(layout, &end, SECTION_COUNTS, 0, rows * sizeof(uint64_t)) &&
           shards_add(layout, &end, SECTION_INPUT, &layout->input) &&
           shards_add(layout, &end, SECTION_OUTPUT, &layout->output) && align_up(&end) &&
           footer_add(layout, end);
}

enum status layout_arrange(struct model_layout *layout, uint64_t limit, struct error *err) {
    uint64_t n = (uint64_t)SECTION_SINGLE + layout->input.shards + layout->output.shards;
    uint64_t end = MODEL_HEADER_SIZE + n * MODEL_ENTRY_SIZE; /* n < 2^34: cannot overflow */

    layout->n_sections = 0;
    layout->sections = NULL;
    if (end > limit || n > UINT32_MAX)
        return error_set(err, STATUS_REFUSED, "%" PRIu64 " sections need a longer file", n);
    layout->sections = calloc((size_t)n, sizeof *layout->sections);
    if (!layout->sections)
        return error_set(err, STATUS_NO_MEMORY, "cannot get memory for %" PRIu64 " sections", n);
    if (!sections_add(layout, end)) {
        layout_clear(layout);
        return error_set(err, STATUS_REFUSED, "the lengths of its sections overflow");
    }
    if (layout->file_length > limit) {
        layout_clear(layout);
        return error_set(err, STATUS_REFUSED, "its sections need a longer file");
    }
    return STATUS_OK;
}

void layout_clear(struct model_layout *layout) {
    free(layout->sections);
    layout->sections = NULL;
    layout->n_sections = 0;
}

void header_write(const struct model_layout *layout, unsigned char bytes[MODEL_HEADER_SIZE]) {
    memset(bytes, 0, MODEL_HEADER_SIZE);
    memcpy(bytes, magic_front, sizeof magic_front);
    put_number(bytes + AT_VERSION, 4, MODEL_VERSION);
    put_number(bytes + AT_INPUT_PARTITION, 4, layout->input.partition);
    put_number(bytes + AT_OUTPUT_PARTITION, 4, layout->output.partition);
    for (size_t i = 0; i < N_HEADER_FIELDS; i++) {
        const struct header_field *field = &header_fields[i];
        const char *member = (const char *)layout + field->offset;
        uint32_t narrow;
        uint64_t wide;

        if (field->n_bytes == sizeof narrow) {
            memcpy(&narrow, member, sizeof narrow);
            put_number(bytes + field->at, 4, narrow);
        } else {
            memcpy(&wide, member, sizeof wide);
            put_number(bytes + field->at, 8, wide);
        }
    }
    put_number(bytes + AT_HEADER_CHECKSUM, 8, checksum(bytes, AT_HEADER_CHECKSUM));
}

static void fields_read(struct model_layout *layout, const unsigned char bytes[MODEL_HEADER_SIZE]) {
    for (size_t i = 0; i < N_HEADER_FIELDS; i++) {
        const struct header_field *field = &header_fields[i];
        char *member = (char *)layout + field->offset;
        uint64_t wide = get_number(bytes + field->at, field->n_bytes);
        uint32_t narrow = (uint32_t)wide;

        if (field->n_bytes == sizeof narrow)
            memcpy(member, &narrow, sizeof narrow);
        else
            memcpy(member, &wide, sizeof wide);
    }
}

/* What the facts must obey on their own, before anything is allocated by them. */
static enum status facts_check(const struct model_layout *layout, uint64_t input_partition,
                               uint64_t output_partition, struct error *err) {
    bool has_output = layout->output.columns > 0;

    if (layout->rows == 0 || layout->rows == WORD_NONE)
        return error_set(err, STATUS_REFUSED, "%" PRIu32 " words", layout->rows);
    if (layout->input.columns == 0 || layout->input.columns == UINT32_MAX ||
        layout->input.shards == 0)
        return error_set(err, STATUS_REFUSED,
                         "an input table of %" PRIu32 " columns in %" PRIu32 " shards",
                         layout->input.columns, layout->input.shards);
    if (has_output
            ? layout->output.columns != layout->input.columns + 1 || layout->output.shards == 0
            : layout->output.shards != 0 || output_partition != 0)
        return error_set(err, STATUS_REFUSED,
                         "an output table of %" PRIu32 " columns in %" PRIu32 " shards",
                         layout->output.columns, layout->output.shards);
    if (input_partition > PARTITION_DIV || output_partition > PARTITION_DIV)
        return error_set(err, STATUS_REFUSED, "a partition that is neither mod nor div");
    if (layout->metadata_length > MODEL_METADATA_MAX)
        return error_set(err, STATUS_REFUSED, "%" PRIu64 " bytes of metadata",
                         layout->metadata_length);
    if (layout->settings_length >= sizeof(((struct model_info *)0)->settings))
        return error_set(err, STATUS_REFUSED, "%" PRIu64 " bytes of settings",
                         layout->settings_length);
    return STATUS_OK;
}

enum status header_read(struct model_layout *layout, const unsigned char bytes[MODEL_HEADER_SIZE],
                        enum model_checks checks, struct error *err) {
    uint64_t version = get_number(bytes + AT_VERSION, 4);
    uint64_t input_partition = get_number(bytes + AT_INPUT_PARTITION, 4);
    uint64_t output_partition = get_number(bytes + AT_OUTPUT_PARTITION, 4);

    *layout = (struct model_layout){0};
    if (memcmp(bytes, magic_front, sizeof magic_front) != 0)
        return error_set(err, STATUS_REFUSED, "it does not begin like a vecmill model");
    if (checks == MODEL_CHECKS_ALL &&
        get_number(bytes + AT_HEADER_CHECKSUM, 8) != checksum(bytes, AT_HEADER_CHECKSUM))
        return error_set(err, STATUS_REFUSED, "its checksum does not match");
    if (version != MODEL_VERSION)
        return error_set(err, STATUS_UNSUPPORTED, "format version %" PRIu64 " is not %d", version,
                         MODEL_VERSION);
    if (get_number(bytes + 44, 4) != 0 || get_number(bytes + 80, 8) != 0 ||
        get_number(bytes + 88, 8) != 0 || get_number(bytes + 96, 8) != 0 ||
        get_number(bytes + 104, 8) != 0)
        return error_set(err, STATUS_REFUSED, "a reserved byte is not zero");
    fields_read(layout, bytes);
    layout->input.partition = input_partition == PARTITION_DIV ? PARTITION_DIV : PARTITION_MOD;
    layout->output.partition = output_partition == PARTITION_DIV ? PARTITION_DIV : PARTITION_MOD;
    return facts_check(layout, input_partition, output_partition, err);
}

void entry_write(const struct model_section *section, unsigned char bytes[MODEL_ENTRY_SIZE]) {
    put_number(bytes, 4, section->type);
    put_number(bytes + 4, 4, section->shard);
    put_number(bytes + 8, 8, section->offset);
    put_number(bytes + 16, 8, section->length);
    put_number(bytes + 24, 8, section->checksum);
}

void entry_read(struct model_section *section, const unsigned char bytes[MODEL_ENTRY_SIZE]) {
    section->type = (uint32_t)get_number(bytes, 4);
    section->shard = (uint32_t)get_number(bytes + 4, 4);
    section->offset = get_number(bytes + 8, 8);
    section->length = get_number(bytes + 16, 8);
    section->checksum = get_number(bytes + 24, 8);
}

void footer_write(const struct model_layout *layout, unsigned char bytes[MODEL_FOOTER_SIZE]) {
    put_number(bytes, 8, layout->file_length);
    memcpy(bytes + 8, magic_back, sizeof magic_back);
}
