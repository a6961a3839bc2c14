// Reclaimer: frees what left the table once no reader can still be looking at it. Quiescence by counters: what was
// retired is taken together, and is free when each reader that was inside then has left (P. McKenney, J. Slingwine,
// "Read-copy update", 1998; without a fence on the readers' side: M. Desnoyers et al., "User-level implementations of
// read-copy update", 2012).
//
// Thread-safety: every member from any thread; of collect() and collect_some() one runs at a time (a second caller
//                returns at once).
// Ownership:     holds the cache's reference of every retired entry. The destructor frees them all; no guard may
//                be alive then.
// Progress:      enter() is wait-free for a thread with a number of its own, and takes no locked instruction; for the
//                others lock-free while at most kShared of them hold guards at a time. retire() is lock-free; collect()
//                frees nothing new while a guard is held that was held when it took what waits. The backlog's bytes are
//                counted, and admission of writes stops while they exceed a bound: a stalled reader, or collector,
//                suspends writers, it does not grow memory. Writers free their share by collect_some(), so that a
//                flusher that is deep in a transaction suspends nobody.
//
// Why an entry is never freed under a reader:
//   reader:     its slot becomes odd;                        (G1) light fence; loads from the table
//   collector:  takes what was removed and then retired (G6); (G2) heavy fence; looks at every slot
// One of the two fences comes first. If the reader's does, the collector finds the slot as that reader left it, odd
// while it is inside, and then waits for another value. If the collector's does, the reader's loads see the removals,
// and it cannot have found the entry. A slot counts on and never has the same value twice: who has left is not mistaken
// for who came after.
#pragma once

#include "base/assert.hpp"
#include "base/atomics.hpp"
#include "base/compiler.hpp"
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

  /// Guards held at one time by threads without a number, and within another guard, before enter() has to wait for one
  /// to be released.
  static constexpr std::uint32_t kShared = 32;

  explicit BasicReclaimer(EntryPool& pool) noexcept : pool_(pool) { Atomics::prepare_fences(); }
  ~BasicReclaimer() {
    // No other thread is left.
    free_old(kEverything);
    old_.store(waiting_.load(std::memory_order_relaxed), std::memory_order_relaxed);  // the same
    free_old(kEverything);
    old_.store(first_of(retired_.load(std::memory_order_relaxed)), std::memory_order_relaxed);  // the same
    free_old(kEverything);
  }
  BasicReclaimer(const BasicReclaimer&) = delete;
  BasicReclaimer& operator=(const BasicReclaimer&) = delete;

  /// Where a guard is noted, and the slot's value meanwhile.
  struct Place {
    Atomic<std::uint64_t>* slot = nullptr;
    std::uint64_t inside = 0;
  };

  /// While it lives, every entry its thread finds in the table stays allocated. Hold it briefly: no waiting, no
  /// user code, no suspension under a guard [I9].
  class [[nodiscard]] Guard {
   public:
    explicit Guard(const Place& place) noexcept : place_(place) {}
    ~Guard() {
      if (place_.slot != nullptr) place_.slot->store(place_.inside + 1, std::memory_order_release);  // (G5): loads end
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    /// False after a try_enter() in vain.
    explicit operator bool() const noexcept { return place_.slot != nullptr; }

   private:
    const Place place_;
  };

  Guard enter() noexcept {
    const Place own = own_place(Atomics::thread_slot(), [] { Atomics::light_fence(); });  // (G1)
    if (DICTSQLITE_LIKELY(own.slot != nullptr)) return Guard(own);
    return enter_shared();
  }
  /// The same in short, without a call in it, if the thread has a number already and is under no other guard.
  Guard try_enter() noexcept {
    return Guard(own_place(Atomics::quick_thread_slot(), [] { Atomics::free_light_fence(); }));  // (G1)
  }
  /// The same for who has no slot free.
  Guard enter_shared() noexcept {
    for (std::uint32_t index = 0;; index = (index + 1) % kShared) {
      Atomic<std::uint64_t>& slot = slots_[Atomics::kThreadSlots + index].count;
      std::uint64_t count = slot.load(std::memory_order_relaxed);  // validated by the CAS
      if (!is_inside(count) &&
          slot.compare_exchange_strong(count, count + 1, std::memory_order_acquire, std::memory_order_relaxed)) {
        Atomics::light_fence();  // (G1)
        return Guard({&slot, count + 1});
      }
      if (index + 1 == kShared) Atomics::wait_a_moment();
    }
  }

  /// Takes over the table's reference of an entry that the caller has just removed from it.
  void retire(Entry* entry) noexcept {
    const std::uint64_t one = units_of(*entry) << 32 | pool_.offset_of(entry);
    std::uint64_t retired = retired_.load(std::memory_order_relaxed);  // validated by the CAS
    do {
      entry->retired_next = first_of(retired);
    } while (!retired_.compare_exchange_weak(retired, (retired >> 32 << 32) + one, std::memory_order_release,
                                             std::memory_order_relaxed));  // (G6)
  }

  /// Frees what no reader can see any more: all that was retired before, if nobody is inside or collects already.
  void collect() noexcept {
    if (collecting_.exchange(true, std::memory_order_acquire)) return;  // (G7)
    free_old(kEverything);
    // What waits, and then what came since it was taken.
    for (int round = 0; round < 2 && find_old(); ++round) free_old(kEverything);
    collecting_.store(false, std::memory_order_release);  // (G7)
  }

  /// The same in small portions, for threads that must not be held up: frees at most `entries_max`.
  void collect_some(std::size_t entries_max) noexcept {
    if (collecting_.load(std::memory_order_relaxed)) return;                             // a hint: the exchange decides
    if (collecting_.exchange(true, std::memory_order_acquire)) return;                   // (G7)
    if (old_.load(std::memory_order_relaxed) != 0 || find_old()) free_old(entries_max);  // handed on by (G7)
    collecting_.store(false, std::memory_order_release);                                 // (G7)
  }

  /// Bytes of entries that are out of the table and not yet free, in units of 16 for each. Too much while a collector
  /// takes what was retired, never too little.
  [[nodiscard]] std::size_t backlog_bytes() const noexcept {
    const std::uint64_t retired = retired_.load(std::memory_order_acquire);  // (G8)
    return ((retired >> 32) + taken_units_.load(std::memory_order_relaxed)) * kUnit;
  }

 private:
  struct alignas(base::kCacheLine) Slot {
    Atomic<std::uint64_t> count{0};  // odd while a guard is held; counts on with each step. (G1) (G5)
  };
  // A reader that was inside when the collector looked.
  struct Reader {
    Atomic<std::uint32_t> slot;
    Atomic<std::uint64_t> count;
  };

  static constexpr std::uint32_t kSlots = Atomics::kThreadSlots + kShared;
  static constexpr std::size_t kEverything = ~std::size_t{0};

  // Nowhere if the thread has no number, or the slot is taken: by a guard that this one would be within.
  template <class Fence>
  [[nodiscard]] Place own_place(std::uint32_t own, Fence&& light_fence) noexcept {
    if (DICTSQLITE_UNLIKELY(own >= Atomics::kThreadSlots)) return {};
    Atomic<std::uint64_t>& slot = slots_[own].count;
    const std::uint64_t count = slot.load(std::memory_order_relaxed);  // ours alone
    if (DICTSQLITE_UNLIKELY(is_inside(count))) return {};
    slot.store(count + 1, std::memory_order_release);  // (G5): what finds it finds us gone before
    light_fence();
    return {&slot, count + 1};
  }

  // 64 GiB fit what retired_ has for them.
  static constexpr std::size_t kUnit = 16;
  [[nodiscard]] static std::uint64_t units_of(const Entry& entry) noexcept {
    return (EntryPool::footprint(entry) + kUnit - 1) / kUnit;
  }
  [[nodiscard]] static constexpr std::uint32_t first_of(std::uint64_t retired) noexcept {
    return static_cast<std::uint32_t>(retired);
  }

  [[nodiscard]] static constexpr bool is_inside(std::uint64_t count) noexcept { return count % 2 != 0; }

  // Under collecting_, with no old entries left. True if there are some now.
  [[nodiscard]] bool find_old() noexcept {
    std::uint32_t waiting = waiting_.load(std::memory_order_relaxed);  // handed on by (G7)
    if (waiting == 0) {
      waiting = take_retired();
      if (waiting == 0) return false;
      note_readers();
    }
    const bool is_old = readers_have_left();
    waiting_.store(is_old ? 0 : waiting, std::memory_order_relaxed);  // handed on by (G7)
    if (is_old) old_.store(waiting, std::memory_order_relaxed);       // the same
    return is_old;
  }
  // Its bytes count as taken before they no longer count as retired (G8).
  [[nodiscard]] std::uint32_t take_retired() noexcept {
    const std::uint64_t taken = taken_units_.load(std::memory_order_relaxed);  // handed on by (G7)
    std::uint64_t retired = retired_.load(std::memory_order_relaxed);          // validated by the CAS
    do {
      if (retired == 0) return 0;
      taken_units_.store(taken + (retired >> 32), std::memory_order_relaxed);  // ordered by the CAS
    } while (!retired_.compare_exchange_weak(retired, 0, std::memory_order_acq_rel,
                                             std::memory_order_relaxed));  // (G6) (G8)
    return first_of(retired);
  }
  void note_readers() noexcept {
    Atomics::heavy_fence();                              // (G2)
    readers_noted_.store(0, std::memory_order_relaxed);  // handed on by (G7)
    const std::uint32_t seen = Atomics::thread_slots_seen();
    for (std::uint32_t slot = 0; slot < seen; ++slot) note_reader(slot);
    for (std::uint32_t slot = Atomics::kThreadSlots; slot < kSlots; ++slot) note_reader(slot);
  }
  void note_reader(std::uint32_t slot) noexcept {
    const std::uint64_t count = slots_[slot].count.load(std::memory_order_acquire);  // (G5)
    if (!is_inside(count)) return;
    const std::uint32_t readers = readers_noted_.load(std::memory_order_relaxed);  // handed on by (G7)
    readers_[readers].slot.store(slot, std::memory_order_relaxed);                 // the same
    readers_[readers].count.store(count, std::memory_order_relaxed);               // the same
    readers_noted_.store(readers + 1, std::memory_order_relaxed);                  // the same
  }
  [[nodiscard]] bool readers_have_left() noexcept {
    std::uint32_t readers = readers_noted_.load(std::memory_order_relaxed);  // handed on by (G7)
    for (; readers != 0; --readers) {
      const Reader& reader = readers_[readers - 1];
      const std::uint32_t slot = reader.slot.load(std::memory_order_relaxed);    // the same
      const std::uint64_t count = reader.count.load(std::memory_order_relaxed);  // the same
      if (slots_[slot].count.load(std::memory_order_acquire) == count) break;    // (G5): else its loads have ended
    }
    readers_noted_.store(readers, std::memory_order_relaxed);  // the same
    return readers == 0;
  }

  // Under collecting_, or when nobody else is left.
  void free_old(std::size_t entries_max) noexcept {
    std::uint64_t units = 0;
    std::uint32_t old = old_.load(std::memory_order_relaxed);  // handed on by (G7)
    for (std::size_t count = 0; old != 0 && count < entries_max; ++count) {
      Entry* entry = pool_.at(old);
      old = entry->retired_next;
      if (old != 0) pool_.prefetch(old);
      units += units_of(*entry);
      pool_.release(entry);
    }
    old_.store(old, std::memory_order_relaxed);                                                           // the same
    taken_units_.store(taken_units_.load(std::memory_order_relaxed) - units, std::memory_order_relaxed);  // the same
  }

  EntryPool& pool_;
  // Stack, linked by retired_next: low half the first one's offset, high half the units of all. (G6) (G8)
  alignas(base::kCacheLine) Atomic<std::uint64_t> retired_{0};
  alignas(base::kCacheLine) Atomic<bool> collecting_{false};  // somebody is in collect() or collect_some(). (G7)
  // The rest is written only by who has collecting_.
  Atomic<std::uint64_t> taken_units_{0};    // of what waits or is old. (G8)
  Atomic<std::uint32_t> waiting_{0};        // taken, and perhaps seen by one of `readers_`
  Atomic<std::uint32_t> readers_noted_{0};  // how many of those may still be inside: the first ones
  Atomic<std::uint32_t> old_{0};            // of what nobody sees the next to be freed
  std::array<Reader, kSlots> readers_{};
  std::array<Slot, kSlots> slots_;  // of the threads with a number, and behind them the shared ones
};

using Reclaimer = BasicReclaimer<>;

}  // namespace dictsqlite::cache
