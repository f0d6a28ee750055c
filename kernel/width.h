/* The sizes of a kernel. A kernel_*.c may define them before it includes anything; where it does
 * not, they are the portable kernel's: 128-bit vectors, SSE2 on x86-64 and NEON on arm64. So each
 * header of this folder can be compiled, and read in an editor, alone.
 *
 *   WIDTH           floats in a vector: 16, 8 or 4
 *   ROW_VECTORS     vectors of a row that CBOW holds in registers, twice
 *   SCORE_VECTORS   vectors of scores in a register tile, for each of four rows
 *   STEP_VECTORS    vectors of columns in a register tile of steps, for each of four rows */
#ifndef VECMILL_KERNEL_WIDTH_H
#define VECMILL_KERNEL_WIDTH_H

#if !defined(WIDTH)
#define WIDTH 4
#if defined(__aarch64__)
#define ROW_VECTORS 8
#define SCORE_VECTORS 4
#define STEP_VECTORS 4
#else
#define ROW_VECTORS 6
#define SCORE_VECTORS 2
#define STEP_VECTORS 2
#endif
#endif

#endif
