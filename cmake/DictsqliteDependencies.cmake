# What the library links. PUBLIC: its headers show Abseil's Status. PRIVATE: everything else.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
if(NOT TARGET absl::status)
  find_package(absl CONFIG REQUIRED)
endif()
if(NOT TARGET SQLite3::SQLite3 AND NOT TARGET SQLite::SQLite3)
  find_package(SQLite3 REQUIRED)
endif()
include(DictsqliteSqliteTarget)

set(DICTSQLITE_PUBLIC_LIBRARIES absl::status absl::statusor absl::strings)
set(DICTSQLITE_PRIVATE_LIBRARIES absl::function_ref absl::hash SQLite3::SQLite3 Threads::Threads)

if(DICTSQLITE_URING)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(liburing REQUIRED IMPORTED_TARGET liburing>=2.3)
  list(APPEND DICTSQLITE_PRIVATE_LIBRARIES PkgConfig::liburing)
endif()

# Header only: inlined where it is used, so nothing of it is linked, and users of the installed library do not need it.
find_path(DICTSQLITE_XXHASH_INCLUDE_DIR xxhash.h)
mark_as_advanced(DICTSQLITE_XXHASH_INCLUDE_DIR)
if(NOT DICTSQLITE_XXHASH_INCLUDE_DIR)
  message(FATAL_ERROR "xxhash.h was not found (Debian: libxxhash-dev; vcpkg: xxhash)")
endif()
