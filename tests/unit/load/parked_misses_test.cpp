// Goal: parked misses leave in the order of their arrival, and none comes in once they are closed. Method: direct
// calls.
#include "load/parked_misses.hpp"

#include <gtest/gtest.h>

#include <array>

namespace dictsqlite::load {
namespace {

TEST(ParkedMisses, AreNoneAtFirst) {
  ParkedMisses parked;
  EXPECT_FALSE(parked.any());
  EXPECT_EQ(parked.pop_front(), nullptr);
}

TEST(ParkedMisses, KeepTheOrderOfArrival) {
  ParkedMisses parked;
  std::array<detail::Completion, 3> completions;
  for (detail::Completion& completion : completions) ASSERT_TRUE(parked.push(&completion));
  for (detail::Completion& completion : completions) {
    EXPECT_TRUE(parked.any());
    EXPECT_EQ(parked.pop_front(), &completion);
  }
  EXPECT_FALSE(parked.any());
  EXPECT_EQ(parked.pop_front(), nullptr);
}

TEST(ParkedMisses, TakeOneAgainAfterTheyWereNone) {
  ParkedMisses parked;
  detail::Completion completion;
  ASSERT_TRUE(parked.push(&completion));
  ASSERT_EQ(parked.pop_front(), &completion);
  ASSERT_TRUE(parked.push(&completion));
  EXPECT_EQ(parked.pop_front(), &completion);
}

TEST(ParkedMisses, TakeOneBackToWhereItWas) {
  ParkedMisses parked;
  std::array<detail::Completion, 2> completions;
  ASSERT_TRUE(parked.push_front(&completions[1])) << "to none";
  ASSERT_TRUE(parked.push_front(&completions[0])) << "to one";
  detail::Completion last;
  ASSERT_TRUE(parked.push(&last));
  EXPECT_EQ(parked.pop_front(), &completions[0]);
  EXPECT_EQ(parked.pop_front(), &completions[1]);
  EXPECT_EQ(parked.pop_front(), &last);
  EXPECT_FALSE(parked.any());
  parked.close();
  EXPECT_FALSE(parked.push_front(&last));
}

TEST(ParkedMisses, AreNotJoinedOnceTheyAreClosed) {
  ParkedMisses parked;
  detail::Completion before;
  detail::Completion late;
  ASSERT_TRUE(parked.push(&before));
  EXPECT_FALSE(parked.is_closed());
  parked.close();
  EXPECT_TRUE(parked.is_closed());
  EXPECT_FALSE(parked.push(&late));
  EXPECT_EQ(parked.pop_front(), &before) << "those before are not forgotten";
  EXPECT_FALSE(parked.any());
}

}  // namespace
}  // namespace dictsqlite::load
