#include "support/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace dictsqlite::bench {

namespace {

template <typename T>
T by_rank(std::vector<T>& values, double fraction) {
  const auto rank = static_cast<std::size_t>(std::llround(fraction * static_cast<double>(values.size() - 1)));
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

}  // namespace

double percentile(std::vector<double> values, double fraction) {
  return values.empty() ? 0 : by_rank(values, fraction);
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  if (values.size() % 2 == 1) return by_rank(values, 0.5);
  std::sort(values.begin(), values.end());
  return (values[values.size() / 2 - 1] + values[values.size() / 2]) / 2;
}

double percentile_us(Latencies& latencies, double fraction) {
  return latencies.empty() ? 0 : static_cast<double>(by_rank(latencies, fraction)) / 1000;
}

std::vector<double> ratios(const std::vector<double>& of, const std::vector<double>& to) {
  std::vector<double> result;
  for (std::size_t i = 0; i < std::min(of.size(), to.size()); ++i) result.push_back(of[i] / to[i]);
  return result;
}

}  // namespace dictsqlite::bench
