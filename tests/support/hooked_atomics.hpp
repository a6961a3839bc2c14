// HookedAtomics: atomics that call `Hook::step()` before each access, so that a test decides what happens in between.
// Used by steps.hpp and scheduler.hpp.
#pragma once

#include "base/atomics.hpp"

#include <atomic>
#include <cstdint>

namespace dictsqlite::testing_support {

template <class Hook, class T>
class HookedAtomic {
 public:
  constexpr HookedAtomic() noexcept : value_{} {}
  constexpr HookedAtomic(T value) noexcept : value_(value) {}
  HookedAtomic(const HookedAtomic&) = delete;
  HookedAtomic& operator=(const HookedAtomic&) = delete;

  T load(std::memory_order order) const noexcept {
    Hook::step();
    return value_.load(order);
  }
  void store(T value, std::memory_order order) noexcept {
    Hook::step();
    value_.store(value, order);
  }
  T exchange(T value, std::memory_order order) noexcept {
    Hook::step();
    return value_.exchange(value, order);
  }
  template <class... Orders>
  bool compare_exchange_strong(T& expected, T desired, Orders... orders) noexcept {
    Hook::step();
    return value_.compare_exchange_strong(expected, desired, orders...);
  }
  template <class... Orders>
  bool compare_exchange_weak(T& expected, T desired, Orders... orders) noexcept {
    Hook::step();
    return value_.compare_exchange_strong(expected, desired, orders...);  // fails only for a reason
  }
  template <class Difference>
  T fetch_add(Difference difference, std::memory_order order) noexcept {
    Hook::step();
    return value_.fetch_add(static_cast<T>(difference), order);
  }
  template <class Difference>
  T fetch_sub(Difference difference, std::memory_order order) noexcept {
    Hook::step();
    return value_.fetch_sub(static_cast<T>(difference), order);
  }
  T fetch_or(T bits, std::memory_order order) noexcept {
    Hook::step();
    return value_.fetch_or(bits, order);
  }
  T fetch_and(T bits, std::memory_order order) noexcept {
    Hook::step();
    return value_.fetch_and(bits, order);
  }

 private:
  std::atomic<T> value_;
};

template <class Hook>
struct HookedAtomics : base::StdThreads {
  template <class T>
  using Atomic = HookedAtomic<Hook, T>;
  /// What a hook runs in between may run on the same thread: no slot is one's alone.
  [[nodiscard]] static std::uint32_t thread_slot() noexcept { return kThreadSlots; }
  [[nodiscard]] static std::uint32_t quick_thread_slot() noexcept { return kThreadSlots; }
  [[nodiscard]] static std::uint32_t thread_slots_seen() noexcept { return 0; }
};

}  // namespace dictsqlite::testing_support
