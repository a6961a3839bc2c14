// Goal: a thread keeps its number, nobody else alive has it, and it is given back. Method: threads that note theirs
// while all of them live, more of them than there are numbers.
#include "base/thread_slot.hpp"

#include "base/asymmetric_fence.hpp"
#include "support/start_line.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <thread>
#include <vector>

namespace dictsqlite::base {
namespace {

using testing_support::StartLine;

std::vector<std::uint32_t> numbers_of_threads_at_once(std::size_t count) {
  std::vector<std::uint32_t> numbers(count);
  StartLine line(count);
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < count; ++thread) {
    threads.emplace_back([&, thread] {
      numbers[thread] = thread_slot();
      line.arrive();  // nobody ends, and leaves its number to another, before all have looked
      EXPECT_EQ(thread_slot(), numbers[thread]) << "the number of a thread never changes";
    });
  }
  for (std::thread& thread : threads) thread.join();
  return numbers;
}

TEST(ThreadSlot, IsNobodyElses) {
  const std::uint32_t mine = thread_slot();
  ASSERT_LT(mine, kThreadSlots);
  const std::vector<std::uint32_t> numbers = numbers_of_threads_at_once(32);
  std::set<std::uint32_t> seen{mine};
  for (const std::uint32_t number : numbers) {
    EXPECT_LT(number, kThreadSlots);
    EXPECT_TRUE(seen.insert(number).second) << number << " was given twice";
  }
  EXPECT_EQ(thread_slot(), mine);
}

TEST(ThreadSlot, IsGivenBackByThreadsThatEnd) {
  for (std::size_t round = 0; round < 4; ++round) {
    for (const std::uint32_t number : numbers_of_threads_at_once(kThreadSlots / 2)) EXPECT_LT(number, kThreadSlots);
  }
}

TEST(ThreadSlot, IsNoneForThoseWhoComeTooLate) {
  const std::uint32_t mine = thread_slot();
  std::vector<std::uint32_t> numbers = numbers_of_threads_at_once(kThreadSlots + 8);
  const auto none = std::count(numbers.begin(), numbers.end(), kNoThreadSlot);
  EXPECT_EQ(none, 8 + 1) << "this thread has one";
  std::set<std::uint32_t> given(numbers.begin(), numbers.end());
  EXPECT_EQ(given.size(), kThreadSlots - 1 + 1) << "all numbers but ours, and none";
  EXPECT_EQ(given.count(mine), 0u);
}

TEST(ThreadSlot, IsBelowWhatHasBeenSeen) {
  for (const std::uint32_t number : numbers_of_threads_at_once(16)) EXPECT_LT(number, thread_slots_seen());
  EXPECT_LE(thread_slots_seen(), kThreadSlots);
}

TEST(ThreadSlot, IsQuickToHaveOnceTheThreadHasIt) {
  std::uint32_t before = 0;
  std::uint32_t number = 0;
  std::uint32_t after = 0;
  std::thread([&] {
    before = quick_thread_slot();
    number = thread_slot();
    after = quick_thread_slot();
  }).join();
  EXPECT_EQ(before, kNoThreadSlot);
  EXPECT_EQ(after, fences_are_asymmetric() ? number : kNoThreadSlot);
}

// Its other thread-local objects are destroyed after the number was given back, and may still use a database.
TEST(ThreadSlot, IsNoneAtTheVeryEndOfAThread) {
  static std::uint32_t at_the_end = 0;
  static std::uint32_t quick_at_the_end = 0;
  struct Late {
    ~Late() {
      at_the_end = thread_slot();
      quick_at_the_end = quick_thread_slot();
    }
  };
  std::thread([] {
    static thread_local Late late;
    (void)&late;  // made first, hence destroyed last
    EXPECT_LT(thread_slot(), kThreadSlots);
  }).join();
  EXPECT_EQ(at_the_end, kNoThreadSlot);
  EXPECT_EQ(quick_at_the_end, kNoThreadSlot);
}

}  // namespace
}  // namespace dictsqlite::base
