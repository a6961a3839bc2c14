// Translates SQLite's result codes into absl::Status: once, here. An errno behind them counts as io/errno_status.hpp
// says.
//
//   no space, a lock held by another                                  kUnavailable
//   a damaged file                                                    kDataLoss
//   not permitted, read-only                                          kPermissionDenied
//   nothing there                                                     kNotFound
//   a path that can never work (symlink, directory, too long)         kInvalidArgument
//   memory, descriptors, a row over the length limit                  kResourceExhausted
//   input and output errors and everything else                       kInternal
#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include <sqlite3.h>

#include <string>
#include <string_view>

namespace dictsqlite::store {

/// For absl::StrCat: Abseil's string_view is a type of its own in some builds (Debian's), the standard's in others.
[[nodiscard]] inline absl::string_view message_part(std::string_view text) noexcept {
  return {text.data(), text.size()};
}

/// The errno behind the last failed call on `file`, as far as its VFS tells; 0 otherwise.
[[nodiscard]] int last_errno(sqlite3_file& file) noexcept;

/// What a write to `file` returned, with a full quota told like a full disk: SQLITE_FULL.
[[nodiscard]] int write_result(sqlite3_file& file, int code) noexcept;

/// `code` is an extended result code other than SQLITE_OK, SQLITE_ROW and SQLITE_DONE; `error` the errno behind
/// it, or 0. A sync that failed is never kUnavailable, even when the errno says "no space".
[[nodiscard]] absl::Status sqlite_status(int code, int error, std::string_view attempted);

/// The same for the error that `database` reports for its last call.
[[nodiscard]] absl::Status sqlite_status(sqlite3* database, int code, std::string_view attempted);

}  // namespace dictsqlite::store
