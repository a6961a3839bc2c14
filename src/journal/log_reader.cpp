#include "journal/log_reader.hpp"

#include "base/seeded_bug.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace dictsqlite::journal {

namespace {

// Read at a time when looking for blocks behind the end.
constexpr std::size_t kSearchBytes = 64 * kUnit;

// A place where a block may begin.
struct Place {
  std::size_t segment = 0;  // index
  std::uint64_t offset = kUnit;
};

// The first record that begins in a block.
std::uint64_t first_begun(const BlockHead& head) noexcept { return head.begin + (head.continued_bytes != 0 ? 1 : 0); }

class Reading {
 public:
  Reading(std::span<const SegmentHeader> headers, LogFiles& files, std::uint64_t applied_end, OnLogRecord on_record)
      : headers_(headers), files_(files), applied_end_(applied_end), on_record_(on_record) {
    content_.end = applied_end;
  }

  absl::StatusOr<LogContent> run() {
    const absl::StatusOr<bool> begins = find_beginning();
    if (!begins.ok()) return begins.status();
    while (*begins) {
      const absl::StatusOr<ReadBlock> block = next_block();
      if (!block.ok()) return block.status();
      if (block->found != BlockFound::kWhole) break;
      absl::Status status = take(*block);
      if (!status.ok()) return status;
    }
    for (std::size_t segment = 0; segment < headers_.size(); ++segment) {
      absl::Status status = search(segment);
      if (!status.ok()) return status;
    }
    return content_;
  }

 private:
  // The newest segment whose first block begins with what SQLite has, or follows it at once. False if there is none.
  absl::StatusOr<bool> find_beginning() {
    for (std::size_t segment = headers_.size(); segment > 0; --segment) {
      place_.segment = segment - 1;
      const absl::StatusOr<ReadBlock> block = read_at(place_);
      if (!block.ok()) return block.status();
      if (block->found != BlockFound::kWhole || first_begun(block->head) > applied_end_) continue;
      if (headers_[place_.segment].number == 1 && block->head.previous != 0) continue;
      first_read_ = place_.segment;
      next_sequence_ = block->head.begin;
      return true;
    }
    return false;
  }

  // The block that follows the last one: here, or at the beginning of the next segment, when it did not fit here.
  absl::StatusOr<ReadBlock> next_block() {
    for (const bool in_next_segment : {false, true}) {
      Place place = place_;
      if (in_next_segment) place = {place_.segment + 1, kUnit};
      if (place.segment >= headers_.size()) break;
      if (in_next_segment && headers_[place.segment].number != headers_[place_.segment].number + 1) break;
      absl::StatusOr<ReadBlock> block = read_at(place);
      if (!block.ok()) return block.status();
      if (block->found != BlockFound::kWhole || !follows(*block)) continue;
      place_ = {place.segment, place.offset + block_bytes(block->head.payload_bytes)};
      return block;
    }
    return ReadBlock{};
  }

  [[nodiscard]] bool follows(const ReadBlock& block) const noexcept {
    if (!previous_) return true;
    if (block.head.previous != *previous_ && !DICTSQLITE_SEEDED_BUG(kNoChain)) return false;
    return block.head.begin == next_sequence_ && (block.head.continued_bytes != 0) == within_record_;
  }

  absl::StatusOr<ReadBlock> read_at(const Place& place) {
    const SegmentHeader& header = headers_[place.segment];
    std::size_t bytes = kUnit;
    for (;;) {
      if (buffer_.size() < bytes) buffer_.resize(bytes);
      const absl::StatusOr<std::size_t> got = files_.read(place.segment, place.offset, std::span(buffer_).first(bytes));
      if (!got.ok()) return got.status();
      const std::span<const std::byte> there = std::span(buffer_).first(*got);
      const std::size_t wanted = probe_block(header.identity, header.number, place.offset, there);
      if (bytes >= wanted || *got < bytes) return read_block(header.identity, header.number, place.offset, there);
      bytes = wanted;
    }
  }

  absl::Status take(const ReadBlock& block) {
    previous_ = block.checksum;
    ++content_.blocks;
    std::span<const std::byte> payload = block.payload;
    // Of a record that began in a segment before the first that is read.
    if (block.head.continued_bytes != 0 && !sink_.is_within_record()) {
      payload = payload.subspan(block.head.continued_bytes);
      if (payload.empty() && block.head.end == next_sequence_) {
        within_record_ = true;
        return absl::OkStatus();
      }
      ++next_sequence_;
    }
    absl::Status status = sink_.feed(payload, [&](std::span<const LogRow> rows) { return take_record(rows); });
    if (!status.ok()) return status;
    if (next_sequence_ != block.head.end) return contradiction();
    within_record_ = sink_.is_within_record();
    return absl::OkStatus();
  }

  absl::Status take_record(std::span<const LogRow> rows) {
    const std::uint64_t sequence = next_sequence_++;
    if (sequence < applied_end_ + (DICTSQLITE_SEEDED_BUG(kReplaySkipsFirst) ? 1 : 0)) return absl::OkStatus();
    absl::Status status = on_record_(sequence, rows);
    if (!status.ok()) return status;
    ++content_.records;
    content_.end = next_sequence_;
    return absl::OkStatus();
  }

  // Everything that was not read, for blocks that speak of more.
  absl::Status search(std::size_t segment) {
    const bool was_read = first_read_ && *first_read_ <= segment && segment <= place_.segment;
    std::uint64_t offset = kUnit;
    if (was_read) offset = segment == place_.segment ? place_.offset : headers_[segment].bytes;
    const SegmentHeader& header = headers_[segment];
    if (buffer_.size() < kSearchBytes) buffer_.resize(kSearchBytes);
    while (offset < header.bytes) {
      const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kSearchBytes, header.bytes - offset));
      const absl::StatusOr<std::size_t> got = files_.read(segment, offset, std::span(buffer_).first(wanted));
      if (!got.ok()) return got.status();
      if (*got < wanted) {
        return absl::DataLossError("the log is damaged: a segment is shorter than its header says");
      }
      for (std::size_t at = 0; at < *got; at += kUnit) {
        // The head is enough.
        const ReadBlock block =
            read_block(header.identity, header.number, offset + at, std::span(buffer_).subspan(at, kUnit));
        const bool speaks = block.found == BlockFound::kWhole || block.found == BlockFound::kTorn;
        if (!speaks || DICTSQLITE_SEEDED_BUG(kDamageUnnoticed)) continue;
        if (block.head.durable_end > content_.end) return missing(block.head.durable_end);
        const bool is_first = offset + at == kUnit;
        if (is_first && lacks_predecessor(segment) && first_begun(block.head) > content_.end) {
          return missing(first_begun(block.head));
        }
      }
      offset += *got;
    }
    return absl::OkStatus();
  }

  // The segment before it was there when it was begun. It is used again only when all of it is settled.
  [[nodiscard]] bool lacks_predecessor(std::size_t segment) const noexcept {
    return headers_[segment].number != 1 &&
           (segment == 0 || headers_[segment - 1].number + 1 != headers_[segment].number);
  }

  [[nodiscard]] absl::Status missing(std::uint64_t end) const {
    return absl::DataLossError(absl::StrCat("the log is damaged: it ends before write ", content_.end,
                                            ", and there were writes up to ", end - 1));
  }
  [[nodiscard]] static absl::Status contradiction() {
    return absl::DataLossError("the log has a block whose records are not those it names");
  }

  const std::span<const SegmentHeader> headers_;
  LogFiles& files_;
  const std::uint64_t applied_end_;
  const OnLogRecord on_record_;

  Place place_;                            // behind the last block
  std::optional<std::size_t> first_read_;  // the segment in which reading began
  std::optional<std::uint64_t> previous_;  // the last block's checksum; none before the first
  std::uint64_t next_sequence_ = 0;        // of the record that goes on, or begins, with the next byte
  bool within_record_ = false;             // goes on
  RecordSink sink_;
  LogContent content_;
  std::vector<std::byte> buffer_;
};

}  // namespace

absl::StatusOr<LogContent> read_log(std::span<const SegmentHeader> headers, LogFiles& files, std::uint64_t applied_end,
                                    OnLogRecord on_record) {
  return Reading(headers, files, applied_end, on_record).run();
}

}  // namespace dictsqlite::journal
