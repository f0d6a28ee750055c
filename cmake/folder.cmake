# One folder = one static library. Sources are the folder's own .c files, not those of the folders
# in it. PUBLIC names the headers that other folders may include ("*": all; when it is missing, the
# header named after the folder); tests/check/check_tree.py reads it. NEEDS names folders and
# imported targets.

# A target cannot hold '/': the library of server/http is the target server_http.
function(vecmill_targets result)
  string(REPLACE "/" "_" targets "${ARGN}")
  set(${result} ${targets} PARENT_SCOPE)
endfunction()

function(vecmill_folder folder)
  cmake_parse_arguments(ARG "" "" "PUBLIC;NEEDS" ${ARGN})
  vecmill_targets(target ${folder})
  vecmill_targets(needs ${ARG_NEEDS})
  get_filename_component(name ${folder} NAME)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.c)
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${target} PUBLIC vecmill_flags ${needs})
  if(EXISTS ${PROJECT_SOURCE_DIR}/${folder}/${name}.cmake)
    include(${PROJECT_SOURCE_DIR}/${folder}/${name}.cmake)
  endif()
endfunction()

function(vecmill_program name folder)
  cmake_parse_arguments(ARG "" "" "NEEDS" ${ARGN})
  vecmill_targets(needs ${ARG_NEEDS})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.c)
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE vecmill_flags ${needs})
endfunction()
