// WriteRing: the bounded queue of accepted writes. A claimed ticket is the write's sequence: the one order of the
// database [I1].
//
// Thread-safety: try_claim(), publish(), close(), fail(), claimed() from any thread; the rest from the one consumer.
// Ownership:     of a published entry: one reference passes to whoever pops it.
// Progress:      try_claim() is lock-free, publish() wait-free. The ring never drops and never grows: a producer that
//                finds no room gets no ticket [I7].
//
// The tail holds the next ticket and two bits, closed and failed, in one word: a claim after close() or fail()
// fails, and the tickets before are a frozen, complete set.
//
//   (W1) producer: publish, release store of the slot     (W2) consumer: pop, acquire load of the slot
//        and then a light fence, before its look at the doorbell (D2). The consumer takes the heavy one before its last
//        look at a slot whose ticket is claimed (D4): that is rare, for most of the time the tail says that nobody has.
//   (W3) consumer: head store, release, after it emptied the slots
//   (W4) producer: head load, acquire, before it claims: the slot of its ticket is empty
//   (W5) claim: CAS on the tail, seq_cst, before the producer's look at the doorbell (D2); close or fail: OR on it,
//        release: nobody learns of them from a look before he sleeps
//   (W6) consumer: look at the tail, seq_cst, after its store to the doorbell (D3): it sleeps without having looked at
//        a slot if nobody has claimed the ticket it waits for
#pragma once

#include "base/assert.hpp"
#include "base/atomics.hpp"
#include "base/compiler.hpp"
#include "base/seeded_bug.hpp"
#include "entry/entry.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace dictsqlite::ring {

enum class ClaimOutcome : std::uint8_t { kClaimed, kFull, kClosed, kFailed };

struct Claim {
  ClaimOutcome outcome;
  std::uint64_t ticket;
};

template <class Atomics = base::StdAtomics>
class BasicWriteRing {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  using Entry = entry::BasicEntry<Atomics>;

  /// `capacity` is a power of two. The first ticket is `first_ticket` (at least 1).
  BasicWriteRing(std::size_t capacity, std::uint64_t first_ticket)
      : capacity_(capacity), slots_(std::make_unique<Atomic<Entry*>[]>(capacity)) {
    DICTSQLITE_ASSERT(std::has_single_bit(capacity), "checked at open");
    Atomics::prepare_fences();
    tail_.store(first_ticket << kBits, std::memory_order_relaxed);  // no other thread yet
    head_.store(first_ticket, std::memory_order_relaxed);           // no other thread yet
    next_ = first_ticket;
  }

  /// Starts the numbering. Before any other thread uses the ring.
  void start_at(std::uint64_t first_ticket) noexcept {
    tail_.store(first_ticket << kBits, std::memory_order_relaxed);  // no other thread yet
    head_.store(first_ticket, std::memory_order_relaxed);           // no other thread yet
    next_ = first_ticket;
  }

  /// The next ticket, if there is room and the ring is open. The caller publishes it, without waiting for anything.
  [[nodiscard]] Claim try_claim() noexcept {
    std::uint64_t tail = tail_.load(std::memory_order_relaxed);  // validated by the CAS
    for (;;) {
      if (DICTSQLITE_UNLIKELY((tail & (kClosed | kFailed)) != 0) && !DICTSQLITE_SEEDED_BUG(kClosedRingAccepts)) {
        return {(tail & kFailed) != 0 ? ClaimOutcome::kFailed : ClaimOutcome::kClosed, 0};
      }
      const std::uint64_t ticket = tail >> kBits;
      const std::uint64_t head = head_.load(std::memory_order_acquire);  // (W4)
      if (DICTSQLITE_UNLIKELY(head > ticket)) {
        tail = tail_.load(std::memory_order_relaxed);  // others went on since it was read; no older than that head
        continue;
      }
      if (ticket - head >= capacity_) return {ClaimOutcome::kFull, 0};
      // seq_cst: whoever reads claimed() afterwards and finds it too small cannot have been told of this write yet.
      if (tail_.compare_exchange_weak(tail, tail + (1u << kBits), std::memory_order_seq_cst,
                                      std::memory_order_relaxed)) {  // (W5)
        return {ClaimOutcome::kClaimed, ticket};
      }
    }
  }

  /// Makes the entry of a claimed ticket visible to the consumer. Everything the producer did before, installing
  /// the entry in the cache above all, happens before the consumer pops it [I3].
  void publish(std::uint64_t ticket, Entry* entry) noexcept {
    slot_of(ticket).store(entry, std::memory_order_release);  // (W1)
    Atomics::light_fence();                                   // (D1)
  }

  /// The next ticket nobody has claimed yet: everything accepted so far is below.
  [[nodiscard]] std::uint64_t claimed() const noexcept {
    return tail_.load(std::memory_order_seq_cst) >> kBits;
  }  // (W6)

  /// No claims after this. Tickets claimed before are still published.
  void close() noexcept { tail_.fetch_or(kClosed, std::memory_order_release); }  // (W5)
  void fail() noexcept { tail_.fetch_or(kFailed, std::memory_order_release); }   // (W5)
  [[nodiscard]] bool is_closed() const noexcept {
    return (tail_.load(std::memory_order_acquire) & kClosed) != 0;
  }  // (W6) pairs with close()
  [[nodiscard]] bool is_failed() const noexcept {
    return (tail_.load(std::memory_order_acquire) & kFailed) != 0;
  }  // (W6) pairs with fail()

  // --- consumer ---

  /// The next ticket the consumer will pop.
  [[nodiscard]] std::uint64_t next() const noexcept { return next_; }
  /// Whether the next ticket is published.
  [[nodiscard]] bool ready() const noexcept {
    return slot_of(next_).load(std::memory_order_relaxed) != nullptr;  // pop() acquires
  }
  /// The same after the doorbell was parked: a producer that this does not see finds it parked. Takes a system call.
  [[nodiscard]] bool ready_at_last() const noexcept {
    Atomics::heavy_fence();  // (D4)
    return ready();
  }

  /// The next published entry in ticket order, or nullptr. Its room is given back by release_room().
  [[nodiscard]] Entry* pop() noexcept {
    Atomic<Entry*>& slot = slot_of(next_);
    Entry* entry = slot.load(std::memory_order_acquire);  // (W2)
    if (entry == nullptr) return nullptr;
    slot.store(nullptr, std::memory_order_relaxed);  // published by (W3)
    ++next_;
    return entry;
  }
  /// Lets producers have the slots of everything popped so far.
  void release_room() noexcept { head_.store(next_, std::memory_order_release); }  // (W3)

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  static constexpr unsigned kBits = 2;
  static constexpr std::uint64_t kClosed = 1;
  static constexpr std::uint64_t kFailed = 2;

  [[nodiscard]] Atomic<Entry*>& slot_of(std::uint64_t ticket) const noexcept {
    return slots_[ticket & (capacity_ - 1)];
  }

  const std::size_t capacity_;
  const std::unique_ptr<Atomic<Entry*>[]> slots_;            // nullptr: not published. (W1) (W2)
  std::uint64_t next_ = 0;                                   // the consumer's place
  alignas(base::kCacheLine) Atomic<std::uint64_t> tail_{0};  // next ticket << 2 | failed | closed. (W5) (W6)
  alignas(base::kCacheLine) Atomic<std::uint64_t> head_{0};  // tickets below have given back their slot. (W3) (W4)
};

using WriteRing = BasicWriteRing<>;

}  // namespace dictsqlite::ring
