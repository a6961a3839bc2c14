// Goal: sync, flush and close are done at once when there is nothing to wait for, and refused when they mean nothing.
// Method: an engine without threads. Whether they wait for the right thing is operation_test's and life_test's.
#include <dictsqlite/operation.hpp>

#include "database/make_write.hpp"
#include "unit/database/bare_database.hpp"

#include <gtest/gtest.h>

#include <coroutine>

namespace dictsqlite::detail {
namespace {

using Kind = FenceOperation::Kind;

constexpr Kind kAll[] = {Kind::kSync, Kind::kFlush, Kind::kClose};

TEST(FenceOperationTest, IsDoneAtOnceIfNothingWasWritten) {
  const BareDatabase db;
  EXPECT_EQ(FenceOperation(db->spread(), Kind::kSync).wait(), absl::OkStatus());
  EXPECT_EQ(FenceOperation(db->spread(), Kind::kFlush).wait(), absl::OkStatus());
}

TEST(FenceOperationTest, WaitsIfSomethingWas) {
  BareDatabase db;
  ASSERT_EQ(make_write(db->spread(), entry::EntryKind::kSet, "key", "value", {}).wait(), absl::OkStatus());
  EXPECT_FALSE(FenceOperation(db->spread(), Kind::kSync).await_ready());
  EXPECT_FALSE(FenceOperation(db->spread(), Kind::kFlush).await_ready());
}

TEST(FenceOperationTest, IsRefusedWithoutADatabase) {
  for (const Kind kind : kAll) {
    EXPECT_EQ(FenceOperation(EngineHandle(), kind).wait(),
              absl::FailedPreconditionError("there is no database in this handle"));
  }
}

TEST(FenceOperationTest, IsRefusedAfterTheClose) {
  const BareDatabase db;
  ASSERT_TRUE(db->begin_close());
  for (const Kind kind : kAll) {
    EXPECT_EQ(FenceOperation(db->spread(), kind).wait(), absl::FailedPreconditionError("the database is closed"));
  }
}

TEST(FenceOperationTest, SyncAndFlushAreRefusedWithoutADisk) {
  const BareDatabase db(PersistMode::kMemory);
  for (const Kind kind : {Kind::kSync, Kind::kFlush}) {
    EXPECT_EQ(FenceOperation(db->spread(), kind).wait(),
              absl::InvalidArgumentError("sync and flush need a disk: the database is PersistMode::kMemory"));
  }
}

TEST(FenceOperationTest, ACloseThatWasDroppedBeforeItWaitedHasNotBegun) {
  const BareDatabase db;
  {
    FenceOperation close(db->spread(), Kind::kClose);
    EXPECT_FALSE(close.await_ready()) << "the flusher's end is to wait for";
  }
  EXPECT_FALSE(db->is_closed());
}

TEST(FenceOperationTest, OfTwoClosesAtOnceOneIsRefused) {
  const BareDatabase db;
  FenceOperation close(db->spread(), Kind::kClose);
  ASSERT_FALSE(close.await_ready());
  ASSERT_TRUE(db->begin_close());  // another one's
  EXPECT_FALSE(close.await_suspend(std::noop_coroutine()));
  EXPECT_EQ(close.await_resume(), absl::FailedPreconditionError("the database is closed"));
}

}  // namespace
}  // namespace dictsqlite::detail
