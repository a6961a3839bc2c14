#include "journal/log_reader.hpp"

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

class Reading {
 public:
  Reading(std::span<const SegmentHeader> headers, LogFiles& files, std::size_t first, std::uint64_t applied_end,
          OnLogRecord on_record)
      : headers_(headers), files_(files), applied_end_(applied_end), on_record_(on_record) {
    place_.segment = first;
    content_.end = applied_end;
  }

  absl::StatusOr<LogContent> run() {
    while (true) {
      const absl::StatusOr<ReadBlock> block = next_block();
      if (!block.ok()) return block.status();
      if (block->found != BlockFound::kWhole) break;
      absl::Status status = take(*block);
      if (!status.ok()) return status;
    }
    absl::Status status = look_behind_the_end();
    if (!status.ok()) return status;
    return content_;
  }

 private:
  // The block that follows the last one: here, or at the beginning of the next segment, when it did not fit here.
  absl::StatusOr<ReadBlock> next_block() {
    for (const bool in_next_segment : {false, true}) {
      Place place = place_;
      if (in_next_segment) place = {place_.segment + 1, kUnit};
      if (place.segment >= headers_.size()) break;
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
    return block.head.previous == *previous_ && block.head.begin == next_sequence_ &&
           (block.head.continued_bytes != 0) == within_record_;
  }

  absl::StatusOr<ReadBlock> read_at(const Place& place) {
    const SegmentHeader& header = headers_[place.segment];
    buffer_.resize(kUnit);
    absl::StatusOr<std::size_t> got = files_.read(place.segment, place.offset, buffer_);
    if (!got.ok()) return got.status();
    const std::span<const std::byte> unit = std::span(buffer_).first(*got);
    const std::size_t bytes = probe_block(header.identity, header.number, place.offset, unit);
    if (bytes > unit.size()) {
      buffer_.resize(bytes);
      got = files_.read(place.segment, place.offset, buffer_);
      if (!got.ok()) return got.status();
    }
    return read_block(header.identity, header.number, place.offset, std::span(buffer_).first(*got));
  }

  absl::Status take(const ReadBlock& block) {
    if (!previous_) {
      if (block.head.begin > applied_end_) return missing(block.head.begin);
      next_sequence_ = block.head.begin;
    }
    previous_ = block.checksum;
    ++content_.blocks;
    std::span<const std::byte> payload = block.payload;
    // What a log that was cut at its front begins with, of a record whose beginning is gone.
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
    if (sequence < applied_end_) return absl::OkStatus();
    absl::Status status = on_record_(sequence, rows);
    if (!status.ok()) return status;
    ++content_.records;
    content_.end = next_sequence_;
    return absl::OkStatus();
  }

  absl::Status look_behind_the_end() {
    for (std::size_t segment = place_.segment; segment < headers_.size(); ++segment) {
      std::uint64_t offset = segment == place_.segment ? place_.offset : kUnit;
      for (;;) {
        buffer_.resize(kSearchBytes);
        const absl::StatusOr<std::size_t> got = files_.read(segment, offset, buffer_);
        if (!got.ok()) return got.status();
        for (std::size_t at = 0; at + kUnit <= *got; at += kUnit) {
          absl::Status status = look_at(segment, offset + at, std::span(buffer_).subspan(at, *got - at));
          if (!status.ok()) return status;
        }
        if (*got < kSearchBytes) break;
        offset += kSearchBytes;
      }
    }
    return absl::OkStatus();
  }
  absl::Status look_at(std::size_t segment, std::uint64_t offset, std::span<const std::byte> bytes) const {
    const SegmentHeader& header = headers_[segment];
    const ReadBlock block = read_block(header.identity, header.number, offset, bytes);
    const bool tells = block.found == BlockFound::kWhole || block.found == BlockFound::kTorn;
    return tells && block.head.durable_end > content_.end ? missing(block.head.durable_end) : absl::OkStatus();
  }

  [[nodiscard]] absl::Status missing(std::uint64_t durable_end) const {
    return absl::DataLossError(absl::StrCat("the log is damaged: it ends before write ", content_.end,
                                            ", and writes up to ", durable_end - 1, " had been durable"));
  }
  [[nodiscard]] static absl::Status contradiction() {
    return absl::DataLossError("the log has a block whose records are not those it names");
  }

  const std::span<const SegmentHeader> headers_;
  LogFiles& files_;
  const std::uint64_t applied_end_;
  const OnLogRecord on_record_;

  Place place_;                            // behind the last block
  std::optional<std::uint64_t> previous_;  // its checksum; none before the first
  std::uint64_t next_sequence_ = 0;        // of the record that goes on, or begins, with the next byte
  bool within_record_ = false;             // goes on
  RecordSink sink_;
  LogContent content_;
  std::vector<std::byte> buffer_;
};

}  // namespace

absl::StatusOr<LogContent> read_log(std::span<const SegmentHeader> headers, LogFiles& files, std::uint64_t applied_end,
                                    OnLogRecord on_record) {
  std::size_t first = headers.empty() ? 0 : headers.size() - 1;
  while (first > 0 && headers[first - 1].number + 1 == headers[first].number) --first;
  return Reading(headers, files, first, applied_end, on_record).run();
}

}  // namespace dictsqlite::journal
