// Goal: a coroutine may be destroyed where it waits, whatever it waits for and however near the outcome is: it never
// goes on, what it handed over still happens, and the database works and closes as before. Method: the thread of the
// library's that would answer is held still while the coroutine suspends, so that it waits for certain.
#include <dictsqlite/dictsqlite.hpp>

#include "base/clock.hpp"
#include "database/surroundings.hpp"
#include "held_thread.hpp"
#include "support/fault_vfs.hpp"
#include "support/open_database.hpp"
#include "support/suspended.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace dictsqlite {
namespace {

using Code = absl::StatusCode;
using testing_support::FaultCall;
using testing_support::FaultFile;
using testing_support::FaultVfs;
using testing_support::HeldThread;
using testing_support::open_database;
using testing_support::Suspended;
using testing_support::TemporaryDirectory;

// When the coroutine is destroyed.
enum class Moment {
  kBeforeTheOutcome,
  kAfterTheOutcome,  // which is on its way: posted to the executor, and not run
};

// Runs nothing before it is polled; whoever wants to know that something has come can wait for it.
class Mailbox {
 public:
  [[nodiscard]] Executor executor() noexcept {
    return {this, [](void* context, Work* work) noexcept {
              auto& self = *static_cast<Mailbox*>(context);
              self.executor_->executor()(work);
              self.posted_.store(true);
              self.posted_.notify_one();
            }};
  }
  void wait_for_post() const { posted_.wait(false); }
  void poll() { executor_->poll(); }
  /// Ends, with whatever has come and was not polled.
  void drop() { executor_.reset(); }

 private:
  std::optional<ManualExecutor> executor_{std::in_place};
  std::atomic<bool> posted_{false};
};

template <class Operation>
Suspended wait_in(Operation operation, int* resumed) {
  static_cast<void>(co_await std::move(operation));
  ++*resumed;
}

class Abandoned : public testing::TestWithParam<Moment> {
 protected:
  Abandoned() {
    options_.path = directory_.file("test.db");
    Database database = open_database(options_);
    for (const char* key : {"a", "b"}) EXPECT_EQ(database.set(key, key), absl::OkStatus());
  }
  void open() { database_ = open_database(options_); }

  // Destroys a coroutine that waits in `operation`, for which the held thread is needed, and lets that go on.
  template <class Operation>
  void abandon(Operation operation, HeldThread& held) {
    const Suspended coroutine = wait_in(std::move(operation).via(mailbox_.executor()), &resumed_);
    ASSERT_FALSE(coroutine.handle.done());
    if (GetParam() == Moment::kAfterTheOutcome) {
      held.let_go();
      mailbox_.wait_for_post();
    }
    coroutine.handle.destroy();
    held.let_go();
  }
  void hold_loader(HeldThread& loader) { loader.hold(database_.get_async("not asked for before")); }
  void hold_flusher(HeldThread& flusher) { flusher.hold(database_.set_async("held", "", {.ack = Ack::kDurable})); }

  void expect_parked_set_happens(Ack ack);
  // The database does what it did before, and ends in order.
  void expect_works_and_closes() {
    EXPECT_EQ(database_.set("later", "v", {.ack = Ack::kDurable}), absl::OkStatus());
    EXPECT_EQ(database_.get("later")->view(), "v");
    EXPECT_EQ(database_.get("never").status().code(), Code::kNotFound);
    EXPECT_EQ(database_.sync(), absl::OkStatus());
    EXPECT_EQ(database_.flush(), absl::OkStatus());
    EXPECT_EQ(database_.stats().loads_in_flight, 0U);
    EXPECT_EQ(database_.stats().parked_writers, 0U);
    EXPECT_EQ(database_.close(), absl::OkStatus());
    database_ = Database();
    expect_never_resumed();
  }
  void expect_never_resumed() {
    mailbox_.poll();
    EXPECT_EQ(resumed_, 0);
  }
  void expect_value(std::string_view key, std::string_view value) {
    const absl::StatusOr<Value> found = database_.get(key);
    ASSERT_TRUE(found.ok()) << key << ": " << found.status();
    EXPECT_EQ(found->view(), value);
  }

  TemporaryDirectory directory_;
  Options options_;
  Mailbox mailbox_;
  int resumed_ = 0;
  Database database_;
};

INSTANTIATE_TEST_SUITE_P(Moments, Abandoned, testing::Values(Moment::kBeforeTheOutcome, Moment::kAfterTheOutcome),
                         [](const auto& moment) {
                           return moment.param == Moment::kBeforeTheOutcome ? "BeforeTheOutcome" : "AfterTheOutcome";
                         });

// --- reads ---

TEST_P(Abandoned, InABatchGet) {
  open();
  HeldThread loader;
  hold_loader(loader);
  const std::string_view keys[] = {"a", "nobody", "b"};
  abandon(database_.batch_get_async(keys), loader);
  const std::vector<absl::StatusOr<Value>> results = database_.batch_get(keys);
  EXPECT_EQ(results.at(0)->view(), "a");
  EXPECT_EQ(results.at(1).status().code(), Code::kNotFound);
  EXPECT_EQ(results.at(2)->view(), "b");
  WriteBatch batch;
  batch.set("a", "new");
  EXPECT_EQ(database_.write(batch), absl::OkStatus()) << "no batch is held back for a reader that is gone";
  expect_works_and_closes();
}

TEST_P(Abandoned, InAMissThatFoundNoFreeLoad) {
  options_.loads_max = 1;
  open();
  HeldThread loader;
  hold_loader(loader);
  std::atomic<int> answers{0};
  database_.get_async("a").start([&](const absl::StatusOr<Value>& value) noexcept {
    EXPECT_EQ(value->view(), "a");
    answers.fetch_add(1);
  });
  ASSERT_EQ(database_.stats().loads_in_flight, 1U) << "the only one";
  abandon(database_.get_async("b"), loader);
  expect_value("b", "b");
  expect_works_and_closes();
  EXPECT_EQ(answers.load(), 1);
}

// --- writes ---

void Abandoned::expect_parked_set_happens(Ack ack) {
  options_.unapplied_bytes = 1 << 20;
  options_.batch_bytes_max = 100'000;
  options_.value_bytes_max = 300'000;
  open();
  HeldThread flusher;
  hold_flusher(flusher);
  const std::string value(300'000, 'v');
  for (const char* key : {"1", "2", "3"}) ASSERT_EQ(database_.set(key, value), absl::OkStatus());
  WriteOperation parked = database_.set_async("parked", value, {.ack = ack});
  ASSERT_EQ(database_.stats().parked_writers, 0U) << "three fit into a MiB";
  abandon(std::move(parked), flusher);
  EXPECT_EQ(database_.stats().parked_writers_total, 1U);
  expect_works_and_closes();
  open();
  expect_value("parked", value);
}

TEST_P(Abandoned, InASetThatFoundNoRoom) { expect_parked_set_happens(Ack::kAccepted); }

TEST_P(Abandoned, InADurableSetThatFoundNoRoom) { expect_parked_set_happens(Ack::kDurable); }

TEST_P(Abandoned, InADurableBatch) {
  open();
  HeldThread flusher;
  hold_flusher(flusher);
  WriteBatch batch;
  batch.set("a", "new");
  batch.erase("b");
  abandon(database_.write_async(batch, {.ack = Ack::kDurable}), flusher);
  expect_works_and_closes();
  open();
  expect_value("a", "new");
  EXPECT_EQ(database_.get("b").status().code(), Code::kNotFound);
}

// --- fences ---

TEST_P(Abandoned, InASync) {
  open();
  HeldThread flusher;
  hold_flusher(flusher);
  ASSERT_EQ(database_.set("a", "new"), absl::OkStatus());
  abandon(database_.sync_async(), flusher);
  expect_works_and_closes();
  open();
  expect_value("a", "new");
}

TEST_P(Abandoned, InAFlush) {
  open();
  HeldThread flusher;
  hold_flusher(flusher);
  ASSERT_EQ(database_.set("a", "new"), absl::OkStatus());
  abandon(database_.flush_async(), flusher);
  expect_works_and_closes();
  open();
  expect_value("a", "new");
}

TEST_P(Abandoned, InAClose) {
  open();
  HeldThread flusher;
  hold_flusher(flusher);
  ASSERT_EQ(database_.set("a", "new"), absl::OkStatus());
  abandon(database_.close_async(), flusher);
  EXPECT_EQ(database_.set("a", "newer").code(), Code::kFailedPrecondition);
  EXPECT_EQ(database_.close().code(), Code::kFailedPrecondition) << "it is being closed, by nobody";
  // The handle still lives: it is the abandoned close that frees the file.
  absl::StatusOr<Database> next = Database::open(options_);
  while (next.status().code() == Code::kUnavailable) next = Database::open(options_);
  ASSERT_TRUE(next.ok()) << next.status();
  database_ = *std::move(next);
  expect_never_resumed();
  expect_value("a", "new");
}

// --- opening ---

// A clock whose question is a sign: a thread that destroys an open asks for the time before it waits for its end.
class TellTaleClock final : public base::Clock {
 public:
  [[nodiscard]] base::Instant now() const noexcept override {
    if (watched_.load() == std::this_thread::get_id()) {
      asked_.store(true);
      asked_.notify_one();
    }
    return base::steady_clock().now();
  }
  void watch_this_thread() { watched_.store(std::this_thread::get_id()); }
  void wait_until_asked() const { asked_.wait(false); }

 private:
  std::atomic<std::thread::id> watched_{};
  mutable std::atomic<bool> asked_{false};
};

// Where the coroutine would go on.
enum class Where { kOnTheResumeThread, kAtOnce, kInTheMailbox };

class AbandonedOpen : public testing::TestWithParam<Where> {
 protected:
  AbandonedOpen() {
    options_.path = directory_.file("test.db");
    EXPECT_EQ(open_database(options_).set("a", "1"), absl::OkStatus());
  }
  Suspended opening() { return wait_in(detail::open_in(surroundings_, options_).via(executor()), &resumed_); }
  Executor executor() {
    switch (GetParam()) {
      case Where::kOnTheResumeThread:
        return {};
      case Where::kAtOnce:
        return inline_executor();
      case Where::kInTheMailbox:
        return mailbox_.executor();
    }
    return {};
  }
  void expect_file_is_free() {
    Database database = open_database(options_);
    EXPECT_EQ(database.get("a")->view(), "1");
    EXPECT_EQ(database.set("a", "2"), absl::OkStatus());
    EXPECT_EQ(database.close(), absl::OkStatus());
    mailbox_.poll();
    EXPECT_EQ(resumed_, 0);
  }

  TemporaryDirectory directory_;
  Options options_;
  Mailbox mailbox_;
  TellTaleClock clock_;
  FaultVfs vfs_;
  detail::Surroundings surroundings_{.clock = clock_, .vfs_name = vfs_.name()};
  int resumed_ = 0;
};

// The destroying thread ends what was begun, and the opening ends while it does: too late for the coroutine.
TEST_P(AbandonedOpen, WhileItIsUnderWay) {
  std::promise<void> under_way;
  vfs_.inject({FaultFile::kDatabase, FaultCall::kRead, 0, 0, 1, [&] {
                 under_way.set_value();
                 clock_.wait_until_asked();
               }});
  const Suspended coroutine = opening();
  under_way.get_future().wait();
  clock_.watch_this_thread();
  coroutine.handle.destroy();
  expect_file_is_free();
}

INSTANTIATE_TEST_SUITE_P(Executors, AbandonedOpen,
                         testing::Values(Where::kOnTheResumeThread, Where::kAtOnce, Where::kInTheMailbox),
                         [](const auto& where) {
                           return where.param == Where::kOnTheResumeThread ? "OnTheResumeThread"
                                  : where.param == Where::kAtOnce          ? "AtOnce"
                                                                           : "InTheMailbox";
                         });

class AbandonedOpenedDatabase : public AbandonedOpen {};

TEST_P(AbandonedOpenedDatabase, WhoseOutcomeWaitsIsClosedAgain) {
  const Suspended coroutine = opening();
  mailbox_.wait_for_post();
  ASSERT_FALSE(coroutine.handle.done());
  coroutine.handle.destroy();
  expect_file_is_free();
}

TEST_P(AbandonedOpenedDatabase, WhoseCallbackIsDroppedIsClosedAgain) {
  Mailbox ending;
  detail::open_in(surroundings_, options_).via(ending.executor()).start([&](const absl::StatusOr<Database>&) noexcept {
    ++resumed_;
  });
  ending.wait_for_post();
  ending.drop();
  expect_file_is_free();
}

INSTANTIATE_TEST_SUITE_P(Executors, AbandonedOpenedDatabase, testing::Values(Where::kInTheMailbox),
                         [](const auto& /*where*/) { return "InTheMailbox"; });

}  // namespace
}  // namespace dictsqlite
