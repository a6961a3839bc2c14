// Fold: turns a range of drained writes into the rows of one transaction: the newest entry of each key, sorted by
// table and key. Pure.
#pragma once

#include "entry/entry.hpp"
#include "store/store.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace dictsqlite::flush {

/// Reuses its memory from call to call. Thread-safety: none.
class Fold {
 public:
  /// `writes` in ascending sequence. The rows view into the entries and live until the next call.
  [[nodiscard]] std::span<const store::RowWrite> rows(std::span<entry::Entry* const> writes);

 private:
  // What decides most comparisons, so that sorting need not touch the entries.
  struct Item {
    std::uint64_t prefix;  // the key's first 8 bytes as a big-endian number
    entry::Entry* entry;
    std::uint32_t table_id;
  };
  void add(entry::Entry* entry);

  std::vector<Item> items_;
  std::vector<store::RowWrite> rows_;
};

}  // namespace dictsqlite::flush
