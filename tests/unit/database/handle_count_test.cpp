// Goal: exactly one release is the last, whichever thread and stripe it is on, and never while the owner has not let
// go. Method: direct calls; threads that make handles from handles while the owner lets go.
#include "database/handle_count.hpp"

#include "support/scale.hpp"
#include "support/start_line.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace dictsqlite::detail {
namespace {

using testing_support::scaled;
using testing_support::StartLine;

TEST(HandleCount, EndsWithTheOwnerIfThereIsNoHandle) {
  HandleCount count;
  EXPECT_TRUE(count.let_go());
}

TEST(HandleCount, EndsWithTheLastHandleIfTheOwnerHasLetGo) {
  HandleCount count;
  const std::uint32_t stripe = HandleCount::spread();
  count.retain(stripe);
  count.retain(stripe);
  EXPECT_FALSE(count.let_go());
  EXPECT_FALSE(count.release(stripe));
  EXPECT_TRUE(count.release(stripe));
}

TEST(HandleCount, DoesNotEndWhileTheOwnerIsThere) {
  HandleCount count;
  for (int again = 0; again < 3; ++again) {
    count.retain(HandleCount::spread());
    EXPECT_FALSE(count.release(HandleCount::spread()));
  }
  EXPECT_TRUE(count.let_go());
}

TEST(HandleCountStress, ExactlyOneReleaseIsTheLast) {
  constexpr std::size_t kThreads = 4;
  for (std::size_t round = 0; round < scaled(500); ++round) {
    HandleCount count;
    std::atomic<int> lasts{0};
    StartLine start(kThreads + 1);
    std::vector<std::thread> threads;
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
      const std::uint32_t stripe = static_cast<std::uint32_t>(thread) % 3;
      count.retain(stripe);
      threads.emplace_back([&, stripe] {
        start.arrive();
        for (int copies = 0; copies < 20; ++copies) {
          count.retain(stripe);
          lasts += count.release(stripe) ? 1 : 0;
        }
        lasts += count.release(stripe) ? 1 : 0;
      });
    }
    start.arrive();
    lasts += count.let_go() ? 1 : 0;
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(lasts.load(), 1) << "round " << round;
  }
}

}  // namespace
}  // namespace dictsqlite::detail
