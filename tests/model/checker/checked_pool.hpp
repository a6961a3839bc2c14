// The entry pool over checked atomics: table and reclaimer get their entries from here instead of the slab, which has
// scenarios of its own. It knows who has looked at an entry and who has freed it: use after free is a violation, and so
// is a free that some look does not happen before. Blocks are not used again.
//
// `at()` counts as a look: the library goes through it to whatever it finds by offset. Where a scenario goes on
// looking, it says so by `look()`.
#pragma once

#include "entry/entry_pool.hpp"
#include "model/checker/checked_atomics.hpp"
#include "model/checker/plain.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace dictsqlite::entry {

template <>
class BasicEntryPool<checker::CheckedAtomics> {
 public:
  using Entry = BasicEntry<checker::CheckedAtomics>;

  BasicEntryPool() = default;
  BasicEntryPool(const BasicEntryPool&) = delete;
  BasicEntryPool& operator=(const BasicEntryPool&) = delete;

  [[nodiscard]] static std::size_t footprint(const Entry&) noexcept { return kBlockBytes; }

  /// An entry with one reference and this sequence.
  [[nodiscard]] Entry* make(EntryKind kind, std::string_view key, std::uint64_t sequence) noexcept {
    DICTSQLITE_ASSERT(made_ + 1 < kBlocks, "a scenario is small");
    const std::size_t index = ++made_;  // offset 0 names none
    races_[index].write();
    Entry* const entry = entry_at(index);
    entry->references.store(1, std::memory_order_relaxed);  // as in the real one: nobody else has the entry yet
    entry->chain_next.store(0, std::memory_order_relaxed);
    entry->retired_next = 0;
    entry->table_id = kTableId;
    entry->sequence = sequence;
    entry->expires_at = 0;
    entry->value_bytes = 0;
    entry->set_shape(key.size(), kind >= EntryKind::kPending);
    entry->kind = kind;
    entry->visited.store(0, std::memory_order_relaxed);
    std::memcpy(entry->key_data(), key.data(), key.size());
    return entry;
  }
  static void retain(Entry& entry) noexcept { entry.references.fetch_add(1, std::memory_order_relaxed); }
  void release(Entry* entry) noexcept {
    if (entry->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    const std::size_t index = index_of(entry);
    if (is_free_[index]) checker::expect(false, "an entry is freed twice");
    races_[index].write();
    is_free_[index] = true;
  }

  [[nodiscard]] BlockOffset offset_of(const Entry* entry) const noexcept {
    return static_cast<BlockOffset>(index_of(entry));
  }
  [[nodiscard]] Entry* at(BlockOffset offset) const noexcept {
    Entry* const entry = entry_at(offset);
    look(entry);
    return entry;
  }
  void prefetch(BlockOffset) const noexcept {}
  void prefetch_for_write(BlockOffset) const noexcept {}

  /// The thread looks at the entry now.
  void look(const Entry* entry) const noexcept {
    const std::size_t index = index_of(entry);
    if (is_free_[index]) checker::expect(false, "use after free");
    races_[index].read();
  }
  [[nodiscard]] bool is_free(const Entry* entry) const noexcept { return is_free_[index_of(entry)]; }

  static constexpr std::uint32_t kTableId = 1;

 private:
  static constexpr std::size_t kBlocks = 32;
  static constexpr std::size_t kBlockBytes = 64;
  struct alignas(16) Block {
    std::array<std::byte, kBlockBytes> bytes;
  };

  [[nodiscard]] Entry* entry_at(std::size_t index) const noexcept {
    return reinterpret_cast<Entry*>(blocks_[index].bytes.data());
  }
  [[nodiscard]] std::size_t index_of(const Entry* entry) const noexcept {
    return static_cast<std::size_t>(reinterpret_cast<const Block*>(entry) - blocks_.data());
  }

  mutable std::array<Block, kBlocks> blocks_{};
  mutable std::array<checker::RaceDetector, kBlocks> races_{};
  std::array<bool, kBlocks> is_free_{};
  std::size_t made_ = 0;
};

}  // namespace dictsqlite::entry
