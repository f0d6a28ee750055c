/* Letters without regard to case. Private to embedding/. */
#ifndef VECMILL_EMBEDDING_LETTER_H
#define VECMILL_EMBEDDING_LETTER_H

#include <stdint.h>

/* Lower case of a code point, for the alphabets where case stands at a fixed distance (Latin,
 * Greek, Cyrillic, Armenian); both small sigmas become the same. Other code points stay. */
uint32_t letter_fold(uint32_t c);

#endif
