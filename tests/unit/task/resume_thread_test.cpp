// Goal: the resume thread runs work in order on its own thread, and stop() drops nothing, wherever it is called.
// Method: numbered work; stop from outside, from the thread itself, and without a start.
#include "task/resume_thread.hpp"

#include <dictsqlite/sync_wait.hpp>
#include <dictsqlite/task.hpp>

#include "task/parker.hpp"
#include "unit/task/hop.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
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

// The system's threads, counting.
class CountingHost final : public ThreadHost {
 public:
  bool wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, base::Instant deadline) noexcept override {
    waits.fetch_add(1);
    waits.notify_all();
    return system_threads().wait(word, expected, deadline);
  }
  void wake_one(const std::atomic<std::uint32_t>* word) noexcept override {
    wakes.fetch_add(1);
    system_threads().wake_one(word);
  }
  void thread_starts(const char* /*name*/) noexcept override {}
  void thread_refused(const char* /*name*/) noexcept override {}
  void thread_begins(const char* /*name*/) noexcept override {}
  void thread_ends(const char* /*name*/) noexcept override {}
  void joins(const char* /*name*/) noexcept override {}

  std::atomic<int> waits{0};
  std::atomic<int> wakes{0};
};

TEST(ResumeThread, IsWokenOnceForAGroupAndNotBeforeItsEnd) {
  struct Count : Work {
    std::atomic<int>* ran;
  };
  CountingHost host;
  std::atomic<int> ran{0};
  std::array<Count, 3> works{};
  for (Count& work : works) {
    work.ran = &ran;
    work.run = [](Work* self) noexcept { static_cast<Count*>(self)->ran->fetch_add(1); };
  }
  ResumeThread thread(std::chrono::nanoseconds(0), host);
  ASSERT_TRUE(thread.start().ok());
  host.waits.wait(0);  // then it sleeps, or is about to
  {
    const ResumeThread::WakeOnce wake_once(thread);
    for (Count& work : works) thread.executor()(&work);
    EXPECT_EQ(host.wakes.load(), 0);
    EXPECT_EQ(ran.load(), 0);
  }
  EXPECT_EQ(host.wakes.load(), 1);
  thread.stop();
  EXPECT_EQ(ran.load(), 3);
}

}  // namespace
}  // namespace dictsqlite::task
