# Each variant is the same fast path over text under other flags; the choice between them is made at
# run time (corpus_scan.c).
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64|AMD64")
  set(scan_files ${PROJECT_SOURCE_DIR}/corpus)
  set(scan_bits "-mbmi;-mbmi2;-mlzcnt;-mpopcnt")
  set_source_files_properties(${scan_files}/corpus_scan_avx512.c PROPERTIES COMPILE_OPTIONS
    "${scan_bits};-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx512vbmi2")
  set_source_files_properties(${scan_files}/corpus_scan_avx2.c PROPERTIES COMPILE_OPTIONS "${scan_bits};-mavx2")
endif()
