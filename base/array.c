#include "base/array.h"

#include <stdint.h>
#include <stdlib.h>

#define MIN_ROOM 16

void *array_grow(void *array, size_t *room, size_t wanted, size_t size) {
    if (array && wanted <= *room)
        return array;
    size_t more = *room < MIN_ROOM ? MIN_ROOM : *room;
    while (more < wanted)
        more = more > SIZE_MAX / 2 ? wanted : more * 2;
    if (more > SIZE_MAX / size)
        return NULL;
    void *grown = realloc(array, more * size);
    if (grown)
        *room = more;
    return grown;
}
