/* The model file, byte by byte as docs/model-format.md says. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_MODEL_FILE_H
#define VECMILL_EMBEDDING_MODEL_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "embedding/embedding.h"

#define MODEL_VERSION 1
#define MODEL_HEADER_SIZE 128
#define MODEL_ENTRY_SIZE 32 /* one section in the section table */
#define MODEL_FOOTER_SIZE 16
#define MODEL_ALIGNMENT 64
#define MODEL_METADATA_MAX 16384 /* several times what the fields of struct model_info can fill */

/* Sections stand in the file in this order; the numbers are the format. */
#define SECTION_ROWS(ROW)                             \
    ROW(METADATA, 1, "metadata")                      \
    ROW(SETTINGS, 2, "settings")                      \
    ROW(WORDS, 3, "words")                            \
    ROW(OFFSETS, 4, "offsets")                        \
    ROW(COUNTS, 5, "counts")                          \
    ROW(INPUT, 6, "input")   /* one for each shard */ \
    ROW(OUTPUT, 7, "output") /* one for each shard, when there is an output table */
#define SECTION_SINGLE 5     /* sections before the shards */

#define SECTION_ENUM(name, number, text) SECTION_##name = number,
enum section_type { SECTION_ROWS(SECTION_ENUM) };
#undef SECTION_ENUM

struct model_section {
    uint32_t type, shard; /* shard 0 for what has no shards */
    uint64_t offset, length, checksum;
};

#define SECTION_NAME_SIZE 24
/* The name for messages: "words", "input 3". */
void section_name(const struct model_section *section, char name[SECTION_NAME_SIZE]);

struct table_shape {
    uint32_t columns, shards; /* both 0: there is no such table */
    enum partition partition;
};

/* The facts that the header holds, and the sections that follow from them: where a section lies is
 * never a choice. */
struct model_layout {
    uint32_t rows;
    struct table_shape input, output;
    uint64_t metadata_length, settings_length, words_length;
    struct model_section *sections; /* [n_sections] */
    uint32_t n_sections;
    uint64_t table_checksum; /* of the section table */
    uint64_t footer_offset, file_length;
};

/* Fills sections, footer_offset and file_length from the facts; checksums stay 0. Errors: REFUSED
 * when a sum overflows or the file would be longer than `limit`. Owns: layout_clear. */
enum status layout_arrange(struct model_layout *layout, uint64_t limit,
                           struct error *err) MUST_CHECK;
void layout_clear(struct model_layout *layout);

void header_write(const struct model_layout *layout, unsigned char bytes[MODEL_HEADER_SIZE]);
void entry_write(const struct model_section *section, unsigned char bytes[MODEL_ENTRY_SIZE]);
void entry_read(struct model_section *section, const unsigned char bytes[MODEL_ENTRY_SIZE]);
void footer_write(const struct model_layout *layout, unsigned char bytes[MODEL_FOOTER_SIZE]);

/* ALL for everyone. STRUCTURE is for tests that want damage to reach the parser: no checksum is
 * compared. */
enum model_checks { MODEL_CHECKS_ALL, MODEL_CHECKS_STRUCTURE };

/* The facts out of the header, and file_length and table_checksum as it claims them; sections stay
 * unset. REFUSED says what is wrong, UNSUPPORTED names another version. */
enum status header_read(struct model_layout *layout, const unsigned char bytes[MODEL_HEADER_SIZE],
                        enum model_checks checks, struct error *err) MUST_CHECK;

/* model_load with a say in what is checked. */
enum status model_file_load(struct model **model, const char *path, const struct kernel *kernel,
                            enum model_checks checks, struct error *err) MUST_CHECK;

/* Everything of info but the settings, one `name = value` line for each field, in a fixed order. */
void metadata_write(const struct model_info *info, struct buffer *text);
/* The inverse, exact: MALFORMED names the line. text is NUL-terminated behind length. Leaves
 * info->settings alone. */
enum status metadata_read(struct model_info *info, const char *text, size_t length,
                          struct error *err) MUST_CHECK;

#endif
