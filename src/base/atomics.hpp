// StdAtomics: the atomics of production, and what else a lock-free structure asks of its world. Such structures take
// theirs as a template parameter, so that a model checker can run the real code with atomics of its own.
#pragma once

#include "base/asymmetric_fence.hpp"
#include "base/thread_slot.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace dictsqlite::base {

/// The threads of this process.
struct StdThreads {
  /// Below this, thread_slot() is the calling thread's alone; it is this if the thread has to share.
  static constexpr std::uint32_t kThreadSlots = base::kThreadSlots;
  [[nodiscard]] static std::uint32_t thread_slot() noexcept { return base::thread_slot(); }
  [[nodiscard]] static std::uint32_t quick_thread_slot() noexcept { return base::quick_thread_slot(); }
  [[nodiscard]] static std::uint32_t thread_slots_seen() noexcept { return base::thread_slots_seen(); }
  /// One of `count` that threads spread over; several may have the same.
  [[nodiscard]] static std::size_t stripe(std::size_t count) noexcept { return base::thread_slot() % count; }

  static void prepare_fences() noexcept { base::prepare_fences(); }
  static void light_fence() noexcept { base::light_fence(); }
  static void free_light_fence() noexcept { base::free_light_fence(); }
  static void heavy_fence() noexcept { base::heavy_fence(); }
  /// In a loop that waits for another thread to take a few steps.
  static void wait_a_moment() noexcept { std::this_thread::yield(); }
};

struct StdAtomics : StdThreads {
  template <class T>
  using Atomic = std::atomic<T>;
};

}  // namespace dictsqlite::base
