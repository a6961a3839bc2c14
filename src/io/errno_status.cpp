#include "io/errno_status.hpp"

#include <absl/strings/str_cat.h>

#include <cerrno>
#include <system_error>

namespace dictsqlite::io {

// std::strerror need not be thread-safe.
std::string errno_text(int error) { return std::generic_category().message(error); }

bool is_no_space(int error) noexcept { return error == ENOSPC || error == EDQUOT; }

absl::StatusCode errno_code(int error) noexcept {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return absl::StatusCode::kUnavailable;
    case ENOENT:
    case ENOTDIR:
      return absl::StatusCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case ELOOP:
    case EISDIR:
    case ENAMETOOLONG:
    case EINVAL:
      return absl::StatusCode::kInvalidArgument;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::Status errno_status(int error, std::string_view attempted) {
  return absl::Status(errno_code(error),
                      absl::StrCat(absl::string_view(attempted.data(), attempted.size()), ": ", errno_text(error)));
}

}  // namespace dictsqlite::io
