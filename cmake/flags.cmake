# Warnings, hardening and sanitizers, in one interface target that every folder links.
include(CheckCCompilerFlag)
add_library(vecmill_flags INTERFACE)
# A value of an enum that a switch without default forgets is an error in every build: that is how a
# new choice, sampler or status tells its author the places it still needs.
target_compile_options(vecmill_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wvla
  -Wmissing-prototypes -Wstrict-prototypes -Wformat=2 -Werror=format-security -Werror=switch -Wundef
  -Wpointer-arith -Wcast-qual -Wwrite-strings)
target_compile_definitions(vecmill_flags INTERFACE _GNU_SOURCE VECMILL_VERSION="${PROJECT_VERSION}")
target_link_libraries(vecmill_flags INTERFACE Threads::Threads)
if(VECMILL_WERROR)
  target_compile_options(vecmill_flags INTERFACE -Werror)
endif()
if(VECMILL_FAILPOINTS)
  target_compile_definitions(vecmill_flags INTERFACE VECMILL_FAILPOINTS=1)
endif()

if(VECMILL_SANITIZE)
  target_compile_options(vecmill_flags INTERFACE -fsanitize=${VECMILL_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer -g)
  target_link_options(vecmill_flags INTERFACE -fsanitize=${VECMILL_SANITIZE})
  if(VECMILL_SANITIZE MATCHES "thread")
    target_compile_definitions(vecmill_flags INTERFACE VECMILL_ATOMIC_ROWS=1)
  endif()
else()
  # Hardening of what ships; the sanitizers bring their own checks and dislike fortify.
  set(hardening -fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
    list(APPEND hardening -fcf-protection=full)
  endif()
  foreach(flag ${hardening})
    string(MAKE_C_IDENTIFIER "HAVE${flag}" have)
    check_c_compiler_flag(${flag} ${have})
    if(${have})
      target_compile_options(vecmill_flags INTERFACE ${flag})
    endif()
  endforeach()
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_C_COMPILER_VERSION VERSION_GREATER_EQUAL 12)
    target_compile_options(vecmill_flags INTERFACE $<$<CONFIG:Release>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>)
  else()
    target_compile_options(vecmill_flags INTERFACE $<$<CONFIG:Release>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
  endif()
  target_link_options(vecmill_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code)
endif()
