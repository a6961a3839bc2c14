// Goal: the resume thread runs work in order on its own thread, and stop() drops nothing, wherever it is called.
// Method: numbered work; stop from outside, from the thread itself, and without a start.
#include "task/resume_thread.hpp"

#include <dictsqlite/sync_wait.hpp>
#include <dictsqlite/task.hpp>

#include "task/parker.hpp"
#include "unit/task/hop.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace dictsqlite::task {
namespace {

using namespace std::chrono_literals;

struct Call : Work {
  explicit Call(std::function<void()> function) : function_(std::move(function)) {
    run = [](Work* work) noexcept { static_cast<Call*>(work)->function_(); };
  }

 private:
  std::function<void()> function_;
};

class ResumeThreadTest : public testing::TestWithParam<std::chrono::nanoseconds> {};

TEST_P(ResumeThreadTest, RunsWorkOnItsOwnNamedThread) {
  ResumeThread thread(GetParam());
  ASSERT_TRUE(thread.start().ok());
  auto look = [](Executor executor) -> Task<std::pair<std::thread::id, std::string>> {
    co_await testing_support::Hop(executor);
    char name[16] = {};
    ::pthread_getname_np(::pthread_self(), name, sizeof(name));
    co_return std::pair{std::this_thread::get_id(), std::string(name)};
  };
  auto [id, name] = sync_wait(look(thread.executor()));
  EXPECT_NE(id, std::this_thread::get_id());
  EXPECT_EQ(name, "dictsql-resume");
}

TEST_P(ResumeThreadTest, RunsWorkInTheOrderOfPosting) {
  constexpr int kCount = 10'000;
  ResumeThread thread(GetParam());
  ASSERT_TRUE(thread.start().ok());
  std::vector<int> notes;
  std::vector<std::unique_ptr<Call>> calls;
  for (int index = 0; index < kCount; ++index) {
    calls.push_back(std::make_unique<Call>([&notes, index] { notes.push_back(index); }));
  }
  for (auto& call : calls) thread.executor()(call.get());
  thread.stop();
  ASSERT_EQ(notes.size(), static_cast<std::size_t>(kCount));
  for (int index = 0; index < kCount; ++index) ASSERT_EQ(notes[static_cast<std::size_t>(index)], index);
}

TEST_P(ResumeThreadTest, WakesAfterItHasSlept) {
  ResumeThread thread(GetParam());
  ASSERT_TRUE(thread.start().ok());
  auto hop = [](Executor executor) -> Task<void> { co_await testing_support::Hop(executor); };
  for (int round = 0; round < 200; ++round) sync_wait(hop(thread.executor()));
}

TEST_P(ResumeThreadTest, StopRunsWhatWorkPostsInTurn) {
  ResumeThread thread(GetParam());
  ASSERT_TRUE(thread.start().ok());
  std::vector<int> notes;
  Call second([&notes] { notes.push_back(2); });
  Call first([&] {
    notes.push_back(1);
    thread.executor()(&second);
  });
  thread.executor()(&first);
  thread.stop();
  EXPECT_EQ(notes, (std::vector<int>{1, 2}));
}

TEST_P(ResumeThreadTest, RunsWorkPostedAfterStopOnThePoster) {
  ResumeThread thread(GetParam());
  ASSERT_TRUE(thread.start().ok());
  thread.stop();
  thread.stop();
  std::thread::id id;
  Call call([&id] { id = std::this_thread::get_id(); });
  thread.executor()(&call);
  EXPECT_EQ(id, std::this_thread::get_id());
}

TEST_P(ResumeThreadTest, RunsWorkPostedBeforeTheStart) {
  ResumeThread thread(GetParam());
  int runs = 0;
  Call call([&runs] { ++runs; });
  thread.executor()(&call);
  EXPECT_EQ(runs, 0);
  ASSERT_TRUE(thread.start().ok());
  thread.stop();
  EXPECT_EQ(runs, 1);
}

TEST_P(ResumeThreadTest, NeverStartedRunsItsWorkWhenItStops) {
  int runs = 0;
  Call call([&runs] { ++runs; });
  {
    ResumeThread thread(GetParam());
    thread.executor()(&call);
  }
  EXPECT_EQ(runs, 1);
}

// As when a coroutine on this thread drops the last handle of a database.
TEST_P(ResumeThreadTest, MayBeDestroyedByItsOwnWork) {
  auto thread = std::make_unique<ResumeThread>(GetParam());
  ASSERT_TRUE(thread->start().ok());
  const Executor executor = thread->executor();
  Parker posted;
  Parker finished;
  Call destroy([&] {
    posted.park();
    thread.reset();
  });
  Call rest([&finished] { finished.unpark(); });
  executor(&destroy);
  executor(&rest);
  posted.unpark();
  finished.park();
  EXPECT_EQ(thread, nullptr);
}

INSTANTIATE_TEST_SUITE_P(PollingTime, ResumeThreadTest, testing::Values(0ns, 50us),
                         [](const auto& test) { return test.param == 0ns ? "None" : "FiftyMicroseconds"; });

TEST(ResumeThreadDeathTest, BlockingOnItAborts) {
  EXPECT_DEATH(
      {
        ResumeThread thread(0ns);
        static_cast<void>(thread.start());
        auto hop = [](Executor executor) -> Task<void> { co_await testing_support::Hop(executor); };
        Call call([&] { sync_wait(hop(thread.executor())); });
        thread.executor()(&call);
        thread.stop();
      },
      "blocking call");
}

}  // namespace
}  // namespace dictsqlite::task
