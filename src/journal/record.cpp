#include "journal/record.hpp"

#include "base/assert.hpp"
#include "journal/bytes.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

namespace dictsqlite::journal {

namespace {

constexpr auto kBatchKind = static_cast<std::byte>(3);

// Of a row's head: kind, table id, key bytes, value bytes, expiry.
constexpr std::size_t kRowHeadMax = 1 + 4 * kVarintBytesMax;
// Of a record's: its length, and those of a batch.
constexpr std::size_t kRecordHeadMax = 2 * kVarintBytesMax + 1;

std::span<const std::byte> as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}
std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

absl::Status malformed() { return absl::DataLossError("the log has a record that is none"); }

std::optional<std::string_view> take_text(std::span<const std::byte>& from, std::uint64_t bytes) noexcept {
  if (bytes > from.size()) return std::nullopt;
  const std::string_view text = as_text(from.first(static_cast<std::size_t>(bytes)));
  from = from.subspan(static_cast<std::size_t>(bytes));
  return text;
}

std::optional<std::byte> take_byte(std::span<const std::byte>& from) noexcept {
  if (from.empty()) return std::nullopt;
  const std::byte byte = from.front();
  from = from.subspan(1);
  return byte;
}

std::optional<LogRow> take_row(std::span<const std::byte>& from) noexcept {
  const std::optional<std::byte> kind = take_byte(from);
  if (!kind || (*kind != static_cast<std::byte>(RowKind::kSet) && *kind != static_cast<std::byte>(RowKind::kErase))) {
    return std::nullopt;
  }
  LogRow row;
  row.kind = static_cast<RowKind>(*kind);
  const std::optional<std::uint64_t> table_id = take_varint(from);
  const std::optional<std::uint64_t> key_bytes = take_varint(from);
  if (!table_id || *table_id > std::numeric_limits<std::uint32_t>::max() || !key_bytes) return std::nullopt;
  row.table_id = static_cast<std::uint32_t>(*table_id);
  std::uint64_t value_bytes = 0;
  if (row.kind == RowKind::kSet) {
    const std::optional<std::uint64_t> bytes = take_varint(from);
    const std::optional<std::uint64_t> expires_at = take_varint(from);
    if (!bytes || !expires_at || *expires_at > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
    value_bytes = *bytes;
    row.expires_at = static_cast<std::int64_t>(*expires_at);
  }
  const std::optional<std::string_view> key = take_text(from, *key_bytes);
  if (!key || key->empty()) return std::nullopt;
  row.key = *key;
  const std::optional<std::string_view> value = take_text(from, value_bytes);
  if (!value) return std::nullopt;
  row.value = *value;
  return row;
}

// The rows of a whole record, without its length. Nothing may be left over.
bool take_rows(std::span<const std::byte> body, std::vector<LogRow>& rows) {
  rows.clear();
  std::uint64_t count = 1;
  if (!body.empty() && body.front() == kBatchKind) {
    body = body.subspan(1);
    const std::optional<std::uint64_t> stored = take_varint(body);
    if (!stored || *stored == 0 || *stored > body.size()) return false;  // each row takes a byte at least
    count = *stored;
  }
  for (; count > 0; --count) {
    const std::optional<LogRow> row = take_row(body);
    if (!row) return false;
    rows.push_back(*row);
  }
  return body.empty();
}

}  // namespace

// --- taking apart ---

void RecordSource::begin(std::span<const LogRow> rows, As as) {
  DICTSQLITE_ASSERT(!rows.empty() && (as == As::kBatch || rows.size() == 1), "a record has rows, a single write one");
  pieces_.clear();
  piece_ = 0;
  taken_ = 0;
  bytes_ = 0;
  // The pieces point into it: no growing meanwhile.
  heads_.clear();
  heads_.reserve(kRecordHeadMax + rows.size() * kRowHeadMax);
  heads_.resize(kRecordHeadMax);
  pieces_.emplace_back();  // the record's own head, whose length is known last
  if (as == As::kBatch) {
    std::byte* const at = heads_.data() + kVarintBytesMax;
    *at = kBatchKind;
    const auto end = static_cast<std::size_t>(put_varint(at + 1, rows.size()) - at);
    bytes_ += end;
    pieces_.emplace_back(at, end);
  }
  for (const LogRow& row : rows) add_row(row);
  const auto head_bytes = static_cast<std::size_t>(put_varint(heads_.data(), bytes_) - heads_.data());
  DICTSQLITE_ASSERT(bytes_ <= kRecordBytesMax, "limits of keys, values and batches are checked before");
  pieces_.front() = std::span(heads_).first(head_bytes);
  bytes_ += head_bytes;
}

void RecordSource::add_row(const LogRow& row) {
  DICTSQLITE_ASSERT(!row.key.empty() && row.expires_at >= 0, "no such row could be read again");
  DICTSQLITE_ASSERT(row.kind == RowKind::kSet || (row.value.empty() && row.expires_at == 0),
                    "an erase has a key alone");
  std::byte head[kRowHeadMax];
  std::byte* end = head;
  *end++ = static_cast<std::byte>(row.kind);
  end = put_varint(end, row.table_id);
  end = put_varint(end, row.key.size());
  if (row.kind == RowKind::kSet) {
    end = put_varint(end, row.value.size());
    end = put_varint(end, static_cast<std::uint64_t>(row.expires_at));
  }
  const std::size_t head_bytes = static_cast<std::size_t>(end - head);
  const std::size_t at = heads_.size();
  heads_.insert(heads_.end(), head, end);
  pieces_.push_back(std::span(heads_).subspan(at, head_bytes));
  for (const std::string_view text : {row.key, row.value}) {
    if (!text.empty()) pieces_.push_back(as_bytes(text));
  }
  bytes_ += head_bytes + row.key.size() + row.value.size();
}

std::size_t RecordSource::take(std::span<std::byte> to) noexcept {
  std::size_t written = 0;
  while (written < to.size() && piece_ < pieces_.size()) {
    const std::span<const std::byte> rest = pieces_[piece_].subspan(taken_);
    const std::size_t count = std::min(rest.size(), to.size() - written);
    std::memcpy(to.data() + written, rest.data(), count);
    written += count;
    taken_ += count;
    if (count < rest.size()) break;
    ++piece_;
    taken_ = 0;
  }
  return written;
}

// --- putting together ---

absl::Status RecordSink::feed(std::span<const std::byte> payload, OnRecord on_record) {
  if (rest_.empty()) {
    absl::Status status = take_records(payload, on_record);
    if (status.ok()) rest_.assign(payload.begin(), payload.end());
    return status;
  }
  rest_.insert(rest_.end(), payload.begin(), payload.end());
  std::span<const std::byte> bytes = rest_;
  absl::Status status = take_records(bytes, on_record);
  rest_.erase(rest_.begin(), rest_.end() - static_cast<std::ptrdiff_t>(bytes.size()));
  return status;
}

// Leaves in `bytes` what belongs to a record that is not whole.
absl::Status RecordSink::take_records(std::span<const std::byte>& bytes, OnRecord on_record) {
  while (!bytes.empty()) {
    std::span<const std::byte> after = bytes;
    const std::optional<std::uint64_t> body_bytes = take_varint(after);
    if (!body_bytes) return bytes.size() < kVarintBytesMax ? absl::OkStatus() : malformed();
    if (*body_bytes > kRecordBytesMax) return malformed();
    if (*body_bytes > after.size()) return absl::OkStatus();
    if (!take_rows(after.first(static_cast<std::size_t>(*body_bytes)), rows_)) return malformed();
    bytes = after.subspan(static_cast<std::size_t>(*body_bytes));
    absl::Status status = on_record(rows_);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace dictsqlite::journal
