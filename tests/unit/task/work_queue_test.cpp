// Goal: the queue keeps order, tells exactly one poster to wake a parked consumer, and refuses work once closed.
// Method: every transition of its one word, on one thread; then each of the consumer's calls with a whole push between
// any two of its accesses, and a push with each of those calls between any two of its own.
#include "task/work_queue.hpp"

#include "support/steps.hpp"

#include <gtest/gtest.h>

#include <cstddef>

namespace dictsqlite::task {
namespace {

TEST(WorkQueue, GivesWorkOldestFirst) {
  WorkQueue<> queue;
  Work one, two, three;
  EXPECT_EQ(queue.push(&one), PushResult::kQueued);
  EXPECT_EQ(queue.push(&two), PushResult::kQueued);
  EXPECT_EQ(queue.push(&three), PushResult::kQueued);
  Work* chain = queue.take_all();
  EXPECT_EQ(pop_first(chain), &one);
  EXPECT_EQ(pop_first(chain), &two);
  EXPECT_EQ(pop_first(chain), &three);
  EXPECT_EQ(chain, nullptr);
  EXPECT_EQ(queue.take_all(), nullptr);
}

TEST(WorkQueue, OnlyTheFirstPushAfterParkingWakes) {
  WorkQueue<> queue;
  Work one, two;
  ASSERT_TRUE(queue.try_park());
  EXPECT_EQ(queue.push(&one), PushResult::kWakeConsumer);
  EXPECT_EQ(queue.push(&two), PushResult::kQueued);
  Work* chain = queue.take_all();
  EXPECT_EQ(pop_first(chain), &one);
  EXPECT_EQ(pop_first(chain), &two);
  EXPECT_EQ(chain, nullptr);
}

TEST(WorkQueue, DoesNotParkOnWork) {
  WorkQueue<> queue;
  Work work;
  EXPECT_TRUE(queue.looks_empty());
  EXPECT_EQ(queue.push(&work), PushResult::kQueued);
  EXPECT_FALSE(queue.looks_empty());
  EXPECT_FALSE(queue.try_park());
  EXPECT_FALSE(queue.close());
  EXPECT_EQ(queue.take_all(), &work);
}

TEST(WorkQueue, TakingEndsBeingParked) {
  WorkQueue<> queue;
  Work work;
  ASSERT_TRUE(queue.try_park());
  EXPECT_EQ(queue.take_all(), nullptr);
  EXPECT_EQ(queue.push(&work), PushResult::kQueued);
}

TEST(WorkQueue, RefusesWorkOnceClosed) {
  WorkQueue<> queue;
  Work work;
  ASSERT_TRUE(queue.close());
  EXPECT_EQ(queue.push(&work), PushResult::kClosed);
}

using SteppedQueue = WorkQueue<testing_support::StepAtomics>;
using testing_support::Steps;

// A parked consumer is woken, one that is not parked finds the work.
void expect_not_forgotten(SteppedQueue& queue, Work& work, PushResult pushed, bool parked) {
  EXPECT_EQ(pushed, parked ? PushResult::kWakeConsumer : PushResult::kQueued);
  EXPECT_EQ(queue.take_all(), &work);
}

TEST(WorkQueueSteps, APushAnywhereInTryPark) {
  bool happened = true;
  for (std::size_t step = 0; happened; ++step) {
    SteppedQueue queue;
    Work work;
    bool parked = false;
    PushResult pushed = PushResult::kClosed;
    happened = Steps::run(
        step, [&] { parked = queue.try_park(); }, [&] { pushed = queue.push(&work); });
    if (!happened) pushed = queue.push(&work);
    expect_not_forgotten(queue, work, pushed, parked);
  }
}

TEST(WorkQueueSteps, TryParkAnywhereInAPush) {
  bool happened = true;
  for (std::size_t step = 0; happened; ++step) {
    SteppedQueue queue;
    Work work;
    bool parked = false;
    PushResult pushed = PushResult::kClosed;
    happened = Steps::run(
        step, [&] { pushed = queue.push(&work); }, [&] { parked = queue.try_park(); });
    expect_not_forgotten(queue, work, pushed, parked);
  }
}

TEST(WorkQueueSteps, CloseAnywhereInAPush) {
  bool happened = true;
  for (std::size_t step = 0; happened; ++step) {
    SteppedQueue queue;
    Work work;
    bool closed = false;
    PushResult pushed = PushResult::kWakeConsumer;
    happened = Steps::run(
        step, [&] { pushed = queue.push(&work); }, [&] { closed = queue.close(); });
    EXPECT_EQ(pushed, closed ? PushResult::kClosed : PushResult::kQueued);
  }
}

TEST(WorkQueueSteps, TakingAndPushingAnywhereInAPushKeepsBoth) {
  bool happened = true;
  for (std::size_t step = 0; happened; ++step) {
    SteppedQueue queue;
    Work below, work, between;
    ASSERT_EQ(queue.push(&below), PushResult::kQueued);
    Work* taken = nullptr;
    happened = Steps::run(
        step, [&] { static_cast<void>(queue.push(&work)); },
        [&] {
          taken = queue.take_all();
          static_cast<void>(queue.push(&between));
        });
    std::size_t found = 0;
    for (; taken != nullptr; static_cast<void>(pop_first(taken))) ++found;
    for (taken = queue.take_all(); taken != nullptr; static_cast<void>(pop_first(taken))) ++found;
    EXPECT_EQ(found, happened ? 3U : 2U);
  }
}

}  // namespace
}  // namespace dictsqlite::task
