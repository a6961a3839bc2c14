// Goal: what a log holds comes into the database as its writes made it, in bounded transactions; each error is told.
// Method: records by hand into a store on a real file, through a VFS that can be full.
#include "flush/replay.hpp"

#include "store/sqlite_store.hpp"
#include "support/fault_vfs.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite::flush {
namespace {

using journal::LogRow;
using journal::RowKind;
using testing_support::FaultCall;
using testing_support::FaultFile;

constexpr Replay::Bounds kPlenty{.wal_bytes = 1u << 30, .memory_bytes = 1u << 30};

class ReplayTest : public testing::Test {
 protected:
  ReplayTest() {
    store::SqliteOptions options;
    options.path = directory_.file("test.db");
    options.vfs_name = vfs_.name();
    store_ = *store::SqliteStore::open(options);
  }
  [[nodiscard]] store::StoreWriter& writer() { return store_->writer(); }
  [[nodiscard]] static LogRow set(std::string_view key, std::string_view value) {
    return {RowKind::kSet, store::kMainTable, key, value, 0};
  }
  [[nodiscard]] static LogRow erase(std::string_view key) { return {RowKind::kErase, store::kMainTable, key, {}, 0}; }
  // The views of a record are good during the call only.
  static absl::Status add(Replay& replay, std::uint64_t sequence, std::vector<LogRow> rows) {
    std::vector<std::string> texts;
    for (LogRow& row : rows) {
      texts.emplace_back(row.key);
      texts.emplace_back(row.value);
    }
    for (std::size_t index = 0; index < rows.size(); ++index) {
      rows[index].key = texts[2 * index];
      rows[index].value = texts[2 * index + 1];
    }
    absl::Status status = replay.add(sequence, rows);
    for (std::string& text : texts) text.assign(text.size(), '?');
    return status;
  }
  [[nodiscard]] std::map<std::string, std::string> rows() {
    auto scan = *store_->open_scan(store::kMainTable, {}, store::ScanOrder::kForward);
    std::vector<store::ScannedRow> scanned;
    while (!*scan->next(1'000, 1u << 20, scanned)) {
    }
    std::map<std::string, std::string> found;
    for (store::ScannedRow& row : scanned) found.emplace(std::move(row.key), std::move(row.value));
    return found;
  }

  const testing_support::TemporaryDirectory directory_;
  testing_support::FaultVfs vfs_;
  std::unique_ptr<store::SqliteStore> store_;
};

TEST_F(ReplayTest, TheNewestRowOfEachKeyIsApplied) {
  Replay replay(writer(), kPlenty);
  ASSERT_EQ(add(replay, 5, {set("a", "1")}), absl::OkStatus());
  ASSERT_EQ(add(replay, 6, {set("b", "1"), set("c", std::string(3u << 20, 'c')), erase("a")}), absl::OkStatus());
  ASSERT_EQ(add(replay, 7, {set("b", "2")}), absl::OkStatus());
  EXPECT_EQ(replay.rows(), 0u) << "not enough for a transaction";
  EXPECT_EQ(writer().last_sequence(), 0u);
  ASSERT_EQ(replay.finish(), absl::OkStatus());
  EXPECT_EQ(replay.rows(), 3u);
  EXPECT_EQ(writer().last_sequence(), 7u);
  EXPECT_EQ(rows(), (std::map<std::string, std::string>{{"b", "2"}, {"c", std::string(3u << 20, 'c')}}));
  ASSERT_EQ(replay.finish(), absl::OkStatus()) << "nothing is left";
}

TEST_F(ReplayTest, TransactionsAndTheWriteAheadLogAreBounded) {
  Replay replay(writer(), {.wal_bytes = 1u << 20, .memory_bytes = 64u << 20});
  const std::string value(8u << 20, 'v');
  for (std::uint64_t sequence = 1; sequence <= 8; ++sequence) {
    EXPECT_EQ(writer().last_sequence(), 0u);
    ASSERT_EQ(add(replay, sequence, {set("key" + std::to_string(sequence), value)}), absl::OkStatus());
  }
  EXPECT_EQ(writer().last_sequence(), 8u) << "64 MiB";
  EXPECT_EQ(writer().counters().checkpoints, 1u);
}

TEST_F(ReplayTest, ARowOfAnUnknownTableIsDataLoss) {
  Replay replay(writer(), kPlenty);
  LogRow row = set("a", "1");
  row.table_id = 2;
  EXPECT_EQ(replay.add(1, std::span(&row, 1)).code(), absl::StatusCode::kDataLoss);
}

TEST_F(ReplayTest, AFullDiskIsTold) {
  Replay replay(writer(), kPlenty);
  ASSERT_EQ(add(replay, 1, {set("a", "1")}), absl::OkStatus());
  vfs_.inject({.file = FaultFile::kLog, .call = FaultCall::kWrite, .error = ENOSPC});
  EXPECT_EQ(replay.finish().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(writer().last_sequence(), 0u);
  vfs_.clear();
  EXPECT_EQ(replay.finish(), absl::OkStatus());
  EXPECT_EQ(rows().size(), 1u);
}

}  // namespace
}  // namespace dictsqlite::flush
