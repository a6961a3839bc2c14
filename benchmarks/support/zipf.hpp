// Zipf: numbers of which few come often. The generator that YCSB uses (J. Gray et al., "Quickly generating
// billion-record synthetic databases", 1994).
#pragma once

#include "support/rows.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace dictsqlite::bench {

/// Thread-safety: const members from any thread.
class Zipf {
 public:
  /// Of `count` numbers; `theta` is 0.99 where nothing else is said. Cost: one pow() for each number.
  explicit Zipf(std::size_t count, double theta = 0.99)
      : count_(static_cast<double>(count)), alpha_(1 / (1 - theta)), second_(1 + std::pow(0.5, theta)) {
    for (std::size_t rank = 1; rank <= count; ++rank) zeta_ += 1 / std::pow(static_cast<double>(rank), theta);
    eta_ = (1 - std::pow(2 / count_, 1 - theta)) / (1 - second_ / zeta_);
  }

  /// 0 is the most frequent one.
  [[nodiscard]] std::size_t draw(Random& random) const noexcept {
    const double uniform = static_cast<double>(random.next() >> 11) * 0x1p-53;
    const double scaled = uniform * zeta_;
    if (scaled < 1) return 0;
    if (scaled < second_) return 1;
    return static_cast<std::size_t>(std::min(count_ - 1, count_ * std::pow(eta_ * uniform - eta_ + 1, alpha_)));
  }

 private:
  double count_;
  double alpha_;
  double second_;  // the first two numbers' share of zeta_
  double zeta_ = 0;
  double eta_ = 0;
};

}  // namespace dictsqlite::bench
