// AdmissionPacer: spreads what is left of the budget of unapplied writes over the time until some of it is given back,
// so that writers who are faster than SQLite slow down instead of standing still for a whole transaction and
// checkpoint. Pure: times and bytes in, how much of the budget may be used out.
//
//   used
//   max  |- - - - - - - -_ . - ' '     the last sixteenth, never to its end
//        |           . '
//        |       . '                   the rest of the room, evenly
//   then |___. '__________________ time
//        cycle begins     it should have ended
//
// A cycle begins when half of the budget is used; the next one follows at once if more than a quarter still is when
// some is given back. Otherwise nobody is held up. How long it takes is told by those before it: so much time a byte as
// they took on average, and twice as much more as they were above it. That is the estimator of V. Jacobson's
// "Congestion Avoidance and Control", 1988, as TCP has it, but that a cycle which ends early makes no guess longer, and
// one that took very long, for the disk was full or nobody wrote, counts as four of the mean. Too short a guess slows
// writers down to a fraction at the end of a cycle; too long a one makes transactions small, and leaves the applier
// without work after each.
//
// Thread-safety: one thread at a time.
#pragma once

#include "base/clock.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace dictsqlite::flush {

class AdmissionPacer {
 public:
  explicit AdmissionPacer(std::size_t bytes_max) noexcept : bytes_max_(bytes_max) {}

  /// How much of the budget may be used at `now`, when `used` bytes are and `given_back` have been so far, in all.
  [[nodiscard]] std::size_t limit(base::Instant now, std::size_t used, std::uint64_t given_back) noexcept {
    const bool was_pacing = is_pacing_;
    if (given_back != given_back_) {
      if (is_pacing_) learn(now - began_, given_back - given_back_);
      given_back_ = given_back;
      is_pacing_ = false;
    }
    // Whatever was seen of the one before the other: nobody is held up when there is room.
    if (is_pacing_ && used <= bytes_max_ / 4) is_pacing_ = false;
    if (!is_pacing_ && used > bytes_max_ / (was_pacing ? 4 : 2)) begin(now, used);
    if (!is_pacing_) return bytes_max_;
    return used_then_ + static_cast<std::size_t>(open_share(now) * static_cast<double>(bytes_max_ - used_then_));
  }
  /// At the last limit() that was so.
  [[nodiscard]] bool is_pacing() const noexcept { return is_pacing_; }

 private:
  static constexpr double kEvenShare = 15.0 / 16;
  // 32 MiB a second, until there was a cycle to learn from.
  static constexpr double kNanosecondsPerByteAtFirst = 1e9 / (32 << 20);
  // 4 GiB a second: whatever took no time is believed to have been as fast as that, lest nothing could be slower.
  static constexpr double kNanosecondsPerByteMin = 0.25;

  void begin(base::Instant now, std::size_t used) noexcept {
    is_pacing_ = true;
    began_ = now;
    used_then_ = std::min(used, bytes_max_);
    expected_nanoseconds_ = std::max(1.0, static_cast<double>(used) * nanoseconds_per_byte_);
  }
  void learn(base::Nanoseconds took, std::uint64_t bytes) noexcept {
    constexpr double kWeight = 1.0 / 8;  // of the newest cycle
    constexpr double kExcessWeight = 1.0 / 4;
    constexpr double kExcesses = 2;
    constexpr double kOutlier = 4;
    const double took_a_byte = static_cast<double>(took.count()) / static_cast<double>(bytes);
    const double measured = std::clamp(took_a_byte, kNanosecondsPerByteMin, kOutlier * mean_);
    if (!has_learned_) {
      has_learned_ = true;
      mean_ = measured;
      excess_ = measured / 8;
    } else {
      excess_ += kExcessWeight * (std::max(measured - mean_, 0.0) - excess_);
      mean_ += kWeight * (measured - mean_);
    }
    nanoseconds_per_byte_ = mean_ + kExcesses * excess_;
  }
  [[nodiscard]] double open_share(base::Instant now) const noexcept {
    const double elapsed = static_cast<double>((now - began_).count()) / expected_nanoseconds_;
    return elapsed <= 1 ? kEvenShare * elapsed : 1 - (1 - kEvenShare) / elapsed;
  }

  const std::size_t bytes_max_;
  bool is_pacing_ = false;
  base::Instant began_{};
  std::size_t used_then_ = 0;
  double expected_nanoseconds_ = 1;
  double nanoseconds_per_byte_ = kNanosecondsPerByteAtFirst;  // as expected
  bool has_learned_ = false;
  double mean_ = kNanosecondsPerByteAtFirst;  // of what cycles took a byte
  double excess_ = 0;                         // of those above it, over all
  std::uint64_t given_back_ = 0;
};

}  // namespace dictsqlite::flush
