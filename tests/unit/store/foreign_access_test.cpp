// Goal: while we own a database other processes can read it, and can neither write nor checkpoint it (P13); a second
// owner is refused, in this process and in others, and nothing is touched.
// Method: a forked process with a plain SQLite connection, or with our own store.

#include "foreign_process.hpp"
#include "store_test_support.hpp"

#include <gtest/gtest.h>

namespace dictsqlite::store::testing {
namespace {

constexpr const char* kBusy = "error 5";  // SQLITE_BUSY

TEST(ForeignAccess, AnotherProcessReadsWhatWasCommitted) {
  ForeignProcess other;
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  ASSERT_EQ(other.open(directory.file("world.db")), "ok");
  EXPECT_EQ(other.query("SELECT count(*) FROM main"), "0");
  ASSERT_TRUE(apply_sets(*store, {{"a", "1"}, {"b", "2"}}, 2).ok());
  EXPECT_EQ(other.query("SELECT count(*), max(key) FROM main"), "2|b");
  ASSERT_TRUE(store->writer().checkpoint().ok());
  ASSERT_TRUE(apply_sets(*store, {{"c", "3"}}, 3).ok());
  EXPECT_EQ(other.query("SELECT count(*), max(key) FROM main"), "3|c");
}

TEST(ForeignAccess, AnotherProcessCanNeitherWriteNorCheckpoint) {
  ForeignProcess other;
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  ASSERT_TRUE(apply_sets(*store, {{"a", "1"}}, 1).ok());
  ASSERT_EQ(other.open(directory.file("world.db")), "ok");
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(other.query("INSERT INTO main(key,value) VALUES('x',x'00')"), kBusy);
    EXPECT_EQ(other.query("BEGIN IMMEDIATE"), kBusy);
    EXPECT_EQ(other.query("PRAGMA wal_checkpoint(PASSIVE)"), "1|-1|-1");
    EXPECT_EQ(other.query("PRAGMA wal_checkpoint(TRUNCATE)"), "1|-1|-1");
    EXPECT_EQ(other.query("PRAGMA journal_mode=DELETE"), kBusy);
    ASSERT_TRUE(apply_sets(*store, {{"a", std::to_string(round)}}, 2).ok());
    const auto copied = store->writer().checkpoint();
    ASSERT_TRUE(copied.ok());
  }
  EXPECT_EQ(all_rows(*store), (Rows{{"a", "2"}}));
}

TEST(ForeignAccess, AnotherConnectionOfThisProcessCanNeitherWriteNorCheckpoint) {
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  auto store = open_store(path);
  ASSERT_TRUE(apply_sets(*store, {{"a", "1"}}, 1).ok());
  EXPECT_EQ(plain_query(path, "SELECT count(*) FROM main"), "1");
  EXPECT_EQ(plain_query(path, "INSERT INTO main(key,value) VALUES('x',x'00')"), kBusy);
  EXPECT_EQ(plain_query(path, "PRAGMA wal_checkpoint"), "1");
  ASSERT_TRUE(apply_sets(*store, {{"b", "1"}}, 2).ok());
}

TEST(ForeignAccess, AnotherProcessMayWriteAgainAfterClose) {
  ForeignProcess other;
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  ASSERT_EQ(other.open(directory.file("world.db")), "ok");
  EXPECT_EQ(other.query("BEGIN IMMEDIATE"), kBusy);
  ASSERT_TRUE(store->writer().close().ok());
  EXPECT_EQ(other.query("INSERT INTO main(key,value) VALUES('x',x'00')"), "");
}

TEST(ForeignAccess, LocksAreGivenBackAlsoWhileThisProcessHasAnotherConnection) {
  ForeignProcess other;
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  auto store = open_store(path);
  sqlite3* plain = nullptr;
  ASSERT_EQ(sqlite3_open_v2(path.c_str(), &plain, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(plain, "SELECT count(*) FROM main", nullptr, nullptr, nullptr), SQLITE_OK);
  ASSERT_TRUE(store->writer().close().ok());
  store.reset();
  ASSERT_EQ(other.open(path), "ok");
  EXPECT_EQ(other.query("BEGIN IMMEDIATE"), "");
  EXPECT_EQ(other.query("COMMIT"), "");
  EXPECT_EQ(other.query("PRAGMA wal_checkpoint(TRUNCATE)"), "0|0|0");
  sqlite3_close(plain);
}

TEST(ForeignAccess, ASecondOwnerInAnotherProcessIsRefusedAndTouchesNothing) {
  ForeignProcess other;
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  ASSERT_TRUE(apply_sets(*store, numbered_rows("k", 100, 100), 100).ok());
  const auto before = directory.contents();
  EXPECT_EQ(other.own(directory.file("world.db")), std::to_string(static_cast<int>(absl::StatusCode::kUnavailable)));
  EXPECT_EQ(directory.contents(), before);
  ASSERT_TRUE(apply_sets(*store, {{"z", "1"}}, 101).ok());
  EXPECT_EQ(other.open(directory.file("world.db")), "ok");
  EXPECT_EQ(other.query("BEGIN IMMEDIATE"), kBusy);
}

TEST(ForeignAccess, ASecondOwnerInThisProcessIsRefusedAndTouchesNothing) {
  ForeignProcess other;
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  ASSERT_TRUE(apply_sets(*store, numbered_rows("k", 100, 100), 100).ok());
  const auto before = directory.contents();
  const auto second = SqliteStore::open(options_for(directory.file("world.db")));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(directory.contents(), before);
  // The refused one must not have dropped the first one's POSIX locks when it closed the file.
  EXPECT_EQ(other.open(directory.file("world.db")), "ok");
  EXPECT_EQ(other.query("BEGIN IMMEDIATE"), kBusy);
  ASSERT_TRUE(apply_sets(*store, {{"z", "1"}}, 101).ok());
  EXPECT_EQ(all_rows(*store).size(), 101U);
}

TEST(ForeignAccess, AForeignWriterInMidTransactionIsALiveOwner) {
  ForeignProcess other;
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  ASSERT_TRUE(open_store(path)->writer().close().ok());
  ASSERT_EQ(other.open(path), "ok");
  ASSERT_EQ(other.query("BEGIN IMMEDIATE"), "");
  EXPECT_EQ(SqliteStore::open(options_for(path)).status().code(), absl::StatusCode::kUnavailable);
  ASSERT_EQ(other.query("COMMIT"), "");
  EXPECT_TRUE(SqliteStore::open(options_for(path)).ok());
}

TEST(ForeignAccess, AForeignReaderPinsTheLogAndIsCounted) {
  ForeignProcess other;
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  ASSERT_TRUE(apply_sets(*store, {{"a", "old"}}, 1).ok());
  ASSERT_EQ(other.open(directory.file("world.db")), "ok");
  ASSERT_EQ(other.query("BEGIN"), "");
  ASSERT_EQ(other.query("SELECT CAST(value AS TEXT) FROM main"), "old");
  ASSERT_TRUE(apply_sets(*store, {{"a", "new"}}, 2).ok());
  auto copied = store->writer().checkpoint();
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_FALSE(*copied);
  EXPECT_EQ(store->writer().counters().checkpoints_blocked, 1U);
  EXPECT_GT(store->writer().counters().wal_bytes_uncopied, 0U);
  EXPECT_EQ(other.query("SELECT CAST(value AS TEXT) FROM main"), "old");
  ASSERT_EQ(other.query("COMMIT"), "");
  copied = store->writer().checkpoint();
  ASSERT_TRUE(copied.ok());
  EXPECT_TRUE(*copied);
  EXPECT_EQ(store->writer().counters().wal_bytes_uncopied, 0U);
}

TEST(ForeignAccess, ClosingUnderAForeignReaderKeepsEverything) {
  ForeignProcess other;
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  auto store = open_store(path);
  ASSERT_TRUE(apply_sets(*store, {{"a", "old"}}, 1).ok());
  ASSERT_EQ(other.open(path), "ok");
  ASSERT_EQ(other.query("BEGIN"), "");
  ASSERT_EQ(other.query("SELECT CAST(value AS TEXT) FROM main"), "old");
  ASSERT_TRUE(apply_sets(*store, {{"a", "new"}}, 2).ok());
  ASSERT_TRUE(store->writer().close().ok());
  store.reset();
  EXPECT_EQ(other.query("SELECT CAST(value AS TEXT) FROM main"), "old");
  store = open_store(path);
  EXPECT_EQ(load_one(*store, "a"), "new");
  EXPECT_EQ(other.query("SELECT CAST(value AS TEXT) FROM main"), "old");
}

TEST(ForeignAccess, AnIdleForeignReaderDoesNotHinderClosing) {
  ForeignProcess other;
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  auto store = open_store(path);
  ASSERT_EQ(other.open(path), "ok");
  ASSERT_EQ(other.query("SELECT count(*) FROM main"), "0");
  ASSERT_TRUE(apply_sets(*store, {{"a", "1"}}, 1).ok());
  ASSERT_TRUE(store->writer().close().ok());
  EXPECT_EQ(read_bytes(path + "-wal"), "");
  EXPECT_EQ(other.query("SELECT count(*) FROM main"), "1");
}

}  // namespace
}  // namespace dictsqlite::store::testing
