// Goal: a task that ends on another thread while its awaiter suspends continues the awaiter exactly once, and what
// the task wrote is seen by it; the same for when_all and for tasks spawned, ended and joined at the same time.
// Method: hops between two resume threads, so that each end races with the awaiter's own step; non-atomic counters,
// so that ThreadSanitizer sees a missing order.
#include <dictsqlite/sync_wait.hpp>
#include <dictsqlite/task.hpp>
#include <dictsqlite/task_scope.hpp>
#include <dictsqlite/when_all.hpp>

#include "task/resume_thread.hpp"
#include "unit/task/hop.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace dictsqlite {
namespace {

using namespace std::chrono_literals;
using testing_support::Hop;

class TaskStress : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(left.start().ok());
    ASSERT_TRUE(right.start().ok());
  }
  task::ResumeThread left{5us};
  task::ResumeThread right{5us};
};

Task<std::unique_ptr<int>> hop_and_give(Executor executor, int value) {
  co_await Hop(executor);
  co_return std::make_unique<int>(value);
}

TEST_F(TaskStress, EachAwaitGoesOnOnceAndSeesTheResult) {
  constexpr int kRounds = 20'000;
  auto loop = [](Executor one, Executor other) -> Task<int> {
    int plain = 0;
    for (int round = 0; round < kRounds; ++round) {
      const std::unique_ptr<int> result = co_await hop_and_give(round % 2 == 0 ? one : other, round);
      if (*result == round) ++plain;
    }
    co_return plain;
  };
  EXPECT_EQ(sync_wait(loop(left.executor(), right.executor())), kRounds);
}

TEST_F(TaskStress, WhenAllOfTasksThatEndOnTwoThreads) {
  constexpr int kRounds = 3'000;
  auto loop = [](Executor one, Executor other) -> Task<int> {
    int plain = 0;
    for (int round = 0; round < kRounds; ++round) {
      std::vector<Task<std::unique_ptr<int>>> tasks;
      for (int index = 0; index < 6; ++index) tasks.push_back(hop_and_give(index % 2 == 0 ? one : other, index));
      for (const auto& result : co_await when_all(std::move(tasks))) plain += *result;
    }
    co_return plain;
  };
  EXPECT_EQ(sync_wait(loop(left.executor(), right.executor())), kRounds * 15);
}

TEST_F(TaskStress, AnAwaiterReturnsToItsExecutorEachTime) {
  constexpr int kRounds = 5'000;
  auto loop = [](Executor mine, Executor other) -> Task<int> {
    co_await Hop(mine);
    const std::thread::id home = std::this_thread::get_id();
    int away = 0;
    for (int round = 0; round < kRounds; ++round) {
      co_await hop_and_give(other, round).on(other);
      away += static_cast<int>(std::this_thread::get_id() != home);
    }
    co_return away;
  };
  EXPECT_EQ(sync_wait(loop(left.executor(), right.executor()).on(left.executor())), 0);
}

// The loop is given away with the last task: the joiner's thread must see all counts, and join once a round.
TEST_F(TaskStress, JoinRacesWithTheEndsOfTasks) {
  constexpr int kRounds = 3'000;
  struct Part {
    int plain = 0;
  };
  auto one_part = [](Executor executor, Part& part) -> Task<void> {
    co_await Hop(executor);
    ++part.plain;
  };
  auto loop = [](auto spawn, Executor one, Executor other) -> Task<int> {
    TaskScope scope;
    Part parts[4];
    for (int round = 0; round < kRounds; ++round) {
      for (std::size_t index = 0; index < 4; ++index) {
        scope.spawn(spawn(index % 2 == 0 ? one : other, parts[index]));
      }
      co_await scope.join_async();
    }
    co_return parts[0].plain + parts[1].plain + parts[2].plain + parts[3].plain;
  };
  EXPECT_EQ(sync_wait(loop(one_part, left.executor(), right.executor())), kRounds * 4);
}

TEST_F(TaskStress, ManyThreadsSpawnIntoOneScopeThatIsJoinedMeanwhile) {
  constexpr int kSpawners = 3;
  constexpr int kEach = 5'000;
  std::atomic<int> ended{0};
  auto count = [](Executor executor, std::atomic<int>& counter) -> Task<void> {
    co_await Hop(executor);
    counter.fetch_add(1);
  };
  TaskScope scope;
  std::vector<std::thread> spawners;
  for (int spawner = 0; spawner < kSpawners; ++spawner) {
    spawners.emplace_back([&, executor = spawner % 2 == 0 ? left.executor() : right.executor()] {
      for (int index = 0; index < kEach; ++index) scope.spawn(count(executor, ended));
    });
  }
  for (int joins = 0; joins < 100; ++joins) scope.join();
  for (std::thread& spawner : spawners) spawner.join();
  scope.join();
  EXPECT_EQ(ended.load(), kSpawners * kEach);
}

TEST_F(TaskStress, AScopeMayBeDestroyedAsSoonAsJoinReturns) {
  constexpr int kRounds = 5'000;
  auto hop = [](Executor executor) -> Task<void> { co_await Hop(executor); };
  for (int round = 0; round < kRounds; ++round) {
    auto scope = std::make_unique<TaskScope>();
    scope->spawn(hop(left.executor()));
    scope->spawn(hop(right.executor()));
    scope->join();
  }
}

}  // namespace
}  // namespace dictsqlite
