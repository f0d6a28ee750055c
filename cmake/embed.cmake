# A file as bytes in the program.
#
#   vecmill_embed(TARGET FILE NAME)
#
# adds to TARGET a generated source that holds the bytes of FILE (relative to the project):
#
#   extern const unsigned char NAME[];   a NUL stands behind the last byte
#   extern const size_t NAME_size;       without that NUL
#
# This file is also the script that writes the source, at build time and whenever FILE changes.
# Plain C, so that it does not matter which compiler and machine it is for.
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ ${INPUT} bytes HEX)
  string(LENGTH "${bytes}" length)
  math(EXPR size "${length} / 2")
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1, " bytes "${bytes}")
  file(WRITE ${OUTPUT} "/* Written by cmake/embed.cmake. */
#include <stddef.h>

extern const unsigned char ${NAME}[];
extern const size_t ${NAME}_size;

const unsigned char ${NAME}[] = {
${bytes}
0};
const size_t ${NAME}_size = ${size};
")
  return()
endif()

set(VECMILL_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
function(vecmill_embed target file name)
  set(input ${PROJECT_SOURCE_DIR}/${file})
  set(output ${PROJECT_BINARY_DIR}/embedded/${name}.c)
  add_custom_command(OUTPUT ${output} VERBATIM
    COMMAND ${CMAKE_COMMAND} -DINPUT=${input} -DOUTPUT=${output} -DNAME=${name} -P ${VECMILL_EMBED_SCRIPT}
    DEPENDS ${input} ${VECMILL_EMBED_SCRIPT})
  target_sources(${target} PRIVATE ${output})
endfunction()
