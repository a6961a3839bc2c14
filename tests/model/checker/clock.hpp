// Clock: how far a thread knows each thread's past. One thread's step happens before another's exactly if the other's
// clock has reached its time (C. Fidge, 1988; F. Mattern, 1989). Beyond that it may have come to see what a thread has
// stored, through a pair of fences: then it reads nothing older there, but nothing happens before for it.
//
// Thread-safety: none.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace dictsqlite::checker {

/// Threads of a scenario, and the one that sets it up and checks it at the end, which is number 0.
inline constexpr std::size_t kThreadsMax = 6;
inline constexpr std::size_t kMainThread = 0;

class Clock {
 public:
  [[nodiscard]] std::uint32_t time_of(std::size_t thread) const noexcept { return times_[thread]; }
  /// Whether the step that `thread` took at `time` happens before. Time 0: it took none.
  [[nodiscard]] bool knows(std::size_t thread, std::uint32_t time) const noexcept {
    return time != 0 && times_[thread] >= time;
  }
  /// Whether the store that `thread` made, or read, at `time` is seen: what is known is.
  [[nodiscard]] bool sees(std::size_t thread, std::uint32_t time) const noexcept {
    return time != 0 && std::max(times_[thread], seen_[thread]) >= time;
  }
  void tick(std::size_t thread) noexcept { ++times_[thread]; }
  void join(const Clock& other) noexcept {
    for (std::size_t thread = 0; thread < kThreadsMax; ++thread) {
      times_[thread] = std::max(times_[thread], other.times_[thread]);
      seen_[thread] = std::max(seen_[thread], other.seen_[thread]);
    }
  }
  /// The same without what the other one merely sees: a pair of fences hands on what happens before, not what an
  /// earlier pair has shown. (Barriers that a kernel carries out do not take place at one moment.)
  void join_known(const Clock& other) noexcept {
    for (std::size_t thread = 0; thread < kThreadsMax; ++thread) {
      times_[thread] = std::max(times_[thread], other.times_[thread]);
    }
  }
  /// Sees from now on what the other one knows.
  void see(const Clock& other) noexcept {
    for (std::size_t thread = 0; thread < kThreadsMax; ++thread) {
      seen_[thread] = std::max(seen_[thread], other.times_[thread]);
    }
  }

 private:
  std::array<std::uint32_t, kThreadsMax> times_{};
  std::array<std::uint32_t, kThreadsMax> seen_{};
};

}  // namespace dictsqlite::checker
