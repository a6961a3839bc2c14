// OverflowChain: the entries of a bucket that found no slot, linked through themselves. A list after T. Harris ("A
// pragmatic implementation of non-blocking linked-lists", 2001) with M. Michael's reclamation ("High performance
// dynamic lock-free hash tables", 2002): an entry is out once its own link is marked, and retired by whoever unlinks
// it. New entries are only ever put at the head.
//
// The head is the low half of the bucket's control word; the high half is the bucket's version, which every placing
// raises, so that a head never returns to a value it had.
//
// Thread-safety: every member from any thread, under a Reclaimer guard.
// Ownership:     borrows bucket, pool and reclaimer. Progress: lock-free.
// Orderings:     part of the table's protocol: (T1) to (T5) in cache/table.hpp.
#pragma once

#include "base/atomics.hpp"
#include "cache/reclaimer.hpp"
#include "entry/entry_pool.hpp"

#include <cstdint>

namespace dictsqlite::cache {

template <class Atomics = base::StdAtomics>
class BasicOverflowChain {
 public:
  using Entry = entry::BasicEntry<Atomics>;
  using EntryPool = entry::BasicEntryPool<Atomics>;
  using Reclaimer = BasicReclaimer<Atomics>;
  using Control = typename Atomics::template Atomic<std::uint64_t>;

  static constexpr std::uint64_t kOneVersion = std::uint64_t{1} << 32;

  BasicOverflowChain(Control& control, EntryPool& pool, Reclaimer& reclaimer) noexcept
      : control_(control), pool_(pool), reclaimer_(reclaimer) {}

  [[nodiscard]] static bool is_empty(std::uint64_t control) noexcept {
    return static_cast<std::uint32_t>(control) == 0;
  }
  /// The first entry of a chain whose control word had this value, or nullptr.
  [[nodiscard]] Entry* first(std::uint64_t control) const noexcept { return at(static_cast<std::uint32_t>(control)); }
  /// The entry behind one whose link had this value, or nullptr.
  [[nodiscard]] Entry* at(std::uint32_t link) const noexcept {
    const std::uint32_t offset = link & ~kRemoved;
    return offset == 0 ? nullptr : pool_.at(offset);
  }
  [[nodiscard]] static bool is_removed(std::uint32_t link) noexcept { return (link & kRemoved) != 0; }

  /// Calls `visit(Entry*)` for every entry that is in, from the head as `control` had it.
  template <class Visit>
  void for_each(std::uint64_t control, Visit&& visit) const noexcept {
    for (Entry* entry = first(control); entry != nullptr;) {
      const std::uint32_t next = entry->chain_next.load(std::memory_order_acquire);  // (T1) (T2)
      if (!is_removed(next)) visit(entry);
      entry = at(next);
    }
  }

  /// Puts an entry at the head and raises the version, in one step. Publishes it (T1) (T3) (T5).
  void push(Entry* entry) noexcept {
    std::uint64_t control = control_.load(std::memory_order_relaxed);  // (T4)
    std::uint64_t raised = 0;
    do {
      entry->chain_next.store(static_cast<std::uint32_t>(control), std::memory_order_relaxed);  // published below
      raised = ((control >> 32) + 1) << 32 | pool_.offset_of(entry);
    } while (!control_.compare_exchange_strong(control, raised, std::memory_order_seq_cst, std::memory_order_relaxed));
  }

  [[nodiscard]] bool holds(const Entry* entry) const noexcept {
    bool found = false;
    for_each(control_.load(std::memory_order_acquire),  // (T1): who gives up a load has not searched before
             [&](const Entry* chained) { found = found || chained == entry; });
    return found;
  }

  /// Takes this very entry out, if it is in. Returns whether this call removed it.
  bool remove(Entry* entry) noexcept {
    if (!holds(entry)) return false;
    const std::uint32_t before = entry->chain_next.fetch_or(kRemoved, std::memory_order_release);  // (T2)
    unlink_removed();
    return !is_removed(before);
  }

 private:
  static constexpr std::uint32_t kRemoved = 1u << 31;  // in a link: the entry it belongs to is out

  void unlink_removed() noexcept {
    while (!try_unlink_removed()) {
    }
  }
  // One pass. False: another thread changed the chain here, begin again.
  [[nodiscard]] bool try_unlink_removed() noexcept {
    Entry* previous = nullptr;
    std::uint64_t control = control_.load(std::memory_order_acquire);  // (T1)
    for (Entry* entry = first(control); entry != nullptr;) {
      // What hangs behind an entry came before it: (T1) of the control word. Whoever unlinks it hands on what its mark
      // tells of.
      const std::uint32_t next = entry->chain_next.load(std::memory_order_acquire);  // (T2)
      if (!is_removed(next)) {
        previous = entry;
      } else if (!unlink(previous, control, entry, next & ~kRemoved)) {
        return false;
      }
      entry = at(next);
    }
    return true;
  }
  [[nodiscard]] bool unlink(Entry* previous, std::uint64_t& control, Entry* entry, std::uint32_t next) noexcept {
    if (previous == nullptr) {
      const std::uint64_t new_control = control >> 32 << 32 | next;
      if (!control_.compare_exchange_strong(control, new_control, std::memory_order_release, std::memory_order_relaxed))
        return false;  // (T2)
      control = new_control;
    } else {
      std::uint32_t expected = pool_.offset_of(entry);
      if (!previous->chain_next.compare_exchange_strong(expected, next, std::memory_order_release,
                                                        std::memory_order_relaxed))
        return false;  // (T2)
    }
    reclaimer_.retire(entry);
    return true;
  }

  Control& control_;
  EntryPool& pool_;
  Reclaimer& reclaimer_;
};

}  // namespace dictsqlite::cache
