// Contest: contenders that do the same work, in turn, several times: A B, B A, A B, ... so that what else the machine
// does meanwhile, or has left behind, meets all of them alike.
#pragma once

#include "support/stopwatch.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <vector>

namespace dictsqlite::bench {

/// Thread-safety: none. The first round warms up and is not kept.
class Contest {
 public:
  struct Contender {
    std::string name;
    std::function<Sample()> run;
    std::vector<Sample> samples;  // one per round

    [[nodiscard]] std::vector<double> rates() const;  // operations per second
    [[nodiscard]] std::vector<double> p50_us() const;
    [[nodiscard]] std::vector<double> p99_us() const;
    [[nodiscard]] std::vector<double> p999_us() const;
    [[nodiscard]] std::vector<double> longest_us() const;
  };

  /// The reference stays valid as long as the contest.
  const Contender& add(std::string name, std::function<Sample()> run);
  void run(std::size_t rounds);

  [[nodiscard]] const std::deque<Contender>& contenders() const noexcept { return contenders_; }

 private:
  std::deque<Contender> contenders_;
};

}  // namespace dictsqlite::bench
