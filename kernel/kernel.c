#include "kernel/kernel.h"

#include <string.h>

#include "kernel/variants.h"

static const struct kernel *const variants[] = {
#if defined(__x86_64__)
    &kernel_avx512bf16, &kernel_avx512, &kernel_avx2,
#endif
    &kernel_portable,   NULL,
};

const struct kernel *const *kernel_list(void) {
    return variants;
}

const struct kernel *kernel_choose(const char *name) {
    bool any = !name || strcmp(name, "auto") == 0;
    for (const struct kernel *const *kernel = variants; *kernel; kernel++)
        if ((any || strcmp((*kernel)->name, name) == 0) && (*kernel)->runs())
            return *kernel;
    return NULL;
}
