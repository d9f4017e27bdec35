# SPDX-License-Identifier: Apache-2.0
# `make install`: headers, libraries, the command, and how other builds find them
# (find_package(mobilenet COMPONENTS io train), pkg-config mobilenet mobilenet_io mobilenet_train).
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/mobilenet)

install(DIRECTORY include/mobilenet TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(TARGETS mobilenet mobilenet_shared EXPORT mobilenet-targets)
install(TARGETS mobilenet_io EXPORT mobilenet-io-targets)
install(TARGETS mobilenet_train EXPORT mobilenet-train-targets)
foreach(set mobilenet mobilenet-io mobilenet-train)
  install(EXPORT ${set}-targets NAMESPACE mobilenet:: DESTINATION ${package_dir})
endforeach()
configure_package_config_file(cmake/mobilenet-config.cmake.in mobilenet-config.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(mobilenet-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/mobilenet-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/mobilenet-config-version.cmake DESTINATION ${package_dir})

# Paths relative to the .pc file, so that an installed tree may be moved.
file(RELATIVE_PATH PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" PC_PREFIX "${PC_PREFIX}")
set(PC_THREADS "")
if(MOBILENET_THREADS)
  set(PC_THREADS "-lpthread")
endif()
foreach(name mobilenet mobilenet_io mobilenet_train)
  configure_file(cmake/${name}.pc.in ${name}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

if(TARGET mobilenet_tool)
  install(TARGETS mobilenet_tool)
  install(TARGETS ${tool_parts}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/mobilenet)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/mobilenet.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
    OPTIONAL)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/mobilenet.bash RENAME mobilenet OPTIONAL
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()
install(DIRECTORY models DESTINATION ${CMAKE_INSTALL_DATADIR}/mobilenet OPTIONAL
  PATTERN "*.py" EXCLUDE)
