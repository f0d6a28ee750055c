#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "embedding/embedding.h"

/* Places as TensorFlow gives them for (rows, shards), id by id; shard sizes are the same under both
 * strategies. */
struct published {
    uint32_t rows, shards;
    struct place mod[13], div[13];
    uint32_t sizes[8];
};

static const struct published published[] = {
    {13,
     4,
     {{0, 0},
      {1, 0},
      {2, 0},
      {3, 0},
      {0, 1},
      {1, 1},
      {2, 1},
      {3, 1},
      {0, 2},
      {1, 2},
      {2, 2},
      {3, 2},
      {0, 3}},
     {{0, 0},
      {0, 1},
      {0, 2},
      {0, 3},
      {1, 0},
      {1, 1},
      {1, 2},
      {2, 0},
      {2, 1},
      {2, 2},
      {3, 0},
      {3, 1},
      {3, 2}},
     {4, 3, 3, 3}},
    {13,
     5,
     {{0, 0},
      {1, 0},
      {2, 0},
      {3, 0},
      {4, 0},
      {0, 1},
      {1, 1},
      {2, 1},
      {3, 1},
      {4, 1},
      {0, 2},
      {1, 2},
      {2, 2}},
     {{0, 0},
      {0, 1},
      {0, 2},
      {1, 0},
      {1, 1},
      {1, 2},
      {2, 0},
      {2, 1},
      {2, 2},
      {3, 0},
      {3, 1},
      {4, 0},
      {4, 1}},
     {3, 3, 3, 2, 2}},
    {5,
     3,
     {{0, 0}, {1, 0}, {2, 0}, {0, 1}, {1, 1}},
     {{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 0}},
     {2, 2, 1}},
    {10,
     4,
     {{0, 0}, {1, 0}, {2, 0}, {3, 0}, {0, 1}, {1, 1}, {2, 1}, {3, 1}, {0, 2}, {1, 2}},
     {{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}, {2, 0}, {2, 1}, {3, 0}, {3, 1}},
     {3, 3, 2, 2}},
    {4, 4, {{0, 0}, {1, 0}, {2, 0}, {3, 0}}, {{0, 0}, {1, 0}, {2, 0}, {3, 0}}, {1, 1, 1, 1}},
    /* Fewer rows than shards: TensorFlow divides by zero under div; here the shards past the rows
     * are empty. */
    {3, 5, {{0, 0}, {1, 0}, {2, 0}}, {{0, 0}, {1, 0}, {2, 0}}, {1, 1, 1, 0, 0}},
};

static void published_places(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        const struct published *p = &published[i];

        for (uint32_t id = 0; id < p->rows; id++) {
            struct place mod = partition_place(PARTITION_MOD, p->rows, p->shards, id);
            struct place div = partition_place(PARTITION_DIV, p->rows, p->shards, id);

            assert_int_equal(mod.shard, p->mod[id].shard);
            assert_int_equal(mod.row, p->mod[id].row);
            assert_int_equal(div.shard, p->div[id].shard);
            assert_int_equal(div.row, p->div[id].row);
        }
        for (uint32_t shard = 0; shard < p->shards; shard++) {
            assert_int_equal(partition_rows(PARTITION_MOD, p->rows, p->shards, shard),
                             p->sizes[shard]);
            assert_int_equal(partition_rows(PARTITION_DIV, p->rows, p->shards, shard),
                             p->sizes[shard]);
        }
    }
}

/* Brute force: every place of every shard is hit exactly once, and partition_id leads back. */
static void check_bijection(enum partition partition, uint32_t rows, uint32_t shards) {
    bool *seen = calloc((size_t)rows + 1, sizeof *seen);
    uint64_t sum = 0;

    assert_non_null(seen);
    for (uint32_t shard = 0; shard < shards; shard++) {
        uint32_t n = partition_rows(partition, rows, shards, shard);

        sum += n;
        for (uint32_t row = 0; row < n; row++) {
            uint32_t id = partition_id(partition, rows, shards, (struct place){shard, row});
            struct place back;

            assert_true(id < rows);
            assert_false(seen[id]);
            seen[id] = true;
            back = partition_place(partition, rows, shards, id);
            assert_int_equal(back.shard, shard);
            assert_int_equal(back.row, row);
        }
    }
    assert_int_equal(sum, rows);
    free(seen);
}

static void places_are_a_bijection(void **state) {
    (void)state;
    for (uint32_t rows = 0; rows <= 64; rows++)
        for (uint32_t shards = 1; shards <= 70; shards++) {
            check_bijection(PARTITION_MOD, rows, shards);
            check_bijection(PARTITION_DIV, rows, shards);
        }
    check_bijection(PARTITION_MOD, 100003, 97);
    check_bijection(PARTITION_DIV, 100003, 97);
}

/* The published rule for div, word for word: shard = max(id div (q + 1), (id - e) div q). */
static void div_follows_the_published_rule(void **state) {
    (void)state;
    for (int64_t rows = 1; rows <= 80; rows++)
        for (int64_t shards = 1; shards <= rows; shards++)
            for (int64_t id = 0; id < rows; id++) {
                int64_t q = rows / shards, e = rows % shards;
                int64_t a = id / (q + 1), b = id >= e ? (id - e) / q : -1;
                int64_t shard = a > b ? a : b;
                int64_t row = shard < e ? id % (q + 1) : (id - e) % q;
                struct place place =
                    partition_place(PARTITION_DIV, (uint32_t)rows, (uint32_t)shards, (uint32_t)id);

                assert_int_equal(place.shard, shard);
                assert_int_equal(place.row, row);
            }
}

static void largest_numbers_do_not_wrap(void **state) {
    static const uint32_t all_shards[] = {
        1, 2, 3, 65535, 65536, 2147483648u, UINT32_MAX - 1, UINT32_MAX};
    const uint32_t rows = UINT32_MAX;

    (void)state;
    for (size_t i = 0; i < sizeof all_shards / sizeof all_shards[0]; i++)
        for (int which = 0; which < 2; which++) {
            enum partition partition = which ? PARTITION_DIV : PARTITION_MOD;
            uint32_t shards = all_shards[i];
            uint32_t ids[] = {0, 1, rows / 2, rows - 2, rows - 1};

            for (size_t j = 0; j < sizeof ids / sizeof ids[0]; j++) {
                struct place place = partition_place(partition, rows, shards, ids[j]);

                assert_true(place.shard < shards);
                assert_true(place.row < partition_rows(partition, rows, shards, place.shard));
                assert_int_equal(partition_id(partition, rows, shards, place), ids[j]);
            }
        }
}

static void check_table(uint32_t rows, uint32_t columns, uint32_t shards,
                        enum partition partition) {
    struct error err = {0};
    struct table *table;
    size_t floats;

    assert_int_equal(table_create(&table, rows, columns, shards, partition, &err), STATUS_OK);
    assert_int_equal(table->stride % KERNEL_PAD, 0);
    assert_true(table->stride >= columns && table->stride < (size_t)columns + KERNEL_PAD);
    assert_int_equal((uintptr_t)table->data % 64, 0);
    floats = table->rows * table->stride;
    assert_int_equal(table_bytes(rows, columns), floats * sizeof(float));
    for (size_t i = 0; i < floats; i++)
        assert_true(table->data[i] == 0);
    for (uint32_t shard = 0; shard < shards; shard++)
        assert_int_equal((uintptr_t)table->shard_data[shard] % 64, 0);
    /* Every row is its own: what is written through table_row stands there afterwards. */
    for (uint32_t id = 0; id < rows; id++) {
        table_row(table, id)[0] = (float)id + 1;
        table_row(table, id)[columns - 1] = (float)id + 1;
    }
    for (uint32_t id = 0; id < rows; id++) {
        struct place place = partition_place(partition, rows, shards, id);
        const float *row = table->shard_data[place.shard] + place.row * table->stride;

        assert_ptr_equal(row, table_row(table, id));
        assert_true(row >= table->data && row + table->stride <= table->data + floats);
        assert_true(row[0] == (float)id + 1 && row[columns - 1] == (float)id + 1);
    }
    table_free(table);
}

static void tables_of_many_shapes(void **state) {
    static const uint32_t all_rows[] = {0, 1, 2, 7, 100}, all_columns[] = {1, 15, 16, 17, 128, 300},
                          all_shards[] = {1, 3, 7, 200};

    (void)state;
    for (size_t r = 0; r < 5; r++)
        for (size_t c = 0; c < 6; c++)
            for (size_t s = 0; s < 4; s++) {
                check_table(all_rows[r], all_columns[c], all_shards[s], PARTITION_MOD);
                check_table(all_rows[r], all_columns[c], all_shards[s], PARTITION_DIV);
            }
}

static void large_tables_lie_on_huge_pages(void **state) {
    struct error err = {0};
    struct table *table;
    uint32_t rows = 40000; /* 40000 x 32 floats: above 2 MiB and no multiple of it */

    (void)state;
    check_table(rows, 32, 3, PARTITION_DIV);
    check_table((2 << 20) / 64, 16, 1, PARTITION_MOD); /* 2 MiB exactly */
    check_table((2 << 20) / 64 - 1, 16, 1, PARTITION_MOD);
    assert_int_equal(table_create(&table, rows, 32, 3, PARTITION_MOD, &err), STATUS_OK);
    assert_int_equal((uintptr_t)table->data % (2 << 20), 0);
    table_free(table);
}

static void bytes_saturate(void **state) {
    (void)state;
    assert_int_equal(table_bytes(10, 1), 10 * 64);
    assert_int_equal(table_bytes(0, 100), 0);
    assert_true(table_bytes(UINT32_MAX, UINT32_MAX) == UINT64_MAX);
    assert_true(table_bytes(1, UINT32_MAX) == (uint64_t)4 << 32);
}

static void out_of_memory_names_the_bytes(void **state) {
    struct error err = {0};
    struct table *table = NULL;

    (void)state;
    assert_int_equal(table_create(&table, UINT32_MAX, UINT32_MAX, 1, PARTITION_MOD, &err),
                     STATUS_NO_MEMORY);
    assert_null(table);
    assert_non_null(strstr(err.text, "18446744073709551615 bytes"));
    assert_non_null(strstr(err.text, "4294967295 rows and 4294967295 columns"));
    error_clear(&err);
    assert_int_equal(table_create(&table, 1u << 31, 1u << 22, 1, PARTITION_MOD, &err),
                     STATUS_NO_MEMORY);
    assert_null(table);
    assert_non_null(strstr(err.text, "36028797018963968 bytes"));
}

static void free_of_nothing(void **state) {
    (void)state;
    table_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_places),
        cmocka_unit_test(places_are_a_bijection),
        cmocka_unit_test(div_follows_the_published_rule),
        cmocka_unit_test(largest_numbers_do_not_wrap),
        cmocka_unit_test(tables_of_many_shapes),
        cmocka_unit_test(large_tables_lie_on_huge_pages),
        cmocka_unit_test(bytes_saturate),
        cmocka_unit_test(out_of_memory_names_the_bytes),
        cmocka_unit_test(free_of_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
