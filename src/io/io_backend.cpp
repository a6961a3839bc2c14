#include "io/io_backend.hpp"

#include "io/probe.hpp"
#include "io/threads_backend.hpp"
#if DICTSQLITE_HAVE_URING
#include "io/uring_backend.hpp"
#endif

#include <utility>

namespace dictsqlite::io {
namespace {

#if DICTSQLITE_HAVE_URING
absl::StatusOr<std::unique_ptr<IoBackend>> open_uring(const std::string& probe_directory) {
  absl::StatusOr<std::unique_ptr<UringBackend>> backend = UringBackend::open();
  if (!backend.ok()) {
    return backend.status();
  }
  const absl::Status probed = probe_backend(**backend, probe_directory);
  if (probed.code() == absl::StatusCode::kDeadlineExceeded) {
    // Given up for good, with its request: destroying it would wait for a kernel that does not answer.
    static_cast<void>(backend->release());
    return absl::UnavailableError(probed.message());
  }
  if (!probed.ok()) {
    return probed;
  }
  return std::unique_ptr<IoBackend>(*std::move(backend));
}
#else
absl::StatusOr<std::unique_ptr<IoBackend>> open_uring(const std::string&) {
  return absl::UnavailableError("io_uring: this library was built without liburing");
}
#endif

absl::StatusOr<OpenedBackend> open_threads(ThreadsBackend::Worker worker, std::string fallback_reason) {
  absl::StatusOr<std::unique_ptr<ThreadsBackend>> backend = ThreadsBackend::open(worker);
  if (!backend.ok()) {
    return backend.status();
  }
  return OpenedBackend{.backend = *std::move(backend), .fallback_reason = std::move(fallback_reason)};
}

}  // namespace

absl::StatusOr<OpenedBackend> open_backend(BackendChoice choice, const std::string& probe_directory) {
  if (choice == BackendChoice::kThreads) {
    return open_threads(ThreadsBackend::Worker::kStarted, "");
  }
  if (choice == BackendChoice::kNoFiles) {
    return open_threads(ThreadsBackend::Worker::kNone, "");
  }
  absl::StatusOr<std::unique_ptr<IoBackend>> uring = open_uring(probe_directory);
  if (uring.ok()) {
    return OpenedBackend{.backend = *std::move(uring), .fallback_reason = ""};
  }
  if (choice == BackendChoice::kUring) {
    return uring.status();
  }
  // The threads backend needs no descriptor, so that even running out of those is only a reason.
  return open_threads(ThreadsBackend::Worker::kStarted, std::string(uring.status().message()));
}

}  // namespace dictsqlite::io
