/* Register tiles of a constant size. The sums of a register tile stay in registers only where the
 * compiler knows how many there are. So the vectors of a row are cut into strips, and a loop or a
 * switch calls the micro-kernel with the length of the strip as a constant. */
#ifndef VECMILL_KERNEL_BLOCK_TILES_H
#define VECMILL_KERNEL_BLOCK_TILES_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/block/block_layout.h"
#include "kernel/vector.h"

/* How many vectors the next strip takes when `left` are left: at most `max`, and no small rest. */
INLINE uint32_t next_strip(uint32_t left, uint32_t max) {
    return left <= max ? left : left < 2 * max ? (left + 1) / 2 : max;
}

/* Cuts `total` vectors into strips of at most `max`: n of them from `first` on. */
#define FOR_STRIPS(total, max, n, first)                                                       \
    for (uint32_t first = 0, n; first < (total) && (n = next_strip((total)-first, max), true); \
         first += n)

/* A case of a switch over the length of a strip: function(b, at, from, n) with n, 1 to `max`, as a
 * constant. */
#define STRIP_CASE(i, max, function, b, at, from)      \
    case i:                                            \
        function(b, at, from, (i) <= (max) ? (i) : 1); \
        break;

/* The same for rows of ROW_VECTORS vectors. */
#define STRIP_SWITCH(function, b, at, from, n)            \
    switch (n) {                                          \
        STRIP_CASE(1, ROW_VECTORS, function, b, at, from) \
        STRIP_CASE(2, ROW_VECTORS, function, b, at, from) \
        STRIP_CASE(3, ROW_VECTORS, function, b, at, from) \
        STRIP_CASE(4, ROW_VECTORS, function, b, at, from) \
        STRIP_CASE(5, ROW_VECTORS, function, b, at, from) \
        STRIP_CASE(6, ROW_VECTORS, function, b, at, from) \
        STRIP_CASE(7, ROW_VECTORS, function, b, at, from) \
        STRIP_CASE(8, ROW_VECTORS, function, b, at, from) \
    }

/* The same for register tiles of steps: function(b, at, from, n, half), n whole vectors and a half
 * one, for all rows `at` = first, first + 4, ... of a strip. Each shape is a loop of its own: a
 * switch within the loop over rows has the compiler keep what all shapes need, and move it between
 * tiles. */
#define TILE_CASE(i, function, b, from, tail, first, end)                        \
    case i:                                                                      \
        if (HALVES && (tail))                                                    \
            for (uint32_t at_ = (first); at_ < (end); at_ += 4)                  \
                function(b, at_, from, (i) <= STEP_VECTORS ? (i)-1 : 0, HALVES); \
        else                                                                     \
            for (uint32_t at_ = (first); at_ < (end); at_ += 4)                  \
                function(b, at_, from, (i) <= STEP_VECTORS ? (i) : 1, false);    \
        break;
#define FOR_TILES(function, b, first, end)                                 \
    FOR_STRIPS((b)->ws->vectors, STEP_VECTORS, n_, from_) {                \
        bool tail_ = (b)->ws->half_tail && from_ + n_ == (b)->ws->vectors; \
        switch (n_) {                                                      \
            TILE_CASE(1, function, b, from_, tail_, first, end)            \
            TILE_CASE(2, function, b, from_, tail_, first, end)            \
            TILE_CASE(3, function, b, from_, tail_, first, end)            \
            TILE_CASE(4, function, b, from_, tail_, first, end)            \
        }                                                                  \
    }

#endif
