// Goal: sync_wait returns what any awaitable gives, whatever thread completes it, and refuses to block our own threads.
// Method: awaitables of every shape the language knows, completed here and on another thread.
#include <dictsqlite/executor.hpp>
#include <dictsqlite/sync_wait.hpp>
#include <dictsqlite/task.hpp>

#include "task/library_thread.hpp"
#include "unit/task/hop.hpp"

#include <gtest/gtest.h>

#include <coroutine>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

namespace dictsqlite {
namespace {

template <class T>
struct Ready {
  T value;
  static bool await_ready() noexcept { return true; }
  static void await_suspend(std::coroutine_handle<>) noexcept {}
  T await_resume() { return static_cast<T>(value); }
};

struct WithMember {
  auto operator co_await() const noexcept { return Ready<int>{11}; }
};
struct WithFree {};
[[maybe_unused]] Ready<int> operator co_await(WithFree) noexcept { return Ready<int>{12}; }

TEST(SyncWait, TakesAnAwaiterAsRvalueAndAsLvalue) {
  Ready<int> awaiter{3};
  EXPECT_EQ(sync_wait(awaiter), 3);
  EXPECT_EQ(sync_wait(Ready<int>{4}), 4);
}

TEST(SyncWait, TakesAnAwaitableWithAMemberOperator) { EXPECT_EQ(sync_wait(WithMember{}), 11); }

TEST(SyncWait, TakesAnAwaitableWithAFreeOperator) { EXPECT_EQ(sync_wait(WithFree{}), 12); }

TEST(SyncWait, GivesReferencesAsReferences) {
  int number = 5;
  Ready<int&> awaiter{number};
  static_assert(std::is_same_v<decltype(sync_wait(awaiter)), int&>);
  sync_wait(awaiter) = 6;
  EXPECT_EQ(number, 6);
}

TEST(SyncWait, GivesRvalueReferencesAsValues) {
  Ready<std::string&&> awaiter{std::string("text")};
  static_assert(std::is_same_v<decltype(sync_wait(awaiter)), std::string>);
}

TEST(SyncWait, GivesMoveOnlyResults) {
  auto make = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(8); };
  EXPECT_EQ(*sync_wait(make()), 8);
}

TEST(SyncWait, WaitsForAnotherThread) {
  ManualExecutor manual;
  auto hop = [](Executor executor) -> Task<int> {
    co_await testing_support::Hop(executor);
    co_return 7;
  };
  std::thread pump([&manual] {
    while (manual.poll() == 0) std::this_thread::yield();
  });
  EXPECT_EQ(sync_wait(hop(manual.executor())), 7);
  pump.join();
}

#if defined(__cpp_exceptions)
TEST(SyncWait, ThrowsWhatTheAwaitableThrows) {
  struct Throws : Ready<int> {
    static int await_resume() { throw std::runtime_error("no"); }
  };
  EXPECT_THROW(sync_wait(Throws{}), std::runtime_error);
}
#endif

TEST(SyncWaitDeathTest, RefusesToBlockALibraryThread) {
  EXPECT_DEATH(
      {
        const task::LibraryThreadMark mark("test");
        sync_wait(Ready<int>{1});
      },
      "blocking call");
}

TEST(SyncWait, MayBlockAThreadThatIsNoLongerALibraryThread) {
  { const task::LibraryThreadMark mark("test"); }
  EXPECT_EQ(sync_wait(Ready<int>{1}), 1);
}

}  // namespace
}  // namespace dictsqlite
