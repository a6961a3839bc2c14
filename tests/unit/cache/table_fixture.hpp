// What the tests of the table share: a small table of known hashes, and a way to look at everything in it.
#pragma once

#include "cache/table.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite::cache {

/// A table of two buckets, whose hashes the test chooses: the highest bit selects the bucket, the low 16
/// bits are the tag.
template <class Atomics = base::StdAtomics>
class SmallTable {
 public:
  using Table = BasicTable<Atomics>;
  using Reclaimer = BasicReclaimer<Atomics>;
  using EntryPool = entry::BasicEntryPool<Atomics>;
  using Entry = entry::BasicEntry<Atomics>;
  using Key = typename Table::Key;

  static constexpr std::uint32_t kTableId = 1;
  static constexpr std::size_t kSlots = 7;

  /// Keys of the same number have the same tag; all of them fall into the first bucket.
  static Key key(std::string_view bytes, std::uint64_t tag = 1) { return {tag, kTableId, bytes}; }

  Entry* make(entry::EntryKind kind, std::string_view key, std::string_view value, std::uint64_t sequence) {
    Entry* const entry = pool.make(kind, kTableId, key, value, 0);
    EXPECT_NE(entry, nullptr);
    entry->sequence = sequence;
    return entry;
  }
  Entry* set(const Key& key, std::string_view value, std::uint64_t sequence, std::uint64_t applied = 0) {
    Entry* const entry = make(entry::EntryKind::kSet, key.bytes, value, sequence);
    table.install(key.hash, entry, applied);
    return entry;
  }
  /// What find() gives: the value, "erased", "absent", "pending" or "nothing".
  std::string look(const Key& key) {
    const Entry* const entry = table.find(key);
    if (entry == nullptr) return "nothing";
    switch (entry->kind) {
      case entry::EntryKind::kSet:
        return std::string(entry->value());
      case entry::EntryKind::kErase:
        return "erased";
      case entry::EntryKind::kAbsent:
        return "absent";
      case entry::EntryKind::kPending:
        return "pending";
      case entry::EntryKind::kBatch:
        break;
    }
    return "an entry that must not be there";
  }
  std::size_t evict(std::size_t bytes, std::uint64_t applied) {
    std::uint64_t evicted = 0;
    table.evict(bytes, applied, evicted);
    return evicted;
  }
  std::size_t evict_all(std::uint64_t applied) { return evict(~std::size_t{0}, applied); }
  /// Takes every entry of the key out, and says how many there were.
  std::size_t take_copies(std::string_view bytes, std::uint64_t tag = 1) {
    std::size_t count = 0;
    while (Entry* const entry = table.find(key(bytes, tag))) count += table.remove(tag, entry);
    return count;
  }
  /// How often a visit of everything comes by the key.
  std::size_t visits(std::string_view bytes) {
    std::size_t count = 0;
    table.visit(0, table.bucket_count(), [&](const Entry& entry) { count += entry.key() == bytes; });
    return count;
  }
  std::size_t size() {
    std::size_t count = 0;
    table.visit(0, table.bucket_count(), [&](const Entry&) { ++count; });
    return count;
  }
  /// Frees what was removed from the table.
  void collect() { reclaimer.collect(); }

  EntryPool pool{8u << 20};
  Reclaimer reclaimer{pool};
  Table table{1, pool, reclaimer};
};

}  // namespace dictsqlite::cache
