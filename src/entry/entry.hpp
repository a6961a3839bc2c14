// Entry: the immutable record of one key at one sequence, and what links it into the structures above.
//
// Ownership: counted. The cache, the write pipeline and Value handles each hold a reference; the last one frees it
// (EntryPool::release). The cache gives up its reference through the reclaimer, so that readers under a guard may
// touch an entry without counting.
//
// Layout: this header, then one 8-byte word if the kind or the size asks for it (see word()), then the key, then
// the value, padded, unless it lives outside the slab.
#pragma once

#include <dictsqlite/detail/few_bytes.hpp>

#include "base/atomics.hpp"
#include "base/compiler.hpp"
#include "entry/slab.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace dictsqlite::entry {

enum class EntryKind : std::uint8_t {
  kSet,      // the key has this value
  kErase,    // the key was erased
  kAbsent,   // a load found no row: remembered absence
  kPending,  // a load is under way; `word` points to its Flight
  kBatch,    // never in the cache: stands for several writes in the ring; `word` points to them
};

/// Longest key an entry can hold: an entry without a value must fit a block of the slab.
inline constexpr std::size_t kKeyBytesMax = 8000;
/// Header, key and value of up to this many bytes together are one block; otherwise the value lives outside.
inline constexpr std::size_t kEntryInsideMax = kBlockBytesMax;

/// Values of up to this many bytes take whole words of 8, so that they can be copied by them.
inline constexpr std::size_t kPaddedValueMax = 128;
[[nodiscard]] constexpr std::size_t padded_bytes(std::size_t value_bytes) noexcept {
  return value_bytes <= kPaddedValueMax ? (value_bytes + 7) / 8 * 8 : value_bytes;
}

template <class Atomics = base::StdAtomics>
struct BasicEntry {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

  // How many owners: the library's own ones each for 1, values that were handed out for kOneValue. While the block is
  // free, the slab's link: hence first, and always an atomic.
  static constexpr std::uint32_t kOneValue = 1u << 8;
  Atomic<std::uint32_t> references;
  // Overflow chain of a bucket: offset of the next entry, with a mark once this one is out. See cache/table.hpp.
  Atomic<std::uint32_t> chain_next;
  // List of the reclaimer it waits in after it left the table. Written by whoever removed it.
  std::uint32_t retired_next;
  std::uint32_t table_id;
  // Place in the order of all writes; for a loaded entry that of its snapshot. Stamped before it is installed. Until
  // then the hash of a write's key, or 0 if nobody has computed it.
  std::uint64_t sequence;
  std::int64_t expires_at;  // milliseconds since the Unix epoch; 0: never
  std::uint32_t value_bytes;
  std::uint16_t shape;  // bytes of the key; kWordBit: there is a word before it
  EntryKind kind;
  // Read since the eviction hand last passed, or a newer entry wanted its slot, or while it was loaded; or put over an
  // older one. Written only when it changes; relaxed: a lost mark costs one eviction.
  Atomic<std::uint8_t> visited;

  [[nodiscard]] bool is_real() const noexcept { return kind <= EntryKind::kAbsent; }
  [[nodiscard]] bool has_value() const noexcept { return kind == EntryKind::kSet; }
  /// The value is not in this block; word() points to it.
  [[nodiscard]] bool is_outside() const noexcept { return has_word() && kind == EntryKind::kSet; }
  [[nodiscard]] bool has_word() const noexcept { return (shape & kWordBit) != 0; }
  [[nodiscard]] std::size_t key_bytes() const noexcept { return shape & (kWordBit - 1u); }
  void set_shape(std::size_t key_bytes, bool word) noexcept {
    shape = static_cast<std::uint16_t>(key_bytes | (word ? kWordBit : 0));
  }

  /// The optional word after the header.
  template <class T>
  [[nodiscard]] T* word() const noexcept {
    T* pointer = nullptr;
    std::memcpy(&pointer, payload(), sizeof(void*));
    return pointer;
  }
  void set_word(const void* pointer) noexcept { std::memcpy(payload(), &pointer, sizeof(void*)); }

  [[nodiscard]] std::string_view key() const noexcept { return {key_data(), key_bytes()}; }
  [[nodiscard]] bool has_key(std::string_view key) const noexcept {
    if (DICTSQLITE_LIKELY(shape == key.size())) return detail::equal_bytes(payload(), key.data(), key.size());
    return key_bytes() == key.size() && detail::equal_bytes(key_data(), key.data(), key.size());
  }
  [[nodiscard]] std::string_view value() const noexcept {
    const char* data = is_outside() ? word<const char>() : key_data() + key_bytes();
    return {data, value_bytes};
  }
  [[nodiscard]] char* key_data() const noexcept { return payload() + (has_word() ? sizeof(void*) : 0); }

  static constexpr std::size_t kHeaderBytes = 40;

 private:
  static constexpr std::uint16_t kWordBit = 0x8000;
  static_assert(kKeyBytesMax < kWordBit);

  [[nodiscard]] char* payload() const noexcept {
    return reinterpret_cast<char*>(const_cast<BasicEntry*>(this)) + kHeaderBytes;
  }
};

using Entry = BasicEntry<>;
static_assert(sizeof(Entry) == Entry::kHeaderBytes);
static_assert(Entry::kHeaderBytes + sizeof(void*) + kKeyBytesMax <= kBlockBytesMax);

/// Total order of the writes of one key: what the cache keeps is the largest. A load under way is below everything.
template <class Atomics>
[[nodiscard]] inline std::uint64_t order_of(const BasicEntry<Atomics>& entry) noexcept {
  return entry.is_real() ? entry.sequence + 1 : 0;
}

}  // namespace dictsqlite::entry
