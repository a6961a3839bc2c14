// Goal: a database ends in order, whoever ends it and however: everything accepted is in the file, the file is free,
// later operations are refused, and what outlives it stays whole. And each persist mode puts things on disk when it
// says. Method: files are opened again, and looked at by a plain SQLite connection while the database lives.
#include <dictsqlite/dictsqlite.hpp>

#include "support/foreign_reader.hpp"
#include "support/library_threads.hpp"
#include "support/open_database.hpp"
#include "support/random.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace dictsqlite {
namespace {

using testing_support::EventLog;
using testing_support::ForeignReader;
using testing_support::open_database;
using testing_support::Random;
using testing_support::TemporaryDirectory;
using Code = absl::StatusCode;
using Model = std::map<std::string, std::string>;

constexpr PersistMode kModesWithADisk[] = {PersistMode::kLazy, PersistMode::kWriteBehind, PersistMode::kWriteThrough};

std::string key_of(std::size_t number) { return "key" + std::to_string(number); }

class Life : public testing::Test {
 protected:
  Life() { options_.path = directory_.file("test.db"); }

  Database open() { return open_database(options_); }
  Model rows() { return ForeignReader(options_.path).rows(); }
  // Each is a question to the file, a round trip through the loader.
  static void ask_the_file(Database& database, std::size_t questions) {
    for (std::size_t number = 0; number < questions; ++number) {
      ASSERT_EQ(database.get("nobody" + std::to_string(number)).status().code(), Code::kNotFound);
    }
  }
  static void write(Database& database, std::size_t first, std::size_t end) {
    for (std::size_t number = first; number < end; ++number) {
      ASSERT_EQ(database.set(key_of(number), std::to_string(number)), absl::OkStatus());
    }
  }

  TemporaryDirectory directory_;
  Options options_;
};

// --- handles ---

TEST_F(Life, MoveAssignmentClosesWhatItHeld) {
  for (int round = 0; round < 10; ++round) {
    Database database = open();
    write(database, 0, 300);
    database = Database();
    EXPECT_EQ(database.get("key0").status().code(), Code::kFailedPrecondition);
    EXPECT_EQ(rows().size(), 300u);
    Database again = open();  // would be kUnavailable if the first one were still its owner
    EXPECT_EQ(again.get(key_of(299))->view(), "299");
  }
}

TEST_F(Life, MoveAssignmentTakesOverTheOtherDatabase) {
  Options other = options_;
  other.path = directory_.file("other.db");
  Database first = open();
  Database second = open_database(other);
  write(first, 0, 100);
  ASSERT_EQ(second.set("second", "2"), absl::OkStatus());
  first = std::move(second);
  EXPECT_EQ(rows().size(), 100u);
  Database again = open();
  EXPECT_EQ(first.get("second")->view(), "2");
  EXPECT_EQ(first.get("key0").status().code(), Code::kNotFound);
  EXPECT_EQ(second.get("second").status().code(), Code::kFailedPrecondition);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(Database::open(other).status().code(), Code::kUnavailable) << "it is still open, in another handle";
  EXPECT_EQ(first.set("third", "3"), absl::OkStatus());
}

TEST_F(Life, MoveAssignmentToItselfChangesNothing) {
  Database database = open();
  ASSERT_EQ(database.set("a", "1"), absl::OkStatus());
  Database& same = database;
  database = std::move(same);
  EXPECT_EQ(database.get("a")->view(), "1");
  EXPECT_EQ(database.set("b", "2"), absl::OkStatus());
  EXPECT_EQ(Database::open(options_).status().code(), Code::kUnavailable);
}

TEST_F(Life, AMovedDatabaseGoesOnInItsNewHandle) {
  std::vector<Database> handles;
  handles.push_back(open());
  GetOperation before = handles[0].get_async("a");
  for (std::size_t number = 0; number < 20; ++number) {
    ASSERT_EQ(handles.back().set("a", std::to_string(number)), absl::OkStatus());
    Database moved = std::move(handles.back());
    handles.push_back(std::move(moved));
  }
  EXPECT_EQ(std::move(before).wait()->view(), "19") << "operations hold the engine, not the handle";
  EXPECT_EQ(handles.back().close(), absl::OkStatus());
}

TEST_F(Life, AnOpenNobodyTakesLeavesTheFileFree) {
  // ThreadSanitizer does not see that liburing unmaps one ring before the next is mapped in its place.
  options_.io_backend = IoBackendChoice::kThreads;
  for (int round = 0; round < 10; ++round) {
    const OpenOperation never = Database::open_async(options_);
    std::atomic<int> calls{0};
    Database::open_async(options_).start([&](const absl::StatusOr<Database>& result) noexcept {
      EXPECT_TRUE(result.ok()) << result.status();
      calls.fetch_add(1);
      calls.notify_one();
    });
    calls.wait(0);
    // The database went with the result, on the library's thread; perhaps it is still at it.
    absl::StatusOr<Database> next = Database::open(options_);
    while (next.status().code() == Code::kUnavailable) next = Database::open(options_);
    EXPECT_TRUE(next.ok()) << next.status();
  }
}

// --- operations and the end ---

TEST_F(Life, EveryOperationMadeBeforeTheEndAndStartedAfterItIsRefused) {
  for (const bool destroy : {false, true}) {
    std::optional<Database> database(open());
    ASSERT_EQ(database->set("a", "1"), absl::OkStatus());
    const std::string_view keys[] = {"a", "b"};
    WriteBatch batch;
    batch.set("b", "2");
    WriteOperation set = database->set_async("b", "2");
    WriteOperation durable = database->set_async("b", "2", {.ack = Ack::kDurable});
    WriteOperation erase = database->erase_async("a");
    WriteOperation write = database->write_async(batch);
    GetOperation get = database->get_async("a");
    ContainsOperation contains = database->contains_async("a");
    BatchGetOperation batch_get = database->batch_get_async(keys);
    FenceOperation sync = database->sync_async();
    FenceOperation flush = database->flush_async();
    FenceOperation close = database->close_async();
    Scan scan = database->scan();
    ScanNextOperation next = scan.next_async();
    EXPECT_EQ(database->close(), absl::OkStatus());
    if (destroy) database.reset();

    EXPECT_EQ(std::move(set).wait().code(), Code::kFailedPrecondition);
    EXPECT_EQ(std::move(durable).wait().code(), Code::kFailedPrecondition);
    EXPECT_EQ(std::move(erase).wait().code(), Code::kFailedPrecondition);
    EXPECT_EQ(std::move(write).wait().code(), Code::kFailedPrecondition);
    EXPECT_EQ(std::move(get).wait().status().code(), Code::kFailedPrecondition);
    EXPECT_EQ(std::move(contains).wait().status().code(), Code::kFailedPrecondition);
    for (const absl::StatusOr<Value>& value : std::move(batch_get).wait()) {
      EXPECT_EQ(value.status().code(), Code::kFailedPrecondition);
    }
    EXPECT_EQ(std::move(sync).wait().code(), Code::kFailedPrecondition);
    EXPECT_EQ(std::move(flush).wait().code(), Code::kFailedPrecondition);
    EXPECT_EQ(std::move(close).wait().code(), Code::kFailedPrecondition);
    EXPECT_EQ(std::move(next).wait(), std::nullopt);
    EXPECT_EQ(scan.status().code(), Code::kFailedPrecondition);
    database.reset();
    EXPECT_EQ(rows(), (Model{{"a", "1"}})) << "what was refused was not written";
  }
}

TEST_F(Life, EveryBlockingFormAfterCloseIsRefusedInEveryMode) {
  for (const PersistMode mode :
       {PersistMode::kMemory, PersistMode::kLazy, PersistMode::kWriteBehind, PersistMode::kWriteThrough}) {
    options_.persist_mode = mode;
    Database database = open();
    ASSERT_EQ(database.set("a", "1"), absl::OkStatus());
    ASSERT_EQ(database.close(), absl::OkStatus());
    const std::string_view keys[] = {"a", "nobody"};
    WriteBatch batch;
    batch.set("a", "2");
    EXPECT_EQ(database.set("a", "2").code(), Code::kFailedPrecondition);
    EXPECT_EQ(database.erase("a").code(), Code::kFailedPrecondition);
    EXPECT_EQ(database.write(batch).code(), Code::kFailedPrecondition);
    EXPECT_EQ(database.get("a").status().code(), Code::kFailedPrecondition);
    EXPECT_EQ(database.contains("a").status().code(), Code::kFailedPrecondition);
    for (const absl::StatusOr<Value>& value : database.batch_get(keys)) {
      EXPECT_EQ(value.status().code(), Code::kFailedPrecondition);
    }
    EXPECT_EQ(database.sync().code(), Code::kFailedPrecondition);
    EXPECT_EQ(database.flush().code(), Code::kFailedPrecondition);
    EXPECT_EQ(database.close().code(), Code::kFailedPrecondition);
    EXPECT_EQ(database.close().code(), Code::kFailedPrecondition);
    EXPECT_EQ(database.stats().claimed_sequence, database.stats().applied_sequence);
  }
}

TEST_F(Life, OfManyWhoCloseAtOnceOneIsAnsweredOk) {
  constexpr int kThreads = 8;
  for (int round = 0; round < 10; ++round) {
    Database database = open();
    write(database, 0, 100);
    std::atomic<int> ok{0};
    std::atomic<int> refused{0};
    std::vector<std::thread> threads;
    for (int count = 0; count < kThreads; ++count) {
      threads.emplace_back([&] {
        const absl::Status status = database.close();
        ok += status.ok();
        refused += status.code() == Code::kFailedPrecondition;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(ok.load(), 1);
    EXPECT_EQ(refused.load(), kThreads - 1);
    EXPECT_EQ(rows().size(), 100u);
  }
}

TEST_F(Life, ValuesAndOperationsMayOutliveTheDatabase) {
  const std::string shared(100'000, 's');
  const std::string small(Value::kInlineBytes, 'i');
  {
    Database database = open();
    ASSERT_EQ(database.set("shared", shared), absl::OkStatus());
    ASSERT_EQ(database.set("small", small), absl::OkStatus());
  }
  std::vector<Value> values;
  std::vector<WriteOperation> operations;
  for (int round = 0; round < 3; ++round) {
    Database database = open();
    values.push_back(*database.get("shared"));  // a miss: from the loader
    values.push_back(*database.get("shared"));  // a hit
    values.push_back(*database.get("small"));
    operations.push_back(database.set_async("never", shared));
  }
  for (std::size_t index = 0; index < values.size(); ++index) {
    EXPECT_EQ(values[index].view(), index % 3 == 2 ? small : shared);
    values[index] = Value(values[(index + 1) % values.size()]);
  }
  operations.clear();
  EXPECT_EQ(rows().size(), 2u);
}

// --- what the destructor leaves ---

TEST_F(Life, TheDestructorWritesEverythingInEveryModeWithADisk) {
  Random random;
  for (const PersistMode mode : kModesWithADisk) {
    options_.persist_mode = mode;
    options_.path = directory_.file("mode" + std::to_string(static_cast<int>(mode)));
    Model model;
    for (int life = 0; life < 3; ++life) {
      Database database = open();
      for (int count = 0; count < 300; ++count) {
        const std::string key = key_of(random.below(100));
        const std::string value = random.bytes(random.below(200));
        const WriteOptions accepted{.ack = Ack::kAccepted};
        if (random.one_in(4)) {
          ASSERT_EQ(database.erase(key, accepted), absl::OkStatus());
          model.erase(key);
        } else if (random.one_in(4)) {
          WriteBatch batch;
          batch.set(key, value);
          batch.set(key + "+", value);
          batch.erase(key_of(0));
          ASSERT_EQ(database.write(batch, accepted), absl::OkStatus());
          model[key] = model[key + "+"] = value;
          model.erase(key_of(0));
        } else {
          ASSERT_EQ(database.set(key, value, accepted), absl::OkStatus());
          model[key] = value;
        }
      }
    }
    EXPECT_EQ(rows(), model);
    Database again = open();
    for (const auto& [key, value] : model) ASSERT_EQ(again.get(key)->view(), value);
  }
}

TEST_F(Life, ADestructorThatMayNotWaitLeavesABeginningAndSaysWhatIsMissing) {
  constexpr std::size_t kWrites = 20'000;
  options_.persist_mode = PersistMode::kLazy;
  options_.close_timeout = std::chrono::milliseconds(0);
  for (int round = 0; round < 5; ++round) {
    EventLog events;
    options_.event_hook = events.hook();
    options_.path = directory_.file("round" + std::to_string(round));
    {
      Database database = open();
      write(database, 0, kWrites);
    }
    const Model found = rows();
    for (std::size_t number = 0; number < found.size(); ++number) ASSERT_TRUE(found.contains(key_of(number)));
    if (found.size() < kWrites) {
      EXPECT_EQ(events.count(EventKind::kClosedWithLoss), 1u) << events.all();
    }
    EXPECT_EQ(events.count(EventKind::kClosedWithLoss), events.count(EventKind::kFailed)) << events.all();
    options_.event_hook = {};
    Database again = open();
    EXPECT_EQ(again.set("and", "on"), absl::OkStatus());
  }
}

// --- persist modes: what is on disk when ---

TEST_F(Life, LazyPutsNothingOnDiskBeforeItIsAsked) {
  options_.persist_mode = PersistMode::kLazy;
  options_.buffer_size = 1;
  options_.flush_interval = std::chrono::milliseconds(1);
  Database database = open();
  write(database, 0, 1'000);
  ask_the_file(database, 500);  // many milliseconds
  EXPECT_EQ(database.stats().transactions, 0u);
  EXPECT_TRUE(rows().empty());
  ASSERT_EQ(database.flush(), absl::OkStatus());
  EXPECT_EQ(rows().size(), 1'000u);
  write(database, 1'000, 1'010);
  ask_the_file(database, 600);
  EXPECT_EQ(rows().size(), 1'000u);
  ASSERT_EQ(database.sync(), absl::OkStatus());
  EXPECT_EQ(rows().size(), 1'010u);
}

TEST_F(Life, LazyPutsEverythingBeforeADurableWriteOnDiskWithIt) {
  options_.persist_mode = PersistMode::kLazy;
  Database database = open();
  write(database, 0, 100);
  ASSERT_EQ(database.set("durable", "v", {.ack = Ack::kDurable}), absl::OkStatus());
  EXPECT_EQ(rows().size(), 101u);
  EXPECT_EQ(database.stats().durable_sequence, 101u);
}

TEST_F(Life, LazyWritesWhenTheBudgetRunsShort) {
  options_.persist_mode = PersistMode::kLazy;
  options_.unapplied_bytes = 1u << 20;
  options_.value_bytes_max = options_.batch_bytes_max = 100'000;
  Database database = open();
  const std::string value(10'000, 'v');
  for (std::size_t number = 0; number < 300; ++number) {
    ASSERT_EQ(database.set(key_of(number), value), absl::OkStatus());
  }
  EXPECT_GE(rows().size(), 200u) << "no more than the budget is missing";
}

TEST_F(Life, WriteBehindWritesWhenTheBufferIsFullAndNotBefore) {
  options_.buffer_size = 10;
  options_.flush_interval = std::chrono::hours(1);
  Database database = open();
  write(database, 0, 9);
  ask_the_file(database, 500);
  EXPECT_EQ(database.stats().transactions, 0u);
  EXPECT_TRUE(rows().empty());
  write(database, 9, 10);
  while (database.stats().applied_sequence < 10) std::this_thread::yield();  // for ever, if it does not write
  EXPECT_EQ(rows().size(), 10u);
}

TEST_F(Life, WriteThroughIsInTheFilesWhenTheCallReturns) {
  options_.persist_mode = PersistMode::kWriteThrough;
  Database database = open();
  for (std::size_t number = 0; number < 10; ++number) {
    write(database, number, number + 1);
    EXPECT_EQ(database.stats().durable_sequence, number + 1);
    EXPECT_EQ(rows().size(), number + 1);
    // What the process would leave if it were killed now.
    Options left = options_;
    left.path = directory_.file("left" + std::to_string(number));
    std::filesystem::copy_file(options_.path, left.path);
    std::filesystem::copy_file(options_.path + "-wal", left.path + "-wal");
    Database recovered = open_database(left);
    for (std::size_t each = 0; each <= number; ++each) {
      const absl::StatusOr<Value> value = recovered.get(key_of(each));
      ASSERT_TRUE(value.ok()) << value.status();
      EXPECT_EQ(value->view(), std::to_string(each));
    }
  }
  ASSERT_EQ(database.set("accepted", "v", {.ack = Ack::kAccepted}), absl::OkStatus());
  EXPECT_EQ(database.get("accepted")->view(), "v");
}

TEST_F(Life, MemoryMakesNoFileAndForgets) {
  options_.persist_mode = PersistMode::kMemory;
  for (int life = 0; life < 2; ++life) {
    Database database = open();
    EXPECT_EQ(database.get("key0").status().code(), Code::kNotFound);
    write(database, 0, 1'000);
    EXPECT_EQ(database.get("key999")->view(), "999");
    EXPECT_EQ(database.close(), absl::OkStatus());
    EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
  }
}

// --- threads ---

TEST(Threads, FlusherLoaderAndResumeThreadAndNoOther) {
  using Names = std::vector<std::string>;
  const TemporaryDirectory directory;
  Options options;
  options.persist_mode = PersistMode::kMemory;
  Names expected = {"dictsql-flush", "dictsql-load", "dictsql-resume"};
  {
    const Database database = open_database(options);
    EXPECT_EQ(testing_support::library_threads_soon(expected), expected);
  }
  EXPECT_EQ(testing_support::library_threads_soon({}), Names());
  options.persist_mode = PersistMode::kWriteBehind;
  options.path = directory.file("test.db");
  options.io_backend = IoBackendChoice::kThreads;
  expected.insert(expected.end(), "dictsqlite-io");
  const Database database = open_database(options);
  EXPECT_EQ(testing_support::library_threads_soon(expected), expected) << "and one that does the flusher's I/O";
}

}  // namespace
}  // namespace dictsqlite
