// FaultBackend: an I/O backend over another one, whose data syncs and durable writes fail, or wait, when told to.
#pragma once

#include "io/io_backend.hpp"

#include <atomic>
#include <cstdint>

namespace dictsqlite::testing_support {

/// What the backends opened through opener() do. Thread-safety: any thread. Outlives the database.
class SyncFaults {
 public:
  /// The next syncs, `count` of them, fail with `error` (an errno) instead of running.
  void fail_next(int error, int count = 1) {
    error_ = error;
    left_ = count;
  }
  /// Syncs are in flight from now on and do not end.
  void hold() { held_ = true; }
  /// They go on when their thread looks the next time: the caller wakes it.
  void release() { held_ = false; }

  /// The same for durable writes.
  void fail_next_writes(int error, int count = 1) {
    write_error_ = error;
    writes_left_ = count;
  }
  void hold_writes() { writes_held_ = true; }
  void release_writes() { writes_held_ = false; }

  /// Syncs that were asked for.
  [[nodiscard]] int syncs() const { return syncs_; }
  /// How often their thread was woken.
  [[nodiscard]] int wakes() const { return wakes_; }

  /// Opens backends over those of `below`, which outlives its use.
  [[nodiscard]] io::BackendOpener opener(io::BackendOpener below = {}) {
    below_ = below;
    return {this, [](void* faults, io::BackendChoice choice, const std::string& directory) {
              return static_cast<SyncFaults*>(faults)->open(choice, directory);
            }};
  }

 private:
  friend class FaultBackend;
  [[nodiscard]] absl::StatusOr<io::OpenedBackend> open(io::BackendChoice choice, const std::string& directory);

  io::BackendOpener below_;
  std::atomic<bool> held_{false};
  std::atomic<int> error_{0};
  std::atomic<int> left_{0};
  std::atomic<bool> writes_held_{false};
  std::atomic<int> write_error_{0};
  std::atomic<int> writes_left_{0};
  std::atomic<int> syncs_{0};
  std::atomic<int> wakes_{0};
};

}  // namespace dictsqlite::testing_support
