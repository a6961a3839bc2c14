// Failure: why a database stopped writing. Set once, by the first failed write or sync; never cleared in this life.
//
// Thread-safety: every member from any thread.
#pragma once

#include "base/mutex.hpp"

#include <absl/status/status.h>

#include <atomic>
#include <string>
#include <string_view>

namespace dictsqlite::base {

class Failure {
 public:
  /// Returns true for the first caller.
  bool set(const absl::Status& status) {
    const MutexLock lock(mutex_);
    if (failed_.load(std::memory_order_relaxed)) return false;  // written under the lock
    message_ = std::string(status.message());
    failed_.store(true, std::memory_order_release);  // (F1)
    return true;
  }
  [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }  // (F1)

  /// A sentence with the reason.
  [[nodiscard]] std::string sentence() const {
    const MutexLock lock(mutex_);
    return "the database failed and refuses writes until it is reopened: " + message_;
  }

 private:
  std::atomic<bool> failed_{false};  // (F1)
  mutable Mutex mutex_;
  std::string message_ DICTSQLITE_GUARDED_BY(mutex_);
};

}  // namespace dictsqlite::base
