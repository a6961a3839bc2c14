/// \file
/// sync_wait: from a thread that is no coroutine into a coroutine and back.
#pragma once

#include <dictsqlite/detail/awaitable.hpp>
#include <dictsqlite/detail/task_promise.hpp>
#include <dictsqlite/export.hpp>
#include <dictsqlite/task.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace dictsqlite {

namespace detail {

/// Blocks a thread until a task has ended.
///
/// Thread-safety: wait() by the thread that made it; the task may end on any.
/// Orderings: (BL1) the end of the task releases its result, (BL2) the waiter acquires it.
class DICTSQLITE_EXPORT BlockingListener : public TaskListener {
 public:
  /// Asserts that this thread may block: not one of the library's own.
  BlockingListener() noexcept;
  void wait() noexcept;

 private:
  enum State : std::uint32_t { kRunning, kRunningAndAwaited, kEnded };

  static void end(TaskListener& listener, TaskPromiseBase& task) noexcept;

  std::atomic<std::uint32_t> state_{kRunning};  // (BL1) (BL2)
};

/// How a Task holds what an await gives: references as pointers.
template <class Result>
using HeldResult = std::conditional_t<std::is_lvalue_reference_v<Result>, std::remove_reference_t<Result>*,
                                      std::remove_cvref_t<Result>>;

template <class Awaitable, class Result = AwaitResult<Awaitable>>
Task<HeldResult<Result>> await_in_task(Awaitable&& awaitable) {
  if constexpr (std::is_void_v<Result>) {
    co_await static_cast<Awaitable&&>(awaitable);
  } else if constexpr (std::is_lvalue_reference_v<Result>) {
    co_return std::addressof(co_await static_cast<Awaitable&&>(awaitable));
  } else {
    co_return co_await static_cast<Awaitable&&>(awaitable);
  }
}

template <class T>
T wait_for_task(Task<T> task) {
  BlockingListener listener;
  TaskAccess::promise(task).start(listener);
  listener.wait();
  return TaskAccess::promise(task).take();
}

}  // namespace detail

/// Awaits `awaitable` and blocks the calling thread until the result is there. Throws what the awaitable throws.
///
/// Takes anything that `co_await` takes: tasks, operations, other libraries' awaitables; as an rvalue or, where the
/// awaitable allows it, as an lvalue.
/// Not on a thread of the library's (asserted): it would wait for itself. For the same reason never on the thread that
/// pumps the ManualExecutor which the awaitable resumes on.
/// Cost: one allocation unless `awaitable` is a Task; no system call if the awaitable is ready at once.
template <class Awaitable>
auto sync_wait(Awaitable&& awaitable)
    -> std::conditional_t<std::is_lvalue_reference_v<detail::AwaitResult<Awaitable>>, detail::AwaitResult<Awaitable>,
                          std::remove_cvref_t<detail::AwaitResult<Awaitable>>> {
  using Result = detail::AwaitResult<Awaitable>;
  if constexpr (std::is_same_v<std::remove_cvref_t<Awaitable>, Task<std::remove_cvref_t<Result>>>) {
    return detail::wait_for_task(static_cast<Awaitable&&>(awaitable));
  } else if constexpr (std::is_lvalue_reference_v<Result>) {
    return *detail::wait_for_task(detail::await_in_task(static_cast<Awaitable&&>(awaitable)));
  } else {
    return detail::wait_for_task(detail::await_in_task(static_cast<Awaitable&&>(awaitable)));
  }
}

}  // namespace dictsqlite
