// Goal: an operation goes on where it was told to, first hit wins: `.via`, the awaiting promise, Options::executor, the
// library's resume thread; and what is ready at once does not move at all. Method: executors that the test pumps itself
// say whether work was posted to them, and threads are told apart by the names the library gives its own.
#include <dictsqlite/dictsqlite.hpp>

#include "support/open_database.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <limits>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace dictsqlite {
namespace {

using testing_support::open_database;
using testing_support::TemporaryDirectory;
using Code = absl::StatusCode;

constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();
constexpr auto kAnyTime = std::chrono::hours(1);

std::string thread_name() {
  char name[16] = "";
  EXPECT_EQ(::pthread_getname_np(::pthread_self(), name, sizeof name), 0);
  return name;
}

// Where one coroutine or callback went on. Written there, read when wait() has returned.
class Place {
 public:
  void note() {
    name_ = thread_name();
    thread_ = std::this_thread::get_id();
    count_.fetch_add(1);
    count_.notify_one();
  }
  void wait() const { count_.wait(0); }
  [[nodiscard]] int count() const { return count_.load(); }
  [[nodiscard]] bool is_here() const { return thread_ == std::this_thread::get_id(); }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::atomic<int> count_{0};
  std::string name_;
  std::thread::id thread_;
};

template <class Operation>
Task<void> await(Operation operation, Place* place) {
  static_cast<void>(co_await std::move(operation));
  place->note();
}

// Somebody else's coroutine type, which offers an executor or does not.
template <bool kOffers>
struct Foreign {
  struct PromiseBase {
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
    Foreign get_return_object() { return {}; }
  };
  struct Offering : PromiseBase {
    template <class... Arguments>
    explicit Offering(Executor offered, Arguments&...) : executor(offered) {}
    [[nodiscard]] Executor dictsqlite_executor() const noexcept { return executor; }
    Executor executor;
  };
  using promise_type = std::conditional_t<kOffers, Offering, PromiseBase>;
};

template <bool kOffers, class Operation>
Foreign<kOffers> await_foreign(Executor /*offered*/, Operation operation, Place* place) {
  static_cast<void>(co_await std::move(operation));
  place->note();
}

class ExecutorChoice : public testing::Test {
 protected:
  ExecutorChoice() {
    options_.path = directory_.file("test.db");
    database_ = open_database(options_);
  }
  void use_options_executor() {
    database_ = Database();
    options_.executor = by_options_.executor();
    Place opened;
    Database::open_async(options_).start([&](absl::StatusOr<Database> result) noexcept {
      EXPECT_TRUE(result.ok()) << result.status();
      if (result.ok()) database_ = *std::move(result);
      opened.note();
    });
    pump(by_options_, opened);
  }
  // An operation that never is ready at once.
  GetOperation miss() { return database_.get_async("missing" + std::to_string(misses_++)); }
  WriteOperation durable_set() { return database_.set_async("key", "value", {.ack = Ack::kDurable}); }

  static void pump(ManualExecutor& executor, const Place& place) {
    while (place.count() == 0) {
      executor.poll();
      std::this_thread::yield();
    }
    EXPECT_EQ(place.count(), 1);
  }
  // Pumps `executor` alone until `place` was reached, and makes sure that it was there.
  static void expect_on(ManualExecutor& executor, const Place& place) {
    EXPECT_EQ(place.count(), 0) << "it cannot go on before its executor is pumped";
    pump(executor, place);
    EXPECT_TRUE(place.is_here());
  }

  TemporaryDirectory directory_;
  Options options_;
  ManualExecutor by_via_, by_promise_, by_options_;
  Database database_;
  TaskScope scope_;
  int misses_ = 0;
};

// --- first hit wins ---

TEST_F(ExecutorChoice, ViaWinsOverThePromiseAndTheOptions) {
  use_options_executor();
  Place place;
  scope_.spawn(await(miss().via(by_via_.executor()), &place).on(by_promise_.executor()));
  expect_on(by_via_, place);
  EXPECT_EQ(by_promise_.poll() + by_options_.poll(), 0u);
}

TEST_F(ExecutorChoice, ThePromiseWinsOverTheOptions) {
  use_options_executor();
  Place place;
  scope_.spawn(await(miss(), &place).on(by_promise_.executor()));
  expect_on(by_promise_, place);
  EXPECT_EQ(by_options_.poll(), 0u);
}

TEST_F(ExecutorChoice, TheOptionsWinOverTheResumeThread) {
  use_options_executor();
  Place place;
  scope_.spawn(await(miss(), &place));
  expect_on(by_options_, place);
}

TEST_F(ExecutorChoice, TheResumeThreadIsLast) {
  Place awaited;
  Place started;
  scope_.spawn(await(miss(), &awaited));
  awaited.wait();
  scope_.join();
  durable_set().start([&](const absl::Status& status) noexcept {
    EXPECT_EQ(status, absl::OkStatus());
    started.note();
  });
  started.wait();
  EXPECT_EQ(awaited.name(), "dictsql-resume");
  EXPECT_EQ(started.name(), "dictsql-resume");
}

TEST_F(ExecutorChoice, AnyPromiseMayOfferAnExecutor) {
  use_options_executor();
  Place place;
  await_foreign<true>(by_promise_.executor(), miss(), &place);
  expect_on(by_promise_, place);
  Place via;
  await_foreign<true>(by_promise_.executor(), miss().via(by_via_.executor()), &via);
  expect_on(by_via_, via);
  EXPECT_EQ(by_options_.poll(), 0u);
}

TEST_F(ExecutorChoice, APromiseThatOffersNoneLeavesItToTheOptions) {
  use_options_executor();
  Place place;
  await_foreign<false>(by_promise_.executor(), miss(), &place);
  expect_on(by_options_, place);
  Place empty;
  await_foreign<true>(Executor{}, miss(), &empty);
  expect_on(by_options_, empty);
  EXPECT_EQ(by_promise_.poll(), 0u);
}

TEST_F(ExecutorChoice, ASpawnedTaskBeginsAndGoesOnOnItsExecutor) {
  Place begun;
  Place missed;
  Place written;
  struct Work {
    static Task<void> run(Database* database, Place* begun, Place* missed, Place* written) {
      begun->note();
      static_cast<void>(co_await database->get_async("nobody"));
      missed->note();
      static_cast<void>(co_await database->set_async("key", "value", {.ack = Ack::kDurable}));
      written->note();
    }
  };
  scope_.spawn(by_promise_.executor(), Work::run(&database_, &begun, &missed, &written));
  EXPECT_EQ(begun.count(), 0);
  EXPECT_EQ(by_promise_.poll(), 1u);
  EXPECT_EQ(begun.count(), 1);
  expect_on(by_promise_, missed);
  pump(by_promise_, written);
  EXPECT_TRUE(written.is_here());
  EXPECT_EQ(scope_.running(), 0u);
}

TEST_F(ExecutorChoice, AnAwaitedTaskInheritsTheExecutor) {
  Place place;
  struct Outer {
    static Task<void> run(GetOperation operation, Place* place) { co_await await(std::move(operation), place); }
  };
  scope_.spawn(by_promise_.executor(), Outer::run(miss(), &place));
  expect_on(by_promise_, place);
}

TEST_F(ExecutorChoice, HoldsForOperationsOfEveryKind) {
  const std::string_view keys[] = {"unknown", "unknown too"};
  WriteBatch batch;
  batch.set("a", "1");
  constexpr WriteOptions kDurable{.ack = Ack::kDurable};
  const auto expect_here = [&](auto operation) {
    Place place;
    std::move(operation).via(by_via_.executor()).start([&](const auto&) noexcept { place.note(); });
    expect_on(by_via_, place);
  };
  ASSERT_EQ(database_.set("row", "value"), absl::OkStatus());
  expect_here(miss());
  expect_here(database_.contains_async("not known yet"));
  expect_here(database_.batch_get_async(keys));
  expect_here(database_.set_async("a", "1", kDurable));
  expect_here(database_.erase_async("a", kDurable));
  expect_here(database_.write_async(batch, kDurable));
  ASSERT_EQ(database_.set("a", "2"), absl::OkStatus());
  expect_here(database_.sync_async());
  ASSERT_EQ(database_.set("a", "3"), absl::OkStatus());
  expect_here(database_.flush_async());
  Scan scan = database_.scan();
  expect_here(scan.next_async());
  EXPECT_EQ(scan.status(), absl::OkStatus());
  expect_here(database_.close_async());
  database_ = Database();
  expect_here(Database::open_async(options_));
}

// --- what is ready at once ---

TEST_F(ExecutorChoice, WhatIsReadyAtOnceDoesNotHop) {
  struct Work {
    static Task<void> run(Database* database, Executor elsewhere, Place* place) {
      const std::string_view keys[] = {"a", "b", "nobody"};
      WriteBatch batch;
      batch.set("b", "2");
      EXPECT_EQ(co_await database->set_async("a", "1"), absl::OkStatus());
      EXPECT_EQ(co_await database->write_async(batch), absl::OkStatus());
      EXPECT_EQ(co_await database->write_async(WriteBatch()), absl::OkStatus());
      EXPECT_EQ(co_await database->erase_async("nobody"), absl::OkStatus());
      EXPECT_EQ((co_await database->get_async("a"))->view(), "1");
      EXPECT_EQ((co_await database->get_async("nobody")).status().code(), Code::kNotFound);
      EXPECT_TRUE(*co_await database->contains_async("b"));
      EXPECT_EQ((co_await database->batch_get_async(keys)).size(), 3u);
      EXPECT_EQ((co_await database->get_async("")).status().code(), Code::kInvalidArgument);
      // Where it would resume does not matter if it does not suspend.
      EXPECT_EQ((co_await database->get_async("a").via(elsewhere))->view(), "1");
      EXPECT_EQ(co_await database->set_async("a", "1").via(elsewhere), absl::OkStatus());
      place->note();
    }
  };
  ASSERT_EQ(database_.set("nobody", "v"), absl::OkStatus());
  Place place;
  scope_.spawn(Work::run(&database_, by_via_.executor(), &place).on(by_promise_.executor()));
  EXPECT_EQ(place.count(), 1) << "it ran to its end inside spawn()";
  EXPECT_TRUE(place.is_here());
  EXPECT_EQ(by_via_.poll() + by_promise_.poll(), 0u);
}

TEST_F(ExecutorChoice, AFenceWithNothingBeforeItDoesNotHop) {
  ASSERT_EQ(database_.set("a", "1", {.ack = Ack::kDurable}), absl::OkStatus());
  ASSERT_EQ(database_.flush(), absl::OkStatus());
  Place sync;
  Place flush;
  database_.sync_async().start([&](const absl::Status& status) noexcept {
    EXPECT_EQ(status, absl::OkStatus());
    sync.note();
  });
  EXPECT_EQ(sync.count(), 1);
  EXPECT_TRUE(sync.is_here());
  scope_.spawn(await(database_.flush_async(), &flush).on(by_promise_.executor()));
  EXPECT_EQ(flush.count(), 1);
}

TEST_F(ExecutorChoice, StartCallsBackBeforeItReturnsOnlyWithoutVia) {
  use_options_executor();
  ASSERT_EQ(database_.set("a", "1"), absl::OkStatus());
  const auto count_at_return = [&](auto operation) {
    Place place;
    std::move(operation).start([&](const auto&) noexcept { place.note(); });
    const int at_return = place.count();
    pump(by_via_, place);
    EXPECT_TRUE(place.is_here());
    return at_return;
  };
  const std::string_view keys[] = {"a"};
  const Executor via = by_via_.executor();
  EXPECT_EQ(count_at_return(database_.get_async("a")), 1);
  EXPECT_EQ(count_at_return(database_.get_async("a").via(via)), 0);
  EXPECT_EQ(count_at_return(database_.contains_async("a")), 1);
  EXPECT_EQ(count_at_return(database_.contains_async("a").via(via)), 0);
  EXPECT_EQ(count_at_return(database_.batch_get_async(keys)), 1);
  EXPECT_EQ(count_at_return(database_.batch_get_async(keys).via(via)), 0);
  EXPECT_EQ(count_at_return(database_.set_async("b", "2")), 1);
  EXPECT_EQ(count_at_return(database_.set_async("b", "2").via(via)), 0);
  EXPECT_EQ(count_at_return(database_.erase_async("b")), 1);
  EXPECT_EQ(count_at_return(database_.erase_async("b").via(via)), 0);
  EXPECT_EQ(count_at_return(database_.set_async("", "refused")), 1);
  EXPECT_EQ(count_at_return(database_.set_async("", "refused").via(via)), 0);
  EXPECT_EQ(count_at_return(database_.get_async("a").via(inline_executor())), 1);
  EXPECT_EQ(by_options_.poll(), 0u);
}

// The loader may answer while start() is still at it: with `.via` that is no reason to call back there. One key asked
// for so often that it is known before all have asked.
TEST_F(ExecutorChoice, StartWithViaNeverCallsBackInsideHoweverFastTheAnswerIs) {
  constexpr std::size_t kTimes = 5'000;
  database_ = Database();
  options_.poll_time = std::chrono::milliseconds(1);
  database_ = open_database(options_);
  for (int round = 0; round < 20; ++round) {
    const std::string name = "key" + std::to_string(round);
    const std::vector<std::string_view> keys(kTimes, name);
    Place place;
    database_.batch_get_async(keys).via(by_via_.executor()).start([&](const auto& results) noexcept {
      EXPECT_EQ(results.size(), kTimes);
      place.note();
    });
    ASSERT_EQ(place.count(), 0) << "in round " << round;
    pump(by_via_, place);
  }
}

// --- executors ---

TEST_F(ExecutorChoice, PollRunsResultsOldestFirstWithinItsBounds) {
  constexpr int kResults = 10;
  std::vector<int> seen;
  ASSERT_EQ(database_.set("a", "1"), absl::OkStatus());
  for (int number = 0; number < kResults; ++number) {
    database_.get_async("a").via(by_via_.executor()).start([&seen, number](const absl::StatusOr<Value>&) noexcept {
      seen.push_back(number);
    });
  }
  EXPECT_EQ(by_via_.poll(0, kAnyTime), 0u);
  EXPECT_TRUE(seen.empty());
  EXPECT_EQ(by_via_.poll(3, kAnyTime), 3u);
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(by_via_.poll(kAnyNumber, std::chrono::nanoseconds::zero()), 1u) << "one item runs on a budget of zero";
  EXPECT_EQ(by_via_.poll(2, kAnyTime), 2u);
  EXPECT_EQ(by_via_.poll(), 4u);
  EXPECT_EQ(by_via_.poll(), 0u);
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(ExecutorChoice, PollEndsWhenItsTimeIsUsedUpHoweverMuchIsQueued) {
  constexpr auto kBudget = std::chrono::milliseconds(1);
  ASSERT_EQ(database_.set("a", "1"), absl::OkStatus());
  std::size_t ran = 0;
  const auto spend_the_budget = [&](const absl::StatusOr<Value>&) noexcept {
    const auto end = std::chrono::steady_clock::now() + kBudget;
    while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
    ++ran;
  };
  for (int count = 0; count < 3; ++count) database_.get_async("a").via(by_via_.executor()).start(spend_the_budget);
  EXPECT_EQ(by_via_.poll(kAnyNumber, kBudget), 1u);
  EXPECT_EQ(ran, 1u);
  EXPECT_EQ(by_via_.poll(kAnyNumber, kAnyTime), 2u);
}

TEST_F(ExecutorChoice, TheInlineExecutorGoesOnWhereTheOperationEnds) {
  Place loaded;
  Place written;
  scope_.spawn(await(miss().via(inline_executor()), &loaded));
  loaded.wait();
  scope_.spawn(await(durable_set().via(inline_executor()), &written));
  written.wait();
  scope_.join();
  EXPECT_EQ(loaded.name(), "dictsql-load");
  EXPECT_EQ(written.name(), "dictsql-flush");
}

TEST_F(ExecutorChoice, ResultsMayBePolledAfterTheDatabaseIsGone) {
  constexpr int kEach = 50;
  int results = 0;
  for (int number = 0; number < kEach; ++number) {
    durable_set().via(by_via_.executor()).start([&](const absl::Status& status) noexcept {
      EXPECT_EQ(status, absl::OkStatus());
      ++results;
    });
    miss().via(by_via_.executor()).start([&](const absl::StatusOr<Value>& value) noexcept {
      EXPECT_EQ(value.status().code(), Code::kNotFound);
      ++results;
    });
  }
  database_ = Database();
  EXPECT_EQ(results, 0);
  EXPECT_EQ(by_via_.poll(), 2u * kEach);
  EXPECT_EQ(results, 2 * kEach);
}

// While the resume thread is busy with one result, the others wait; a hit on any thread does not.
TEST_F(ExecutorChoice, ABusyResumeThreadDelaysNoHit) {
  ASSERT_EQ(database_.set("a", "1"), absl::OkStatus());
  std::atomic<bool> go_on{false};
  Place busy;
  miss().start([&](const absl::StatusOr<Value>&) noexcept {
    busy.note();
    go_on.wait(false);
  });
  busy.wait();
  EXPECT_EQ(busy.name(), "dictsql-resume");
  EXPECT_EQ(database_.get("a")->view(), "1");
  EXPECT_EQ(database_.get("nobody").status().code(), Code::kNotFound) << "a blocking miss needs no resume thread";
  EXPECT_EQ(database_.set("b", "2", {.ack = Ack::kDurable}), absl::OkStatus());
  go_on.store(true);
  go_on.notify_one();
  database_ = Database();  // ends the resume thread, before what it looks at is gone
}

// --- blocking where nobody may ---

// Opens a database, gets onto the thread where `executor` runs a miss, and does there what is forbidden.
void block_on_library_thread(const Options& options, Executor executor, void (*block)(Database& database)) {
  Database database = open_database(options);
  Place place;
  database.get_async("nobody").via(executor).start([&](const absl::StatusOr<Value>&) noexcept {
    block(database);
    place.note();
  });
  place.wait();
}

class BlockingDeathTest : public testing::Test {
 protected:
  BlockingDeathTest() { options_.path = directory_.file("test.db"); }

  TemporaryDirectory directory_;
  Options options_;
};

TEST_F(BlockingDeathTest, AMissOnTheResumeThreadAborts) {
  EXPECT_DEATH(block_on_library_thread(options_, {}, [](Database& database) { database.get("x").IgnoreError(); }),
               "blocking call");
}

TEST_F(BlockingDeathTest, ADurableWriteOnTheLoaderAborts) {
  EXPECT_DEATH(
      block_on_library_thread(options_, inline_executor(),
                              [](Database& database) { database.set("x", "v", {.ack = Ack::kDurable}).IgnoreError(); }),
      "blocking call");
}

TEST_F(BlockingDeathTest, CloseOnTheResumeThreadAborts) {
  EXPECT_DEATH(block_on_library_thread(options_, {}, [](Database& database) { database.close().IgnoreError(); }),
               "blocking call");
}

TEST_F(BlockingDeathTest, ADatabaseDestroyedOnItsLoaderAborts) {
  EXPECT_DEATH(block_on_library_thread(options_, inline_executor(), [](Database& database) { database = Database(); }),
               "destroyed on the thread");
}

TEST_F(BlockingDeathTest, ADatabaseDestroyedOnItsFlusherAborts) {
  const auto destroy_on_flusher = [this] {
    Database database = open_database(options_);
    Place place;
    database.set_async("x", "v", {.ack = Ack::kDurable})
        .via(inline_executor())
        .start([&](const absl::Status&) noexcept {
          database = Database();
          place.note();
        });
    place.wait();
  };
  EXPECT_DEATH(destroy_on_flusher(), "destroyed on the thread");
}

TEST_F(BlockingDeathTest, SyncWaitOnTheResumeThreadAborts) {
  EXPECT_DEATH(block_on_library_thread(options_, {},
                                       [](Database& database) { sync_wait(database.get_async("x")).IgnoreError(); }),
               "blocking call");
}

}  // namespace
}  // namespace dictsqlite
