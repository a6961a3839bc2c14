// Goal: varints are as long as promised, come back as they went, and nothing that is none is taken for one.
// Method: every length's first and last value; byte strings by hand.

#include "journal/bytes.hpp"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <vector>

namespace dictsqlite::journal {
namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST(Varint, ComesBackAsItWent) {
  std::vector<std::uint64_t> values = {0, 1, std::numeric_limits<std::uint64_t>::max()};
  for (unsigned bit = 1; bit < 64; ++bit) {
    const std::uint64_t power = std::uint64_t{1} << bit;
    values.insert(values.end(), {power - 1, power, power + 1});
  }
  for (const std::uint64_t value : values) {
    std::array<std::byte, kVarintBytesMax + 1> buffer{};
    const auto bytes = static_cast<std::size_t>(put_varint(buffer.data(), value) - buffer.data());
    EXPECT_EQ(bytes, varint_bytes(value)) << value;
    EXPECT_LE(bytes, kVarintBytesMax);
    std::span<const std::byte> from = buffer;
    EXPECT_EQ(take_varint(from), value);
    EXPECT_EQ(from.size(), buffer.size() - bytes);
    for (std::size_t cut = 0; cut < bytes; ++cut) {
      std::span<const std::byte> part = std::span(buffer).first(cut);
      EXPECT_EQ(take_varint(part), std::nullopt) << value << " cut to " << cut;
      EXPECT_EQ(part.size(), cut) << "untouched";
    }
  }
}

TEST(Varint, TooLargeIsNone) {
  std::vector<std::byte> bytes = bytes_of({255, 255, 255, 255, 255, 255, 255, 255, 255, 2});
  std::span<const std::byte> from = bytes;
  EXPECT_EQ(take_varint(from), std::nullopt);
  EXPECT_EQ(from.size(), bytes.size());
  bytes.back() = std::byte{1};
  from = bytes;
  EXPECT_EQ(take_varint(from), std::numeric_limits<std::uint64_t>::max());
  bytes = bytes_of({128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 0});
  from = bytes;
  EXPECT_EQ(take_varint(from), std::nullopt) << "eleven bytes";
}

TEST(Integers, AreLittleEndianAnywhere) {
  std::array<std::byte, 11> bytes{};
  store(bytes, 3, std::uint64_t{0x0102030405060708});
  EXPECT_EQ(bytes[3], std::byte{8});
  EXPECT_EQ(bytes[10], std::byte{1});
  EXPECT_EQ(load<std::uint64_t>(bytes, 3), 0x0102030405060708U);
  EXPECT_EQ(load<std::uint32_t>(bytes, 5), 0x03040506U);
  EXPECT_EQ(load<std::uint16_t>(bytes, 0), 0U);
}

}  // namespace
}  // namespace dictsqlite::journal
