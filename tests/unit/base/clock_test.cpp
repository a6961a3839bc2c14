// Goal: the library's time is that of std::chrono::steady_clock, on one scale with it, and kNever is behind every
// moment of it. Method: readings of one clock between two of the other.
#include "base/clock.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace dictsqlite::base {
namespace {

Instant of_the_standard() {
  return std::chrono::duration_cast<Instant>(std::chrono::steady_clock::now().time_since_epoch());
}

TEST(SteadyClock, IsTheStandardsOnOneScale) {
  Instant before = of_the_standard();
  for (int reading = 0; reading < 1000; ++reading) {
    const Instant now = steady_clock().now();
    const Instant after = of_the_standard();
    ASSERT_LE(before, now);
    ASSERT_LE(now, after);
    before = after;
  }
}

TEST(SteadyClock, IsOneObjectForEveryCaller) { EXPECT_EQ(&steady_clock(), &steady_clock()); }

TEST(SteadyClock, NeverReachesNever) { EXPECT_LT(steady_clock().now() + std::chrono::hours(24 * 365 * 100), kNever); }

}  // namespace
}  // namespace dictsqlite::base
