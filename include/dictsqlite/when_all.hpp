/// \file
/// when_all: several tasks at once.
#pragma once

#include <dictsqlite/detail/task_promise.hpp>
#include <dictsqlite/task.hpp>

#include <coroutine>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace dictsqlite {

namespace detail {

/// What when_all gives for a Task<T>: T, or std::monostate where there is nothing to give.
template <class T>
using WhenAllResult = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class T>
WhenAllResult<T> take_result(const Task<T>& task) {
  if constexpr (std::is_void_v<T>) {
    TaskAccess::promise(task).take();
    return {};
  } else {
    return TaskAccess::promise(task).take();
  }
}

/// Starts every task of a tuple or a vector, and waits for all.
template <class Tasks>
class WhenAllAwaiter {
 public:
  WhenAllAwaiter(const Tasks& tasks, std::size_t count) noexcept : tasks_(tasks), join_(count) {}

  static bool await_ready() noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiter) noexcept {
    join_.set_awaiter(awaiter);
    start(tasks_);
    return join_.suspend();
  }
  static void await_resume() noexcept {}

 private:
  template <class T>
  void start(const std::vector<Task<T>>& tasks) noexcept {
    for (const Task<T>& task : tasks) join_.start(TaskAccess::promise(task));
  }
  template <class... Ts>
  void start(const std::tuple<Task<Ts>...>& tasks) noexcept {
    std::apply([this](const auto&... task) { (join_.start(TaskAccess::promise(task)), ...); }, tasks);
  }

  const Tasks& tasks_;
  TaskJoin join_;
};

template <class... Ts>
Task<std::tuple<WhenAllResult<Ts>...>> when_all_of(std::tuple<Task<Ts>...> tasks) {
  co_await WhenAllAwaiter<std::tuple<Task<Ts>...>>(tasks, sizeof...(Ts));
  co_return std::apply([](const auto&... task) { return std::tuple<WhenAllResult<Ts>...>{take_result(task)...}; },
                       tasks);
}

}  // namespace detail

/// Runs the tasks at the same time and gives all results, in the order of the arguments; std::monostate for a
/// Task<void>.
///
/// They start one after the other on the thread that awaits; each inherits the awaiter's executor unless it has one.
/// The awaiter goes on as after one task, with the one that ended last. If exceptions escaped, all tasks run to their
/// ends first; then the first one in the order of the arguments is thrown and the others are dropped.
/// Destroying it suspended destroys the tasks: only where none of them can be running.
/// Cost: one allocation, however many tasks.
template <class... Ts>
Task<std::tuple<detail::WhenAllResult<Ts>...>> when_all(Task<Ts>... tasks) {
  return detail::when_all_of<Ts...>(std::tuple<Task<Ts>...>(std::move(tasks)...));
}

/// The same for any number of tasks of one type. No task gives an empty vector.
template <class T>
Task<std::vector<detail::WhenAllResult<T>>> when_all(std::vector<Task<T>> tasks) {
  co_await detail::WhenAllAwaiter<std::vector<Task<T>>>(tasks, tasks.size());
  std::vector<detail::WhenAllResult<T>> results;
  results.reserve(tasks.size());
  for (const Task<T>& task : tasks) results.push_back(detail::take_result(task));
  co_return results;
}

}  // namespace dictsqlite
