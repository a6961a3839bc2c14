// The hash of a key: Abseil's, seeded per process, of its bytes, and moved on for its table.
#pragma once

#include <absl/hash/hash.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <string_view>

namespace dictsqlite::base {

[[nodiscard]] inline std::uint64_t hash_key(std::uint32_t table_id, std::string_view key) noexcept {
  constexpr std::uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;  // to be elsewhere for each table costs no more
  // Debian's absl::string_view is not std::string_view.
  return absl::HashOf(absl::string_view(key.data(), key.size())) + table_id * kGoldenRatio;
}

}  // namespace dictsqlite::base
