/* Arrays that grow. */
#ifndef VECMILL_BASE_ARRAY_H
#define VECMILL_BASE_ARRAY_H

#include <stddef.h>

/* Room for at least `wanted` elements of `size` bytes in `array` (NULL: none yet), which has *room:
 * doubled until they fit, from 16 on, so that appending takes constant time on the mean. Returns
 * the array where it is now and sets *room; NULL when there is no memory, or no such number of
 * bytes: the old array and *room then stay as they were. Owns: as realloc.
 *
 *     struct word *words = array_grow(list->words, &list->room, list->n + 1, sizeof *words);
 *     if (!words)
 *         return error_set(err, STATUS_NO_MEMORY, "cannot allocate %zu words", list->n + 1);
 *     list->words = words;
 */
void *array_grow(void *array, size_t *room, size_t wanted, size_t size);

#endif
