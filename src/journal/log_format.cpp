#include "journal/log_format.hpp"

#include "base/assert.hpp"
#include "base/seeded_bug.hpp"
#include "journal/bytes.hpp"
#include "journal/checksum.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace dictsqlite::journal {

namespace {

constexpr std::string_view kSegmentMagic = "dictsqlite log\n";  // with its zero: 16 bytes
constexpr std::uint32_t kBlockMagic = 0x6b6c4244;               // "DBlk"

// Places in a segment's header.
constexpr std::size_t kSegmentVersion = 16;
constexpr std::size_t kSegmentUnit = 20;
constexpr std::size_t kSegmentDatabase = 24;
constexpr std::size_t kSegmentEpoch = 40;
constexpr std::size_t kSegmentLife = 48;
constexpr std::size_t kSegmentNumber = 56;
constexpr std::size_t kSegmentBytes = 64;
constexpr std::size_t kSegmentChecksum = 72;  // of all before it

// Places in a block's head.
constexpr std::size_t kBlockPayloadBytes = 4;
constexpr std::size_t kBlockContinuedBytes = 8;
constexpr std::size_t kBlockZero = 12;
constexpr std::size_t kBlockDatabase = 16;
constexpr std::size_t kBlockEpoch = 32;
constexpr std::size_t kBlockLife = 40;
constexpr std::size_t kBlockSegment = 48;
constexpr std::size_t kBlockOffset = 56;
constexpr std::size_t kBlockBegin = 64;
constexpr std::size_t kBlockEnd = 72;
constexpr std::size_t kBlockDurableEnd = 80;
constexpr std::size_t kBlockPrevious = 88;
constexpr std::size_t kBlockPayloadChecksum = 96;
constexpr std::size_t kBlockChecksum = 104;  // of the head before it, and with that of the payload
static_assert(kBlockChecksum + 8 == kBlockHeadBytes);

// Of an identity in a header or a head.
struct IdentityPlaces {
  std::size_t database;
  std::size_t epoch;
  std::size_t life;
};
constexpr IdentityPlaces kInSegment = {kSegmentDatabase, kSegmentEpoch, kSegmentLife};
constexpr IdentityPlaces kInBlock = {kBlockDatabase, kBlockEpoch, kBlockLife};

void store_identity(std::span<std::byte> bytes, const IdentityPlaces& at, const LogIdentity& identity) noexcept {
  std::memcpy(bytes.subspan(at.database).data(), identity.database_id.data(), identity.database_id.size());
  store(bytes, at.epoch, identity.epoch);
  store(bytes, at.life, identity.life);
}
LogIdentity load_identity(std::span<const std::byte> bytes, const IdentityPlaces& at) noexcept {
  LogIdentity identity;
  std::memcpy(identity.database_id.data(), bytes.subspan(at.database).data(), identity.database_id.size());
  identity.epoch = load<std::uint64_t>(bytes, at.epoch);
  identity.life = load<std::uint64_t>(bytes, at.life);
  return identity;
}

}  // namespace

void write_segment_header(const SegmentHeader& header, std::span<std::byte, kUnit> unit) noexcept {
  DICTSQLITE_DCHECK(header.bytes % kUnit == 0, "a segment has whole units");
  std::fill(unit.begin(), unit.end(), std::byte{0});
  std::memcpy(unit.data(), kSegmentMagic.data(), kSegmentMagic.size());
  store(unit, kSegmentVersion, kLogVersion);
  store(unit, kSegmentUnit, static_cast<std::uint32_t>(kUnit));
  store_identity(unit, kInSegment, header.identity);
  store(unit, kSegmentNumber, header.number);
  store(unit, kSegmentBytes, header.bytes);
  store(unit, kSegmentChecksum, checksum(unit.first(kSegmentChecksum)));
}

absl::StatusOr<SegmentHeader> read_segment_header(std::span<const std::byte, kUnit> unit) {
  const std::string_view magic(reinterpret_cast<const char*>(unit.data()), kSegmentMagic.size());
  if (magic != kSegmentMagic || unit[kSegmentMagic.size()] != std::byte{0}) {
    return absl::InvalidArgumentError("not a segment of a log");
  }
  // Before the checksum, which may be another one there.
  const auto version = load<std::uint32_t>(unit, kSegmentVersion);
  if (version > kLogVersion) {
    return absl::UnimplementedError(absl::StrCat("the log has format ", version, ", newer than this library"));
  }
  if (load<std::uint64_t>(unit, kSegmentChecksum) != checksum(unit.first(kSegmentChecksum))) {
    return absl::DataLossError("the header of a segment of the log is damaged");
  }
  SegmentHeader header;
  header.identity = load_identity(unit, kInSegment);
  header.number = load<std::uint64_t>(unit, kSegmentNumber);
  header.bytes = load<std::uint64_t>(unit, kSegmentBytes);
  if (load<std::uint32_t>(unit, kSegmentUnit) != kUnit) {
    return absl::UnimplementedError("the log has units of another size than this library writes");
  }
  if (version == 0 || header.bytes % kUnit != 0 || header.bytes < 2 * kUnit) {
    return absl::DataLossError("the header of a segment of the log contradicts itself");
  }
  return header;
}

std::uint64_t seal_block(const LogIdentity& identity, const BlockHead& head, std::span<std::byte> block) noexcept {
  const std::size_t end = kBlockHeadBytes + head.payload_bytes;
  DICTSQLITE_ASSERT(block.size() == block_bytes(head.payload_bytes) && block.size() <= kBlockBytesMax,
                    "a block has whole units, and is not too large");
  DICTSQLITE_DCHECK(head.offset % kUnit == 0 && head.offset != 0, "a block begins at a unit behind the header");
  DICTSQLITE_DCHECK(head.continued_bytes <= head.payload_bytes && head.begin <= head.end, "a block contradicts itself");
  std::fill(block.begin() + static_cast<std::ptrdiff_t>(end), block.end(), std::byte{0});
  store(block, 0, kBlockMagic);
  store(block, kBlockPayloadBytes, head.payload_bytes);
  store(block, kBlockContinuedBytes, head.continued_bytes);
  store(block, kBlockZero, std::uint32_t{0});
  store_identity(block, kInBlock, identity);
  store(block, kBlockSegment, head.segment);
  store(block, kBlockOffset, head.offset);
  store(block, kBlockBegin, head.begin);
  store(block, kBlockEnd, head.end);
  store(block, kBlockDurableEnd, head.durable_end);
  store(block, kBlockPrevious, head.previous);
  store(block, kBlockPayloadChecksum, checksum(block.subspan(kBlockHeadBytes, head.payload_bytes)));
  const std::uint64_t sum = checksum(block.first(kBlockChecksum));
  store(block, kBlockChecksum, sum);
  return sum;
}

bool begins_as_block_of(const LogIdentity& identity, std::span<const std::byte> unit) noexcept {
  return unit.size() >= kBlockHeadBytes && load<std::uint32_t>(unit, 0) == kBlockMagic &&
         (load_identity(unit, kInBlock) == identity || DICTSQLITE_SEEDED_BUG(kOldLifeReplayed));
}

std::size_t probe_block(const LogIdentity& identity, std::uint64_t segment, std::uint64_t offset,
                        std::span<const std::byte> unit) noexcept {
  if (!begins_as_block_of(identity, unit)) return 0;
  if (load<std::uint64_t>(unit, kBlockSegment) != segment || load<std::uint64_t>(unit, kBlockOffset) != offset)
    return 0;
  return std::min(block_bytes(load<std::uint32_t>(unit, kBlockPayloadBytes)), kBlockBytesMax);
}

ReadBlock read_block(const LogIdentity& identity, std::uint64_t segment, std::uint64_t offset,
                     std::span<const std::byte> bytes) noexcept {
  ReadBlock block;
  if (probe_block(identity, segment, offset, bytes) == 0) return block;
  block.found = BlockFound::kDamaged;
  const std::uint64_t sum = checksum(bytes.first(kBlockChecksum));
  if (load<std::uint64_t>(bytes, kBlockChecksum) != sum && !DICTSQLITE_SEEDED_BUG(kNoHeadChecksum)) return block;
  BlockHead& head = block.head;
  head.segment = segment;
  head.offset = offset;
  head.begin = load<std::uint64_t>(bytes, kBlockBegin);
  head.end = load<std::uint64_t>(bytes, kBlockEnd);
  head.durable_end = load<std::uint64_t>(bytes, kBlockDurableEnd);
  head.previous = load<std::uint64_t>(bytes, kBlockPrevious);
  head.payload_bytes = load<std::uint32_t>(bytes, kBlockPayloadBytes);
  head.continued_bytes = load<std::uint32_t>(bytes, kBlockContinuedBytes);
  if (head.continued_bytes > head.payload_bytes || head.begin > head.end ||
      block_bytes(head.payload_bytes) > kBlockBytesMax || load<std::uint32_t>(bytes, kBlockZero) != 0) {
    return block;
  }
  block.checksum = load<std::uint64_t>(bytes, kBlockChecksum);
  block.found = BlockFound::kTorn;
  if (head.payload_bytes > bytes.size() - kBlockHeadBytes) return block;
  const std::span<const std::byte> payload = bytes.subspan(kBlockHeadBytes, head.payload_bytes);
  const std::uint64_t payload_sum = checksum(payload);
  if (load<std::uint64_t>(bytes, kBlockPayloadChecksum) != payload_sum && !DICTSQLITE_SEEDED_BUG(kNoPayloadChecksum))
    return block;
  block.payload = payload;
  block.found = BlockFound::kWhole;
  return block;
}

}  // namespace dictsqlite::journal
