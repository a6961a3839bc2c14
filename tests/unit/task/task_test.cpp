// Goal: a Task starts when awaited, ends once, gives its result or exception, frees its frame whatever happens, and
// never needs stack in proportion to the number of awaits.
// Method: tasks on this thread, suspended at gates and on a manual executor.
#include <dictsqlite/executor.hpp>
#include <dictsqlite/sync_wait.hpp>
#include <dictsqlite/task.hpp>
#include <dictsqlite/task_scope.hpp>

#include "unit/task/hop.hpp"

#include <gtest/gtest.h>

#include <coroutine>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace dictsqlite {
namespace {

using testing_support::Counted;
using testing_support::Gate;
using testing_support::Hop;
using testing_support::OfferedExecutor;

static_assert(std::is_nothrow_move_constructible_v<Task<int>>);
static_assert(std::is_nothrow_move_assignable_v<Task<int>>);
static_assert(!std::is_copy_constructible_v<Task<int>>);
static_assert(sizeof(Task<std::string>) == sizeof(void*));
// The same with and without exceptions, RTTI, assertions and sanitizers.
static_assert(sizeof(detail::TaskPromise<void>) == 8 * sizeof(void*));
static_assert(sizeof(detail::TaskAwaiter<int>) == 6 * sizeof(void*));

Task<int> give(int value) { co_return value; }
Task<void> nothing() { co_return; }
Task<int> add(int left, int right) { co_return co_await give(left) + co_await give(right); }
Task<void> set(bool& flag) {
  flag = true;
  co_return;
}

TEST(Task, StartsWhenAwaitedAndNotBefore) {
  bool started = false;
  Task<void> task = set(started);
  EXPECT_FALSE(started);
  sync_wait(std::move(task));
  EXPECT_TRUE(started);
}

TEST(Task, GivesItsResult) { EXPECT_EQ(sync_wait(add(40, 2)), 42); }

TEST(Task, GivesAMoveOnlyResult) {
  auto make = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); };
  auto pass = [](Task<std::unique_ptr<int>> inner) -> Task<std::unique_ptr<int>> {
    std::unique_ptr<int> got = co_await std::move(inner);
    co_return got;
  };
  EXPECT_EQ(*sync_wait(pass(make())), 5);
}

TEST(Task, ConvertsWhatIsReturned) {
  auto make = []() -> Task<std::string> { co_return "text"; };
  EXPECT_EQ(sync_wait(make()), "text");
}

TEST(Task, OfNoDefaultConstructorWorks) {
  struct Number {
    explicit Number(int number) : value(number) {}
    int value;
  };
  auto make = []() -> Task<Number> { co_return Number(3); };
  EXPECT_EQ(sync_wait(make()).value, 3);
}

// A coroutine keeps its arguments, but not the closure it was called on: so all of these are static.
Task<void> hold(Counted) { co_return; }
Task<void> hold_at(Counted, Gate& gate) { co_await gate; }
Task<void> hold_around(Counted, Task<void> inner) { co_await std::move(inner); }

TEST(Task, DestroyedUnstartedDestroysItsArguments) {
  int alive = 0;
  {
    const Task<void> task = hold(Counted(alive));
    EXPECT_EQ(alive, 1);
  }
  EXPECT_EQ(alive, 0);
}

TEST(Task, FreesItsFrameAfterItWasAwaited) {
  int alive = 0;
  auto outer = [](int& count) -> Task<int> {
    co_await hold(Counted(count));
    co_return count;
  };
  EXPECT_EQ(sync_wait(outer(alive)), 0);
}

struct Listener : detail::TaskListener {
  Listener()
      : TaskListener{
            [](TaskListener& self, detail::TaskPromiseBase&) noexcept { ++static_cast<Listener&>(self).ends; }} {}
  int ends = 0;
};

TEST(Task, DestroyedSuspendedDestroysTheWholeChain) {
  int alive = 0;
  Gate gate;
  Listener listener;
  {
    const Task<void> task = hold_around(Counted(alive), hold_at(Counted(alive), gate));
    detail::TaskAccess::promise(task).start(listener);
    ASSERT_TRUE(gate.waiting());
    EXPECT_EQ(alive, 2);
  }
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(listener.ends, 0);
}

TEST(Task, EndsOnce) {
  int alive = 0;
  Gate gate;
  Listener listener;
  const Task<void> task = hold_around(Counted(alive), hold_at(Counted(alive), gate));
  detail::TaskAccess::promise(task).start(listener);
  EXPECT_EQ(listener.ends, 0);
  gate.open();
  EXPECT_EQ(listener.ends, 1);
}

TEST(Task, MoveAssignmentDestroysWhatItHeld) {
  int first = 0;
  int second = 0;
  Task<void> task = hold(Counted(first));
  task = hold(Counted(second));
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 1);
  EXPECT_TRUE(task.valid());
}

TEST(Task, MoveAssignmentToItselfKeepsIt) {
  Task<int> task = give(9);
  Task<int>& same = task;
  task = std::move(same);
  ASSERT_TRUE(task.valid());
  EXPECT_EQ(sync_wait(std::move(task)), 9);
}

TEST(Task, IsNotValidAfterItWasMovedFrom) {
  Task<void> task = nothing();
  const Task<void> other = std::move(task);
  EXPECT_FALSE(task.valid());  // NOLINT(bugprone-use-after-move): what it is after that is the question
  EXPECT_TRUE(other.valid());
}

TEST(TaskDeathTest, AwaitedAfterItWasMovedFromAborts) {
  Task<void> task = nothing();
  const Task<void> other = std::move(task);
  EXPECT_DEATH(sync_wait(std::move(task)), "moved from");  // NOLINT(bugprone-use-after-move): the point
}

TEST(TaskDeathTest, AwaitedTwiceAborts) {
  auto twice = []() -> Task<int> {
    Task<int> task = give(1);
    const int first = co_await std::move(task);
    co_return first + co_await std::move(task);  // NOLINT(bugprone-use-after-move): the point
  };
  EXPECT_DEATH(sync_wait(twice()), "started twice");
}

#if defined(__cpp_exceptions)

Task<int> fail(bool broken = true) {
  if (broken) throw std::runtime_error("broken");
  co_return 0;
}

TEST(Task, GivesAnEscapingExceptionToItsAwaiter) {
  auto handle = []() -> Task<std::string> {
    try {
      co_await fail();
    } catch (const std::runtime_error& error) {
      co_return error.what();
    }
    co_return "nothing thrown";
  };
  EXPECT_EQ(sync_wait(handle()), "broken");
}

TEST(Task, PassesAnExceptionThroughAChainThatWasSuspended) {
  ManualExecutor manual;
  auto leaf = [](Executor executor) -> Task<void> {
    co_await Hop(executor);
    throw std::runtime_error("late");
  };
  auto middle = [](Task<void> inner) -> Task<int> {
    co_await std::move(inner);
    co_return 1;
  };
  bool caught = false;
  auto outer = [](Task<int> inner, bool& flag) -> Task<void> {
    try {
      co_await std::move(inner);
    } catch (const std::runtime_error&) {
      flag = true;
    }
  };
  TaskScope scope;
  scope.spawn(outer(middle(leaf(manual.executor())), caught));
  manual.poll();
  EXPECT_TRUE(caught);
}

TEST(Task, ThrowsWhatTheResultsMoveConstructorThrows) {
  struct Brittle {
    Brittle() = default;
    Brittle(Brittle&&) { throw std::runtime_error("brittle"); }
  };
  auto make = []() -> Task<Brittle> { co_return Brittle(); };
  EXPECT_THROW(sync_wait(make()), std::runtime_error);
}

#endif

// --- stack ---------------------------------------------------------------------------------------------------------

constexpr int kMany = 2'000'000;

TEST(TaskStack, TwoMillionReadyTasksInOneLoop) {
  auto loop = []() -> Task<std::int64_t> {
    std::int64_t sum = 0;
    for (int index = 0; index < kMany; ++index) sum += co_await give(index);
    co_return sum;
  };
  EXPECT_EQ(sync_wait(loop()), std::int64_t{kMany} * (kMany - 1) / 2);
}

TEST(TaskStack, TwoMillionReadyTasksOfTwoLevelsInOneLoop) {
  auto loop = []() -> Task<std::int64_t> {
    std::int64_t sum = 0;
    for (int index = 0; index < kMany; ++index) sum += co_await add(index, 1);
    co_return sum;
  };
  EXPECT_EQ(sync_wait(loop()), std::int64_t{kMany} * (kMany - 1) / 2 + kMany);
}

Task<int> hop_and_give(Executor executor, int value) {
  co_await Hop(executor);
  co_return value;
}

TEST(TaskStack, ManySuspendedTasksInOneLoop) {
  constexpr int kHops = 300'000;
  ManualExecutor manual;
  auto loop = [](Executor executor, std::int64_t& sum) -> Task<void> {
    for (int index = 0; index < kHops; ++index) sum += co_await hop_and_give(executor, index);
  };
  std::int64_t sum = 0;
  TaskScope scope;
  scope.spawn(loop(manual.executor(), sum));
  while (scope.running() != 0) manual.poll();
  EXPECT_EQ(sum, std::int64_t{kHops} * (kHops - 1) / 2);
}

// Awaits that complete on the spot but through a suspension: the inline executor resumes inside await_suspend.
TEST(TaskStack, ManyTasksThatAreResumedInlineInOneLoop) {
  constexpr int kHops = 300'000;
  auto loop = []() -> Task<std::int64_t> {
    std::int64_t sum = 0;
    for (int index = 0; index < kHops; ++index) sum += co_await hop_and_give(inline_executor(), index);
    co_return sum;
  };
  EXPECT_EQ(sync_wait(loop()), std::int64_t{kHops} * (kHops - 1) / 2);
}

Task<int> chain(Executor executor, int depth) {
  co_await Hop(executor);  // so that the chain grows without stack
  if (depth == 0) co_return 0;
  co_return co_await chain(executor, depth - 1) + 1;
}

TEST(TaskStack, ADeepChainOfSuspendedTasksUnwindsInOneLoop) {
  constexpr int kDepth = 300'000;
  ManualExecutor manual;
  int result = 0;
  auto root = [](Executor executor, int& out) -> Task<void> { out = co_await chain(executor, kDepth); };
  TaskScope scope;
  scope.spawn(root(manual.executor(), result));
  while (scope.running() != 0) manual.poll();
  EXPECT_EQ(result, kDepth);
}

// A running frame that wakes another chain by hand may depend on that chain having run when the call returns.
TEST(TaskStack, AChainWokenByHandRunsBeforeTheCallThatWokeItReturns) {
  Gate first;
  Gate second;
  std::vector<int> order;
  auto at = [](Gate& gate) -> Task<void> { co_await gate; };
  auto waker = [](Task<void> inner, Gate& other, std::vector<int>& notes) -> Task<void> {
    co_await std::move(inner);
    notes.push_back(1);
    other.open();
    notes.push_back(3);
  };
  auto woken = [](Task<void> inner, std::vector<int>& notes) -> Task<void> {
    co_await std::move(inner);
    notes.push_back(2);
  };
  TaskScope scope;
  scope.spawn(waker(at(first), second, order));
  scope.spawn(woken(at(second), order));
  first.open();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

// --- executors -----------------------------------------------------------------------------------------------------

Task<Executor> offered() { co_return co_await OfferedExecutor(); }
Task<Executor> offered_below() { co_return co_await offered(); }

TEST(TaskExecutor, IsEmptyUnlessChosen) { EXPECT_FALSE(sync_wait(offered())); }

TEST(TaskExecutor, IsTheOneGiven) {
  ManualExecutor manual;
  EXPECT_EQ(sync_wait(offered().on(manual.executor())), manual.executor());
}

TEST(TaskExecutor, IsInheritedFromTheAwaiter) {
  ManualExecutor manual;
  EXPECT_EQ(sync_wait(offered_below().on(manual.executor())), manual.executor());
}

TEST(TaskExecutor, GivenWinsOverInherited) {
  ManualExecutor outer;
  ManualExecutor inner;
  auto task = [](Executor executor) -> Task<Executor> { co_return co_await offered().on(executor); };
  EXPECT_EQ(sync_wait(task(inner.executor()).on(outer.executor())), inner.executor());
}

// A coroutine of somebody else's that offers an executor, starts at once and is never waited for.
struct Foreign {
  struct promise_type {
    explicit promise_type(Executor chosen, Executor&) noexcept : executor(chosen) {}
    static Foreign get_return_object() noexcept { return {}; }
    static std::suspend_never initial_suspend() noexcept { return {}; }
    static std::suspend_never final_suspend() noexcept { return {}; }
    static void return_void() noexcept {}
    static void unhandled_exception() noexcept {}
    [[nodiscard]] Executor dictsqlite_executor() const noexcept { return executor; }
    Executor executor;
  };
};

Foreign ask_below(Executor, Executor& seen) { seen = co_await offered_below(); }

TEST(TaskExecutor, IsInheritedFromAForeignPromiseThatOffersOne) {
  ManualExecutor manual;
  Executor seen;
  ask_below(manual.executor(), seen);
  EXPECT_EQ(seen, manual.executor());
}

Task<void> note_after_hop(Executor executor, std::vector<std::string>& notes) {
  co_await Hop(executor);
  notes.push_back("child");
}

Task<void> await_child_on(Executor child, std::vector<std::string>& notes) {
  co_await note_after_hop(child, notes).on(child);
  notes.push_back("awaiter");
}

TEST(TaskExecutor, AnAwaiterReturnsToItsOwnAfterAChildOnAnother) {
  ManualExecutor mine;
  ManualExecutor childs;
  std::vector<std::string> notes;
  TaskScope scope;
  scope.spawn(await_child_on(childs.executor(), notes).on(mine.executor()));
  EXPECT_EQ(mine.poll(), 0U);
  EXPECT_EQ(childs.poll(), 1U);
  EXPECT_EQ(notes, std::vector<std::string>{"child"});
  EXPECT_EQ(mine.poll(), 1U);
  EXPECT_EQ(notes, (std::vector<std::string>{"child", "awaiter"}));
}

TEST(TaskExecutor, AnAwaiterWithoutOneGoesOnWhereTheChildEnded) {
  ManualExecutor childs;
  std::vector<std::string> notes;
  TaskScope scope;
  scope.spawn(await_child_on(childs.executor(), notes));
  EXPECT_EQ(childs.poll(), 1U);
  EXPECT_EQ(notes, (std::vector<std::string>{"child", "awaiter"}));
}

TEST(TaskExecutor, AChildOnAnotherThatNeverSuspendsCostsNoHop) {
  ManualExecutor mine;
  ManualExecutor childs;
  auto task = [](Executor child) -> Task<int> { co_return co_await give(3).on(child); };
  EXPECT_EQ(sync_wait(task(childs.executor()).on(mine.executor())), 3);
}

}  // namespace
}  // namespace dictsqlite
