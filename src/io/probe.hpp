// The probe: does this backend really write and sync? Set-up alone proves nothing; containers, sandboxes and some
// file systems refuse later, or only one kind of request.
#pragma once

#include "base/clock.hpp"
#include "io/io_backend.hpp"

namespace dictsqlite::io {

/// How long the probe of open_backend waits for its two requests together.
inline constexpr base::Nanoseconds kProbeTimeMax = std::chrono::seconds(10);

/// Writes a small unlinked file in `directory` through `backend`, syncs it, and reads it back with plain pread.
/// Call it on the backend's thread with nothing in flight. A full disk or quota counts as success: the request came
/// back with the answer that a plain write would have had.
///
/// Errors: kUnavailable (a request was refused, or the file cannot be created: the sentence says which),
///         kResourceExhausted (no descriptors), kDeadlineExceeded (a request did not come back in time: it is still
///         in flight and reads from constant memory; destroying the backend would wait for it).
[[nodiscard]] absl::Status probe_backend(IoBackend& backend, const std::string& directory,
                                         base::Nanoseconds time_max = kProbeTimeMax);

}  // namespace dictsqlite::io
