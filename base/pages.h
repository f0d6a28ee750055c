/* Address space whose pages take memory only once they are written: for arrays whose length nobody
 * knows yet, which then grow without a copy, and for large ones that are read at random. */
#ifndef VECMILL_BASE_PAGES_H
#define VECMILL_BASE_PAGES_H

#include <stddef.h>

/* Zeroed. NULL when the system gives no address space of that length. Owns: pages_release with the
 * same length. */
void *pages_reserve(size_t bytes);
/* Asks for huge pages, where the system has them, for what was not written yet: reading at random
 * is faster, but the first byte written takes two megabytes. */
void pages_prefer_huge(void *pages, size_t bytes);
void pages_release(void *pages, size_t bytes); /* NULL is fine */
/* Gives the memory of [from, to) bytes back, as far as it is whole pages; what is read there later
 * is zero or as it was. */
void pages_forget(void *pages, size_t from, size_t to);

#endif
