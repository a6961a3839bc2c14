/// \file
/// Task<T>: a coroutine that another one awaits.
#pragma once

#include <dictsqlite/detail/task_promise.hpp>
#include <dictsqlite/executor.hpp>

#include <coroutine>
#include <type_traits>
#include <utility>

namespace dictsqlite {

namespace detail {
struct TaskAccess;
}  // namespace detail

/// A coroutine that starts when it is awaited and gives its result to the one that awaits it.
///
/// \code
/// dictsqlite::Task<absl::Status> rename(dictsqlite::Database& db, std::string from, std::string to);
/// absl::Status status = co_await rename(db, "a", "b");
/// \endcode
///
/// `T` may be void or any movable type, but not a reference. A task is awaited once, as an rvalue.
///
/// Where it runs: on the thread that awaits it, until it suspends; then wherever what it awaits resumes it. Operations
/// of a Database ask the awaiting coroutine for an executor: a task has the one given to on(), otherwise that of the
/// coroutine that awaits it, if its promise has `Executor dictsqlite_executor() const noexcept` as Task's own does;
/// with neither, Options::executor decides.
/// Where its awaiter goes on: at once on the same thread if the task never suspended; otherwise on the thread where
/// the task ended, or through the awaiter's executor if the task had a different one.
///
/// Exceptions: where the program is built with them, one that escapes from the task comes out of `co_await`.
/// Layout is the same in every build; programs without exceptions and RTTI can use it.
///
/// Thread-safety: none; a task is one thread of execution. It may move between threads when it suspends.
/// Ownership:     owns its frame. Destroying it unstarted destroys the arguments. Destroying it suspended destroys the
///                locals; do that only where nothing can resume it at the same time.
/// Cost: one allocation, by the global `operator new`, unless the compiler finds it unnecessary; without exceptions
/// failing to get memory ends the process.
template <class T>
class [[nodiscard]] Task {
  static_assert(std::is_same_v<T, std::remove_cvref_t<T>>, "Task<T> holds a value: return a pointer, not a reference");

 public:
  using promise_type = detail::TaskPromise<T>;

  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  /// Destroys the task that was held.
  Task& operator=(Task&& other) noexcept {
    Task moved(std::move(other));
    std::swap(frame_, moved.frame_);
    return *this;
  }
  ~Task() {
    if (frame_) frame_.destroy();
  }

  /// False after the task was moved from.
  [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(frame_); }

  /// Makes library operations that this task awaits resume on `executor`. Before the task is awaited. It still begins
  /// on the thread that awaits it. An awaiter with an executor of its own is posted to that one when the task has
  /// ended; from then until it runs it must not be destroyed.
  [[nodiscard]] Task on(Executor executor) && noexcept {
    promise().set_executor(executor);
    return std::move(*this);
  }

  detail::TaskAwaiter<T> operator co_await() && noexcept { return detail::TaskAwaiter<T>(promise()); }

 private:
  friend promise_type;
  friend detail::TaskAccess;

  explicit Task(promise_type& promise) noexcept : frame_(std::coroutine_handle<promise_type>::from_promise(promise)) {}

  promise_type& promise() const noexcept {
    if (!frame_) detail::task_misused("a Task was used after it had been moved from");
    return frame_.promise();
  }

  std::coroutine_handle<promise_type> frame_;
};

namespace detail {

/// For sync_wait, when_all and TaskScope, which run tasks without being coroutines.
struct TaskAccess {
  template <class T>
  static Task<T> make(TaskPromise<T>& promise) noexcept {
    return Task<T>(promise);
  }
  template <class T>
  static TaskPromise<T>& promise(const Task<T>& task) noexcept {
    return task.promise();
  }
  /// Gives up the frame: whoever listens for the end destroys it.
  template <class T>
  static TaskPromise<T>& release(Task<T> task) noexcept {
    TaskPromise<T>& promise = task.promise();
    task.frame_ = nullptr;
    return promise;
  }
};

template <class T>
Task<T> TaskPromise<T>::get_return_object() noexcept {
  set_self(std::coroutine_handle<TaskPromise>::from_promise(*this));
  return TaskAccess::make(*this);
}

inline Task<void> TaskPromise<void>::get_return_object() noexcept {
  set_self(std::coroutine_handle<TaskPromise>::from_promise(*this));
  return TaskAccess::make(*this);
}

}  // namespace detail
}  // namespace dictsqlite
