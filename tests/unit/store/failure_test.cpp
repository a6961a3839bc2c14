// Goal: a full disk is survived and retried; any other failed write or sync ends all writing at once [I6].
// Method: a VFS below the store fails the nth call.

#include "store_test_support.hpp"

#include "support/fault_vfs.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>

namespace dictsqlite::store::testing {
namespace {

using testing_support::FaultCall;
using testing_support::FaultFile;
using testing_support::FaultVfs;

constexpr absl::StatusCode kUnavailable = absl::StatusCode::kUnavailable;
constexpr absl::StatusCode kInternal = absl::StatusCode::kInternal;

class Failure : public ::testing::Test {
 protected:
  SqliteOptions options() const {
    SqliteOptions made = options_for(directory_.file("world.db"));
    made.vfs_name = vfs_.name();
    return made;
  }
  std::string path() const { return directory_.file("world.db"); }

  TempDirectory directory_;
  FaultVfs vfs_;
};

TEST_F(Failure, FullDiskRollsTheTransactionBackAndItMayBeTriedAgain) {
  for (const int error : {ENOSPC, EDQUOT}) {
    auto store = open_store(options());
    const Rows first = numbered_rows("a", 100, 100);
    ASSERT_TRUE(apply_sets(*store, first, 100).ok());
    vfs_.inject({FaultFile::kLog, FaultCall::kWrite, error, 1});
    Rows second = numbered_rows("b", 1000, 100);
    EXPECT_EQ(apply_sets(*store, second, 1100).code(), kUnavailable);
    EXPECT_EQ(apply_sets(*store, second, 1100).code(), kUnavailable);
    EXPECT_EQ(store->writer().last_sequence(), 100U);
    EXPECT_EQ(all_rows(*store), first);
    vfs_.clear();
    ASSERT_TRUE(apply_sets(*store, second, 1100).ok());
    sync_log(*store);
    second.insert(first.begin(), first.end());
    EXPECT_EQ(all_rows(*store), second);
    ASSERT_TRUE(store->writer().close().ok());
    store.reset();
    EXPECT_EQ(plain_query(path(), "PRAGMA integrity_check"), "ok");
    std::filesystem::remove(path());
  }
}

// Every write of a transaction that also spills its page cache, one after the other, as the one that fails.
TEST_F(Failure, FullDiskAtAnyWriteOfATransactionIsRolledBack) {
  SqliteOptions small = options();
  small.writer_cache_bytes = 64 << 10;
  auto store = open_store(small);
  Rows expected = numbered_rows("a", 300, 100);
  ASSERT_TRUE(apply_sets(*store, expected, 1).ok());
  std::uint64_t sequence = 1;
  int skip = 0;
  for (bool failed = true; failed; ++skip) {
    ASSERT_TRUE(store->writer().checkpoint().ok());
    vfs_.inject({FaultFile::kLog, FaultCall::kWrite, ENOSPC, skip, 1});
    const int before = vfs_.failures();
    const Rows more = numbered_rows("b" + std::to_string(skip), 3000, 100);
    absl::Status status = apply_sets(*store, more, sequence + 1);
    failed = vfs_.failures() > before;
    vfs_.clear();
    ASSERT_EQ(status.code(), failed ? kUnavailable : absl::StatusCode::kOk) << status;
    if (failed) {
      ASSERT_EQ(all_rows(*store), expected) << "after failing write " << skip;
      ASSERT_TRUE(apply_sets(*store, more, sequence + 1).ok());
    }
    ++sequence;
    expected.insert(more.begin(), more.end());
    ASSERT_EQ(all_rows(*store), expected);
  }
  EXPECT_GT(skip, 5);
  EXPECT_EQ(plain_query(path(), "PRAGMA integrity_check"), "ok");
}

TEST_F(Failure, FullDiskDuringACheckpointLosesNothing) {
  auto store = open_store(options());
  const Rows rows = numbered_rows("a", 1000, 100);
  ASSERT_TRUE(apply_sets(*store, rows, 1000).ok());
  vfs_.inject({FaultFile::kDatabase, FaultCall::kWrite, ENOSPC, 5});
  EXPECT_EQ(store->writer().checkpoint().status().code(), kUnavailable);
  EXPECT_EQ(store->writer().checkpoint().status().code(), kUnavailable);
  ASSERT_TRUE(apply_sets(*store, {{"z", "still writing"}}, 1001).ok());
  vfs_.clear();
  const auto copied = store->writer().checkpoint();
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_TRUE(*copied);
  EXPECT_EQ(all_rows(*store).size(), 1001U);
}

TEST_F(Failure, AFailedWriteOfTheLogIsFinal) {
  auto store = open_store(options());
  const Rows rows = numbered_rows("a", 100, 100);
  ASSERT_TRUE(apply_sets(*store, rows, 100).ok());
  vfs_.inject({FaultFile::kLog, FaultCall::kWrite, EIO, 0, 1});
  const absl::Status first = apply_sets(*store, numbered_rows("b", 100, 100), 200);
  EXPECT_EQ(first.code(), kInternal);
  EXPECT_EQ(apply_sets(*store, {{"c", "1"}}, 201), first);
  EXPECT_EQ(store->writer().checkpoint().status(), first);
  EXPECT_EQ(store->writer().sync_descriptor(), -1);
  EXPECT_EQ(all_rows(*store), rows) << "reads go on";
  EXPECT_EQ(store->writer().close(), first);
}

TEST_F(Failure, AFailedSyncOfTheFlusherIsFinal) {
  auto store = open_store(options());
  ASSERT_TRUE(apply_sets(*store, {{"a", "1"}}, 1).ok());
  ASSERT_GE(store->writer().sync_descriptor(), 0);
  store->writer().sync_finished(EIO);
  const int log_writes = vfs_.calls(FaultFile::kLog, FaultCall::kWrite);
  const int database_writes = vfs_.calls(FaultFile::kDatabase, FaultCall::kWrite);
  EXPECT_EQ(store->writer().sync_descriptor(), -1);
  EXPECT_EQ(apply_sets(*store, {{"b", "1"}}, 2).code(), kInternal);
  EXPECT_EQ(store->writer().checkpoint().status().code(), kInternal);
  EXPECT_EQ(store->writer().close().code(), kInternal);
  store.reset();
  EXPECT_EQ(vfs_.calls(FaultFile::kLog, FaultCall::kWrite), log_writes);
  EXPECT_EQ(vfs_.calls(FaultFile::kDatabase, FaultCall::kWrite), database_writes) << "nothing is checkpointed";
  EXPECT_NE(mode_of(path() + "-wal"), 0U) << "the log stays for the next life";
  EXPECT_EQ(load_one(*open_store(path()), "a"), "1");
}

TEST_F(Failure, NoSpaceOnASyncIsFinalToo) {
  auto store = open_store(options());
  ASSERT_TRUE(apply_sets(*store, {{"a", "1"}}, 1).ok());
  ASSERT_GE(store->writer().sync_descriptor(), 0);
  store->writer().sync_finished(ENOSPC);
  EXPECT_EQ(apply_sets(*store, {{"b", "1"}}, 2).code(), kInternal);
}

TEST_F(Failure, AFailedSyncOfACheckpointIsFinalAndTriedOnce) {
  for (const FaultFile file : {FaultFile::kLog, FaultFile::kDatabase}) {
    std::filesystem::remove(path());
    auto store = open_store(options());
    const Rows rows = numbered_rows("a", 500, 100);
    ASSERT_TRUE(apply_sets(*store, rows, 500).ok());
    vfs_.inject({file, FaultCall::kSync, EIO, 0, 1});
    EXPECT_EQ(store->writer().checkpoint().status().code(), kInternal);
    const int syncs = vfs_.calls(file, FaultCall::kSync);
    EXPECT_EQ(store->writer().checkpoint().status().code(), kInternal);
    EXPECT_EQ(apply_sets(*store, {{"b", "1"}}, 501).code(), kInternal);
    EXPECT_EQ(store->writer().close().code(), kInternal);
    store.reset();
    EXPECT_EQ(vfs_.calls(file, FaultCall::kSync), syncs) << "a failed sync is never retried";
    vfs_.clear();
    store = open_store(options());
    EXPECT_EQ(all_rows(*store), rows);
    ASSERT_TRUE(store->writer().close().ok());
  }
}

TEST_F(Failure, OpeningReportsWhatFailedAndCanBeTriedAgain) {
  {
    auto store = open_store(options());
    ASSERT_TRUE(apply_sets(*store, numbered_rows("a", 500, 100), 500).ok());
  }
  const auto before = directory_.contents();
  ASSERT_GT(before.count("world.db-wal"), 0U);
  for (int skip = 0;; ++skip) {
    vfs_.inject({FaultFile::kLog, FaultCall::kSync, EIO, skip, 1});
    const int failures = vfs_.failures();
    const auto store = SqliteStore::open(options());
    if (vfs_.failures() == failures) break;
    EXPECT_EQ(store.status().code(), kInternal) << store.status();
    if (skip == 0) {
      EXPECT_EQ(directory_.contents()["world.db"], before.at("world.db")) << "before the repair";
    }
  }
  vfs_.clear();
  EXPECT_EQ(all_rows(*open_store(options())), numbered_rows("a", 500, 100));
}

TEST_F(Failure, OpeningOnAFullDiskIsUnavailableAndCanBeTriedAgain) {
  {
    auto store = open_store(options());
    ASSERT_TRUE(apply_sets(*store, numbered_rows("a", 500, 100), 500).ok());
  }
  for (const FaultFile file : {FaultFile::kLog, FaultFile::kDatabase}) {
    for (int skip = 0;; ++skip) {
      vfs_.inject({file, FaultCall::kWrite, ENOSPC, skip});
      const int failures = vfs_.failures();
      const auto store = SqliteStore::open(options());
      if (vfs_.failures() == failures) break;
      ASSERT_EQ(store.status().code(), kUnavailable) << store.status();
    }
    vfs_.clear();
    EXPECT_EQ(all_rows(*open_store(options())), numbered_rows("a", 500, 100));
  }
}

TEST_F(Failure, CreatingOnAFullDiskLeavesNothing) {
  for (int skip = 0;; ++skip) {
    vfs_.inject({FaultFile::kDatabase, FaultCall::kWrite, ENOSPC, skip});
    const int failures = vfs_.failures();
    const auto store = SqliteStore::open(options());
    if (vfs_.failures() == failures) break;
    EXPECT_EQ(store.status().code(), kUnavailable) << store.status();
    EXPECT_TRUE(directory_.names().empty());
  }
}

TEST_F(Failure, CreatingWithAFailingSyncLeavesNothing) {
  vfs_.inject({FaultFile::kDatabase, FaultCall::kSync, EIO});
  EXPECT_EQ(SqliteStore::open(options()).status().code(), kInternal);
  EXPECT_TRUE(directory_.names().empty());
}

}  // namespace
}  // namespace dictsqlite::store::testing
