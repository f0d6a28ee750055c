/* Event files that grow: over restarts, behind torn records, on a full disk, without their
 * folder. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/event_log.h"
#include "tests/support/temporary.h"

/* A letter for each record: v = the first one, r = the training began again, a digit = a step. */
static void expect_records(const char *path, const char *letters) {
    char *bytes, found[64] = "";
    size_t length, n = 0;
    uint64_t message;
    int64_t step;
    assert_int_equal(file_read(path, 1 << 20, &bytes, &length, NULL), STATUS_OK);
    for (size_t at = 0; at < length; at += EVENT_HEAD + message + EVENT_TAIL) {
        const unsigned char *head = (const unsigned char *)bytes + at, *body = head + EVENT_HEAD;
        assert_true(event_head_read(head, &message));
        assert_true(at + EVENT_HEAD + message + EVENT_TAIL <= length);
        assert_true(event_message_whole(body, message));
        found[n++] = event_message_step(body, message, &step) ? (char)('0' + step)
                     : body[9] == 0x1a                        ? 'v'
                                                              : 'r';
    }
    assert_string_equal(found, letters);
    free(bytes);
}

static enum status put(struct event_log *log, int64_t step, struct error *err) {
    const struct event_scalar scalars[] = {{"loss", 0.5f}, {"score", 0.25f}};
    return event_log_append(log, 1.7e9 + (double)step, step, scalars, 2, err);
}

static struct event_log *open_log(const char *path) {
    struct event_log *log;
    assert_int_equal(event_log_open(&log, path, NULL), STATUS_OK);
    return log;
}

static void put_all(struct event_log *log, const char *steps) {
    for (; *steps != '\0'; steps++)
        assert_int_equal(put(log, *steps - '0', NULL), STATUS_OK);
}

static void a_training_that_goes_on(void **state) {
    char *path = temporary_path(state, "board/model/events");
    struct event_log *log = open_log(path);
    assert_false(file_exists(path)); /* nothing to show, nothing made */
    put_all(log, "0114");
    expect_records(path, "v0114"); /* within one run a step may stand twice */
    put_all(log, "23");
    expect_records(path, "v0114r23");
    event_log_close(log);
    log = open_log(path);
    put_all(log, "33");
    expect_records(path, "v0114r23r33");
    event_log_close(log);
    log = open_log(path);
    put_all(log, "45");
    expect_records(path, "v0114r23r3345");
    event_log_close(log);
    free(path);
}

/* Whatever part of the last record a crash left, the next run begins behind the whole ones. */
static void torn_records_are_cut(void **state) {
    char *path = temporary_path(state, "events"), *bytes;
    size_t two, whole;
    struct event_log *log = open_log(path);
    put_all(log, "12");
    assert_int_equal(file_read(path, 1 << 20, &bytes, &two, NULL), STATUS_OK);
    free(bytes);
    put_all(log, "3");
    event_log_close(log);
    assert_int_equal(file_read(path, 1 << 20, &bytes, &whole, NULL), STATUS_OK);
    for (size_t cut = 0; cut < whole; cut++) {
        assert_int_equal(file_replace(path, bytes, cut, NULL), STATUS_OK);
        log = open_log(path);
        put_all(log, "4");
        event_log_close(log);
        if (cut >= two)
            expect_records(path, "v124");
    }
    for (size_t at = two; at < whole; at++) { /* and whatever bit of it a disk lost */
        bytes[at] ^= 0x10;
        assert_int_equal(file_replace(path, bytes, whole, NULL), STATUS_OK);
        log = open_log(path);
        put_all(log, "4");
        event_log_close(log);
        expect_records(path, "v124");
        bytes[at] ^= 0x10;
    }
    free(bytes);
    free(path);
}

static void a_full_disk(void **state) {
    char *path = temporary_path(state, "events");
    struct rlimit before, small;
    struct error err = {0};
    uint64_t size;
    struct event_log *log = open_log(path);
    put_all(log, "12");
    assert_int_equal(file_size(path, &size, NULL), STATUS_OK);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = size + 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(put(log, 3, &err), STATUS_IO);
    assert_int_equal(put(log, 4, NULL), STATUS_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(put(log, 5, NULL), STATUS_OK);
    expect_records(path, "v125");
    event_log_close(log);
    free(path);
}

static void a_folder_that_goes_away(void **state) {
    char *folder = temporary_path(state, "board/m/run"), *path = path_join(folder, "events");
    char *above = temporary_path(state, "board/m"), *top = temporary_path(state, "board");
    struct event_log *log = open_log(path);
    put_all(log, "12");
    assert_int_equal(path_remove(top, NULL), STATUS_OK);
    put_all(log, "3");
    expect_records(path, "v3");
    assert_int_equal(file_replace(path, "x", 1, NULL), STATUS_OK); /* and a file that is replaced */
    put_all(log, "45");
    expect_records(path, "v45");
    event_log_close(log);
    char *beside = path_join(above, "other");
    assert_int_equal(file_replace(beside, "x", 1, NULL), STATUS_OK);
    assert_int_equal(event_log_remove(folder, NULL), STATUS_OK);
    assert_false(file_exists(folder));
    assert_true(file_exists(beside));
    assert_int_equal(path_remove(beside, NULL), STATUS_OK);
    assert_int_equal(event_log_remove(folder, NULL), STATUS_OK);
    assert_false(file_exists(above));
    assert_true(folder_exists(top));
    free(beside);
    free(top);
    free(above);
    free(path);
    free(folder);
}

static void places_that_are_none(void **state) {
    char *file = temporary_path(state, "file"), *below = temporary_path(state, "file/run/events");
    char *link = temporary_path(state, "link");
    struct error err = {0};
    struct event_log *log;
    assert_int_equal(file_replace(file, "words\n", 6, NULL), STATUS_OK);
    assert_int_equal(symlink(file, link), 0);
    assert_int_equal(event_log_open(&log, link, &err),
                     STATUS_IO); /* what it leads to is not ours */
    error_clear(&err);
    assert_int_equal(event_log_open(&log, *state, &err), STATUS_IO);
    assert_non_null(strstr(err.text, "is no file"));
    error_clear(&err);
    if (event_log_open(&log, below, &err) == STATUS_OK) {
        assert_int_equal(event_log_begin(log, 1.7e9, &err), STATUS_IO);
        event_log_close(log);
    }
    assert_non_null(strstr(err.text, file));
    free(link);
    free(below);
    free(file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {TEST(a_training_that_goes_on), TEST(torn_records_are_cut),
                                       TEST(a_full_disk), TEST(a_folder_that_goes_away),
                                       TEST(places_that_are_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
