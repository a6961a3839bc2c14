// Integers in the log: little-endian at fixed places, and varints (LEB128: seven bits a byte, the lowest first; the
// last byte has its top bit clear) in records.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

namespace dictsqlite::journal {

static_assert(std::endian::native == std::endian::little, "the log is little-endian; swap in store() and load()");

/// `at + sizeof(Integer)` is within `bytes`; the caller's programming error otherwise.
template <class Integer>
void store(std::span<std::byte> bytes, std::size_t at, Integer value) noexcept {
  static_assert(std::is_unsigned_v<Integer>);
  std::memcpy(bytes.subspan(at, sizeof(value)).data(), &value, sizeof(value));
}
template <class Integer>
[[nodiscard]] Integer load(std::span<const std::byte> bytes, std::size_t at) noexcept {
  static_assert(std::is_unsigned_v<Integer>);
  Integer value = 0;
  std::memcpy(&value, bytes.subspan(at, sizeof(value)).data(), sizeof(value));
  return value;
}

inline constexpr std::size_t kVarintBytesMax = 10;

[[nodiscard]] constexpr std::size_t varint_bytes(std::uint64_t value) noexcept {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}
/// Writes varint_bytes(value) bytes; there is room for them.
inline std::byte* put_varint(std::byte* to, std::uint64_t value) noexcept {
  for (; value >= 0x80; value >>= 7) *to++ = static_cast<std::byte>(value | 0x80);
  *to++ = static_cast<std::byte>(value);
  return to;
}
/// Takes a varint off the front of `from`; empty, and `from` untouched, if there is none: cut short, or too large.
[[nodiscard]] inline std::optional<std::uint64_t> take_varint(std::span<const std::byte>& from) noexcept {
  std::uint64_t value = 0;
  for (std::size_t index = 0; index < from.size() && index < kVarintBytesMax; ++index) {
    const auto byte = std::to_integer<std::uint64_t>(from[index]);
    if (index + 1 == kVarintBytesMax && byte > 1) return std::nullopt;
    value |= (byte & 0x7f) << (7 * index);
    if (byte < 0x80) {
      from = from.subspan(index + 1);
      return value;
    }
  }
  return std::nullopt;
}

}  // namespace dictsqlite::journal
