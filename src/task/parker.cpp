#include "task/parker.hpp"

namespace dictsqlite::task {

bool Parker::park_until(base::Instant deadline) noexcept {
  std::uint32_t seen = kIdle;
  // Failure means a token, the only other state while nobody sleeps.
  if (!state_.compare_exchange_strong(seen, kParked, std::memory_order_relaxed,  // relaxed: nothing is handed over
                                      std::memory_order_relaxed)) {              // relaxed: the exchange acquires
    state_.exchange(kIdle, std::memory_order_acquire);                           // (PK2)
    return true;
  }
  bool in_time = true;
  while (in_time && state_.load(std::memory_order_relaxed) == kParked) {  // relaxed: the exchange below acquires
    in_time = host_.wait(state_, kParked, deadline);
  }
  // A token may still come between the deadline and this step; then it is taken, not left for the next park.
  return state_.exchange(kIdle, std::memory_order_acquire) == kToken;  // (PK2)
}

void Parker::unpark() noexcept {
  // After the exchange the sleeper may destroy us: only the address is used from there on.
  ThreadHost& host = host_;
  if (state_.exchange(kToken, std::memory_order_release) == kParked) host.wake_one(&state_);  // (PK1)
}

}  // namespace dictsqlite::task
