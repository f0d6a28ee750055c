/* Arrays that grow: elements stay, room doubles, what cannot be had changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"

static void elements_stay_and_room_doubles(void **state) {
    (void)state;
    uint32_t *numbers = NULL;
    size_t room = 0, changes = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        size_t before = room;
        uint32_t *grown = array_grow(numbers, &room, (size_t)i + 1, sizeof *grown);
        assert_non_null(grown);
        numbers = grown;
        numbers[i] = i * 7;
        assert_true(room > i);
        changes += room != before;
    }
    assert_true(changes <= 14); /* 16 doubled 13 times is 131,072 */
    for (uint32_t i = 0; i < 100000; i++)
        assert_int_equal(numbers[i], i * 7);
    free(numbers);
}

static void many_at_once_fit(void **state) {
    (void)state;
    size_t room = 0;
    char *text = array_grow(NULL, &room, 1000, 1);
    assert_non_null(text);
    assert_true(room >= 1000);
    text[999] = 'x';
    free(text);
}

static void too_many_change_nothing(void **state) {
    (void)state;
    size_t room = 0;
    uint64_t *numbers = array_grow(NULL, &room, 1, sizeof *numbers);
    assert_non_null(numbers);
    size_t before = room;
    numbers[0] = 5;
    assert_null(array_grow(numbers, &room, SIZE_MAX / 4, sizeof *numbers));
    assert_null(array_grow(numbers, &room, SIZE_MAX, sizeof *numbers));
    assert_int_equal(room, before);
    assert_int_equal(numbers[0], 5);
    free(numbers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_stay_and_room_doubles),
        cmocka_unit_test(many_at_once_fit),
        cmocka_unit_test(too_many_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
