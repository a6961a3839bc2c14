#include "crash/cut_images.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>

namespace dictsqlite::crash_testing {

namespace {

using testing_support::SimulatedDisk;

constexpr SimulatedDisk::Arrival kLost = SimulatedDisk::kLost;
constexpr SimulatedDisk::Arrival kArrived = SimulatedDisk::kArrived;
constexpr int kByChance = 3;  // subsets of whole parts, and as many torn ones

std::uint64_t mixed_in(std::uint64_t print, std::uint64_t word) noexcept {
  print = (print ^ word) * 0x9E3779B97F4A7C15u;
  return (print ^ print >> 29) * 0xBF58476D1CE4E5B9u;
}

// Equal for equal sectors.
SimulatedDisk::Arrival canonical(SimulatedDisk::Arrival arrival, std::size_t sectors) noexcept {
  if (sectors >= 64) return arrival;
  const SimulatedDisk::Arrival all = (std::uint64_t{1} << sectors) - 1;
  return (arrival & all) == all ? kArrived : arrival & all;
}

}  // namespace

std::uint64_t CutImages::visit_new(const SimulatedDisk& disk, Visit visit) {
  std::vector<UnderWay> parts = disk.under_way();
  const auto same_part = [](const UnderWay& a, const UnderWay& b) { return a.id == b.id; };
  const bool is_same = disk.durable_version() == version_ &&
                       std::equal(parts.begin(), parts.end(), parts_.begin(), parts_.end(), same_part);
  if (is_same && !seen_.empty()) return fewest_;
  fewest_ = std::numeric_limits<std::uint64_t>::max();
  version_ = disk.durable_version();
  parts_ = std::move(parts);
  const std::size_t count = parts_.size();
  visit_if_new(std::vector<Arrival>(count, kLost), visit);
  for (std::size_t first = 1; first <= count; ++first) {
    std::vector<Arrival> arrivals(count, kLost);
    std::fill_n(arrivals.begin(), first, kArrived);
    visit_if_new(std::move(arrivals), visit);
  }
  for (std::size_t lost = 0; lost < count; ++lost) {
    std::vector<Arrival> arrivals(count, kArrived);
    arrivals[lost] = kLost;
    visit_if_new(std::move(arrivals), visit);
  }
  std::vector<Arrival> without_names(count, kArrived);
  for (std::size_t part = 0; part < count; ++part) {
    if (parts_[part].is_name) without_names[part] = kLost;
  }
  visit_if_new(std::move(without_names), visit);
  if (count == 0) return fewest_;
  for (int number = 0; number < kByChance; ++number) {
    std::vector<Arrival> subset(count);
    for (Arrival& each : subset) each = random_.one_in(2) ? kArrived : kLost;
    visit_if_new(std::move(subset), visit);
    std::vector<Arrival> torn(count, kArrived);
    if (number == 0) {
      torn.back() = random_.next();
    } else {
      for (Arrival& each : torn) each = random_.next();
    }
    visit_if_new(std::move(torn), visit);
  }
  return fewest_;
}

void CutImages::visit_if_new(std::vector<Arrival> arrivals, Visit visit) {
  std::uint64_t print = mixed_in(0, version_);
  for (std::size_t part = 0; part < arrivals.size(); ++part) {
    arrivals[part] = canonical(arrivals[part], parts_[part].sectors);
    if (arrivals[part] != kLost) print = mixed_in(mixed_in(print, parts_[part].id), arrivals[part]);
  }
  const auto [found, is_new] = seen_.try_emplace(print, 0);
  if (is_new) found->second = visit(arrivals);
  fewest_ = std::min(fewest_, found->second);
}

}  // namespace dictsqlite::crash_testing
