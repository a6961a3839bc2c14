// Reclaimer: frees what left the table once no reader can still be looking at it. Epoch-based reclamation
// (K. Fraser, "Practical lock-freedom", 2004, chapter 5.2.3), with reader slots claimed per guard, so that threads
// need no registration.
//
// Thread-safety: every member from any thread; of collect() and collect_some() one runs at a time (a second caller
//                returns at once).
// Ownership:     holds the cache's reference of every retired entry. The destructor frees them all; no guard may
//                be alive then.
// Progress:      enter() is lock-free while at most kReaders guards are held at a time; retire() is lock-free;
//                collect() frees nothing new while some guard of the last epoch is held. The backlog's bytes are
//                counted, and admission of writes stops while they exceed a bound: a stalled reader suspends
//                writers, it does not grow memory. Writers free their share by collect_some(), so that nothing but a
//                stalled reader can: not a flusher that is deep in a transaction.
//
// Why an entry is never freed under a reader:
//   (G1) reader: slot CAS idle -> epoch      before  (G2) reader: loads from the table
//   (G3) writer: removal from the table      before  (G4) collector: load of every slot
// All four are seq_cst. Either the collector's (G4) sees the slot of a reader whose (G2) came before (G3), and then
// the epoch cannot move on; or (G1) comes after (G4), hence (G2) after (G3), and the reader cannot have found the
// entry. With release/acquire instead, both may miss each other, and the reader touches freed memory.
#pragma once

#include "base/assert.hpp"
#include "base/atomics.hpp"
#include "base/compiler.hpp"
#include "base/thread_stripe.hpp"
#include "entry/entry_pool.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace dictsqlite::cache {

template <class Atomics = base::StdAtomics>
class BasicReclaimer {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  using Entry = entry::BasicEntry<Atomics>;
  using EntryPool = entry::BasicEntryPool<Atomics>;

  /// Guards held at one time before enter() has to wait for one to be released.
  static constexpr std::size_t kReaders = 128;

  explicit BasicReclaimer(EntryPool& pool) noexcept : pool_(pool) {}
  ~BasicReclaimer() {
    free_old(kEverything);
    for (Bag& bag : bags_) {
      old_.store(bag.head.load(std::memory_order_relaxed), std::memory_order_relaxed);  // no other thread is left
      free_old(kEverything);
    }
  }
  BasicReclaimer(const BasicReclaimer&) = delete;
  BasicReclaimer& operator=(const BasicReclaimer&) = delete;

  /// While it lives, every entry its thread finds in the table stays allocated. Hold it briefly: no waiting, no
  /// user code, no suspension under a guard [I9].
  class [[nodiscard]] Guard {
   public:
    explicit Guard(Atomic<std::uint64_t>& slot) noexcept : slot_(slot) {}
    ~Guard() { slot_.store(kIdle, std::memory_order_release); }  // (G5) our loads end before; pairs with (G4)
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Atomic<std::uint64_t>& slot_;
  };

  Guard enter() noexcept {
    for (std::uint32_t index = base::thread_stripe();; ++index) {
      Atomic<std::uint64_t>& slot = readers_[index % kReaders].epoch;
      std::uint64_t idle = kIdle;
      // A stale epoch only delays the collector; but one that was read began before (G1): without that, a reader could
      // pass for one that entered after a removal and yet find the entry.
      const std::uint64_t epoch = epoch_.load(std::memory_order_acquire);  // (G8)
      if (slot.compare_exchange_strong(idle, epoch, std::memory_order_seq_cst, std::memory_order_relaxed))
        return Guard(slot);  // (G1)
      base::spin_pause();
    }
  }

  /// Takes over the table's reference of an entry that the caller has just removed from it, by a seq_cst
  /// operation (G3).
  void retire(Entry* entry) noexcept {
    backlog_bytes_.fetch_add(EntryPool::footprint(*entry), std::memory_order_relaxed);  // a gauge
    const std::uint64_t epoch = epoch_.load(std::memory_order_seq_cst);  // after (G3): never older than the removal
    Atomic<std::uint32_t>& head = bags_[epoch % kBags].head;
    std::uint32_t first = head.load(std::memory_order_relaxed);  // validated by the CAS
    do {
      entry->retired_next = first;
    } while (!head.compare_exchange_weak(first, pool_.offset_of(entry), std::memory_order_release,
                                         std::memory_order_relaxed));  // (G6)
  }

  /// Moves the epoch on if every reader has seen the current one, and frees what is old enough.
  void collect() noexcept {
    if (collecting_.exchange(true, std::memory_order_acquire)) return;  // (G7)
    free_old(kEverything);
    if (move_epoch()) free_old(kEverything);
    collecting_.store(false, std::memory_order_release);  // (G7)
  }

  /// The same in small portions, for threads that must not be held up: frees at most `entries_max`.
  void collect_some(std::size_t entries_max) noexcept {
    if (collecting_.load(std::memory_order_relaxed)) return;            // a hint: the exchange decides
    if (collecting_.exchange(true, std::memory_order_acquire)) return;  // (G7)
    if (old_.load(std::memory_order_relaxed) != 0 || move_epoch()) free_old(entries_max);  // handed on by (G7)
    collecting_.store(false, std::memory_order_release);                                   // (G7)
  }

  /// Bytes of entries that are out of the table and not yet free.
  [[nodiscard]] std::size_t backlog_bytes() const noexcept { return backlog_bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint64_t kIdle = 0;
  static constexpr std::size_t kBags = 3;

  struct alignas(base::kCacheLine) Reader {
    Atomic<std::uint64_t> epoch{kIdle};  // kIdle, or the epoch its guard entered in. (G1) (G4) (G5)
  };
  struct alignas(base::kCacheLine) Bag {
    Atomic<std::uint32_t> head{0};  // stack of retired entries, linked by retired_next. (G6)
  };

  static constexpr std::size_t kEverything = ~std::size_t{0};

  // Under collecting_, with no old entries left. True if the epoch has moved: then `old_` is what was retired two
  // epochs ago.
  [[nodiscard]] bool move_epoch() noexcept {
    const std::uint64_t epoch = epoch_.load(std::memory_order_relaxed);  // changed under collecting_ only
    for (const Reader& reader : readers_) {
      const std::uint64_t seen = reader.epoch.load(std::memory_order_seq_cst);  // (G4)
      if (seen != kIdle && seen != epoch) return false;
    }
    epoch_.store(epoch + 1, std::memory_order_seq_cst);  // (G8)
    Atomic<std::uint32_t>& head = bags_[(epoch + 1 + 1) % kBags].head;
    old_.store(head.exchange(0, std::memory_order_acquire), std::memory_order_relaxed);  // (G6): of epoch - 1
    return true;
  }
  // Under collecting_, or when nobody else is left.
  void free_old(std::size_t entries_max) noexcept {
    std::size_t bytes = 0;
    std::uint32_t old = old_.load(std::memory_order_relaxed);  // handed on by (G7)
    for (std::size_t count = 0; old != 0 && count < entries_max; ++count) {
      Entry* entry = pool_.at(old);
      old = entry->retired_next;
      if (old != 0) pool_.prefetch(old);
      bytes += EntryPool::footprint(*entry);
      pool_.release(entry);
    }
    old_.store(old, std::memory_order_relaxed);                  // the same
    backlog_bytes_.fetch_sub(bytes, std::memory_order_relaxed);  // a gauge
  }

  EntryPool& pool_;
  alignas(base::kCacheLine) Atomic<std::uint64_t> epoch_{3};  // starts where epoch - 2 is not kIdle
  alignas(base::kCacheLine) Atomic<std::size_t> backlog_bytes_{0};
  Atomic<bool> collecting_{false};  // somebody is in collect() or collect_some(). (G7)
  Atomic<std::uint32_t> old_{0};    // of those entries the next to be freed; only for who has collecting_
  std::array<Bag, kBags> bags_;
  std::array<Reader, kReaders> readers_;
};

using Reclaimer = BasicReclaimer<>;

}  // namespace dictsqlite::cache
