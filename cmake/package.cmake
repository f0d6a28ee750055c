# A Debian package by CPack, from a build with -DCMAKE_INSTALL_PREFIX=/usr -DVECMILL_DEB=ON:
#
#   cpack --config build/deb/CPackConfig.cmake -B build/deb
#
# scripts/make-deb does it all.
option(VECMILL_DEB "Lay files out as a Debian package has them" OFF)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME vecmill)
set(CPACK_PACKAGE_VENDOR vecmill)
set(CPACK_PACKAGE_CONTACT "The vecmill authors <vecmill@example.org>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ
  GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "systemd")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "word embeddings: trained from text, served over HTTP")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
  "vecmill learns a vector for each word of a text (word2vec, noise-contrastive
estimation) and answers lookups, neighbours and analogies over HTTP and on the
command line. It needs a CPU and no GPU.")
set(extra)
foreach(name postinst prerm postrm conffiles)
  list(APPEND extra ${PROJECT_SOURCE_DIR}/packaging/debian/${name})
endforeach()
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${extra})
if(VECMILL_DEB)
  # gzip without a name and a time in it: the same bytes each time
  foreach(file "${made}/vecmill.1=${CMAKE_INSTALL_MANDIR}/man1/vecmill.1"
      "${made}/vecmill.conf.5=${CMAKE_INSTALL_MANDIR}/man5/vecmill.conf.5"
      "${PROJECT_SOURCE_DIR}/packaging/debian/changelog=${doc}/changelog")
    string(REGEX REPLACE "=.*" "" from "${file}")
    string(REGEX REPLACE ".*=" "" to "${file}")
    install(CODE "
      set(to \"\$ENV{DESTDIR}/usr/${to}\")
      get_filename_component(folder \"\${to}\" DIRECTORY)
      file(MAKE_DIRECTORY \"\${folder}\")
      execute_process(COMMAND gzip -9nc \"${from}\" OUTPUT_FILE \"\${to}.gz\"
        COMMAND_ERROR_IS_FATAL ANY)
      file(REMOVE \"\${to}\")")
  endforeach()
endif()
include(CPack)
