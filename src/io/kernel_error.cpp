#include "io/kernel_error.hpp"

#include <cerrno>
#include <string>
#include <system_error>

namespace dictsqlite::io {
namespace {

std::string cause(std::string_view call, int error) {
  const bool is_ring = call == "io_uring_setup" || call == "io_uring_enter";
  switch (error) {
    case EPERM:
      return is_ring ? "not permitted; often disabled by seccomp or kernel.io_uring_disabled" : "not permitted";
    case ENOSYS:
      return is_ring ? "not known to this kernel; older than Linux 5.1, or hidden by a sandbox"
                     : "not known to this kernel";
    case EMFILE:
      return "no free descriptor in this process (RLIMIT_NOFILE)";
    case ENFILE:
      return "no free descriptor in this system (fs.file-max)";
    case ENOMEM:
      return is_ring ? "no memory; before Linux 5.12 also limited by RLIMIT_MEMLOCK" : "no memory";
    default:
      return std::generic_category().message(error);
  }
}

absl::StatusCode code_of(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

}  // namespace

absl::Status kernel_error(std::string_view call, std::string_view object, int error) {
  std::string message(call);
  if (!object.empty()) {
    message.append(" ").append(object);
  }
  message.append(": ").append(cause(call, error));
  return absl::Status(code_of(error), message);
}

}  // namespace dictsqlite::io
