# Each variant is the same loops under other flags; the choice between them is made at run time (kernel.c). Contraction to fused
# multiply-adds is wanted here and nowhere else; nothing that would let the compiler drop NaN checks is.
set(kernel_files ${PROJECT_SOURCE_DIR}/kernel)
set(kernel_common -O3 -ffp-contract=fast -fno-math-errno -fno-trapping-math)
set_source_files_properties(${kernel_files}/kernel_portable.c PROPERTIES COMPILE_OPTIONS "${kernel_common}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64|AMD64")
  set(kernel_avx512 "${kernel_common};-mavx512f;-mavx512dq;-mavx512bw;-mavx512vl;-mfma;-mprefer-vector-width=512")
  # A sanitizer multiplies the time that these two take to compile; on a machine that cannot run
  # them it would find nothing.
  if(VECMILL_SANITIZE AND EXISTS /proc/cpuinfo)
    file(STRINGS /proc/cpuinfo cpu_flags REGEX "^flags" LIMIT_COUNT 1)
    if(NOT cpu_flags MATCHES " avx512f ")
      list(APPEND kernel_avx512 -fno-sanitize=all)
    endif()
  endif()
  set_source_files_properties(${kernel_files}/kernel_avx512.c PROPERTIES COMPILE_OPTIONS "${kernel_avx512}")
  set_source_files_properties(${kernel_files}/kernel_avx512bf16.c PROPERTIES COMPILE_OPTIONS "${kernel_avx512};-mavx512bf16")
  set_source_files_properties(${kernel_files}/kernel_avx2.c PROPERTIES COMPILE_OPTIONS "${kernel_common};-mavx2;-mfma")
endif()
