// Goal: one sync is in flight at a time and the next transaction is built beside it; what is durable is said neither
// too early nor not at all; a failed write or sync fails the database, and each who waits is told what is known; a full
// disk is waited for; the log is copied when it is time; a close that is given up says what was lost.
// Method: as flusher_test, over backends and files that fail, or wait, when told to.
#include "support/fault_vfs.hpp"
#include "support/foreign_reader.hpp"
#include "unit/flush/flusher_fixture.hpp"

#include <gtest/gtest.h>

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <map>
#include <string>

namespace dictsqlite::flush {
namespace {

using testing_support::FaultCall;
using testing_support::FaultFile;
using testing_support::FaultVfs;
using testing_support::ForeignReader;
using testing_support::TemporaryDirectory;

constexpr char kFailedSync[] =
    "the database failed and refuses writes until it is reopened: fdatasync of the write-ahead log: Input/output error";

FlusherSetup over(const FaultVfs& vfs) {
  FlusherSetup setup;
  setup.vfs_name = vfs.name();
  return setup;
}

// Two large writes fill its log.
FlusherSetup with_short_log() {
  FlusherSetup setup;
  setup.wal_bytes_max = 64u << 10;
  return setup;
}
void apply_large_write(FlusherHouse& house, const std::string& key) {
  const Waiter& applied = house.waits(WaitFor::kApplied, house.set(key, std::string(50'000, 'v')));
  house.let_run();
  expect_ok(applied);
}

bool is_noted(const FlusherHouse& house, const std::string& note) {
  return std::find(house.notes.begin(), house.notes.end(), note) != house.notes.end();
}

// --- durability ---

TEST(FlusherSyncs, OnceForAllWhoWait) {
  FlusherHouse house;
  house.start();
  house.set_many(3);
  const Waiter& durable = house.waits(WaitFor::kDurable, 2);
  const Waiter& settled = house.waits(WaitFor::kSettled, 3);
  house.let_run();
  expect_ok(durable);
  expect_ok(settled);
  EXPECT_EQ(house.transactions(), 1u);
  EXPECT_EQ(house.syncs.syncs(), 1);
  EXPECT_EQ(house.counters().syncs.load(), 1u);
  EXPECT_EQ(house.watermarks().durable.value(), 3u);
  EXPECT_EQ(house.watermarks().settled.value(), 3u);
}

TEST(FlusherSyncs, AFlushIntervalAfterItAppliedThoughNobodyWaits) {
  FlusherHouse house;
  house.start();
  house.set_many(kBufferSize);
  house.let_run();
  ASSERT_EQ(house.watermarks().applied.value(), kBufferSize);
  house.let_pass(kFlushInterval / 2);
  EXPECT_EQ(house.syncs.syncs(), 0);
  house.let_pass(kFlushInterval);
  EXPECT_EQ(house.watermarks().durable.value(), kBufferSize);
}

TEST(FlusherSyncs, OneAtATimeWhileTheNextTransactionIsBuilt) {
  FlusherHouse house;
  house.start();
  house.syncs.hold();
  const Waiter& first = house.waits(WaitFor::kDurable, house.set("first", ""));
  house.let_run();
  const Waiter& second = house.waits(WaitFor::kDurable, house.set("second", ""));
  house.let_run();
  EXPECT_EQ(house.watermarks().applied.value(), 2u);
  EXPECT_EQ(house.transactions(), 2u);
  EXPECT_EQ(house.syncs.syncs(), 1);
  EXPECT_EQ(first.answers(), 0);

  bool is_second_answered = false;
  house.waits(WaitFor::kDurable, 1).when_answered([&] { is_second_answered = second.answers() != 0; });
  house.let_syncs_end();
  expect_ok(first);
  expect_ok(second);
  EXPECT_FALSE(is_second_answered) << "the sync that was in flight did not cover it";
  EXPECT_EQ(house.syncs.syncs(), 2);
}

// --- failure ---

TEST(FlusherFails, WhenASyncDoesAndSaysWhatIsKnownOfEachWrite) {
  FlusherHouse house;
  house.start();
  house.syncs.hold();
  const Waiter& applied_one = house.waits(WaitFor::kDurable, house.set("a", "applied"));
  house.let_run();
  house.notes.clear();
  Waiter* late_one = nullptr;
  Waiter* parked = nullptr;
  house.at_once([&] {
    late_one = &house.waits(WaitFor::kDurable, house.set("b", "late"));
    parked = &house.parks("c");
    house.syncs.fail_next(EIO);
    house.syncs.release();
  });
  expect_answer(applied_one, absl::StatusCode::kUnknown, std::string("it is not known what survived: ") + kFailedSync);
  expect_answer(*late_one, absl::StatusCode::kAborted, std::string("not written: ") + kFailedSync);
  expect_answer(*parked, absl::StatusCode::kAborted, std::string("not written: ") + kFailedSync);
  EXPECT_EQ(house.notes, (Notes{"event: failed"}));
  EXPECT_EQ(house.event_message, kFailedSync);
  EXPECT_EQ(house.failure().sentence(), kFailedSync);
  EXPECT_EQ(house.path().admission().used_bytes(), 0u);
  EXPECT_EQ(house.watermarks().durable.value(), 0u);
}

TEST(FlusherFails, ForGoodAndSyncsNothingAgain) {
  FlusherHouse house;
  house.start();
  house.syncs.fail_next(EIO);
  house.waits(WaitFor::kDurable, house.set("a", ""));
  house.let_run();
  ASSERT_TRUE(house.failure().failed());
  EXPECT_EQ(house.refused("b"), AcceptOutcome::kFailed);
  const Waiter& applied = house.waits(WaitFor::kApplied, 1);
  const Waiter& durable = house.waits(WaitFor::kDurable, 1);
  house.let_pass(10 * kFlushInterval);
  expect_ok(applied);
  expect_answer(durable, absl::StatusCode::kUnknown, std::string("it is not known what survived: ") + kFailedSync);
  EXPECT_EQ(house.syncs.syncs(), 1);
  EXPECT_EQ(house.counters().checkpoints.load(), 0u);
  expect_answer(house.close(), absl::StatusCode::kFailedPrecondition, kFailedSync);
  EXPECT_EQ(house.syncs.syncs(), 1);
}

TEST(FlusherFails, WhenATransactionDoesAndTellsWhoCameMeanwhileThatTheyAreNotWritten) {
  FaultVfs vfs;
  FlusherHouse house(over(vfs));
  house.start();
  Waiter* meanwhile = nullptr;
  vfs.inject({FaultFile::kLog, FaultCall::kWrite, EIO, 0, 1,
              [&] { meanwhile = &house.waits(WaitFor::kApplied, house.set("meanwhile", "")); }});
  const Waiter& attempted = house.waits(WaitFor::kApplied, house.set("attempted", ""));
  house.let_run();
  ASSERT_NE(meanwhile, nullptr);
  EXPECT_TRUE(is_noted(house, "event: failed"));
  expect_answer(attempted, absl::StatusCode::kUnknown, "it is not known what survived: " + house.failure().sentence());
  expect_answer(*meanwhile, absl::StatusCode::kAborted, "not written: " + house.failure().sentence());
  EXPECT_EQ(house.watermarks().applied.value(), 0u);
  EXPECT_EQ(house.path().admission().used_bytes(), 0u);
}

TEST(FlusherFails, WhenTheSyncOfACheckpointDoes) {
  FaultVfs vfs;
  FlusherHouse house(over(vfs));
  house.start();
  vfs.inject({FaultFile::kDatabase, FaultCall::kSync, EIO, 0, 1});
  const Waiter& durable = house.waits(WaitFor::kDurable, house.set("key", ""));
  house.let_pass(2 * kFlushInterval);
  expect_ok(durable);
  EXPECT_TRUE(house.failure().failed());
  EXPECT_EQ(house.refused("next"), AcceptOutcome::kFailed);
}

// SQLite cuts a log that has become too long when it starts over, in the midst of a commit, and tells nobody if that
// fails: the transaction seems to have succeeded.
TEST(FlusherFails, WhenTheLogCannotBeCut) {
  FaultVfs vfs;
  FlusherSetup setup = over(vfs);
  setup.log_bytes_kept = 64u << 10;
  FlusherHouse house(setup);
  house.start();
  house.set("long", std::string(500'000, 'v'));
  house.let_pass(5 * kFlushInterval);
  ASSERT_EQ(house.counters().checkpoints.load(), 1u);
  vfs.inject({FaultFile::kLog, FaultCall::kTruncate, EIO});
  const Waiter& durable = house.waits(WaitFor::kDurable, house.set("key", "value"));
  house.let_run();
  ASSERT_EQ(vfs.failures(), 1);
  EXPECT_EQ(durable.code(), absl::StatusCode::kUnknown) << "it was not synced";
  EXPECT_TRUE(house.failure().failed());
  EXPECT_EQ(house.watermarks().durable.value(), 1u);
}

// --- a full disk ---

TEST(FlusherOnAFullDisk, TriesAgainUntilThereIsSpaceAndSaysSoOnce) {
  FaultVfs vfs;
  FlusherHouse house(over(vfs));
  house.start();
  house.notes.clear();
  vfs.inject({FaultFile::kLog, FaultCall::kWrite, ENOSPC});
  const Waiter& waiter = house.waits(WaitFor::kDurable, house.set("key", "value"));
  house.let_run();
  EXPECT_TRUE(house.path().disk_full());
  const int failures = vfs.failures();
  house.let_pass(kFlushInterval);
  EXPECT_GT(vfs.failures(), failures) << "it tries";
  EXPECT_LT(vfs.failures(), 30 * failures) << "now and then";
  EXPECT_EQ(waiter.answers(), 0);
  EXPECT_EQ(house.notes, (Notes{"event: disk full"}));
  vfs.clear();
  house.let_pass(kFlushInterval);
  expect_ok(waiter);
  EXPECT_FALSE(house.path().disk_full());
  EXPECT_EQ(house.notes, (Notes{"event: disk full", "event: disk full over"}));
  EXPECT_FALSE(house.failure().failed());
}

TEST(FlusherOnAFullDisk, WaitsForSpaceToCopyTheLogAndGoesOnWriting) {
  FaultVfs vfs;
  FlusherHouse house(over(vfs));
  house.start();
  house.notes.clear();
  vfs.inject({FaultFile::kDatabase, FaultCall::kWrite, ENOSPC});
  const Waiter& first = house.waits(WaitFor::kDurable, house.set("first", ""));
  house.let_pass(2 * kFlushInterval);
  expect_ok(first);
  EXPECT_TRUE(house.path().disk_full());
  const Waiter& second = house.waits(WaitFor::kDurable, house.set("second", ""));
  house.let_pass(kFlushInterval / 10);
  expect_ok(second);
  EXPECT_TRUE(house.path().disk_full()) << "a transaction that fits the log says nothing of the database file";
  vfs.clear();
  house.let_pass(2 * kFlushInterval);
  EXPECT_FALSE(house.path().disk_full());
  EXPECT_EQ(house.notes, (Notes{"event: disk full", "event: disk full over"}));
  EXPECT_EQ(house.counters().checkpoints.load(), 1u);
}

// Nobody asks for anything, and new writes are refused: the flusher itself has to find out that there is space again.
TEST(FlusherOnAFullDisk, FindsSpaceForACheckpointThoughALazyWriteCameMeanwhile) {
  FaultVfs vfs;
  FlusherSetup setup = over(vfs);
  setup.mode = PersistMode::kLazy;
  FlusherHouse house(setup);
  house.start();
  house.waits(WaitFor::kDurable, house.set("first", ""));
  house.let_run();
  vfs.inject({FaultFile::kDatabase, FaultCall::kWrite, ENOSPC, 0, 1 << 30, [&] {
                if (!house.path().disk_full() && house.path().claimed_sequence() == 1) house.set("second", "");
              }});
  house.let_pass(3 * kFlushInterval);
  ASSERT_EQ(house.path().claimed_sequence(), 2u);
  ASSERT_TRUE(house.path().disk_full());
  vfs.clear();
  house.let_pass(kFlushInterval);
  EXPECT_FALSE(house.path().disk_full());
  EXPECT_EQ(house.watermarks().applied.value(), 1u) << "it is lazy";
}

TEST(FlusherOnAFullDisk, FindsSpaceForATransactionThoughThePressureIsGone) {
  FaultVfs vfs;
  FlusherSetup setup = over(vfs);
  setup.mode = PersistMode::kLazy;
  FlusherHouse house(setup);
  house.start();
  vfs.inject({FaultFile::kLog, FaultCall::kWrite, ENOSPC});
  house.path().gate().hold();
  house.set("a", "");
  const Waiter& parked = house.parks_batch({"b", "c"});
  house.let_run();
  ASSERT_TRUE(house.path().disk_full());
  EXPECT_TRUE(house.path().gate().unhold());
  house.let_run();
  expect_ok(parked);
  vfs.clear();
  house.let_pass(kFlushInterval);
  EXPECT_FALSE(house.path().disk_full());
  EXPECT_GE(house.watermarks().applied.value(), 1u);
}

// There is space to copy the log, once a reader is out of the way; of the transaction's space that says nothing.
TEST(FlusherOnAFullDisk, FindsNoSpaceForATransactionInThatACheckpointHadSome) {
  FaultVfs vfs;
  FlusherSetup setup = over(vfs);
  setup.wal_bytes_max = with_short_log().wal_bytes_max;
  FlusherHouse house(setup);
  house.start();
  ForeignReader reader(house.file());
  ASSERT_EQ(reader.run("BEGIN"), SQLITE_OK);
  ASSERT_EQ(reader.ask("SELECT count(*) FROM main"), "0");
  for (int number = 0; !is_noted(house, "event: checkpoint blocked"); ++number) {
    ASSERT_LT(number, 100);
    apply_large_write(house, "key" + std::to_string(number));
  }
  house.notes.clear();
  vfs.inject({FaultFile::kLog, FaultCall::kWrite, ENOSPC});
  const Waiter& waiter = house.waits(WaitFor::kApplied, house.set("key", "value"));
  house.let_run();
  ASSERT_TRUE(house.path().disk_full());
  ASSERT_EQ(reader.run("COMMIT"), SQLITE_OK);
  house.let_pass(2 * kBlockedRetry);
  ASSERT_EQ(house.counters().checkpoints.load(), 1u);
  EXPECT_TRUE(house.path().disk_full());
  EXPECT_EQ(waiter.answers(), 0);
  EXPECT_EQ(house.notes, (Notes{"event: disk full"}));
  vfs.clear();
  house.let_pass(kFlushInterval);
  expect_ok(waiter);
  EXPECT_FALSE(house.path().disk_full());
}

// --- checkpoints ---

TEST(FlusherCheckpoints, WhenNothingHasHappenedForAFlushIntervalAndThenNoMore) {
  FlusherHouse house;
  house.start();
  house.set_many(kBufferSize);
  house.let_run();
  EXPECT_EQ(house.counters().checkpoints.load(), 0u);
  house.let_pass(3 * kFlushInterval);
  EXPECT_EQ(house.counters().checkpoints.load(), 1u);
  EXPECT_EQ(house.watermarks().settled.value(), kBufferSize);
  house.let_pass(10 * kFlushInterval);
  EXPECT_EQ(house.counters().checkpoints.load(), 1u);
}

TEST(FlusherCheckpoints, BeforeTheNextTransactionWhenTheLogIsFull) {
  FlusherHouse house(with_short_log());
  house.start();
  for (int number = 0; number < 10; ++number) {
    apply_large_write(house, "key" + std::to_string(number));
    EXPECT_LE(house.counters().wal_bytes.load(), with_short_log().wal_bytes_max + (100u << 10));
  }
  EXPECT_GE(house.counters().checkpoints.load(), 4u);
  EXPECT_EQ(house.syncs.syncs(), 0) << "a checkpoint syncs by itself";
  EXPECT_GT(house.watermarks().durable.value(), 0u);
}

TEST(FlusherCheckpoints, AsFarAsAReaderAllowsSaysSoOnceAndEndsOurOwnScansWhenTheLogIsFarTooLong) {
  FlusherHouse house(with_short_log());
  house.start();
  ForeignReader reader(house.file());
  ASSERT_EQ(reader.run("BEGIN"), SQLITE_OK);
  ASSERT_EQ(reader.ask("SELECT count(*) FROM main"), "0");
  for (int number = 0; !is_noted(house, "log pinned"); ++number) {
    ASSERT_LT(number, 100);
    apply_large_write(house, "key" + std::to_string(number));
  }
  EXPECT_TRUE(is_noted(house, "event: checkpoint blocked"));
  EXPECT_GE(house.counters().wal_bytes.load(), 4 * with_short_log().wal_bytes_max);
  EXPECT_EQ(house.counters().checkpoints.load(), 0u);
  EXPECT_GE(house.counters().checkpoints_blocked.load(), 1u);
  EXPECT_EQ(std::count(house.notes.begin(), house.notes.end(), "event: checkpoint blocked"), 1);

  ASSERT_EQ(reader.run("COMMIT"), SQLITE_OK);
  house.set_many(3 * kBufferSize);
  house.let_pass(3 * kFlushInterval);
  expect_ok(house.close());
}

// --- closing that cannot end ---

TEST(FlusherGivesUp, AndSaysHowManyWritesWereNotWritten) {
  FaultVfs vfs;
  FlusherHouse house(over(vfs));
  house.start();
  vfs.inject({FaultFile::kLog, FaultCall::kWrite, ENOSPC});
  house.set_many(3);
  const Waiter& applied = house.waits(WaitFor::kApplied, 3);
  house.let_run();
  const Waiter& closer = house.closes();
  house.let_pass(10 * kFlushInterval);
  EXPECT_EQ(closer.answers(), 0) << "it waits for space";
  house.flusher().give_up();
  house.let_run();
  const std::string sentence =
      "the database failed and refuses writes until it is reopened: closing took too long; 3 writes were not written";
  expect_answer(closer, absl::StatusCode::kFailedPrecondition, sentence);
  EXPECT_EQ(applied.code(), absl::StatusCode::kUnknown) << "it was in a transaction";
  EXPECT_TRUE(is_noted(house, "event: failed"));
  EXPECT_EQ(house.event_message, sentence);
  EXPECT_EQ(house.watermarks().durable.value(), 0u);
}

TEST(FlusherGivesUp, WhatWasInNoTransactionAndIsCertainOfIt) {
  FlusherHouse house;
  house.start();
  Waiter* closer = nullptr;
  Waiter* applied = nullptr;
  house.at_once([&] {
    applied = &house.waits(WaitFor::kApplied, house.set("key", "value"));
    closer = &house.closes();
    house.flusher().give_up();
  });
  expect_answer(*closer, absl::StatusCode::kFailedPrecondition, house.failure().sentence());
  expect_answer(*applied, absl::StatusCode::kAborted, "not written: " + house.failure().sentence());
  EXPECT_TRUE(ForeignReader(house.file()).rows().empty());
}

TEST(FlusherGivesUp, AndTellsWhoIsParked) {
  FlusherHouse house;
  house.start();
  house.path().gate().hold();
  const Waiter& parked = house.parks_batch({"a", "b"});
  house.let_run();
  const Waiter& closer = house.closes();
  house.let_pass(10 * kFlushInterval);
  EXPECT_EQ(closer.answers(), 0) << "who was parked moves in first";
  house.flusher().give_up();
  house.let_run();
  expect_answer(parked, absl::StatusCode::kAborted, "not written: the database was closed");
  expect_ok(closer);
}

}  // namespace
}  // namespace dictsqlite::flush
