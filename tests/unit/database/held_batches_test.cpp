// Goal: a batch that is held back because a batch_get reads does not outlive the database: it is written if it may go
// on in time; else it, and whoever parked behind it, is told that it was not. Method: the test holds the gate as a
// batch_get that was disturbed too often does, and ends the database meanwhile.
#include <dictsqlite/dictsqlite.hpp>

#include "database/surroundings.hpp"
#include "support/engine_of.hpp"
#include "support/fault_backend.hpp"
#include "support/open_database.hpp"
#include "support/outcome.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

namespace dictsqlite {
namespace {

using testing_support::engine_of;
using testing_support::Outcome;
using Code = absl::StatusCode;

class HeldBatches : public testing::Test {
 protected:
  HeldBatches() {
    options_.path = directory_.file("test.db");
    options_.close_timeout = std::chrono::milliseconds(0);
    absl::StatusOr<Database> database = detail::open_in({.backend = faults_.opener()}, options_).wait();
    EXPECT_TRUE(database.ok()) << database.status();
    if (database.ok()) database_ = *std::move(database);
    batch_.set("a", "1");
    batch_.set("b", "2");
    engine_of(database_).path().gate().hold();
  }
  void let_go() {
    detail::Engine& engine = engine_of(database_);
    EXPECT_TRUE(engine.path().gate().unhold());
    engine.path().doorbell().ring();
  }
  // What a later life finds.
  bool is_written(const char* key) {
    Database database = testing_support::open_database(options_);
    return database.get(key).ok();
  }

  testing_support::TemporaryDirectory directory_;
  testing_support::SyncFaults faults_;
  Options options_;
  WriteBatch batch_;
  Database database_;
};

TEST_F(HeldBatches, AreWrittenByACloseOnceTheyMayGoOn) {
  Outcome batch(database_.write_async(batch_));
  Outcome behind(database_.set_async("c", "3"));
  ASSERT_EQ(database_.stats().parked_writers, 2u);
  Outcome closed(database_.close_async());
  let_go();
  EXPECT_EQ(batch.wait(), Code::kOk);
  EXPECT_EQ(behind.wait(), Code::kOk);
  EXPECT_EQ(closed.wait(), Code::kOk);
  database_ = Database();
  EXPECT_TRUE(is_written("a"));
  EXPECT_TRUE(is_written("c"));
}

TEST_F(HeldBatches, EndAsAbortedWhenTheDestructorGivesUp) {
  Outcome batch(database_.write_async(batch_));
  Outcome durable(database_.write_async(batch_, {.ack = Ack::kDurable}));
  Outcome behind(database_.set_async("c", "3"));
  ASSERT_EQ(database_.stats().parked_writers, 3u);
  database_ = Database();  // ends the resume thread: nothing comes after it
  for (Outcome* each : {&batch, &durable, &behind}) {
    ASSERT_TRUE(each->is_there());
    EXPECT_EQ(each->wait(), Code::kAborted);
  }
  EXPECT_FALSE(is_written("a"));
  EXPECT_FALSE(is_written("c"));
}

TEST_F(HeldBatches, EndAsAbortedAfterAFailureWhileTheGateIsStillHeld) {
  faults_.fail_next(EIO);
  ASSERT_EQ(database_.set("before", "0"), absl::OkStatus());
  Outcome batch(database_.write_async(batch_));
  Outcome behind(database_.set_async("c", "3"));
  EXPECT_EQ(database_.sync().code(), Code::kUnknown);
  EXPECT_EQ(batch.wait(), Code::kAborted);
  EXPECT_EQ(behind.wait(), Code::kAborted);
  EXPECT_EQ(Outcome(database_.write_async(batch_)).wait(), Code::kFailedPrecondition) << "a newcomer";
  database_ = Database();
  EXPECT_TRUE(is_written("before"));
  EXPECT_FALSE(is_written("a"));
}

}  // namespace
}  // namespace dictsqlite
