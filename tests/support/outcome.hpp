// Outcome: how an operation ended that was started and not awaited.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <future>
#include <utility>

namespace dictsqlite::testing_support {

/// Thread-safety: none. Ownership: outlives the operation.
class Outcome {
 public:
  template <class Operation>
  explicit Outcome(Operation operation) {
    std::move(operation).start([this](const absl::Status& status) noexcept { promise_.set_value(status.code()); });
  }
  Outcome(const Outcome&) = delete;
  Outcome& operator=(const Outcome&) = delete;

  [[nodiscard]] bool is_there() const { return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }
  /// Once.
  absl::StatusCode wait() { return future_.get(); }

 private:
  std::promise<absl::StatusCode> promise_;
  std::future<absl::StatusCode> future_ = promise_.get_future();
};

}  // namespace dictsqlite::testing_support
