// Goal: what went wrong in the system that this one takes the place of cannot go wrong here: data that was never
// written, stale reads, a cache without bounds, errors that looked like missing keys. Method: one test for each, named
// after what it protects, through the public interface; what the file holds is asked of a plain SQLite connection.
#include <dictsqlite/dictsqlite.hpp>

#include "held_thread.hpp"
#include "support/foreign_reader.hpp"
#include "support/open_database.hpp"
#include "support/scale.hpp"
#include "support/start_line.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dictsqlite {
namespace {

using testing_support::ForeignReader;
using testing_support::open_database;
using testing_support::scaled;
using testing_support::StartLine;
using testing_support::TemporaryDirectory;
using Code = absl::StatusCode;

constexpr std::size_t kCacheMin = 1u << 20;

std::string key_of(std::size_t number) { return "key" + std::to_string(number); }

class UpstreamDefects : public testing::Test {
 protected:
  UpstreamDefects() { options_.path = directory_.file("test.db"); }

  Database open() { return open_database(options_); }
  std::map<std::string, std::string> rows() { return ForeignReader(options_.path).rows(); }
  void use_small_cache() {
    options_.cache_bytes = kCacheMin;
    options_.unapplied_bytes = 4u << 20;
    options_.value_bytes_max = 1u << 20;
    options_.batch_bytes_max = 1u << 20;
  }
  // Puts so much through the cache that nothing from before is left in it.
  // What nobody reads would not drive out what somebody has read: so these are read as well.
  static void push_everything_out(Database& database) {
    const std::string filler(100'000, 'f');
    for (std::size_t number = 0; number < 60; ++number) {
      const std::string key = "filler" + std::to_string(number);
      ASSERT_EQ(database.set(key, filler), absl::OkStatus());
      ASSERT_EQ(database.flush(), absl::OkStatus());
      ASSERT_EQ(database.get(key)->view(), filler);
    }
  }

  TemporaryDirectory directory_;
  Options options_;
};

// --- durability and the write path ---

TEST_F(UpstreamDefects, WriteThroughMeansDurableWhenTheCallReturns) {
  options_.persist_mode = PersistMode::kWriteThrough;
  Database database = open();
  for (std::uint64_t number = 1; number <= 20; ++number) {
    ASSERT_EQ(database.set(key_of(number), "v"), absl::OkStatus());
    EXPECT_GE(database.stats().durable_sequence, number);
  }
  EXPECT_GE(database.stats().syncs, 1u);
}

TEST_F(UpstreamDefects, NothingAcceptedIsLostWhenTheObjectIsDropped) {
  options_.buffer_size = 100;
  {
    Database database = open();
    for (std::size_t number = 0; number < 250; ++number) ASSERT_EQ(database.set(key_of(number), "v"), absl::OkStatus());
  }
  EXPECT_EQ(rows().size(), 250u);
}

TEST_F(UpstreamDefects, TheFlushIntervalWritesWhatTheBufferSizeDoesNot) {
  options_.buffer_size = 1000;
  options_.flush_interval = std::chrono::milliseconds(5);
  Database database = open();
  ASSERT_EQ(database.set("alone", "v"), absl::OkStatus());
  while (database.stats().durable_sequence < 1) std::this_thread::yield();  // for ever, if nobody looks at the clock
  EXPECT_EQ(rows().size(), 1u);
}

TEST_F(UpstreamDefects, CloseWritesTheBufferInEveryModeWithADisk) {
  for (const PersistMode mode : {PersistMode::kLazy, PersistMode::kWriteBehind, PersistMode::kWriteThrough}) {
    options_.persist_mode = mode;
    options_.path = directory_.file("mode" + std::to_string(static_cast<int>(mode)));
    Database database = open();
    for (std::size_t number = 0; number < 50; ++number) {
      ASSERT_EQ(database.set(key_of(number), "v", {.ack = Ack::kAccepted}), absl::OkStatus());
    }
    ASSERT_EQ(database.close(), absl::OkStatus());
    EXPECT_EQ(rows().size(), 50u);
  }
}

TEST_F(UpstreamDefects, AFlushIsFewTransactionsNotOneARow) {
  options_.persist_mode = PersistMode::kLazy;
  Database database = open();
  for (std::size_t number = 0; number < 5'000; ++number) ASSERT_EQ(database.set(key_of(number), "v"), absl::OkStatus());
  ASSERT_EQ(database.flush(), absl::OkStatus());
  EXPECT_LE(database.stats().transactions, 3u);
  EXPECT_EQ(database.stats().rows_applied, 5'000u);
}

TEST_F(UpstreamDefects, AForeignReaderNeverSeesHalfABatch) {
  constexpr std::size_t kRows = 20;
  options_.buffer_size = 1;
  Database database = open();
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (std::uint64_t round = 0; !stop.load(std::memory_order_relaxed); ++round) {
      WriteBatch batch;
      for (std::size_t row = 0; row < kRows; ++row) batch.set(key_of(row), std::to_string(round));
      EXPECT_EQ(database.write(batch), absl::OkStatus());
    }
  });
  for (std::size_t look = 0; look < scaled(200); ++look) {
    const std::map<std::string, std::string> seen = rows();
    if (seen.empty()) continue;
    EXPECT_EQ(seen.size(), kRows);
    EXPECT_TRUE(
        std::all_of(seen.begin(), seen.end(), [&](const auto& row) { return row.second == seen.begin()->second; }));
  }
  stop.store(true, std::memory_order_relaxed);
  writer.join();
}

TEST_F(UpstreamDefects, NoOtherConnectionCanTakeTheWriteLockAndMakeAFlushFail) {
  Database database = open();
  ASSERT_EQ(database.set("before", "v"), absl::OkStatus());
  ASSERT_EQ(database.flush(), absl::OkStatus());
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(options_.path.c_str(), &other), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_BUSY);
  EXPECT_EQ(sqlite3_exec(other, "DELETE FROM main", nullptr, nullptr, nullptr), SQLITE_BUSY);
  EXPECT_NE(sqlite3_exec(other, "PRAGMA wal_checkpoint(TRUNCATE)", nullptr, nullptr, nullptr), SQLITE_CORRUPT);
  for (std::size_t number = 0; number < 100; ++number) ASSERT_EQ(database.set(key_of(number), "v"), absl::OkStatus());
  EXPECT_EQ(database.flush(), absl::OkStatus());
  EXPECT_EQ(rows().size(), 101u);
  sqlite3_close(other);
}

TEST_F(UpstreamDefects, ABatchReachesTheDiskLikeASingleWrite) {
  for (const PersistMode mode : {PersistMode::kLazy, PersistMode::kWriteBehind, PersistMode::kWriteThrough}) {
    options_.persist_mode = mode;
    options_.path = directory_.file("mode" + std::to_string(static_cast<int>(mode)));
    Database database = open();
    WriteBatch batch;
    for (std::size_t number = 0; number < 50; ++number) batch.set(key_of(number), "v");
    ASSERT_EQ(database.write(batch), absl::OkStatus());
    ASSERT_EQ(database.flush(), absl::OkStatus());
    EXPECT_EQ(rows().size(), 50u);
  }
}

TEST_F(UpstreamDefects, TwoWritersOfOneKeyNeverLeaveCacheAndFileDifferent) {
  const std::size_t keys = scaled(20'000);
  options_.buffer_size = 7;
  Database database = open();
  StartLine start(2);
  const auto write_all = [&](const char* value) {
    for (std::size_t number = 0; number < keys; ++number) {
      if (number % 64 == 0) start.arrive();
      EXPECT_EQ(database.set(key_of(number), value), absl::OkStatus());
    }
  };
  std::thread other([&] { write_all("B"); });
  write_all("A");
  other.join();
  ASSERT_EQ(database.flush(), absl::OkStatus());
  const std::map<std::string, std::string> in_file = rows();
  ASSERT_EQ(in_file.size(), keys);
  for (const auto& [key, value] : in_file) ASSERT_EQ(database.get(key)->view(), value) << key;
}

TEST_F(UpstreamDefects, WritesAreAcceptedWhileAFlushIsUnderWay) {
  options_.persist_mode = PersistMode::kLazy;
  Database database = open();
  for (std::size_t number = 0; number < scaled(50'000); ++number)
    ASSERT_EQ(database.set(key_of(number), "v"), absl::OkStatus());
  std::atomic<bool> flushed{false};
  database.flush_async().start([&](absl::Status status) noexcept {
    EXPECT_EQ(status, absl::OkStatus());
    flushed.store(true, std::memory_order_release);
  });
  std::size_t meanwhile = 0;
  while (!flushed.load(std::memory_order_acquire)) {
    ASSERT_EQ(database.set("meanwhile", std::to_string(meanwhile++)), absl::OkStatus());
  }
  EXPECT_GT(meanwhile, 100u) << "a write takes a microsecond, the flush many milliseconds";
}

TEST_F(UpstreamDefects, OverwritesOfOneKeyAreWrittenOnce) {
  options_.persist_mode = PersistMode::kLazy;
  Database database = open();
  for (std::size_t count = 0; count < 100; ++count)
    ASSERT_EQ(database.set("key", std::to_string(count)), absl::OkStatus());
  ASSERT_EQ(database.flush(), absl::OkStatus());
  EXPECT_EQ(database.stats().rows_applied, 1u);
  EXPECT_EQ(database.stats().writes_applied, 100u);
  EXPECT_EQ(rows()["key"], "99");
}

TEST_F(UpstreamDefects, AFlushWithNothingNewWritesNothing) {
  options_.persist_mode = PersistMode::kLazy;
  Database database = open();
  for (std::size_t number = 0; number < 1'000; ++number) ASSERT_EQ(database.set(key_of(number), "v"), absl::OkStatus());
  ASSERT_EQ(database.flush(), absl::OkStatus());
  const Stats before = database.stats();
  for (int again = 0; again < 3; ++again) ASSERT_EQ(database.flush(), absl::OkStatus());
  EXPECT_EQ(database.stats().transactions, before.transactions);
  EXPECT_EQ(database.stats().rows_applied, before.rows_applied);
}

TEST_F(UpstreamDefects, ALongForeignReaderBlocksNoWrite) {
  Database database = open();
  ASSERT_EQ(database.set("old", "v"), absl::OkStatus());
  ASSERT_EQ(database.flush(), absl::OkStatus());
  ForeignReader reader(options_.path);
  ASSERT_EQ(reader.run("BEGIN; SELECT count(*) FROM main"), SQLITE_OK);
  for (std::size_t number = 0; number < 100; ++number) ASSERT_EQ(database.set(key_of(number), "v"), absl::OkStatus());
  EXPECT_EQ(database.flush(), absl::OkStatus());
  EXPECT_EQ(reader.ask("SELECT count(*) FROM main"), "1") << "its snapshot is its own";
  ASSERT_EQ(reader.run("COMMIT"), SQLITE_OK);
  EXPECT_EQ(reader.ask("SELECT count(*) FROM main"), "101");
}

// --- the read path ---

TEST_F(UpstreamDefects, ManyMissesAreFewQueries) {
  constexpr std::size_t kKeys = 1'000;
  {
    Database database = open();
    for (std::size_t number = 0; number < kKeys; ++number)
      ASSERT_EQ(database.set(key_of(number), "v"), absl::OkStatus());
  }
  Database database = open();
  std::vector<std::string> names;
  for (std::size_t number = 0; number < kKeys; ++number) names.push_back(key_of(number));
  const std::vector<std::string_view> keys(names.begin(), names.end());
  testing_support::HeldThread loader;
  loader.hold(database.get_async("to have the loader where nothing is taken before all is there"));
  const Stats before = database.stats();
  std::promise<std::vector<absl::StatusOr<Value>>> results;
  database.batch_get_async(keys).start(
      [&](std::vector<absl::StatusOr<Value>> answers) noexcept { results.set_value(std::move(answers)); });
  loader.let_go();
  for (const absl::StatusOr<Value>& result : results.get_future().get()) ASSERT_EQ(result->view(), "v");
  EXPECT_EQ(database.stats().loads - before.loads, kKeys);
  constexpr std::size_t kTogether = 64;
  EXPECT_EQ(database.stats().queries - before.queries, (kKeys + kTogether - 1) / kTogether);
  EXPECT_EQ(database.stats().load_groups - before.load_groups, (kKeys + kTogether - 1) / kTogether);
}

TEST_F(UpstreamDefects, ReadsWriteNothing) {
  use_small_cache();
  {
    Database database = open();
    for (std::size_t number = 0; number < 100; ++number)
      ASSERT_EQ(database.set(key_of(number), std::string(50'000, 'v')), absl::OkStatus());
  }
  Database database = open();
  const Stats before = database.stats();
  for (int round = 0; round < 3; ++round) {
    for (std::size_t number = 0; number < 120; ++number) {
      EXPECT_EQ(database.get(key_of(number)).ok(), number < 100);
      EXPECT_EQ(*database.contains(key_of(number)), number < 100);
    }
  }
  EXPECT_EQ(database.stats().transactions, before.transactions);
  EXPECT_EQ(database.stats().claimed_sequence, before.claimed_sequence);
  EXPECT_EQ(database.stats().wal_bytes, before.wal_bytes);
}

TEST_F(UpstreamDefects, DamageIsAnErrorNeverAMissingKey) {
  constexpr std::size_t kKeys = 2'000;
  options_.page_bytes = 1024;
  {
    Database database = open();
    for (std::size_t number = 0; number < kKeys; ++number)
      ASSERT_EQ(database.set(key_of(number), std::string(100, 'v')), absl::OkStatus());
    ASSERT_EQ(database.close(), absl::OkStatus());
  }
  {
    // The header of every third page from the middle on becomes nonsense.
    std::fstream file(options_.path, std::ios::in | std::ios::out | std::ios::binary);
    const auto pages = static_cast<std::streamoff>(std::filesystem::file_size(options_.path) / options_.page_bytes);
    for (std::streamoff page = pages / 2; page < pages; page += 3) {
      file.seekp(page * static_cast<std::streamoff>(options_.page_bytes));
      file.write("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8);
    }
    ASSERT_TRUE(file.good());
  }
  absl::StatusOr<Database> database = Database::open(options_);
  if (!database.ok()) {
    EXPECT_EQ(database.status().code(), Code::kDataLoss);
    return;
  }
  std::size_t errors = 0;
  for (std::size_t number = 0; number < kKeys; ++number) {
    const absl::StatusOr<Value> result = database->get(key_of(number));
    if (result.ok()) {
      EXPECT_EQ(result->view(), std::string(100, 'v'));
    } else {
      EXPECT_EQ(result.status().code(), Code::kDataLoss) << result.status();
      ++errors;
    }
  }
  EXPECT_GT(errors, 0u);
}

TEST_F(UpstreamDefects, AValueIsNotStaleAfterItsNewVersionWasFlushedAndEvicted) {
  use_small_cache();
  { ASSERT_EQ(open().set("key", "v1"), absl::OkStatus()); }
  Database database = open();
  ASSERT_EQ(database.get("key")->view(), "v1");  // loaded, whatever tier that fills
  ASSERT_EQ(database.set("key", "v2"), absl::OkStatus());
  ASSERT_EQ(database.flush(), absl::OkStatus());
  push_everything_out(database);
  const std::uint64_t loads = database.stats().loads;
  EXPECT_EQ(database.get("key")->view(), "v2");
  EXPECT_EQ(database.stats().loads, loads + 1) << "it was meant to come from the file";
}

TEST_F(UpstreamDefects, AHerdOnOneKeyIsOneLoad) {
  { ASSERT_EQ(open().set("key", "value"), absl::OkStatus()); }
  Database database = open();
  constexpr std::size_t kThreads = 6;
  StartLine start(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      start.arrive();
      EXPECT_EQ(database.get("key")->view(), "value");
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(database.stats().loads, 1u);
}

// --- the cache ---

TEST_F(UpstreamDefects, TheCacheIsBoundedInBytes) {
  use_small_cache();
  Database database = open();
  const std::string value(1'000, 'v');
  for (std::size_t number = 0; number < 10'000; ++number)
    ASSERT_EQ(database.set(key_of(number), value), absl::OkStatus());
  ASSERT_EQ(database.flush(), absl::OkStatus());
  const Stats stats = database.stats();
  EXPECT_GT(stats.evictions, 5'000u);
  EXPECT_LE(stats.entry_bytes, kCacheMin + stats.retired_bytes + (64u << 10));
}

TEST_F(UpstreamDefects, ReadingEverythingKeepsTheCacheBounded) {
  use_small_cache();
  constexpr std::size_t kKeys = 5'000;
  {
    Database database = open();
    for (std::size_t number = 0; number < kKeys; ++number)
      ASSERT_EQ(database.set(key_of(number), std::string(1'000, 'v')), absl::OkStatus());
  }
  Database database = open();
  for (std::size_t number = 0; number < kKeys; ++number) ASSERT_TRUE(database.get(key_of(number)).ok());
  const Stats stats = database.stats();
  EXPECT_LE(stats.entry_bytes, kCacheMin + stats.retired_bytes + (64u << 10));
}

TEST_F(UpstreamDefects, AskingForAbsentKeysKeepsTheCacheBounded) {
  use_small_cache();
  Database database = open();
  for (std::size_t number = 0; number < 30'000; ++number)
    ASSERT_EQ(database.get(key_of(number)).status().code(), Code::kNotFound);
  const Stats stats = database.stats();
  EXPECT_LE(stats.entry_bytes, kCacheMin + stats.retired_bytes + (64u << 10));
}

TEST_F(UpstreamDefects, AKeyInUseStaysWhenOthersAreEvicted) {
  use_small_cache();
  constexpr std::size_t kRounds = 3'000;
  Database database = open();
  ASSERT_EQ(database.set("hot", "v"), absl::OkStatus());
  for (std::size_t round = 0; round < kRounds; ++round) {
    ASSERT_EQ(database.set(key_of(round), std::string(3'000, 'c')), absl::OkStatus());
    ASSERT_EQ(database.get("hot")->view(), "v");
  }
  EXPECT_GT(database.stats().evictions, kRounds / 4);
  EXPECT_LT(database.stats().loads, kRounds / 50) << "the hot key was thrown out again and again";
}

TEST_F(UpstreamDefects, AFullMemoryIsAnErrorAndDropsNothing) {
  options_ = Options();
  options_.persist_mode = PersistMode::kMemory;
  use_small_cache();
  Database database = open();
  std::vector<std::string> accepted;
  absl::Status status;
  for (std::size_t number = 0; status.ok() && number < 100'000; ++number) {
    status = database.set(key_of(number), std::string(500, 'v'));
    if (status.ok()) accepted.push_back(key_of(number));
  }
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_GT(accepted.size(), 3'000u);
  for (const std::string& key : accepted) ASSERT_TRUE(database.get(key).ok()) << key;
}

// --- erasing, sharing, ending ---

TEST_F(UpstreamDefects, AnErasedKeyDoesNotComeBack) {
  use_small_cache();
  {
    Database database = open();
    ASSERT_EQ(database.set("key", "v"), absl::OkStatus());
    ASSERT_EQ(database.flush(), absl::OkStatus());
    ASSERT_EQ(database.erase("key"), absl::OkStatus());
    EXPECT_EQ(database.get("key").status().code(), Code::kNotFound) << "it is still in the file, but not in order";
    push_everything_out(database);
    EXPECT_EQ(database.get("key").status().code(), Code::kNotFound);
    EXPECT_EQ(*database.contains("key"), false);
  }
  EXPECT_FALSE(rows().contains("key"));
  EXPECT_EQ(open().get("key").status().code(), Code::kNotFound);
}

TEST_F(UpstreamDefects, ErasingReportsItsErrors) {
  Database database = open();
  EXPECT_EQ(database.erase("never there"), absl::OkStatus());
  ASSERT_EQ(database.close(), absl::OkStatus());
  EXPECT_EQ(database.erase("key").code(), Code::kFailedPrecondition);
}

TEST_F(UpstreamDefects, TwoOwnersOfOneFileAreRefused) {
  Database first = open();
  EXPECT_EQ(Database::open(options_).status().code(), Code::kUnavailable);
  ASSERT_EQ(first.set("key", "v"), absl::OkStatus());
  EXPECT_EQ(first.flush(), absl::OkStatus());
}

TEST_F(UpstreamDefects, CloseLeavesOneOrdinaryFile) {
  Database database = open();
  ASSERT_EQ(database.set("key", "v"), absl::OkStatus());
  ASSERT_EQ(database.close(), absl::OkStatus());
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
    files.push_back(entry.path().filename());
  EXPECT_EQ(files, std::vector<std::string>{"test.db"});
  const std::filesystem::perms access = std::filesystem::status(options_.path).permissions();
  EXPECT_EQ(access, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  ForeignReader reader(options_.path);
  EXPECT_EQ(reader.ask("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(reader.ask("SELECT value FROM main WHERE key = 'key'"), "v");
}

TEST_F(UpstreamDefects, ARowHasOneIndexToMaintain) {
  { ASSERT_EQ(open().set("key", "v"), absl::OkStatus()); }
  EXPECT_EQ(
      ForeignReader(options_.path).ask("SELECT count(*) FROM sqlite_schema WHERE type='index' AND tbl_name='main'"),
      "1");
}

}  // namespace
}  // namespace dictsqlite
