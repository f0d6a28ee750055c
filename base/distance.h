/* How far apart two names are, for "did you mean". */
#ifndef VECMILL_BASE_DISTANCE_H
#define VECMILL_BASE_DISTANCE_H

#include <stdbool.h>
#include <stddef.h>

#define DISTANCE_FAR ((size_t)-1)
#define DISTANCE_NAME_SIZE 64 /* the longest name that is compared, with its NUL */

/* The same name: '-' and '_' are the same. Cost: one pass. */
bool names_equal(const char *a, const char *b);
/* How many insertions, deletions, changes and swaps of neighbouring bytes turn a into b; '-' and
 * '_' are the same. DISTANCE_FAR when either does not fit DISTANCE_NAME_SIZE. */
size_t edit_distance(const char *a, const char *b);

/* Is a name at that distance near enough to what was typed to be offered? */
int distance_is_near(size_t distance, const char *typed);

#endif
