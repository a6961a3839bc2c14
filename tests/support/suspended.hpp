// Suspended: a coroutine that is suspended in an operation and can be destroyed there.
#pragma once

#include <coroutine>
#include <exception>

namespace dictsqlite::testing_support {

/// Begins at once and stays at its end. Ownership: none; whoever has it destroys the handle, once.
struct Suspended {
  struct Promise {
    Suspended get_return_object() { return {std::coroutine_handle<Promise>::from_promise(*this)}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  using promise_type = Promise;
  std::coroutine_handle<Promise> handle;
};

}  // namespace dictsqlite::testing_support
