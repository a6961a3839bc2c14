// Awaitables for tests of the task module.
#pragma once

#include <dictsqlite/detail/awaitable.hpp>
#include <dictsqlite/executor.hpp>

#include <coroutine>

namespace dictsqlite::testing_support {

/// Suspends, and goes on when `executor` runs it.
class Hop : private Work {
 public:
  explicit Hop(Executor executor) noexcept : executor_(executor) {}

  static bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) noexcept {
    awaiter_ = awaiter;
    run = [](Work* work) noexcept { static_cast<Hop*>(work)->awaiter_.resume(); };
    executor_(this);
  }
  static void await_resume() noexcept {}

 private:
  Executor executor_;
  std::coroutine_handle<> awaiter_;
};

/// Never suspends; gives the executor that the awaiting promise offers, as a library operation would ask for it.
class OfferedExecutor {
 public:
  static bool await_ready() noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiter) noexcept {
    executor_ = detail::offered_executor(awaiter);
    return false;
  }
  [[nodiscard]] Executor await_resume() const noexcept { return executor_; }

 private:
  Executor executor_;
};

/// Suspends until the test resumes it by hand.
class Gate {
 public:
  static bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) noexcept { awaiter_ = awaiter; }
  static void await_resume() noexcept {}

  [[nodiscard]] bool waiting() const noexcept { return static_cast<bool>(awaiter_); }
  void open() noexcept {
    const std::coroutine_handle<> awaiter = awaiter_;
    awaiter_ = nullptr;
    awaiter.resume();
  }

 private:
  std::coroutine_handle<> awaiter_;
};

/// Counts its own lives, to find frames that leak or are destroyed twice.
class Counted {
 public:
  explicit Counted(int& alive) noexcept : alive_(&alive) { ++*alive_; }
  Counted(Counted&& other) noexcept : alive_(other.alive_) { ++*alive_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  Counted& operator=(Counted&&) = delete;
  ~Counted() { --*alive_; }

 private:
  int* alive_;
};

}  // namespace dictsqlite::testing_support
