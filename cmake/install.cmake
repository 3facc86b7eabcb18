# make install: program, libraries, headers, pkg-config files, CMake package.
include(CMakePackageConfigHelpers)

foreach(lib keystill_shared keystill_host_shared)
  target_link_options(${lib} PRIVATE LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/symbols.map)
  set_target_properties(${lib} PROPERTIES LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/symbols.map INSTALL_RPATH "$ORIGIN")
endforeach()
set_target_properties(keystill_shared PROPERTIES EXPORT_NAME keystill)
set_target_properties(keystill_host_shared PROPERTIES EXPORT_NAME host)
set_target_properties(keystill_host_static PROPERTIES EXPORT_NAME host_static)

install(TARGETS keystill_shared keystill_host_shared keystill_static keystill_host_static EXPORT keystill)
install(DIRECTORY include/keystill DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
if(TARGET keystill)
  install(TARGETS keystill)
endif()

set(KS_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/keystill)
install(EXPORT keystill NAMESPACE keystill:: FILE keystill-targets.cmake DESTINATION ${KS_CMAKE_DIR})
configure_package_config_file(cmake/keystill-config.cmake.in ${PROJECT_BINARY_DIR}/package/keystill-config.cmake
  INSTALL_DESTINATION ${KS_CMAKE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/keystill-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/package/keystill-config.cmake
  ${PROJECT_BINARY_DIR}/package/keystill-config-version.cmake DESTINATION ${KS_CMAKE_DIR})

# Relative paths: what is installed may be moved.
set(KS_PKGCONFIG_DIR ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH KS_PC_LIBDIR ${KS_PKGCONFIG_DIR} ${CMAKE_INSTALL_FULL_LIBDIR})
file(RELATIVE_PATH KS_PC_INCLUDEDIR ${KS_PKGCONFIG_DIR} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
string(REGEX REPLACE "/$" "" KS_PC_LIBDIR ${KS_PC_LIBDIR})
if(OPENSSL_FOUND)
  set(KS_PC_HOST_PRIVATE "-lssl -lcrypto")
endif()
foreach(name keystill keystill-host)
  configure_file(cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/package/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/package/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
