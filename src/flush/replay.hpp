// Replay: turns records of a log into transactions as the applier makes them, of rows that it copies.
//
// Thread-safety: none. Ownership: borrows the writer.
#pragma once

#include "journal/record.hpp"
#include "store/store.hpp"

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace dictsqlite::flush {

class Replay {
 public:
  struct Bounds {
    std::uint64_t wal_bytes;   // a checkpoint comes when the write-ahead log has so many
    std::size_t memory_bytes;  // a transaction comes when the copies take so much
  };
  Replay(store::StoreWriter& writer, const Bounds& bounds) noexcept : writer_(writer), bounds_(bounds) {}

  /// Takes the next record; applies what has gathered when it is enough for a transaction. Errors: as apply().
  [[nodiscard]] absl::Status add(std::uint64_t sequence, std::span<const journal::LogRow> rows);
  /// Applies the rest.
  [[nodiscard]] absl::Status finish();

  [[nodiscard]] std::uint64_t rows() const noexcept { return rows_applied_; }

 private:
  struct Item {
    std::uint64_t prefix;  // see key_prefix()
    std::uint32_t table_id;
    std::uint32_t row;  // in the order in which they came
  };
  [[nodiscard]] std::string_view keep(std::string_view text);
  [[nodiscard]] absl::Status apply();
  /// The next rows of a transaction; none at its end.
  [[nodiscard]] std::span<const store::RowWrite> next();

  store::StoreWriter& writer_;
  const Bounds bounds_;
  std::vector<store::RowWrite> rows_;
  std::vector<Item> items_;  // one for each, to be sorted
  std::size_t next_ = 0;     // of the items
  std::vector<store::RowWrite> portion_;
  std::size_t rows_given_ = 0;  // of this transaction
  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t chunk_left_ = 0;  // of the last one
  char* chunk_at_ = nullptr;
  std::size_t bytes_ = 0;
  std::uint64_t last_sequence_ = 0;
  std::uint64_t rows_applied_ = 0;
};

}  // namespace dictsqlite::flush
