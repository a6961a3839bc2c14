// BlockBuilder: fills blocks with records, one block after another. What does not fit goes on in the next.
//
// Thread-safety: none.
// Ownership:     fills memory of the caller's, which is to live until the block is sealed.
#pragma once

#include "journal/log_format.hpp"
#include "journal/record.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace dictsqlite::journal {

class BlockBuilder {
 public:
  /// `next_sequence` is that of the first record that will be added.
  explicit BlockBuilder(std::uint64_t next_sequence) noexcept : next_sequence_(next_sequence) {}

  /// Begins a block in `memory`: whole units, at least one, at most kBlockBytesMax.
  void begin(std::span<std::byte> memory) noexcept;
  /// Adds what fits of a record: all of it, or until the block is full. The same record is added to the next block
  /// until it is at its end. Returns whether it is.
  bool add(RecordSource& record) noexcept;
  /// Nothing has been added.
  [[nodiscard]] bool is_empty() const noexcept { return head_.payload_bytes == 0; }
  [[nodiscard]] bool is_full() const noexcept { return kBlockHeadBytes + head_.payload_bytes == memory_.size(); }
  /// A record has begun and goes on in the next block.
  [[nodiscard]] bool is_within_record() const noexcept { return within_record_; }
  /// The sequence after the last record that is whole.
  [[nodiscard]] std::uint64_t end() const noexcept { return next_sequence_; }
  /// Bytes that the block takes as it is.
  [[nodiscard]] std::size_t bytes() const noexcept { return block_bytes(head_.payload_bytes); }

  struct Where {
    std::uint64_t segment;
    std::uint64_t offset;
    std::uint64_t durable_end;
  };
  /// Completes the block for its place. The bytes to be written, at the front of `memory`. Not of an empty block.
  [[nodiscard]] std::span<const std::byte> seal(const LogIdentity& identity, const Where& where) noexcept;

 private:
  std::span<std::byte> memory_;
  BlockHead head_;
  std::uint64_t next_sequence_;  // of the record that goes on, or comes next
  std::uint64_t previous_ = 0;   // checksum of the last sealed block
  bool within_record_ = false;
};

}  // namespace dictsqlite::journal
