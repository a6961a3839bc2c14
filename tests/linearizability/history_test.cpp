// Goal: the checker accepts what is linearizable and finds what is not. Method: small histories by hand; and many small
// random ones against a search through every order.
#include "linearizability/history.hpp"

#include "support/random.hpp"
#include "support/scale.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace dictsqlite::linearizability {
namespace {

using testing_support::Random;
using testing_support::scaled;

bool is_linearizable(const std::vector<Event>& events) { return !Checker::find_fault(events).has_value(); }

// Tries all orders.
bool some_order_works(const std::vector<Event>& events) {
  std::vector<std::size_t> order(events.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  do {
    std::uint64_t current = kInitial;
    bool works = true;
    for (std::size_t place = 0; place < order.size() && works; ++place) {
      const Event& event = events[order[place]];
      for (std::size_t later = place + 1; later < order.size(); ++later) {
        works = works && events[order[later]].end >= event.begin;  // nothing later in order ended before this began
      }
      if (event.kind == Kind::kWrite) current = event.value;
      works = works && event.value == current;
    }
    if (works) return true;
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

TEST(History, OfOneAfterTheOtherIsLinearizable) {
  EXPECT_TRUE(is_linearizable({{Kind::kRead, kInitial, 1, 2},
                               {Kind::kWrite, 7, 3, 4},
                               {Kind::kRead, 7, 5, 6},
                               {Kind::kWrite, 8, 7, 8},
                               {Kind::kRead, 8, 9, 10}}));
}

TEST(History, MayReadEitherValueDuringAWrite) {
  EXPECT_TRUE(is_linearizable({{Kind::kWrite, 7, 1, 10}, {Kind::kRead, kInitial, 2, 3}, {Kind::kRead, 7, 4, 5}}));
}

TEST(History, MayNotGoBackInTime) {
  EXPECT_FALSE(is_linearizable({{Kind::kWrite, 7, 1, 10}, {Kind::kRead, 7, 2, 3}, {Kind::kRead, kInitial, 4, 5}}));
  EXPECT_FALSE(is_linearizable({{Kind::kWrite, 7, 1, 2}, {Kind::kWrite, 8, 3, 4}, {Kind::kRead, 7, 5, 6}}));
}

TEST(History, MayNotLoseAFinishedWrite) {
  EXPECT_FALSE(is_linearizable({{Kind::kWrite, 7, 1, 2}, {Kind::kRead, kInitial, 3, 4}}));
}

TEST(History, MayNotReadTheFuture) { EXPECT_FALSE(is_linearizable({{Kind::kRead, 7, 1, 2}, {Kind::kWrite, 7, 3, 4}})); }

TEST(History, MayNotReadWhatNobodyWrote) { EXPECT_FALSE(is_linearizable({{Kind::kRead, 9, 1, 2}})); }

TEST(History, OfSmallSizeIsJudgedAsBySearchingAllOrders) {
  Random random(1);
  std::size_t linearizable = 0;
  const std::size_t rounds = scaled(4'000);
  for (std::size_t round = 0; round < rounds; ++round) {
    std::vector<Event> events;
    std::uint64_t writes = 0;
    for (std::size_t count = 2 + random.below(5); count > 0; --count) {
      const Time begin = static_cast<Time>(random.below(30)) * 2;
      const Time end = begin + 1 + static_cast<Time>(random.below(10)) * 2;
      if (random.one_in(2)) {
        events.push_back({Kind::kWrite, ++writes, begin, end});
      } else {
        events.push_back({Kind::kRead, random.below(4), begin, end});
      }
    }
    const bool expected = some_order_works(events);
    linearizable += expected ? 1 : 0;
    ASSERT_EQ(is_linearizable(events), expected) << "round " << round;
  }
  EXPECT_GT(linearizable, rounds / 50) << "both kinds occur";
  EXPECT_LT(linearizable, rounds - rounds / 50);
}

}  // namespace
}  // namespace dictsqlite::linearizability
