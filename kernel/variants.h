/* The compiled variants. Private to kernel/. */
#ifndef VECMILL_KERNEL_VARIANTS_H
#define VECMILL_KERNEL_VARIANTS_H

#include "kernel/kernel.h"

#if defined(__x86_64__)
extern const struct kernel kernel_avx512bf16;
extern const struct kernel kernel_avx512;
extern const struct kernel kernel_avx2;
#endif
extern const struct kernel kernel_portable;

#endif
