// Goal: operations are lazy, own their arguments, complete exactly once, resume where they should, and may be destroyed
// at any time. Method: one database each, with executors that the test pumps itself.
#include <dictsqlite/dictsqlite.hpp>

#include "support/suspended.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace dictsqlite {
namespace {

using testing_support::Suspended;
using testing_support::TemporaryDirectory;
using Code = absl::StatusCode;

class Operations : public testing::Test {
 protected:
  Operations() {
    options_.path = directory_.file("test.db");
    open();
  }
  void open() { db_ = std::make_unique<Database>(*Database::open(options_)); }
  void reopen() {
    EXPECT_TRUE(db_->close().ok());
    db_.reset();
    open();
  }

  TemporaryDirectory directory_;
  Options options_;
  ManualExecutor executor_;  // of coroutines that are destroyed while they wait: outlives the database
  std::unique_ptr<Database> db_;
};

template <class Operation>
Suspended run(Operation operation, int* resumed) {
  static_cast<void>(co_await std::move(operation));
  ++*resumed;
}

TEST_F(Operations, NothingHappensBeforeTheyAreStarted) {
  { const WriteOperation never = db_->set_async("a", "1"); }
  WriteOperation later = db_->set_async("b", "2");
  EXPECT_EQ(db_->stats().claimed_sequence, 0u);
  EXPECT_EQ(db_->get("b").status().code(), Code::kNotFound);
  EXPECT_TRUE(std::move(later).wait().ok());
  EXPECT_EQ(db_->get("b")->view(), "2");
  EXPECT_EQ(db_->get("a").status().code(), Code::kNotFound);
}

TEST_F(Operations, ArgumentsAreCopiedAtTheCall) {
  std::optional<WriteOperation> set;
  std::optional<GetOperation> get;
  {
    std::string key(100, 'k');
    std::string value(200, 'v');
    set.emplace(db_->set_async(key, value));
    get.emplace(db_->get_async(key));
    key.assign(100, 'x');
    value.assign(200, 'x');
  }
  EXPECT_TRUE(std::move(*set).wait().ok());
  EXPECT_EQ(std::move(*get).wait()->view(), std::string(200, 'v'));
}

TEST_F(Operations, MayBeMovedUntilTheyAreStarted) {
  std::vector<WriteOperation> operations;
  for (int i = 0; i < 100; ++i) operations.push_back(db_->set_async("key" + std::to_string(i), "v"));
  std::vector<WriteOperation> moved = std::move(operations);
  for (WriteOperation& operation : moved) EXPECT_TRUE(std::move(operation).wait().ok());
  EXPECT_EQ(db_->stats().claimed_sequence, 100u);
}

TEST_F(Operations, StartCallsBackBeforeItReturnsOnAHit) {
  ASSERT_TRUE(db_->set("a", "1").ok());
  int calls = 0;
  db_->get_async("a").start([&](absl::StatusOr<Value> value) noexcept {
    EXPECT_EQ(value->view(), "1");
    ++calls;
  });
  EXPECT_EQ(calls, 1);
}

TEST_F(Operations, StartWithViaCallsBackOnTheExecutorOnly) {
  ASSERT_TRUE(db_->set("a", "1").ok());
  ManualExecutor executor;
  int calls = 0;
  db_->get_async("a").via(executor.executor()).start([&](absl::StatusOr<Value> value) noexcept {
    EXPECT_EQ(value->view(), "1");
    ++calls;
  });
  db_->set_async("b", "2").via(executor.executor()).start([&](absl::Status status) noexcept {
    EXPECT_TRUE(status.ok());
    ++calls;
  });
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(executor.poll(), 2u);
  EXPECT_EQ(calls, 2);
}

TEST_F(Operations, AMissResumesOnTheExecutorGivenByVia) {
  ManualExecutor executor;
  std::thread::id resumed_on;
  db_->get_async("missing").via(executor.executor()).start([&](absl::StatusOr<Value> value) noexcept {
    EXPECT_EQ(value.status().code(), Code::kNotFound);
    resumed_on = std::this_thread::get_id();
  });
  while (executor.poll() == 0) std::this_thread::yield();
  EXPECT_EQ(resumed_on, std::this_thread::get_id());
}

TEST_F(Operations, OptionsExecutorIsTheDefault) {
  ManualExecutor executor;
  db_->close().IgnoreError();
  options_.executor = executor.executor();
  Database db;
  bool opened = false;
  Database::open_async(options_).start([&](absl::StatusOr<Database> result) noexcept {
    ASSERT_TRUE(result.ok());
    db = *std::move(result);
    opened = true;
  });
  while (!opened) executor.poll();
  bool done = false;
  db.set_async("a", "1", {.ack = Ack::kDurable}).start([&](absl::Status status) noexcept {
    EXPECT_TRUE(status.ok());
    done = true;
  });
  while (!done) executor.poll();
}

TEST_F(Operations, ACoroutineDestroyedInAMissIsNotResumed) {
  int resumed = 0;
  for (int i = 0; i < 200; ++i) {
    Suspended coroutine = run(db_->get_async("missing" + std::to_string(i)).via(executor_.executor()), &resumed);
    coroutine.handle.destroy();
  }
  EXPECT_EQ(db_->get("missing0").status().code(), Code::kNotFound);
  executor_.poll();
  EXPECT_EQ(resumed, 0);
}

TEST_F(Operations, ACoroutineDestroyedInADurableSetLeavesTheWrite) {
  int resumed = 0;
  Suspended coroutine = run(db_->set_async("a", "1", {.ack = Ack::kDurable}).via(executor_.executor()), &resumed);
  ASSERT_FALSE(coroutine.handle.done());
  coroutine.handle.destroy();
  reopen();
  EXPECT_EQ(db_->get("a")->view(), "1");
  executor_.poll();
  EXPECT_EQ(resumed, 0);
}

TEST_F(Operations, ManyCoroutinesMissingOneKeyAreOneQuery) {
  ASSERT_TRUE(db_->set("key", "value").ok());
  reopen();
  std::atomic<int> answers{0};
  constexpr int kCallers = 500;
  for (int i = 0; i < kCallers; ++i) {
    db_->get_async("key").start([&](absl::StatusOr<Value> value) noexcept {
      EXPECT_EQ(value->view(), "value");
      answers.fetch_add(1);
      answers.notify_one();
    });
  }
  for (int seen = answers.load(); seen < kCallers; seen = answers.load()) answers.wait(seen);
  EXPECT_EQ(answers.load(), kCallers);
  EXPECT_EQ(db_->stats().queries, 1u);
}

TEST_F(Operations, AbsenceIsRemembered) {
  EXPECT_EQ(db_->get("nobody").status().code(), Code::kNotFound);
  const std::uint64_t queries = db_->stats().queries;
  EXPECT_EQ(db_->get("nobody").status().code(), Code::kNotFound);
  EXPECT_FALSE(*db_->contains("nobody"));
  EXPECT_EQ(db_->stats().queries, queries);
  ASSERT_TRUE(db_->set("nobody", "is here").ok());
  EXPECT_EQ(db_->get("nobody")->view(), "is here");
}

TEST_F(Operations, CloseCompletesEverythingUnderWay) {
  std::atomic<int> answers{0};
  constexpr int kEach = 300;
  for (int i = 0; i < kEach; ++i) {
    const std::string key = "key" + std::to_string(i);
    db_->set_async(key, "v", {.ack = Ack::kDurable}).start([&](absl::Status status) noexcept {
      EXPECT_TRUE(status.ok()) << status;
      answers.fetch_add(1);
    });
    db_->get_async("missing" + std::to_string(i)).start([&](absl::StatusOr<Value> value) noexcept {
      EXPECT_EQ(value.status().code(), Code::kNotFound);
      answers.fetch_add(1);
    });
  }
  EXPECT_TRUE(db_->close().ok());
  db_.reset();  // ends the resume thread, after everything that was posted to it
  EXPECT_EQ(answers.load(), 2 * kEach);
  open();
  for (int i = 0; i < kEach; ++i) EXPECT_TRUE(db_->get("key" + std::to_string(i)).ok());
}

TEST_F(Operations, LongValuesOutliveOverwriteEvictionAndTheDatabase) {
  const std::string old_value(100'000, 'o');
  ASSERT_TRUE(db_->set("a", old_value).ok());
  Value value = *db_->get("a");
  const Value copy = value;
  ASSERT_TRUE(db_->set("a", "new").ok());
  ASSERT_TRUE(db_->flush().ok());
  db_.reset();
  EXPECT_EQ(value.view(), old_value);
  value = Value();
  EXPECT_EQ(copy.view(), old_value);
}

TEST_F(Operations, ADatabaseMayBeDestroyedByACoroutineOnItsOwnResumeThread) {
  struct Holder {
    static Task<void> work(std::unique_ptr<Database> db, std::atomic<int>* done) {
      EXPECT_TRUE((co_await db->set_async("a", "1", {.ack = Ack::kDurable})).ok());  // resumes on the resume thread
      db.reset();
      done->store(1);
      done->notify_one();
    }
  };
  std::atomic<int> done{0};
  sync_wait(Holder::work(std::move(db_), &done));
  done.wait(0);
  open();
  EXPECT_EQ(db_->get("a")->view(), "1");
}

TEST_F(Operations, WritersWaitForRoomAndAllComplete) {
  EXPECT_TRUE(db_->close().ok());
  options_.unapplied_bytes = 1u << 20;
  options_.value_bytes_max = 100'000;
  options_.batch_bytes_max = 100'000;
  options_.persist_mode = PersistMode::kLazy;
  open();
  std::atomic<int> done{0};
  constexpr int kWrites = 2000;
  const std::string value(4000, 'v');
  for (int i = 0; i < kWrites; ++i) {
    db_->set_async("key" + std::to_string(i), value).start([&](absl::Status status) noexcept {
      EXPECT_TRUE(status.ok()) << status;
      done.fetch_add(1);
      done.notify_one();
    });
  }
  for (int seen = done.load(); seen < kWrites; seen = done.load()) done.wait(seen);
  EXPECT_GT(db_->stats().parked_writers_total, 0u);
  for (int i = 0; i < kWrites; ++i) ASSERT_EQ(db_->get("key" + std::to_string(i))->view(), value);
}

TEST_F(Operations, LazyWritesNothingUntilItIsAsked) {
  EXPECT_TRUE(db_->close().ok());
  options_.persist_mode = PersistMode::kLazy;
  options_.flush_interval = std::chrono::milliseconds(1);
  open();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(db_->set("key" + std::to_string(i), "v").ok());
  EXPECT_EQ(db_->stats().transactions, 0u);
  ASSERT_TRUE(db_->flush().ok());
  EXPECT_EQ(db_->stats().settled_sequence, 1000u);
}

TEST_F(Operations, WriteThroughIsDurableByDefault) {
  EXPECT_TRUE(db_->close().ok());
  options_.persist_mode = PersistMode::kWriteThrough;
  open();
  ASSERT_TRUE(db_->set("a", "1").ok());
  EXPECT_EQ(db_->stats().durable_sequence, 1u);
}

TEST_F(Operations, SyncAndFlushRaiseTheirWatermarks) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(db_->set("key" + std::to_string(i), "v").ok());
  ASSERT_TRUE(db_->sync().ok());
  EXPECT_GE(db_->stats().durable_sequence, 10u);
  ASSERT_TRUE(db_->flush().ok());
  EXPECT_GE(db_->stats().settled_sequence, 10u);
}

TEST_F(Operations, TheDestructorWritesWhatWasAccepted) {
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(db_->set("key" + std::to_string(i), std::to_string(i)).ok());
  db_.reset();
  open();
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(db_->get("key" + std::to_string(i))->view(), std::to_string(i));
}

}  // namespace
}  // namespace dictsqlite
