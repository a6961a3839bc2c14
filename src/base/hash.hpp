// The hash of a key: Abseil's, seeded per process, over table and key bytes.
#pragma once

#include <absl/hash/hash.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <string_view>

namespace dictsqlite::base {

[[nodiscard]] inline std::uint64_t hash_key(std::uint32_t table_id, std::string_view key) noexcept {
  // Debian's absl::string_view is not std::string_view.
  return absl::HashOf(table_id, absl::string_view(key.data(), key.size()));
}

}  // namespace dictsqlite::base
