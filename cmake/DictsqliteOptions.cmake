# Every switch of the build. A project that adds this one with add_subdirectory gets the library alone.
include(CMakeDependentOption)

cmake_dependent_option(DICTSQLITE_URING "Use io_uring, by liburing 2.3; without it threads do its work"
                       ON "CMAKE_SYSTEM_NAME STREQUAL Linux" OFF)
option(DICTSQLITE_NO_EXCEPTIONS "Compile the library itself with -fno-exceptions -fno-rtti" OFF)
option(DICTSQLITE_DCHECKS "Keep the costly assertions, as Debug builds do" OFF)
option(DICTSQLITE_INSTALL "Make install rules" ${PROJECT_IS_TOP_LEVEL})
option(DICTSQLITE_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
set(DICTSQLITE_TEST_KINDS unit property concurrency linearizability model crash seeded package meta
    CACHE STRING "Directories of tests/ that are built")
set(DICTSQLITE_TEST_COMPILE_OPTIONS "" CACHE STRING "Compile options of the test programs, after those of the build type")
set(DICTSQLITE_TEST_TIMEOUT_FACTOR 1 CACHE STRING "So many times as long as usual may a test take")
option(DICTSQLITE_EXAMPLES "Build the examples" ${PROJECT_IS_TOP_LEVEL})
option(DICTSQLITE_BENCHMARKS "Build the benchmarks" ${PROJECT_IS_TOP_LEVEL})
option(DICTSQLITE_SEEDED_BUGS "Build tests against a library with bugs in it too, which they have to find" OFF)
option(DICTSQLITE_PRECOMPILE "Precompile the headers of others, for our own presets" OFF)
option(DICTSQLITE_WERROR "Treat warnings as errors; for our own presets, not for packagers" OFF)
