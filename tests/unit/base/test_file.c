#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/failpoint.h"
#include "tests/support/temporary.h"

static size_t count_entries(const char *folder);

static enum status count_one(void *context, const char *name, struct error *err) {
    (void)name;
    (void)err;
    ++*(size_t *)context;
    return STATUS_OK;
}

static size_t count_entries(const char *folder) {
    size_t count = 0;
    assert_int_equal(folder_visit(folder, count_one, &count, NULL), STATUS_OK);
    return count;
}

static void expect_content(const char *path, const char *bytes, size_t length) {
    char *data;
    size_t n;
    assert_int_equal(file_read(path, 1 << 24, &data, &n, NULL), STATUS_OK);
    assert_int_equal(n, length);
    assert_memory_equal(data, bytes, length);
    assert_int_equal(data[n], '\0');
    free(data);
}

static void replace_and_read(void **state) {
    char *path = temporary_path(state, "a");
    struct error err = {0};
    assert_int_equal(file_replace(path, "one", 3, &err), STATUS_OK);
    expect_content(path, "one", 3);
    assert_int_equal(file_replace(path, "", 0, &err), STATUS_OK);
    expect_content(path, "", 0);
    assert_int_equal(count_entries(*state), 1);
    char *data;
    size_t n;
    assert_int_equal(file_replace(path, "12345", 5, &err), STATUS_OK);
    assert_int_equal(file_read(path, 5, &data, &n, &err), STATUS_OK);
    free(data);
    assert_int_equal(file_read(path, 4, &data, &n, &err), STATUS_TOO_LARGE);
    assert_non_null(strstr(err.text, "is larger than 4 bytes"));
    free(path);
}

static void large_pieces_and_patches(void **state) {
    char *path = temporary_path(state, "big");
    size_t size = 900001;
    char *bytes = malloc(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i * 7 % 251);
    struct file_writer *writer;
    struct error err = {0};
    assert_int_equal(file_writer_create(&writer, path, &err), STATUS_OK);
    assert_int_equal(file_writer_append(writer, "headhead", 8, &err), STATUS_OK);
    size_t at = 0;
    for (size_t piece = 1; at < size; piece = piece * 3 + 1) {
        size_t n = piece < size - at ? piece : size - at;
        assert_int_equal(file_writer_append(writer, bytes + at, n, &err), STATUS_OK);
        at += n;
    }
    assert_int_equal(file_writer_size(writer), size + 8);
    assert_int_equal(file_writer_patch(writer, 0, "HEAD", 4, &err), STATUS_OK);
    assert_int_equal(file_writer_append(writer, "end", 3, &err), STATUS_OK);
    assert_int_equal(file_writer_patch(writer, size + 8, "END", 3, &err), STATUS_OK);
    assert_int_equal(file_writer_patch(writer, size + 9, "END", 3, NULL), STATUS_INTERNAL);
    assert_false(file_exists(path));
    assert_int_equal(file_writer_commit(writer, true, &err), STATUS_OK);
    char *data;
    size_t n;
    assert_int_equal(file_read(path, size + 11, &data, &n, &err), STATUS_OK);
    assert_int_equal(n, size + 11);
    assert_memory_equal(data, "HEADhead", 8);
    assert_memory_equal(data + 8, bytes, size);
    assert_memory_equal(data + 8 + size, "END", 3);
    free(data);
    free(bytes);
    free(path);
}

static void fresh_conflicts(void **state) {
    char *path = temporary_path(state, "f");
    struct error err = {0};
    assert_int_equal(file_replace(path, "old", 3, &err), STATUS_OK);
    struct file_writer *writer;
    assert_int_equal(file_writer_create(&writer, path, &err), STATUS_OK);
    assert_int_equal(file_writer_append(writer, "new", 3, &err), STATUS_OK);
    assert_int_equal(file_writer_commit(writer, true, &err), STATUS_CONFLICT);
    assert_non_null(strstr(err.text, "exists already"));
    expect_content(path, "old", 3);
    assert_int_equal(count_entries(*state), 1);
    free(path);
}

static void abort_leaves_nothing(void **state) {
    char *path = temporary_path(state, "x");
    struct file_writer *writer;
    assert_int_equal(file_writer_create(&writer, path, NULL), STATUS_OK);
    assert_int_equal(file_writer_append(writer, "new", 3, NULL), STATUS_OK);
    file_writer_abort(writer);
    file_writer_abort(NULL);
    assert_int_equal(count_entries(*state), 0);
    free(path);
}

static void what_is_no_file(void **state) {
    struct error err = {0};
    struct file_writer *writer;
    assert_int_equal(file_writer_create(&writer, "/dev/null", &err), STATUS_REFUSED);
    assert_string_equal(err.text, "cannot write '/dev/null': not a regular file");
    error_clear(&err);
    assert_int_equal(file_writer_create(&writer, *state, &err), STATUS_REFUSED);
    error_clear(&err);
    char *path = temporary_path(state, "no/such");
    assert_int_equal(file_replace(path, "x", 1, &err), STATUS_NOT_FOUND);
    free(path);
    error_clear(&err);
    char *data;
    size_t n;
    assert_int_equal(file_read(*state, 10, &data, &n, &err), STATUS_IO);
    error_clear(&err);
    struct file_map map;
    assert_int_equal(file_map_open(&map, *state, &err), STATUS_REFUSED);
    assert_int_equal(file_map_open(&map, "/dev/null", NULL), STATUS_REFUSED);
    error_clear(&err);
    path = temporary_path(state, "absent");
    assert_int_equal(file_read(path, 10, &data, &n, &err), STATUS_NOT_FOUND);
    assert_int_equal(file_map_open(&map, path, NULL), STATUS_NOT_FOUND);
    file_map_close(&map);
    uint64_t size;
    assert_int_equal(file_size(path, &size, NULL), STATUS_NOT_FOUND);
    free(path);
}

static void reads_files_without_size(void **state) {
    (void)state;
    char *data;
    size_t n;
    assert_int_equal(file_read("/proc/self/status", 1 << 20, &data, &n, NULL), STATUS_OK);
    assert_true(n > 100);
    free(data);
    assert_int_equal(file_read("/dev/zero", 100000, &data, &n, NULL), STATUS_TOO_LARGE);
}

static void maps(void **state) {
    char *path = temporary_path(state, "m");
    struct file_map map;
    assert_int_equal(file_replace(path, "", 0, NULL), STATUS_OK);
    assert_int_equal(file_map_open(&map, path, NULL), STATUS_OK);
    assert_int_equal(map.length, 0);
    assert_non_null(map.data);
    file_map_close(&map);
    assert_int_equal(file_replace(path, "mapped", 6, NULL), STATUS_OK);
    assert_int_equal(file_map_open(&map, path, NULL), STATUS_OK);
    assert_int_equal(file_replace(path, "other", 5, NULL), STATUS_OK);
    assert_int_equal(map.length, 6);
    assert_memory_equal(map.data, "mapped", 6); /* the old content stays with who mapped it */
    file_map_close(&map);
    file_map_close(&map);
    free(path);
}

static void scratch(void **state) {
    char *path = temporary_path(state, "s");
    int fd;
    char back[4] = {0};
    struct error err = {0};
    assert_int_equal(file_scratch_open(path, &fd, &err), STATUS_OK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(file_write_at(fd, "abcd", 4, 1000, &err), STATUS_OK);
    assert_int_equal(file_read_at(fd, back, 4, 1000, &err), STATUS_OK);
    assert_memory_equal(back, "abcd", 4);
    assert_int_equal(file_read_at(fd, back, 4, 1002, &err), STATUS_IO);
    assert_string_equal(err.text, "file ends at offset 1004, 2 bytes too early");
    close(fd);
    error_clear(&err);
    char *link = temporary_path(state, "link");
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(file_scratch_open(link, &fd, &err), STATUS_IO);
    free(link);
    free(path);
}

static void folders(void **state) {
    char *deep = temporary_path(state, "a/b/c");
    struct error err = {0};
    assert_int_equal(folder_create(deep, &err), STATUS_OK);
    assert_int_equal(folder_create(deep, &err), STATUS_OK);
    struct stat info;
    assert_int_equal(stat(deep, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    char *file = path_join(deep, "file");
    assert_int_equal(file_replace(file, "x", 1, &err), STATUS_OK);
    char *below = path_join(file, "d");
    assert_int_equal(folder_create(below, &err), STATUS_IO);
    assert_non_null(strstr(err.text, "cannot create folder"));
    assert_int_equal(folder_create(file, NULL), STATUS_IO);
    free(below);
    free(file);
    free(deep);
}

static void remove_follows_no_link(void **state) {
    char *tree = temporary_path(state, "tree/inner"), *keep_folder = temporary_path(state, "keep");
    char *kept = temporary_path(state, "keep/file"),
         *link = temporary_path(state, "tree/inner/link");
    struct error err = {0};
    assert_int_equal(folder_create(tree, &err), STATUS_OK);
    assert_int_equal(folder_create(keep_folder, &err), STATUS_OK);
    assert_int_equal(file_replace(kept, "x", 1, &err), STATUS_OK);
    assert_int_equal(symlink(keep_folder, link), 0);
    char *top = temporary_path(state, "tree");
    assert_int_equal(path_remove(top, &err), STATUS_OK);
    assert_int_equal(path_remove(top, &err), STATUS_OK);
    assert_false(file_exists(top));
    assert_true(file_exists(kept));
    assert_int_equal(symlink(keep_folder, top), 0);
    assert_int_equal(path_remove(top, &err), STATUS_OK);
    assert_true(file_exists(kept));
    free(top);
    free(tree);
    free(keep_folder);
    free(kept);
    free(link);
}

struct order {
    char names[8][8];
    size_t count, stop_after;
};

static enum status note(void *context, const char *name, struct error *err) {
    struct order *order = context;
    snprintf(order->names[order->count++], 8, "%s", name);
    return order->count == order->stop_after ? error_set(err, STATUS_CANCELLED, "enough")
                                             : STATUS_OK;
}

static void visit_in_byte_order(void **state) {
    const char *names[] = {"b", "a", "B", "\xc3\xa4", "10", "9"};
    const char *sorted[] = {"10", "9", "B", "a", "b", "\xc3\xa4"};
    for (size_t i = 0; i < 6; i++) {
        char *path = temporary_path(state, names[i]);
        assert_int_equal(file_replace(path, "", 0, NULL), STATUS_OK);
        free(path);
    }
    struct order order = {.count = 0};
    assert_int_equal(folder_visit(*state, note, &order, NULL), STATUS_OK);
    assert_int_equal(order.count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(order.names[i], sorted[i]);
    struct order two = {.stop_after = 2};
    assert_int_equal(folder_visit(*state, note, &two, NULL), STATUS_CANCELLED);
    assert_int_equal(two.count, 2);
    char *absent = temporary_path(state, "absent");
    assert_int_equal(folder_visit(absent, note, &order, NULL), STATUS_NOT_FOUND);
    free(absent);
}

static void sweep_takes_temporaries(void **state) {
    char *inner = temporary_path(state, "in/ner"),
         *folder = temporary_path(state, "in/.tmp-folder/x");
    char *a = temporary_path(state, ".tmp-1"), *b = temporary_path(state, "in/ner/.tmp-2");
    char *c = temporary_path(state, "in/ner/tmp-3");
    assert_int_equal(folder_create(inner, NULL), STATUS_OK);
    assert_int_equal(folder_create(folder, NULL), STATUS_OK);
    assert_int_equal(file_replace(a, "", 0, NULL), STATUS_OK);
    assert_int_equal(file_replace(b, "", 0, NULL), STATUS_OK);
    assert_int_equal(file_replace(c, "", 0, NULL), STATUS_OK);
    size_t removed = 99;
    assert_int_equal(folder_sweep(*state, &removed, NULL), STATUS_OK);
    assert_int_equal(removed, 3);
    assert_true(file_exists(c));
    assert_false(file_exists(a) || file_exists(b) || file_exists(folder));
    free(inner);
    free(folder);
    free(a);
    free(b);
    free(c);
}

/* What cannot be swept does not keep the rest from it. */
static void sweep_goes_on_behind_a_failure(void **state) {
    size_t removed = 0;
    struct error err = {0};
    char *first = temporary_path(state, "a"), *long_path = NULL;
    char *second = temporary_path(state, "b"), *left = NULL;
    assert_int_equal(folder_add(first, &err), STATUS_OK);
    assert_int_equal(folder_add(second, &err), STATUS_OK);
    left = path_join(second, ".tmp-left");
    assert_int_equal(file_replace(left, "x", 1, &err), STATUS_OK);
    if (geteuid() != 0) { /* root may look into anything */
        assert_int_equal(chmod(first, 0), 0);
        assert_int_equal(folder_sweep(*state, &removed, &err), STATUS_IO);
        assert_int_equal(chmod(first, 0700), 0);
    } else {
        assert_int_equal(folder_sweep(*state, &removed, &err), STATUS_OK);
    }
    assert_int_equal(removed, 1);
    assert_false(file_exists(left));
    long_path = temporary_path(state, "no/parent");
    error_clear(&err);
    assert_int_equal(folder_add(long_path, &err), STATUS_NOT_FOUND);
    free(first);
    free(second);
    free(left);
    free(long_path);
}

static void states_and_checksums(void **state) {
    struct error err = {0};
    struct file_state before, after;
    uint64_t sum = 0;
    char *path = temporary_path(state, "a");
    size_t length = 600001; /* more than one piece */
    char *bytes = calloc(1, length);
    assert_non_null(bytes);
    memset(bytes, 'x', length / 2);
    assert_int_equal(file_state(path, &before, &err), STATUS_NOT_FOUND);
    error_clear(&err);
    assert_int_equal(file_replace(path, bytes, length, &err), STATUS_OK);
    assert_int_equal(file_state(path, &before, &err), STATUS_OK);
    assert_int_equal(before.size, length);
    assert_int_equal(file_checksum(path, &sum, &err), STATUS_OK);
    assert_true(sum == checksum(bytes, length));
    assert_int_equal(file_replace(path, bytes, length, &err), STATUS_OK);
    assert_int_equal(file_state(path, &after, &err), STATUS_OK);
    assert_true(before.inode != after.inode || before.changed != after.changed);
    assert_int_equal(file_checksum(*state, &sum, &err), STATUS_IO); /* a folder */
    free(bytes);
    free(path);
}

static void renames_and_links(void **state) {
    char *a = temporary_path(state, "a"), *b = temporary_path(state, "b"),
         *c = temporary_path(state, "c");
    struct error err = {0};
    assert_int_equal(file_replace(a, "a", 1, &err), STATUS_OK);
    assert_int_equal(path_link(a, b, &err), STATUS_OK);
    assert_int_equal(path_link(a, b, &err), STATUS_CONFLICT);
    error_clear(&err);
    assert_int_equal(path_rename(a, b, true, &err), STATUS_CONFLICT);
    error_clear(&err);
    assert_int_equal(path_rename(a, c, true, &err), STATUS_OK);
    assert_int_equal(path_rename(a, c, false, &err), STATUS_NOT_FOUND);
    error_clear(&err);
    assert_int_equal(file_replace(c, "c", 1, &err), STATUS_OK);
    assert_int_equal(path_rename(c, b, false, &err), STATUS_OK);
    expect_content(b, "c", 1);
    uint64_t bytes = 0;
    assert_int_equal(disk_available(*state, &bytes, &err), STATUS_OK);
    assert_true(bytes > 0);
    free(a);
    free(b);
    free(c);
}

static void relative_paths(void **state) {
    char old[4096];
    assert_non_null(getcwd(old, sizeof old));
    assert_int_equal(chdir(*state), 0);
    assert_int_equal(file_replace("plain", "x", 1, NULL), STATUS_OK);
    assert_int_equal(folder_create("one/two/", NULL), STATUS_OK);
    assert_int_equal(path_rename("one/two", "three", true, NULL), STATUS_OK);
    assert_int_equal(path_remove("three", NULL), STATUS_OK);
    expect_content("plain", "x", 1);
    assert_int_equal(chdir(old), 0);
    char *joined = path_join("a/", "b");
    assert_string_equal(joined, "a/b");
    free(joined);
    joined = path_join("", "b");
    assert_string_equal(joined, "b");
    free(joined);
}

#ifdef VECMILL_FAILPOINTS
static void failures_leave_the_old_content(void **state) {
    static const struct {
        const char *spec;
        enum status status;
    } cases[] = {{"file.write:enospc", STATUS_DISK_FULL},
                 {"file.write:eio", STATUS_IO},
                 {"file.fsync:eio", STATUS_IO},
                 {"file.rename:eio", STATUS_IO}};
    char *path = temporary_path(state, "f");
    assert_int_equal(file_replace(path, "old", 3, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        failpoint_configure(cases[i].spec);
        assert_int_equal(file_replace(path, "new", 3, &err), cases[i].status);
        failpoint_configure(NULL);
        expect_content(path, "old", 3);
        assert_int_equal(count_entries(*state), 1);
    }
    char *fresh = temporary_path(state, "fresh");
    struct file_writer *writer;
    assert_int_equal(file_writer_create(&writer, fresh, NULL), STATUS_OK);
    failpoint_configure("file.sync_folder:eio@1");
    assert_int_equal(file_writer_commit(writer, true, NULL), STATUS_IO);
    failpoint_configure("");
    assert_int_equal(count_entries(*state), 1);
    failpoint_configure("file.write:eio@2+,bad,worse:what@1");
    assert_int_equal(file_replace(path, "1", 1, NULL), STATUS_OK);
    assert_int_equal(file_replace(path, "2", 1, NULL), STATUS_IO);
    assert_int_equal(file_replace(path, "3", 1, NULL), STATUS_IO);
    failpoint_configure(NULL);
    free(fresh);
    free(path);
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_setup, temporary_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(replace_and_read),
        TEST(large_pieces_and_patches),
        TEST(fresh_conflicts),
        TEST(abort_leaves_nothing),
        TEST(what_is_no_file),
        TEST(reads_files_without_size),
        TEST(maps),
        TEST(scratch),
        TEST(folders),
        TEST(remove_follows_no_link),
        TEST(visit_in_byte_order),
        TEST(sweep_takes_temporaries),
        TEST(renames_and_links),
        TEST(sweep_goes_on_behind_a_failure),
        TEST(states_and_checksums),
        TEST(relative_paths),
#ifdef VECMILL_FAILPOINTS
        TEST(failures_leave_the_old_content),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
