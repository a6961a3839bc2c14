/// \file
/// TaskScope: tasks that run on their own, and one place to wait for them.
#pragma once

#include <dictsqlite/detail/awaitable.hpp>
#include <dictsqlite/detail/task_promise.hpp>
#include <dictsqlite/executor.hpp>
#include <dictsqlite/export.hpp>
#include <dictsqlite/task.hpp>

#include <atomic>
#include <coroutine>
#include <cstddef>

namespace dictsqlite {

/// Runs tasks that nobody awaits one by one.
///
/// \code
/// dictsqlite::TaskScope scope;
/// for (std::string& key : keys) scope.spawn(refresh(db, std::move(key)));
/// co_await scope.join_async();
/// \endcode
///
/// A task's frame, arguments and all, is gone before the scope counts it as ended, so memory is that of the tasks now
/// running. An exception that escapes from a spawned task ends the process: nobody is there to receive it.
///
/// Thread-safety: spawn() and running() from any thread, also from spawned tasks; one join at a time.
/// Ownership:     owns the spawned tasks. Must be joined before it is destroyed, or the process is aborted: the tasks
///                would go on with what the scope's owner has destroyed.
/// Progress:      wait-free, but for the tasks.
class DICTSQLITE_EXPORT TaskScope : private detail::TaskListener {
 public:
  class Join;

  TaskScope() noexcept : TaskListener{&TaskScope::end} {}
  ~TaskScope();
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;

  /// Starts `task` on this thread; returns when it first suspends, or ends.
  void spawn(Task<void> task);

  /// Starts `task` on `executor`, where also the library operations resume that it awaits. If the executor ends before,
  /// the task is destroyed and counts as ended. One that has begun and waits for an executor that is gone never ends,
  /// nor does a join.
  void spawn(Executor executor, Task<void> task);

  /// Waits until no task is running. More may be spawned meanwhile, and afterwards.
  /// Resumes on the awaiting promise's executor; if it offers none, where the last task ended. Does not suspend if
  /// no task is running.
  [[nodiscard]] Join join_async() noexcept;

  /// Blocks until no task is running. Not on a thread of the library's.
  void join();

  /// How many tasks have been spawned and have not ended.
  [[nodiscard]] std::size_t running() const noexcept;

 private:
  static void end(TaskListener& listener, detail::TaskPromiseBase& task) noexcept;
  detail::TaskPromiseBase& adopt(Task<void> task) noexcept;
  bool suspend(Join& join) noexcept;

  // Twice the number of running tasks, plus kJoining while a suspended join waits for it to reach zero.
  static constexpr std::size_t kJoining = 1;
  static constexpr std::size_t kOneTask = 2;
  std::atomic<std::size_t> state_{0};  // (TS1) (TS2) (TS3)
  Join* join_ = nullptr;               // of the suspended join; handed over by (TS2)
};

/// What join_async() returns. Awaited once.
class DICTSQLITE_EXPORT TaskScope::Join : private Work {
 public:
  [[nodiscard]] bool await_ready() const noexcept { return scope_.running() == 0; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiter) noexcept {
    awaiter_ = awaiter;
    executor_ = detail::offered_executor(awaiter);
    return scope_.suspend(*this);
  }
  static void await_resume() noexcept {}

 private:
  friend TaskScope;
  explicit Join(TaskScope& scope) noexcept : scope_(scope) {}

  TaskScope& scope_;
  std::coroutine_handle<> awaiter_;
  Executor executor_;
};

}  // namespace dictsqlite
