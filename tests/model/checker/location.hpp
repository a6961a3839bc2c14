// Locations: the history of each atomic that an execution has touched, found by its address. Checked atomics are as
// large as what they hold, because the library lays structures out by size; so what is known of them lies here.
//
// Thread-safety: none.
#pragma once

#include "model/checker/history.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

namespace dictsqlite::checker {

struct Location {
  History history;
  const void* address = nullptr;
  const void* identity = nullptr;  // the same in every execution: the address, or which atomic of the world it is
  std::uint32_t number = 0;        // in the order of first touch
  std::uint32_t readers = 0;       // a bit for each thread
  std::uint32_t writers = 0;
  bool is_contended = false;  // known from other executions: a step here may matter to another thread
};

/// Locations at which some execution had threads meet, one of them writing. Elsewhere the order of steps cannot matter.
class Contended {
 public:
  void insert(const void* identity) {
    const auto place = std::lower_bound(identities_.begin(), identities_.end(), identity, std::less<>());
    if (place == identities_.end() || *place != identity) identities_.insert(place, identity);
  }
  [[nodiscard]] bool contains(const void* identity) const noexcept {
    return std::binary_search(identities_.begin(), identities_.end(), identity, std::less<>());
  }

 private:
  std::vector<const void*> identities_;  // sorted
};

class Locations {
 public:
  Locations() : table_(kTable) {}

  void clear() noexcept {
    ++generation_;
    used_ = 0;
  }
  /// The location, which `raw` was the value of if nobody has touched it yet.
  [[nodiscard]] Location& find(const void* address, std::uint64_t raw, const Contended& contended) {
    for (std::size_t index = hash(address);; index = (index + 1) % kTable) {
      Cell& cell = table_[index];
      if (cell.generation != generation_) {
        cell = {generation_, &add(address, raw, contended)};
        return *cell.location;
      }
      if (cell.location->address == address) return *cell.location;
    }
  }

 private:
  struct Cell {
    std::uint64_t generation = 0;
    Location* location = nullptr;
  };
  static constexpr std::size_t kTable = 4096;
  static constexpr std::size_t kLocationsMax = kTable / 2;

  [[nodiscard]] static std::size_t hash(const void* address) noexcept {
    return static_cast<std::size_t>(std::bit_cast<std::uintptr_t>(address) * std::uint64_t{0x9E3779B97F4A7C15} >> 52);
  }
  [[nodiscard]] Location& add(const void* address, std::uint64_t raw, const Contended& contended);

  std::vector<Cell> table_;
  std::deque<Location> locations_;  // those from used_ on are left over from executions before
  std::size_t used_ = 0;
  std::uint64_t generation_ = 1;
};

}  // namespace dictsqlite::checker
