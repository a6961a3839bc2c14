// Goal: what start() calls back with is the operation's own result, where it was asked for, once; also if the result is
// an error, if there is no memory to wait, or if the callback ends the operation's engine. A callback that its executor
// drops is destroyed and holds nothing. Method: executors that the test pumps, and an engine without threads.
#include <dictsqlite/dictsqlite.hpp>

#include "support/library_threads.hpp"
#include "support/open_database.hpp"
#include "support/taken_memory.hpp"
#include "support/temporary_directory.hpp"
#include "unit/database/bare_database.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dictsqlite {
namespace {

using detail::BareDatabase;
using testing_support::open_database;
using testing_support::TemporaryDirectory;
using Code = absl::StatusCode;

// Starts `operation` on an executor and returns what it was called back with, there.
template <class Operation>
typename Operation::Result posted(Operation operation) {
  std::optional<typename Operation::Result> result;
  ManualExecutor executor;
  std::move(operation).via(executor.executor()).start([&](typename Operation::Result value) noexcept {
    result.emplace(std::move(value));
  });
  EXPECT_FALSE(result.has_value()) << "called back before its executor ran";
  EXPECT_EQ(executor.poll(), 1u);
  return *std::move(result);
}

TEST(Start, WithoutADatabasePostsThat) {
  Database empty;
  EXPECT_EQ(posted(empty.set_async("a", "1")).code(), Code::kFailedPrecondition);
  EXPECT_EQ(posted(empty.erase_async("a")).code(), Code::kFailedPrecondition);
  EXPECT_EQ(posted(empty.get_async("a")).status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(posted(empty.contains_async("a")).status().code(), Code::kFailedPrecondition);
  const std::vector<std::string_view> keys = {"a"};
  EXPECT_EQ(posted(empty.batch_get_async(keys)).at(0).status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(posted(empty.sync_async()).code(), Code::kFailedPrecondition);
  EXPECT_EQ(posted(empty.flush_async()).code(), Code::kFailedPrecondition);
  EXPECT_EQ(posted(empty.close_async()).code(), Code::kFailedPrecondition);
  Scan scan = empty.scan();
  EXPECT_EQ(posted(scan.next_async()), std::nullopt);
  EXPECT_EQ(scan.status().code(), Code::kFailedPrecondition);
  const Scan other = std::move(scan);
  EXPECT_EQ(posted(scan.next_async()), std::nullopt);  // NOLINT(bugprone-use-after-move)
}

TEST(Start, OfAnOpenThatIsRefusedPostsWhy) {
  EXPECT_EQ(posted(Database::open_async({})).status().code(), Code::kInvalidArgument) << "there is no path";
}

TEST(Start, OfAMissAfterTheLoadersEndPostsThat) {
  BareDatabase database;
  database.close_flights();
  EXPECT_EQ(posted(GetOperation(database.handle().share(), "a")).status().code(), Code::kFailedPrecondition);
}

// --- without memory to wait ---

class StartWithoutMemory : public testing::Test {
 protected:
  StartWithoutMemory() {
    database_.know(entry::EntryKind::kSet, "known", "1");
    accepted_.emplace(made(Ack::kAccepted));
    durable_.emplace(made(Ack::kDurable));
    taken_.emplace(database_.pool());
  }
  WriteOperation made(Ack ack) {
    entry::Entry* const entry =
        database_.pool().make(entry::EntryKind::kSet, store::kMainTable, "written", "2", store::kNoExpiry);
    EXPECT_NE(entry, nullptr);
    return {database_.handle().share(), entry, ack};
  }
  GetOperation get(std::string_view key) { return {database_.handle().share(), key}; }

  BareDatabase database_;
  std::optional<WriteOperation> accepted_;
  std::optional<WriteOperation> durable_;
  std::optional<testing_support::TakenMemory> taken_;
};

TEST_F(StartWithoutMemory, PostsWhatIsReady) {
  EXPECT_EQ(posted(*std::move(accepted_)), absl::OkStatus());
  EXPECT_EQ(posted(get("known"))->view(), "1");
  EXPECT_EQ(posted(get("")).status().code(), Code::kInvalidArgument);
  const std::vector<std::string_view> keys = {"known"};
  EXPECT_EQ(posted(BatchGetOperation(database_.handle().share(), keys)).at(0)->view(), "1");
}

TEST_F(StartWithoutMemory, PostsThatItCannotWait) {
  EXPECT_EQ(posted(get("unknown")).status().code(), Code::kResourceExhausted);
  EXPECT_TRUE(database_.take_flights().empty());
}

TEST_F(StartWithoutMemory, AnAcceptedDurableWriteIsUnknown) {
  EXPECT_EQ(posted(*std::move(durable_)).code(), Code::kUnknown);
  EXPECT_EQ(posted(get("written"))->view(), "2") << "it is not undone";
}

// --- dropped by the executor ---

class Dropped : public testing::Test {
 protected:
  ~Dropped() override {
    EXPECT_EQ(held_.use_count(), 1) << "the callback was not destroyed";
    EXPECT_FALSE(called_);
    database_->cache().collect();  // what a landed miss leaves
    EXPECT_EQ(database_.pool().used_bytes(), 0u) << "a completion was never freed";
  }
  template <class Operation>
  void start(Operation operation) {
    std::move(operation)
        .via(executor_->executor())
        .start([this, held = held_](const typename Operation::Result&) noexcept { called_ = true; });
    EXPECT_EQ(held_.use_count(), 2);
  }
  void drop() { executor_.reset(); }

  BareDatabase database_;
  std::optional<ManualExecutor> executor_{std::in_place};
  std::shared_ptr<int> held_ = std::make_shared<int>();
  bool called_ = false;
};

TEST_F(Dropped, ACallbackWhoseResultWasReady) {
  start(GetOperation(database_.handle().share(), ""));
  drop();
}

TEST_F(Dropped, ACallbackThatHadToWait) {
  start(GetOperation(database_.handle().share(), "a"));
  const BareDatabase::Flights flights = database_.take_flights();
  ASSERT_EQ(flights.size(), 1u);
  database_.land_error(flights.front(), absl::InternalError("torn"));
  drop();
}

TEST_F(Dropped, ACoroutineStaysSuspendedAndIsDestroyedByItsOwner) {
  const detail::Running waiting(GetOperation(database_.handle().share(), "a").via(executor_->executor()));
  const BareDatabase::Flights flights = database_.take_flights();
  ASSERT_EQ(flights.size(), 1u);
  database_.land_error(flights.front(), absl::InternalError("torn"));
  drop();
  EXPECT_FALSE(waiting.is_done());
  EXPECT_GT(database_.pool().used_bytes(), 0u) << "the coroutine still has it";
}

// --- an open that fails on a thread of the library's, where it is told at once ---

class FailedOpen : public testing::Test {
 protected:
  FailedOpen() { options_.path = directory_.file("missing/test.db"); }
  ~FailedOpen() override {
    EXPECT_EQ(testing_support::library_threads_soon({}), std::vector<std::string>()) << "a thread waits for itself";
  }
  // Starts the open, and waits until it is called back.
  static void expect_not_found(OpenOperation open) {
    std::atomic<bool> called{false};
    std::move(open).start([&](const absl::StatusOr<Database>& database) noexcept {
      EXPECT_EQ(database.status().code(), Code::kNotFound);
      called.store(true);
      called.notify_one();
    });
    called.wait(false);
  }

  TemporaryDirectory directory_;
  Options options_;
};

TEST_F(FailedOpen, CallsBackAtOnceAndTheEngineGoesThere) {
  expect_not_found(Database::open_async(options_).via(inline_executor()));
}

TEST_F(FailedOpen, CallsBackAtOnceByTheExecutorOfTheOptions) {
  options_.executor = inline_executor();
  expect_not_found(Database::open_async(options_));
}

TEST_F(FailedOpen, CallsBackOnTheResumeThreadAndTheEngineGoesThere) {
  expect_not_found(Database::open_async(options_));
}

TEST_F(FailedOpen, IsToldToAThreadThatBlocks) {
  options_.executor = inline_executor();
  EXPECT_EQ(Database::open(options_).status().code(), Code::kNotFound);
}

TEST_F(FailedOpen, ResumesACoroutineAtOnceWhichGoesOn) {
  const auto try_both = [](Options missing, Options there) -> Task<void> {
    absl::StatusOr<Database> database = co_await Database::open_async(missing).via(inline_executor());
    EXPECT_EQ(database.status().code(), Code::kNotFound);
    database = co_await Database::open_async(there);  // begins on the thread of the one that failed
    EXPECT_EQ(database.status(), absl::OkStatus());
    EXPECT_EQ(co_await database->set_async("a", "1", {.ack = Ack::kDurable}), absl::OkStatus());
  };
  Options there;
  there.path = directory_.file("test.db");
  sync_wait(try_both(options_, there));
  EXPECT_EQ(open_database(there).get("a")->view(), "1");
}

}  // namespace
}  // namespace dictsqlite
