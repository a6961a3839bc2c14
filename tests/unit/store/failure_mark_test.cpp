// Goal: a life that failed leaves a mark, and the next one then recovers as the sole user or not at all. Method: a VFS
// that fails a write or a sync, and another process that has the file open.

#include "foreign_process.hpp"
#include "store_test_support.hpp"

#include "support/fault_vfs.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace dictsqlite::store::testing {
namespace {

using testing_support::FaultCall;
using testing_support::FaultFile;
using testing_support::FaultVfs;

class FailureMarkTest : public ::testing::Test {
 protected:
  SqliteOptions options() const {
    SqliteOptions made = options_for(path());
    made.vfs_name = vfs_.name();
    return made;
  }
  std::string path() const { return directory_.file("world.db"); }
  std::string mark() const { return path() + "-failed"; }

  // Writes `rows_` and then fails.
  void live_and_fail() {
    auto store = open_store(options());
    ASSERT_TRUE(apply_sets(*store, rows_, 100).ok());
    sync_log(*store);
    ASSERT_TRUE(apply_sets(*store, {{"later", "1"}}, 101).ok());
    ASSERT_GE(store->writer().sync_descriptor(), 0);
    store->writer().sync_finished(EIO);
  }

  static constexpr const char* kCount = "select count(*) from main";

  ForeignProcess reader_;  // forked before anything is open
  TempDirectory directory_;
  FaultVfs vfs_;
  const Rows rows_ = numbered_rows("a", 100, 100);
};

TEST_F(FailureMarkTest, AFailedSyncLeavesItForItsOwnerAlone) {
  live_and_fail();
  EXPECT_EQ(mode_of(mark()), 0600U);
}

TEST_F(FailureMarkTest, AFailedWriteLeavesItToo) {
  auto store = open_store(options());
  vfs_.inject({FaultFile::kLog, FaultCall::kWrite, EIO, 0, 1});
  EXPECT_EQ(apply_sets(*store, rows_, 100).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(mode_of(mark()), 0600U);
}

TEST_F(FailureMarkTest, AFullDiskLeavesNone) {
  auto store = open_store(options());
  vfs_.inject({FaultFile::kLog, FaultCall::kWrite, ENOSPC, 0, 1});
  EXPECT_EQ(apply_sets(*store, rows_, 100).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(mode_of(mark()), 0U);
}

TEST_F(FailureMarkTest, TheNextLifeRecoversAndTakesItAway) {
  live_and_fail();
  auto store = open_store(options());
  EXPECT_EQ(mode_of(mark()), 0U);
  Rows expected = rows_;
  expected["later"] = "1";
  EXPECT_EQ(all_rows(*store), expected) << "the page cache has not lost it";
  ASSERT_TRUE(apply_sets(*store, {{"b", "2"}}, 102).ok());
  ASSERT_TRUE(store->writer().close().ok());
  EXPECT_EQ(plain_query(path(), "PRAGMA integrity_check"), "ok");
}

TEST_F(FailureMarkTest, WhileAReaderIsThereTheNextLifeIsRefusedAndTouchesNothing) {
  live_and_fail();
  ASSERT_EQ(reader_.open(path()), "ok");
  ASSERT_EQ(reader_.query(kCount), "101");
  {
    const auto before = directory_.contents();
    const auto refused = SqliteStore::open(options());
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnavailable) << refused.status();
    EXPECT_NE(std::string(refused.status().message()).find("-failed"), std::string::npos) << refused.status();
    EXPECT_EQ(directory_.contents(), before);
    EXPECT_EQ(reader_.query(kCount), "101") << "the reader goes on";
  }
  reader_.kill();
  auto store = open_store(options());
  EXPECT_EQ(all_rows(*store).size(), 101U);
  EXPECT_EQ(mode_of(mark()), 0U);
}

TEST_F(FailureMarkTest, WithoutItAReaderIsInNobodysWay) {
  { ASSERT_TRUE(apply_sets(*open_store(options()), rows_, 100).ok()); }
  ASSERT_EQ(reader_.open(path()), "ok");
  ASSERT_EQ(reader_.query(kCount), "100");
  auto store = open_store(options());
  EXPECT_EQ(all_rows(*store), rows_);
}

TEST_F(FailureMarkTest, ReadersAreWelcomeOnceItIsGone) {
  live_and_fail();
  auto store = open_store(options());
  ASSERT_EQ(reader_.open(path()), "ok");
  EXPECT_EQ(reader_.query(kCount), "101");
}

TEST_F(FailureMarkTest, IsLeftByARecoveryThatFailsItself) {
  { ASSERT_TRUE(apply_sets(*open_store(options()), rows_, 100).ok()); }
  ASSERT_EQ(mode_of(mark()), 0U);
  vfs_.inject({FaultFile::kLog, FaultCall::kSync, EIO, 0, 1});
  EXPECT_EQ(SqliteStore::open(options()).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(mode_of(mark()), 0600U);
  vfs_.clear();
  EXPECT_EQ(all_rows(*open_store(options())), rows_);
}

TEST_F(FailureMarkTest, StaysWhenRecoveryFailsAgain) {
  live_and_fail();
  vfs_.inject({FaultFile::kLog, FaultCall::kSync, EIO, 0, 1});
  EXPECT_EQ(SqliteStore::open(options()).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(mode_of(mark()), 0600U);
  vfs_.clear();
  EXPECT_EQ(all_rows(*open_store(options())).size(), 101U);
  EXPECT_EQ(mode_of(mark()), 0U);
}

}  // namespace
}  // namespace dictsqlite::store::testing
