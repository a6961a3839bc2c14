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

TEST(AdmissionPacer, TheNextCycleTakesAsLongAByteAsTheMeanAndTwiceTheExcess) {
  AdmissionPacer pacer(kMax);
  Cycles cycles(pacer);
  expect_about(cycles.expected(), milliseconds(1250));  // the guess
  cycles.take(seconds(2));
  expect_about(cycles.expected(), milliseconds(2500));  // an eighth of the first counts as excess
  cycles.take(seconds(3));
  expect_about(cycles.expected(), milliseconds(3000));  // mean 2.125, excess 0.4375
  cycles.take(seconds(1));
  expect_about(cycles.expected(), milliseconds(2641));  // mean 1.984, excess 0.328: it was no longer than the mean
}

TEST(AdmissionPacer, TheGuessAndASlowCycleAreForgotten) {
  AdmissionPacer pacer(kMax);
  Cycles cycles(pacer);
  for (int cycle = 0; cycle < 9; ++cycle) cycles.take(milliseconds(400));
  EXPECT_LT(cycles.expected(), milliseconds(425));
  cycles.take(seconds(1));
  EXPECT_GT(cycles.expected(), milliseconds(700));
  for (int cycle = 0; cycle < 16; ++cycle) cycles.take(milliseconds(400));
  EXPECT_LT(cycles.expected(), milliseconds(425));
}

// The disk was full, or nobody wrote: that says nothing about SQLite.
TEST(AdmissionPacer, ACycleOfAnHourCountsAsFourOfTheMean) {
  AdmissionPacer pacer(kMax);
  Cycles cycles(pacer);
  cycles.take(std::chrono::hours(1));
  expect_about(cycles.expected(), milliseconds(6250));  // four of the guess, and a quarter of that
  for (int cycle = 0; cycle < 60; ++cycle) cycles.take(milliseconds(400));
  cycles.take(std::chrono::hours(1));
  EXPECT_LT(cycles.expected(), milliseconds(1500));
}

TEST(AdmissionPacer, CyclesThatBecomeShorterAreNeverExpectedToBeLonger) {
  AdmissionPacer pacer(kMax);
  Cycles cycles(pacer);
  for (int cycle = 0; cycle < 3; ++cycle) cycles.take(seconds(4));
  base::Nanoseconds before = cycles.expected();
  for (int cycle = 0; cycle < 24; ++cycle) {
    cycles.take(milliseconds(400));
    EXPECT_LE(cycles.expected(), before) << "after " << cycle;
    before = cycles.expected();
  }
  EXPECT_LT(before, milliseconds(600));
}

TEST(AdmissionPacer, CyclesThatTakeNoTimeAreForgottenToo) {
  AdmissionPacer pacer(kMax);
  Cycles cycles(pacer);
  for (int cycle = 0; cycle < 100; ++cycle) cycles.take(base::Nanoseconds::zero());
  EXPECT_LE(cycles.expected(), milliseconds(20));
  for (int cycle = 0; cycle < 40; ++cycle) cycles.take(seconds(1));
  EXPECT_GT(cycles.expected(), milliseconds(990));
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
  std::size_t most_used = 0;
};
constexpr std::size_t kAppliedASecond = 20 * kMiB;

Simulated simulate(std::initializer_list<double> times) {
  constexpr Instant kStep = milliseconds(1);
  AdmissionPacer pacer(kMax);
  Simulated run;
  std::size_t used = 0;
  std::uint64_t given_back = 0;
  std::size_t applying = 0;
  Instant applied_at = base::kNever;
  std::size_t transactions = 0;
  std::size_t window = 0;
  for (int step = 0; step < 60'000; ++step) {
    const Instant now = kNow + step * kStep;
    if (now >= applied_at) {
      used -= applying;
      given_back += applying;
      applying = 0;
      applied_at = base::kNever;
    }
    const std::size_t limit = pacer.limit(now, used, given_back);
    if (applying == 0 && (used > kMax / 2 || pacer.is_pacing())) {
      applying = used;
      const double time =
          static_cast<double>(used) * 1e9 / kAppliedASecond * times.begin()[transactions++ % times.size()];
      applied_at = now + std::chrono::nanoseconds(static_cast<std::int64_t>(time));
    }
    const std::size_t taken = std::min<std::size_t>(limit > used ? limit - used : 0, 200 * kMiB / 1000);
    used += taken;
    run.most_used = std::max(run.most_used, used);
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
  EXPECT_LE(steady.most_used, kMax);
  // Less for a moment where a cycle ends late: what is kept back lasts, but not for long.
  const Simulated unsteady = simulate({1, 0.8, 1.25, 1.1, 0.9});
  EXPECT_GE(unsteady.windows.front(), kAppliedASecond / 50 / 16);
  EXPECT_GE(unsteady.windows[unsteady.windows.size() / 20], kAppliedASecond / 50 / 3);
  EXPECT_LE(unsteady.most_used, kMax);
}

// Each transaction has fixed costs. Half of the budget would be in it if all the rest were open while it runs.
TEST(AdmissionPacer, TransactionsBecomeAsLargeAsTheBudgetAllows) {
  EXPECT_GE(simulate({1}).mean_transaction, kMax / 16 * 7);
  EXPECT_GE(simulate({1, 0.8, 1.25, 1.1, 0.9}).mean_transaction, kMax / 5 * 2);
}

}  // namespace
}  // namespace dictsqlite::flush
