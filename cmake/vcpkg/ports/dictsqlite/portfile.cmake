# An overlay port: it builds the tree that it is part of.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)

if(VCPKG_TARGET_IS_LINUX)
  set(use_uring ON)
else()
  set(use_uring OFF)
endif()

vcpkg_cmake_configure(
  SOURCE_PATH
  "${SOURCE_PATH}"
  OPTIONS
  -DDICTSQLITE_URING=${use_uring}
  -DDICTSQLITE_INSTALL=ON
  -DDICTSQLITE_TESTS=OFF
  -DDICTSQLITE_EXAMPLES=OFF
  -DDICTSQLITE_BENCHMARKS=OFF)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/dictsqlite)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
