// Goal: a parker keeps one token, respects its deadline and is woken from another thread.
// Method: deadlines in the past for what must not sleep; one real, short deadline.
#include "task/parker.hpp"

#include "base/clock.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace dictsqlite::task {
namespace {

using namespace std::chrono_literals;

constexpr base::Instant kLongAgo = base::Instant::zero();

TEST(Parker, WithoutATokenReturnsFalseAtTheDeadline) {
  Parker parker;
  EXPECT_FALSE(parker.park_until(kLongAgo));
  EXPECT_FALSE(parker.park_until(-1ns));
}

TEST(Parker, SleepsUntilTheDeadlineAndNotLess) {
  Parker parker;
  const base::SteadyClock clock;
  const base::Instant deadline = clock.now() + 5ms;
  EXPECT_FALSE(parker.park_until(deadline));
  EXPECT_GE(clock.now(), deadline);
}

TEST(Parker, ATokenPutDownFirstIsTakenAtOnce) {
  Parker parker;
  parker.unpark();
  EXPECT_TRUE(parker.park_until(kLongAgo));
}

TEST(Parker, KeepsOneTokenAndNoMore) {
  Parker parker;
  parker.unpark();
  parker.unpark();
  EXPECT_TRUE(parker.park_until(kLongAgo));
  EXPECT_FALSE(parker.park_until(kLongAgo));
}

TEST(Parker, CanBeUsedAgainAfterADeadline) {
  Parker parker;
  EXPECT_FALSE(parker.park_until(kLongAgo));
  parker.unpark();
  parker.park();
  EXPECT_FALSE(parker.park_until(kLongAgo));
}

TEST(Parker, IsWokenFromAnotherThread) {
  Parker parker;
  std::thread waker([&parker] { parker.unpark(); });
  parker.park();
  waker.join();
}

}  // namespace
}  // namespace dictsqlite::task
