// Kernel errors as statuses: the one place of this module where an errno becomes a code and a sentence.
#pragma once

#include <absl/status/status.h>

#include <string_view>

namespace dictsqlite::io {

/// The status for the positive errno value `error` of the system call `call`, perhaps on `object` (a path, or
/// empty). The message names both and the likely cause: "io_uring_setup: not permitted; often disabled by
/// seccomp or kernel.io_uring_disabled".
///
/// Codes: kResourceExhausted where descriptors, memory or threads ran out (EMFILE, ENFILE, ENOMEM, EAGAIN);
///        kUnavailable for everything else: the caller decides what the lack of this call means.
[[nodiscard]] absl::Status kernel_error(std::string_view call, std::string_view object, int error);

}  // namespace dictsqlite::io
