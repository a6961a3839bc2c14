// CheckedAtomics: atomics whose every access is a step of the execution under way. For the real templates of the
// library, which lay out memory by the size of their atomics and find some of them in zeroed pages: hence they are as
// large as their values, and hold the newest one. Outside an execution they are plain memory.
//
// A weak compare-exchange fails only for a reason, as a strong one.
#pragma once

#include "model/checker/execution.hpp"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>

namespace dictsqlite::checker {

template <class T>
class CheckedAtomic {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
  using Place = std::source_location;

 public:
  CheckedAtomic() noexcept : CheckedAtomic(T{}) {}
  CheckedAtomic(T value) noexcept : value_(value) {
    if (Execution* const execution = Execution::current()) execution->begin_life(this, bits_of(value));
  }
  CheckedAtomic(const CheckedAtomic&) = delete;
  CheckedAtomic& operator=(const CheckedAtomic&) = delete;

  T load(std::memory_order order, const Place& place = Place::current()) const noexcept {
    Execution* const execution = Execution::current();
    if (execution == nullptr) return value_;
    return value_of(execution->load(access(Operation::kLoad, {order, order}, false, place)));
  }
  void store(T value, std::memory_order order, const Place& place = Place::current()) noexcept {
    Execution* const execution = Execution::current();
    if (execution != nullptr) {
      execution->store(access(Operation::kStore, {order, order}, false, place), bits_of(value));
      value = value_of(execution->newest());
    }
    value_ = value;
  }
  T exchange(T value, std::memory_order order, const Place& place = Place::current()) noexcept {
    return modify(order, place, [value](T) { return value; });
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order order,
                               const Place& place = Place::current()) noexcept {
    return compare_exchange(expected, desired, {order, failure_order_of(order)}, false, place);
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order success, std::memory_order failure,
                               const Place& place = Place::current()) noexcept {
    return compare_exchange(expected, desired, {success, failure}, true, place);
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order order,
                             const Place& place = Place::current()) noexcept {
    return compare_exchange(expected, desired, {order, failure_order_of(order)}, false, place);
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success, std::memory_order failure,
                             const Place& place = Place::current()) noexcept {
    return compare_exchange(expected, desired, {success, failure}, true, place);
  }
  template <class Difference>
  T fetch_add(Difference difference, std::memory_order order, const Place& place = Place::current()) noexcept {
    return modify(order, place, [difference](T old) { return static_cast<T>(old + static_cast<T>(difference)); });
  }
  template <class Difference>
  T fetch_sub(Difference difference, std::memory_order order, const Place& place = Place::current()) noexcept {
    return modify(order, place, [difference](T old) { return static_cast<T>(old - static_cast<T>(difference)); });
  }
  T fetch_or(T bits, std::memory_order order, const Place& place = Place::current()) noexcept {
    return modify(order, place, [bits](T old) { return static_cast<T>(old | bits); });
  }
  T fetch_and(T bits, std::memory_order order, const Place& place = Place::current()) noexcept {
    return modify(order, place, [bits](T old) { return static_cast<T>(old & bits); });
  }

  /// The newest value, without a step: for checks.
  [[nodiscard]] T peek() const noexcept { return value_; }

 private:
  static std::uint64_t bits_of(T value) noexcept {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    return bits;
  }
  static T value_of(std::uint64_t bits) noexcept {
    T value{};
    std::memcpy(&value, &bits, sizeof(T));
    return value;
  }
  [[nodiscard]] Access access(Operation operation, Orders orders, bool has_own_failure_order,
                              const Place& place) const noexcept {
    return {this, bits_of(value_), operation, orders, has_own_failure_order, place};
  }
  template <class Change>
  T modify(std::memory_order order, const Place& place, Change&& change) noexcept {
    Execution* const execution = Execution::current();
    if (execution == nullptr) {
      const T old_value = value_;
      value_ = change(old_value);
      return old_value;
    }
    const T old_value =
        value_of(execution->modify(access(Operation::kModify, {order, order}, false, place),
                                   [&](std::uint64_t bits) { return bits_of(change(value_of(bits))); }));
    value_ = value_of(execution->newest());
    return old_value;
  }
  bool compare_exchange(T& expected, T desired, Orders orders, bool has_own_failure_order,
                        const Place& place) noexcept {
    Execution* const execution = Execution::current();
    if (execution == nullptr) {
      const bool matches = bits_of(value_) == bits_of(expected);
      (matches ? value_ : expected) = matches ? desired : value_;
      return matches;
    }
    std::uint64_t expected_bits = bits_of(expected);
    const bool done = execution->compare_exchange(
        access(Operation::kCompareExchange, orders, has_own_failure_order, place), expected_bits, bits_of(desired));
    expected = value_of(expected_bits);
    value_ = value_of(execution->newest());
    return done;
  }

  T value_;
};

struct CheckedAtomics {
  template <class T>
  using Atomic = CheckedAtomic<T>;

  static constexpr std::uint32_t kThreadSlots = kThreadsMax;
  [[nodiscard]] static std::uint32_t thread_slot() noexcept {
    Execution* const execution = Execution::current();
    return execution != nullptr ? static_cast<std::uint32_t>(execution->thread()) : 0;
  }
  [[nodiscard]] static std::uint32_t quick_thread_slot() noexcept { return thread_slot(); }
  [[nodiscard]] static std::uint32_t thread_slots_seen() noexcept { return kThreadSlots; }
  /// All on one: there they meet.
  [[nodiscard]] static std::size_t stripe(std::size_t) noexcept { return 0; }

  static void prepare_fences() noexcept {}
  static void light_fence(const std::source_location& place = std::source_location::current()) noexcept {
    if (Execution* const execution = Execution::current()) execution->fence(Fence::kLight, place);
  }
  static void free_light_fence(const std::source_location& place = std::source_location::current()) noexcept {
    light_fence(place);
  }
  static void heavy_fence(const std::source_location& place = std::source_location::current()) noexcept {
    if (Execution* const execution = Execution::current()) execution->fence(Fence::kHeavy, place);
  }
  static void wait_a_moment() noexcept {
    if (Execution* const execution = Execution::current()) execution->yield();
  }
};

}  // namespace dictsqlite::checker
