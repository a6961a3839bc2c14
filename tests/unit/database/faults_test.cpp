// Goal: what a whole database does when its disk fails or is full: who is told what, what goes on, what is lost [I6].
// Method: the nth write of SQLite's files fails in a VFS below the store, or the flusher's own sync in its backend, and
// a gate in the failing call lets the test act while the flusher is in the midst of it.
#include <dictsqlite/dictsqlite.hpp>

#include "database/surroundings.hpp"
#include "support/fault_backend.hpp"
#include "support/fault_vfs.hpp"
#include "support/open_database.hpp"
#include "support/outcome.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite {
namespace {

using Code = absl::StatusCode;
using testing_support::FaultCall;
using testing_support::FaultFile;
using testing_support::FaultVfs;
using testing_support::Outcome;
using testing_support::SyncFaults;
using testing_support::TemporaryDirectory;

// A point that one thread reaches and waits at until another opens it.
class Gate {
 public:
  void pass() {
    reached_.set_value();
    opened_.get_future().wait();
  }
  void wait_until_reached() { reached_.get_future().wait(); }
  void open() { opened_.set_value(); }

 private:
  std::promise<void> reached_;
  std::promise<void> opened_;
};

// Remembers what was reported.
class Events {
 public:
  [[nodiscard]] EventHook hook() {
    return {[](void* context, const Event& event) noexcept {
              auto& events = *static_cast<Events*>(context);
              const std::scoped_lock lock(events.mutex_);
              ++events.counts_[event.kind];
              events.changed_.notify_all();
            },
            this};
  }
  void wait_for(EventKind kind) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return counts_[kind] > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<EventKind, int> counts_;
};

class Faults : public testing::TestWithParam<IoBackendChoice> {
 protected:
  Faults() : surroundings_{.backend = faults_.opener(), .vfs_name = vfs_.name()} {
    options_.path = directory_.file("test.db");
    options_.event_hook = events_.hook();
    options_.io_backend = GetParam();
  }
  Database open() {
    absl::StatusOr<Database> database = detail::open_in(surroundings_, options_).wait();
    EXPECT_TRUE(database.ok()) << database.status();
    return database.ok() ? *std::move(database) : Database();
  }
  // What a life without faults finds.
  std::map<std::string, std::string> reopened() {
    Options options;
    options.path = options_.path;
    Database database = testing_support::open_database(options);
    std::map<std::string, std::string> rows;
    Scan scan = database.scan();
    while (std::optional<Row> row = scan.next()) rows.emplace(row->key, row->value);
    EXPECT_TRUE(scan.status().ok()) << scan.status();
    return rows;
  }
  [[nodiscard]] bool marked() const { return std::filesystem::exists(options_.path + "-failed"); }
  static WriteOptions durable() { return {.ack = Ack::kDurable}; }

  TemporaryDirectory directory_;
  FaultVfs vfs_;
  SyncFaults faults_;
  Events events_;
  detail::Surroundings surroundings_;
  Options options_;
};

INSTANTIATE_TEST_SUITE_P(Backends, Faults, testing::Values(IoBackendChoice::kAuto, IoBackendChoice::kThreads),
                         [](const auto& choice) {
                           return choice.param == IoBackendChoice::kAuto ? "Auto" : "Threads";
                         });

// --- a full disk ---

TEST_P(Faults, AFullDiskMakesDurableWritesWaitAndLosesNothing) {
  Database database = open();
  vfs_.inject({FaultFile::kLog, FaultCall::kWrite, ENOSPC});
  Outcome first(database.set_async("a", "1", durable()));
  events_.wait_for(EventKind::kDiskFull);
  EXPECT_TRUE(database.stats().disk_full);
  EXPECT_EQ(database.set("b", "2").code(), Code::kOk) << "accepted, and waits for space";
  EXPECT_EQ(*database.get("b"), "2");
  EXPECT_FALSE(database.stats().failed);
  vfs_.clear();
  EXPECT_EQ(first.wait(), Code::kOk);
  events_.wait_for(EventKind::kDiskFullOver);
  EXPECT_FALSE(database.stats().disk_full);
  EXPECT_EQ(database.close().code(), Code::kOk);
  EXPECT_EQ(reopened(), (std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}}));
}

TEST_P(Faults, AFullDiskRefusesNewWritesIfSoAsked) {
  options_.disk_full = DiskFull::kRefuse;
  Database database = open();
  vfs_.inject({FaultFile::kLog, FaultCall::kWrite, ENOSPC});
  Outcome first(database.set_async("a", "1", durable()));
  events_.wait_for(EventKind::kDiskFull);
  EXPECT_EQ(database.set("b", "2").code(), Code::kUnavailable);
  EXPECT_EQ(database.get("b").status().code(), Code::kNotFound);
  vfs_.clear();
  EXPECT_EQ(first.wait(), Code::kOk);
  events_.wait_for(EventKind::kDiskFullOver);
  EXPECT_EQ(database.set("b", "2").code(), Code::kOk);
}

// Nothing is waiting to be written, so nothing but the checkpoint itself can find that there is space again.
TEST_P(Faults, AFullDiskFoundByACheckpointIsOverWhenTheCheckpointSucceeds) {
  options_.disk_full = DiskFull::kRefuse;
  options_.wal_bytes = 64 << 10;
  Database database = open();
  vfs_.inject({FaultFile::kDatabase, FaultCall::kWrite, ENOSPC});
  ASSERT_EQ(database.set("a", std::string(100'000, 'v'), durable()).code(), Code::kOk) << "the log had space";
  events_.wait_for(EventKind::kDiskFull);
  EXPECT_EQ(database.set("b", "2").code(), Code::kUnavailable);
  vfs_.clear();
  events_.wait_for(EventKind::kDiskFullOver);
  EXPECT_EQ(database.set("b", "2").code(), Code::kOk);
}

TEST_P(Faults, ACloseWaitsForSpace) {
  Database database = open();
  vfs_.inject({FaultFile::kLog, FaultCall::kWrite, ENOSPC});
  ASSERT_EQ(database.set("a", "1").code(), Code::kOk);
  Outcome closed(database.close_async());
  events_.wait_for(EventKind::kDiskFull);
  vfs_.clear();
  EXPECT_EQ(closed.wait(), Code::kOk);
  EXPECT_EQ(reopened().at("a"), "1");
}

// The log still has space, and takes what is left.
TEST_P(Faults, ACloseWritesTheRestAlthoughTheLogCannotBeCopied) {
  options_.wal_bytes = 64 << 10;
  {
    Database database = open();
    vfs_.inject({FaultFile::kDatabase, FaultCall::kWrite, ENOSPC});
    ASSERT_EQ(database.set("a", std::string(100'000, 'v'), durable()).code(), Code::kOk);
    events_.wait_for(EventKind::kDiskFull);
    ASSERT_EQ(database.set("b", "2").code(), Code::kOk);
    EXPECT_EQ(database.close(), absl::OkStatus()) << "the log stays, and holds it all";
    EXPECT_GT(std::filesystem::file_size(options_.path + "-wal"), 100'000u);
  }
  vfs_.clear();
  EXPECT_EQ(reopened().at("b"), "2");
}

TEST_P(Faults, WhoWaitsWhenTheLogCannotBeCopiedAtTheEndIsToldThatItIsDurable) {
  Gate gate;
  Database database = open();
  vfs_.inject({FaultFile::kLog, FaultCall::kWrite, ENOSPC, 0, 1, [&] { gate.pass(); }});
  Outcome written(database.set_async("a", "1", durable()));
  gate.wait_until_reached();
  Outcome closed(database.close_async());  // seen together with the write, which is therefore synced by the close
  vfs_.inject({FaultFile::kDatabase, FaultCall::kWrite, ENOSPC});
  gate.open();
  EXPECT_EQ(written.wait(), Code::kOk);
  EXPECT_EQ(closed.wait(), Code::kOk);
  EXPECT_GT(vfs_.failures(), 1) << "the database file was to be written to";
  vfs_.clear();
  EXPECT_EQ(reopened().at("a"), "1");
}

TEST_P(Faults, AFailedSyncOfALogThatCannotBeCopiedAtTheEndIsAFailure) {
  Database database = open();
  ASSERT_EQ(database.set("a", "1").code(), Code::kOk);
  vfs_.inject({FaultFile::kDatabase, FaultCall::kWrite, ENOSPC, 0, 1, [&] {
                 vfs_.inject({FaultFile::kLog, FaultCall::kSync, EIO});
               }});
  EXPECT_EQ(database.close().code(), Code::kInternal);
  vfs_.clear();
  EXPECT_TRUE(marked());
}

TEST_P(Faults, ADestructorGivesUpAfterItsTimeAndReportsTheLoss) {
  options_.close_timeout = std::chrono::milliseconds(0);
  {
    Database database = open();
    vfs_.inject({FaultFile::kLog, FaultCall::kWrite, ENOSPC});
    ASSERT_EQ(database.set("a", "1").code(), Code::kOk);
  }
  events_.wait_for(EventKind::kClosedWithLoss);
  vfs_.clear();
  EXPECT_TRUE(reopened().empty());
}

// --- failure ---

TEST_P(Faults, AFailedSyncEndsWhoWaitedForItAsUnknown) {
  Database database = open();
  faults_.fail_next(EIO);
  EXPECT_EQ(database.set("a", "1", durable()).code(), Code::kUnknown);
  events_.wait_for(EventKind::kFailed);
  EXPECT_TRUE(database.stats().failed);
  EXPECT_TRUE(marked());
}

TEST_P(Faults, AfterAFailureWritesAreRefusedReadsGoOnAndNothingIsSyncedAgain) {
  Database database = open();
  ASSERT_EQ(database.set("old", "0", durable()).code(), Code::kOk);
  faults_.fail_next(EIO);
  ASSERT_EQ(database.set("a", "1", durable()).code(), Code::kUnknown);
  const int syncs = faults_.syncs();
  const int log_writes = vfs_.calls(FaultFile::kLog, FaultCall::kWrite);
  EXPECT_EQ(database.set("b", "2").code(), Code::kFailedPrecondition);
  EXPECT_EQ(database.erase("a").code(), Code::kFailedPrecondition);
  EXPECT_EQ(*database.get("a"), "1");
  EXPECT_EQ(database.get("absent").status().code(), Code::kNotFound);
  EXPECT_NE(database.sync().code(), Code::kOk);
  EXPECT_NE(database.flush().code(), Code::kOk);
  EXPECT_EQ(database.close().code(), Code::kFailedPrecondition);
  EXPECT_EQ(faults_.syncs(), syncs) << "a failed sync is never retried";
  EXPECT_EQ(vfs_.calls(FaultFile::kLog, FaultCall::kWrite), log_writes);
  EXPECT_EQ(reopened().at("old"), "0");
}

// A scan holds everything that was accepted before it, or nothing: not a part.
TEST_P(Faults, AfterAFailureAScanNeedsEverythingAcceptedToBeCommitted) {
  Database database = open();
  ASSERT_EQ(database.set("old", "0", durable()).code(), Code::kOk);
  vfs_.inject({FaultFile::kLog, FaultCall::kWrite, EIO, 0, 1});
  ASSERT_EQ(database.set("a", "1", durable()).code(), Code::kUnknown);
  Scan scan = database.scan();
  EXPECT_EQ(scan.next(), std::nullopt);
  EXPECT_EQ(scan.status().code(), Code::kFailedPrecondition) << scan.status();
}

TEST_P(Faults, AfterAFailedSyncAScanHasWhatWasCommitted) {
  Database database = open();
  faults_.fail_next(EIO);
  ASSERT_EQ(database.set("a", "1", durable()).code(), Code::kUnknown);
  Scan scan = database.scan();
  const std::optional<Row> row = scan.next();
  ASSERT_TRUE(row.has_value()) << scan.status();
  EXPECT_EQ(row->value, "1");
  EXPECT_EQ(scan.next(), std::nullopt);
  EXPECT_EQ(scan.status(), absl::OkStatus());
}

TEST_P(Faults, NoSpaceOnASyncIsAFailureToo) {
  Database database = open();
  faults_.fail_next(ENOSPC);
  EXPECT_EQ(database.set("a", "1", durable()).code(), Code::kUnknown);
  EXPECT_TRUE(database.stats().failed);
  EXPECT_FALSE(database.stats().disk_full);
}

TEST_P(Faults, AFailedSyncOfACheckpointIsAFailure) {
  options_.wal_bytes = 64 << 10;
  Database database = open();
  vfs_.inject({FaultFile::kDatabase, FaultCall::kSync, EIO, 0, 1});
  const std::string value(100'000, 'v');
  EXPECT_EQ(database.set("a", value, durable()).code(), Code::kUnknown) << "its checkpoint comes before its sync";
  events_.wait_for(EventKind::kFailed);
  EXPECT_EQ(database.set("b", "2").code(), Code::kFailedPrecondition);
  EXPECT_EQ(database.close().code(), Code::kFailedPrecondition);
  EXPECT_EQ(reopened(), (std::map<std::string, std::string>{{"a", value}})) << "the log has it";
}

// While the transaction of the first write fails, a second one waits to be applied: nothing of it reached the kernel.
TEST_P(Faults, WhatWasNeverHandedToTheDiskEndsAsAborted) {
  Database database = open();
  Gate gate;
  vfs_.inject({FaultFile::kLog, FaultCall::kWrite, EIO, 0, 1, [&] { gate.pass(); }});
  Outcome handed_over(database.set_async("a", "1", durable()));
  gate.wait_until_reached();
  Outcome waiting(database.set_async("b", "2", durable()));
  Outcome flush(database.flush_async());
  gate.open();
  EXPECT_EQ(handed_over.wait(), Code::kUnknown);
  EXPECT_EQ(waiting.wait(), Code::kAborted);
  EXPECT_EQ(flush.wait(), Code::kAborted);
  EXPECT_EQ(database.close().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(reopened().empty());
}

// Writers for whom there was no room, at the moment of the failure.
TEST_P(Faults, ParkedWritesEndAsAborted) {
  options_.unapplied_bytes = 1 << 20;
  options_.batch_bytes_max = 100'000;
  options_.batch_rows_max = 1000;
  options_.value_bytes_max = 300'000;
  Database database = open();
  Gate gate;
  vfs_.inject({FaultFile::kLog, FaultCall::kWrite, EIO, 0, 1, [&] { gate.pass(); }});
  Outcome first(database.set_async("a", "1", durable()));
  gate.wait_until_reached();
  const std::string value(300'000, 'v');
  std::vector<std::unique_ptr<Outcome>> later;
  for (int write = 0; write < 6; ++write) {
    later.push_back(std::make_unique<Outcome>(database.set_async("b" + std::to_string(write), value)));
  }
  EXPECT_EQ(database.stats().parked_writers, 3U) << "three fit into a MiB";
  gate.open();
  EXPECT_EQ(first.wait(), Code::kUnknown);
  for (int write = 0; write < 6; ++write) {
    EXPECT_EQ(later[static_cast<std::size_t>(write)]->wait(), write < 3 ? Code::kOk : Code::kAborted) << write;
  }
  EXPECT_EQ(database.stats().parked_writers, 0U);
}

TEST_P(Faults, ADestructorAfterAFailureReportsTheLoss) {
  {
    Database database = open();
    faults_.fail_next(EIO);
    ASSERT_EQ(database.set("a", "1", durable()).code(), Code::kUnknown);
  }
  events_.wait_for(EventKind::kClosedWithLoss);
}

TEST_P(Faults, TheLifeAfterAFailureTakesTheMarkAway) {
  {
    Database database = open();
    faults_.fail_next(EIO);
    ASSERT_EQ(database.set("a", "1", durable()).code(), Code::kUnknown);
  }
  ASSERT_TRUE(marked());
  EXPECT_EQ(reopened().size(), 1U) << "the kernel has not lost it";
  EXPECT_FALSE(marked());
}

}  // namespace
}  // namespace dictsqlite
