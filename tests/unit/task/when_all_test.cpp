// Goal: when_all runs all tasks at once, waits for all, keeps the order of results and drops nothing on an exception.
// Method: tasks that never suspend, and tasks at gates opened in another order.
#include <dictsqlite/executor.hpp>
#include <dictsqlite/sync_wait.hpp>
#include <dictsqlite/task.hpp>
#include <dictsqlite/task_scope.hpp>
#include <dictsqlite/when_all.hpp>

#include "unit/task/hop.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace dictsqlite {
namespace {

using testing_support::Counted;
using testing_support::Gate;
using testing_support::Hop;
using testing_support::OfferedExecutor;

Task<int> give(int value) { co_return value; }
Task<void> nothing() { co_return; }
Task<std::string> text_at(Gate& gate, std::string text) {
  co_await gate;
  co_return text;
}

TEST(WhenAll, GivesEveryResultInTheOrderOfTheArguments) {
  auto make = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(3); };
  auto [one, none, three] = sync_wait(when_all(give(1), nothing(), make()));
  EXPECT_EQ(one, 1);
  EXPECT_EQ(none, std::monostate{});
  EXPECT_EQ(*three, 3);
}

TEST(WhenAll, OfOneTaskGivesATupleOfOne) { EXPECT_EQ(sync_wait(when_all(give(4))), std::tuple<int>{4}); }

TEST(WhenAll, OfNoTaskIsReady) {
  EXPECT_EQ(sync_wait(when_all()), std::tuple<>{});
  EXPECT_TRUE(sync_wait(when_all(std::vector<Task<int>>{})).empty());
}

TEST(WhenAll, StartsAllBeforeItWaitsAndEndsWithTheLast) {
  Gate left;
  Gate right;
  std::string result;
  auto both = [](Gate& one, Gate& two, std::string& out) -> Task<void> {
    auto [first, second] = co_await when_all(text_at(one, "left"), text_at(two, "right"));
    out = first + " " + second;
  };
  TaskScope scope;
  scope.spawn(both(left, right, result));
  ASSERT_TRUE(left.waiting());
  ASSERT_TRUE(right.waiting());
  right.open();
  EXPECT_EQ(scope.running(), 1U);
  left.open();
  EXPECT_EQ(scope.running(), 0U);
  EXPECT_EQ(result, "left right");
}

TEST(WhenAll, OfAVectorGivesAVector) {
  std::vector<Task<int>> tasks;
  for (int index = 0; index < 1'000; ++index) tasks.push_back(give(index));
  const std::vector<int> results = sync_wait(when_all(std::move(tasks)));
  ASSERT_EQ(results.size(), 1'000U);
  for (std::size_t index = 0; index < results.size(); ++index) ASSERT_EQ(results[index], static_cast<int>(index));
}

TEST(WhenAll, OfAVectorOfVoidTasksCountsThem) {
  std::vector<Task<void>> tasks;
  tasks.push_back(nothing());
  tasks.push_back(nothing());
  EXPECT_EQ(sync_wait(when_all(std::move(tasks))).size(), 2U);
}

TEST(WhenAll, PassesTheAwaitersExecutorToEveryTask) {
  ManualExecutor manual;
  ManualExecutor other;
  auto offered = []() -> Task<Executor> { co_return co_await OfferedExecutor(); };
  auto [first, second] = sync_wait(when_all(offered(), offered().on(other.executor())).on(manual.executor()));
  EXPECT_EQ(first, manual.executor());
  EXPECT_EQ(second, other.executor());
}

TEST(WhenAll, ReturnsToTheAwaitersExecutorIfTheLastTaskEndedOnAnother) {
  ManualExecutor mine;
  ManualExecutor other;
  bool done = false;
  auto hop = [](Executor executor) -> Task<void> { co_await Hop(executor); };
  auto both = [](Task<void> one, Task<void> two, bool& flag) -> Task<void> {
    co_await when_all(std::move(one), std::move(two));
    flag = true;
  };
  TaskScope scope;
  scope.spawn(both(hop(mine.executor()), hop(other.executor()).on(other.executor()), done).on(mine.executor()));
  mine.poll();
  other.poll();
  EXPECT_FALSE(done);
  mine.poll();
  EXPECT_TRUE(done);
}

TEST(WhenAll, DestroyedSuspendedDestroysTheTasks) {
  int alive = 0;
  Gate one;
  Gate two;
  auto hold = [](Counted, Gate& gate) -> Task<void> { co_await gate; };
  struct Listener : detail::TaskListener {
    Listener() : TaskListener{[](TaskListener&, detail::TaskPromiseBase&) noexcept { FAIL(); }} {}
  } listener;
  {
    const auto task = when_all(hold(Counted(alive), one), hold(Counted(alive), two));
    detail::TaskAccess::promise(task).start(listener);
    EXPECT_EQ(alive, 2);
  }
  EXPECT_EQ(alive, 0);
}

TEST(WhenAll, LeavesNoFrameBehind) {
  int alive = 0;
  auto hold = [](Counted) -> Task<void> { co_return; };
  sync_wait(when_all(hold(Counted(alive)), hold(Counted(alive))));
  EXPECT_EQ(alive, 0);
}

#if defined(__cpp_exceptions)
TEST(WhenAll, ThrowsTheFirstExceptionInOrderAfterAllHaveEnded) {
  Gate gate;
  auto fail_at = [](Gate& inner) -> Task<int> {
    co_await inner;
    throw std::runtime_error("first");
  };
  auto fail = [](bool broken) -> Task<int> {
    if (broken) throw std::runtime_error("second");
    co_return 0;
  };
  std::string seen;
  auto both = [](Task<int> one, Task<int> two, std::string& out) -> Task<void> {
    try {
      co_await when_all(std::move(one), std::move(two));
    } catch (const std::runtime_error& error) {
      out = error.what();
    }
  };
  TaskScope scope;
  scope.spawn(both(fail_at(gate), fail(true), seen));
  EXPECT_EQ(seen, "");
  gate.open();
  EXPECT_EQ(seen, "first");
}
#endif

}  // namespace
}  // namespace dictsqlite
