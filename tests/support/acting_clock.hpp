// ActingClock: a clock that only the code under test looks at. Each look takes a time of its own, so that polling comes
// to an end in simulated time, and at one look the test may act: it is in the midst of what that code does.
//
// Thread-safety: the thread under test looks; the test's thread does the rest, while the other waits.
#pragma once

#include "base/clock.hpp"

#include <cstddef>
#include <functional>
#include <utility>

namespace dictsqlite::testing_support {

class ActingClock final : public base::Clock {
 public:
  /// Goes as `clock` does, which outlives it, and by `look_time` more with each look.
  ActingClock(const base::Clock& clock, base::Nanoseconds look_time) : clock_(clock), look_time_(look_time) {}

  /// Runs `act` on the looking thread at look number `look` from now on, counted from 0.
  void act_at(std::size_t look, std::function<void()> act) {
    left_ = look;
    act_ = std::move(act);
  }
  /// So much more time has passed from now on.
  void add(base::Nanoseconds time) { late_ += time; }
  [[nodiscard]] bool has_acted() const { return act_ == nullptr; }
  [[nodiscard]] std::size_t looks() const { return looks_; }

  [[nodiscard]] base::Instant now() const noexcept override {
    if (act_ != nullptr && left_-- == 0) std::exchange(act_, nullptr)();
    late_ += look_time_;
    ++looks_;
    return clock_.now() + late_;
  }

 private:
  const base::Clock& clock_;
  const base::Nanoseconds look_time_;
  mutable base::Nanoseconds late_{0};
  mutable std::size_t looks_ = 0;
  mutable std::size_t left_ = 0;
  mutable std::function<void()> act_;
};

}  // namespace dictsqlite::testing_support
