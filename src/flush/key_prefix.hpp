// key_prefix(): what decides most comparisons of keys, without touching them.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace dictsqlite::flush {

/// The key's first 8 bytes as a big-endian number: different ones are ordered as their keys are.
[[nodiscard]] inline std::uint64_t key_prefix(std::string_view key) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, key.data(), std::min(key.size(), sizeof word));
  return std::endian::native == std::endian::little ? __builtin_bswap64(word) : word;
}

}  // namespace dictsqlite::flush
