// Clock: where the library gets the time from, so that a test can own it.
#pragma once

#include <chrono>

namespace dictsqlite::base {

using Nanoseconds = std::chrono::nanoseconds;

/// Monotonic time since an arbitrary start. `kNever` is later than every deadline.
using Instant = Nanoseconds;
inline constexpr Instant kNever = Instant::max();

/// Thread-safety: now() from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const noexcept = 0;
};

/// The machine's monotonic clock. Stateless.
class SteadyClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const noexcept override {
    return std::chrono::duration_cast<Instant>(std::chrono::steady_clock::now().time_since_epoch());
  }
};

[[nodiscard]] inline const Clock& steady_clock() noexcept {
  static const SteadyClock clock;
  return clock;
}

}  // namespace dictsqlite::base
