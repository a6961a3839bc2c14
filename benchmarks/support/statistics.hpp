// Medians and percentiles of what was measured.
#pragma once

#include <cstdint>
#include <vector>

namespace dictsqlite::bench {

/// By rank: `fraction` 0 is the smallest, 1 the largest. 0 of nothing.
[[nodiscard]] double percentile(std::vector<double> values, double fraction);
[[nodiscard]] double median(std::vector<double> values);

/// How long each operation took, in nanoseconds.
using Latencies = std::vector<std::uint32_t>;

/// By rank, in microseconds. Reorders.
[[nodiscard]] double percentile_us(Latencies& latencies, double fraction);

/// Ratio of each pair that ran side by side. Noise that hits a whole round cancels.
[[nodiscard]] std::vector<double> ratios(const std::vector<double>& of, const std::vector<double>& to);

}  // namespace dictsqlite::bench
