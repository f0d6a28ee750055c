/* Records on disk, below corpora, models and jobs: reading, the ladder of loading, quarantine. */
#include "tests/support/parts.h"

static void a_record_survives_a_round_trip(void **state) {
    struct error err = {0};
    json_t *back = NULL;
    char text[8];
    char *path = temporary_path(state, "record.json");
    assert_int_equal(record_write(strdup(path), json_pack("{s:s, s:i}", "name", "seven77", "n", 1),
                                  "corpus", "x", &err),
                     STATUS_OK);
    assert_int_equal(record_read(path, &back, &err), STATUS_OK);
    assert_true(record_string(back, "name", text, sizeof text));
    assert_string_equal(text, "seven77");
    assert_false(record_string(back, "name", text, sizeof text - 1)); /* no room for the NUL */
    assert_false(record_string(back, "n", text, sizeof text));
    assert_false(record_string(back, "none", text, sizeof text));
    json_decref(back);
    assert_int_equal(record_write(strdup(path), NULL, "corpus", "x", &err), STATUS_NO_MEMORY);
    assert_error(&err, STATUS_NO_MEMORY, "", "out of memory to record corpus 'x'");
    error_clear(&err);
    assert_int_equal(record_write(NULL, json_object(), "job", "y", &err), STATUS_NO_MEMORY);
    error_clear(&err);
    back = NULL;
    assert_int_equal(record_read(path, &back, &err), STATUS_OK); /* as it was */
    assert_int_equal(json_integer_value(json_object_get(back, "n")), 1);
    json_decref(back);
    free(path);
}

/* Every bit of the file matters, but for white space. */
static void a_changed_record_is_refused(void **state) {
    struct error err = {0};
    char *path = temporary_path(state, "record.json");
    assert_int_equal(record_write(strdup(path),
                                  json_pack("{s:s, s:i, s:s}", "name", "seven77", "n", 15,
                                            RECORD_CONTENT_CHECKSUM, "xxh3:0123456789abcdef"),
                                  "corpus", "x", &err),
                     STATUS_OK);
    char *text = get_file(state, "record.json");
    for (size_t at = 0; text[at] != '\0'; at++)
        for (int bit = 0; bit < 8; bit++) {
            json_t *back = NULL;
            char before = text[at];
            if (before == ' ' || before == '\n')
                continue;
            text[at] = (char)(before ^ (1 << bit));
            if (text[at] != '\0') {
                put_file(state, "record.json", text);
                if (record_read(path, &back, &err) == STATUS_OK)
                    fail_msg("byte %zu, bit %d: %s", at, bit, text);
                assert_null(back);
                error_clear(&err);
            }
            text[at] = before;
        }
    json_t *back = NULL;
    put_file(state, "record.json", "{\"of\": \"an earlier version\"}");
    assert_int_equal(record_read(path, &back, &err), STATUS_OK);
    json_decref(back);
    put_file(state, "record.json", "{\"n\": 1, \"checksum\": \"xxh3:0000000000000000\"}");
    assert_int_equal(record_read(path, &back, &err), STATUS_CORRUPT);
    assert_error(&err, STATUS_CORRUPT, "", "record.json' was changed: its checksum is xxh3:");
    free(text);
    free(path);
}

static void ids_are_hexadecimal(void **state) {
    struct error err = {0};
    char id[RECORD_ID_SIZE], other[RECORD_ID_SIZE];
    (void)state;
    assert_int_equal(record_id_create(id, &err), STATUS_OK);
    assert_int_equal(record_id_create(other, &err), STATUS_OK);
    assert_true(record_id_valid(id));
    assert_string_not_equal(id, other);
    assert_false(record_id_valid(""));
    assert_false(record_id_valid(id + 1));
    assert_false(record_id_valid("0123456789abcdef0123456789abcdef0"));
    assert_false(record_id_valid("0123456789abcdef0123456789abcdeF"));
}

static const char *letter_at(const void *table, size_t index) {
    const char *const *letters = table;
    return letters[index];
}

static void a_sorted_table_is_searched(void **state) {
    static const char *const letters[] = {"b", "d", "f", "h", "j", "l", "n"};
    (void)state;
    for (size_t n = 0; n <= sizeof letters / sizeof *letters; n++)
        for (int c = 'a'; c <= 'o'; c++) {
            char name[2] = {(char)c, '\0'};
            size_t place = 0;
            bool found, there = false;
            for (size_t i = 0; i < n; i++) {
                place += strcmp(letters[i], name) < 0;
                there = there || strcmp(letters[i], name) == 0;
            }
            assert_int_equal(sorted_find(letters, n, letter_at, name, &found), place);
            assert_int_equal(found, there);
        }
}

/* What loading each record gives; the record says it. */
static enum status load(void *context, const char *name, const json_t *record, struct error *err) {
    enum status status = (enum status)json_integer_value(json_object_get(record, "status"));
    if (status != STATUS_OK)
        return error_set(err, status, "%s was planted", name);
    ++*(size_t *)context;
    return STATUS_OK;
}

static bool name_valid(const char *name) {
    return name[0] != '_';
}

static void put_record(void **state, const char *name, enum status status) {
    char path[128], text[64];
    snprintf(path, sizeof path, "things/%s", name);
    make_folder(state, path);
    snprintf(path, sizeof path, "things/%s/thing.json", name);
    snprintf(text, sizeof text, "{\"status\":%d}", (int)status);
    put_file(state, path, text);
}

static void a_start_loads_what_is_good(void **state) {
    static const struct record_kind kind = {"thing", "thing.json", name_valid, load};
    struct parts parts;
    struct error err = {0};
    size_t loaded = 0, swept = 0;
    parts_init(&parts, state);
    char *folder = temporary_path(state, "things");
    const struct logger *logger = &parts.server.logger;
    /* Nothing there: the folder is made. */
    assert_int_equal(records_load(&kind, folder, *state, logger, &loaded, &swept, &err), STATUS_OK);
    assert_true(is_there(state, "things"));
    put_record(state, "good", STATUS_OK);
    put_record(state, "bad", STATUS_CORRUPT);
    put_record(state, "odd", STATUS_REFUSED);
    put_record(state, "_x", STATUS_CORRUPT);
    make_folder(state, "things/empty");
    put_file(state, "things/" FILE_TEMPORARY_PREFIX "0", "of a crash");
    assert_int_equal(records_load(&kind, folder, *state, logger, &loaded, &swept, &err), STATUS_OK);
    assert_int_equal(loaded, 1);
    assert_int_equal(swept, 1);
    assert_int_equal(count_entries(state, "things"), 2); /* good, and what is not ours */
    assert_int_equal(count_entries(state, "quarantine"), 2);
    assert_true(parts_logged(&parts, "thing 'bad' is damaged (bad was planted): moved to "));
    assert_true(parts_logged(&parts, "/_x' is not a thing: left alone"));
    /* One that cannot be read does not keep the others from it. */
    put_record(state, "unread", STATUS_IO);
    assert_int_equal(records_load(&kind, folder, *state, logger, &loaded, &swept, &err), STATUS_OK);
    assert_true(parts_logged(&parts, "thing 'unread' is damaged (unread was planted): moved to "));
    assert_int_equal(count_entries(state, "quarantine"), 3);
    /* A machine in trouble is no damage: the start fails, and the record stays. */
    put_record(state, "trouble", STATUS_NO_MEMORY);
    assert_int_equal(records_load(&kind, folder, *state, logger, &loaded, &swept, &err),
                     STATUS_NO_MEMORY);
    assert_true(is_there(state, "things/trouble/thing.json"));
    assert_int_equal(count_entries(state, "quarantine"), 3);
    free(folder);
    parts_clear(&parts);
}

/* What stands in the place of a record is never removed because it cannot be read. */
static void an_unreadable_record_is_set_aside(void **state) {
    static const struct record_kind kind = {"thing", "thing.json", name_valid, load};
    struct parts parts;
    struct error err = {0};
    size_t loaded = 0, swept = 0, n = 0;
    parts_init(&parts, state);
    char *folder = temporary_path(state, "things"), *large = calloc(1, ((size_t)1 << 20) + 2);
    assert_non_null(large);
    memset(large, ' ', ((size_t)1 << 20) + 1);
    put_record(state, "good", STATUS_OK);
    make_folder(state, "things/folder/thing.json");
    put_file(state, "things/plain", "a file in place of a folder");
    make_folder(state, "things/nothing");
    put_file(state, "things/nothing/thing.json", "");
    make_folder(state, "things/large");
    put_file(state, "things/large/thing.json", large);
    assert_int_equal(
        records_load(&kind, folder, *state, &parts.server.logger, &loaded, &swept, &err),
        STATUS_OK);
    assert_int_equal(loaded, 1);
    assert_int_equal(count_entries(state, "things"), 1);
    assert_int_equal(count_entries(state, "quarantine"), 4);
    json_t *names = json_array();
    assert_int_equal(quarantine_list(*state, 3, names, &n, &err), STATUS_OK);
    assert_int_equal(n, 4);
    assert_int_equal(json_array_size(names), 3);
    assert_non_null(strstr(json_string_value(json_array_get(names, 0)), "thing-folder-"));
    json_decref(names);
    free(large);
    free(folder);
    parts_clear(&parts);
}

static void what_cannot_be_moved_is_logged(void **state) {
    struct parts parts;
    struct error why = {.status = STATUS_CORRUPT, .text = "its sum is wrong"};
    parts_init(&parts, state);
    quarantine_move(*state, "thing-x", "/nonexistent/x", "thing 'x'", &parts.server.logger, &why);
    assert_true(
        parts_logged(&parts, "thing 'x' is damaged (its sum is wrong): cannot be moved away: "));
    parts_clear(&parts);
}

static void a_discarded_folder_is_gone(void **state) {
    struct parts parts;
    struct error err = {0};
    parts_init(&parts, state);
    put_record(state, "x", STATUS_OK);
    char *folder = temporary_path(state, "things"), *path = temporary_path(state, "things/x");
    assert_int_equal(record_discard(folder, path, &parts.server.logger, &err), STATUS_OK);
    assert_int_equal(count_entries(state, "things"), 0);
    assert_int_equal(record_discard(folder, path, &parts.server.logger, &err), STATUS_NOT_FOUND);
    free(folder);
    free(path);
    parts_clear(&parts);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_record_survives_a_round_trip),         TEST(a_changed_record_is_refused),
        TEST(an_unreadable_record_is_set_aside),      cmocka_unit_test(ids_are_hexadecimal),
        cmocka_unit_test(a_sorted_table_is_searched), TEST(a_start_loads_what_is_good),
        TEST(what_cannot_be_moved_is_logged),         TEST(a_discarded_folder_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
