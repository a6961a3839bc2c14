// Goal: every mistake a caller can make ends in the documented code, with a sentence that names it, and changes
// nothing. Method: one mistake at a time, against a database in a directory of its own or none at all.
#include <dictsqlite/dictsqlite.hpp>

#include "support/as_nobody.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

namespace dictsqlite {
namespace {

using testing_support::TemporaryDirectory;
using Code = absl::StatusCode;

class Errors : public testing::Test {
 protected:
  [[nodiscard]] Options options() const {
    Options options;
    options.path = directory_.file("test.db");
    return options;
  }
  [[nodiscard]] Database open() { return *Database::open(options()); }
  // The end of every path in it: the beginning is given as the kernel knows it.
  [[nodiscard]] std::string directory_name() const {
    return std::filesystem::path(directory_.path()).filename().string();
  }
  [[nodiscard]] bool directory_is_empty() const { return std::filesystem::is_empty(directory_.path()); }

  TemporaryDirectory directory_;
};

bool names(const absl::Status& status, std::string_view subject) {
  return std::string_view(status.message().data(), status.message().size()).find(subject) != std::string_view::npos;
}

// Refused with this code, in a sentence that says what is wrong.
void expect_refused(const absl::Status& status, Code code, std::string_view subject) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_TRUE(names(status, subject)) << "'" << status.message() << "' should say '" << subject << "'";
}

// --- options ---

struct Mistake {
  const char* names;  // what the sentence must contain
  std::function<void(Options&)> make;
};

TEST_F(Errors, EachAbsurdOptionIsNamedAndNothingIsCreated) {
  using std::chrono::microseconds;
  using std::chrono::milliseconds;
  const std::vector<Mistake> mistakes = {
      {"path", [](Options& o) { o.path = ""; }},
      {"path", [](Options& o) { o.path += std::string("\0x", 2); }},
      {"buffer_size", [](Options& o) { o.buffer_size = 0; }},
      {"buffer_size", [](Options& o) { o.buffer_size = (1u << 20) + 1; }},
      {"flush_interval", [](Options& o) { o.flush_interval = milliseconds(0); }},
      {"flush_interval", [](Options& o) { o.flush_interval = milliseconds(-5); }},
      {"ring_capacity", [](Options& o) { o.ring_capacity = 8; }},
      {"ring_capacity", [](Options& o) { o.ring_capacity = 1000; }},
      {"cache_bytes", [](Options& o) { o.cache_bytes = 1000; }},
      {"unapplied_bytes", [](Options& o) { o.unapplied_bytes = 1000; }},
      {"key_bytes_max", [](Options& o) { o.key_bytes_max = 0; }},
      {"key_bytes_max", [](Options& o) { o.key_bytes_max = 8001; }},
      {"value_bytes_max", [](Options& o) { o.value_bytes_max = std::size_t{1} << 40; }},
      {"value_bytes_max", [](Options& o) { o.value_bytes_max = o.unapplied_bytes; }},
      {"batch_rows_max", [](Options& o) { o.batch_rows_max = 0; }},
      {"batch_bytes_max", [](Options& o) { o.batch_bytes_max = o.unapplied_bytes; }},
      {"loads_max", [](Options& o) { o.loads_max = 0; }},
      {"page_bytes", [](Options& o) { o.page_bytes = 256; }},
      {"page_bytes", [](Options& o) { o.page_bytes = 5000; }},
      {"writer_cache_bytes", [](Options& o) { o.writer_cache_bytes = 0; }},
      {"reader_cache_bytes", [](Options& o) { o.reader_cache_bytes = 0; }},
      {"wal_bytes", [](Options& o) { o.wal_bytes = 0; }},
      {"scan_time_max", [](Options& o) { o.scan_time_max = milliseconds(0); }},
      {"scans_max", [](Options& o) { o.scans_max = 0; }},
      {"poll_time", [](Options& o) { o.poll_time = microseconds(-1); }},
      {"close_timeout", [](Options& o) { o.close_timeout = milliseconds(-1); }},
      {"persist_mode", [](Options& o) { o.persist_mode = static_cast<PersistMode>(9); }},
      {"journal", [](Options& o) { o.journal = static_cast<Journal>(9); }},
      {"disk_full", [](Options& o) { o.disk_full = static_cast<DiskFull>(9); }},
      {"io_backend", [](Options& o) { o.io_backend = static_cast<IoBackendChoice>(9); }},
  };
  for (const Mistake& mistake : mistakes) {
    Options wrong = options();
    mistake.make(wrong);
    expect_refused(Database::open(wrong).status(), Code::kInvalidArgument, std::string("Options::") + mistake.names);
  }
  EXPECT_TRUE(directory_is_empty());
}

TEST_F(Errors, AMissingDirectoryIsNotFound) {
  Options wrong = options();
  wrong.path = directory_.file("missing/test.db");
  expect_refused(Database::open(wrong).status(), Code::kNotFound, "/missing': No such file or directory");
  EXPECT_TRUE(directory_is_empty());
}

TEST_F(Errors, ADirectoryInPlaceOfTheFileIsInvalid) {
  Options wrong = options();
  wrong.path = directory_.path();
  expect_refused(Database::open(wrong).status(), Code::kInvalidArgument, directory_name() + "' is not a regular file");
}

TEST_F(Errors, AReadOnlyDirectoryIsPermissionDenied) {
  constexpr int kNotNamed = 98;
  ASSERT_EQ(chmod(directory_.path().c_str(), 0555), 0);
  const int result = testing_support::as_nobody([&] {
    const absl::Status status = Database::open(options()).status();
    return names(status, directory_name() + "/") ? static_cast<int>(status.code()) : kNotNamed;
  });
  EXPECT_EQ(result, static_cast<int>(Code::kPermissionDenied));
  ASSERT_EQ(chmod(directory_.path().c_str(), 0700), 0);
  EXPECT_TRUE(directory_is_empty());
}

TEST_F(Errors, AFileThatIsNotOursIsRefusedAndLeftAlone) {
  const std::string text(5000, 'x');
  std::FILE* file = std::fopen(options().path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(std::fwrite(text.data(), 1, text.size(), file), text.size());
  ASSERT_EQ(std::fclose(file), 0);
  EXPECT_EQ(Database::open(options()).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(std::filesystem::file_size(options().path), text.size());
}

TEST_F(Errors, ASecondOwnerIsRefusedWhileTheFirstLives) {
  Database first = open();
  EXPECT_EQ(Database::open(options()).status().code(), Code::kUnavailable);
  ASSERT_TRUE(first.set("still", "works").ok());
  ASSERT_TRUE(first.close().ok());
  EXPECT_TRUE(Database::open(options()).ok());
}

// --- arguments ---

TEST_F(Errors, KeysAndValuesOverTheirLimitsAreInvalid) {
  Options small = options();
  small.key_bytes_max = 10;
  small.value_bytes_max = 20;
  Database db = *Database::open(small);
  const std::string key(11, 'k');
  const std::string value(21, 'v');
  const std::string_view empty = "the key is empty";
  const std::string_view long_key = "the key is longer than Options::key_bytes_max";
  expect_refused(db.set("", "v"), Code::kInvalidArgument, empty);
  expect_refused(db.set(key, "v"), Code::kInvalidArgument, long_key);
  expect_refused(db.set("k", value), Code::kInvalidArgument, "the value is longer than Options::value_bytes_max");
  expect_refused(db.get("").status(), Code::kInvalidArgument, empty);
  expect_refused(db.get(key).status(), Code::kInvalidArgument, long_key);
  expect_refused(db.contains("").status(), Code::kInvalidArgument, empty);
  expect_refused(db.contains(key).status(), Code::kInvalidArgument, long_key);
  expect_refused(db.erase(""), Code::kInvalidArgument, empty);
  expect_refused(db.erase(key), Code::kInvalidArgument, long_key);
  const std::string_view keys[] = {"", key};
  const std::vector<absl::StatusOr<Value>> results = db.batch_get(keys);
  expect_refused(results.at(0).status(), Code::kInvalidArgument, empty);
  expect_refused(results.at(1).status(), Code::kInvalidArgument, long_key);
  EXPECT_TRUE(db.set(key.substr(1), value.substr(1)).ok());
  EXPECT_EQ(db.stats().claimed_sequence, 1u);
}

TEST_F(Errors, ABatchGetAnswersEachKeyByItself) {
  Database db = open();
  ASSERT_TRUE(db.set("a", "1").ok());
  const std::string_view keys[] = {"a", "", "missing", "a"};
  const std::vector<absl::StatusOr<Value>> results = db.batch_get(keys);
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[0]->view(), "1");
  EXPECT_EQ(results[1].status().code(), Code::kInvalidArgument);
  EXPECT_EQ(results[2].status().code(), Code::kNotFound);
  EXPECT_EQ(results[3]->view(), "1");
}

TEST_F(Errors, BatchesOverTheirLimitsAreInvalidAndWriteNothing) {
  Options small = options();
  small.key_bytes_max = 10;
  small.value_bytes_max = 90;
  small.batch_rows_max = 2;
  small.batch_bytes_max = 100;
  Database db = *Database::open(small);
  WriteBatch rows;
  for (const char* key : {"a", "b", "c"}) rows.set(key, "1");
  expect_refused(db.write(rows), Code::kInvalidArgument, "the batch has 3 writes; Options::batch_rows_max is 2");
  WriteBatch bytes;
  bytes.set("a", std::string(80, 'v'));
  bytes.set("b", std::string(20, 'v'));
  expect_refused(db.write(bytes), Code::kInvalidArgument, "the batch has 102 bytes; Options::batch_bytes_max is 100");
  WriteBatch empty_key;
  empty_key.set("a", "1");
  empty_key.erase("");
  expect_refused(db.write(empty_key), Code::kInvalidArgument, "write 1 of the batch: the key is empty");
  WriteBatch long_key;
  long_key.set(std::string(11, 'k'), "1");
  expect_refused(db.write(long_key), Code::kInvalidArgument,
                 "write 0 of the batch: the key is longer than Options::key_bytes_max");
  WriteBatch long_value;
  long_value.set("a", "1");
  long_value.set("b", std::string(91, 'v'));
  expect_refused(db.write(long_value), Code::kInvalidArgument,
                 "write 1 of the batch: the value is longer than Options::value_bytes_max");
  EXPECT_TRUE(db.write(WriteBatch()).ok());
  EXPECT_EQ(db.stats().claimed_sequence, 0u);
  EXPECT_EQ(db.get("a").status().code(), Code::kNotFound);
}

TEST_F(Errors, ABatchOfTinyRowsThatExceedsTheBudgetIsRefusedInsteadOfWaitingForEver) {
  Options small = options();
  small.unapplied_bytes = 1u << 20;
  small.value_bytes_max = 1000;
  small.batch_bytes_max = 500'000;
  Database db = *Database::open(small);
  WriteBatch batch;
  for (int i = 0; i < 50'000; ++i) batch.set("key" + std::to_string(i), "");
  expect_refused(db.write(batch), Code::kInvalidArgument, "the batch takes more memory than Options::unapplied_bytes");
  EXPECT_EQ(db.stats().claimed_sequence, 0u);
}

TEST_F(Errors, AMissingKeyIsNotFoundWithoutAMessage) {
  Database db = open();
  EXPECT_EQ(db.get("nobody").status(), absl::Status(Code::kNotFound, ""));
  EXPECT_EQ(*db.contains("nobody"), false);
  EXPECT_TRUE(db.erase("nobody").ok());
}

TEST_F(Errors, AScanByPrefixAndRangeIsInvalid) {
  Database db = open();
  Scan scan = db.scan({.prefix = "a", .from = "b"});
  EXPECT_EQ(scan.next(), std::nullopt);
  expect_refused(scan.status(), Code::kInvalidArgument, "ScanOptions::prefix and from/to exclude each other");
}

// --- handles ---

void expect_precondition(Database& db) {
  const std::string_view keys[] = {"a", "b"};
  WriteBatch batch;
  batch.set("a", "1");
  EXPECT_EQ(db.set("a", "1").code(), Code::kFailedPrecondition);
  EXPECT_EQ(db.set("a", "1", {.ack = Ack::kDurable}).code(), Code::kFailedPrecondition);
  EXPECT_EQ(db.erase("a").code(), Code::kFailedPrecondition);
  EXPECT_EQ(db.write(batch).code(), Code::kFailedPrecondition);
  EXPECT_EQ(db.get("a").status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(db.contains("a").status().code(), Code::kFailedPrecondition);
  for (const absl::StatusOr<Value>& result : db.batch_get(keys)) {
    EXPECT_EQ(result.status().code(), Code::kFailedPrecondition);
  }
  EXPECT_EQ(db.sync().code(), Code::kFailedPrecondition);
  EXPECT_EQ(db.flush().code(), Code::kFailedPrecondition);
  EXPECT_EQ(db.close().code(), Code::kFailedPrecondition);
  Scan scan = db.scan();
  EXPECT_EQ(scan.next(), std::nullopt);
  EXPECT_EQ(scan.status().code(), Code::kFailedPrecondition);
}

TEST_F(Errors, EverythingAfterCloseIsAFailedPrecondition) {
  Database db = open();
  ASSERT_TRUE(db.set("a", "1").ok());
  ASSERT_TRUE(db.close().ok());
  expect_precondition(db);
}

TEST_F(Errors, AnEmptyAndAMovedFromHandleAreAFailedPrecondition) {
  Database empty;
  expect_precondition(empty);
  Database db = open();
  const Database other = std::move(db);
  expect_precondition(db);  // NOLINT(bugprone-use-after-move)
}

TEST_F(Errors, OperationsStartedAfterTheDatabaseIsGoneAreAFailedPrecondition) {
  auto db = std::make_unique<Database>(open());
  WriteOperation set = db->set_async("a", "1");
  GetOperation get = db->get_async("a");
  FenceOperation flush = db->flush_async();
  db.reset();
  EXPECT_EQ(std::move(set).wait().code(), Code::kFailedPrecondition);
  EXPECT_EQ(std::move(get).wait().status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(std::move(flush).wait().code(), Code::kFailedPrecondition);
}

// --- without a disk ---

TEST_F(Errors, DurabilityWithoutADiskIsInvalid) {
  Options memory;
  memory.persist_mode = PersistMode::kMemory;
  Database db = *Database::open(memory);
  EXPECT_EQ(db.sync().code(), Code::kInvalidArgument);
  EXPECT_EQ(db.flush().code(), Code::kInvalidArgument);
  EXPECT_EQ(db.set("a", "1", {.ack = Ack::kDurable}).code(), Code::kInvalidArgument);
  EXPECT_EQ(db.get("a").status().code(), Code::kNotFound);
  EXPECT_TRUE(db.set("a", "1").ok());
  EXPECT_TRUE(db.close().ok());
}

TEST_F(Errors, AFullMemoryIsResourceExhaustedAndErasingMakesRoom) {
  Options memory;
  memory.persist_mode = PersistMode::kMemory;
  memory.cache_bytes = 1u << 20;
  memory.unapplied_bytes = 1u << 20;
  memory.value_bytes_max = 10'000;
  memory.batch_bytes_max = 10'000;
  Database db = *Database::open(memory);
  const std::string value(5000, 'v');
  absl::Status status;
  int written = 0;
  while ((status = db.set("key" + std::to_string(written), value)).ok() && written < 10'000) ++written;
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_GT(written, 100);
  for (int i = 0; i < written; ++i) EXPECT_TRUE(db.get("key" + std::to_string(i)).ok());
  WriteBatch mixed;
  mixed.erase("key0");
  mixed.set("key1", value);
  EXPECT_EQ(db.write(mixed).code(), Code::kResourceExhausted);
  WriteBatch erases;
  erases.erase("key0");
  erases.erase("key1");
  EXPECT_EQ(db.write(erases), absl::OkStatus());
  for (int i = 2; i < written; ++i) EXPECT_TRUE(db.erase("key" + std::to_string(i)).ok());
}

}  // namespace
}  // namespace dictsqlite
