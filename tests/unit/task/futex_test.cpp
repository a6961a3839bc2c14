// Goal: a sleeper wakes by the word, by a call, or at its deadline, and says which. Method: direct calls; another
// thread that changes the word and wakes.
#include "task/futex.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace dictsqlite::task {
namespace {

base::Instant in(std::chrono::milliseconds time) { return base::steady_clock().now() + time; }

TEST(Futex, DoesNotSleepIfTheWordHasAnotherValue) {
  const std::atomic<std::uint32_t> word{1};
  EXPECT_TRUE(futex_wait(word, 0, base::kNever));
}

TEST(Futex, SleepsNoLongerThanItsDeadline) {
  const std::atomic<std::uint32_t> word{0};
  const base::Instant deadline = in(std::chrono::milliseconds(5));
  while (futex_wait(word, 0, deadline)) {
  }
  EXPECT_GE(base::steady_clock().now(), deadline);
  EXPECT_FALSE(futex_wait(word, 0, in(std::chrono::milliseconds(-1)))) << "one that has passed";
}

// Held to a bound by the test's time-out.
TEST(Futex, WakesASleeper) {
  std::atomic<std::uint32_t> word{0};
  std::thread sleeper([&] {
    while (word.load(std::memory_order_acquire) == 0) static_cast<void>(futex_wait(word, 0, base::kNever));
  });
  word.store(1, std::memory_order_release);
  futex_wake_one(&word);
  sleeper.join();
  futex_wake_one(&word);  // nobody sleeps: nothing happens
}

}  // namespace
}  // namespace dictsqlite::task
