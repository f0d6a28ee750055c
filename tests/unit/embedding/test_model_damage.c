/* A model file is distrusted byte by byte: with checksums, and with the checksums out of the
 * way. */
#include "tests/support/model_sample.h"

#include <fcntl.h>
#include <unistd.h>

#include "embedding/model_file.h"

struct victim {
    char *path, *data;
    size_t length;
    struct model_layout layout;
    const struct kernel *kernel;
};

static void victim_init(struct victim *victim, void **state, struct shape shape) {
    struct model *model = model_make(shape, &info_full);
    struct error err = {0};

    victim->kernel = model->kernel;
    victim->path = temporary_path(state, MODEL_FILE);
    assert_int_equal(model_save(model, *state, NULL, &err), STATUS_OK);
    assert_int_equal(file_read(victim->path, SIZE_MAX, &victim->data, &victim->length, &err),
                     STATUS_OK);
    assert_int_equal(
        header_read(&victim->layout, (const unsigned char *)victim->data, MODEL_CHECKS_ALL, &err),
        STATUS_OK);
    assert_int_equal(layout_arrange(&victim->layout, victim->length, &err), STATUS_OK);
    assert_int_equal(victim->layout.file_length, victim->length);
    model_drop(model);
}

static void victim_clear(struct victim *victim) {
    layout_clear(&victim->layout);
    free(victim->path);
    free(victim->data);
}

static void victim_write(const struct victim *victim, const void *bytes, size_t length,
                         size_t offset) {
    int fd = open(victim->path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, length, (off_t)offset), length);
    close(fd);
}

static void victim_heal(const struct victim *victim) {
    assert_int_equal(truncate(victim->path, (off_t)victim->length), 0);
    victim_write(victim, victim->data, victim->length, 0);
}

/* Where a byte belongs: padding counts to the section behind it. */
static void name_at(const struct victim *victim, size_t at, char name[SECTION_NAME_SIZE]) {
    const struct model_layout *layout = &victim->layout;

    if (at < MODEL_HEADER_SIZE) {
        snprintf(name, SECTION_NAME_SIZE, "header");
        return;
    }
    if (at < MODEL_HEADER_SIZE + (size_t)layout->n_sections * MODEL_ENTRY_SIZE) {
        snprintf(name, SECTION_NAME_SIZE, "section table");
        return;
    }
    for (uint32_t i = 0; i < layout->n_sections; i++)
        if (at < layout->sections[i].offset + layout->sections[i].length) {
            section_name(&layout->sections[i], name);
            return;
        }
    snprintf(name, SECTION_NAME_SIZE, "footer");
}

static void check_corrupt(const struct victim *victim, enum model_checks checks,
                          const char *section, const char *detail) {
    struct model *model = NULL;
    struct error err = {0};
    char expected[SECTION_NAME_SIZE + 16];

    snprintf(expected, sizeof expected, "section '%s': ", section);
    if (model_file_load(&model, victim->path, victim->kernel, checks, &err) != STATUS_CORRUPT)
        fail_msg("'%s' instead of damage in %s", err.text, expected);
    assert_null(model);
    if (!strstr(err.text, expected) || !strstr(err.text, victim->path) || !strstr(err.text, detail))
        fail_msg("'%s' does not say '%s' and '%s'", err.text, expected, detail);
}

static void every_flipped_byte_is_refused(void **state) {
    struct victim victim;
    struct random random;

    random_init(&random, 11, 0);
    victim_init(&victim, state, (struct shape){5, 3, PARTITION_DIV, true});
    for (size_t at = 0; at < victim.length; at++) {
        char flipped = (char)(victim.data[at] ^ (1 << random_below(&random, 8))),
             name[SECTION_NAME_SIZE];

        victim_write(&victim, &flipped, 1, at);
        name_at(&victim, at, name);
        check_corrupt(&victim, MODEL_CHECKS_ALL, name, "");
        victim_write(&victim, &victim.data[at], 1, at);
    }
    victim_clear(&victim);
}

static void random_flips_are_refused(void **state) {
    struct victim victim;
    struct random random;

    random_init(&random, 12, 0);
    victim_init(&victim, state, (struct shape){40, 7, PARTITION_MOD, true});
    for (int i = 0; i < 5000; i++) {
        size_t at = random_below(&random, victim.length);
        char flipped = (char)(victim.data[at] ^ (1 + random_below(&random, 255))),
             name[SECTION_NAME_SIZE];

        victim_write(&victim, &flipped, 1, at);
        name_at(&victim, at, name);
        check_corrupt(&victim, MODEL_CHECKS_ALL, name, "");
        victim_write(&victim, &victim.data[at], 1, at);
    }
    victim_clear(&victim);
}

/* With checksums out of the way damage reaches the parser: whatever comes, no crash, and what loads
 * is a usable model. */
static void flips_behind_the_checksums_never_crash(void **state) {
    struct victim victim;
    struct random random;
    size_t loaded = 0, refused = 0;

    random_init(&random, 13, 0);
    victim_init(&victim, state, (struct shape){5, 3, PARTITION_MOD, true});
    for (size_t i = 0; i < 3 * victim.length; i++) {
        /* every byte once with all bits, then anywhere, now and then two at once */
        size_t at = i < victim.length ? i : random_below(&random, victim.length);
        size_t other =
            i >= victim.length && i % 10 == 0 ? random_below(&random, victim.length) : at;
        char flipped =
            (char)(victim.data[at] ^ (i < victim.length ? 255 : 1 << random_below(&random, 8)));
        struct model *model;
        struct error err = {0};
        enum status status;

        victim_write(&victim, &flipped, 1, at);
        if (other != at) {
            flipped = (char)(victim.data[other] ^ (1 + random_below(&random, 255)));
            victim_write(&victim, &flipped, 1, other);
        }
        status = model_file_load(&model, victim.path, victim.kernel, MODEL_CHECKS_STRUCTURE, &err);
        if (status == STATUS_OK) {
            uint32_t ids[2];
            float row[16];
            uint32_t id = vocabulary_size(model->vocabulary) - 1;

            assert_int_equal(lookup_rows(model->input, model->input->columns, &id, 1, 1, row, &err),
                             STATUS_OK);
            vocabulary_suggest(model->vocabulary, "w14", 3, UINT32_MAX, ids, 2);
            loaded++;
        } else {
            assert_true(status == STATUS_CORRUPT || status == STATUS_UNSUPPORTED);
            assert_non_null(strstr(err.text, "section '"));
            refused++;
        }
        model_drop(model);
        victim_write(&victim, &victim.data[at], 1, at);
        victim_write(&victim, &victim.data[other], 1, other);
    }
    assert_true(loaded > 100 && refused > 100);
    victim_clear(&victim);
}

/* ---- damage aimed at one rule each, checksums out of the way
 * ------------------------------------ */

static void put(const struct victim *victim, size_t at, uint64_t value, unsigned n_bytes) {
    unsigned char bytes[8];

    for (unsigned i = 0; i < n_bytes; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    victim_write(victim, bytes, n_bytes, at);
}

static void check_put(const struct victim *victim, size_t at, uint64_t value, unsigned n_bytes,
                      const char *section, const char *detail) {
    put(victim, at, value, n_bytes);
    check_corrupt(victim, MODEL_CHECKS_STRUCTURE, section, detail);
    victim_heal(victim);
}

static void header_facts_are_distrusted(void **state) {
    struct victim victim;
    static const uint64_t numbers[] = {0,   1,     2,          4,          22,         24,
                                       255, 65536, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    struct error err = {0};
    struct model *model;

    victim_init(&victim, state, (struct shape){5, 3, PARTITION_DIV, true});
    check_put(&victim, 0, 'V', 1, "header", "does not begin like a vecmill model");
    check_put(&victim, 16, 0, 4, "header", "0 words");
    check_put(&victim, 16, UINT32_MAX, 4, "header", "4294967295 words");
    check_put(&victim, 20, 0, 4, "header", "an input table of 0 columns in 3 shards");
    check_put(&victim, 20, UINT32_MAX, 4, "header", "an input table of 4294967295 columns");
    check_put(&victim, 24, 0, 4, "header", "in 0 shards");
    check_put(&victim, 24, UINT32_MAX, 4, "header", "sections need a longer file");
    check_put(&victim, 28, 2, 4, "header", "neither mod nor div");
    check_put(&victim, 32, 5, 4, "header", "an output table of 5 columns");
    check_put(&victim, 36, 0, 4, "header", "an output table of 6 columns in 0 shards");
    check_put(&victim, 40, 9, 4, "header", "neither mod nor div");
    check_put(&victim, 44, 1, 4, "header", "a reserved byte is not zero");
    check_put(&victim, 111, 1, 1, "header", "a reserved byte is not zero");
    check_put(&victim, 48, UINT64_MAX, 8, "header", "bytes of metadata");
    check_put(&victim, 56, 8192, 8, "header", "8192 bytes of settings");
    check_put(&victim, 64, UINT64_MAX, 8, "header", "the lengths of its sections overflow");
    check_put(&victim, 64, UINT64_MAX - victim.length + 1000, 8, "header", "overflow");
    check_put(&victim, 64, UINT64_MAX / 2, 8, "header", "its sections need a longer file");
    check_put(&victim, 72, 0, 8, "header", "instead of 0");
    /* whatever stands in a fact, it is refused or (never here) consistent */
    for (size_t at = 12; at < 80; at += 4)
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            put(&victim, at, numbers[i], 4);
            if (model_file_load(&model, victim.path, victim.kernel, MODEL_CHECKS_STRUCTURE, &err) ==
                STATUS_OK)
                model_drop(model);
            error_clear(&err);
            victim_heal(&victim);
        }
    put(&victim, 8, 2, 4);
    assert_int_equal(
        model_file_load(&model, victim.path, victim.kernel, MODEL_CHECKS_STRUCTURE, &err),
        STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.text, "format version 2 is not 1"));
    victim_clear(&victim);
}

static void section_rules_are_checked(void **state) {
    struct victim victim;
    const struct model_section *sections;
    size_t table = MODEL_HEADER_SIZE;

    victim_init(&victim, state, (struct shape){5, 3, PARTITION_MOD, true});
    sections = victim.layout.sections;
    for (uint32_t i = 0; i < victim.layout.n_sections; i++)
        for (size_t field = 0; field < 24; field += field < 8 ? 4 : 8) {
            char detail[64];

            snprintf(detail, sizeof detail, "entry %u is not what follows", i);
            check_put(&victim, table + i * MODEL_ENTRY_SIZE + field, 0xdeadbeef, 4, "section table",
                      detail);
        }
    check_put(&victim, sections[3].offset, 1, 8, "offsets", "instead of 0 to");
    check_put(&victim, sections[3].offset + 8 * N_WORDS, 1, 8, "offsets", "instead of 0 to");
    check_put(&victim, sections[3].offset + 8, 0, 8, "offsets", "word 0 is empty");
    check_put(&victim, sections[3].offset + 8 * 5, UINT64_MAX, 8, "offsets",
              "word 5 ends before it begins");
    check_put(&victim, sections[4].offset + 8 * 3, UINT64_MAX, 8, "counts",
              "word 3 has 18446744073709551615 after");
    check_put(&victim, sections[4].offset, UINT64_MAX, 8, "counts",
              "the sum of counts overflows at word 1");
    victim_clear(&victim);
}

static void rules_of_rows_are_checked(void **state) {
    struct victim victim;
    const struct model_section *sections;

    victim_init(&victim, state, (struct shape){5, 3, PARTITION_MOD, true});
    sections = victim.layout.sections;
    check_put(&victim, sections[2].offset + sections[2].length, 1, 1, "offsets",
              "padding before it is not zero");
    check_put(&victim, victim.layout.footer_offset, 1, 1, "footer",
              "does not end like a vecmill model");
    check_put(&victim, sections[1].offset + 3, 0, 1, "settings", "a NUL byte");
    check_put(&victim, sections[5].offset + 4 * 16 * 2 + 4, 0x7f800000, 4, "input 0",
              "row 2 column 1 is not finite");
    check_put(&victim, sections[7].offset + 4 * 4, 0x7fc00000, 4, "input 2",
              "row 0 column 4 is not finite");
    check_put(&victim, sections[9].offset, 0xff800001, 4, "output 1",
              "row 0 column 0 is not finite");
    check_put(&victim, sections[6].offset + 4 * 16 + 4 * 5, 0x3f800000, 4, "input 1",
              "the padding of row 1 is not zero");
    check_put(&victim, sections[6].offset + 4 * 16 - 1, 0x80, 1, "input 1",
              "the padding of row 0 is not zero");
    put(&victim, sections[5].offset, 0x7f7fffff, 4); /* finite each, but not their norm */
    check_put(&victim, sections[5].offset + 4, 0x7f7fffff, 4, "input",
              "the norm of word 'the' is too large");
    victim_clear(&victim);
}

static void rules_of_metadata_are_checked(void **state) {
    struct victim victim;
    const struct model_section *sections;
    char *metadata;

    victim_init(&victim, state, (struct shape){5, 1, PARTITION_MOD, false});
    sections = victim.layout.sections;
    metadata = victim.data + sections[0].offset;
    assert_memory_equal(metadata, "name = ", 7);
    check_put(&victim, sections[0].offset, 'N', 1, "metadata", "line 1 is not 'name = ...'");
    check_put(&victim, sections[0].offset + 8, '\n', 1, "metadata",
              "line 2 is not 'corpus_digest = ...'");
    check_put(&victim, sections[0].offset + 8, 0, 1, "metadata",
              "the value of 'name' cannot be read");
    check_put(&victim, sections[0].offset + sections[0].length - 1, 'x', 1, "metadata",
              "is missing");
    victim_clear(&victim);
}

static void words_that_stand_twice(void **state) {
    struct victim victim;
    size_t at;

    victim_init(&victim, state, (struct shape){5, 1, PARTITION_MOD, false});
    at = victim.layout.sections[2].offset;
    while (memcmp(victim.data + at, "w15", 3) != 0)
        at++;
    check_put(&victim, at + 2, '4', 1, "words", "word 'w14' stands twice");
    victim_clear(&victim);
}

/* ---- lengths
 * ------------------------------------------------------------------------------------ */

static void check_length(const struct victim *victim, size_t length) {
    if (length == victim->length)
        return;
    assert_int_equal(truncate(victim->path, (off_t)length), 0);
    check_corrupt(victim, MODEL_CHECKS_ALL, "header", "the file has ");
    /* a header that agrees with the wrong length helps nothing: the layout is what counts */
    if (length >= MODEL_HEADER_SIZE) {
        put(victim, 72, length, 8);
        check_corrupt(victim, MODEL_CHECKS_STRUCTURE, "header", "");
    }
    victim_heal(victim);
}

static void truncation_and_trailing_bytes(void **state) {
    struct victim victim;

    victim_init(&victim, state, (struct shape){5, 3, PARTITION_DIV, true});
    for (size_t length = 0; length <= MODEL_HEADER_SIZE + 1; length++)
        check_length(&victim, length);
    for (uint32_t i = 0; i < victim.layout.n_sections; i++)
        for (size_t j = 0; j < 3; j++) {
            check_length(&victim, victim.layout.sections[i].offset + j - 1);
            check_length(&victim, victim.layout.sections[i].offset +
                                      victim.layout.sections[i].length + j - 1);
        }
    for (size_t length = victim.length - 20; length < victim.length + 200; length++)
        check_length(&victim, length);
    victim_clear(&victim);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_flipped_byte_is_refused),
        TEST(random_flips_are_refused),
        TEST(flips_behind_the_checksums_never_crash),
        TEST(header_facts_are_distrusted),
        TEST(section_rules_are_checked),
        TEST(rules_of_rows_are_checked),
        TEST(rules_of_metadata_are_checked),
        TEST(words_that_stand_twice),
        TEST(truncation_and_trailing_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
