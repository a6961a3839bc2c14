/// \file
/// WriteBatch: several writes that happen together or not at all.
#pragma once

#include <dictsqlite/export.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite {

/// Collects sets and erases for Database::write_async. The batch takes one place in the order of writes: after a
/// crash it is wholly there or wholly absent, and no batch_get or scan sees part of it. Of two writes to one key
/// the later counts. Limits are checked when it is written, not here.
///
/// Thread-safety: none. Ownership: owns copies of keys and values.
class WriteBatch {
 public:
  void set(std::string_view key, std::string_view value) {
    rows_.push_back({bytes_.size(), key.size(), value.size(), Kind::kSet});
    bytes_.append(key).append(value);
  }
  void erase(std::string_view key) {
    rows_.push_back({bytes_.size(), key.size(), 0, Kind::kErase});
    bytes_.append(key);
  }
  void clear() noexcept {
    rows_.clear();
    bytes_.clear();
  }
  void reserve(std::size_t rows, std::size_t bytes) {
    rows_.reserve(rows);
    bytes_.reserve(bytes);
  }

  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  /// Number of writes, before several to one key are folded.
  [[nodiscard]] std::size_t size() const noexcept { return rows_.size(); }
  /// Bytes of all keys and values.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_.size(); }

  enum class Kind : unsigned char { kSet, kErase };
  struct Row {
    Kind kind;
    std::string_view key;
    std::string_view value;
  };
  /// The write at `index`, in the order they were added. Views live until the batch changes.
  [[nodiscard]] Row row(std::size_t index) const noexcept {
    const Span& span = rows_[index];
    const std::string_view bytes = bytes_;
    return {span.kind, bytes.substr(span.offset, span.key_bytes),
            bytes.substr(span.offset + span.key_bytes, span.value_bytes)};
  }

 private:
  struct Span {
    std::size_t offset;
    std::size_t key_bytes;
    std::size_t value_bytes;
    Kind kind;
  };
  std::vector<Span> rows_;
  std::string bytes_;  // keys and values, one after another
};

}  // namespace dictsqlite
