// Goal: whoever opens the file through it first is its only writer for as long as it has the file open; what an unclean
// end left is repaired before SQLite reads it; a commit is few writes and no sync of its own; and after a failed write
// nothing is written any more. Method: plain connections through the VFS, on a VFS that counts calls and fails on
// demand; another process as the stranger.
#include "store/owner_vfs.hpp"

#include "foreign_process.hpp"
#include "store/sqlite_connection.hpp"
#include "store_test_support.hpp"
#include "support/fault_vfs.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>

namespace dictsqlite::store::testing {
namespace {

using testing_support::FaultCall;
using testing_support::FaultFile;
using testing_support::FaultVfs;
using Code = absl::StatusCode;
using Ownership = OwnerVfs::Ownership;

// A connection through an OwnerVfs, with all that it stands on.
class Owner {
 public:
  enum class Use { kShared, kSole };

  Owner(FaultVfs& below, const std::string& path, Use use = Use::kShared)
      : mark_(*files_, path), guard(mark_, path), vfs(*sqlite3_vfs_find(below.name().c_str()), guard) {
    if (use == Use::kSole) vfs.insist_on_sole_use();
    const VfsLayer::Registration registration(vfs);
    EXPECT_TRUE(registration.ok());
    absl::StatusOr<Connection> opened =
        Connection::open(path, {.access = Access::kReadWrite, .vfs_name = vfs.name(), .row_bytes_max = 1u << 20});
    EXPECT_TRUE(opened.ok()) << opened.status();
    if (opened.ok()) connection = *std::move(opened);
  }

  /// The first of them makes SQLite open the log, and the VFS take the locks.
  absl::Status look() { return connection.execute("SELECT count(*) FROM t"); }
  /// Becomes the owner, as the writer does.
  void own() {
    ASSERT_EQ(look(), absl::OkStatus());
    ASSERT_EQ(vfs.ownership(), Ownership::kOwned);
    ASSERT_EQ(connection.execute("PRAGMA synchronous=FULL"), absl::OkStatus());
  }
  /// A transaction of `pages` pages or more, committed as the writer does.
  absl::Status write(int pages = 1) {
    absl::Status status = connection.execute("BEGIN; INSERT INTO t(v) VALUES (zeroblob(" +
                                             std::to_string((pages - 1) * 4096 + 100) + "))");
    if (status.ok()) {
      const OwnerVfs::CommitScope scope(vfs);
      status = connection.execute("COMMIT");
    }
    if (!status.ok() && sqlite3_get_autocommit(connection.handle()) == 0) {
      static_cast<void>(connection.execute("ROLLBACK"));
    }
    if (!status.ok()) vfs.rolled_back();
    return status;
  }
  std::string count() { return *connection.query_text("SELECT count(*) FROM t"); }

 private:
  std::unique_ptr<io::FileAccess> files_ = io::make_kernel_files();
  FailureMark mark_;

 public:
  WriteGuard guard;
  OwnerVfs vfs;
  Connection connection;
};

class OwnerVfsTest : public ::testing::Test {
 protected:
  OwnerVfsTest() {
    write_bytes(path_, "");
    EXPECT_EQ(plain_query(path_, "PRAGMA journal_mode=WAL"), "wal");
    EXPECT_EQ(plain_query(path_, "CREATE TABLE t(k INTEGER PRIMARY KEY, v)"), "");
  }
  // A log with something in it, left by a process that was killed.
  void leave_log() {
    ForeignProcess other;
    ASSERT_EQ(other.open(path_), "ok");
    ASSERT_EQ(other.query("INSERT INTO t(v) VALUES ('left behind')"), "");
    other.kill();
  }

  const TempDirectory directory_;
  const std::string path_ = directory_.file("world.db");
  ForeignProcess stranger_;  // before any database is opened here
  FaultVfs below_;
};

// --- ownership ---

TEST_F(OwnerVfsTest, OwnsFromTheFirstLookOn) {
  Owner owner(below_, path_);
  EXPECT_EQ(owner.vfs.ownership(), Ownership::kNotTried) << "opening looks at nothing";
  EXPECT_EQ(owner.look(), absl::OkStatus());
  EXPECT_EQ(owner.vfs.ownership(), Ownership::kOwned);
  EXPECT_FALSE(owner.vfs.found_log());
  EXPECT_EQ(owner.vfs.log_starts(), 0u);
}

TEST_F(OwnerVfsTest, LetsOthersReadAndNeitherWriteNorCheckpoint) {
  Owner owner(below_, path_);
  owner.own();
  ASSERT_EQ(owner.write(), absl::OkStatus());
  ASSERT_EQ(stranger_.open(path_), "ok");
  EXPECT_EQ(stranger_.query("SELECT count(*) FROM t"), "1");
  EXPECT_EQ(stranger_.query("INSERT INTO t(v) VALUES (1)"), "error 5");
  EXPECT_EQ(stranger_.query("PRAGMA wal_checkpoint(TRUNCATE)").substr(0, 2), "1|") << "busy";
  ASSERT_EQ(owner.write(), absl::OkStatus());
  EXPECT_EQ(stranger_.query("SELECT count(*) FROM t"), "2");
}

TEST_F(OwnerVfsTest, ASecondOneIsRefusedAndTheFirstGoesOn) {
  Owner first(below_, path_);
  first.own();
  {
    Owner second(below_, path_);
    EXPECT_FALSE(second.look().ok());
    EXPECT_EQ(second.vfs.ownership(), Ownership::kRefused);
  }
  EXPECT_EQ(first.write(), absl::OkStatus());
  ASSERT_EQ(stranger_.open(path_), "ok");
  EXPECT_EQ(stranger_.query("INSERT INTO t(v) VALUES (1)"), "error 5") << "still the first one's";
}

TEST_F(OwnerVfsTest, GivesTheFileBackWhenItIsClosed) {
  {
    Owner owner(below_, path_);
    owner.own();
    ASSERT_EQ(owner.write(), absl::OkStatus());
    EXPECT_EQ(owner.vfs.sync_log(), absl::OkStatus());
    owner.connection.close();
    EXPECT_EQ(owner.vfs.ownership(), Ownership::kNotTried);
  }
  ASSERT_EQ(stranger_.open(path_), "ok");
  EXPECT_EQ(stranger_.query("INSERT INTO t(v) VALUES (1)"), "");
  Owner next(below_, path_);
  EXPECT_EQ(next.look(), absl::OkStatus());
  EXPECT_EQ(next.vfs.ownership(), Ownership::kOwned);
}

TEST_F(OwnerVfsTest, SoleUseIsRefusedWhileSomebodyHasTheFileOpen) {
  ASSERT_EQ(stranger_.open(path_), "ok");
  ASSERT_EQ(stranger_.query("SELECT count(*) FROM t"), "0");
  {
    Owner sole(below_, path_, Owner::Use::kSole);
    EXPECT_FALSE(sole.look().ok());
    EXPECT_EQ(sole.vfs.ownership(), Ownership::kNotAlone);
  }
  EXPECT_EQ(stranger_.query("INSERT INTO t(v) VALUES (1)"), "") << "the locks were given back";
  stranger_.kill();
  Owner sole(below_, path_, Owner::Use::kSole);
  EXPECT_EQ(sole.look(), absl::OkStatus());
  EXPECT_EQ(sole.vfs.ownership(), Ownership::kOwned);
}

TEST_F(OwnerVfsTest, SoleUseEndsWhenTheLogIsRepaired) {
  Owner sole(below_, path_, Owner::Use::kSole);
  sole.own();
  ASSERT_EQ(stranger_.open(path_), "ok");
  EXPECT_EQ(stranger_.query("SELECT count(*) FROM t"), "0");
}

// --- repair ---

TEST_F(OwnerVfsTest, KeepsWhatWasInTheLog) {
  leave_log();
  Owner owner(below_, path_);
  owner.own();
  EXPECT_TRUE(owner.vfs.found_log());
  EXPECT_EQ(owner.count(), "1");
}

TEST_F(OwnerVfsTest, SyncsTheLogBeforeSqliteReadsIt) {
  leave_log();
  int syncs_before_reading = 0;
  below_.inject(
      {.file = FaultFile::kLog, .call = FaultCall::kSync, .error = 0, .before = [&] { ++syncs_before_reading; }});
  Owner owner(below_, path_);
  owner.own();
  EXPECT_EQ(syncs_before_reading, 1);
}

TEST_F(OwnerVfsTest, IsNoOwnerOfALogThatCannotBeRead) {
  leave_log();
  Owner owner(below_, path_);
  below_.inject({.file = FaultFile::kLog, .call = FaultCall::kRead, .error = EIO, .times = 1});
  EXPECT_FALSE(owner.look().ok());
  EXPECT_EQ(owner.vfs.ownership(), Ownership::kFailed);
  EXPECT_EQ(owner.vfs.failure_code(), SQLITE_IOERR_CORRUPTFS);
  EXPECT_EQ(owner.vfs.failure_errno(), EIO);
  owner.connection.close();
  ASSERT_EQ(stranger_.open(path_), "ok");
  EXPECT_EQ(stranger_.query("INSERT INTO t(v) VALUES (1)"), "") << "the locks were given back";
}

TEST_F(OwnerVfsTest, AFailedSyncOfTheRepairedLogIsAFailureOfThisLife) {
  leave_log();
  Owner owner(below_, path_);
  below_.inject({.file = FaultFile::kLog, .call = FaultCall::kSync, .error = EIO, .times = 1});
  EXPECT_FALSE(owner.look().ok());
  EXPECT_EQ(owner.vfs.ownership(), Ownership::kFailed);
  EXPECT_TRUE(owner.guard.failed());
  EXPECT_NE(std::string(owner.guard.failure().message()).find("recovery of '" + path_ + "-wal'"), std::string::npos)
      << owner.guard.failure();
}

TEST_F(OwnerVfsTest, AFullDiskAtTheRepairIsNone) {
  leave_log();
  Owner owner(below_, path_);
  below_.inject({.file = FaultFile::kLog, .call = FaultCall::kWrite, .error = ENOSPC, .times = 1});
  EXPECT_FALSE(owner.look().ok());
  EXPECT_EQ(owner.vfs.ownership(), Ownership::kFailed);
  EXPECT_EQ(owner.vfs.failure_code(), SQLITE_FULL);
  EXPECT_FALSE(owner.guard.failed());
}

// --- gathering ---

TEST_F(OwnerVfsTest, ACommitIsFewWritesAndNoSync) {
  Owner owner(below_, path_);
  owner.own();
  ASSERT_EQ(owner.write(), absl::OkStatus());
  EXPECT_EQ(owner.vfs.log_starts(), 1u);
  EXPECT_EQ(owner.guard.log_syncs(), 1u) << "the new log's header";
  const int writes = below_.calls(FaultFile::kLog, FaultCall::kWrite);
  ASSERT_EQ(owner.write(20), absl::OkStatus());
  EXPECT_LE(below_.calls(FaultFile::kLog, FaultCall::kWrite) - writes, 3) << "SQLite makes two a page";
  EXPECT_EQ(owner.guard.log_syncs(), 1u);
  EXPECT_EQ(below_.calls(FaultFile::kLog, FaultCall::kSync), 1);
  EXPECT_EQ(owner.vfs.log_starts(), 1u);
}

TEST_F(OwnerVfsTest, WhatIsCommittedHasLeftTheBuffer) {
  Owner owner(below_, path_);
  owner.own();
  ASSERT_EQ(owner.write(), absl::OkStatus());
  ASSERT_EQ(stranger_.open(path_), "ok");
  for (const char* count : {"1", "2", "3"}) {
    EXPECT_EQ(stranger_.query("SELECT count(*) FROM t"), count);
    ASSERT_EQ(owner.write(), absl::OkStatus());
  }
}

TEST_F(OwnerVfsTest, ASyncOutsideOfACommitIsMade) {
  Owner owner(below_, path_);
  owner.own();
  ASSERT_EQ(owner.write(), absl::OkStatus());
  const int syncs = below_.calls(FaultFile::kLog, FaultCall::kSync);
  EXPECT_EQ(owner.vfs.sync_log(), absl::OkStatus());
  EXPECT_EQ(below_.calls(FaultFile::kLog, FaultCall::kSync), syncs + 1);
  EXPECT_EQ(owner.guard.log_syncs(), 2u);
}

TEST_F(OwnerVfsTest, TwoSyncsOfTheLogAtATimeAreAFailure) {
  Owner owner(below_, path_);
  owner.own();
  ASSERT_EQ(owner.write(), absl::OkStatus());
  const int syncs = below_.calls(FaultFile::kLog, FaultCall::kSync);
  owner.guard.log_sync_started();
  const absl::Status status = owner.vfs.sync_log();
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_NE(std::string(status.message()).find("second sync at a time"), std::string::npos) << status;
  EXPECT_EQ(below_.calls(FaultFile::kLog, FaultCall::kSync), syncs) << "only one would be told of an error";
}

TEST_F(OwnerVfsTest, TakesWritesOfASectorForHarmlessToItsNeighbours) {
  Owner owner(below_, path_);
  owner.own();
  sqlite3_file* file = nullptr;
  ASSERT_EQ(sqlite3_file_control(owner.connection.handle(), "main", SQLITE_FCNTL_FILE_POINTER, &file), SQLITE_OK);
  EXPECT_NE(file->pMethods->xDeviceCharacteristics(file) & SQLITE_IOCAP_POWERSAFE_OVERWRITE, 0);
}

// --- the guard ---

TEST_F(OwnerVfsTest, AFullDiskIsRolledBackAndTriedAgain) {
  Owner owner(below_, path_);
  owner.own();
  ASSERT_EQ(owner.write(), absl::OkStatus());
  below_.inject({.file = FaultFile::kLog, .call = FaultCall::kWrite, .error = ENOSPC, .times = 1});
  EXPECT_EQ(owner.write(20).code(), Code::kUnavailable);
  EXPECT_FALSE(owner.guard.failed());
  EXPECT_EQ(owner.count(), "1");
  EXPECT_EQ(owner.write(20), absl::OkStatus());
  EXPECT_EQ(owner.count(), "2");
}

TEST_F(OwnerVfsTest, NothingIsWrittenAfterAFailedWrite) {
  Owner owner(below_, path_);
  owner.own();
  ASSERT_EQ(owner.write(), absl::OkStatus());
  below_.inject({.file = FaultFile::kLog, .call = FaultCall::kWrite, .error = EIO, .times = 1});
  EXPECT_FALSE(owner.write().ok());
  ASSERT_TRUE(owner.guard.failed());
  const auto calls = [this] {
    return below_.calls(FaultFile::kLog, FaultCall::kWrite) + below_.calls(FaultFile::kLog, FaultCall::kSync) +
           below_.calls(FaultFile::kDatabase, FaultCall::kWrite) + below_.calls(FaultFile::kDatabase, FaultCall::kSync);
  };
  const int before = calls();
  EXPECT_FALSE(owner.write().ok());
  EXPECT_EQ(owner.vfs.sync_log(), owner.guard.failure());
  EXPECT_FALSE(owner.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").ok());
  EXPECT_EQ(calls(), before);
  EXPECT_EQ(owner.count(), "1") << "what was committed can be read";
}

TEST_F(OwnerVfsTest, NothingIsWrittenAfterAFailedSync) {
  Owner owner(below_, path_);
  owner.own();
  ASSERT_EQ(owner.write(), absl::OkStatus());
  below_.inject({.file = FaultFile::kLog, .call = FaultCall::kSync, .error = EIO, .times = 1});
  const absl::Status status = owner.vfs.sync_log();
  EXPECT_EQ(status, owner.guard.failure());
  EXPECT_NE(std::string(status.message()).find("sync of '" + path_ + "-wal'"), std::string::npos) << status;
  EXPECT_FALSE(owner.write().ok());
  EXPECT_EQ(owner.vfs.sync_log(), status) << "although it would succeed now";
}

TEST_F(OwnerVfsTest, AFailedWriteOfTheDatabaseIsOneToo) {
  Owner owner(below_, path_);
  owner.own();
  ASSERT_EQ(owner.write(), absl::OkStatus());
  below_.inject({.file = FaultFile::kDatabase, .call = FaultCall::kWrite, .error = EIO, .times = 1});
  EXPECT_FALSE(owner.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").ok());
  EXPECT_TRUE(owner.guard.failed());
  EXPECT_NE(std::string(owner.guard.failure().message()).find("write of '" + path_ + "'"), std::string::npos)
      << owner.guard.failure();
}

}  // namespace
}  // namespace dictsqlite::store::testing
