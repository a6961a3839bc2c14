// Goal: a load finds exactly the keys that exist, from one snapshot, whatever the size of the group.
// Method: groups of every size around the query sizes, compared with a std::map.

#include "store/sqlite_reader.hpp"
#include "store_test_support.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace dictsqlite::store::testing {
namespace {

TEST(SqliteReader, QueriesAreChosenSoThatFewRunAndFewParametersAreWasted) {
  EXPECT_EQ(kQuerySizes[choose_query(1)], 1U);
  EXPECT_EQ(kQuerySizes[choose_query(4)], 4U);
  EXPECT_EQ(kQuerySizes[choose_query(16)], 16U);
  EXPECT_EQ(kQuerySizes[choose_query(64)], 64U);
  EXPECT_EQ(kQuerySizes[choose_query(100'000)], 64U);
  for (std::size_t keys = 1; keys < 2000; ++keys) {
    const std::size_t size = kQuerySizes[choose_query(keys)];
    EXPECT_LE(size, keys * 2) << keys;
    std::size_t left = keys;
    std::size_t queries = 0;
    for (; left > 0; ++queries) left -= std::min(left, kQuerySizes[choose_query(left)]);
    EXPECT_LE(queries, keys / 64 + 8) << keys;
  }
}

TEST(SqliteReader, EveryGroupSizeFindsWhatExistsAndNothingElse) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  Rows rows = numbered_rows("k", 700, 20);
  ASSERT_TRUE(apply_sets(*store, rows, 9).ok());
  auto reader = store->open_reader();
  ASSERT_TRUE(reader.ok());
  std::vector<std::string> all;
  for (const auto& [key, value] : rows) {
    all.push_back(key);
    all.push_back(key + "-absent");
  }
  std::sort(all.begin(), all.end());
  for (const std::size_t count : {0U,  1U,  2U,  3U,  4U,   5U,   7U,   8U,   9U,   16U,  17U,  31U,
                                  33U, 63U, 64U, 65U, 127U, 128U, 129U, 255U, 256U, 257U, 600U, 1400U}) {
    const std::vector<std::string_view> keys(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
    std::map<std::size_t, std::string> found;
    const auto result = (*reader)->load(kMainTable, keys, [&](const LoadedRow& row) {
      EXPECT_TRUE(found.emplace(row.key_index, std::string(row.value)).second) << "once";
    });
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->snapshot_sequence, 9U);
    for (std::size_t i = 0; i < count; ++i) {
      const auto expected = rows.find(all[i]);
      ASSERT_EQ(found.count(i), expected == rows.end() ? 0U : 1U);
      if (expected != rows.end()) {
        ASSERT_EQ(found[i], expected->second);
      }
    }
  }
}

TEST(SqliteReader, RowsAreFoundAheadOfTheirQuery) {
  const Rows rows = numbered_rows("k", 5'000, 100);
  std::vector<std::string_view> keys;
  for (const auto& [key, value] : rows) {
    if (keys.size() < 64) keys.push_back(key);
  }
  const std::vector<std::string_view> few(keys.begin(), keys.begin() + 3);
  for (const std::size_t map_bytes : {std::size_t{0}, std::size_t{64} << 20}) {
    const TempDirectory directory;
    SqliteOptions options = options_for(directory.file("world.db"));
    options.reader_map_bytes = map_bytes;
    auto store = open_store(options);
    ASSERT_TRUE(apply_sets(*store, rows, 1).ok());
    const absl::StatusOr<bool> copied = store->writer().checkpoint();
    ASSERT_TRUE(copied.ok() && *copied);
    const auto opened = store->open_reader();
    ASSERT_TRUE(opened.ok()) << opened.status();
    auto& reader = static_cast<SqliteReader&>(**opened);
    const auto load = [&](const std::vector<std::string_view>& these) {
      const std::uint64_t before = reader.rows_prefetched();
      EXPECT_TRUE(reader.load(kMainTable, these, [](const LoadedRow&) {}).ok());
      return reader.rows_prefetched() - before;
    };
    EXPECT_EQ(load(few), 0U) << "too few to gain anything";
    EXPECT_EQ(load(keys), map_bytes == 0 ? 0U : keys.size());
  }
}

TEST(SqliteReader, QueriesAreCounted) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  auto reader = store->open_reader();
  ASSERT_TRUE(reader.ok());
  std::vector<std::string> keys;
  for (int i = 1000; i < 1064; ++i) keys.push_back(std::to_string(i));
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  const auto result = (*reader)->load(kMainTable, views, [](const LoadedRow&) {});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->queries, 1U);
}

TEST(SqliteReader, SequenceAndRowsAreOfOneSnapshot) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  const Rows keys_only = numbered_rows("k", 300, 1);
  std::vector<std::string_view> keys;
  for (const auto& [key, value] : keys_only) keys.push_back(key);
  std::atomic<bool> stop{false};
  std::thread loader([&] {
    auto reader = store->open_reader();
    ASSERT_TRUE(reader.ok());
    while (!stop) {
      std::vector<std::string> values;
      const auto result =
          (*reader)->load(kMainTable, keys, [&](const LoadedRow& row) { values.emplace_back(row.value); });
      ASSERT_TRUE(result.ok()) << result.status();
      const std::string expected = std::to_string(result->snapshot_sequence);
      ASSERT_EQ(values.size(), result->snapshot_sequence == 0 ? 0U : keys.size());
      for (const std::string& value : values) ASSERT_EQ(value, expected);
    }
  });
  for (std::uint64_t round = 1; round <= 100; ++round) {
    Rows rows = keys_only;
    for (auto& [key, value] : rows) value = std::to_string(round);
    EXPECT_TRUE(apply_sets(*store, rows, round).ok());
    if (round % 10 == 0) {
      EXPECT_TRUE(store->writer().checkpoint().ok());
    }
  }
  stop = true;
  loader.join();
}

TEST(SqliteReader, ALoadHoldsNoSnapshotWhenItIsDone) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  ASSERT_TRUE(apply_sets(*store, {{"a", "1"}}, 1).ok());
  auto reader = store->open_reader();
  ASSERT_TRUE(reader.ok());
  const std::string_view keys[] = {"a", "b"};
  ASSERT_TRUE((*reader)->load(kMainTable, keys, [](const LoadedRow&) {}).ok());
  ASSERT_TRUE(apply_sets(*store, {{"a", "2"}}, 2).ok());
  const auto copied = store->writer().checkpoint();
  ASSERT_TRUE(copied.ok());
  EXPECT_TRUE(*copied);
}

TEST(SqliteReader, AValueStoredAsTextIsAsGoodAndAnyOtherTypeIsDataLoss) {
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  ASSERT_TRUE(open_store(path)->writer().close().ok());
  ASSERT_EQ(plain_query(path, "INSERT INTO main(key,value) VALUES('text','typed by hand'),('wrong',7)"), "");
  ASSERT_EQ(plain_query(path, "INSERT INTO main VALUES('when',x'00','soon')"), "");
  auto store = open_store(path);
  EXPECT_EQ(load_one(*store, "text"), "typed by hand");
  auto reader = store->open_reader();
  ASSERT_TRUE(reader.ok());
  for (const std::string_view key : {"wrong", "when"}) {
    const std::string_view keys[] = {key};
    EXPECT_EQ((*reader)->load(kMainTable, keys, [](const LoadedRow&) {}).status().code(), absl::StatusCode::kDataLoss);
  }
  const std::string_view good[] = {"text"};
  EXPECT_TRUE((*reader)->load(kMainTable, good, [](const LoadedRow&) {}).ok()) << "the reader goes on";
}

TEST(SqliteReader, ARowAboveTheLengthLimitIsAnError) {
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  {
    auto store = open_store(path);
    ASSERT_TRUE(apply_sets(*store, {{"big", std::string(300'000, 'x')}}, 1).ok());
    ASSERT_TRUE(store->writer().close().ok());
  }
  SqliteOptions small = options_for(path);
  small.key_bytes_max = 100;
  small.value_bytes_max = 10'000;
  auto store = open_store(small);
  auto reader = store->open_reader();
  ASSERT_TRUE(reader.ok());
  const std::string_view keys[] = {"big"};
  EXPECT_EQ((*reader)->load(kMainTable, keys, [](const LoadedRow&) {}).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace dictsqlite::store::testing
