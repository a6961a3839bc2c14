// Goal: what Journal::kOn promises of a whole database: durable is in the log before it is in SQLite, the next life
// finds it whatever Options::journal says, the files are those that should be there, and each way in which log and
// database do not fit is told. Method: lives whose files are copied while they run, which is what a killed process
// leaves; those copies are then changed and opened.
#include <dictsqlite/dictsqlite.hpp>

#include "database/surroundings.hpp"
#include "support/fault_backend.hpp"
#include "support/fault_vfs.hpp"
#include "support/foreign_reader.hpp"
#include "support/open_database.hpp"
#include "support/passing_files.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <string>
#include <vector>

namespace dictsqlite {
namespace {

using Code = absl::StatusCode;
using Rows = std::map<std::string, std::string>;
using testing_support::EventLog;
using testing_support::FaultCall;
using testing_support::FaultFile;
using testing_support::FaultVfs;
using testing_support::open_database;
using testing_support::SyncFaults;
using testing_support::TemporaryDirectory;

constexpr WriteOptions kDurably{.ack = Ack::kDurable};

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    options_.path = directory_.file("test.db");
    options_.journal = Journal::kOn;
    // Nothing goes to SQLite by itself.
    options_.flush_interval = std::chrono::hours(1);
  }
  [[nodiscard]] Options copied(Journal journal = Journal::kOn) const {
    Options options = options_;
    options.path = copies_.file("test.db");
    options.journal = journal;
    return options;
  }
  // What would be there if the process were killed now.
  void copy_files() {
    for (const auto& file : std::filesystem::directory_iterator(directory_.path())) {
      if (file.path().extension() == ".db-shm") continue;
      std::filesystem::copy_file(file.path(), copies_.file(file.path().filename().string()),
                                 std::filesystem::copy_options::overwrite_existing);
    }
  }
  [[nodiscard]] static std::vector<std::string> names(const TemporaryDirectory& directory) {
    std::vector<std::string> found;
    for (const auto& file : std::filesystem::directory_iterator(directory.path())) {
      found.push_back(file.path().filename().string());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  [[nodiscard]] static Rows rows_of(Database& database) {
    Rows rows;
    Scan scan = database.scan();
    while (std::optional<Row> row = scan.next()) rows.emplace(row->key, row->value);
    EXPECT_TRUE(scan.status().ok()) << scan.status();
    return rows;
  }
  [[nodiscard]] static Code open_code(const Options& options) { return Database::open(options).status().code(); }
  static void flip_byte(const std::string& path, std::streamoff offset) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(offset);
    const int byte = file.get();
    file.seekp(offset);
    file.put(static_cast<char>(byte ^ 0x40));
  }

  TemporaryDirectory directory_;
  TemporaryDirectory copies_;
  Options options_;
};

TEST_F(JournalTest, DurableIsInTheLogAndNotYetInSqlite) {
  Database database = open_database(options_);
  ASSERT_EQ(database.set("a", "1", kDurably), absl::OkStatus());
  const Stats stats = database.stats();
  EXPECT_EQ(stats.durable_sequence, 1u);
  EXPECT_EQ(stats.applied_sequence, 0u);
  EXPECT_EQ(stats.settled_sequence, 0u);
  EXPECT_EQ(stats.log_blocks, 1u);
  EXPECT_EQ(stats.log_bytes_written, 4096u);
  EXPECT_EQ(*database.get("a"), "1");
}

// All of them are resumed on the flusher's thread, and so come back with their next write one after another.
TEST_F(JournalTest, HalfOfAGroupIsBeingWrittenWhileTheOtherHalfIsResumed) {
  constexpr std::size_t kGroup = 64;
  Database database = open_database(options_);
  std::vector<std::uint64_t> blocks;  // that had gone out when each came back the first time
  TaskScope scope;
  const auto writer = [&](std::string key) -> Task<void> {
    EXPECT_EQ(co_await database.set_async(key, "1", kDurably), absl::OkStatus());
    blocks.push_back(database.stats().log_blocks);
    EXPECT_EQ(co_await database.set_async(key, "2", kDurably), absl::OkStatus());
  };
  const auto begin = [&]() -> Task<void> {
    EXPECT_EQ(co_await database.set_async("first", "0", kDurably), absl::OkStatus());
    // On the flusher's thread: it finds all of these at its next look, and one block takes them.
    for (std::size_t index = 0; index < kGroup; ++index) {
      scope.spawn(inline_executor(), writer(std::to_string(index)));
    }
  };
  scope.spawn(inline_executor(), begin());
  scope.join();
  ASSERT_EQ(blocks.size(), kGroup);
  EXPECT_EQ(std::vector(blocks.begin(), blocks.begin() + kGroup / 2), std::vector<std::uint64_t>(kGroup / 2, 2));
  EXPECT_EQ(std::vector(blocks.begin() + kGroup / 2, blocks.end()), std::vector<std::uint64_t>(kGroup / 2, 3));
  EXPECT_EQ(database.stats().log_blocks, 4u) << "the halves of the second round";
}

TEST_F(JournalTest, TheNextLifeFindsWhatWasDurableWithALogOrWithout) {
  for (const Journal next : {Journal::kOn, Journal::kOff}) {
    Database database = open_database(options_);
    ASSERT_EQ(database.set("a", "1"), absl::OkStatus());
    ASSERT_EQ(database.set("gone", "x"), absl::OkStatus());
    ASSERT_EQ(database.set("a", "2"), absl::OkStatus());
    WriteBatch batch;
    batch.set("b", std::string(300'000, 'b'));
    batch.erase("gone");
    ASSERT_EQ(database.write(batch, kDurably), absl::OkStatus());
    copy_files();
    {
      Database recovered = open_database(copied(next));
      EXPECT_EQ(recovered.stats().recovered_writes, 4u);
      EXPECT_EQ(recovered.stats().recovered_rows, 3u) << "folded";
      EXPECT_GT(recovered.stats().recovery_time.count(), 0);
      EXPECT_EQ(recovered.stats().settled_sequence, recovered.stats().durable_sequence);
      EXPECT_EQ(rows_of(recovered), (Rows{{"a", "2"}, {"b", std::string(300'000, 'b')}}));
      ASSERT_EQ(recovered.set("c", "3", kDurably), absl::OkStatus());
      ASSERT_EQ(recovered.close(), absl::OkStatus());
    }
    EXPECT_EQ(names(copies_), std::vector<std::string>{"test.db"});
    Database again = open_database(copied(next));
    EXPECT_EQ(again.stats().recovered_writes, 0u);
    EXPECT_EQ(rows_of(again).size(), 3u);
    ASSERT_EQ(again.close(), absl::OkStatus());
    ASSERT_EQ(database.close(), absl::OkStatus());
    std::filesystem::remove(options_.path);
    std::filesystem::remove(copies_.file("test.db"));
  }
}

TEST_F(JournalTest, AfterACleanCloseTheDatabaseFileIsAllThereIs) {
  Database database = open_database(options_);
  ASSERT_EQ(database.set("a", "1"), absl::OkStatus());
  EXPECT_EQ(names(directory_), (std::vector<std::string>{"test.db", "test.db-log-1", "test.db-shm", "test.db-wal"}));
  ASSERT_EQ(database.close(), absl::OkStatus());
  EXPECT_EQ(names(directory_), std::vector<std::string>{"test.db"});
  EXPECT_EQ(testing_support::ForeignReader(options_.path).rows(), (Rows{{"a", "1"}}));
}

TEST_F(JournalTest, AFlushBringsEverythingIntoSqlite) {
  Database database = open_database(options_);
  ASSERT_EQ(database.set("a", "1"), absl::OkStatus());
  ASSERT_EQ(database.flush(), absl::OkStatus());
  EXPECT_EQ(database.stats().settled_sequence, 1u);
  EXPECT_EQ(testing_support::ForeignReader(options_.path).rows(), (Rows{{"a", "1"}}));
  // With it in SQLite's files the log is not needed for its content, but it is expected.
  copy_files();
  Database recovered = open_database(copied());
  EXPECT_EQ(recovered.stats().recovered_writes, 0u);
  EXPECT_EQ(rows_of(recovered), (Rows{{"a", "1"}}));
}

TEST_F(JournalTest, ALifeThatWroteNothingIsRecoveredToo) {
  Database database = open_database(options_);
  copy_files();
  Database recovered = open_database(copied());
  EXPECT_TRUE(rows_of(recovered).empty());
}

// More than the log holds, with little memory: everything waits for SQLite again and again.
TEST_F(JournalTest, MoreThanTheLogAndTheBudgetHoldGoesThrough) {
  options_.log_bytes = 4u << 20;
  options_.unapplied_bytes = 1u << 20;
  options_.value_bytes_max = 100'000;
  options_.batch_bytes_max = 500'000;
  options_.batch_rows_max = 1'000;
  Database database = open_database(options_);
  const std::string value(10'000, 'v');
  for (int number = 0; number < 2'000; ++number) {
    ASSERT_EQ(database.set("key" + std::to_string(number % 700), value + std::to_string(number)), absl::OkStatus());
  }
  ASSERT_EQ(database.sync(), absl::OkStatus());
  const Stats stats = database.stats();
  EXPECT_GT(stats.log_bytes_written, 4 * options_.log_bytes);
  EXPECT_LE(stats.log_file_bytes, options_.log_bytes);
  copy_files();
  Database recovered = open_database(copied());
  EXPECT_EQ(rows_of(recovered).size(), 700u);
  EXPECT_EQ(*recovered.get("key599"), value + "1999");
}

// Records as large as the log takes, beside many small ones.
TEST_F(JournalTest, TheLargestWritesGoThrough) {
  options_.log_bytes = 4u << 20;
  options_.value_bytes_max = 1'500'000;
  options_.batch_bytes_max = 1'000'000;
  options_.batch_rows_max = 1'000;
  Database database = open_database(options_);
  for (int round = 0; round < 6; ++round) {
    ASSERT_EQ(database.set("large" + std::to_string(round % 2), std::string(1'500'000, static_cast<char>('a' + round))),
              absl::OkStatus());
    ASSERT_EQ(database.set("small", std::to_string(round), kDurably), absl::OkStatus());
  }
  copy_files();
  Database recovered = open_database(copied());
  EXPECT_EQ(*recovered.get("large1"), std::string(1'500'000, 'f'));
  EXPECT_EQ(*recovered.get("large0"), std::string(1'500'000, 'e'));
  EXPECT_EQ(*recovered.get("small"), "5");
}

// --- what does not fit ---

TEST_F(JournalTest, AMissingLogIsDataLossAndTheDatabaseStaysAsItWas) {
  Database database = open_database(options_);
  ASSERT_EQ(database.set("a", "1", kDurably), absl::OkStatus());
  copy_files();
  std::filesystem::rename(copies_.file("test.db-log-1"), copies_.file("kept"));
  EXPECT_EQ(open_code(copied()), Code::kDataLoss);
  EXPECT_EQ(open_code(copied(Journal::kOff)), Code::kDataLoss);
  std::filesystem::rename(copies_.file("kept"), copies_.file("test.db-log-1"));
  Database recovered = open_database(copied());
  EXPECT_EQ(*recovered.get("a"), "1");
}

// As a backup by SQLite makes one.
TEST_F(JournalTest, ACopyWithoutItsLogOpensIfThatIsAccepted) {
  Database database = open_database(options_);
  ASSERT_EQ(database.set("a", "1"), absl::OkStatus());
  ASSERT_EQ(database.flush(), absl::OkStatus());
  ASSERT_EQ(database.set("b", "2", kDurably), absl::OkStatus());
  ASSERT_EQ(
      testing_support::ForeignReader(options_.path).run(("VACUUM INTO '" + copies_.file("test.db") + "'").c_str()), 0);
  EXPECT_EQ(open_code(copied()), Code::kDataLoss);
  Options options = copied();
  options.log_loss = LogLoss::kAccept;
  Database copy = open_database(options);
  EXPECT_EQ(rows_of(copy), (Rows{{"a", "1"}}));
}

TEST_F(JournalTest, AcceptedLossGoesOnWithWhatIsThereAndRemovesTheRest) {
  Database database = open_database(options_);
  for (const char* key : {"a", "b", "c"}) ASSERT_EQ(database.set(key, "1", kDurably), absl::OkStatus());
  EventLog events;
  Options options = copied();
  options.event_hook = events.hook();
  options.log_loss = LogLoss::kAccept;
  const auto expect_opens_with = [&](const Rows& rows) {
    EXPECT_EQ(open_code(copied()), Code::kDataLoss);
    Database recovered = open_database(options);
    EXPECT_EQ(rows_of(recovered), rows);
    EXPECT_EQ(events.count(EventKind::kLogLost), 1u) << events.all();
    ASSERT_EQ(recovered.close(), absl::OkStatus());
    EXPECT_EQ(names(copies_), std::vector<std::string>{"test.db"});
    events.clear();
  };
  copy_files();
  std::filesystem::remove(copies_.file("test.db-log-1"));
  expect_opens_with({});
  copy_files();
  flip_byte(copies_.file("test.db-log-1"), 2 * 4096 + 115);  // the second of three
  expect_opens_with({{"a", "1"}});
  copy_files();
  flip_byte(copies_.file("test.db-log-1"), 30);
  expect_opens_with({});
}

TEST_F(JournalTest, ADamagedBlockThatHadBeenAcknowledgedIsDataLoss) {
  Database database = open_database(options_);
  for (const char* key : {"a", "b", "c"}) ASSERT_EQ(database.set(key, "1", kDurably), absl::OkStatus());
  copy_files();
  flip_byte(copies_.file("test.db-log-1"), 4096 + 115);
  EXPECT_EQ(open_code(copied()), Code::kDataLoss);
}

// Of the last one nobody can say whether it had been.
TEST_F(JournalTest, ADamagedLastBlockIsATornTail) {
  Database database = open_database(options_);
  for (const char* key : {"a", "b", "c"}) ASSERT_EQ(database.set(key, "1", kDurably), absl::OkStatus());
  copy_files();
  flip_byte(copies_.file("test.db-log-1"), 3 * 4096 + 115);
  Database recovered = open_database(copied());
  EXPECT_EQ(rows_of(recovered), (Rows{{"a", "1"}, {"b", "1"}}));
}

TEST_F(JournalTest, AnotherDatabasesLogIsRefusedAndKept) {
  Database database = open_database(options_);
  ASSERT_EQ(database.set("a", "1", kDurably), absl::OkStatus());
  std::filesystem::copy_file(directory_.file("test.db-log-1"), copies_.file("test.db-log-5"));
  ASSERT_EQ(open_database([&] {
              Options options = copied();
              options.path = copies_.file("other.db");
              return options;
            }())
                .close(),
            absl::OkStatus());
  std::filesystem::rename(copies_.file("other.db"), copies_.file("test.db"));
  EXPECT_EQ(open_code(copied()), Code::kInvalidArgument);
  EXPECT_TRUE(std::filesystem::exists(copies_.file("test.db-log-5")));
}

TEST_F(JournalTest, ALogWithoutItsDatabaseIsRefusedAndNothingMadeBesideIt) {
  Database database = open_database(options_);
  ASSERT_EQ(database.set("a", "1", kDurably), absl::OkStatus());
  std::filesystem::copy_file(directory_.file("test.db-log-1"), copies_.file("test.db-log-1"));
  for (const Journal journal : {Journal::kOn, Journal::kOff})
    EXPECT_EQ(open_code(copied(journal)), Code::kInvalidArgument);
  EXPECT_EQ(names(copies_), std::vector<std::string>{"test.db-log-1"});
  copy_files();
  EXPECT_EQ(*open_database(copied()).get("a"), "1");
}

// The next life may allow less than the one that wrote the log.
TEST_F(JournalTest, ALogComesBackWhateverTheNextOptionsAllow) {
  Database database = open_database(options_);
  const std::string key(3'000, 'k');
  const std::string value(300'000, 'v');
  WriteBatch batch;
  batch.set(key, value);
  batch.set("b", "2");
  ASSERT_EQ(database.write(batch, kDurably), absl::OkStatus());
  copy_files();
  Options small = copied();
  small.key_bytes_max = 10;
  small.value_bytes_max = 10;
  small.batch_bytes_max = 1'000;
  small.batch_rows_max = 1;
  {
    Database recovered = open_database(small);
    EXPECT_EQ(recovered.stats().recovered_rows, 2u);
    EXPECT_EQ(*recovered.get("b"), "2");
    ASSERT_EQ(recovered.close(), absl::OkStatus());
  }
  Database again = open_database(copied());
  EXPECT_EQ(*again.get(key), value);
}

TEST_F(JournalTest, AnOlderCopyOfTheDatabaseBesideANewerLogIsDataLoss) {
  ASSERT_EQ(open_database(options_).close(), absl::OkStatus());
  copy_files();
  Database database = open_database(options_);
  ASSERT_EQ(database.set("a", "1", kDurably), absl::OkStatus());
  std::filesystem::copy_file(directory_.file("test.db-log-1"), copies_.file("test.db-log-1"));
  EXPECT_EQ(open_code(copied()), Code::kDataLoss);
}

// --- failures ---

// So many files can be made; then there is no space.
class SmallDisk final : public testing_support::PassingFiles {
 public:
  explicit SmallDisk(int files) : room(files) {}
  absl::StatusOr<int> create_file(const std::string& path, io::FileCaching caching) override {
    if (room.fetch_sub(1) <= 0) return absl::UnavailableError("no space");
    return PassingFiles::create_file(path, caching);
  }
  std::atomic<int> room;
};

class FirstSyncFails final : public testing_support::PassingFiles {
 public:
  int data_sync(int fd) noexcept override { return syncs.fetch_add(1) == 0 ? EIO : PassingFiles::data_sync(fd); }
  std::atomic<int> syncs{0};
};

class JournalFaults : public JournalTest {
 protected:
  JournalFaults() : surroundings_{.backend = faults_.opener(), .vfs_name = vfs_.name()} {
    options_.event_hook = events_.hook();
  }
  Database open() {
    absl::StatusOr<Database> database = detail::open_in(surroundings_, options_).wait();
    EXPECT_TRUE(database.ok()) << database.status();
    return database.ok() ? *std::move(database) : Database();
  }
  [[nodiscard]] Rows reopened() {
    Options options;
    options.path = options_.path;
    Database database = open_database(options);
    return rows_of(database);
  }

  EventLog events_;
  FaultVfs vfs_;
  SyncFaults faults_;
  detail::Surroundings surroundings_;
};

TEST_F(JournalFaults, AFailedWriteOfTheLogEndsWhoWaitedAsUnknownAndRefusesTheRest) {
  {
    Database database = open();
    ASSERT_EQ(database.set("old", "0", kDurably), absl::OkStatus());
    faults_.fail_next_writes(EIO);
    EXPECT_EQ(database.set("a", "1", kDurably).code(), Code::kUnknown);
    EXPECT_EQ(database.set("b", "2").code(), Code::kFailedPrecondition);
    EXPECT_EQ(*database.get("a"), "1") << "reads go on";
    EXPECT_EQ(database.flush().code(), Code::kUnknown);
    EXPECT_TRUE(database.stats().failed);
    EXPECT_EQ(database.stats().durable_sequence, 1u);
    EXPECT_EQ(events_.count(EventKind::kFailed), 1u) << events_.all();
    EXPECT_EQ(database.close().code(), Code::kFailedPrecondition);
  }
  EXPECT_EQ(reopened(), (Rows{{"old", "0"}}));
}

TEST_F(JournalFaults, WhatTheKernelHasNotSeenIsNotWritten) {
  Database database = open();
  faults_.hold_writes();
  auto first = database.set_async("a", "1", kDurably);
  std::promise<Code> told;
  std::move(first).start([&](const absl::Status& status) noexcept { told.set_value(status.code()); });
  faults_.fail_next_writes(EIO, 100);
  faults_.release_writes();
  EXPECT_EQ(database.set("b", "2", kDurably).code() == Code::kOk, false);
  EXPECT_EQ(told.get_future().get(), Code::kUnknown);
}

// Acknowledgements do not wait for SQLite.
TEST_F(JournalFaults, DurableGoesOnWhileSqliteFindsNoSpace) {
  {
    Database database = open();
    vfs_.inject({.file = FaultFile::kLog, .call = FaultCall::kWrite, .error = ENOSPC});
    auto flushed = database.flush_async();
    for (int number = 0; number < 50; ++number) {
      ASSERT_EQ(database.set("key" + std::to_string(number), "1", kDurably), absl::OkStatus());
    }
    EXPECT_EQ(database.stats().applied_sequence, 0u);
    vfs_.clear();
    ASSERT_EQ(database.close(), absl::OkStatus());
  }
  EXPECT_EQ(reopened().size(), 50u);
}

// The log goes on in the files it has, and when they are full durable writes wait.
TEST_F(JournalFaults, ALogThatFindsNoSpaceForAnotherFileWaitsForIt) {
  SmallDisk files(1);
  surroundings_.files = &files;
  options_.log_bytes = 4u << 20;
  options_.value_bytes_max = 100'000;
  options_.batch_bytes_max = 100'000;
  options_.batch_rows_max = 1'000;
  {
    Database database = open();
    std::vector<std::promise<Code>> told(40);
    for (std::size_t number = 0; number < told.size(); ++number) {
      database.set_async("key" + std::to_string(number), std::string(10'000, 'v'), kDurably)
          .start([&told, number](const absl::Status& status) noexcept { told[number].set_value(status.code()); });
    }
    events_.wait_for(EventKind::kDiskFull);
    EXPECT_TRUE(database.stats().disk_full);
    files.room = 1'000;
    for (std::promise<Code>& each : told) EXPECT_EQ(each.get_future().get(), Code::kOk);
    events_.wait_for(EventKind::kDiskFullOver);
    ASSERT_EQ(database.close(), absl::OkStatus());
  }
  surroundings_.files = nullptr;
  EXPECT_EQ(reopened().size(), 40u);
}

// What was durable before SQLite failed is in the log.
TEST_F(JournalFaults, AFailureOfSqliteLosesNothingThatWasDurable) {
  {
    Database database = open();
    ASSERT_EQ(database.set("a", "1", kDurably), absl::OkStatus());
    vfs_.inject({.file = FaultFile::kLog, .call = FaultCall::kWrite, .error = EIO});
    EXPECT_EQ(database.flush().code(), Code::kUnknown);
    EXPECT_EQ(database.set("b", "2").code(), Code::kFailedPrecondition);
    EXPECT_EQ(database.set("c", "3", kDurably).code(), Code::kFailedPrecondition);
    EXPECT_EQ(*database.get("a"), "1");
    EXPECT_EQ(events_.count(EventKind::kFailed), 1u) << events_.all();
    EXPECT_EQ(database.close().code(), Code::kFailedPrecondition);
    vfs_.clear();
  }
  EXPECT_EQ(reopened(), (Rows{{"a", "1"}}));
}

// A second sync would find nothing to do, and say OK for what the first one lost.
TEST_F(JournalFaults, AFailedSyncOfTheWriteAheadLogIsFinalAndTriedOnce) {
  FirstSyncFails files;
  surroundings_.files = &files;
  {
    Database database = open();
    ASSERT_EQ(database.set("a", "1", kDurably), absl::OkStatus());
    EXPECT_EQ(database.flush().code(), Code::kUnknown);
    EXPECT_EQ(database.set("b", "2").code(), Code::kFailedPrecondition);
    EXPECT_EQ(database.stats().settled_sequence, 0u);
    EXPECT_EQ(database.close().code(), Code::kFailedPrecondition);
  }
  EXPECT_EQ(files.syncs.load(), 1);
  EXPECT_EQ(reopened(), (Rows{{"a", "1"}})) << "it was durable in the log";
}

// What was to be said is that the log is not needed any more.
TEST_F(JournalFaults, AFullDiskAtTheVeryEndKeepsTheLog) {
  {
    Database database = open();
    ASSERT_EQ(database.set("a", "1", kDurably), absl::OkStatus());
    ASSERT_EQ(database.flush(), absl::OkStatus());
    vfs_.inject({.file = FaultFile::kLog, .call = FaultCall::kWrite, .error = ENOSPC});
    const absl::Status closed = database.close();
    EXPECT_EQ(closed.code(), Code::kUnavailable);
    EXPECT_NE(closed.message().find("the log is kept for the next open"), std::string::npos) << closed;
  }
  vfs_.clear();
  EXPECT_TRUE(std::filesystem::exists(options_.path + "-log-1"));
  EXPECT_EQ(reopened(), (Rows{{"a", "1"}}));
}

// A destructor that may not wait leaves the rest to the log.
TEST_F(JournalFaults, GivingUpLeavesWhatIsDurableInTheLog) {
  options_.close_timeout = std::chrono::milliseconds(0);
  {
    Database database = open();
    vfs_.inject({.file = FaultFile::kLog, .call = FaultCall::kWrite, .error = ENOSPC});
    for (int number = 0; number < 50; ++number) {
      ASSERT_EQ(database.set("key" + std::to_string(number), "1"), absl::OkStatus());
    }
  }
  vfs_.clear();
  EXPECT_EQ(events_.count(EventKind::kClosedWithLoss), 0u) << events_.all();
  EXPECT_TRUE(std::filesystem::exists(options_.path + "-log-1"));
  EXPECT_EQ(reopened().size(), 50u);
}

// Only what is settled frees the log's files, and then nothing else wants it: lazy.
TEST_F(JournalFaults, ALogThatFindsNoSpaceGoesOnInTheFilesItHas) {
  constexpr int kFiles = 2;
  SmallDisk files(kFiles);
  surroundings_.files = &files;
  options_.persist_mode = PersistMode::kLazy;
  options_.log_bytes = 4u << 20;
  options_.value_bytes_max = 100'000;
  options_.batch_bytes_max = 100'000;
  options_.batch_rows_max = 1'000;
  Database database = open();
  const auto write_megabyte = [&] {
    for (int number = 0; number < 100; ++number) {
      ASSERT_EQ(database.set("key" + std::to_string(number), std::string(10'000, 'v'), kDurably), absl::OkStatus());
    }
  };
  for (int round = 0; round < 9; ++round) write_megabyte();
  EXPECT_LT(database.stats().log_file_bytes, 4u << 20);
  EXPECT_EQ(files.list(options_.path + "-log-")->size(), std::size_t{kFiles});
  EXPECT_GT(database.stats().settled_sequence, 0u);
  ASSERT_EQ(database.close(), absl::OkStatus());
}

// The rest of a block that nobody will ever have room for is given up, and everybody told.
TEST_F(JournalFaults, GivingUpEndsAlsoWhenTheLogIsFull) {
  options_.close_timeout = std::chrono::milliseconds(0);
  options_.log_bytes = 4u << 20;
  options_.value_bytes_max = 100'000;
  options_.batch_bytes_max = 100'000;
  options_.batch_rows_max = 1'000;
  std::vector<std::promise<Code>> told(600);
  {
    Database database = open();
    vfs_.inject({.file = FaultFile::kLog, .call = FaultCall::kWrite, .error = ENOSPC});
    for (std::size_t number = 0; number < told.size(); ++number) {
      database.set_async("key" + std::to_string(number), std::string(10'000, 'v'), kDurably)
          .start([&told, number](const absl::Status& status) noexcept { told[number].set_value(status.code()); });
    }
    told[100].get_future().wait();
    while (database.stats().log_waits == 0) {
      ASSERT_EQ(database.set("more", std::string(10'000, 'v')), absl::OkStatus());
    }
  }
  vfs_.clear();
  EXPECT_EQ(events_.count(EventKind::kClosedWithLoss), 1u) << events_.all();
  std::size_t written = 0;
  for (std::size_t number = 0; number < told.size(); ++number) {
    if (number != 100) written += told[number].get_future().get() == Code::kOk ? 1U : 0U;
  }
  EXPECT_GT(written, 100u);
  EXPECT_LT(written, told.size() - 1);
  EXPECT_GE(reopened().size(), written);
}

// Who waits for SQLite hears that it will not come in this life; the log keeps what it has.
TEST_F(JournalFaults, GivingUpAnswersWhoWaitsForSqlite) {
  options_.close_timeout = std::chrono::milliseconds(0);
  std::promise<Code> flushed;
  {
    Database database = open();
    vfs_.inject({.file = FaultFile::kLog, .call = FaultCall::kWrite, .error = ENOSPC});
    ASSERT_EQ(database.set("a", "1", kDurably), absl::OkStatus());
    database.flush_async().start([&](const absl::Status& status) noexcept { flushed.set_value(status.code()); });
    events_.wait_for(EventKind::kDiskFull);
  }
  vfs_.clear();
  EXPECT_EQ(flushed.get_future().get(), Code::kUnknown);
  EXPECT_EQ(events_.count(EventKind::kClosedWithLoss), 0u) << events_.all();
  EXPECT_EQ(reopened(), (Rows{{"a", "1"}}));
}

// The applier holds half of the budget and has nothing to do; then the log fails, and a write that found no room beside
// that half is told.
TEST_F(JournalFaults, AFailedLogTakesTheBudgetFromTheApplier) {
  options_.persist_mode = PersistMode::kLazy;
  options_.unapplied_bytes = 4u << 20;
  options_.value_bytes_max = 3u << 20;
  options_.batch_bytes_max = 3u << 20;
  Database database = open();
  for (int number = 0; number < 150; ++number) {
    ASSERT_EQ(database.set("key" + std::to_string(number), std::string(10'000, 'v'), kDurably), absl::OkStatus());
  }
  EXPECT_EQ(database.stats().applied_sequence, 0u);
  faults_.fail_next_writes(EIO);
  ASSERT_EQ(database.set("a", "1", kDurably).code(), Code::kUnknown);
  const Code code = database.set("large", std::string(3'000'000, 'x')).code();
  EXPECT_TRUE(code == Code::kFailedPrecondition || code == Code::kAborted) << static_cast<int>(code);
  EXPECT_EQ(database.close().code(), Code::kFailedPrecondition);
}

// What is replayed is settled without a checkpoint, too: a reader is in its way.
TEST_F(JournalFaults, ARecoveryIsSettledBesideAReader) {
  class SyncFails final : public testing_support::PassingFiles {
   public:
    int data_sync(int fd) noexcept override { return fails ? EIO : PassingFiles::data_sync(fd); }
    bool fails = false;
  };
  Database database = open_database(options_);
  ASSERT_EQ(database.set("old", "0"), absl::OkStatus());
  ASSERT_EQ(database.flush(), absl::OkStatus());
  ASSERT_EQ(database.set("a", "1", kDurably), absl::OkStatus());
  SyncFails files;
  surroundings_.files = &files;
  for (const bool fails : {true, false}) {
    copy_files();
    testing_support::ForeignReader reader(copied().path);
    EXPECT_EQ(reader.run("BEGIN"), 0);
    EXPECT_EQ(reader.rows(), (Rows{{"old", "0"}}));
    files.fails = fails;
    absl::StatusOr<Database> opened = detail::open_in(surroundings_, copied()).wait();
    if (fails) {
      EXPECT_EQ(opened.status().code(), Code::kInternal);
      EXPECT_TRUE(std::filesystem::exists(copies_.file("test.db-log-1")));
      std::filesystem::remove(copies_.file("test.db-failed"));
      continue;
    }
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->stats().settled_sequence, 2u);
    EXPECT_EQ(rows_of(*opened), (Rows{{"a", "1"}, {"old", "0"}}));
    EXPECT_EQ(reader.rows(), (Rows{{"old", "0"}}));
    EXPECT_EQ(reader.run("COMMIT"), 0);
  }
}

// Whatever fails, the next try finds everything as it was.
TEST_F(JournalFaults, ARecoveryThatFailsCanBeRepeated) {
  Database database = open_database(options_);
  for (const char* key : {"a", "b", "c"}) ASSERT_EQ(database.set(key, "1", kDurably), absl::OkStatus());
  for (const FaultCall call : {FaultCall::kWrite, FaultCall::kSync}) {
    copy_files();
    Options options = copied();
    for (int skip = 0;; ++skip) {
      vfs_.inject(
          {.file = FaultFile::kLog, .call = call, .error = call == FaultCall::kWrite ? ENOSPC : EIO, .skip = skip});
      const int failures = vfs_.failures();
      const absl::StatusOr<Database> opened = detail::open_in(surroundings_, options).wait();
      vfs_.clear();
      if (vfs_.failures() == failures) break;
      if (opened.ok()) continue;  // what failed could be done without
      EXPECT_EQ(opened.status().code(), call == FaultCall::kWrite ? Code::kUnavailable : Code::kInternal) << skip;
      EXPECT_TRUE(std::filesystem::exists(copies_.file("test.db-log-1"))) << skip;
    }
    Database recovered = open_database(options);
    EXPECT_EQ(rows_of(recovered).size(), 3u);
    ASSERT_EQ(recovered.close(), absl::OkStatus());
    EXPECT_EQ(names(copies_), std::vector<std::string>{"test.db"});
  }
}

TEST_F(JournalFaults, ALogThatCannotBeMadeIsAnErrorOfOpening) {
  class NoNewFiles final : public testing_support::PassingFiles {
   public:
    absl::StatusOr<int> create_file(const std::string&, io::FileCaching) override { return says; }
    absl::Status says;
  };
  NoNewFiles files;
  surroundings_.files = &files;
  for (const absl::Status& status : {absl::UnavailableError("full"), absl::PermissionDeniedError("no")}) {
    files.says = status;
    EXPECT_EQ(detail::open_in(surroundings_, options_).wait().status(), status);
  }
  surroundings_.files = nullptr;
  EXPECT_TRUE(reopened().empty());
}

}  // namespace
}  // namespace dictsqlite
