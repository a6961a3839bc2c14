// Goal: the queue is first-in first-out across its wrap-around and holds exactly its capacity. Method: direct calls.
#include "io/fixed_queue.hpp"

#include <gtest/gtest.h>

namespace dictsqlite::io {
namespace {

TEST(FixedQueue, IsEmptyAtFirst) {
  const FixedQueue<int, 3> queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.count(), 0u);
}

TEST(FixedQueue, KeepsTheOrderAcrossManyWraps) {
  FixedQueue<int, 3> queue;
  int next_in = 0;
  int next_out = 0;
  for (int round = 0; round < 100; ++round) {
    while (queue.count() < 3) {
      queue.push(next_in++);
    }
    for (int taken = 0; taken < 1 + round % 3; ++taken) {
      EXPECT_EQ(queue.pop(), next_out++);
    }
  }
}

TEST(FixedQueueDeathTest, RefusesOneMoreThanItsCapacity) {
  FixedQueue<int, 2> queue;
  queue.push(1);
  queue.push(2);
  EXPECT_DEATH(queue.push(3), "bound on elements");
}

TEST(FixedQueueDeathTest, RefusesToPopFromNothing) {
  FixedQueue<int, 2> queue;
  EXPECT_DEATH(queue.pop(), "wants an element");
}

}  // namespace
}  // namespace dictsqlite::io
