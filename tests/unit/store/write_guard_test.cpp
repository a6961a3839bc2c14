// Goal: the first failure of a write or sync is kept, told in a sentence, and marked once for the next life; a full
// disk cannot take the mark and that changes nothing. Method: direct calls, with files that only note what is asked.
#include "store/write_guard.hpp"

#include "support/passing_files.hpp"

#include <gtest/gtest.h>

#include <sqlite3.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite::store {
namespace {

using Code = absl::StatusCode;

class NotedFiles final : public testing_support::PassingFiles {
 public:
  std::vector<std::string> asked;
  absl::Status answer;

  absl::Status create_private(const std::string& path) override { return note("create " + path); }
  void remove(const std::string& path) noexcept override { static_cast<void>(note("remove " + path)); }
  absl::Status sync_directory(const std::string& path) override { return note("sync " + path); }

 private:
  absl::Status note(std::string what) {
    asked.push_back(std::move(what));
    return answer;
  }
};

class WriteGuardTest : public ::testing::Test {
 protected:
  NotedFiles files_;
  FailureMark mark_{files_, "/world.db"};
  WriteGuard guard_{mark_, "/world.db"};
  const std::vector<std::string> marked_{"create /world.db-failed", "sync /world.db-failed"};
};

TEST_F(WriteGuardTest, HasNotFailedAtFirst) {
  EXPECT_FALSE(guard_.failed());
  EXPECT_EQ(guard_.failure(), absl::OkStatus());
  EXPECT_FALSE(guard_.log_sync_in_flight());
  EXPECT_EQ(guard_.log_syncs(), 0u);
}

TEST_F(WriteGuardTest, SaysWhatFailedOnWhichFileAndWhy) {
  guard_.fail("sync", "-wal", SQLITE_IOERR_FSYNC, EIO);
  EXPECT_TRUE(guard_.failed());
  EXPECT_EQ(guard_.failure(), absl::InternalError("sync of '/world.db-wal': Input/output error; what reached the disk "
                                                  "is unknown until the database is reopened"));
}

TEST_F(WriteGuardTest, SaysWhatSqliteSaysWhereTheKernelSaysNothing) {
  guard_.fail("write", "", SQLITE_IOERR_WRITE, 0);
  EXPECT_EQ(guard_.failure(), absl::InternalError("write of '/world.db': disk I/O error; what reached the disk is "
                                                  "unknown until the database is reopened"));
}

TEST_F(WriteGuardTest, KeepsTheFirstFailureAndMarksItOnce) {
  guard_.fail("write", "-wal", SQLITE_IOERR_WRITE, EIO);
  const absl::Status first = guard_.failure();
  guard_.fail("sync", "", SQLITE_IOERR_FSYNC, ENOSPC);
  guard_.log_sync_finished(EDQUOT);
  EXPECT_EQ(guard_.failure(), first);
  EXPECT_EQ(files_.asked, marked_);
}

TEST_F(WriteGuardTest, HasFailedAlsoIfTheMarkCannotBeLeft) {
  files_.answer = absl::UnavailableError("no space");
  guard_.fail("sync", "-wal", SQLITE_IOERR_FSYNC, EIO);
  EXPECT_EQ(guard_.failure().code(), Code::kInternal);
  EXPECT_EQ(files_.asked, marked_);
}

TEST_F(WriteGuardTest, ASyncOfTheLogThatSucceedsIsOverAndNothingElse) {
  guard_.log_sync_started();
  EXPECT_TRUE(guard_.log_sync_in_flight());
  guard_.log_sync_finished(0);
  EXPECT_FALSE(guard_.log_sync_in_flight());
  EXPECT_FALSE(guard_.failed());
  EXPECT_EQ(files_.asked, (std::vector<std::string>{}));
}

// "No space" from a sync is no full disk: the pages are gone.
TEST_F(WriteGuardTest, ASyncOfTheLogThatFailsIsOverAndAFailureWhateverTheReason) {
  guard_.log_sync_started();
  guard_.log_sync_finished(ENOSPC);
  EXPECT_FALSE(guard_.log_sync_in_flight());
  EXPECT_EQ(guard_.failure().code(), Code::kInternal);
  EXPECT_NE(std::string(guard_.failure().message()).find("sync of '/world.db-wal'"), std::string::npos);
}

TEST_F(WriteGuardTest, CountsTheSyncsThatSqliteMade) {
  guard_.log_synced_by_sqlite();
  guard_.log_synced_by_sqlite();
  EXPECT_EQ(guard_.log_syncs(), 2u);
}

}  // namespace
}  // namespace dictsqlite::store
