# A fused multiply-add rounds once where two operations round twice: without this the alias tables,
# and with them the ids drawn, could differ between machines.
target_compile_options(sampler PRIVATE -ffp-contract=off)
# Each variant is the same loop under other flags; draw.c chooses at run time. The conversions in it
# never trap: saying so is what lets the compiler put them into vectors.
set(sampler_files ${PROJECT_SOURCE_DIR}/sampler)
set(sampler_common -O3 -fno-math-errno -fno-trapping-math)
set_source_files_properties(${sampler_files}/draw.c PROPERTIES COMPILE_OPTIONS "${sampler_common}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64|AMD64")
  set_source_files_properties(${sampler_files}/draw_avx512.c PROPERTIES COMPILE_OPTIONS
    "${sampler_common};-mavx512f;-mavx512dq;-mavx512bw;-mavx512vl;-mprefer-vector-width=512")
  set_source_files_properties(${sampler_files}/draw_avx2.c PROPERTIES COMPILE_OPTIONS
    "${sampler_common};-mavx2")
endif()
