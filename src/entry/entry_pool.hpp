// EntryPool: makes entries and frees them with their last reference. Knows what an entry costs.
//
// Thread-safety: every member from any thread.
// Ownership:     owns the slab; must outlive every entry it made.
// Progress:      lock-free for entries of up to kBlockBytesMax; larger values come from operator new.
#pragma once

#include <dictsqlite/detail/few_bytes.hpp>

#include "base/assert.hpp"
#include "base/compiler.hpp"
#include "entry/entry.hpp"
#include "entry/magazines.hpp"
#include "entry/slab.hpp"
#include "entry/striped_gauge.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>

namespace dictsqlite::entry {

template <class Atomics = base::StdAtomics>
class BasicEntryPool {
 public:
  using Entry = BasicEntry<Atomics>;

  explicit BasicEntryPool(std::size_t slab_bytes) noexcept : slab_(slab_bytes) {}

  [[nodiscard]] bool valid() const noexcept { return slab_.valid(); }

  /// Bytes an entry of this shape takes from the budgets.
  [[nodiscard]] static std::size_t footprint(std::size_t key_bytes, std::size_t value_bytes) noexcept {
    const std::size_t whole = Entry::kHeaderBytes + key_bytes + padded_bytes(value_bytes);
    if (whole <= kEntryInsideMax) return block_bytes(whole);
    return block_bytes(Entry::kHeaderBytes + sizeof(void*) + key_bytes) + value_bytes;
  }
  [[nodiscard]] static std::size_t footprint(const Entry& entry) noexcept {
    return block_bytes(inside_bytes(entry)) + (entry.is_outside() ? entry.value_bytes : 0);
  }

  /// An entry with one reference, no sequence yet, or nullptr if memory is short. Copies key and value.
  [[nodiscard]] Entry* make(EntryKind kind, std::uint32_t table_id, std::string_view key, std::string_view value,
                            std::int64_t expires_at) noexcept {
    const std::size_t value_room = padded_bytes(value.size());
    const bool outside = kind == EntryKind::kSet && Entry::kHeaderBytes + key.size() + value_room > kEntryInsideMax;
    const bool word = outside || kind >= EntryKind::kPending;
    const std::size_t bytes =
        Entry::kHeaderBytes + (word ? sizeof(void*) : 0) + key.size() + (outside ? 0 : value_room);
    void* block = allocate_block(bytes);
    if (block == nullptr) return nullptr;
    char* outside_value = nullptr;
    if (outside) {
      outside_value = static_cast<char*>(std::malloc(value.size()));
      if (outside_value == nullptr) {
        release_block(block, bytes);
        return nullptr;
      }
      slab_.add_outside_bytes(static_cast<std::int64_t>(value.size()));
    }
    Entry* entry = static_cast<Entry*>(block);
    entry->references.store(1, std::memory_order_relaxed);  // nobody else has the entry yet; stale readers are harmless
    entry->chain_next.store(0, std::memory_order_relaxed);  // the same
    entry->retired_next = 0;
    entry->table_id = table_id;
    entry->sequence = 0;
    entry->expires_at = expires_at;
    entry->value_bytes = static_cast<std::uint32_t>(value.size());
    entry->set_shape(key.size(), word);
    entry->kind = kind;
    entry->visited.store(0, std::memory_order_relaxed);  // nobody else has the entry yet
    if (word) entry->set_word(outside_value);
    char* const key_data = entry->key_data();
    detail::copy_bytes(key_data, key.data(), key.size());
    char* const value_data = outside ? outside_value : key_data + key.size();
    if (value_room != value.size()) std::memset(value_data + value_room - 8, 0, 8);  // the padding, and what is copied
    detail::copy_bytes(value_data, value.data(), value.size());
    return entry;
  }

  /// One more owner. The caller has a reference, or a guard on an entry it found in the table.
  static void retain(Entry& entry) noexcept {
    // The caller's own reference or guard keeps it alive.
    const std::uint32_t before = entry.references.fetch_add(1, std::memory_order_relaxed);
    DICTSQLITE_DCHECK(before % Entry::kOneValue < Entry::kOneValue - 1, "few owners are the library's own");
    static_cast<void>(before);
  }

  /// The same for an entry that nobody else has yet.
  static void retain_unshared(Entry& entry) noexcept {
    entry.references.store(entry.references.load(std::memory_order_relaxed) + 1,
                           std::memory_order_relaxed);  // ours alone until it is published
  }

  /// Gives up one reference; frees the entry with the last.
  void release(Entry* entry) noexcept {
    // (E1) Each owner's reads happen before its release; acquire makes the last one see them all. Pairs with itself.
    // Who has the only one knows without counting: nobody else can make a second from it.
    const bool is_last = entry->references.load(std::memory_order_acquire) == 1 ||        // (E1)
                         entry->references.fetch_sub(1, std::memory_order_acq_rel) == 1;  // (E1)
    if (is_last) destroy(entry);
  }

  /// One more value that was handed out, to whoever keeps it as long as he likes. The caller has a reference, or a
  /// guard on an entry it found in the table. Aborts at kValuesMax of one entry.
  void retain_value(Entry& entry) noexcept {
    const std::uint32_t before =
        entry.references.fetch_add(Entry::kOneValue, std::memory_order_relaxed);  // as in retain()
    DICTSQLITE_ASSERT(before < kValuesMax * Entry::kOneValue, "too many handles to one value");
    if (before < Entry::kOneValue) held_.add(static_cast<std::int64_t>(footprint(entry)));
  }
  /// Gives it up; as release().
  void release_value(Entry* entry) noexcept {
    const auto bytes = static_cast<std::int64_t>(footprint(*entry));  // now: somebody else may free it in a moment
    const std::uint32_t before = entry->references.fetch_sub(Entry::kOneValue, std::memory_order_acq_rel);  // (E1)
    if (before / Entry::kOneValue == 1) held_.add(-bytes);
    if (before == Entry::kOneValue) destroy(entry);
  }
  static constexpr std::uint32_t kValuesMax = 1u << 23;

  /// Bytes of the entries whose values were handed out and not given back, each once: exact when nobody does either.
  [[nodiscard]] std::size_t held_bytes() const noexcept {
    return static_cast<std::size_t>(std::max<std::int64_t>(held_.sum(), 0));
  }

  /// A block for records other than entries (completions, flights), from the same bounded memory.
  [[nodiscard]] void* allocate_block(std::size_t bytes) noexcept { return magazines_.allocate(bytes); }
  /// `bytes` as it was allocated.
  void release_block(void* block, std::size_t bytes) noexcept { magazines_.release(block, bytes); }

  [[nodiscard]] BlockOffset offset_of(const Entry* entry) const noexcept { return slab_.offset_of(entry); }
  [[nodiscard]] Entry* at(BlockOffset offset) const noexcept { return static_cast<Entry*>(slab_.at(offset)); }
  /// A hint that the entry will be read soon. The offset may be stale.
  void prefetch(BlockOffset offset) const noexcept { __builtin_prefetch(slab_.at(offset)); }
  /// The same for an entry that will be read and then given up: its first line is to be written, and its key may reach
  /// into the next.
  void prefetch_for_write(BlockOffset offset) const noexcept {
    const auto* const block = static_cast<const std::byte*>(slab_.at(offset));
    base::prefetch_for_write(block);
    __builtin_prefetch(block + base::kCacheLine);
  }
  /// Bytes of all that was made and is not yet freed: exact when nobody makes or frees anything.
  [[nodiscard]] std::size_t used_bytes() const noexcept {
    const std::size_t kept = magazines_.kept_bytes();
    const std::size_t allocated = slab_.used_bytes();
    return allocated > kept ? allocated - kept : 0;
  }

 private:
  [[nodiscard]] static std::size_t block_bytes(std::size_t bytes) noexcept {
    return SizeClass::bytes(SizeClass::of(bytes));
  }
  // Of the block that the entry is in.
  [[nodiscard]] static std::size_t inside_bytes(const Entry& entry) noexcept {
    return Entry::kHeaderBytes + (entry.has_word() ? sizeof(void*) : 0) + entry.key_bytes() +
           (entry.is_outside() ? 0 : padded_bytes(entry.value_bytes));
  }
  void destroy(Entry* entry) noexcept {
    const std::size_t bytes = inside_bytes(*entry);
    if (entry->is_outside()) {
      slab_.add_outside_bytes(-static_cast<std::int64_t>(entry->value_bytes));
      std::free(entry->template word<char>());
    }
    magazines_.release(entry, bytes);
  }

  BasicSlab<Atomics> slab_;
  BasicMagazines<Atomics> magazines_{slab_};
  BasicStripedGauge<Atomics> held_;
};

using EntryPool = BasicEntryPool<>;

}  // namespace dictsqlite::entry
