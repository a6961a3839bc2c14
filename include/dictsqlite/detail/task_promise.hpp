/// \file
/// How a Task runs: its promise, who is told of its end, and how the coroutine that waits for it goes on.
///
/// No tail calls. The textbook task hands control over with symmetric transfer, which GCC 12 turns into a call unless
/// it optimises, and not even then under a sanitizer; a loop that awaits ready tasks then ends on a full stack. Here:
/// - Down: await_suspend resumes the child like a function. If the child is done when that returns, the awaiter does
///   not suspend at all. Any number of ready tasks in one loop costs one level of stack.
/// - Up: a task that ends after its awaiter has suspended resumes it through resume_awaiter(), which keeps a whole
///   chain of ends in one loop. A chain of any depth that unwinds costs one level of stack.
/// What does cost stack is depth on the way down, a task that starts a task that starts a task, as it does for
/// functions, and destroying such a chain while it is suspended.
///
/// Who goes on: TaskJoin counts to zero from the number of tasks plus one for the awaiter's own suspending. Whoever
/// takes the last step continues the awaiter: the awaiter itself by not suspending, or the last task by resuming it.
///   (TJ1) the step of a task releases its result and everything it wrote
///   (TJ2) the step of the awaiter releases its suspended frame, and acquires the results if it is the last
///   (TJ3) a look by the awaiter that finds only itself left acquires the results: the cheap case
/// (TJ1) acquires as well: the last task resumes a frame that (TJ2) released and that will read the results of all.
/// After a step that was not the last one, neither side touches the join, the other's frame, or its own promise.
#pragma once

#include <dictsqlite/detail/awaitable.hpp>
#include <dictsqlite/executor.hpp>
#include <dictsqlite/export.hpp>

#include <atomic>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

namespace dictsqlite {

template <class T>
class Task;

namespace detail {

class TaskPromiseBase;

/// Prints `sentence` and aborts: a Task was used in a way that its documentation forbids.
[[noreturn]] DICTSQLITE_EXPORT void task_misused(const char* sentence) noexcept;

/// Resumes `awaiter` because the coroutine at `finished` has come to its end; call it last. If the caller was itself
/// resumed here, the outer call resumes the awaiter once the caller has returned, so that the stack does not grow.
DICTSQLITE_EXPORT void resume_awaiter(const void* finished, std::coroutine_handle<> awaiter) noexcept;

/// Is told, once, on the thread where it happened, that a task has come to its end. The listener may destroy the
/// task's frame.
struct TaskListener {
  using Finished = void (*)(TaskListener& listener, TaskPromiseBase& task) noexcept;
  explicit TaskListener(Finished function) noexcept : finished(function) {}
  Finished finished;
};

/// What tasks of every result type have in common. The Work is for a task that is to start on an executor, and later
/// for an awaiter that is to go on elsewhere.
class TaskPromiseBase : public Work {
 public:
  TaskPromiseBase() noexcept = default;
  TaskPromiseBase(const TaskPromiseBase&) = delete;
  TaskPromiseBase& operator=(const TaskPromiseBase&) = delete;

  static std::suspend_always initial_suspend() noexcept { return {}; }

  struct FinalAwaiter {
    static bool await_ready() noexcept { return false; }
    template <class Promise>
    static void await_suspend(std::coroutine_handle<Promise> task) noexcept {
      TaskPromiseBase& promise = task.promise();
      promise.listener_->finished(*promise.listener_, promise);  // the frame may be gone now
    }
    static void await_resume() noexcept {}
  };
  static FinalAwaiter final_suspend() noexcept { return {}; }

  /// Never called in a build without exceptions, where nothing can escape.
  void unhandled_exception() noexcept { exception_ = std::current_exception(); }

  /// Where library operations awaited in this task resume; empty if that was not chosen.
  [[nodiscard]] Executor dictsqlite_executor() const noexcept { return executor_; }
  void set_executor(Executor executor) noexcept { executor_ = executor; }

  /// Runs the task on this thread until it suspends. `listener` must live until it is told.
  void start(TaskListener& listener) noexcept {
    begin(listener);
    self_.resume();
  }
  /// The same on `executor`, some time later.
  void start_on(Executor executor, TaskListener& listener) noexcept {
    begin(listener);
    run = [](Work* work) noexcept { static_cast<TaskPromiseBase*>(work)->self_.resume(); };
    drop = [](Work* work) noexcept {  // it ends without having begun
      auto& task = static_cast<TaskPromiseBase&>(*work);
      task.listener_->finished(*task.listener_, task);
    };
    executor(this);
  }

  [[nodiscard]] std::coroutine_handle<> self() const noexcept { return self_; }
  [[nodiscard]] TaskListener& listener() const noexcept { return *listener_; }
  [[nodiscard]] bool failed() const noexcept { return exception_ != nullptr; }

 protected:
  ~TaskPromiseBase() = default;

  void set_self(std::coroutine_handle<> self) noexcept { self_ = self; }
  void rethrow_if_failed() {
    if (exception_ != nullptr) std::rethrow_exception(std::exchange(exception_, nullptr));
  }

 private:
  void begin(TaskListener& listener) noexcept {
    if (listener_ != nullptr) task_misused("a Task was started twice");
    listener_ = &listener;
  }

  std::coroutine_handle<> self_;
  TaskListener* listener_ = nullptr;  // null: not started
  Executor executor_;
  std::exception_ptr exception_;
};

template <class T>
class TaskPromise final : public TaskPromiseBase {
 public:
  Task<T> get_return_object() noexcept;

  template <class Value = T>
    requires std::convertible_to<Value, T>
  void return_value(Value&& value) {
    value_.emplace(std::forward<Value>(value));
  }

  /// The result, or throws what escaped from the task. Once, after the end.
  T take() {
    rethrow_if_failed();
    return std::move(*value_);  // NOLINT(bugprone-unchecked-optional-access): there after the end
  }

 private:
  std::optional<T> value_;
};

template <>
class TaskPromise<void> final : public TaskPromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  static void return_void() noexcept {}
  void take() { rethrow_if_failed(); }
};

/// Waits for one or more tasks on behalf of one suspended coroutine.
///
/// Thread-safety: made, started and suspended by the awaiter's thread; each task steps on the thread where it ends.
/// Ownership:     lives in the awaiter's frame, which the protocol keeps suspended until the last step.
/// Progress:      a step is wait-free.
class TaskJoin : private TaskListener {
 public:
  explicit TaskJoin(std::size_t tasks) noexcept : TaskListener{&TaskJoin::step}, remaining_(tasks + 1) {}

  template <class Promise>
  void set_awaiter(std::coroutine_handle<Promise> awaiter) noexcept {
    awaiter_ = awaiter;
    executor_ = offered_executor(awaiter);
  }

  /// Starts one of the tasks. It inherits the awaiter's executor unless it was given one.
  void start(TaskPromiseBase& task) noexcept {
    if (!task.dictsqlite_executor()) task.set_executor(executor_);
    task.start(*this);
  }

  /// The awaiter's own step, after the last start(). True: stay suspended, the last task resumes you; `*this` may be
  /// gone. False: all are done, go on.
  [[nodiscard]] bool suspend() noexcept {
    if (remaining_.load(std::memory_order_acquire) == 1) return false;  // (TJ3), partner (TJ1)
    return remaining_.fetch_sub(1, std::memory_order_acq_rel) != 1;     // (TJ2), partner (TJ1)
  }

 private:
  static void step(TaskListener& listener, TaskPromiseBase& task) noexcept {
    auto& join = static_cast<TaskJoin&>(listener);
    if (join.remaining_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;  // (TJ1), partners (TJ2) (TJ3)
    const bool elsewhere = join.executor_ && join.executor_ != task.dictsqlite_executor();
    if (!elsewhere) return resume_awaiter(task.self().address(), join.awaiter_);
    task.run = [](Work* work) noexcept {
      static_cast<TaskJoin&>(static_cast<TaskPromiseBase*>(work)->listener()).awaiter_.resume();
    };
    join.executor_(&task);
  }

  std::atomic<std::size_t> remaining_;  // tasks that have not ended, and 1 while the awaiter runs. (TJ1) (TJ2) (TJ3)
  std::coroutine_handle<> awaiter_;
  Executor executor_;  // that the awaiter offers
};

/// `co_await std::move(task)`.
template <class T>
class TaskAwaiter {
 public:
  explicit TaskAwaiter(TaskPromise<T>& task) noexcept : task_(task) {}

  static bool await_ready() noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiter) noexcept {
    join_.set_awaiter(awaiter);
    join_.start(task_);
    return join_.suspend();
  }
  T await_resume() { return task_.take(); }

 private:
  TaskPromise<T>& task_;
  TaskJoin join_{1};
};

}  // namespace detail
}  // namespace dictsqlite
