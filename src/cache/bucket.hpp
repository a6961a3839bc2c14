// Bucket: one cache line of the table, with seven slots and a control word. What is in them, and in which order they
// are accessed, is the table's protocol; see cache/table.hpp.
//
// The word of a slot is the tag of a key, two bits for eviction, and the offset of the entry. An offset of 0 says that
// the slot is empty; it may be a *ghost* then, and remember the tag of a newcomer that was evicted.
//
// Thread-safety: of atomics.
// Progress:      wait-free.
#pragma once

#include "base/atomics.hpp"
#include "base/compiler.hpp"
#include "entry/slab.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace dictsqlite::cache {

template <class Atomics = base::StdAtomics>
struct alignas(base::kCacheLine) BasicBucket {
  using Slot = typename Atomics::template Atomic<std::uint64_t>;
  static constexpr std::size_t kSlots = 7;

  std::array<Slot, kSlots> slots;
  Slot control;  // low half: offset of the chain's first entry; high half: version, raised by every placing

  [[nodiscard]] static constexpr std::uint64_t tag_of(std::uint64_t hash) noexcept { return hash & 0xFFFF; }
  [[nodiscard]] static constexpr std::uint64_t word(std::uint64_t tag, entry::BlockOffset offset) noexcept {
    return tag << 48 | offset;
  }
  [[nodiscard]] static constexpr std::uint64_t tag(std::uint64_t word) noexcept { return word >> 48; }
  [[nodiscard]] static constexpr entry::BlockOffset offset(std::uint64_t word) noexcept {
    return static_cast<entry::BlockOffset>(word);
  }
  [[nodiscard]] static constexpr bool is_empty(std::uint64_t word) noexcept { return offset(word) == 0; }

  /// In the word of an entry: it came not long ago, and nobody has asked for it again. Otherwise it is in the main
  /// queue.
  static constexpr std::uint64_t kNewcomer = std::uint64_t{1} << 47;
  [[nodiscard]] static constexpr bool is_newcomer(std::uint64_t word) noexcept { return (word & kNewcomer) != 0; }
  /// What an evicted newcomer leaves behind.
  [[nodiscard]] static constexpr std::uint64_t ghost_of(std::uint64_t word) noexcept {
    return tag(word) << 48 | kGhost;
  }

  // An empty slot.
  struct Vacancy {
    std::uint32_t slot = kSlots;  // kSlots: there is none
    std::uint64_t word = 0;
    bool is_own = false;  // it is the ghost of the tag that it is for
  };
  /// The best one for an entry of this tag: where its key was before; else one without a ghost; else the ghosts have to
  /// give way in turn. Each slot is looked at once, in any order.
  [[nodiscard]] Vacancy vacancy_for(std::uint64_t wanted_tag) const noexcept {
    const std::uint64_t version = control.load(std::memory_order_relaxed) >> 32;  // whose turn it is
    Vacancy best;
    std::uint32_t best_cost = kSlots + 1;
    for (std::uint32_t index = 0; index < kSlots; ++index) {
      const std::uint64_t there = slots[index].load(std::memory_order_relaxed);  // (T4)
      if (!is_empty(there)) continue;
      if (there == (wanted_tag << 48 | kGhost)) return {index, there, true};
      const std::uint32_t cost = there == 0 ? 0 : 1 + static_cast<std::uint32_t>((version + index) % kSlots);
      if (cost < best_cost) {
        best = {index, there, false};
        best_cost = cost;
      }
    }
    return best;
  }

  // Which slots have a tag, each at a moment of its own.
  struct Glance {
    std::uint64_t control;
    std::uint32_t matching;  // a bit for each, the first slot's is the highest

    [[nodiscard]] std::uint32_t first() const noexcept {
      return static_cast<std::uint32_t>(kSlots - static_cast<std::size_t>(std::bit_width(matching)));
    }
    void drop_first() noexcept { matching -= std::bit_floor(matching); }
    [[nodiscard]] bool has_one() const noexcept { return matching != 0 && (matching & (matching - 1)) == 0; }
  };
  /// The control word first. Which slot has the tag differs from key to key: a branch for each would be taken wrongly
  /// once a look.
  [[nodiscard, gnu::always_inline]] Glance glance(std::uint64_t wanted_tag) noexcept {
    const std::uint64_t wanted = wanted_tag << 48;
    Glance seen;
    seen.control = control.load(std::memory_order_seq_cst);  // (T1) (T2) (T5)
    seen.matching = 0;
#pragma GCC unroll 7
    for (std::size_t index = 0; index < kSlots; ++index) {
      const std::uint64_t seen_word = slots[index].load(std::memory_order_seq_cst);  // (T2) (T5)
      seen.matching = base::shift_in_less(seen.matching, seen_word ^ wanted, std::uint64_t{1} << 48);
    }
    return seen;
  }

  /// Calls `hint(word)` for the entries in the slots, or that were there a moment ago.
  template <class Hint>
  void for_each_hint(Hint&& hint) const noexcept {
    for (const Slot& slot : slots) {
      const std::uint64_t there = slot.load(std::memory_order_relaxed);  // a hint only
      if (!is_empty(there)) hint(there);
    }
  }

 private:
  static constexpr std::uint64_t kGhost = std::uint64_t{1} << 46;
};
static_assert(sizeof(BasicBucket<>) == base::kCacheLine);

}  // namespace dictsqlite::cache
