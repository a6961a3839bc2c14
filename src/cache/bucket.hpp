// Bucket: one cache line of the table, with seven slots and a control word. What is in them, and in which order they
// are accessed, is the table's protocol; see cache/table.hpp.
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

  /// Calls `hint(word)` for what is in the slots, or was a moment ago.
  template <class Hint>
  void for_each_hint(Hint&& hint) const noexcept {
    for (const Slot& slot : slots) {
      if (const std::uint64_t there = slot.load(std::memory_order_relaxed)) hint(there);  // a hint only
    }
  }
};
static_assert(sizeof(BasicBucket<>) == base::kCacheLine);

}  // namespace dictsqlite::cache
