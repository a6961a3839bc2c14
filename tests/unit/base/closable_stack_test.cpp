// Goal: what was pushed is taken once, newest first; a closed stack refuses, and nothing is both refused and taken.
// Method: direct calls; a taking or a closing between any two accesses of a push; threads that push while one takes and
// closes.
#include "base/closable_stack.hpp"

#include "support/scale.hpp"
#include "support/steps.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace dictsqlite::base {
namespace {

using testing_support::scaled;
using testing_support::StepAtomics;
using testing_support::Steps;

struct Item {
  Item* next = nullptr;
  int taken = 0;
};
using Stack = ClosableStack<Item, &Item::next>;
using SteppedStack = ClosableStack<Item, &Item::next, StepAtomics>;

std::size_t take(Item* item) {
  std::size_t count = 0;
  for (; item != nullptr; ++count) {
    Item* const next = item->next;
    ++item->taken;
    item = next;
  }
  return count;
}

TEST(ClosableStack, HasNothingAtFirst) {
  Stack stack;
  EXPECT_FALSE(stack.has_any());
  EXPECT_EQ(stack.take_all(), nullptr);
}

TEST(ClosableStack, GivesEverythingNewestFirst) {
  Stack stack;
  std::array<Item, 3> items;
  for (Item& item : items) ASSERT_TRUE(stack.push(&item));
  EXPECT_TRUE(stack.has_any());
  Item* const first = stack.take_all();
  EXPECT_FALSE(stack.has_any());
  ASSERT_EQ(first, &items[2]);
  ASSERT_EQ(first->next, &items[1]);
  ASSERT_EQ(first->next->next, &items[0]);
  EXPECT_EQ(items[0].next, nullptr);
}

TEST(ClosableStack, TakesAnItemAgainThatWasTakenOut) {
  Stack stack;
  Item item;
  ASSERT_TRUE(stack.push(&item));
  ASSERT_EQ(stack.take_all(), &item);
  ASSERT_TRUE(stack.push(&item));
  EXPECT_EQ(stack.take_all(), &item);
  EXPECT_EQ(item.next, nullptr);
}

TEST(ClosableStack, RefusesOnceTheLastWasTaken) {
  Stack stack;
  Item before;
  Item late;
  ASSERT_TRUE(stack.push(&before));
  EXPECT_EQ(stack.take_last(), &before);
  EXPECT_FALSE(stack.push(&late));
  EXPECT_FALSE(stack.push(&late)) << "and stays closed";
}

TEST(ClosableStackSteps, ATakingThatFallsIntoAPushTakesWhatCameBefore) {
  for (std::size_t step = 0;; ++step) {
    SteppedStack stack;
    Item before;
    Item item;
    ASSERT_TRUE(stack.push(&before));
    bool pushed = false;
    if (!Steps::run(
            step, [&] { pushed = stack.push(&item); }, [&] { EXPECT_EQ(take(stack.take_all()), 1u); }))
      break;
    EXPECT_TRUE(pushed);
    EXPECT_EQ(take(stack.take_all()), 1u) << "taken before access " << step;
    EXPECT_EQ(before.taken + item.taken, 2);
  }
}

TEST(ClosableStackSteps, AClosingThatFallsIntoAPushRefusesIt) {
  for (std::size_t step = 0;; ++step) {
    SteppedStack stack;
    Item before;
    Item item;
    ASSERT_TRUE(stack.push(&before));
    bool pushed = true;
    if (!Steps::run(
            step, [&] { pushed = stack.push(&item); }, [&] { EXPECT_EQ(take(stack.take_last()), 1u); }))
      break;
    EXPECT_FALSE(pushed) << "closed before access " << step;
    EXPECT_EQ(item.taken, 0);
  }
}

TEST(ClosableStackStress, EachItemIsTakenOnceOrRefused) {
  constexpr std::size_t kThreads = 3;
  const std::size_t each = scaled(100'000);
  Stack stack;
  std::vector<std::unique_ptr<Item[]>> items;
  std::vector<std::vector<char>> accepted(kThreads, std::vector<char>(each));
  for (std::size_t thread = 0; thread < kThreads; ++thread) items.push_back(std::make_unique<Item[]>(each));
  std::atomic<std::size_t> pushed{0};
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::size_t index = 0; index < each; ++index) {
        accepted[thread][index] = static_cast<char>(stack.push(&items[thread][index]));
        pushed.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  // Closes while they still push: those that come later must know that they were refused.
  while (pushed.load(std::memory_order_relaxed) < kThreads * each / 2) take(stack.take_all());
  take(stack.take_last());
  for (std::thread& thread : threads) thread.join();
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    for (std::size_t index = 0; index < each; ++index) {
      ASSERT_EQ(items[thread][index].taken, accepted[thread][index]) << thread << ' ' << index;
    }
  }
}

}  // namespace
}  // namespace dictsqlite::base
