// WeakAtomics: what our lock-free structures would be with release and acquire where they have seq_cst, and without
// their fences. For litmus tests that show what those are there for.
//
// A compare-and-swap is weakened to an acquire load and a release store: on x86 the real instruction is a full
// barrier whatever order it is given, on other machines it is not. So these atomics are only right where no two
// threads change one variable at a time.
#pragma once

#include "base/atomics.hpp"

#include <atomic>

namespace dictsqlite::testing_support {

template <class T>
class WeakAtomic {
 public:
  constexpr WeakAtomic() noexcept : value_{} {}
  constexpr WeakAtomic(T value) noexcept : value_(value) {}
  WeakAtomic(const WeakAtomic&) = delete;
  WeakAtomic& operator=(const WeakAtomic&) = delete;

  T load(std::memory_order order) const noexcept { return value_.load(load_order(order)); }
  void store(T value, std::memory_order order) noexcept { value_.store(value, store_order(order)); }
  T exchange(T value, std::memory_order order) noexcept {
    const T old_value = value_.load(load_order(order));
    value_.store(value, store_order(order));
    return old_value;
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order order) noexcept {
    const T found = value_.load(load_order(order));
    if (found != expected) {
      expected = found;
      return false;
    }
    value_.store(desired, store_order(order));
    return true;
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order order, std::memory_order) noexcept {
    return compare_exchange_strong(expected, desired, order);
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order order) noexcept {
    return compare_exchange_strong(expected, desired, order);
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order order, std::memory_order) noexcept {
    return compare_exchange_strong(expected, desired, order);
  }
  template <class Difference>
  T fetch_add(Difference difference, std::memory_order order) noexcept {
    const T old_value = value_.load(load_order(order));
    value_.store(static_cast<T>(old_value + static_cast<T>(difference)), store_order(order));
    return old_value;
  }
  template <class Difference>
  T fetch_sub(Difference difference, std::memory_order order) noexcept {
    const T old_value = value_.load(load_order(order));
    value_.store(static_cast<T>(old_value - static_cast<T>(difference)), store_order(order));
    return old_value;
  }
  T fetch_or(T bits, std::memory_order order) noexcept {
    const T old_value = value_.load(load_order(order));
    value_.store(static_cast<T>(old_value | bits), store_order(order));
    return old_value;
  }

 private:
  static constexpr std::memory_order load_order(std::memory_order order) noexcept {
    return order == std::memory_order_relaxed ? order : std::memory_order_acquire;
  }
  static constexpr std::memory_order store_order(std::memory_order order) noexcept {
    return order == std::memory_order_relaxed ? order : std::memory_order_release;
  }

  std::atomic<T> value_;
};

struct WeakAtomics : base::StdThreads {
  template <class T>
  using Atomic = WeakAtomic<T>;
  static void light_fence() noexcept {}
  static void free_light_fence() noexcept {}
  static void heavy_fence() noexcept {}
};

}  // namespace dictsqlite::testing_support
