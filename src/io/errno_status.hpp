// What an errno of a file operation means as an absl::Status: once, here.
//
//   no space (ENOSPC, EDQUOT)                                         kUnavailable
//   not permitted, read-only                                          kPermissionDenied
//   nothing there                                                     kNotFound
//   a path that can never work (symlink, directory, too long)         kInvalidArgument
//   memory, descriptors                                               kResourceExhausted
//   input and output errors and everything else                       kInternal
#pragma once

#include <absl/status/status.h>

#include <string>
#include <string_view>

namespace dictsqlite::io {

/// What the system calls `error` (an errno), in words.
[[nodiscard]] std::string errno_text(int error);

/// True if `error` (an errno) says that the disk or the quota is full.
[[nodiscard]] bool is_no_space(int error) noexcept;

/// `error` is a positive errno.
[[nodiscard]] absl::StatusCode errno_code(int error) noexcept;

/// The same with words; `attempted` says what was tried and on what.
[[nodiscard]] absl::Status errno_status(int error, std::string_view attempted);

}  // namespace dictsqlite::io
