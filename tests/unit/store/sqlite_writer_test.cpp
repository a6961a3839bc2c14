// Goal: the writer tells truthfully what has to be synced, keeps the log bounded, and counts.
// Method: small transactions; the size of the -wal file is looked at from outside.

#include "store_test_support.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <span>

namespace dictsqlite::store::testing {
namespace {

TEST(SqliteWriter, NothingNeedsASyncAfterOpening) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  EXPECT_EQ(store->writer().sync_descriptor(), -1);
}

TEST(SqliteWriter, ASyncIsNeededAfterACommitAndNoLongerAfterIt) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  ASSERT_TRUE(apply_sets(*store, {{"a", "1"}}, 1).ok());
  EXPECT_GE(store->writer().sync_descriptor(), 0);
  store->writer().sync_finished(0);
  EXPECT_EQ(store->writer().sync_descriptor(), -1);
}

TEST(SqliteWriter, ACommitDuringASyncNeedsAnother) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  ASSERT_TRUE(apply_sets(*store, {{"a", "1"}}, 1).ok());
  ASSERT_GE(store->writer().sync_descriptor(), 0);
  ASSERT_TRUE(apply_sets(*store, {{"b", "1"}}, 2).ok());
  store->writer().sync_finished(0);
  EXPECT_GE(store->writer().sync_descriptor(), 0);
  store->writer().sync_finished(0);
  EXPECT_EQ(store->writer().sync_descriptor(), -1);
}

TEST(SqliteWriter, ACommitThatChangesNoRowStillNeedsASyncForItsSequence) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  ASSERT_TRUE(apply_sets(*store, {{"a", "1"}}, 1).ok());
  sync_log(*store);
  ASSERT_TRUE(apply_sets(*store, {{"a", "1"}}, 2).ok());
  EXPECT_GE(store->writer().sync_descriptor(), 0);
  store->writer().sync_finished(0);
  ASSERT_TRUE(apply_rows(*store, {}, 3).ok());
  EXPECT_EQ(store->writer().last_sequence(), 3U);
  EXPECT_EQ(plain_query(directory.file("world.db"), "SELECT value FROM dictsqlite_meta WHERE name='last_sequence'"),
            "3");
}

TEST(SqliteWriter, ACompleteCheckpointLeavesNothingToSync) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  ASSERT_TRUE(apply_sets(*store, numbered_rows("k", 100, 100), 1).ok());
  const auto copied = store->writer().checkpoint();
  ASSERT_TRUE(copied.ok());
  EXPECT_TRUE(*copied);
  EXPECT_EQ(store->writer().sync_descriptor(), -1);
  EXPECT_EQ(store->writer().counters().checkpoints, 1U);
  EXPECT_EQ(store->writer().counters().wal_bytes_uncopied, 0U);
}

TEST(SqliteWriter, ABlockedCheckpointThatCopiedNothingLeavesTheSyncToDo) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  ASSERT_TRUE(apply_sets(*store, {{"a", "1"}}, 1).ok());
  ASSERT_TRUE(store->writer().checkpoint().ok());
  auto scan = store->open_scan(kMainTable, {}, ScanOrder::kForward);
  ASSERT_TRUE(scan.ok());
  ASSERT_TRUE(apply_sets(*store, {{"b", "1"}}, 2).ok());
  auto second = store->open_scan(kMainTable, {}, ScanOrder::kForward);
  ASSERT_TRUE(apply_sets(*store, {{"c", "1"}}, 3).ok());
  auto copied = store->writer().checkpoint();
  ASSERT_TRUE(copied.ok());
  EXPECT_FALSE(*copied);
  sync_log(*store);
  ASSERT_TRUE(apply_sets(*store, {{"d", "1"}}, 4).ok());
  copied = store->writer().checkpoint();
  ASSERT_TRUE(copied.ok());
  EXPECT_FALSE(*copied);
  EXPECT_GE(store->writer().sync_descriptor(), 0);
  store->writer().sync_finished(0);
  EXPECT_EQ(store->writer().counters().checkpoints_blocked, 2U);
}

TEST(SqliteWriter, CheckpointsKeepTheLogBounded) {
  const TempDirectory directory;
  const std::string log = directory.file("world.db-wal");
  auto store = open_store(directory.file("world.db"));
  std::uintmax_t largest = 0;
  for (std::uint64_t round = 1; round <= 50; ++round) {
    const std::string value(100, static_cast<char>('a' + round % 26));
    Rows rows = numbered_rows("k", 500, 100);
    for (auto& [key, old] : rows) old = value + std::to_string(round);
    ASSERT_TRUE(apply_sets(*store, rows, round).ok());
    EXPECT_GT(store->writer().counters().wal_bytes, 50'000U);
    EXPECT_LE(store->writer().counters().wal_bytes, std::filesystem::file_size(log));
    EXPECT_EQ(store->writer().counters().wal_bytes_uncopied % 4120, 0U);
    const auto copied = store->writer().checkpoint();
    ASSERT_TRUE(copied.ok() && *copied);
    if (round == 3) largest = std::filesystem::file_size(log);
    if (round > 3) {
      ASSERT_LE(std::filesystem::file_size(log), largest);
    }
  }
  EXPECT_EQ(store->writer().counters().checkpoints, 50U);
}

TEST(SqliteWriter, ALogLargerThanWhatIsKeptIsCutWhenItStartsOver) {
  const TempDirectory directory;
  SqliteOptions options = options_for(directory.file("world.db"));
  options.log_bytes_kept = 64 << 10;
  auto store = open_store(options);
  ASSERT_TRUE(apply_sets(*store, numbered_rows("k", 5000, 100), 1).ok());
  ASSERT_GT(std::filesystem::file_size(options.path + "-wal"), 500'000U);
  ASSERT_TRUE(store->writer().checkpoint().ok());
  ASSERT_TRUE(apply_sets(*store, {{"a", "1"}}, 2).ok());
  EXPECT_LE(std::filesystem::file_size(options.path + "-wal"), options.log_bytes_kept);
  EXPECT_EQ(all_rows(*store).size(), 5001U);
}

TEST(SqliteWriter, RowsAreTakenInPortionsUntilOneIsEmpty) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  const Rows rows = numbered_rows("k", 3000, 10);
  std::vector<RowWrite> writes;
  for (const auto& [key, value] : rows) writes.push_back(set_row(key, value));
  std::span<const RowWrite> left = writes;
  std::size_t calls = 0;
  const auto portions = [&] {
    ++calls;
    const std::span<const RowWrite> portion = left.first(std::min<std::size_t>(left.size(), 7));
    left = left.subspan(portion.size());
    return std::optional(portion);
  };
  ASSERT_TRUE(store->writer().apply(portions, 1).ok());
  EXPECT_EQ(calls, (writes.size() + 6) / 7 + 1) << "each once, and the empty one";
  EXPECT_EQ(all_rows(*store), rows);
}

TEST(SqliteWriter, ATransactionThatIsGivenUpLeavesNothing) {
  const TempDirectory directory;
  auto store = open_store(directory.file("world.db"));
  ASSERT_TRUE(apply_sets(*store, {{"a", "1"}}, 1).ok());
  const RowWrite rows[] = {set_row("a", "2"), set_row("b", "2")};
  int calls = 0;
  const auto portions = [&]() -> std::optional<std::span<const RowWrite>> {
    if (++calls == 2) return std::nullopt;
    return rows;
  };
  EXPECT_EQ(store->writer().apply(portions, 2).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(store->writer().last_sequence(), 1U);
  EXPECT_EQ(all_rows(*store), (Rows{{"a", "1"}}));
  ASSERT_TRUE(apply_rows(*store, rows, 2).ok()) << "it may be tried again";
  EXPECT_EQ(all_rows(*store), (Rows{{"a", "2"}, {"b", "2"}}));
}

TEST(SqliteWriter, AClosedLogIsLeftIfThatIsAskedFor) {
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  auto store = open_store(path);
  ASSERT_TRUE(apply_sets(*store, {{"a", "1"}}, 1).ok());
  EXPECT_TRUE(store->writer().close(ClosingLog::kLeft).ok());
  store.reset();
  EXPECT_GT(std::filesystem::file_size(path + "-wal"), 0U);
  EXPECT_EQ(all_rows(*open_store(path)), (Rows{{"a", "1"}}));
}

TEST(SqliteWriter, CommittedRowsAreOnDiskAfterClose) {
  const TempDirectory directory;
  const std::string path = directory.file("world.db");
  auto store = open_store(path);
  ASSERT_TRUE(apply_sets(*store, numbered_rows("k", 100, 100), 1).ok());
  ASSERT_TRUE(store->writer().close().ok());
  store.reset();
  EXPECT_EQ(plain_query(path, "SELECT count(*) FROM main"), "100");
  EXPECT_EQ(plain_query(path, "PRAGMA integrity_check"), "ok");
}

}  // namespace
}  // namespace dictsqlite::store::testing
