# dictsqlite_precompile(target [header...]): parses once what nearly every source of ours includes, and `header...`.
# dictsqlite_precompile(target REUSE_FROM other): the same headers as other's, whose compile options target must have.
#
# Our own headers stay out: each change of one would compile everything anew. That a source includes all it uses is
# seen by the presets that do not precompile: release and clang.
function(dictsqlite_precompile target)
  if(NOT DICTSQLITE_PRECOMPILE)
    return()
  endif()
  if("${ARGV1}" STREQUAL "REUSE_FROM")
    target_precompile_headers(${target} ${ARGN})
  else()
    target_precompile_headers(
      ${target}
      PRIVATE
      <absl/status/status.h>
      <absl/status/statusor.h>
      <absl/strings/str_cat.h>
      <algorithm>
      <array>
      <atomic>
      <chrono>
      <coroutine>
      <filesystem>
      <functional>
      <map>
      <memory>
      <optional>
      <span>
      <string>
      <string_view>
      <thread>
      <vector>
      ${ARGN})
  endif()
  # GCC 12 does not take what it finds in a precompiled header for a system's, and is wrong about the copies within
  # std::string then. `./dev package` compiles the library without, and takes warnings for errors.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
  endif()
endfunction()
