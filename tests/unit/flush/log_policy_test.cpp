// Goal: blocks are submitted when somebody waits, when enough has gathered, or in time; and no block goes out beside
// others that would keep most of those who come back waiting for one more. Method: views by hand.
#include "flush/flush_policy.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace dictsqlite::flush {
namespace {

constexpr base::Instant kNow = std::chrono::seconds(100);
constexpr base::Nanoseconds kInterval = std::chrono::seconds(1);
constexpr LogPolicy kWriteBehind{PersistMode::kWriteBehind, 10, kInterval};
constexpr LogPolicy kLazy{PersistMode::kLazy, 10, kInterval};

LogView waiting(std::size_t rows) {
  LogView view;
  view.now = kNow;
  view.waiting_rows = rows;
  view.oldest_waiting = kNow;
  return view;
}

TEST(LogPolicy, WithNothingWaitingThereIsNothingToLog) {
  LogView view = waiting(0);
  view.asked = view.under_pressure = view.closing = true;
  EXPECT_FALSE(kWriteBehind.should_log(view));
  EXPECT_EQ(kWriteBehind.next_look(view), base::kNever);
}

TEST(LogPolicy, WhoWaitsPressureAndCloseCallForABlockInEveryMode) {
  for (const LogPolicy& policy : {kWriteBehind, kLazy}) {
    EXPECT_FALSE(policy.should_log(waiting(1)));
    for (bool LogView::*reason : {&LogView::asked, &LogView::under_pressure, &LogView::closing}) {
      LogView view = waiting(1);
      view.*reason = true;
      EXPECT_TRUE(policy.should_log(view));
    }
  }
}

TEST(LogPolicy, AFullBufferAndTimeCallForABlockButNotLazily) {
  EXPECT_FALSE(kWriteBehind.should_log(waiting(9)));
  EXPECT_TRUE(kWriteBehind.should_log(waiting(10)));
  EXPECT_FALSE(kLazy.should_log(waiting(1'000)));
  LogView old = waiting(1);
  old.oldest_waiting = kNow - kInterval;
  EXPECT_TRUE(kWriteBehind.should_log(old));
  EXPECT_FALSE(kLazy.should_log(old));
  old.oldest_waiting += base::Nanoseconds(1);
  EXPECT_FALSE(kWriteBehind.should_log(old));
  EXPECT_EQ(kWriteBehind.next_look(old), kNow + base::Nanoseconds(1));
  EXPECT_EQ(kLazy.next_look(old), base::kNever);
}

// Time has passed since the decision, and so may have the moment: nothing else would wake the flusher.
TEST(LogPolicy, WhatIsDueIsLookedAtNow) {
  for (const LogPolicy& policy : {kWriteBehind, kLazy}) {
    for (bool LogView::*reason : {&LogView::asked, &LogView::under_pressure, &LogView::closing}) {
      LogView view = waiting(1);
      view.*reason = true;
      EXPECT_EQ(policy.next_look(view), kNow);
    }
  }
  LogView old = waiting(1);
  old.oldest_waiting = kNow - 2 * kInterval;
  EXPECT_LE(kWriteBehind.next_look(old), kNow);
  EXPECT_LE(kWriteBehind.next_look(waiting(10)), kNow);
}

TEST(LogPolicy, BesideABlockInFlightHalfAsManyHaveToWait) {
  LogView view = waiting(31);
  view.asked = true;
  view.rows_in_flight = 64;
  EXPECT_FALSE(kWriteBehind.should_log(view));
  EXPECT_EQ(rows_missing(31, 64), 1u);
  view.oldest_waiting = kNow - 2 * kInterval;
  EXPECT_EQ(kWriteBehind.next_look(view), base::kNever) << "no look without an end meanwhile";
  view.waiting_rows = 32;
  EXPECT_TRUE(kWriteBehind.should_log(view));
  EXPECT_EQ(rows_missing(32, 64), 0u);
  view.waiting_rows = 1;
  view.rows_in_flight = 1;
  EXPECT_TRUE(kWriteBehind.should_log(view)) << "one beside one";
  view.rows_in_flight = 1'000'000;
  view.waiting_rows = 512;
  EXPECT_TRUE(kWriteBehind.should_log(view)) << "enough is enough";
  view.rows_in_flight = 0;
  view.waiting_rows = 1;
  EXPECT_TRUE(kWriteBehind.should_log(view));
}

}  // namespace
}  // namespace dictsqlite::flush
