#include <dictsqlite/sync_wait.hpp>

#include "base/clock.hpp"
#include "task/futex.hpp"
#include "task/library_thread.hpp"

namespace dictsqlite::detail {

BlockingListener::BlockingListener() noexcept : TaskListener{&BlockingListener::end} { task::assert_may_block(); }

void BlockingListener::wait() noexcept {
  std::uint32_t seen = kRunning;
  if (!state_.compare_exchange_strong(seen, kRunningAndAwaited, std::memory_order_acquire,
                                      std::memory_order_acquire)) {  // (BL2): it has ended
    return;
  }
  while (state_.load(std::memory_order_acquire) != kEnded) {  // (BL2)
    task::futex_wait(state_, kRunningAndAwaited, base::kNever);
  }
}

void BlockingListener::end(TaskListener& listener, TaskPromiseBase&) noexcept {
  auto& state = static_cast<BlockingListener&>(listener).state_;
  // After the exchange the waiter may return and take the listener with it: only the address is used from there on.
  if (state.exchange(kEnded, std::memory_order_release) == kRunningAndAwaited) task::futex_wake_one(&state);  // (BL1)
}

}  // namespace dictsqlite::detail
