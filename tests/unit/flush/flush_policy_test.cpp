// Goal: the flusher applies, syncs and checkpoints when it should, never when it must not, and sleeps no longer than
// until then. Method: single views against the decision, at the last moment before and the first after it turns; for
// the sleep a grid of views against the decisions at every moment that could matter.
#include "flush/flush_policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

namespace dictsqlite::flush {
namespace {

using base::Instant;
using base::Nanoseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kNow = seconds(1000);
constexpr Nanoseconds kInterval = seconds(1);
constexpr Nanoseconds kInstant{1};
constexpr std::size_t kBufferSize = 100;
constexpr std::uint64_t kWalBytesMax = 1000;

constexpr FlushPolicy policy_of(PersistMode mode) { return {mode, kBufferSize, kInterval, kWalBytesMax}; }
constexpr FlushPolicy kWriteBehind = policy_of(PersistMode::kWriteBehind);
constexpr FlushPolicy kLazy = policy_of(PersistMode::kLazy);
constexpr FlushPolicy kBehindALog{PersistMode::kWriteBehind, kBufferSize, kInterval, kWalBytesMax, true};

// Nothing to do: everything is on the disk and happened just now.
FlushView quiet_view() {
  FlushView view;
  view.now = kNow;
  view.oldest_waiting = kNow;
  view.oldest_unsynced = kNow;
  view.last_activity = kNow;
  return view;
}
FlushView view_with_rows(std::size_t rows) {
  FlushView view = quiet_view();
  view.waiting_rows = rows;
  return view;
}
FlushView view_with_unsynced() {
  FlushView view = quiet_view();
  view.unsynced = true;
  return view;
}
FlushView view_with_log(std::uint64_t wal_bytes, std::uint64_t uncopied, std::uint64_t blocked = 0) {
  FlushView view = quiet_view();
  view.wal_bytes = wal_bytes;
  view.wal_bytes_uncopied = uncopied;
  view.wal_bytes_blocked = blocked;
  view.blocked_until = blocked != 0 ? kNow + kBlockedRetry : Instant(0);
  return view;
}
FlushView view_with_full_log() { return view_with_log(kWalBytesMax, kWalBytesMax); }
FlushView idle_view_with_log(std::uint64_t wal_bytes, std::uint64_t uncopied, std::uint64_t blocked = 0) {
  FlushView view = view_with_log(wal_bytes, uncopied, blocked);
  view.last_activity = view.now - kInterval;
  return view;
}

// Each of the three reasons to apply that know no waiting.
constexpr std::array kReasonsAtOnce{&FlushView::asked_to_apply, &FlushView::under_pressure, &FlushView::closing};

bool anything_to_do(const FlushPolicy& policy, const FlushView& view) {
  return policy.should_apply(view) || policy.should_sync(view) || policy.should_checkpoint(view);
}

// --- applying ---

TEST(FlushPolicyApply, HasNothingToDoWithoutRows) {
  FlushView view = view_with_rows(0);
  view.oldest_waiting = kNow - 2 * kInterval;
  for (const auto reason : kReasonsAtOnce) view.*reason = true;
  EXPECT_FALSE(kWriteBehind.should_apply(view));
  EXPECT_FALSE(kLazy.should_apply(view));
}

TEST(FlushPolicyApply, StartsWhenTheBufferIsFull) {
  EXPECT_FALSE(kWriteBehind.should_apply(view_with_rows(kBufferSize - 1)));
  EXPECT_TRUE(kWriteBehind.should_apply(view_with_rows(kBufferSize)));
}

TEST(FlushPolicyApply, StartsWhenTheOldestRowHasWaitedForTheInterval) {
  FlushView view = view_with_rows(1);
  view.oldest_waiting = kNow - kInterval + kInstant;
  EXPECT_FALSE(kWriteBehind.should_apply(view));
  view.oldest_waiting = kNow - kInterval;
  EXPECT_TRUE(kWriteBehind.should_apply(view));
}

// With a log it does not matter to anybody but those who read SQLite's file.
TEST(FlushPolicyApply, WaitsWithALogUntilTheApplierHasRested) {
  FlushView view = view_with_rows(1);
  view.oldest_waiting = kNow - kInterval;
  view.rests_until = kNow + kInstant;
  EXPECT_FALSE(kBehindALog.should_apply(view));
  EXPECT_EQ(kBehindALog.next_look(view), kNow + kInstant);
  EXPECT_TRUE(kWriteBehind.should_apply(view));
  view.rests_until = kNow;
  EXPECT_TRUE(kBehindALog.should_apply(view));
  view.rests_until = kNow + kInstant;
  for (const auto reason : kReasonsAtOnce) {
    FlushView called = view;
    called.*reason = true;
    EXPECT_TRUE(kBehindALog.should_apply(called));
  }
  view.waiting_rows = kBufferSize;
  EXPECT_TRUE(kBehindALog.should_apply(view));
}

TEST(FlushPolicyApply, StartsAtOnceWhenAskedUnderPressureAndClosing) {
  for (const auto reason : kReasonsAtOnce) {
    FlushView view = view_with_rows(1);
    ASSERT_FALSE(kWriteBehind.should_apply(view));
    view.*reason = true;
    EXPECT_TRUE(kWriteBehind.should_apply(view));
  }
}

TEST(FlushPolicyApply, WaitsInLazyModeUntilItIsCalledFor) {
  FlushView view = view_with_rows(1000 * kBufferSize);
  view.oldest_waiting = kNow - 1000 * kInterval;
  EXPECT_FALSE(kLazy.should_apply(view));
  for (const auto reason : kReasonsAtOnce) {
    FlushView called = view_with_rows(1);
    called.*reason = true;
    EXPECT_TRUE(kLazy.should_apply(called));
  }
}

TEST(FlushPolicyApply, IsTheSameInWriteThroughMode) {
  const FlushPolicy policy = policy_of(PersistMode::kWriteThrough);
  EXPECT_FALSE(policy.should_apply(view_with_rows(kBufferSize - 1)));
  EXPECT_TRUE(policy.should_apply(view_with_rows(kBufferSize)));
  FlushView view = view_with_rows(1);
  view.oldest_waiting = kNow - kInterval;
  EXPECT_TRUE(policy.should_apply(view));
}

TEST(FlushPolicyApply, WaitsForTheRetryAfterAFullDisk) {
  FlushView view = view_with_rows(kBufferSize);
  view.oldest_waiting = kNow - kInterval;
  for (const auto reason : kReasonsAtOnce) view.*reason = true;
  view.retry_after = kNow + kInstant;
  EXPECT_FALSE(kWriteBehind.should_apply(view));
  EXPECT_FALSE(kLazy.should_apply(view));
  view.retry_after = kNow;
  EXPECT_TRUE(kWriteBehind.should_apply(view));
  EXPECT_TRUE(kLazy.should_apply(view));
}

// Writes may be refused until it has been tried, and then nobody asks.
TEST(FlushPolicyApply, TriesATransactionAgainThatFoundTheDiskFullThoughNobodyAsks) {
  FlushView view = view_with_rows(1);
  view.is_transaction_retried = true;
  view.retry_after = kNow + kInstant;
  EXPECT_FALSE(kLazy.should_apply(view));
  EXPECT_EQ(kLazy.next_look(view), view.retry_after);
  view.retry_after = kNow;
  EXPECT_TRUE(kLazy.should_apply(view));
  view.waiting_rows = 0;
  EXPECT_FALSE(kLazy.should_apply(view));
}

TEST(FlushPolicyApply, GoesOnWhileASyncIsInFlight) {
  FlushView view = view_with_rows(kBufferSize);
  view.unsynced = true;
  view.sync_in_flight = true;
  EXPECT_TRUE(kWriteBehind.should_apply(view));
}

// --- syncing ---

// Those who were answered come back one after another: the first of them do not make a transaction of their own.
TEST(FlushPolicyGathering, WhoWaitsWaitsForHalfAsManyAsWereSynced) {
  for (const FlushPolicy& policy : {kWriteBehind, kLazy}) {
    FlushView view = view_with_rows(31);
    view.asked_to_apply = true;
    view.rows_synced = 64;
    view.gathers_until = kNow + kInstant;
    EXPECT_FALSE(policy.should_apply(view));
    EXPECT_EQ(policy.next_look(view), kNow + kInstant);
    view.waiting_rows = 32;
    EXPECT_TRUE(policy.should_apply(view));
    view.waiting_rows = 31;
    view.gathers_until = kNow;
    EXPECT_TRUE(policy.should_apply(view)) << "they did not come";
    view.gathers_until = base::kNever;
    view.sync_in_flight = true;
    EXPECT_FALSE(policy.should_apply(view));
    view.rows_synced = 100;
    view.waiting_rows = 50;
    EXPECT_TRUE(policy.should_apply(view));
  }
}

TEST(FlushPolicyGathering, HoldsUpNothingElse) {
  FlushView view = view_with_rows(1);
  view.rows_synced = 64;
  view.gathers_until = kNow + kInstant;
  EXPECT_EQ(kWriteBehind.next_look(view), kNow + kInterval) << "nobody waits";
  view.asked_to_apply = true;
  for (bool FlushView::*reason : {&FlushView::under_pressure, &FlushView::closing}) {
    FlushView other = view;
    other.*reason = true;
    EXPECT_TRUE(kWriteBehind.should_apply(other));
  }
  view.oldest_waiting = kNow - kInterval;
  EXPECT_TRUE(kWriteBehind.should_apply(view));
}

TEST(FlushPolicySync, HasNothingToDoWhenEverythingIsDurable) {
  FlushView view = quiet_view();
  view.asked_to_sync = true;
  view.oldest_unsynced = kNow - 2 * kInterval;
  EXPECT_FALSE(kWriteBehind.should_sync(view));
}

TEST(FlushPolicySync, StartsAtOnceWhenAsked) {
  FlushView view = view_with_unsynced();
  EXPECT_FALSE(kWriteBehind.should_sync(view));
  view.asked_to_sync = true;
  EXPECT_TRUE(kWriteBehind.should_sync(view));
}

TEST(FlushPolicySync, StartsAfterTheIntervalInEveryMode) {
  for (const FlushPolicy& policy : {kWriteBehind, kLazy}) {
    FlushView view = view_with_unsynced();
    view.oldest_unsynced = kNow - kInterval + kInstant;
    EXPECT_FALSE(policy.should_sync(view));
    view.oldest_unsynced = kNow - kInterval;
    EXPECT_TRUE(policy.should_sync(view));
  }
}

TEST(FlushPolicySync, IsNotStartedForPressureOrClosing) {
  FlushView view = view_with_unsynced();
  for (const auto reason : kReasonsAtOnce) view.*reason = true;
  EXPECT_FALSE(kWriteBehind.should_sync(view));
}

TEST(FlushPolicySync, RunsOneAtATime) {
  FlushView view = view_with_unsynced();
  view.asked_to_sync = true;
  view.oldest_unsynced = kNow - kInterval;
  ASSERT_TRUE(kWriteBehind.should_sync(view));
  view.sync_in_flight = true;
  EXPECT_FALSE(kWriteBehind.should_sync(view));
}

TEST(FlushPolicySync, IsLeftToTheCheckpointOfAFullLog) {
  FlushView view = view_with_full_log();
  view.unsynced = true;
  view.asked_to_sync = true;
  view.oldest_unsynced = kNow - kInterval;
  EXPECT_FALSE(kWriteBehind.should_sync(view));
  view.wal_bytes_uncopied = kWalBytesMax - 1;
  EXPECT_TRUE(kWriteBehind.should_sync(view));
}

TEST(FlushPolicySync, DoesNotWaitForTheRetryOfAFullDisk) {
  FlushView view = view_with_full_log();
  view.unsynced = true;
  view.asked_to_sync = true;
  view.retry_after = kNow + kInstant;
  EXPECT_TRUE(kWriteBehind.should_sync(view));
}

// --- a full log ---

TEST(FlushPolicyLog, IsFullByWhatACheckpointWouldCopy) {
  EXPECT_FALSE(kWriteBehind.log_is_full(view_with_log(kWalBytesMax - 1, kWalBytesMax - 1)));
  EXPECT_TRUE(kWriteBehind.log_is_full(view_with_log(kWalBytesMax, kWalBytesMax)));
  EXPECT_FALSE(kWriteBehind.log_is_full(view_with_log(100 * kWalBytesMax, kWalBytesMax - 1)));
}

TEST(FlushPolicyLog, TakesNothingMoreWhileItIsFull) {
  FlushView view = view_with_full_log();
  view.waiting_rows = kBufferSize;
  view.oldest_waiting = kNow - kInterval;
  view.unsynced = true;
  view.asked_to_sync = true;
  view.asked_to_apply = true;
  view.under_pressure = true;
  EXPECT_TRUE(kWriteBehind.should_checkpoint(view));
  EXPECT_FALSE(kWriteBehind.should_apply(view));
  EXPECT_FALSE(kWriteBehind.should_sync(view));
}

// The log may have room where the database file finds none: a close must not wait for the checkpoint.
TEST(FlushPolicyLog, TakesTheRestWhileClosingHoweverFullItIs) {
  FlushView view = view_with_full_log();
  view.waiting_rows = 1;
  view.closing = true;
  EXPECT_FALSE(kWriteBehind.log_is_full(view));
  EXPECT_TRUE(kWriteBehind.should_apply(view));
}

TEST(FlushPolicyLog, IsCheckpointedAfterTheSyncInFlight) {
  FlushView view = view_with_full_log();
  view.waiting_rows = kBufferSize;
  view.unsynced = true;
  view.sync_in_flight = true;
  EXPECT_FALSE(kWriteBehind.should_checkpoint(view));
  EXPECT_FALSE(kWriteBehind.should_apply(view)) << "else writers that never pause let it grow without end";
  view.sync_in_flight = false;
  EXPECT_TRUE(kWriteBehind.should_checkpoint(view));
}

TEST(FlushPolicyLog, IsFullAgainAQuarterAfterAReaderWasInTheWay) {
  const std::uint64_t blocked = 4000;
  for (const std::uint64_t grown : {blocked, blocked + blocked / 4 - 1}) {
    FlushView view = view_with_log(grown, grown, blocked);
    view.waiting_rows = kBufferSize;
    EXPECT_FALSE(kWriteBehind.log_is_full(view)) << grown;
    EXPECT_FALSE(kWriteBehind.should_checkpoint(view)) << grown;
    EXPECT_TRUE(kWriteBehind.should_apply(view)) << "writes go on while a reader is in the way";
  }
  FlushView view = view_with_log(blocked + blocked / 4, blocked + blocked / 4, blocked);
  view.waiting_rows = kBufferSize;
  EXPECT_TRUE(kWriteBehind.log_is_full(view));
  EXPECT_TRUE(kWriteBehind.should_checkpoint(view));
  EXPECT_FALSE(kWriteBehind.should_apply(view));
}

TEST(FlushPolicyLog, IsFullAgainAWhileAfterAReaderWasInTheWayEvenIfItHasNotGrown) {
  FlushView view = view_with_log(4000, 4000, 4000);
  view.waiting_rows = 1;
  EXPECT_FALSE(kLazy.should_checkpoint(view));
  EXPECT_EQ(kLazy.next_look(view), kNow + kBlockedRetry);
  view.blocked_until = kNow;
  EXPECT_TRUE(kLazy.should_checkpoint(view));
  view.wal_bytes_uncopied = kWalBytesMax - 1;
  EXPECT_FALSE(kLazy.should_checkpoint(view)) << "what there is to copy is little, and the writer is not idle";
  EXPECT_EQ(kLazy.next_look(view), base::kNever);
}

TEST(FlushPolicyLog, IsNotCheckpointedBeforeTheRetryOfAFullDisk) {
  FlushView view = view_with_full_log();
  view.retry_after = kNow + kInstant;
  EXPECT_FALSE(kWriteBehind.log_is_full(view));
  EXPECT_FALSE(kWriteBehind.should_checkpoint(view));
  view.retry_after = kNow;
  EXPECT_TRUE(kWriteBehind.log_is_full(view));
  EXPECT_TRUE(kWriteBehind.should_checkpoint(view));
}

// --- checkpoints while nothing happens ---

TEST(FlushPolicyIdle, CheckpointsAfterAnIntervalWithoutActivity) {
  for (const FlushPolicy& policy : {kWriteBehind, kLazy}) {
    FlushView view = idle_view_with_log(1, 1);
    EXPECT_TRUE(policy.should_checkpoint(view));
    view.last_activity += kInstant;
    EXPECT_FALSE(policy.should_checkpoint(view));
  }
}

TEST(FlushPolicyIdle, HasNothingToCheckpointWhenAllIsCopied) {
  EXPECT_FALSE(kWriteBehind.should_checkpoint(idle_view_with_log(500, 0)));
}

TEST(FlushPolicyIdle, IsNotIdleWhileRowsWait) {
  FlushView view = idle_view_with_log(500, 500);
  view.waiting_rows = 1;
  EXPECT_FALSE(kWriteBehind.should_checkpoint(view));
}

TEST(FlushPolicyIdle, LetsTheSyncInFlightEndFirst) {
  FlushView view = idle_view_with_log(500, 500);
  view.sync_in_flight = true;
  EXPECT_FALSE(kWriteBehind.should_checkpoint(view));
}

TEST(FlushPolicyIdle, TriesAgainWhenTheLogHasGrownPastTheBlockedPlaceOrAfterAWhile) {
  EXPECT_FALSE(kWriteBehind.should_checkpoint(idle_view_with_log(500, 500, 500)));
  EXPECT_TRUE(kWriteBehind.should_checkpoint(idle_view_with_log(501, 501, 500)));
  FlushView view = idle_view_with_log(500, 500, 500);
  view.blocked_until = kNow;
  EXPECT_TRUE(kWriteBehind.should_checkpoint(view));
}

TEST(FlushPolicyIdle, WaitsForTheRetryAfterAFullDisk) {
  FlushView view = idle_view_with_log(500, 500);
  view.retry_after = kNow + kInstant;
  EXPECT_FALSE(kWriteBehind.should_checkpoint(view));
  view.retry_after = kNow;
  EXPECT_TRUE(kWriteBehind.should_checkpoint(view));
}

TEST(FlushPolicyIdle, TriesACheckpointAgainThatFoundTheDiskFullWhateverHappensMeanwhile) {
  FlushView view = view_with_log(500, 500);
  view.waiting_rows = 1;
  view.is_checkpoint_retried = true;
  view.retry_after = kNow + kInstant;
  EXPECT_FALSE(kLazy.should_checkpoint(view));
  EXPECT_EQ(kLazy.next_look(view), view.retry_after);
  view.retry_after = kNow;
  EXPECT_TRUE(kLazy.should_checkpoint(view));
  view.sync_in_flight = true;
  EXPECT_FALSE(kLazy.should_checkpoint(view));
  view.sync_in_flight = false;
  view.wal_bytes_uncopied = 0;
  EXPECT_FALSE(kLazy.should_checkpoint(view));
  EXPECT_EQ(kLazy.next_look(view), base::kNever);
}

// --- how long to sleep ---

TEST(FlushPolicyNextLook, IsNeverWhenThereIsNothingToWaitFor) {
  EXPECT_EQ(kWriteBehind.next_look(quiet_view()), base::kNever);
  EXPECT_EQ(kLazy.next_look(quiet_view()), base::kNever);
}

TEST(FlushPolicyNextLook, IsWhenTheOldestRowHasWaitedForTheInterval) {
  FlushView view = view_with_rows(1);
  view.oldest_waiting = kNow - milliseconds(300);
  EXPECT_EQ(kWriteBehind.next_look(view), kNow + milliseconds(700));
  EXPECT_EQ(kLazy.next_look(view), base::kNever) << "rows of lazy mode wait until somebody asks";
}

TEST(FlushPolicyNextLook, IsTheRetryAfterAFullDisk) {
  FlushView view = view_with_rows(kBufferSize);
  view.oldest_waiting = kNow - kInterval;
  view.under_pressure = true;
  view.retry_after = kNow + milliseconds(50);
  EXPECT_EQ(kWriteBehind.next_look(view), view.retry_after);
  EXPECT_EQ(kLazy.next_look(view), view.retry_after);
}

// Without this, writes that are refused because the disk is full stay refused for a flush interval: nobody else wakes.
TEST(FlushPolicyNextLook, IsTheRetryAfterACheckpointOfAFullLogFoundTheDiskFull) {
  FlushView view = view_with_full_log();
  view.retry_after = kNow + milliseconds(50);
  EXPECT_EQ(kWriteBehind.next_look(view), view.retry_after);
  EXPECT_EQ(kLazy.next_look(view), view.retry_after);
}

TEST(FlushPolicyNextLook, IsWhenTheOldestUnsyncedWriteHasWaitedForTheInterval) {
  FlushView view = view_with_unsynced();
  view.oldest_unsynced = kNow - milliseconds(400);
  EXPECT_EQ(kWriteBehind.next_look(view), kNow + milliseconds(600));
  view.sync_in_flight = true;
  EXPECT_EQ(kWriteBehind.next_look(view), base::kNever) << "the sync wakes the flusher when it ends";
}

TEST(FlushPolicyNextLook, IsWhenTheLogIsDueForAnIdleCheckpoint) {
  FlushView view = view_with_log(500, 500);
  view.last_activity = kNow - milliseconds(100);
  EXPECT_EQ(kWriteBehind.next_look(view), kNow + milliseconds(900));
  view.retry_after = kNow + seconds(5);
  EXPECT_EQ(kWriteBehind.next_look(view), view.retry_after);
  view.wal_bytes_blocked = 500;
  view.blocked_until = kNow + seconds(6);
  EXPECT_EQ(kWriteBehind.next_look(view), view.blocked_until) << "a reader is in the way";
  view.wal_bytes_blocked = 0;
  view.retry_after = Instant(0);
  view.waiting_rows = 1;
  EXPECT_EQ(kLazy.next_look(view), base::kNever) << "it is not idle while rows wait";
}

TEST(FlushPolicyNextLook, IsTheEarliestOfAll) {
  FlushView view = view_with_rows(1);
  view.oldest_waiting = kNow - milliseconds(300);
  view.unsynced = true;
  view.oldest_unsynced = kNow - milliseconds(800);
  EXPECT_EQ(kWriteBehind.next_look(view), kNow + milliseconds(200));
}

// Every combination of what can be seen, with times that lie apart from one another before and after now.
template <class Visit>
void for_each_view(Visit&& visit) {
  struct Log {
    std::uint64_t bytes;
    std::uint64_t uncopied;
    std::uint64_t blocked;
    Instant blocked_until{};
  };
  constexpr Instant kSoon = kNow + milliseconds(40);
  constexpr Instant kLater = kNow + seconds(4);
  constexpr std::array<Log, 15> kLogs{{{0, 0, 0},
                                       {500, 0, 0},
                                       {500, 500, 0},
                                       {500, 500, 500, kNow},
                                       {500, 500, 500, kSoon},
                                       {500, 500, 500, kLater},
                                       {600, 600, 500, kLater},
                                       {700, 700, 500},
                                       {1000, 1000, 0},
                                       {1000, 1000, 1000, kSoon},
                                       {1000, 1000, 1000, kLater},
                                       {1200, 1200, 1000, kLater},
                                       {1250, 1250, 1000},
                                       {2000, 500, 0},
                                       {2000, 1000, 1500, kLater}}};
  FlushView view;
  view.now = kNow;
  for (const std::size_t rows : {std::size_t{0}, std::size_t{1}, kBufferSize})
    for (const Nanoseconds waited : {Nanoseconds(0), Nanoseconds(milliseconds(510)), Nanoseconds(seconds(2))})
      for (int reasons = 0; reasons < 32; ++reasons)
        for (const Instant retry : {Instant(0), kNow + milliseconds(50), kNow + seconds(3)})
          for (const bool unsynced : {false, true})
            for (const Nanoseconds unsynced_for : {Nanoseconds(milliseconds(320)), Nanoseconds(seconds(3))})
              for (const bool asked_to_sync : {false, true})
                for (const bool in_flight : {false, true})
                  for (const Log& log : kLogs)
                    for (const Nanoseconds idle :
                         {Nanoseconds(0), Nanoseconds(milliseconds(730)), Nanoseconds(seconds(4))})
                      for (const std::size_t synced : {std::size_t{0}, std::size_t{4}}) {
                        view.rows_synced = synced;
                        view.gathers_until = kNow + milliseconds(20);
                        view.waiting_rows = rows;
                        view.oldest_waiting = kNow - waited;
                        view.asked_to_apply = (reasons & 1) != 0;
                        view.under_pressure = (reasons & 2) != 0;
                        view.closing = (reasons & 4) != 0;
                        view.is_transaction_retried = (reasons & 8) != 0;
                        view.is_checkpoint_retried = (reasons & 16) != 0;
                        view.retry_after = retry;
                        view.unsynced = unsynced;
                        view.oldest_unsynced = kNow - unsynced_for;
                        view.asked_to_sync = asked_to_sync;
                        view.sync_in_flight = in_flight;
                        view.wal_bytes = log.bytes;
                        view.wal_bytes_uncopied = log.uncopied;
                        view.wal_bytes_blocked = log.blocked;
                        view.blocked_until = log.blocked_until;
                        view.last_activity = kNow - idle;
                        view.rests_until = kNow - idle + milliseconds(3500);
                        visit(view);
                      }
}

std::string description(const FlushPolicy& policy, const FlushView& view) {
  const auto before = [&](Instant instant) {
    return std::to_string(std::chrono::duration_cast<milliseconds>(instant - view.now).count()) + " ms";
  };
  std::ostringstream text;
  text << (policy.mode == PersistMode::kLazy ? "lazy" : "write behind") << ", rows " << view.waiting_rows << " since "
       << before(view.oldest_waiting) << ", asked " << view.asked_to_apply << ", pressure " << view.under_pressure
       << ", closing " << view.closing << ", retry "
       << (view.retry_after <= view.now ? "past" : before(view.retry_after)) << ", unsynced " << view.unsynced
       << " since " << before(view.oldest_unsynced) << ", asked to sync " << view.asked_to_sync << ", in flight "
       << view.sync_in_flight << ", log " << view.wal_bytes << '/' << view.wal_bytes_uncopied << '/'
       << view.wal_bytes_blocked << ", synced " << view.rows_synced << ", active " << before(view.last_activity)
       << ", next look " << (policy.next_look(view) == base::kNever ? "never" : before(policy.next_look(view)));
  return text.str();
}

// The first moment after now at which there is something to do, if nothing but the time changes; or kNever.
Instant first_moment(const FlushPolicy& policy, FlushView view) {
  std::array moments{view.retry_after,
                     view.gathers_until,
                     view.blocked_until,
                     view.oldest_waiting + policy.flush_interval,
                     view.oldest_unsynced + policy.flush_interval,
                     view.last_activity + policy.flush_interval,
                     view.rests_until};
  std::sort(moments.begin(), moments.end());
  const Instant now = view.now;
  for (const Instant moment : moments) {
    if (moment <= now) continue;
    view.now = moment;
    if (anything_to_do(policy, view)) return moment;
  }
  return base::kNever;
}

TEST(FlushPolicyNextLook, IsNeverLaterThanTheMomentThatMatters) {
  std::size_t sleeps = 0;
  std::size_t timed = 0;
  std::vector<std::string> late;
  for (const FlushPolicy& policy : {kWriteBehind, kLazy, kBehindALog}) {
    for_each_view([&](const FlushView& view) {
      if (anything_to_do(policy, view)) return;
      ++sleeps;
      const Instant moment = first_moment(policy, view);
      timed += moment != base::kNever;
      if (policy.next_look(view) > moment) late.push_back(description(policy, view));
    });
  }
  EXPECT_EQ(late.size(), 0u) << "the first: " << late.front();
  EXPECT_GT(sleeps, 10'000u);
  EXPECT_GT(timed, 1'000u) << "the grid has views in which time alone makes work";
}

// Time has passed since the decision, and so may have the moment: nothing else would wake the flusher.
TEST(FlushPolicyNextLook, IsNowWheneverThereIsSomethingToDo) {
  std::size_t due = 0;
  std::vector<std::string> late;
  for (const FlushPolicy& policy : {kWriteBehind, kLazy, kBehindALog}) {
    for_each_view([&](const FlushView& view) {
      if (!anything_to_do(policy, view)) return;
      ++due;
      if (policy.next_look(view) > view.now) late.push_back(description(policy, view));
    });
  }
  EXPECT_EQ(late.size(), 0u) << "the first: " << late.front();
  EXPECT_GT(due, 10'000u);
}

// Else the flusher would look and look without anything to do: for as long as a sync takes, say.
TEST(FlushPolicyNextLook, IsAheadWheneverThereIsNothingToDo) {
  std::vector<std::string> spinning;
  for (const FlushPolicy& policy : {kWriteBehind, kLazy, kBehindALog}) {
    for_each_view([&](const FlushView& view) {
      if (anything_to_do(policy, view)) return;
      if (policy.next_look(view) <= view.now) spinning.push_back(description(policy, view));
    });
  }
  EXPECT_EQ(spinning.size(), 0u) << "the first: " << spinning.front();
}

// --- how much at a time ---

// 64 rows that somebody waits for; each takes 10 us, and a sync 100.
FlushView view_with_group() {
  FlushView view = view_with_rows(64);
  view.asked_to_apply = true;
  view.asked_to_sync_waiting = true;
  view.row_took = std::chrono::microseconds(10);
  view.sync_took = std::chrono::microseconds(100);
  return view;
}

TEST(RowsFirst, HalfOfAGroupGoesFirstIfTheOtherHalfTakesAsLongAsASync) {
  FlushView view = view_with_group();
  EXPECT_EQ(kWriteBehind.rows_first(view), 32u);
  view.sync_took = view.row_took * 32;
  EXPECT_EQ(kWriteBehind.rows_first(view), 32u);
  view.sync_took += kInstant;
  EXPECT_EQ(kWriteBehind.rows_first(view), 64u);
}

TEST(RowsFirst, AllGoTogetherWhileASyncRunsOrIsDue) {
  FlushView view = view_with_group();
  view.unsynced = true;
  EXPECT_EQ(kWriteBehind.rows_first(view), 64u);
  view.sync_in_flight = true;
  EXPECT_EQ(kWriteBehind.rows_first(view), 64u);
}

TEST(RowsFirst, AllGoTogetherIfNobodyWaitsForASyncOrNothingIsKnown) {
  FlushView view = view_with_group();
  view.asked_to_sync_waiting = false;
  EXPECT_EQ(kWriteBehind.rows_first(view), 64u);
  view = view_with_group();
  view.row_took = Nanoseconds::zero();
  EXPECT_EQ(kWriteBehind.rows_first(view), 64u);
  view.sync_took = Nanoseconds::zero();
  EXPECT_EQ(kWriteBehind.rows_first(view), 64u);
  EXPECT_EQ(kBehindALog.rows_first(view_with_group()), 64u);
}

TEST(RowsFirst, FewRowsAndManyGoTogether) {
  FlushView view = view_with_group();
  view.waiting_rows = 31;
  view.sync_took = kInstant;
  EXPECT_EQ(kWriteBehind.rows_first(view), 31u);
  view.waiting_rows = 32;
  EXPECT_EQ(kWriteBehind.rows_first(view), 16u);
  view.waiting_rows = 512;
  EXPECT_EQ(kWriteBehind.rows_first(view), 256u);
  view.waiting_rows = 513;
  EXPECT_EQ(kWriteBehind.rows_first(view), 513u);
}

}  // namespace
}  // namespace dictsqlite::flush
