// Goal: headers and blocks come back as they were written; one that was changed anywhere, lies elsewhere, or belongs to
// another database, life or segment is not taken for whole. Method: each byte changed in turn; each field of the
// identity changed; blocks cut at each sector.

#include "journal/log_format.hpp"

#include "journal/bytes.hpp"
#include "journal/checksum.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace dictsqlite::journal {
namespace {

using Unit = std::array<std::byte, kUnit>;

LogIdentity identity() {
  LogIdentity result;
  for (std::size_t i = 0; i < result.database_id.size(); ++i) result.database_id[i] = static_cast<std::byte>(i * 7 + 1);
  result.epoch = 0x1122334455667788;
  result.life = 0x99aabbccddeeff00;
  return result;
}

constexpr std::uint64_t kChecksumOfZeros = 10653106456947493306U;
constexpr std::uint64_t kSegment = 5;
constexpr std::uint64_t kOffset = 3 * kUnit;

std::vector<std::byte> block_of(const std::string& payload) {
  std::vector<std::byte> block(block_bytes(payload.size()), std::byte{0xaa});
  std::memcpy(block.data() + kBlockHeadBytes, payload.data(), payload.size());
  seal_block(identity(),
             {.segment = kSegment,
              .offset = kOffset,
              .begin = 100,
              .end = 164,
              .durable_end = 90,
              .previous = 0xfeed,
              .payload_bytes = static_cast<std::uint32_t>(payload.size()),
              .continued_bytes = static_cast<std::uint32_t>(payload.size() / 2)},
             block);
  return block;
}
ReadBlock read(std::span<const std::byte> bytes) { return read_block(identity(), kSegment, kOffset, bytes); }

TEST(SegmentHeader, ComesBackAsItWasWritten) {
  Unit unit;
  unit.fill(std::byte{0xff});
  write_segment_header({identity(), kSegment, 64 * kUnit}, unit);
  const absl::StatusOr<SegmentHeader> header = read_segment_header(unit);
  ASSERT_EQ(header.status(), absl::OkStatus());
  EXPECT_EQ(header->identity, identity());
  EXPECT_EQ(header->number, kSegment);
  EXPECT_EQ(header->bytes, 64 * kUnit);
}

TEST(SegmentHeader, EachByteOfItCounts) {
  Unit unit;
  write_segment_header({identity(), kSegment, 64 * kUnit}, unit);
  for (std::size_t at = 0; at < 80; ++at) {
    Unit changed = unit;
    changed[at] ^= std::byte{0x10};
    const absl::StatusCode code = read_segment_header(changed).status().code();
    if (at < 16) {
      EXPECT_EQ(code, absl::StatusCode::kInvalidArgument) << at;
    } else if (at < 20) {
      EXPECT_EQ(code, absl::StatusCode::kUnimplemented) << at;
    } else {
      EXPECT_EQ(code, absl::StatusCode::kDataLoss) << at;
    }
  }
}

TEST(SegmentHeader, OneThatContradictsItselfIsDamaged) {
  Unit unit;
  write_segment_header({identity(), 1, kUnit}, unit);
  EXPECT_EQ(read_segment_header(unit).status().code(), absl::StatusCode::kDataLoss) << "no room for a block";
  const auto change = [&](std::size_t at, std::uint32_t value) {
    write_segment_header({identity(), 1, 64 * kUnit}, unit);
    store(std::span<std::byte>(unit), at, value);
    store(std::span<std::byte>(unit), 72, checksum(std::span(unit).first(72)));
    return read_segment_header(unit).status().code();
  };
  EXPECT_EQ(change(16, 0), absl::StatusCode::kDataLoss) << "version 0";
  EXPECT_EQ(change(20, 8192), absl::StatusCode::kUnimplemented) << "other units";
  EXPECT_EQ(change(64, 64 * kUnit + 512), absl::StatusCode::kDataLoss) << "half a unit";
  EXPECT_EQ(read_segment_header(Unit{}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Block, ComesBackAsItWasWritten) {
  for (const std::size_t bytes : {std::size_t{1}, kUnit - kBlockHeadBytes, kUnit - kBlockHeadBytes + 1, 5 * kUnit}) {
    const std::string payload(bytes, 'p');
    const std::vector<std::byte> block = block_of(payload);
    EXPECT_EQ(probe_block(identity(), kSegment, kOffset, std::span(block).first(kUnit)), block.size());
    const ReadBlock read_back = read(block);
    ASSERT_EQ(read_back.found, BlockFound::kWhole);
    EXPECT_EQ(read_back.head.segment, kSegment);
    EXPECT_EQ(read_back.head.offset, kOffset);
    EXPECT_EQ(read_back.head.begin, 100U);
    EXPECT_EQ(read_back.head.end, 164U);
    EXPECT_EQ(read_back.head.durable_end, 90U);
    EXPECT_EQ(read_back.head.previous, 0xfeedU);
    EXPECT_EQ(read_back.head.payload_bytes, bytes);
    EXPECT_EQ(read_back.head.continued_bytes, bytes / 2);
    ASSERT_EQ(read_back.payload.size(), bytes);
    EXPECT_EQ(std::memcmp(read_back.payload.data(), payload.data(), bytes), 0);
    for (std::size_t at = kBlockHeadBytes + bytes; at < block.size(); ++at) EXPECT_EQ(block[at], std::byte{0});
  }
}

TEST(Block, EachByteOfItCounts) {
  const std::vector<std::byte> block = block_of(std::string(700, 'p'));
  const std::uint64_t sum = read(block).checksum;
  for (std::size_t at = 0; at < kBlockHeadBytes + 700; ++at) {
    std::vector<std::byte> changed = block;
    changed[at] ^= std::byte{1};
    const ReadBlock found = read(changed);
    EXPECT_NE(found.found, BlockFound::kWhole) << at;
    EXPECT_TRUE(found.payload.empty());
    if (at >= kBlockHeadBytes) {
      EXPECT_EQ(found.found, BlockFound::kTorn) << at << ": the head is whole";
      EXPECT_EQ(found.head.durable_end, 90U);
      EXPECT_EQ(found.checksum, sum);
    }
  }
}

TEST(Block, OneThatBelongsElsewhereIsNone) {
  const std::vector<std::byte> block = block_of("payload");
  LogIdentity other = identity();
  other.database_id[15] ^= std::byte{1};
  EXPECT_EQ(read_block(other, kSegment, kOffset, block).found, BlockFound::kNone);
  other = identity();
  --other.epoch;
  EXPECT_EQ(read_block(other, kSegment, kOffset, block).found, BlockFound::kNone);
  other = identity();
  ++other.life;
  EXPECT_EQ(read_block(other, kSegment, kOffset, block).found, BlockFound::kNone);
  EXPECT_EQ(read_block(identity(), kSegment - 1, kOffset, block).found, BlockFound::kNone);
  EXPECT_EQ(read_block(identity(), kSegment, kOffset + kUnit, block).found, BlockFound::kNone);
  EXPECT_EQ(probe_block(identity(), kSegment, kOffset + kUnit, block), 0U);
  EXPECT_EQ(read(std::vector<std::byte>(kUnit)).found, BlockFound::kNone);
  EXPECT_EQ(read({}).found, BlockFound::kNone);
}

TEST(Block, OneThatWasCutIsTorn) {
  const std::vector<std::byte> block = block_of(std::string(3 * kUnit, 'p'));
  for (std::size_t sectors = 1; sectors < block.size() / 512; ++sectors) {
    const auto written = static_cast<std::ptrdiff_t>(sectors * 512);
    EXPECT_EQ(read(std::span(block).first(sectors * 512)).found,
              sectors * 512 >= kBlockHeadBytes + 3 * kUnit ? BlockFound::kWhole : BlockFound::kTorn);
    std::vector<std::byte> torn(block.size());
    std::copy(block.begin(), block.begin() + written, torn.begin());
    EXPECT_EQ(read(torn).found, sectors * 512 >= kBlockHeadBytes + 3 * kUnit ? BlockFound::kWhole : BlockFound::kTorn);
    std::copy(block.begin() + written, block.end(), torn.begin() + written);
    std::fill(torn.begin(), torn.begin() + written, std::byte{0});
    EXPECT_EQ(read(torn).found, BlockFound::kNone) << "its first sector is missing";
  }
}

TEST(Block, NoLengthIsBelieved) {
  std::vector<std::byte> block = block_of("payload");
  store(block, 4, ~std::uint32_t{0});
  EXPECT_EQ(probe_block(identity(), kSegment, kOffset, block), kBlockBytesMax);
  EXPECT_EQ(read(block).found, BlockFound::kDamaged);
}

TEST(Block, AHeadThatContradictsItselfIsDamaged) {
  const auto change = [](std::size_t at, auto value) {
    std::vector<std::byte> block = block_of("payload");
    store(std::span(block), at, value);
    store(std::span(block), 104, checksum(std::span(block).first(104)));
    return read(block).found;
  };
  EXPECT_EQ(change(8, std::uint32_t{7}), BlockFound::kWhole) << "all of it goes on";
  EXPECT_EQ(change(8, std::uint32_t{8}), BlockFound::kDamaged) << "more than all of it";
  EXPECT_EQ(change(12, std::uint32_t{1}), BlockFound::kDamaged) << "something where nothing is";
  EXPECT_EQ(change(64, std::uint64_t{165}), BlockFound::kDamaged) << "begins behind its end";
  EXPECT_EQ(change(4, std::uint32_t{kBlockBytesMax}), BlockFound::kDamaged) << "too large";
  EXPECT_EQ(change(4, std::uint32_t{kUnit}), BlockFound::kTorn) << "larger than what is there";
}

// Of version 1 for ever.
TEST(Checksum, HasTheValuesOfXxh3) {
  EXPECT_EQ(checksum({}), 0x2d06800538d394c2U);
  const std::vector<std::byte> zeros(4096);
  EXPECT_EQ(checksum(zeros), kChecksumOfZeros);
}

}  // namespace
}  // namespace dictsqlite::journal
