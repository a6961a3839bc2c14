#include "flush/replay.hpp"

#include "base/seeded_bug.hpp"
#include "flush/flush_policy.hpp"
#include "flush/key_prefix.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace dictsqlite::flush {

namespace {

constexpr std::size_t kChunkBytes = 1u << 20;
constexpr std::size_t kPortionRows = 1024;
// Rows lie in the order of the log: each is fetched so many rows before its turn.
constexpr std::size_t kAhead = 16;

}  // namespace

std::string_view Replay::keep(std::string_view text) {
  if (text.empty()) return {};
  if (text.size() > chunk_left_) {
    const std::size_t bytes = std::max(kChunkBytes, text.size());
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(bytes));
    chunk_at_ = chunks_.back().get();
    chunk_left_ = bytes;
  }
  char* const kept = chunk_at_;
  std::memcpy(kept, text.data(), text.size());
  chunk_at_ += text.size();
  chunk_left_ -= text.size();
  return {kept, text.size()};
}

absl::Status Replay::add(std::uint64_t sequence, std::span<const journal::LogRow> rows) {
  for (const journal::LogRow& row : rows) {
    const bool is_set = row.kind == journal::RowKind::kSet;
    if (row.table_id != store::kMainTable)
      return absl::DataLossError("the log has a row of a table that does not exist");
    items_.push_back({key_prefix(row.key), row.table_id, static_cast<std::uint32_t>(rows_.size())});
    rows_.push_back({is_set ? store::RowKind::kSet : store::RowKind::kErase, row.table_id, row.expires_at,
                     keep(row.key), keep(row.value)});
    bytes_ += row.key.size() + row.value.size() + sizeof(store::RowWrite) + sizeof(Item);
    if (DICTSQLITE_SEEDED_BUG(kReplaySplitsWrites) && last_sequence_ != 0) static_cast<void>(apply());
  }
  last_sequence_ = sequence;
  return rows_.size() >= kTransactionRowsMax || bytes_ >= bounds_.memory_bytes ? apply() : absl::OkStatus();
}

absl::Status Replay::finish() {
  return rows_.empty() || DICTSQLITE_SEEDED_BUG(kReplayTailForgotten) ? absl::OkStatus() : apply();
}

// The newest row of each key, sorted by key.
absl::Status Replay::apply() {
  std::sort(items_.begin(), items_.end(), [this](const Item& a, const Item& b) {
    if (a.table_id != b.table_id) return a.table_id < b.table_id;
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    const int order = rows_[a.row].key.compare(rows_[b.row].key);
    return order != 0 ? order < 0 : DICTSQLITE_SEEDED_BUG(kReplayOlderWins) ? a.row > b.row : a.row < b.row;
  });
  next_ = 0;
  rows_given_ = 0;
  absl::Status status = writer_.apply([this] { return std::optional(next()); }, last_sequence_);
  if (!status.ok()) return status;
  rows_applied_ += rows_given_;
  rows_.clear();
  items_.clear();
  chunks_.clear();
  chunk_left_ = 0;
  bytes_ = 0;
  if (writer_.counters().wal_bytes_uncopied < bounds_.wal_bytes) return absl::OkStatus();
  return writer_.checkpoint().status();
}

std::span<const store::RowWrite> Replay::next() {
  portion_.clear();
  for (; next_ < items_.size() && portion_.size() < kPortionRows; ++next_) {
    if (next_ + kAhead < items_.size()) __builtin_prefetch(&rows_[items_[next_ + kAhead].row]);
    const store::RowWrite& row = rows_[items_[next_].row];
    const bool is_last = next_ + 1 == items_.size();
    if (!is_last && items_[next_].prefix == items_[next_ + 1].prefix) {
      const store::RowWrite& next_row = rows_[items_[next_ + 1].row];
      if (next_row.key == row.key && next_row.table_id == row.table_id) continue;  // not the newest
    }
    portion_.push_back(row);
  }
  rows_given_ += portion_.size();
  return portion_;
}

}  // namespace dictsqlite::flush
