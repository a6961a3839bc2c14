// Doorbell: lets producers wake one parked consumer without a system call while it is awake, and at most once each
// time it parks.
//
// Thread-safety: published() and ring() from any thread; park() and unpark() from the one consumer.
// Ownership:     calls the waker it is given; that must outlive all producers.
// Progress:      published() is wait-free: a load, and at most one wake-up per park.
//
// The consumer says which ticket it waits for: the one that fills a buffer, or the very next one. Only a producer of
// that ticket or a later one rings. Lost wake-ups: the producer publishes a slot and then looks at wake_ticket_; the
// consumer sets wake_ticket_ and then looks for the slot. Both looks must not miss, so all four are seq_cst:
//   (D1) slot publish, WriteRing (W1)        before  (D2) load of wake_ticket_       producer
//   (D3) store of wake_ticket_               before  (D4) load of slot, (W2)         consumer
// With release/acquire instead, both may see the old value, and the consumer sleeps on a full ring.
// The same holds for everything else the consumer looks at between park() and sleeping: the waiters' stack and
// the parked writes publish with seq_cst before they ring().
// Litmus: tests/concurrency/doorbell_litmus_test.cpp
#pragma once

#include "base/atomics.hpp"
#include "base/compiler.hpp"

#include <cstdint>
#include <limits>

namespace dictsqlite::io {

template <class Atomics = base::StdAtomics>
class BasicDoorbell {
 public:
  /// Wake-up call for the consumer's thread; from any thread.
  struct Waker {
    void* context = nullptr;
    void (*wake)(void* context) noexcept = nullptr;
  };

  /// Before any producer rings.
  void set_waker(Waker waker) noexcept { waker_ = waker; }

  /// After a ticket was published: wakes the consumer if it waits for this ticket or an earlier one.
  void published(std::uint64_t ticket) noexcept {
    if (DICTSQLITE_UNLIKELY(ticket >= wake_ticket_.load(std::memory_order_seq_cst))) ring();  // (D2)
  }
  /// Wakes the consumer if it is parked, whatever it waits for.
  void ring() noexcept {
    if (wake_ticket_.load(std::memory_order_seq_cst) == kAwake) return;  // (D2)
    if (wake_ticket_.exchange(kAwake, std::memory_order_seq_cst) != kAwake) waker_.wake(waker_.context);
  }

  /// The consumer is about to sleep until `wake_ticket` is published or somebody rings. It then looks once more at
  /// all it waits for, and sleeps, or calls unpark().
  void park(std::uint64_t wake_ticket) noexcept { wake_ticket_.store(wake_ticket, std::memory_order_seq_cst); }  // (D3)
  void unpark() noexcept { wake_ticket_.store(kAwake, std::memory_order_seq_cst); }

  /// Waits for no ticket at all, only for ring().
  static constexpr std::uint64_t kNoTicket = std::numeric_limits<std::uint64_t>::max() - 1;

 private:
  static constexpr std::uint64_t kAwake = std::numeric_limits<std::uint64_t>::max();

  Waker waker_;
  // kAwake: the consumer is awake, or has been rung for. Else the first ticket whose producer rings. (D2) (D3)
  alignas(base::kCacheLine) typename Atomics::template Atomic<std::uint64_t> wake_ticket_{kAwake};
};

using Doorbell = BasicDoorbell<>;

}  // namespace dictsqlite::io
