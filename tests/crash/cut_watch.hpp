// CutWatch: looks at a disk before each call to it, and judges every new image that a power cut would leave then.
//
// Thread-safety: none; under a Simulation those that have the turn. Ownership: the history outlives it.
#pragma once

#include "crash/cut_images.hpp"
#include "crash/numbered_writes.hpp"
#include "crash/recovered_image.hpp"
#include "support/simulated_disk.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace dictsqlite::crash_testing {

/// For one disk: another one begins with another watch.
class CutWatch {
 public:
  CutWatch(NumberedWrites& history, std::uint64_t stream) noexcept : history_(history), images_(stream) {}

  void look(const testing_support::SimulatedDisk& disk, const Promised& promised) {
    if (!wrong_.empty()) return;
    const std::uint64_t fewest = images_.visit_new(disk, [&](std::span<const CutImages::Arrival> arrivals) {
      return judge(*disk.after_power_cut(arrivals), promised);
    });
    if (fewest < promised.durable && wrong_.empty()) {
      wrong_ = "a cut leaves " + std::to_string(fewest) + " writes, and now " + std::to_string(promised.durable) +
               " are durable";
    }
  }
  /// Judges another image, which it uses up. Returns how many writes are in it.
  std::uint64_t judge(testing_support::SimulatedDisk& image, const Promised& promised) {
    ++states_;
    const Found found = recover_and_judge(image, history_, promised);
    if (wrong_.empty()) wrong_ = found.wrong;
    return found.writes;
  }

  /// The first broken promise, or empty.
  [[nodiscard]] const std::string& wrong() const noexcept { return wrong_; }
  /// How many images were judged.
  [[nodiscard]] std::size_t states() const noexcept { return states_; }

 private:
  NumberedWrites& history_;
  CutImages images_;
  std::size_t states_ = 0;
  std::string wrong_;
};

}  // namespace dictsqlite::crash_testing
