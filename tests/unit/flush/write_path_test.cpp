// Goal: an accepted write is in the table, in the ring and in the budget, in one order; a refused one leaves no trace;
// the flusher is woken when it waits and only by whom it should be; what writers replace does not pile up without it.
// Method: a write path with a cache of its own; the test is the flusher, and counts how often it is woken.
#include "flush/write_path.hpp"

#include "support/random.hpp"
#include "support/scale.hpp"
#include "unit/flush/write_path_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace dictsqlite::flush {
namespace {

using cache::Cache;
using entry::Entry;
using entry::EntryKind;
using entry::EntryPool;
using testing_support::Random;
using testing_support::scaled;

// --- what is accepted ---

TEST(WritePath, AcceptsAWriteIntoTheTableTheBudgetAndTheRing) {
  WritePathParts pipeline(kPlenty);
  Entry* const entry = pipeline.set("key", "value");
  const Accepted accepted = pipeline.accept(entry);
  EXPECT_EQ(accepted.outcome, AcceptOutcome::kAccepted);
  EXPECT_EQ(accepted.sequence, 1u);
  EXPECT_EQ(entry->sequence, 1u);
  EXPECT_EQ(pipeline.path.claimed_sequence(), 1u);
  EXPECT_EQ(pipeline.path.admission().used_bytes(), EntryPool::footprint(*entry));
  EXPECT_EQ(pipeline.find("key"), entry);
  EXPECT_EQ(entry->references.load(), 2u) << "the table's and the ring's";
  EXPECT_TRUE(pipeline.path.ring().ready());
  EXPECT_EQ(pipeline.path.ring().next(), 1u);
  EXPECT_EQ(pipeline.drain_one(), 1u);
  EXPECT_EQ(pipeline.path.admission().used_bytes(), 0u);
  EXPECT_EQ(pipeline.find("key"), entry) << "the table keeps its own reference";
  EXPECT_EQ(entry->references.load(), 1u);
}

TEST(WritePath, NumbersWritesInTheOrderInWhichTheyAreAccepted) {
  WritePathParts pipeline(kPlenty);
  pipeline.path.ring().start_at(101);
  EXPECT_EQ(pipeline.path.claimed_sequence(), 100u);
  for (std::uint64_t number = 101; number <= 110; ++number) {
    EXPECT_EQ(pipeline.accept(pipeline.set("key" + std::to_string(number), "value")).sequence, number);
  }
  EXPECT_EQ(pipeline.path.claimed_sequence(), 110u);
  for (std::uint64_t number = 101; number <= 110; ++number) EXPECT_EQ(pipeline.drain_one(), number);
  EXPECT_EQ(pipeline.drain_one(), std::nullopt);
}

TEST(WritePath, ShowsTheNewestWriteOfAKey) {
  WritePathParts pipeline(kPlenty);
  pipeline.accept(pipeline.set("key", "first"));
  pipeline.accept(pipeline.set("key", "second"));
  EXPECT_EQ(pipeline.value_of("key"), "second");
  pipeline.accept(pipeline.erase("key"));
  ASSERT_NE(pipeline.find("key"), nullptr);
  EXPECT_EQ(pipeline.find("key")->kind, EntryKind::kErase);
  EXPECT_EQ(pipeline.find("key")->sequence, 3u);
  for (std::uint64_t number = 1; number <= 3; ++number) EXPECT_EQ(pipeline.drain_one(), number) << "all are written";
}

TEST(WritePath, TakesALargeValueByItsBytes) {
  WritePathParts pipeline(kPlenty);
  Entry* const entry = pipeline.set("key", std::string(100'000, 'v'));
  EXPECT_GE(WritePath::footprint(*entry), 100'000u);
  EXPECT_EQ(pipeline.accept(entry).outcome, AcceptOutcome::kAccepted);
  EXPECT_EQ(pipeline.path.admission().used_bytes(), WritePath::footprint(*entry));
}

TEST(WritePathBatch, IsOneTicketAndAllItsRowsAreInTheTable) {
  WritePathParts pipeline(kPlenty);
  pipeline.accept(pipeline.set("b", "before"));
  Entry* const write = pipeline.batch({"a", "b", "c"}, "batch");
  const std::uint64_t generation = pipeline.path.gate().look();
  const std::size_t used = pipeline.path.admission().used_bytes();
  const Accepted accepted = pipeline.accept(write);
  EXPECT_EQ(accepted.outcome, AcceptOutcome::kAccepted);
  EXPECT_EQ(accepted.sequence, 2u);
  EXPECT_EQ(pipeline.path.claimed_sequence(), 2u);
  EXPECT_EQ(write->sequence, 2u);
  EXPECT_EQ(pipeline.path.admission().used_bytes(), used + write->word<BatchRows>()->footprint);
  const BatchRows& rows = *write->word<BatchRows>();
  for (std::size_t index = 0; index < rows.count; ++index) {
    EXPECT_EQ(pipeline.find(rows.rows[index]->key()), rows.rows[index]);
    EXPECT_EQ(rows.rows[index]->sequence, 2u);
    EXPECT_EQ(rows.rows[index]->references.load(), 2u);
  }
  EXPECT_EQ(write->references.load(), 1u) << "the batch itself is in the ring only";
  EXPECT_NE(pipeline.path.gate().look(), ring::BatchGate::kBusy);
  EXPECT_NE(pipeline.path.gate().look(), generation) << "readers of several keys learn that a batch came";
  EXPECT_EQ(pipeline.drain_one(), 1u);
  EXPECT_EQ(pipeline.drain_one(), 2u);
  EXPECT_EQ(pipeline.drain_one(), std::nullopt);
  EXPECT_EQ(pipeline.path.admission().used_bytes(), 0u);
}

TEST(WritePath, OfASingleWriteDoesNotDisturbReadersOfBatches) {
  WritePathParts pipeline(kPlenty);
  const std::uint64_t generation = pipeline.path.gate().look();
  pipeline.accept(pipeline.set("key", "value"));
  EXPECT_EQ(pipeline.path.gate().look(), generation);
}

// --- what is not ---

TEST(WritePath, HasNoRoomWhenTheRingIsFull) {
  WritePathParts pipeline(with_ring(2));
  ASSERT_EQ(pipeline.accept(pipeline.set("a", "value")).outcome, AcceptOutcome::kAccepted);
  ASSERT_EQ(pipeline.accept(pipeline.set("b", "value")).outcome, AcceptOutcome::kAccepted);
  Entry* const third = pipeline.set("a", "newer");
  expect_refused(pipeline, third, AcceptOutcome::kNoRoom);
  expect_refused(pipeline, pipeline.batch({"c", "d"}, "value"), AcceptOutcome::kNoRoom);
  EXPECT_EQ(pipeline.value_of("a"), "value");
  EXPECT_EQ(pipeline.drain_one(), 1u);
  EXPECT_EQ(pipeline.accept(third).sequence, 3u) << "no ticket was lost";
  EXPECT_EQ(pipeline.value_of("a"), "newer");
}

TEST(WritePath, HasNoRoomWhenTheBudgetIsUsedUp) {
  const std::size_t each = EntryPool::footprint(1, 100);
  WritePathParts pipeline(with_budget(2 * each));
  const std::string value(100, 'v');
  ASSERT_EQ(pipeline.accept(pipeline.set("a", value)).outcome, AcceptOutcome::kAccepted);
  ASSERT_EQ(pipeline.accept(pipeline.set("b", value)).outcome, AcceptOutcome::kAccepted);
  EXPECT_EQ(pipeline.path.admission().used_bytes(), 2 * each);
  Entry* const third = pipeline.set("c", value);
  expect_refused(pipeline, third, AcceptOutcome::kNoRoom);
  expect_refused(pipeline, pipeline.erase("a"), AcceptOutcome::kNoRoom);
  expect_refused(pipeline, pipeline.batch({"a"}, ""), AcceptOutcome::kNoRoom);
  EXPECT_EQ(pipeline.drain_one(), 1u);
  EXPECT_EQ(pipeline.accept(third).sequence, 3u);
}

TEST(WritePath, HasNoRoomWhileAStalledReaderKeepsTooMuch) {
  WritePathParts pipeline(kPlenty);
  const std::string value(100'000, 'v');
  {
    const cache::Reclaimer::Guard stalled = pipeline.cache.reclaimer().enter();
    while (!pipeline.cache.backlog_is_full()) {
      ASSERT_EQ(pipeline.accept(pipeline.set("key", value)).outcome, AcceptOutcome::kAccepted);
      ASSERT_TRUE(pipeline.drain_one().has_value());
    }
    expect_refused(pipeline, pipeline.set("key", "small"), AcceptOutcome::kNoRoom);
    expect_refused(pipeline, pipeline.batch({"key"}, "small"), AcceptOutcome::kNoRoom);
  }
  pipeline.cache.collect();
  EXPECT_EQ(pipeline.accept(pipeline.set("key", "small")).outcome, AcceptOutcome::kAccepted);
}

TEST(WritePath, LetsNobodyOvertakeThoseWhoAreParked) {
  WritePathParts pipeline(kPlenty);
  detail::Completion parked;
  ASSERT_TRUE(pipeline.path.parked().push(&parked));
  Entry* const newcomer = pipeline.set("key", "newcomer");
  expect_refused(pipeline, newcomer, AcceptOutcome::kNoRoom);
  EXPECT_EQ(pipeline.accept_parked(pipeline.set("key", "parked")).sequence, 1u);
  expect_refused(pipeline, newcomer, AcceptOutcome::kNoRoom);
  pipeline.path.parked().pop_front();
  EXPECT_EQ(pipeline.accept(newcomer).sequence, 2u);
  EXPECT_EQ(pipeline.value_of("key"), "newcomer");
}

TEST(WritePath, ParksEverybodyWhilePaused) {
  WritePathParts pipeline(kPlenty);
  Entry* const entry = pipeline.set("key", "value");
  pipeline.path.parked().pause();
  expect_refused(pipeline, entry, AcceptOutcome::kNoRoom);
  pipeline.path.parked().resume();
  EXPECT_EQ(pipeline.accept(entry).outcome, AcceptOutcome::kAccepted);
}

TEST(WritePath, RefusesAParkedWriteForWhichThereIsStillNoRoom) {
  WritePathParts pipeline(with_ring(2));
  ASSERT_EQ(pipeline.accept(pipeline.set("a", "value")).outcome, AcceptOutcome::kAccepted);
  ASSERT_EQ(pipeline.accept(pipeline.set("b", "value")).outcome, AcceptOutcome::kAccepted);
  Entry* const entry = pipeline.set("c", "value");
  EXPECT_EQ(pipeline.accept_parked(entry).outcome, AcceptOutcome::kNoRoom);
  EXPECT_EQ(pipeline.find("c"), nullptr);
  EXPECT_EQ(pipeline.drain_one(), 1u);
  EXPECT_EQ(pipeline.accept_parked(entry).sequence, 3u);
}

TEST(WritePath, IsClosedToNewcomersBeforeThoseWhoAreParked) {
  WritePathParts pipeline(kPlenty);
  pipeline.path.parked().close();
  expect_refused(pipeline, pipeline.set("key", "newcomer"), AcceptOutcome::kClosed);
  EXPECT_EQ(pipeline.accept_parked(pipeline.set("key", "parked")).outcome, AcceptOutcome::kAccepted);
  pipeline.path.ring().close();
  Entry* const too_late = pipeline.set("key", "too late");
  EXPECT_EQ(pipeline.accept_parked(too_late).outcome, AcceptOutcome::kClosed);
  EXPECT_EQ(pipeline.value_of("key"), "parked");
}

TEST(WritePath, RefusesEverythingOnceTheRingIsClosed) {
  WritePathParts pipeline(kPlenty);
  pipeline.path.ring().close();
  expect_refused(pipeline, pipeline.set("key", "value"), AcceptOutcome::kClosed);
  expect_refused(pipeline, pipeline.batch({"a", "b"}, "value"), AcceptOutcome::kClosed);
}

TEST(WritePath, RefusesEverythingOnceTheDatabaseHasFailed) {
  WritePathParts pipeline(kPlenty);
  ASSERT_EQ(pipeline.accept(pipeline.set("key", "before")).outcome, AcceptOutcome::kAccepted);
  pipeline.path.ring().fail();
  expect_refused(pipeline, pipeline.set("key", "value"), AcceptOutcome::kFailed);
  expect_refused(pipeline, pipeline.batch({"a", "b"}, "value"), AcceptOutcome::kFailed);
  EXPECT_EQ(pipeline.accept_parked(pipeline.set("key", "parked")).outcome, AcceptOutcome::kFailed);
  EXPECT_EQ(pipeline.value_of("key"), "before") << "reads go on";
}

TEST(WritePath, SaysFailedRatherThanClosed) {
  WritePathParts pipeline(kPlenty);
  pipeline.path.ring().close();
  pipeline.path.ring().fail();
  expect_refused(pipeline, pipeline.set("key", "value"), AcceptOutcome::kFailed);
}

TEST(WritePath, WaitsForTheDiskOrRefusesAsItWasTold) {
  WritePathParts refusing(refusing_on_disk_full());
  EXPECT_FALSE(refusing.path.disk_full());
  refusing.path.set_disk_full(WritePath::FullFor::kSqlite, true);
  Entry* const entry = refusing.set("key", "value");
  expect_refused(refusing, entry, AcceptOutcome::kDiskFull);
  EXPECT_EQ(refusing.accept_parked(refusing.set("parked", "value")).outcome, AcceptOutcome::kAccepted)
      << "who parked before the disk was full still moves in";
  refusing.path.set_disk_full(WritePath::FullFor::kSqlite, false);
  EXPECT_EQ(refusing.accept(entry).outcome, AcceptOutcome::kAccepted);

  WritePathParts waiting(kPlenty);
  waiting.path.set_disk_full(WritePath::FullFor::kSqlite, true);
  EXPECT_EQ(waiting.accept(waiting.set("key", "value")).outcome, AcceptOutcome::kAccepted);
}

TEST(WritePath, RefusesOnAFullDiskAlsoWhenOthersWait) {
  detail::Completion parked;
  WritePathParts refusing(refusing_on_disk_full());
  ASSERT_TRUE(refusing.path.parked().push(&parked));
  Entry* const entry = refusing.set("key", "value");
  expect_refused(refusing, entry, AcceptOutcome::kNoRoom);
  refusing.path.set_disk_full(WritePath::FullFor::kSqlite, true);
  expect_refused(refusing, entry, AcceptOutcome::kDiskFull);
  refusing.path.parked().close();
  expect_refused(refusing, entry, AcceptOutcome::kClosed);

  WritePathParts waiting(kPlenty);
  ASSERT_TRUE(waiting.path.parked().push(&parked));
  waiting.path.set_disk_full(WritePath::FullFor::kSqlite, true);
  expect_refused(waiting, waiting.set("key", "value"), AcceptOutcome::kNoRoom);
}

TEST(WritePathBatch, IsHeldBackWhileAReaderHoldsTheGate) {
  WritePathParts pipeline(kPlenty);
  Entry* const write = pipeline.batch({"a", "b"}, "value");
  const std::uint64_t generation = pipeline.path.gate().look();
  pipeline.path.gate().hold();
  expect_refused(pipeline, write, AcceptOutcome::kNoRoom);
  EXPECT_EQ(pipeline.path.gate().look(), generation) << "the reader is not disturbed";
  EXPECT_EQ(pipeline.accept(pipeline.set("a", "single")).outcome, AcceptOutcome::kAccepted) << "single writes go on";
  EXPECT_TRUE(pipeline.path.gate().unhold());
  EXPECT_EQ(pipeline.accept(write).sequence, 2u);
  EXPECT_EQ(pipeline.value_of("a"), "value");
}

// --- without a disk ---

TEST(WritePathWithoutADisk, IsFullWhenBothBudgetsAreUsed) {
  WritePathParts pipeline(without_disk());
  const std::string value(1000, 'v');
  std::size_t count = 0;
  Entry* refused = nullptr;
  while (refused == nullptr) {
    Entry* const entry = pipeline.set("key" + std::to_string(count), value);
    const Accepted accepted = pipeline.accept(entry);
    if (accepted.outcome == AcceptOutcome::kAccepted) {
      ++count;
      ASSERT_TRUE(pipeline.drain_one().has_value());
      pipeline.watermarks.applied.raise(accepted.sequence);
      ASSERT_LT(count * 1000, 2 * kCacheBytes);
    } else {
      ASSERT_EQ(accepted.outcome, AcceptOutcome::kFull);
      refused = entry;
    }
  }
  EXPECT_GT(count * EntryPool::footprint(6, 1000), 2 * kCacheBytes / 10 * 9);
  expect_refused(pipeline, refused, AcceptOutcome::kFull);
  expect_refused(pipeline, pipeline.set("key0", value), AcceptOutcome::kFull);
  EXPECT_EQ(pipeline.accept(pipeline.erase("key0")).outcome, AcceptOutcome::kAccepted) << "erasing is how to get room";
  ASSERT_TRUE(pipeline.drain_one().has_value());
  pipeline.accept(pipeline.erase("key1"));
  pipeline.cache.collect();
  EXPECT_EQ(pipeline.accept(pipeline.set("key0", "small")).outcome, AcceptOutcome::kAccepted);
}

TEST(WritePathWithoutADisk, LetsNoEntryGiveWayToAnother) {
  WritePathParts pipeline(without_disk());
  std::uint64_t count = 0;
  for (;;) {
    const Accepted accepted = pipeline.accept(pipeline.set("key" + std::to_string(count), ""));
    if (accepted.outcome != AcceptOutcome::kAccepted) break;
    ++count;
    ASSERT_LE(count * EntryPool::footprint(4, 0), 2 * kCacheBytes) << "it is never full";
    ASSERT_TRUE(pipeline.drain_one().has_value());
    pipeline.watermarks.applied.raise(accepted.sequence);  // with a disk they would be clean, and make room
  }
  ASSERT_GT(count, 20'000u) << "enough that buckets overflow";
  for (std::uint64_t number = 0; number < count; ++number) {
    ASSERT_NE(pipeline.find("key" + std::to_string(number)), nullptr) << number;
  }
}

// --- waking the flusher ---

TEST(WritePathDoorbell, IsNotRungWhileTheFlusherIsAwake) {
  WritePathParts pipeline(kPlenty);
  pipeline.accept(pipeline.set("a", "value"));
  pipeline.accept(pipeline.batch({"b", "c"}, "value"));
  EXPECT_EQ(pipeline.wakes, 0);
}

TEST(WritePathDoorbell, IsRungOnceByTheWriteTheFlusherWaitsFor) {
  WritePathParts pipeline(kPlenty);
  pipeline.path.doorbell().park(3);
  pipeline.accept(pipeline.set("a", "value"));
  pipeline.accept(pipeline.set("b", "value"));
  EXPECT_EQ(pipeline.wakes, 0);
  pipeline.accept(pipeline.set("c", "value"));
  EXPECT_EQ(pipeline.wakes, 1);
  pipeline.accept(pipeline.set("d", "value"));
  EXPECT_EQ(pipeline.wakes, 1) << "once each time it parks";
}

TEST(WritePathDoorbell, IsLeftToTheCallerWhoRingsAnyway) {
  WritePathParts pipeline(kPlenty);
  pipeline.path.doorbell().park(1);
  EXPECT_EQ(pipeline.accept(pipeline.set("a", "value"), Ring::kByCaller).outcome, AcceptOutcome::kAccepted);
  EXPECT_EQ(pipeline.wakes, 0);
  pipeline.path.doorbell().ring();
  EXPECT_EQ(pipeline.wakes, 1);
  pipeline.path.doorbell().park(2);
  EXPECT_EQ(pipeline.accept(pipeline.set("b", "value"), Ring::kAtOnce).outcome, AcceptOutcome::kAccepted);
  EXPECT_EQ(pipeline.wakes, 2);
}

TEST(WritePathDoorbell, IsNotRungByARefusedWrite) {
  WritePathParts pipeline(with_ring(2));
  pipeline.accept(pipeline.set("a", "value"));
  pipeline.accept(pipeline.set("b", "value"));
  pipeline.path.doorbell().park(1);
  expect_refused(pipeline, pipeline.set("c", "value"), AcceptOutcome::kNoRoom);
  EXPECT_EQ(pipeline.wakes, 0);
}

// --- what writers replace ---

constexpr std::size_t kBacklogBytesAllowed = 2u << 20;

TEST(WritePathBacklog, IsFreedByTheWritersThemselves) {
  WritePathParts pipeline(kPlenty);
  const std::string value(400, 'v');
  const std::size_t writes = scaled(200'000);
  std::size_t most = 0;
  for (std::size_t number = 0; number < writes; ++number) {
    ASSERT_EQ(pipeline.accept(pipeline.set("key", value)).outcome, AcceptOutcome::kAccepted) << number;
    ASSERT_EQ(pipeline.drain_one(), number + 1);
    most = std::max(most, pipeline.cache.reclaimer().backlog_bytes());
    ASSERT_LT(most, kBacklogBytesAllowed) << number;
  }
  ASSERT_GT(writes * EntryPool::footprint(3, 400), 4 * kBacklogBytesAllowed) << "or the test shows nothing";
}

TEST(WritePathBacklog, IsFreedByWritersOfBatchesToo) {
  WritePathParts pipeline(kPlenty);
  const std::string value(400, 'v');
  constexpr std::size_t kKeys = 20;
  std::vector<std::string> keys;
  keys.reserve(kKeys);
  for (std::size_t number = 0; number < kKeys; ++number) keys.push_back("key" + std::to_string(number));
  const std::size_t batches = scaled(10'000);
  for (std::size_t number = 0; number < batches; ++number) {
    ASSERT_EQ(pipeline.accept(pipeline.batch(keys, value)).outcome, AcceptOutcome::kAccepted) << number;
    ASSERT_EQ(pipeline.drain_one(), number + 1);
    ASSERT_LT(pipeline.cache.reclaimer().backlog_bytes(), kBacklogBytesAllowed) << number;
  }
  ASSERT_GT(batches * keys.size() * EntryPool::footprint(5, 400), 4 * kBacklogBytesAllowed);
}

// --- many writers ---

// Drained implies installed [I3]: whoever pops a write finds it, or a newer one, in the table.
TEST(WritePathStress, IsInTheTableBeforeItIsInTheRing) {
  constexpr std::size_t kThreads = 3;
  constexpr std::size_t kKeys = 20;
  const std::size_t each = scaled(50'000);
  Cache cache(kCacheBytes, kCacheBytes);
  Watermarks watermarks;
  WritePath path(with_ring(256), cache, watermarks);
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      Random random(thread + 1);
      for (std::size_t number = 0; number < each; ++number) {
        const std::string key = "key" + std::to_string(random.below(kKeys));
        Entry* const entry = cache.pool().make(EntryKind::kSet, kTable, key, "value", 0);
        ASSERT_NE(entry, nullptr);
        for (;;) {
          const Accepted accepted = path.try_accept(entry);
          if (accepted.outcome == AcceptOutcome::kAccepted) break;
          ASSERT_EQ(accepted.outcome, AcceptOutcome::kNoRoom);
          std::this_thread::yield();
        }
      }
    });
  }
  std::map<std::string, std::uint64_t> newest;
  std::uint64_t wrong_order = 0;
  std::uint64_t not_installed = 0;
  for (std::uint64_t expected = 1; expected <= kThreads * each;) {
    Entry* const write = path.ring().pop();
    if (write == nullptr) {
      if (testing::Test::HasFailure()) break;  // a writer has given up
      if (cache.backlog_is_large()) cache.collect();
      std::this_thread::yield();
      continue;
    }
    path.ring().release_room();
    {
      const cache::Reclaimer::Guard guard = cache.reclaimer().enter();
      const Entry* const found = cache.table().find(Cache::key(kTable, write->key()));
      not_installed += found == nullptr || found->sequence < write->sequence;
    }
    wrong_order += write->sequence != expected++;
    newest[std::string(write->key())] = write->sequence;
    path.admission().give_back(WritePath::footprint(*write));
    cache.pool().release(write);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong_order, 0u);
  EXPECT_EQ(not_installed, 0u);
  EXPECT_EQ(path.ring().pop(), nullptr);
  EXPECT_EQ(path.admission().used_bytes(), 0u);
  EXPECT_EQ(newest.size(), kKeys);
  for (const auto& [key, sequence] : newest) {
    const cache::Reclaimer::Guard guard = cache.reclaimer().enter();
    const Entry* const found = cache.table().find(Cache::key(kTable, key));
    ASSERT_NE(found, nullptr) << key;
    EXPECT_EQ(found->sequence, sequence) << key;
  }
}

TEST(WritePathDiskFull, ThatHasTwoReasonsIsOverWhenBothAre) {
  WritePathParts parts(kPlenty);
  using FullFor = WritePath::FullFor;
  parts.path.set_disk_full(FullFor::kLog, true);
  EXPECT_TRUE(parts.path.disk_full());
  parts.path.set_disk_full(FullFor::kSqlite, true);
  parts.path.set_disk_full(FullFor::kLog, false);
  EXPECT_TRUE(parts.path.disk_full());
  parts.path.set_disk_full(FullFor::kSqlite, false);
  EXPECT_FALSE(parts.path.disk_full());
}

}  // namespace
}  // namespace dictsqlite::flush
