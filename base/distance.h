/* How far apart two names are, for "did you mean". */
#ifndef VECMILL_BASE_DISTANCE_H
#define VECMILL_BASE_DISTANCE_H

#include <stddef.h>

#define DISTANCE_FAR ((size_t)-1)

/* Insertions, deletions, changes and swaps of neighbouring bytes that turn a into b; '-' and '_'
 * are the same. DISTANCE_FAR when either is longer than 63 bytes. */
size_t edit_distance(const char *a, const char *b);
/* Is a name at that distance near enough to what was typed to be offered? */
int distance_is_near(size_t distance, const char *typed);

#endif
