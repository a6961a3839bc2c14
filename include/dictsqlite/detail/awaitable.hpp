/// \file
/// What `co_await x` gives, and what the awaiting coroutine says about where it wants to resume.
#pragma once

#include <dictsqlite/executor.hpp>

#include <concepts>
#include <coroutine>
#include <utility>

namespace dictsqlite::detail {

template <class T>
concept HasMemberCoAwait = requires(T&& awaitable) { static_cast<T&&>(awaitable).operator co_await(); };
template <class T>
concept HasFreeCoAwait = requires(T&& awaitable) { operator co_await(static_cast<T&&>(awaitable)); };

/// The awaiter of an awaitable, found as the language finds it.
template <class T>
decltype(auto) get_awaiter(T&& awaitable) {
  if constexpr (HasMemberCoAwait<T>) {
    return static_cast<T&&>(awaitable).operator co_await();
  } else if constexpr (HasFreeCoAwait<T>) {
    return operator co_await(static_cast<T&&>(awaitable));
  } else {
    return static_cast<T&&>(awaitable);
  }
}

/// The type of `co_await std::forward<T>(awaitable)`.
template <class T>
using AwaitResult = decltype(get_awaiter(std::declval<T>()).await_resume());

/// A promise that says where its coroutine wants to resume. Ours do; anybody's may.
template <class Promise>
concept OffersExecutor = requires(const Promise& promise) {
  { promise.dictsqlite_executor() } noexcept -> std::same_as<Executor>;
};

/// The executor that the awaiting promise offers; empty if it offers none or has none.
template <class Promise>
[[nodiscard]] Executor offered_executor(std::coroutine_handle<Promise> awaiter) noexcept {
  if constexpr (OffersExecutor<Promise>) {
    return awaiter.promise().dictsqlite_executor();
  } else {
    return Executor{};
  }
}

}  // namespace dictsqlite::detail
