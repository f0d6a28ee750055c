# One folder = one static library. Sources are the folder's own .c files. PUBLIC names the headers
# that other folders may include ("*": all; when it is missing, the header named after the folder);
# tests/check/check_tree.py reads it.
function(vecmill_folder name)
  cmake_parse_arguments(ARG "" "" "PUBLIC;NEEDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${name}/*.c ${PROJECT_SOURCE_DIR}/${name}/*/*.c)
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC vecmill_flags ${ARG_NEEDS})
  if(EXISTS ${PROJECT_SOURCE_DIR}/${name}/${name}.cmake)
    include(${PROJECT_SOURCE_DIR}/${name}/${name}.cmake)
  endif()
endfunction()

function(vecmill_program name folder)
  cmake_parse_arguments(ARG "" "" "NEEDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.c)
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE vecmill_flags ${ARG_NEEDS})
endfunction()
