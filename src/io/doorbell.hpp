// Doorbell: lets producers wake one parked consumer without a system call while it is awake, and at most once each
// time it parks.
//
// Thread-safety: published() and ring() from any thread; park() and unpark() from the one consumer.
// Ownership:     calls the waker it is given; that must outlive all producers.
// Progress:      published() is wait-free: a load, and at most one wake-up per park.
//
// The consumer says which ticket it waits for: the one that fills a buffer, or the very next one. Only a producer of
// that ticket or a later one rings. Lost wake-ups: the producer publishes a slot and then looks at wake_ticket_; the
// consumer sets wake_ticket_ and then looks for the slot. Both looks must not miss:
//   (D1) slot publish (W1), light fence      before  (D2) load of wake_ticket_       producer
//   (D3) store of wake_ticket_               before  (D4) heavy fence, load of slot  consumer
// One of the two fences comes first, and the look behind the other one sees what was stored before it. Who has claimed
// nothing yet when the consumer looks at the tail (W6) needs no fence for that: (D2), (D3) and the tail are seq_cst.
// A consumer that will be woken by something else soon (a request in flight) may say that it holds back until then:
// whoever merely waits for an earlier ticket does not ring. If he looked at a word from before the consumer parked for
// all again, he pushed before that as well, and the consumer's look finds him. With release/acquire and no fences, both
// may see the old value, and the consumer sleeps on a full ring. The same holds for everything else the consumer looks
// at between park() and sleeping: the waiters' stack and the parked writes publish with seq_cst before they ring().
// Litmus: tests/concurrency/doorbell_litmus_test.cpp
#pragma once

#include "base/atomics.hpp"
#include "base/compiler.hpp"
#include "base/seeded_bug.hpp"

#include <cstdint>

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
    if (DICTSQLITE_SEEDED_BUG(kLostDoorbell)) return;
    if (DICTSQLITE_UNLIKELY(ticket >= (wake_ticket_.load(std::memory_order_seq_cst) & ~kHolding))) ring();  // (D2)
  }
  /// Somebody waits for what becomes of a ticket: wakes the consumer, unless it holds back what came before the ticket
  /// that it waits for.
  void waits_for(std::uint64_t ticket) noexcept {
    const std::uint64_t wake_ticket = wake_ticket_.load(std::memory_order_seq_cst);  // (D2)
    if ((wake_ticket & kHolding) != 0 && ticket < (wake_ticket & ~kHolding)) return;
    ring();
  }
  /// Wakes the consumer if it is parked, whatever it waits for.
  void ring() noexcept {
    if (wake_ticket_.load(std::memory_order_seq_cst) == kAwake) return;  // (D2)
    // Relaxed: the look was above. This only picks one of those who ring, and hands nothing over.
    if (wake_ticket_.exchange(kAwake, std::memory_order_relaxed) != kAwake) waker_.wake(waker_.context);
  }

  /// The consumer is about to sleep until `wake_ticket` is published or somebody rings. It then looks once more at
  /// all it waits for, and sleeps, or calls unpark().
  void park(std::uint64_t wake_ticket) noexcept { wake_ticket_.store(wake_ticket, std::memory_order_seq_cst); }  // (D3)
  /// The same, holding back: waits_for() with an earlier ticket does not ring.
  void park_holding(std::uint64_t wake_ticket) noexcept { park(wake_ticket | kHolding); }
  void unpark() noexcept {
    // Relaxed: whoever still finds the consumer parked rings in vain, or finds here that it is awake.
    wake_ticket_.store(kAwake, std::memory_order_relaxed);
  }

  /// Waits for no ticket at all, only for ring().
  static constexpr std::uint64_t kNoTicket = (std::uint64_t{1} << 62) - 1;

 private:
  static constexpr std::uint64_t kHolding = std::uint64_t{1} << 63;
  static constexpr std::uint64_t kAwake = ~std::uint64_t{0};

  Waker waker_;
  // kAwake: the consumer is awake, or has been rung for. Else the first ticket whose producer rings, perhaps with
  // kHolding. (D2) (D3)
  alignas(base::kCacheLine) typename Atomics::template Atomic<std::uint64_t> wake_ticket_{kAwake};
};

using Doorbell = BasicDoorbell<>;

}  // namespace dictsqlite::io
