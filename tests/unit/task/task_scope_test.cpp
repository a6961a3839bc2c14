// Goal: a TaskScope starts tasks, frees each as it ends, resumes its one joiner once, and will not be forgotten.
// Method: tasks at gates and on manual executors; frames counted through their arguments.
#include <dictsqlite/executor.hpp>
#include <dictsqlite/sync_wait.hpp>
#include <dictsqlite/task.hpp>
#include <dictsqlite/task_scope.hpp>

#include "unit/task/hop.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace dictsqlite {
namespace {

using testing_support::Counted;
using testing_support::Gate;
using testing_support::Hop;
using testing_support::OfferedExecutor;

Task<void> at(Gate& gate) { co_await gate; }
Task<void> hold_at(Counted, Gate& gate) { co_await gate; }
Task<void> set(bool& flag) {
  flag = true;
  co_return;
}
Task<void> join(TaskScope& scope, int& joins) {
  co_await scope.join_async();
  ++joins;
}

TEST(TaskScope, SpawnRunsTheTaskUntilItSuspends) {
  TaskScope scope;
  bool started = false;
  scope.spawn(set(started));
  EXPECT_TRUE(started);
  EXPECT_EQ(scope.running(), 0U);
}

TEST(TaskScope, SpawnOnAnExecutorStartsThereAndOffersIt) {
  ManualExecutor manual;
  TaskScope scope;
  Executor seen;
  auto ask = [](Executor& out) -> Task<void> { out = co_await OfferedExecutor(); };
  scope.spawn(manual.executor(), ask(seen));
  EXPECT_FALSE(seen);
  EXPECT_EQ(scope.running(), 1U);
  EXPECT_EQ(manual.poll(), 1U);
  EXPECT_EQ(seen, manual.executor());
  EXPECT_EQ(scope.running(), 0U);
}

TEST(TaskScope, ATaskThatItsExecutorNeverStartedEndsWithIt) {
  TaskScope scope;
  Gate gate;
  int joins = 0;
  int alive = 0;
  TaskScope joiner;
  {
    ManualExecutor ending;
    for (int task = 0; task < 2; ++task) scope.spawn(ending.executor(), hold_at(Counted(alive), gate));
    joiner.spawn(join(scope, joins));
    EXPECT_EQ(alive, 2);
  }
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(scope.running(), 0U);
  EXPECT_EQ(joins, 1);
  EXPECT_EQ(joiner.running(), 0U);
}

TEST(TaskScope, FreesAFrameWhenItsTaskEnds) {
  TaskScope scope;
  Gate one;
  Gate two;
  int alive = 0;
  scope.spawn(hold_at(Counted(alive), one));
  scope.spawn(hold_at(Counted(alive), two));
  EXPECT_EQ(alive, 2);
  two.open();
  EXPECT_EQ(alive, 1);
  one.open();
  EXPECT_EQ(alive, 0);
}

TEST(TaskScope, FreesFramesBeforeTheJoinIsOver) {
  TaskScope scope;
  TaskScope outer;
  Gate gate;
  int alive = 0;
  int alive_at_join = -1;
  auto look = [](TaskScope& inner, const int& now, int& out) -> Task<void> {
    co_await inner.join_async();
    out = now;
  };
  scope.spawn(hold_at(Counted(alive), gate));
  outer.spawn(look(scope, alive, alive_at_join));
  gate.open();
  EXPECT_EQ(alive_at_join, 0);
}

TEST(TaskScope, JoinOfNothingDoesNotSuspend) {
  TaskScope scope;
  TaskScope outer;
  int joins = 0;
  outer.spawn(join(scope, joins));
  EXPECT_EQ(joins, 1);
  scope.join();
}

TEST(TaskScope, JoinResumesOnceWhenTheLastTaskEnds) {
  TaskScope scope;
  TaskScope outer;
  Gate one;
  Gate two;
  int joins = 0;
  scope.spawn(at(one));
  scope.spawn(at(two));
  outer.spawn(join(scope, joins));
  one.open();
  EXPECT_EQ(joins, 0);
  two.open();
  EXPECT_EQ(joins, 1);
}

TEST(TaskScope, CanBeUsedAgainAfterAJoin) {
  TaskScope scope;
  TaskScope outer;
  int joins = 0;
  for (int round = 1; round <= 3; ++round) {
    Gate gate;
    scope.spawn(at(gate));
    outer.spawn(join(scope, joins));
    gate.open();
    EXPECT_EQ(joins, round);
  }
}

// A joiner posted to its executor has not run yet when more tasks come and go: they must not resume it again.
TEST(TaskScope, TasksThatComeAndGoBeforeTheJoinerRunsDoNotResumeItAgain) {
  ManualExecutor manual;
  TaskScope scope;
  TaskScope outer;
  Gate one;
  Gate two;
  int joins = 0;
  scope.spawn(at(one));
  outer.spawn(join(scope, joins).on(manual.executor()));
  one.open();
  scope.spawn(at(two));
  two.open();
  EXPECT_EQ(joins, 0);
  EXPECT_EQ(manual.poll(), 1U);
  EXPECT_EQ(joins, 1);
}

TEST(TaskScope, ATaskMaySpawnIntoItsOwnScope) {
  ManualExecutor manual;
  TaskScope scope;
  int ran = 0;
  struct Spawner {
    static Task<void> run(TaskScope& into, Executor executor, int depth, int& count) {
      co_await Hop(executor);
      ++count;
      if (depth > 0) into.spawn(run(into, executor, depth - 1, count));
    }
  };
  scope.spawn(Spawner::run(scope, manual.executor(), 99, ran));
  while (scope.running() != 0) manual.poll();
  EXPECT_EQ(ran, 100);
}

TEST(TaskScope, BlockingJoinWaitsForTasksOfAnotherThread) {
  ManualExecutor manual;
  TaskScope scope;
  auto hop = [](Executor executor) -> Task<void> { co_await Hop(executor); };
  for (int count = 0; count < 100; ++count) scope.spawn(hop(manual.executor()));
  std::thread pump([&manual] {
    for (std::size_t ran = 0; ran < 100;) ran += manual.poll();
  });
  scope.join();
  EXPECT_EQ(scope.running(), 0U);
  pump.join();
}

TEST(TaskScope, MillionsOfTasksNeedNoStackAndNoMemoryOfTheirOwn) {
  TaskScope scope;
  int alive = 0;
  int most = 0;
  auto count = [](Counted, const int& now, int& maximum) -> Task<void> {
    if (now > maximum) maximum = now;
    co_return;
  };
  for (int index = 0; index < 2'000'000; ++index) scope.spawn(count(Counted(alive), alive, most));
  EXPECT_EQ(alive, 0);
  EXPECT_LE(most, 2);  // the argument, and for a moment the temporary it was moved from
}

TEST(TaskScopeDeathTest, DestroyedWhileATaskRunsAborts) {
  EXPECT_DEATH(
      {
        Gate gate;
        TaskScope scope;
        scope.spawn(at(gate));
      },
      "1 of its tasks");
}

#if defined(__cpp_exceptions)
TEST(TaskScopeDeathTest, AnEscapingExceptionEndsTheProcess) {
  auto fail = [](bool broken) -> Task<void> {
    if (broken) throw std::runtime_error("nobody listens");
    co_return;
  };
  EXPECT_DEATH(
      {
        TaskScope scope;
        scope.spawn(fail(true));
      },
      "exception escaped");
}
#endif

}  // namespace
}  // namespace dictsqlite
