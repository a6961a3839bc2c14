// FaultBackend: a real I/O backend whose data syncs fail, or wait, when told to.
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
  [[nodiscard]] int syncs() const { return syncs_; }
  [[nodiscard]] io::BackendOpener opener();

 private:
  friend class FaultBackend;
  std::atomic<int> error_{0};
  std::atomic<int> left_{0};
  std::atomic<int> syncs_{0};
};

}  // namespace dictsqlite::testing_support
