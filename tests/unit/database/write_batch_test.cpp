// Goal: a WriteBatch is the writes that were put into it, in that order, with copies of their bytes; what reaches the
// database is the last write of each key. Method: batches read back row by row, and written to a database in memory.
#include <dictsqlite/database.hpp>
#include <dictsqlite/write_batch.hpp>

#include "support/open_database.hpp"
#include "unit/database/bare_engine.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace dictsqlite {
namespace {

using Kind = WriteBatch::Kind;
using Code = absl::StatusCode;

void expect_row(const WriteBatch& batch, std::size_t index, Kind kind, std::string_view key, std::string_view value) {
  ASSERT_LT(index, batch.size());
  EXPECT_EQ(batch.row(index).kind, kind) << index;
  EXPECT_EQ(batch.row(index).key, key) << index;
  EXPECT_EQ(batch.row(index).value, value) << index;
}

TEST(WriteBatchTest, IsEmptyAtFirst) {
  const WriteBatch batch;
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.size(), 0u);
  EXPECT_EQ(batch.bytes(), 0u);
}

TEST(WriteBatchTest, KeepsWritesInTheOrderTheyWereAdded) {
  WriteBatch batch;
  batch.set("b", "1");
  batch.erase("a");
  batch.set("b", "22");
  batch.erase("b");
  ASSERT_EQ(batch.size(), 4u);
  EXPECT_FALSE(batch.empty());
  EXPECT_EQ(batch.bytes(), 7u);
  expect_row(batch, 0, Kind::kSet, "b", "1");
  expect_row(batch, 1, Kind::kErase, "a", "");
  expect_row(batch, 2, Kind::kSet, "b", "22");
  expect_row(batch, 3, Kind::kErase, "b", "");
}

TEST(WriteBatchTest, KeepsEveryByteOfKeysAndValues) {
  const std::string key("k\0\xFF", 3);
  const std::string value("\0v\0", 3);
  WriteBatch batch;
  batch.set(key, value);
  batch.set("", "");
  batch.set("empty value", "");
  batch.erase(key);
  expect_row(batch, 0, Kind::kSet, key, value);
  expect_row(batch, 1, Kind::kSet, "", "");
  expect_row(batch, 2, Kind::kSet, "empty value", "");
  expect_row(batch, 3, Kind::kErase, key, "");
}

TEST(WriteBatchTest, CopiesWhatItIsGiven) {
  WriteBatch batch;
  {
    std::string key = "key";
    std::string value(1000, 'v');
    batch.set(key, value);
    batch.erase(key);
    key = "xxx";
    value.assign(1000, 'x');
  }
  expect_row(batch, 0, Kind::kSet, "key", std::string(1000, 'v'));
  expect_row(batch, 1, Kind::kErase, "key", "");
}

TEST(WriteBatchTest, ClearForgetsEverythingAndTheBatchServesAgain) {
  WriteBatch batch;
  batch.set("old", "value");
  batch.clear();
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.bytes(), 0u);
  batch.erase("new");
  ASSERT_EQ(batch.size(), 1u);
  expect_row(batch, 0, Kind::kErase, "new", "");
}

TEST(WriteBatchTest, ReserveKeepsTheRowsWhereTheyAre) {
  WriteBatch batch;
  batch.reserve(100, 100 * 20);
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.bytes(), 0u);
  batch.set("key 0", "value");
  const char* const first = batch.row(0).key.data();
  for (int row = 1; row < 100; ++row) batch.set("key " + std::to_string(row), "value");
  EXPECT_EQ(batch.row(0).key.data(), first) << "nothing was allocated again";
  batch.reserve(1, 1);
  ASSERT_EQ(batch.size(), 100u);
  expect_row(batch, 99, Kind::kSet, "key 99", "value");
}

TEST(WriteBatchTest, ACopyIsASecondBatch) {
  WriteBatch batch;
  batch.set("key", "value");
  WriteBatch copy = batch;
  batch.clear();
  copy.erase("more");
  EXPECT_TRUE(batch.empty());
  ASSERT_EQ(copy.size(), 2u);
  expect_row(copy, 0, Kind::kSet, "key", "value");
}

TEST(WriteBatchTest, AMoveTakesEverythingAndAssignmentReplaces) {
  WriteBatch batch;
  batch.set("key", std::string(100, 'v'));
  batch.erase("gone");
  WriteBatch taken = std::move(batch);
  ASSERT_EQ(taken.size(), 2u);
  expect_row(taken, 0, Kind::kSet, "key", std::string(100, 'v'));
  WriteBatch target;
  target.set("held", "before");
  target = std::move(taken);
  ASSERT_EQ(target.size(), 2u);
  expect_row(target, 1, Kind::kErase, "gone", "");
  batch.clear();  // NOLINT(bugprone-use-after-move): a moved-from batch may be cleared and used
  batch.set("again", "1");
  ASSERT_EQ(batch.size(), 1u);
  expect_row(batch, 0, Kind::kSet, "again", "1");
}

// --- written ---

TEST(WriteBatchTest, TheLastWriteOfAKeyCounts) {
  Database database = testing_support::open_database(detail::BareEngine::memory_only());
  ASSERT_EQ(database.set("erased", "before"), absl::OkStatus());
  WriteBatch batch;
  batch.set("twice", "1");
  batch.set("twice", "2");
  batch.set("erased", "1");
  batch.erase("erased");
  batch.erase("set");
  batch.set("set", "3");
  ASSERT_EQ(database.write(batch), absl::OkStatus());
  EXPECT_EQ(*database.get("twice"), std::string_view("2"));
  EXPECT_EQ(database.get("erased").status().code(), Code::kNotFound);
  EXPECT_EQ(*database.get("set"), std::string_view("3"));
  EXPECT_EQ(database.stats().claimed_sequence, 2u) << "a batch takes one place in the order";
}

TEST(WriteBatchTest, MayBeWrittenTwiceAndChangedAfterwards) {
  Database database = testing_support::open_database(detail::BareEngine::memory_only());
  WriteBatch batch;
  batch.set("key", "1");
  WriteOperation operation = database.write_async(batch);
  batch.clear();
  batch.set("other", "2");
  ASSERT_EQ(std::move(operation).wait(), absl::OkStatus());
  EXPECT_EQ(*database.get("key"), std::string_view("1"));
  EXPECT_EQ(database.get("other").status().code(), Code::kNotFound);
  ASSERT_EQ(database.write(batch), absl::OkStatus());
  ASSERT_EQ(database.write(batch), absl::OkStatus());
  EXPECT_EQ(*database.get("other"), std::string_view("2"));
}

}  // namespace
}  // namespace dictsqlite
