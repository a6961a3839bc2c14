// Record: one write of the order as bytes of the log. Records follow each other in the order of their sequences, which
// they therefore need not name.
//
//   record = varint(bytes of what follows) row            a single write
//          | varint(bytes of what follows) 0x03 varint(rows) row*    a WriteBatch
//   row    = 0x01 varint(table id) varint(key bytes) varint(value bytes) varint(expires at, ms) key value    set
//          | 0x02 varint(table id) varint(key bytes) key                                                       erase
//
// Expiry is a count of milliseconds since the Unix epoch, 0 for never; no negative one exists.
//
// Thread-safety: none; each object belongs to one thread.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace dictsqlite::journal {

/// Longest record: twice the largest batch that Options allow.
inline constexpr std::uint64_t kRecordBytesMax = std::uint64_t{16} << 30;

/// What a row of a record does. The values are those in the file.
enum class RowKind : std::uint8_t { kSet = 1, kErase = 2 };

/// One row of a record. Views into whoever made it.
struct LogRow {
  RowKind kind = RowKind::kSet;
  std::uint32_t table_id = 0;
  std::string_view key;
  std::string_view value;       // empty for kErase
  std::int64_t expires_at = 0;  // 0 for kErase
};

/// Lays one record out and hands its bytes over in portions, so that it can go into several blocks. Keys and values are
/// not copied before that: what the rows point to must live until the last portion.
class RecordSource {
 public:
  enum class As : std::uint8_t { kSingle, kBatch };
  /// Begins with a record. `rows` is one row, or those of a batch (at least one, all in one record). Keys are not
  /// empty, expiries not negative.
  void begin(std::span<const LogRow> rows, As as);

  /// The next bytes of the record, as many as fit. Returns how many were written; less than `to` only at its end.
  std::size_t take(std::span<std::byte> to) noexcept;
  [[nodiscard]] bool is_at_end() const noexcept { return piece_ == pieces_.size(); }
  /// All of it, taken or not.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  void add_row(const LogRow& row);

  std::vector<std::byte> heads_;                    // what lies between keys and values
  std::vector<std::span<const std::byte>> pieces_;  // in order, into heads_, keys and values
  std::size_t piece_ = 0;                           // the next one, of which
  std::size_t taken_ = 0;                           // so many bytes are gone
  std::size_t bytes_ = 0;
};

/// Puts records together again from the payloads of blocks. Holds what it was fed of an unfinished record, up to three
/// times while it grows, and a view of some 50 bytes for each row of a batch.
class RecordSink {
 public:
  /// Called with the rows of each record that is whole, in order; they are valid during the call. A single write is one
  /// row. An error ends the feeding.
  using OnRecord = absl::FunctionRef<absl::Status(std::span<const LogRow> rows)>;

  /// Errors: kDataLoss (not a record, or one that contradicts itself), and what `on_record` returns. No feeding after
  /// one.
  [[nodiscard]] absl::Status feed(std::span<const std::byte> payload, OnRecord on_record);
  /// Whether a record has begun and not ended.
  [[nodiscard]] bool is_within_record() const noexcept { return !rest_.empty(); }

 private:
  [[nodiscard]] absl::Status take_records(std::span<const std::byte>& bytes, OnRecord on_record);

  std::vector<std::byte> rest_;  // of a record that goes on in the next payload
  std::vector<LogRow> rows_;
};

}  // namespace dictsqlite::journal
