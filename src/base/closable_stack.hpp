// ClosableStack: what many threads hand over to one, linked through the items themselves. The one takes all of it at a
// time, and closes it when it ends (R. K. Treiber, "Systems programming: coping with parallelism", 1986).
//
// Thread-safety: push() and has_any() from any thread; take_all() and take_last() from the one consumer.
// Ownership:     an item passes to the consumer with push(), unless that refuses it.
// Progress:      push() is lock-free, the rest wait-free. Nobody pops a single item, so that none can come back behind
//                a pusher's back.
//
//   (CS1) push: CAS, seq_cst, before the pusher's look at the doorbell (D2)
//   (CS2) the consumer: look, seq_cst, after its store to the doorbell (D3); and exchange, acquire
// With release and acquire instead, both looks may miss, and the consumer sleeps beside what was handed over.
// Litmus: tests/concurrency/hand_over_litmus_test.cpp
#pragma once

#include "base/assert.hpp"
#include "base/atomics.hpp"

#include <atomic>

namespace dictsqlite::base {

/// `kNext` is the item's link: `ClosableStack<Flight, &Flight::next>`. It is the stack's from push() to taking.
template <class T, T* T::*kNext, class Atomics = StdAtomics>
class ClosableStack {
 public:
  /// False once the stack is closed: the item stays the caller's.
  [[nodiscard]] bool push(T* item) noexcept {
    T* first = first_.load(std::memory_order_relaxed);  // validated by the CAS
    do {
      if (first == closed()) return false;
      item->*kNext = first;
    } while (
        !first_.compare_exchange_weak(first, item, std::memory_order_seq_cst, std::memory_order_relaxed));  // (CS1)
    return true;
  }
  /// Whether the consumer has something to take. Not after take_last().
  [[nodiscard]] bool has_any() const noexcept { return first_.load(std::memory_order_seq_cst) != nullptr; }  // (CS2)

  // --- consumer ---

  /// Everything pushed since the last call, newest first, linked.
  [[nodiscard]] T* take_all() noexcept { return take(nullptr); }
  /// The same for the last time: push() fails from now on.
  [[nodiscard]] T* take_last() noexcept { return take(closed()); }

 private:
  [[nodiscard]] T* take(T* rest) noexcept {
    T* const items = first_.exchange(rest, std::memory_order_acquire);  // (CS2)
    DICTSQLITE_DCHECK(items != closed(), "nothing is taken after the last");
    return items;
  }
  // The end of the stack once it is closed: no item has this address.
  [[nodiscard]] static T* closed() noexcept {
    static constinit char mark = 0;
    return reinterpret_cast<T*>(&mark);
  }

  typename Atomics::template Atomic<T*> first_{nullptr};  // newest item, or closed(). (CS1) (CS2)
};

}  // namespace dictsqlite::base
