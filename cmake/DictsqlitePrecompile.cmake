# dictsqlite_precompile(target [header...]): parses once what nearly every source of ours includes, and more for tests.
# Our own headers stay out: each change of one would compile everything anew. That a source includes all it uses is
# seen by the presets that do not precompile: release and clang.
function(dictsqlite_precompile target)
  if(DICTSQLITE_PRECOMPILE)
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
endfunction()
