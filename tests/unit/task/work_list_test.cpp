// Goal: a stack of work becomes the order in which it was posted; what was taken is not referred to any more. Method:
// chains made by hand.
#include "task/work_list.hpp"

#include <gtest/gtest.h>

#include <array>

namespace dictsqlite::task {
namespace {

TEST(WorkList, OfNothingIsNothing) { EXPECT_EQ(reversed(nullptr), nullptr); }

TEST(WorkList, IsTurnedAroundAndTakenFromTheFront) {
  std::array<Work, 3> nodes{};
  nodes[2].next = &nodes[1];  // the newest first
  nodes[1].next = &nodes[0];
  nodes[0].next = nullptr;
  Work* chain = reversed(&nodes[2]);
  for (Work& node : nodes) {
    ASSERT_NE(chain, nullptr);
    EXPECT_EQ(pop_first(chain), &node);
  }
  EXPECT_EQ(chain, nullptr);
}

}  // namespace
}  // namespace dictsqlite::task
