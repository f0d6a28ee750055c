# What `cmake --install` and the Debian package install: the program, man pages and completion (which
# the program prints), the systemd unit, a settings file, licence and documents.
include(GNUInstallDirs)
set(made ${PROJECT_BINARY_DIR}/share)
set(doc ${CMAKE_INSTALL_DATAROOTDIR}/doc/vecmill)

# name = arguments of `vecmill help`
set(pages "vecmill.1=man" "vecmill.conf.5=man conf" "vecmill.bash=completion bash"
  "_vecmill=completion zsh" "vecmill.fish=completion fish")
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
  message(STATUS "cross build: the program cannot print its man pages and completion here; left out")
else()
  set(files)
  foreach(page ${pages})
    string(REGEX MATCH "^[^=]*" name "${page}")
    string(REGEX REPLACE "^[^=]*=" "" topic "${page}")
    string(REPLACE " " ";" topic "${topic}")
    add_custom_command(OUTPUT ${made}/${name} VERBATIM
      COMMAND ${CMAKE_COMMAND} -E make_directory ${made}
      COMMAND vecmill help ${topic} > ${made}/${name}
      DEPENDS vecmill)
    list(APPEND files ${made}/${name})
  endforeach()
  add_custom_target(pages ALL DEPENDS ${files})
  install(FILES ${made}/vecmill.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${made}/vecmill.conf.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
  install(FILES ${made}/vecmill.bash RENAME vecmill
    DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/bash-completion/completions)
  install(FILES ${made}/_vecmill DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/zsh/vendor-completions)
  install(FILES ${made}/vecmill.fish
    DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/fish/vendor_completions.d)
endif()

install(TARGETS vecmill RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# The unit with the paths of this installation.
file(READ ${PROJECT_SOURCE_DIR}/packaging/vecmill.service unit)
string(REGEX REPLACE "^# systemd unit[^[]*" "# systemd unit of vecmill.\n" unit "${unit}")
string(REPLACE "/usr/local/bin/" "${CMAKE_INSTALL_FULL_BINDIR}/" unit "${unit}")
string(REPLACE "/etc/vecmill/" "${CMAKE_INSTALL_FULL_SYSCONFDIR}/vecmill/" unit "${unit}")
file(CONFIGURE OUTPUT ${made}/vecmill.service CONTENT "${unit}" @ONLY)
install(FILES ${made}/vecmill.service DESTINATION lib/systemd/system)
install(FILES packaging/vecmill.sysusers RENAME vecmill.conf DESTINATION lib/sysusers.d)

# A settings file that is there is the operator's.
install(FILES vecmill.conf DESTINATION ${doc}/examples)
install(CODE "
  set(folder \"${CMAKE_INSTALL_FULL_SYSCONFDIR}/vecmill\")
  if(NOT EXISTS \"\$ENV{DESTDIR}\${folder}/vecmill.conf\")
    file(INSTALL DESTINATION \"\${folder}\" TYPE FILE FILES \"${PROJECT_SOURCE_DIR}/vecmill.conf\")
  endif()")
install(FILES README.md SECURITY.md CHANGELOG.md DESTINATION ${doc})
install(FILES packaging/copyright DESTINATION ${doc})
if(NOT VECMILL_DEB)
  install(FILES LICENSE DESTINATION ${doc})
endif()
file(GLOB guides ${PROJECT_SOURCE_DIR}/docs/*.md)
install(FILES ${guides} DESTINATION ${doc}/docs)
include(cmake/package.cmake)
