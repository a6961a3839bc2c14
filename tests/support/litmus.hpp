// Litmus: two threads that run one short piece of code each, at the same time, again and again, and a look at what came
// of it after each round.
//
// A store waits in the core's store buffer until it reaches the cache; that a later load of the same thread overtakes
// it is what the tests are about. StoreBufferFill gives the buffer something to wait for.
#pragma once

#include "support/random.hpp"
#include "support/scale.hpp"
#include "support/start_line.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>

#include <sched.h>

namespace dictsqlite::testing_support {

/// Stores to memory that is in no cache. Thread-safety: one object a thread.
class StoreBufferFill {
 public:
  explicit StoreBufferFill(std::uint64_t stream) : random_(stream), lines_(std::make_unique<Line[]>(kLines)) {}

  void operator()() {
    for (int count = 0; count < kStores; ++count)
      lines_[random_.below(kLines)].byte.store(1, std::memory_order_relaxed);
  }

 private:
  static constexpr std::size_t kLines = std::size_t{1} << 16;
  static constexpr int kStores = 12;
  struct alignas(base::kCacheLine) Line {
    std::atomic<char> byte;
  };

  Random random_;
  std::unique_ptr<Line[]> lines_;
};

/// Keeps the calling thread on the n-th of the processors it may use, if there are two. Left to itself the system now
/// and then puts both threads on one processor for minutes, and nothing is reordered there that they could see.
class OnProcessor {
 public:
  explicit OnProcessor(int wanted) {
    if (::sched_getaffinity(0, sizeof before_, &before_) != 0 || CPU_COUNT(&before_) < 2) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &before_) && wanted-- == 0) CPU_SET(cpu, &one);
    }
    pinned_ = ::sched_setaffinity(0, sizeof one, &one) == 0;
  }
  ~OnProcessor() {
    if (pinned_) ::sched_setaffinity(0, sizeof before_, &before_);
  }
  OnProcessor(const OnProcessor&) = delete;
  OnProcessor& operator=(const OnProcessor&) = delete;

 private:
  cpu_set_t before_{};
  bool pinned_ = false;
};

struct LitmusResult {
  std::uint64_t rounds = 0;
  std::uint64_t failures = 0;
};

/// How long a litmus test plays.
struct LitmusPlan {
  std::uint64_t rounds_max;
  std::chrono::seconds time_max;
  bool stop_at_failure;
};

/// Runs `left` and `right` together, then `failed()`, which says whether it went wrong and sets up the next round.
template <class Left, class Right, class Failed>
LitmusResult run_litmus(const LitmusPlan& plan, Left&& left, Right&& right, Failed&& failed) {
  StartLine start(2);
  StartLine end(2);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    const OnProcessor second(1);
    StoreBufferFill fill(1);
    Random random(2);
    for (;;) {
      start.arrive();
      if (stop.load(std::memory_order_relaxed)) return;
      for (std::size_t delay = random.below(64); delay > 0; --delay) base::spin_pause();
      fill();
      right();
      end.arrive();
    }
  });
  const OnProcessor first(0);
  StoreBufferFill fill(3);
  Random random(4);
  LitmusResult result;
  const auto deadline = std::chrono::steady_clock::now() + plan.time_max;
  while (result.rounds < plan.rounds_max) {
    if (result.rounds % 1024 == 1023 && std::chrono::steady_clock::now() > deadline) break;
    start.arrive();
    for (std::size_t delay = random.below(64); delay > 0; --delay) base::spin_pause();
    fill();
    left();
    end.arrive();
    ++result.rounds;
    if (failed()) ++result.failures;
    if (plan.stop_at_failure && result.failures > 0) break;
  }
  stop.store(true, std::memory_order_relaxed);
  start.arrive();
  other.join();
  return result;
}

/// A litmus test over one kind of atomics.
using LitmusPlay = LitmusResult (*)(const LitmusPlan& plan);

/// Over the library's own atomics nothing goes wrong. `rounds` are scaled.
inline void expect_never_fails(LitmusPlay play, std::uint64_t rounds) {
  const LitmusResult result = play({scaled(rounds), std::chrono::seconds(4), false});
  EXPECT_EQ(result.failures, 0u) << "of " << result.rounds;
}

/// Over WeakAtomics something does: so that the test can fail, and the order is there for a reason.
inline void expect_seen_to_fail(LitmusPlay play) {
  if (kThreadSanitizer) GTEST_SKIP() << "ThreadSanitizer's own work orders the accesses";
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one core reorders nothing that its threads could see";
  const LitmusResult result = play({100'000'000, std::chrono::seconds(60), true});
  EXPECT_GE(result.failures, 1u) << "of " << result.rounds << "; if this machine never reorders, seq_cst costs nothing";
  testing::Test::RecordProperty("rounds", static_cast<int>(result.rounds));
}

}  // namespace dictsqlite::testing_support
