// Site: a place in the sources that accesses an atomic, and what orders it asks for.
#pragma once

#include "model/checker/history.hpp"

#include <atomic>
#include <compare>
#include <cstdint>
#include <map>
#include <source_location>
#include <string>
#include <string_view>

namespace dictsqlite::checker {

enum class Operation : std::uint8_t { kLoad, kStore, kModify, kCompareExchange, kFence };

[[nodiscard]] std::string_view name_of(Operation operation) noexcept;
[[nodiscard]] std::string_view name_of(std::memory_order order) noexcept;

/// Where a site is.
struct Place {
  std::string_view file;  // from "src/" or "tests/" on
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  Place() noexcept = default;
  explicit Place(const std::source_location& location) noexcept;
  friend auto operator<=>(const Place&, const Place&) noexcept = default;
};

/// Whether this is the very place, cheaply.
[[nodiscard]] inline bool is_at(const std::source_location& location, const Place& place) noexcept {
  return location.line() == place.line && location.column() == place.column &&
         std::string_view(location.file_name()).ends_with(place.file);
}

/// The orders of one access.
struct Orders {
  std::memory_order success;
  std::memory_order failure;  // of a compare-exchange
};

struct Site {
  std::string function;  // without its namespaces and parameters
  Operation operation = Operation::kLoad;
  Orders orders{std::memory_order_relaxed, std::memory_order_relaxed};
  bool has_own_failure_order = false;
};

using Sites = std::map<Place, Site>;

/// One site with a weaker order than it asks for.
struct Weakening {
  Place place;
  bool of_failure = false;
  std::memory_order order = std::memory_order_relaxed;

  /// What the access at this place becomes.
  [[nodiscard]] Orders apply(Orders orders, bool has_own_failure_order) const noexcept;
};

/// The failure order that an order implies, where none is given.
[[nodiscard]] constexpr std::memory_order failure_order_of(std::memory_order order) noexcept {
  return order == std::memory_order_acq_rel   ? std::memory_order_acquire
         : order == std::memory_order_release ? std::memory_order_relaxed
                                              : order;
}

/// "install" of "void dictsqlite::cache::BasicTable<Atomics>::install(std::uint64_t, ...) [with ...]".
[[nodiscard]] std::string bare_function_name(std::string_view pretty);

}  // namespace dictsqlite::checker
