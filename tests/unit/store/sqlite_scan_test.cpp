// Goal: a scan returns the rows of its range in byte order, from the snapshot of its start.
// Method: all ranges over a small alphabet, compared with a std::map.

#include "store_test_support.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace dictsqlite::store::testing {
namespace {

std::vector<std::string> scan_keys(SqliteStore& store, KeyRange range, ScanOrder order, std::size_t rows_max = 3) {
  auto scan = store.open_scan(kMainTable, std::move(range), order);
  EXPECT_TRUE(scan.ok()) << scan.status();
  std::vector<ScannedRow> rows;
  absl::StatusOr<bool> done = false;
  while (done.ok() && !*done) done = (*scan)->next(rows_max, std::size_t{1} << 20, rows);
  EXPECT_TRUE(done.ok()) << done.status();
  std::vector<std::string> keys;
  for (const ScannedRow& row : rows) keys.push_back(row.key);
  return keys;
}

TEST(SqliteScan, EveryRangeInBothOrders) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  const Rows rows = {{std::string("\0", 1), ""},
                     {"a", ""},
                     {std::string("a\0", 2), ""},
                     {"ab", ""},
                     {"b", ""},
                     {"ba", ""},
                     {"\x7f", ""},
                     {"\xff", ""},
                     {"\xff\xff", ""}};
  ASSERT_TRUE(apply_sets(*store, rows, 1).ok());
  std::vector<std::string> bounds = {"", "aa", "c", "\x80", "\xff\xff\xff"};
  for (const auto& [key, value] : rows) bounds.push_back(key);
  for (const std::string& from : bounds) {
    for (const std::string& to : bounds) {
      std::vector<std::string> expected;
      for (const auto& [key, value] : rows) {
        if (key >= from && (to.empty() || key < to)) expected.push_back(key);
      }
      EXPECT_EQ(scan_keys(*store, {from, to}, ScanOrder::kForward), expected);
      std::reverse(expected.begin(), expected.end());
      EXPECT_EQ(scan_keys(*store, {from, to}, ScanOrder::kReverse), expected);
    }
  }
}

TEST(SqliteScan, SeesWhatWasAppliedByItsStartAndNothingLater) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  const Rows before = numbered_rows("k", 100, 10);
  ASSERT_TRUE(apply_sets(*store, before, 1).ok());
  auto scan = store->open_scan(kMainTable, {}, ScanOrder::kForward);
  ASSERT_TRUE(scan.ok());
  ASSERT_TRUE(apply_sets(*store, numbered_rows("j", 100, 10), 2).ok());
  ASSERT_TRUE(apply_sets(*store, numbered_rows("k", 100, 20), 3).ok());
  std::vector<ScannedRow> rows;
  const auto done = (*scan)->next(1000, 1 << 20, rows);
  ASSERT_TRUE(done.ok() && *done);
  Rows found;
  for (const ScannedRow& row : rows) found[row.key] = row.value;
  EXPECT_EQ(found, before);
}

TEST(SqliteScan, StopsAtRowsOrBytesButAlwaysReturnsOneRow) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  ASSERT_TRUE(apply_sets(*store, numbered_rows("k", 10, 1000), 1).ok());
  auto scan = store->open_scan(kMainTable, {}, ScanOrder::kForward);
  ASSERT_TRUE(scan.ok());
  std::vector<ScannedRow> rows;
  auto done = (*scan)->next(3, 1 << 20, rows);
  ASSERT_TRUE(done.ok());
  EXPECT_FALSE(*done);
  EXPECT_EQ(rows.size(), 3U);
  done = (*scan)->next(100, 1500, rows);
  EXPECT_FALSE(*done);
  EXPECT_EQ(rows.size(), 5U);
  done = (*scan)->next(0, 0, rows);
  EXPECT_FALSE(*done);
  EXPECT_EQ(rows.size(), 6U);
  done = (*scan)->next(4, 1 << 20, rows);
  EXPECT_TRUE(*done) << "known at once, not by an empty answer";
  EXPECT_EQ(rows.size(), 10U);
  done = (*scan)->next(4, 1 << 20, rows);
  EXPECT_TRUE(*done);
  EXPECT_EQ(rows.size(), 10U);
}

TEST(SqliteScan, PinsTheLogUntilItIsExhaustedOrDestroyed) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  ASSERT_TRUE(apply_sets(*store, numbered_rows("k", 100, 10), 1).ok());
  std::uint64_t sequence = 1;
  for (const bool exhaust : {true, false}) {
    auto scan = store->open_scan(kMainTable, {}, ScanOrder::kForward);
    ASSERT_TRUE(scan.ok());
    ASSERT_TRUE(apply_sets(*store, {{"z", "1"}}, ++sequence).ok());
    auto copied = store->writer().checkpoint();
    ASSERT_TRUE(copied.ok());
    EXPECT_FALSE(*copied);
    std::vector<ScannedRow> rows;
    if (exhaust) {
      ASSERT_TRUE(*(*scan)->next(1000, 1 << 20, rows));
    }
    if (!exhaust) scan->reset();
    copied = store->writer().checkpoint();
    ASSERT_TRUE(copied.ok());
    EXPECT_TRUE(*copied);
  }
}

TEST(SqliteScan, ATableThatDoesNotExistIsNotFound) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  EXPECT_EQ(store->open_scan(2, {}, ScanOrder::kForward).status().code(), absl::StatusCode::kNotFound);
}

TEST(SqliteScan, ARowOfAWrongTypeIsDataLoss) {
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  ASSERT_TRUE(open_store(path)->writer().close().ok());
  ASSERT_EQ(plain_query(path, "INSERT INTO main(key,value) VALUES('a',x'00'),(x'ff00',x'00')"), "");
  auto store = open_store(path);
  auto scan = store->open_scan(kMainTable, {}, ScanOrder::kForward);
  ASSERT_TRUE(scan.ok());
  std::vector<ScannedRow> rows;
  EXPECT_EQ((*scan)->next(10, 1 << 20, rows).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace dictsqlite::store::testing
