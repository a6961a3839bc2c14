// die() and must(): a benchmark that cannot go on says why and ends.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string_view>
#include <utility>

namespace dictsqlite::bench {

/// Prints "program: what: why" and ends the process with status 1, without running destructors.
[[noreturn]] void die(std::string_view what, std::string_view why) noexcept;

inline void must(const absl::Status& status, std::string_view what) {
  if (!status.ok()) die(what, status.ToString());
}
template <typename T>
T must(absl::StatusOr<T> result, std::string_view what) {
  if (!result.ok()) die(what, result.status().ToString());
  return *std::move(result);
}

}  // namespace dictsqlite::bench
