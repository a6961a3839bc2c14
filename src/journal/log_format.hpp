// The grammar of the log, above that of its records (journal/record.hpp). docs/file-format.md tells it to readers.
//
//   segment = header block*       a file NAME-log-N, in units of 4 KiB
//   header  = one unit            whose log this is, and which part
//   block   = head payload zeros  from the start of a unit on, in whole units; one durable write
//
// The payloads of a life's blocks, one after another, are its records. A record may go on in the next block, also in
// the next segment. What a block says of itself proves by itself where it belongs: to this database, this life (epoch),
// this segment and this place in it. So bytes that an earlier use of the file left behind are no blocks, and a block
// behind a damaged one can still be told.
//
// Thread-safety: functions of their arguments.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace dictsqlite::journal {

/// What the log is written in: where blocks begin, and what their lengths are multiples of. Also what O_DIRECT asks
/// for, at most, of the disks there are.
inline constexpr std::size_t kUnit = 4096;

/// Format of the log. Raised with whatever an older library could not read or would read wrongly: there are no optional
/// parts.
inline constexpr std::uint32_t kLogVersion = 1;

/// Whose log it is, and of which of its lives. An epoch is never used twice for a database, unless an older copy of the
/// database file is put in its place: hence a number by chance as well.
struct LogIdentity {
  std::array<std::byte, 16> database_id{};
  std::uint64_t epoch = 0;
  std::uint64_t life = 0;

  friend bool operator==(const LogIdentity&, const LogIdentity&) = default;
};

struct SegmentHeader {
  LogIdentity identity;
  // In this life, from 1 on without a gap; a file that is used again gets the next one. 0: a life's first file, before
  // that life began: there is nothing in it.
  std::uint64_t number = 0;
  std::uint64_t bytes = 0;  // of the file, whole units
};
// A header is durable before a block of its segment is submitted, and before the next segment's header is written; the
// file has its length before that. So a log that ends has no later header with a gap before it, but where the files of
// what was settled wait to be used again.

/// Fills a unit. `header.bytes` is a multiple of kUnit.
void write_segment_header(const SegmentHeader& header, std::span<std::byte, kUnit> unit) noexcept;
/// Errors: kInvalidArgument (not a segment of a log), kUnimplemented (of a newer format), kDataLoss (damaged).
[[nodiscard]] absl::StatusOr<SegmentHeader> read_segment_header(std::span<const std::byte, kUnit> unit);

/// Sequences are those of the writes; `end` is the one after the last.
struct BlockHead {
  std::uint64_t segment = 0;      // number of the segment it was written for
  std::uint64_t offset = 0;       // and its place there, in bytes
  std::uint64_t begin = 0;        // of the record that the payload's first byte belongs to
  std::uint64_t end = 0;          // records below it are whole with this block
  std::uint64_t durable_end = 0;  // records below it were durable, and may have been acknowledged, when it was written
  std::uint64_t previous = 0;     // checksum of the block before it, in whichever segment; 0 for a life's first
  std::uint32_t payload_bytes = 0;
  std::uint32_t continued_bytes = 0;  // of them, at the front, what belongs to a record that began before
};

inline constexpr std::size_t kBlockHeadBytes = 112;
inline constexpr std::size_t kBlockBytesMax = std::size_t{16} << 20;

/// Bytes of a block with such a payload, in whole units.
[[nodiscard]] constexpr std::size_t block_bytes(std::size_t payload_bytes) noexcept {
  return (kBlockHeadBytes + payload_bytes + kUnit - 1) / kUnit * kUnit;
}

/// Completes a block whose payload lies at kBlockHeadBytes of `block`: writes head and zeros around it. `block` has
/// block_bytes(head.payload_bytes) bytes. Returns the block's checksum.
std::uint64_t seal_block(const LogIdentity& identity, const BlockHead& head, std::span<std::byte> block) noexcept;

/// What lies at a place where a block could begin.
enum class BlockFound : std::uint8_t {
  kWhole,    // a block that belongs there
  kTorn,     // one of which the head alone is whole
  kDamaged,  // something that says of itself to be one, and is not even that
  kNone,     // nothing of the kind
};

struct ReadBlock {
  BlockFound found = BlockFound::kNone;
  BlockHead head;                      // if kWhole or kTorn
  std::uint64_t checksum = 0;          // the same
  std::span<const std::byte> payload;  // if kWhole; within what was given
};

/// How long a block is by what its first unit says, unchecked; 0 if there is none for this place. At most
/// kBlockBytesMax.
[[nodiscard]] std::size_t probe_block(const LogIdentity& identity, std::uint64_t segment, std::uint64_t offset,
                                      std::span<const std::byte> unit) noexcept;

/// Whether a unit begins as a block of this life does; unchecked. For files whose header is gone.
[[nodiscard]] bool begins_as_block_of(const LogIdentity& identity, std::span<const std::byte> unit) noexcept;

/// Reads what begins at `bytes`, which are those of the file from `offset` on: kWhole wants all of the block in them.
[[nodiscard]] ReadBlock read_block(const LogIdentity& identity, std::uint64_t segment, std::uint64_t offset,
                                   std::span<const std::byte> bytes) noexcept;

}  // namespace dictsqlite::journal
