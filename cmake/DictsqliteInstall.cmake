# `cmake --install`: headers, library, CMake package, pkg-config file.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/dictsqlite")

install(
  TARGETS dictsqlite
  EXPORT dictsqliteTargets
  FILE_SET HEADERS
  FILE_SET adapters)
install(EXPORT dictsqliteTargets NAMESPACE dictsqlite:: DESTINATION "${package_dir}")

configure_package_config_file(cmake/dictsqliteConfig.cmake.in dictsqliteConfig.cmake
                              INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may break the interface.
write_basic_package_version_file(dictsqliteConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/dictsqliteConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/dictsqliteConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/DictsqliteSqliteTarget.cmake" DESTINATION "${package_dir}")

# A shared library brings what it needs along; a static one leaves it to its user's link line, even without
# `pkg-config --static`.
set(pc_public "absl_status, absl_statusor, absl_strings")
set(pc_private "absl_hash, sqlite3")
if(DICTSQLITE_URING)
  string(APPEND pc_private ", liburing >= 2.3")
endif()
if(BUILD_SHARED_LIBS)
  set(pc_libs "")
else()
  set(pc_public "${pc_public}, ${pc_private}")
  set(pc_private "")
  set(pc_libs "-pthread")
endif()
# Relative to the file itself, so that the prefix can be moved.
file(RELATIVE_PATH pc_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file(cmake/dictsqlite.pc.in dictsqlite.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/dictsqlite.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
