/* The kernel's comparisons without cmocka: for a cross-built program under an emulator. */
#include <stdio.h>

#include "tests/oracle/oracle_kernel.h"

int main(void) {
    int passed = 0, failed = 0;
    for (const struct kernel *const *kernel = kernel_list(); *kernel; kernel++)
        for (uint64_t seed = 0; seed < 60 && (*kernel)->runs(); seed++) {
            struct kernel_case block = kernel_case_draw(seed), pairs = block;
            pairs.noise = 1 + pairs.noise % 20;
            double worst[] = {kernel_case_compare(*kernel, &block),
                              kernel_case_compare_pairs(*kernel, &pairs),
                              kernel_case_compare_search(*kernel, seed)};
            for (int i = 0; i < 3; i++) {
                *(worst[i] <= 1 ? &passed : &failed) += 1;
                if (!(worst[i] <= 1))
                    printf("kernel %s, comparison %d, seed %d: %g times the tolerance\n",
                           (*kernel)->name, i, (int)seed, worst[i]);
            }
        }
    printf("arm64_kernel: %d passed, %d failed\n", passed, failed);
    return failed != 0;
}
