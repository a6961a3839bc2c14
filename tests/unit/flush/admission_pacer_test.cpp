// Goal: writers that are faster than SQLite are let in evenly until budget is given back, and nobody else is held up.
// Method: times and bytes by hand; then a simulated applier and writers that take all they are given.
#include "flush/admission_pacer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>

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
  EXPECT_EQ(pacer.limit(kNow + milliseconds(750), used, 0), used + 6 * kMiB);
  EXPECT_EQ(pacer.limit(kNow + milliseconds(1500), used + 6 * kMiB, 0), used + 12 * kMiB);
  EXPECT_EQ(pacer.limit(kNow + seconds(3), used + 12 * kMiB, 0), used + 14 * kMiB);
  EXPECT_LT(pacer.limit(kNow + seconds(1000), used, 0), kMax);
}

// What is given back may be seen before, or after, the use it ends.
TEST(AdmissionPacer, RoomEndsACycleHoweverItCame) {
  AdmissionPacer pacer(kMax);
  EXPECT_EQ(pacer.limit(kNow, 40 * kMiB, 1), 40 * kMiB);
  EXPECT_EQ(pacer.limit(kNow, kMax / 4, 1), kMax);
  EXPECT_FALSE(pacer.is_pacing());
}

TEST(AdmissionPacer, TheNextCycleTakesAsLongAByteAsTheSlowestLately) {
  AdmissionPacer pacer(kMax);
  EXPECT_EQ(pacer.limit(kNow, 40 * kMiB, 0), 40 * kMiB);
  // 40 MiB took 5 s, and the guess was 1.25.
  Instant began = kNow + seconds(5);
  EXPECT_EQ(pacer.limit(began, 40 * kMiB, 40 * kMiB), 40 * kMiB);
  EXPECT_EQ(pacer.limit(began + seconds(5), 40 * kMiB, 40 * kMiB), (40 + 18) * kMiB);
  // Now they took 1 s: an eighth of the difference is believed, 4.5 s.
  began += seconds(1);
  EXPECT_EQ(pacer.limit(began, 40 * kMiB, 80 * kMiB), 40 * kMiB);
  EXPECT_EQ(pacer.limit(began + milliseconds(4500), 40 * kMiB, 80 * kMiB), (40 + 18) * kMiB);
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

// Writers that want more than the applier can, which takes now longer and now shorter: what they get in any 20 ms does
// not fall below a third of the mean.
TEST(AdmissionPacer, WritersSlowDownRatherThanStop) {
  constexpr std::size_t kAppliedASecond = 20 * kMiB;
  constexpr Instant kStep = milliseconds(1);
  AdmissionPacer pacer(kMax);
  std::size_t used = 0;
  std::uint64_t given_back = 0;
  std::size_t applying = 0;
  Instant applied_at = base::kNever;
  std::size_t transactions = 0;
  constexpr double kTimes[] = {1, 0.8, 1.25, 1.1, 0.9};
  std::size_t window = 0;
  std::size_t least = kMax;
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
          static_cast<double>(used) * 1e9 / kAppliedASecond * kTimes[transactions++ % std::size(kTimes)];
      applied_at = now + std::chrono::nanoseconds(static_cast<std::int64_t>(time));
    }
    const std::size_t taken = std::min<std::size_t>(limit > used ? limit - used : 0, 200 * kMiB / 1000);
    used += taken;
    window += taken;
    if (step % 20 != 19) continue;
    if (step > 20'000) least = std::min(least, window);
    window = 0;
  }
  EXPECT_GE(least, kAppliedASecond / 50 / 3);
  EXPECT_LE(used, kMax);
}

}  // namespace
}  // namespace dictsqlite::flush
