// Fold: turns a range of drained writes into the rows of one transaction: the newest entry of each key, sorted by
// table and key. Pure.
#pragma once

#include "entry/entry.hpp"
#include "store/store.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace dictsqlite::flush {

/// Reuses its memory from range to range: 24 bytes a write. Thread-safety: none.
class Fold {
 public:
  /// Takes a range, in ascending sequence. The entries must live until its last row was used.
  void begin(std::span<entry::Entry* const> writes);
  /// The next rows, sorted; empty when there are no more. They live until the next call and view into the entries.
  [[nodiscard]] std::span<const store::RowWrite> next();
  /// How many rows of this range next() has given.
  [[nodiscard]] std::size_t rows_given() const noexcept { return rows_given_; }

  static constexpr std::size_t kPortionRows = 256;

 private:
  // What decides most comparisons, so that sorting need not touch the entries.
  struct Item {
    std::uint64_t prefix;  // the key's first 8 bytes as a big-endian number
    entry::Entry* entry;
    std::uint32_t table_id;
  };
  void add(entry::Entry* entry);

  std::vector<Item> items_;
  std::size_t next_ = 0;  // item that next() goes on with
  std::size_t rows_given_ = 0;
  std::vector<store::RowWrite> portion_;
};

}  // namespace dictsqlite::flush
