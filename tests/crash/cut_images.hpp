// CutImages: what a power cut could leave at one moment, as which of the parts under way arrive. Of n parts: none, all,
// the first k, all but one, all but the names, some by chance, and torn at sectors. An image that the same parts of
// the same disk made before is not made again; what it held is remembered.
//
// Thread-safety: none; under a Simulation those that have the turn.
#pragma once

#include "support/random.hpp"
#include "support/simulated_disk.hpp"

#include <absl/functional/function_ref.h>

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace dictsqlite::crash_testing {

class CutImages {
 public:
  using Arrival = testing_support::SimulatedDisk::Arrival;
  /// Gets arrivals for SimulatedDisk::after_power_cut(), and says how many writes that image holds.
  using Visit = absl::FunctionRef<std::uint64_t(std::span<const Arrival>)>;

  explicit CutImages(std::uint64_t stream) noexcept : random_(stream) {}

  /// Every image of this moment that is new. Returns the fewest writes that any image of this moment holds: those made
  /// before were judged by what was promised then.
  [[nodiscard]] std::uint64_t visit_new(const testing_support::SimulatedDisk& disk, Visit visit);

 private:
  using UnderWay = testing_support::SimulatedDisk::UnderWay;

  void visit_if_new(std::vector<Arrival> arrivals, Visit visit);

  testing_support::Random random_;
  std::uint64_t version_ = 0;
  std::vector<UnderWay> parts_;
  std::uint64_t fewest_ = 0;                               // of the moment
  std::unordered_map<std::uint64_t, std::uint64_t> seen_;  // writes, by print of the image
};

}  // namespace dictsqlite::crash_testing
