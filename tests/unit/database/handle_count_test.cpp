// Goal: exactly one release is the last, whichever thread it is on, and never while the owner has not let
// go. Method: direct calls; threads that make handles from handles while the owner lets go.
#include "database/handle_count.hpp"

#include "base/asymmetric_fence.hpp"
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
  count.retain();
  count.retain();
  EXPECT_FALSE(count.let_go());
  EXPECT_FALSE(count.release());
  EXPECT_TRUE(count.release());
}

TEST(HandleCount, DoesNotEndWhileTheOwnerIsThere) {
  HandleCount count;
  for (int again = 0; again < 3; ++again) {
    count.retain();
    EXPECT_FALSE(count.release());
  }
  EXPECT_TRUE(count.let_go());
}

TEST(HandleCount, CountsInShortAsInFull) {
  HandleCount count;
  count.retain();  // by now the thread has its number
  const bool quick = base::fences_are_asymmetric();
  EXPECT_EQ(count.try_retain_by_owner(), quick);
  if (quick) {
    EXPECT_TRUE(count.try_release());
  }
  EXPECT_FALSE(count.let_go());
  EXPECT_FALSE(count.try_release()) << "the owner has left: who is the last is known in one place";
  EXPECT_TRUE(count.release());
}

TEST(HandleCountStress, ExactlyOneReleaseIsTheLast) {
  constexpr std::size_t kThreads = 4;
  for (std::size_t round = 0; round < scaled(500); ++round) {
    HandleCount count;
    std::atomic<int> lasts{0};
    StartLine start(kThreads + 1);
    std::vector<std::thread> threads;
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
      count.retain();
      threads.emplace_back([&] {
        start.arrive();
        for (int copies = 0; copies < 20; ++copies) {
          count.retain();
          lasts += count.release() ? 1 : 0;
        }
        lasts += count.release() ? 1 : 0;
      });
    }
    start.arrive();
    lasts += count.let_go() ? 1 : 0;
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(lasts.load(), 1) << "round " << round;
  }
}

// A thread that is past the end of its thread-local objects has no number any more: it counts where all can.
TEST(HandleCount, CountsForThreadsWithoutANumberToo) {
  struct AtTheEnd {
    HandleCount* count = nullptr;
    ~AtTheEnd() {
      if (count == nullptr) return;
      EXPECT_EQ(base::thread_slot(), base::kNoThreadSlot);
      count->retain();
      EXPECT_FALSE(count->release());
      EXPECT_FALSE(count->release()) << "the one it was given";
    }
  };
  HandleCount count;
  count.retain();
  std::thread([&] {
    static thread_local AtTheEnd at_the_end;
    at_the_end.count = &count;  // made first, hence destroyed last:
    (void)base::thread_slot();  // after the number was given back
  }).join();
  EXPECT_TRUE(count.let_go());
}

}  // namespace
}  // namespace dictsqlite::detail
