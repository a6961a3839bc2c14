// Goal: each number of Stats moves when, and by what, its comment says; and the write-ahead log stays bounded beside a
// writer that never pauses. Method: counts that are known exactly because the library's threads are held where it
// matters, read before and after.
#include <dictsqlite/dictsqlite.hpp>

#include "support/open_database.hpp"
#include "support/scale.hpp"
#include "support/temporary_directory.hpp"
#include "unit/database/held_thread.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dictsqlite {
namespace {

using testing_support::EventLog;
using testing_support::HeldThread;
using testing_support::open_database;
using testing_support::scaled;
using testing_support::TemporaryDirectory;
using Code = absl::StatusCode;

constexpr WriteOptions kDurable{.ack = Ack::kDurable};

std::string key_of(std::size_t number) { return "key" + std::to_string(number); }

class StatsTest : public testing::Test {
 protected:
  StatsTest() { options_.path = directory_.file("test.db"); }

  Database open() { return open_database(options_); }
  void use_least_budgets() {
    options_.cache_bytes = 1u << 20;
    options_.unapplied_bytes = 1u << 20;
    options_.value_bytes_max = options_.batch_bytes_max = 100'000;
  }
  static void write(Database& database, std::size_t first, std::size_t end, const std::string& value = "v") {
    for (std::size_t number = first; number < end; ++number) {
      ASSERT_EQ(database.set(key_of(number), value), absl::OkStatus());
    }
  }

  TemporaryDirectory directory_;
  Options options_;
};

TEST_F(StatsTest, OfAnEmptyHandleAreZero) {
  const Database empty;
  const Stats stats = empty.stats();
  EXPECT_EQ(stats.claimed_sequence, 0u);
  EXPECT_EQ(stats.entry_bytes, 0u);
  EXPECT_EQ(stats.io_backend, "");
  EXPECT_FALSE(stats.failed);
}

TEST_F(StatsTest, OfANewDatabaseAreZeroButForWhatOpeningDid) {
  Database database = open();
  const Stats stats = database.stats();
  EXPECT_EQ(stats.claimed_sequence, 0u);
  EXPECT_EQ(stats.applied_sequence, 0u);
  EXPECT_EQ(stats.durable_sequence, 0u);
  EXPECT_EQ(stats.settled_sequence, 0u);
  EXPECT_EQ(stats.transactions, 0u);
  EXPECT_EQ(stats.rows_applied, 0u);
  EXPECT_EQ(stats.writes_applied, 0u);
  EXPECT_EQ(stats.unapplied_bytes, 0u);
  EXPECT_EQ(stats.parked_writers, 0u);
  EXPECT_EQ(stats.parked_writers_total, 0u);
  EXPECT_EQ(stats.loads, 0u);
  EXPECT_EQ(stats.queries, 0u);
  EXPECT_EQ(stats.load_groups, 0u);
  EXPECT_EQ(stats.joined_misses, 0u);
  EXPECT_EQ(stats.loads_in_flight, 0u);
  EXPECT_EQ(stats.evictions, 0u);
  EXPECT_EQ(stats.checkpoints_blocked, 0u);
  EXPECT_FALSE(stats.failed);
  EXPECT_FALSE(stats.disk_full);
}

// --- writes ---

TEST_F(StatsTest, EachWatermarkRisesWhenItsPromiseIsKept) {
  options_.persist_mode = PersistMode::kLazy;
  Database database = open();
  write(database, 0, 10);
  EXPECT_EQ(database.stats().claimed_sequence, 10u);
  EXPECT_EQ(database.stats().applied_sequence, 0u);
  Scan scan = database.scan();  // waits until everything accepted before is applied
  ASSERT_TRUE(scan.next().has_value());
  EXPECT_EQ(database.stats().applied_sequence, 10u);
  write(database, 10, 15);
  ASSERT_EQ(database.sync(), absl::OkStatus());
  EXPECT_EQ(database.stats().durable_sequence, 15u);
  ASSERT_EQ(database.flush(), absl::OkStatus());
  EXPECT_EQ(database.stats().settled_sequence, 15u);
  EXPECT_EQ(database.stats().claimed_sequence, 15u);
}

TEST_F(StatsTest, WatermarksGoOnWhereTheLastLifeEnded) {
  {
    Database database = open();
    write(database, 0, 10);
  }
  Database database = open();
  EXPECT_EQ(database.stats().settled_sequence, 10u);
  EXPECT_EQ(database.stats().claimed_sequence, 10u);
  write(database, 0, 1);
  EXPECT_EQ(database.stats().claimed_sequence, 11u);
}

TEST_F(StatsTest, WatermarksNeverOvertakeEachOtherAndNeverFall) {
  Database database = open();
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (std::size_t number = 0; !stop.load(); ++number) {
      const WriteOptions options = number % 50 == 0 ? kDurable : WriteOptions{};
      EXPECT_EQ(database.set(key_of(number % 1'000), "v", options), absl::OkStatus());
    }
  });
  // Each number is read at a moment of its own: what may not be passed is read in the later call.
  Stats before = database.stats();
  while (before.settled_sequence < scaled(5'000)) {
    const Stats after = database.stats();
    ASSERT_LE(before.settled_sequence, after.durable_sequence);
    ASSERT_LE(before.durable_sequence, after.applied_sequence);
    ASSERT_LE(before.applied_sequence, after.claimed_sequence);
    ASSERT_LE(before.settled_sequence, after.settled_sequence);
    ASSERT_LE(before.durable_sequence, after.durable_sequence);
    ASSERT_LE(before.applied_sequence, after.applied_sequence);
    ASSERT_LE(before.claimed_sequence, after.claimed_sequence);
    ASSERT_LE(before.writes_applied, after.writes_applied);
    ASSERT_LE(before.syncs, after.syncs);
    before = after;
  }
  stop.store(true);
  writer.join();
}

TEST_F(StatsTest, RowsAreCountedAfterFoldingAndWritesBefore) {
  options_.persist_mode = PersistMode::kLazy;
  Database database = open();
  for (int round = 0; round < 10; ++round) write(database, 0, 10);
  ASSERT_EQ(database.erase(key_of(3)), absl::OkStatus());
  ASSERT_EQ(database.flush(), absl::OkStatus());
  const Stats first = database.stats();
  EXPECT_EQ(first.transactions, 1u);
  EXPECT_EQ(first.writes_applied, 101u);
  EXPECT_EQ(first.rows_applied, 10u);
  // Folding is within a transaction, not across.
  for (int round = 0; round < 5; ++round) ASSERT_EQ(database.set("key0", "v", kDurable), absl::OkStatus());
  EXPECT_EQ(database.stats().transactions, 6u);
  EXPECT_EQ(database.stats().writes_applied, 106u);
  EXPECT_EQ(database.stats().rows_applied, 15u);
}

TEST_F(StatsTest, SyncsAreCountedOneByOne) {
  options_.persist_mode = PersistMode::kLazy;
  Database database = open();
  const std::uint64_t before = database.stats().syncs;
  for (std::uint64_t count = 1; count <= 5; ++count) {
    ASSERT_EQ(database.set("a", "v", kDurable), absl::OkStatus());
    EXPECT_EQ(database.stats().syncs, before + count);
  }
  ASSERT_EQ(database.sync(), absl::OkStatus());
  EXPECT_EQ(database.stats().syncs, before + 5) << "there was nothing to sync";
}

TEST_F(StatsTest, UnappliedBytesAreWhatSqliteDoesNotHave) {
  options_.persist_mode = PersistMode::kLazy;
  Database database = open();
  write(database, 0, 100, std::string(1'000, 'v'));
  const std::uint64_t once = database.stats().unapplied_bytes;
  EXPECT_GE(once, 100'000u);
  EXPECT_LE(once, 150'000u);
  write(database, 0, 100, std::string(1'000, 'w'));
  EXPECT_EQ(database.stats().unapplied_bytes, 2 * once);
  ASSERT_EQ(database.flush(), absl::OkStatus());
  EXPECT_EQ(database.stats().unapplied_bytes, 0u);
}

// Starts writes while the flusher is held, so that nothing makes room.
void expect_parked(Database& database, std::size_t writes, std::size_t parked_min, std::size_t parked_max,
                   const std::string& value) {
  HeldThread flusher;
  flusher.hold(database.set_async("held", "v", kDurable));
  std::atomic<std::size_t> done{0};
  for (std::size_t number = 0; number < writes; ++number) {
    database.set_async(key_of(number), value).start([&](const absl::Status& status) noexcept {
      EXPECT_EQ(status, absl::OkStatus());
      done.fetch_add(1);
    });
  }
  const Stats held = database.stats();
  EXPECT_GE(held.parked_writers, parked_min);
  EXPECT_LE(held.parked_writers, parked_max);
  EXPECT_EQ(held.parked_writers_total, held.parked_writers);
  EXPECT_EQ(done.load(), writes - held.parked_writers);
  EXPECT_EQ(held.claimed_sequence, 1 + writes - held.parked_writers) << "whoever is parked has no ticket";
  flusher.let_go();
  ASSERT_EQ(database.close(), absl::OkStatus());
  EXPECT_EQ(database.stats().parked_writers, 0u);
  EXPECT_EQ(database.stats().parked_writers_total, held.parked_writers_total);
  EXPECT_EQ(held.longest_stall, std::chrono::nanoseconds(0)) << "the flusher has not looked";
  EXPECT_GT(database.stats().longest_stall, std::chrono::nanoseconds(0));
  EXPECT_EQ(database.stats().claimed_sequence, 1 + writes);
  database = Database();  // ends the resume thread: nothing comes after it
  EXPECT_EQ(done.load(), writes);
}

TEST_F(StatsTest, WritersThatFindTheRingFullAreParked) {
  options_.ring_capacity = 16;
  Database database = open();
  expect_parked(database, 50, 50 - 16, 50 - 16, "v");
}

TEST_F(StatsTest, WritersThatFindNoBudgetAreParked) {
  use_least_budgets();
  Database database = open();
  const std::string value(10'000, 'v');
  const std::size_t fit = options_.unapplied_bytes / value.size();
  expect_parked(database, 200, 200 - fit, 200 - fit + 10, value);
}

// --- reads ---

TEST_F(StatsTest, LoadsQueriesAndGroupsCountWhatWasAskedOfSqlite) {
  constexpr std::size_t kKeys = 60;
  {
    Database database = open();
    write(database, 0, kKeys / 2);
  }
  Database database = open();
  ASSERT_TRUE(database.get(key_of(0)).ok());
  ASSERT_TRUE(database.get(key_of(0)).ok());  // a hit
  EXPECT_EQ(database.stats().loads, 1u);
  EXPECT_EQ(database.stats().queries, 1u);
  EXPECT_EQ(database.stats().load_groups, 1u);

  HeldThread loader;
  loader.hold(database.get_async("hold the loader"));
  const Stats before = database.stats();
  std::atomic<std::size_t> done{0};
  const auto count = [&](const auto&) noexcept { done.fetch_add(1); };
  for (std::size_t number = 1; number < kKeys; ++number) database.get_async(key_of(number)).start(count);
  const Stats queued = database.stats();
  EXPECT_EQ(queued.loads_in_flight, before.loads_in_flight + kKeys - 1);
  EXPECT_EQ(queued.loads, before.loads);
  EXPECT_EQ(queued.joined_misses, before.joined_misses);
  // The same keys again, by operations of every kind: nothing more to load.
  std::vector<std::string> names;
  for (std::size_t number = 1; number < kKeys; ++number) names.push_back(key_of(number));
  const std::vector<std::string_view> keys(names.begin(), names.end());
  database.batch_get_async(keys).start(count);
  for (const std::string& name : names) database.contains_async(name).start(count);
  EXPECT_EQ(database.stats().joined_misses, before.joined_misses + 2 * (kKeys - 1));
  EXPECT_EQ(database.stats().loads_in_flight, queued.loads_in_flight);
  loader.let_go();
  while (done.load() < 2 * (kKeys - 1) + 1) std::this_thread::yield();

  const Stats after = database.stats();
  EXPECT_EQ(after.loads_in_flight, 0u);
  EXPECT_EQ(after.loads, before.loads + kKeys - 1);
  EXPECT_EQ(after.load_groups, before.load_groups + 1) << "all that queued up is one group";
  EXPECT_GE(after.queries, before.queries + 1);
  EXPECT_LE(after.queries, before.queries + kKeys / 10);
}

TEST_F(StatsTest, HitsAskNothingOfSqlite) {
  Database database = open();
  write(database, 0, 100);
  for (std::size_t number = 0; number < 100; ++number) {
    EXPECT_TRUE(database.get(key_of(number)).ok());
    EXPECT_TRUE(*database.contains(key_of(number)));
  }
  EXPECT_EQ(database.stats().loads, 0u);
  EXPECT_EQ(database.stats().queries, 0u);
}

// --- memory ---

TEST_F(StatsTest, ASmallCacheEvictsAndStaysSmall) {
  use_least_budgets();
  Database database = open();
  const std::string value(1'000, 'v');
  write(database, 0, 500, value);
  ASSERT_EQ(database.flush(), absl::OkStatus());
  EXPECT_EQ(database.stats().evictions, 0u) << "half of the cache";
  EXPECT_GE(database.stats().entry_bytes, 500'000u);
  write(database, 500, 5'000, value);
  ASSERT_EQ(database.flush(), absl::OkStatus());
  const Stats stats = database.stats();
  EXPECT_GE(stats.evictions, 3'500u);
  EXPECT_LE(stats.evictions, 5'000u);
  EXPECT_LE(stats.entry_bytes, options_.cache_bytes + stats.retired_bytes);
}

TEST_F(StatsTest, RetiredBytesAreWhatWasReplacedUntilItIsFreed) {
  options_.persist_mode = PersistMode::kLazy;
  Database database = open();
  write(database, 0, 1);
  EXPECT_EQ(database.stats().retired_bytes, 0u);
  for (int round = 0; round < 1'000; ++round) write(database, 0, 1, std::string(100, 'v'));
  EXPECT_GT(database.stats().retired_bytes, 0u);
  EXPECT_GE(database.stats().entry_bytes, database.stats().retired_bytes);
  ASSERT_EQ(database.flush(), absl::OkStatus());
  EXPECT_EQ(database.stats().retired_bytes, 0u);
}

// --- SQLite's files ---

TEST_F(StatsTest, TheLogStaysBoundedBesideAWriterThatNeverPauses) {
  const std::size_t writes = scaled(300'000);
  const std::size_t keys = writes / 6;
  use_least_budgets();  // the writer is never far ahead: by its end nearly everything is in SQLite
  options_.wal_bytes = 64u << 10;
  Database database = open();
  const std::uint64_t checkpoints_before = database.stats().checkpoints;
  const std::string padding(100, 'v');
  std::uint64_t largest = 0;
  std::size_t number = 0;
  for (std::size_t count = 0; count < writes; ++count) {
    number = (number + 7'919) % keys;  // a prime: all keys, in an order that shares no pages
    // Always another value: SQLite leaves pages alone that do not change.
    ASSERT_EQ(database.set(key_of(number), std::to_string(count) + padding), absl::OkStatus());
    if (count % 1'000 == 0) largest = std::max(largest, database.stats().wal_bytes);
  }
  const std::uint64_t checkpoints = database.stats().checkpoints - checkpoints_before;
  ASSERT_EQ(database.close(), absl::OkStatus());
  // One transaction puts each page of the file into the log once, at most.
  const std::uint64_t transaction_max = std::filesystem::file_size(options_.path) * 11 / 10;
  EXPECT_LT(largest, options_.wal_bytes + transaction_max);
  EXPECT_GT(largest, 0u);
  EXPECT_GT(checkpoints, 1u) << "before the last write";
}

TEST_F(StatsTest, ACheckpointBehindAReaderIsCountedAsBlocked) {
  EventLog events;
  options_.event_hook = events.hook();
  options_.wal_bytes = 64u << 10;
  Database database = open();
  write(database, 0, 1'000);
  ASSERT_EQ(database.flush(), absl::OkStatus());
  std::optional<Scan> reader(database.scan());
  ASSERT_TRUE(reader->next().has_value());
  const std::string value(1'000, 'w');
  for (std::size_t round = 0; database.stats().checkpoints_blocked == 0; ++round) {
    ASSERT_LT(round, 1'000u);
    write(database, 0, 100, value);
    ASSERT_EQ(database.flush(), absl::OkStatus());
  }
  EXPECT_EQ(events.count(EventKind::kCheckpointBlocked), 1u) << events.all();
  reader.reset();
  const std::uint64_t checkpoints = database.stats().checkpoints;
  while (database.stats().checkpoints == checkpoints) std::this_thread::yield();  // for ever, if it takes a write
  EXPECT_EQ(events.count(EventKind::kFailed), 0u) << events.all();
}

TEST_F(StatsTest, TheLogIsCopiedWhenNothingHappens) {
  options_.flush_interval = std::chrono::milliseconds(1);
  Database database = open();
  const std::uint64_t before = database.stats().checkpoints;
  ASSERT_EQ(database.set("a", "v", kDurable), absl::OkStatus());
  while (database.stats().checkpoints == before) std::this_thread::yield();  // for ever, if it is not
  EXPECT_EQ(database.stats().checkpoints_blocked, 0u);
}

// --- the rest ---

TEST_F(StatsTest, TheBackendIsTheOneThatWasChosen) {
  options_.io_backend = IoBackendChoice::kThreads;
  EXPECT_EQ(open().stats().io_backend, "threads");
  options_.io_backend = IoBackendChoice::kUring;
  absl::StatusOr<Database> uring = Database::open(options_);
  if (uring.ok()) {
    EXPECT_EQ(uring->stats().io_backend, "uring");
  } else {
    EXPECT_EQ(uring.status().code(), Code::kUnavailable);
  }
  const bool works = uring.ok();
  if (works) {
    ASSERT_EQ(uring->close(), absl::OkStatus());
  }
  EventLog events;
  options_.event_hook = events.hook();
  options_.io_backend = IoBackendChoice::kAuto;
  EXPECT_EQ(open().stats().io_backend, works ? "uring" : "threads");
  EXPECT_EQ(events.count(EventKind::kIoBackendFallback), works ? 0u : 1u) << events.all();
  for (const IoBackendChoice choice : {IoBackendChoice::kAuto, IoBackendChoice::kThreads}) {
    Options memory;
    memory.persist_mode = PersistMode::kMemory;
    memory.io_backend = choice;
    EXPECT_EQ(open_database(memory).stats().io_backend, "none");
  }
}

TEST_F(StatsTest, AHealthyDatabaseHasNotFailedAndItsDiskIsNotFull) {
  EventLog events;
  options_.event_hook = events.hook();
  options_.io_backend = IoBackendChoice::kThreads;
  for (const PersistMode mode :
       {PersistMode::kMemory, PersistMode::kLazy, PersistMode::kWriteBehind, PersistMode::kWriteThrough}) {
    options_.persist_mode = mode;
    Database database = open();
    write(database, 0, 100);
    EXPECT_EQ(database.get("nobody").status().code(), Code::kNotFound);
    EXPECT_FALSE(database.stats().failed);
    EXPECT_FALSE(database.stats().disk_full);
    ASSERT_EQ(database.close(), absl::OkStatus());
    EXPECT_FALSE(database.stats().failed);
    EXPECT_FALSE(database.stats().disk_full);
  }
  EXPECT_EQ(events.all(), "");
}

}  // namespace
}  // namespace dictsqlite
