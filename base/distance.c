#include "base/distance.h"

#include <string.h>

#define NAME_BYTES_MAX (DISTANCE_NAME_SIZE - 1)

static int same(char a, char b) {
    return a == b || ((a == '-' || a == '_') && (b == '-' || b == '_'));
}

static size_t min_of(size_t a, size_t b) {
    return a < b ? a : b;
}

bool names_equal(const char *a, const char *b) {
    while (*a != '\0' && same(*a, *b))
        a++, b++;
    return *a == '\0' && *b == '\0';
}

size_t edit_distance(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b);
    if (n > NAME_BYTES_MAX || m > NAME_BYTES_MAX)
        return DISTANCE_FAR;
    /* Three rows of the usual table: two back for swaps. */
    size_t rows[3][NAME_BYTES_MAX + 1];
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = min_of(above[j], row[j - 1]) + 1;
            row[j] = min_of(row[j], above[j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                row[j] = min_of(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[n % 3][m];
}

int distance_is_near(size_t distance, const char *typed) {
    size_t length = strlen(typed);
    return distance != DISTANCE_FAR && distance <= (length < 3 ? 1 : 1 + length / 4) &&
           distance < length;
}
