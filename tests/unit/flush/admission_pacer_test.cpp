// Goal: writers that are faster than SQLite are let in evenly until budget is given back, and nobody else is held up.
// Method: times and bytes by hand; then a simulated applier and writers that take all they are given.
#include "flush/admission_pacer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace dictsqlite::flush {
namespace {

using base::Instant;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMiB = 1u << 20;
constexpr std::size_t kMax = 64 * kMiB;
constexpr Instant kNow = seconds(1000);

TEST(AdmissionPacer, UpToHalfOfTheBudgetNobodyIsHeldUp) {
  AdmissionPacer pacer(kMax);
  EXPECT_EQ(pacer.limit(kNow, 0, 0), kMax);
  EXPECT_EQ(pacer.limit(kNow + seconds(1), kMax / 2, 0), kMax);
  EXPECT_FALSE(pacer.is_pacing());
}

TEST(AdmissionPacer, TheRoomOpensEvenlyAndNeverToItsEnd) {
  AdmissionPacer pacer(kMax);
  // 32 MiB a second, it is taken: 48 MiB take a second and a half.
  const std::size_t used = 48 * kMiB;
  EXPECT_EQ(pacer.limit(kNow, used, 0), used);
  EXPECT_TRUE(pacer.is_pacing());
  EXPECT_EQ(pacer.limit(kNow + milliseconds(750), used, 0), used + 15 * kMiB / 2);
  EXPECT_EQ(pacer.limit(kNow + milliseconds(1500), used + 6 * kMiB, 0), used + 15 * kMiB);
  EXPECT_EQ(pacer.limit(kNow + seconds(3), used + 12 * kMiB, 0), used + 31 * kMiB / 2);
  EXPECT_LT(pacer.limit(kNow + seconds(1000), used, 0), kMax);
}

// What is given back may be seen before, or after, the use it ends.
TEST(AdmissionPacer, RoomEndsACycleHoweverItCame) {
  AdmissionPacer pacer(kMax);
  EXPECT_EQ(pacer.limit(kNow, 40 * kMiB, 1), 40 * kMiB);
  EXPECT_EQ(pacer.limit(kNow, kMax / 4, 1), kMax);
  EXPECT_FALSE(pacer.is_pacing());
}

// One cycle after the other, each with 40 MiB used at its begin and given back at its end.
class Cycles {
 public:
  explicit Cycles(AdmissionPacer& pacer) : pacer_(pacer) { begin(); }
  void take(base::Nanoseconds time) {
    now_ += time;
    given_back_ += kUsed;
    begin();
  }
  // Until the room is as open as it is to be when the next one is expected.
  [[nodiscard]] base::Nanoseconds expected() {
    const std::size_t even = kUsed + (kMax - kUsed) / 16 * 15;
    const auto is_open = [&](std::int64_t ms) {
      return pacer_.limit(now_ + milliseconds(ms), kUsed, given_back_) >= even - kMiB / 100;
    };
    std::int64_t least = 0;
    for (std::int64_t most = 1 << 20; least < most;) {
      const std::int64_t middle = (least + most) / 2;
      (is_open(middle) ? most : least) = is_open(middle) ? middle : middle + 1;
    }
    return milliseconds(least);
  }

 private:
  static constexpr std::size_t kUsed = 40 * kMiB;
  void begin() { EXPECT_EQ(pacer_.limit(now_, kUsed, given_back_), kUsed); }

  AdmissionPacer& pacer_;
  Instant now_ = kNow;
  std::uint64_t given_back_ = 0;
};

void expect_about(base::Nanoseconds time, base::Nanoseconds expected) {
  EXPECT_NEAR(static_cast<double>(time.count()), static_cast<double>(expected.count()),
              static_cast<double>(expected.count()) / 100);
}

TEST(AdmissionPacer, TheNextCycleTakesAsLongAByteAsTheMeanAndTwiceTheDeviation) {
  AdmissionPacer pacer(kMax);
  Cycles cycles(pacer);
  expect_about(cycles.expected(), milliseconds(1250));  // the guess
  cycles.take(seconds(5));
  expect_about(cycles.expected(), milliseconds(7500));  // of the first a quarter is its deviation
  cycles.take(seconds(1));
  expect_about(cycles.expected(), milliseconds(8375));  // 4.5 s, and twice 1.9375
}

TEST(AdmissionPacer, TheGuessAndASlowCycleAreForgotten) {
  AdmissionPacer pacer(kMax);
  Cycles cycles(pacer);
  cycles.take(milliseconds(400));
  for (int cycle = 0; cycle < 8; ++cycle) cycles.take(milliseconds(400));
  EXPECT_LT(cycles.expected(), milliseconds(425));
  cycles.take(seconds(4));
  EXPECT_GT(cycles.expected(), seconds(2));
  for (int cycle = 0; cycle < 40; ++cycle) cycles.take(milliseconds(400));
  EXPECT_LT(cycles.expected(), milliseconds(425));
}

TEST(AdmissionPacer, WhatWasGivenBackIsOpenAtOnceIfLittleIsUsed) {
  AdmissionPacer pacer(kMax);
  static_cast<void>(pacer.limit(kNow, 40 * kMiB, 0));
  EXPECT_EQ(pacer.limit(kNow + seconds(1), 10 * kMiB, 30 * kMiB), kMax);
  EXPECT_FALSE(pacer.is_pacing());
  static_cast<void>(pacer.limit(kNow + seconds(2), 33 * kMiB, 30 * kMiB));
  EXPECT_TRUE(pacer.is_pacing()) << "and again when half of it is used";
}

TEST(AdmissionPacer, MoreThanAllIsNoProblem) {
  AdmissionPacer pacer(kMax);
  EXPECT_EQ(pacer.limit(kNow, kMax + 1, 0), kMax);
  EXPECT_EQ(pacer.limit(kNow + seconds(1), kMax + 1, 0), kMax);
}

TEST(AdmissionPacer, OneCycleFollowsTheOtherWhileMoreThanAQuarterIsUsed) {
  AdmissionPacer pacer(kMax);
  EXPECT_EQ(pacer.limit(kNow, 20 * kMiB, 0), kMax) << "it takes half to begin";
  static_cast<void>(pacer.limit(kNow, 40 * kMiB, 0));
  EXPECT_EQ(pacer.limit(kNow + seconds(1), 20 * kMiB, 20 * kMiB), 20 * kMiB);
  EXPECT_EQ(pacer.limit(kNow + seconds(2), 16 * kMiB, 40 * kMiB), kMax);
}

// Writers that want more than the applier can, which takes so long for a byte as `times` say, one after the other.
struct Simulated {
  std::vector<std::size_t> windows;  // what the writers got in each 20 ms of the last two thirds, the least first
  std::size_t mean_transaction = 0;
  std::size_t used = 0;
};
constexpr std::size_t kAppliedASecond = 20 * kMiB;

Simulated simulate(std::initializer_list<double> times) {
  constexpr Instant kStep = milliseconds(1);
  AdmissionPacer pacer(kMax);
  Simulated run;
  std::uint64_t given_back = 0;
  std::size_t applying = 0;
  Instant applied_at = base::kNever;
  std::size_t transactions = 0;
  std::size_t window = 0;
  for (int step = 0; step < 60'000; ++step) {
    const Instant now = kNow + step * kStep;
    if (now >= applied_at) {
      run.used -= applying;
      given_back += applying;
      applying = 0;
      applied_at = base::kNever;
    }
    const std::size_t limit = pacer.limit(now, run.used, given_back);
    if (applying == 0 && (run.used > kMax / 2 || pacer.is_pacing())) {
      applying = run.used;
      const double time =
          static_cast<double>(run.used) * 1e9 / kAppliedASecond * times.begin()[transactions++ % times.size()];
      applied_at = now + std::chrono::nanoseconds(static_cast<std::int64_t>(time));
    }
    const std::size_t taken = std::min<std::size_t>(limit > run.used ? limit - run.used : 0, 200 * kMiB / 1000);
    run.used += taken;
    window += taken;
    if (step % 20 != 19) continue;
    if (step > 20'000) run.windows.push_back(window);
    window = 0;
  }
  std::sort(run.windows.begin(), run.windows.end());
  run.mean_transaction = given_back / transactions;
  return run;
}

TEST(AdmissionPacer, WritersSlowDownRatherThanStop) {
  const Simulated steady = simulate({1});
  EXPECT_GE(steady.windows.front(), kAppliedASecond / 50 / 2);
  EXPECT_LE(steady.used, kMax);
  const Simulated unsteady = simulate({1, 0.8, 1.25, 1.1, 0.9});
  EXPECT_GE(unsteady.windows.front(), kAppliedASecond / 50 / 4);
  EXPECT_LE(unsteady.used, kMax);
}

// Each transaction has fixed costs. Half of the budget would be in it if all the rest were open while it runs.
TEST(AdmissionPacer, TransactionsBecomeAsLargeAsTheBudgetAllows) {
  EXPECT_GE(simulate({1}).mean_transaction, kMax / 16 * 7);
  EXPECT_GE(simulate({1, 0.8, 1.25, 1.1, 0.9}).mean_transaction, kMax / 5 * 2);
}

}  // namespace
}  // namespace dictsqlite::flush
