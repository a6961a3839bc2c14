// scan_range(): the half-open range of keys that ScanOptions ask for. Pure.
#pragma once

#include <dictsqlite/scan.hpp>

#include "store/store.hpp"

#include <optional>

namespace dictsqlite::detail {

/// Nothing if the options contradict each other.
[[nodiscard]] inline std::optional<store::KeyRange> scan_range(const ScanOptions& options) {
  if (options.prefix.empty()) return store::KeyRange{options.from, options.to};
  if (!options.from.empty() || !options.to.empty()) return std::nullopt;
  // The first key behind all that begin with the prefix: the last byte that can be raised, raised; the rest dropped.
  std::string end = options.prefix;
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xFF) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return store::KeyRange{options.prefix, end};
}

}  // namespace dictsqlite::detail
