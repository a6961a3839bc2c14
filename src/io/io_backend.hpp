// IoBackend: the kernel, behind one small interface. An event loop for one owner thread that can start file
// requests, sleep until one of them completes, a deadline passes or another thread wakes it.
//
// Implementations: UringBackend (io_uring), ThreadsBackend (a condition variable and one worker thread; the same
// promises where io_uring is refused [I11]). Tests add a simulated one.
#pragma once

#include "base/clock.hpp"

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace dictsqlite::io {

/// A finished request. `result` is what the system call would have returned, or -errno. A short write is
/// reported as it is: the caller finishes it.
struct IoCompletion {
  std::uint64_t tag;
  std::int64_t result;
};

/// How many requests may be in flight in one backend. Submitting more is a programming error (asserted).
inline constexpr std::size_t kRequestsMax = 64;

/// Thread-safety: wake() from any thread; everything else from the one thread that opened the backend.
/// Ownership:     the caller keeps buffers and descriptors alive until the completion of the request.
class IoBackend {
 public:
  virtual ~IoBackend() = default;

  /// Waits for every request in flight and drops its completion. The owner thread's last call: afterwards others may
  /// still wake() a sleeper that is no more, and any thread may destroy the object. The destructor does it, on the
  /// owner thread, if it was not done.
  virtual void finish() noexcept = 0;

  /// Starts fdatasync(fd). Completion: 0 or -errno. At most one sync may be in flight per file: of two
  /// concurrent ones after a write-back error only one is told of it.
  virtual void submit_data_sync(int fd, std::uint64_t tag) noexcept = 0;

  /// Starts fsync(fd): of a directory, for the sake of the names in it, which a data sync may leave out. Completion: 0
  /// or -errno.
  virtual void submit_full_sync(int fd, std::uint64_t tag) noexcept = 0;

  /// Starts pwrite(fd, bytes, offset). Completion: bytes written (perhaps fewer than asked) or -errno.
  virtual void submit_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                            std::uint64_t tag) noexcept = 0;

  /// The same, and what was written survives power loss when it completes (RWF_DSYNC). Of a file that bypasses the page
  /// cache any number may be in flight: each is told of its own errors. Of another, one: it syncs.
  virtual void submit_durable_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                                    std::uint64_t tag) noexcept = 0;

  /// Sleeps until a request completes, wake() is called, or `deadline` (on the steady clock) passes; wake()
  /// calls made since the last wait() count and are consumed. Does not sleep if a completion is waiting.
  /// Returns how many completions it stored in `out`; 0 after a wake or the deadline. May wake spuriously.
  virtual std::size_t wait(base::Instant deadline, std::span<IoCompletion> out) noexcept = 0;

  /// Collects completions without sleeping. Returns how many it stored in `out`.
  virtual std::size_t poll(std::span<IoCompletion> out) noexcept = 0;

  /// Makes the current or the next wait() return. One system call at most.
  virtual void wake() noexcept = 0;

  /// "uring" or "threads", for `stats`.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
};

enum class BackendChoice {
  kAuto,
  kUring,
  kThreads,
  kNoFiles,  // deadlines and wake() only: nothing may be submitted, and there is no worker thread
};

struct OpenedBackend {
  std::unique_ptr<IoBackend> backend;
  std::string fallback_reason;  // why kAuto did not take io_uring; empty if it did or was not asked
};

/// Opens a backend for the calling thread. `probe_directory` is where io_uring is tried with a real write and
/// sync of a small unlinked file (set-up alone proves nothing: containers often refuse later).
/// kAuto falls back to threads and says why; kUring reports the refusal as kUnavailable instead.
/// Errors: kUnavailable (io_uring refused), kResourceExhausted (no descriptors, memory or threads).
[[nodiscard]] absl::StatusOr<OpenedBackend> open_backend(BackendChoice choice, const std::string& probe_directory);

/// What open_backend() does, behind a pointer: a test opens a backend of its own. `context` outlives its calls.
struct BackendOpener {
  using Open = absl::StatusOr<OpenedBackend> (*)(void* context, BackendChoice choice, const std::string& directory);
  void* context = nullptr;
  Open open = [](void* /*context*/, BackendChoice choice, const std::string& directory) {
    return open_backend(choice, directory);
  };
};

}  // namespace dictsqlite::io
