// StartLine: lets threads begin each round at the same moment, closely enough to race.
//
// Thread-safety: arrive() from exactly `threads` threads. They spin, and give the core away when that takes long.
#pragma once

#include "base/compiler.hpp"

#include <atomic>
#include <cstddef>
#include <thread>

namespace dictsqlite::testing_support {

class StartLine {
 public:
  explicit StartLine(std::size_t threads) noexcept : threads_(threads) {}

  /// Returns when all threads have arrived as often as this one. What each did before happens before what any does
  /// after.
  void arrive() noexcept {
    const std::size_t round = round_.load(std::memory_order_acquire);
    if (waiting_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
      waiting_.store(0, std::memory_order_relaxed);  // published by the store below
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    for (unsigned spins = 0; round_.load(std::memory_order_acquire) == round; ++spins) {
      if (spins % 1024 == 1023) {
        std::this_thread::yield();
      } else {
        base::spin_pause();
      }
    }
  }

 private:
  const std::size_t threads_;
  alignas(base::kCacheLine) std::atomic<std::size_t> waiting_{0};
  alignas(base::kCacheLine) std::atomic<std::size_t> round_{0};
};

}  // namespace dictsqlite::testing_support
