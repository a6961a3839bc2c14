// KillLoop: starts one process after the other on the same database file, lets each meet a disaster, and judges what it
// leaves.
#pragma once

#include "crash/disaster.hpp"
#include "crash/kill_loop_oracle.hpp"
#include "support/random.hpp"

#include <cstdint>
#include <string>

namespace dictsqlite::kill_loop {

struct LoopCounts {
  std::uint64_t rounds = 0;
  std::uint64_t rounds_while_opening = 0;
  std::uint64_t clean_closes = 0;
  std::uint64_t looks_by_sqlite = 0;
};

/// Thread-safety: none.
class KillLoop {
 public:
  /// `stream` keeps the random numbers of several loops apart.
  KillLoop(std::string path, unsigned writers, std::uint64_t stream);

  /// One process: it tells what it found, which is judged, writes, and meets `disaster` after a random number of
  /// reports. Returns a sentence if anything was wrong.
  [[nodiscard]] std::string round(Disaster& disaster);

  /// One process that ends by itself; then the file is looked at closed.
  [[nodiscard]] std::string clean_round();

  /// Plain SQLite reads the files as they are, and its content is judged.
  [[nodiscard]] std::string look_by_sqlite();

  [[nodiscard]] const LoopCounts& counts() const { return counts_; }
  [[nodiscard]] const Oracle& oracle() const { return oracle_; }

 private:
  [[nodiscard]] bool has_log() const;
  [[nodiscard]] ChildPlan next_plan();
  [[nodiscard]] std::string take_reports(ChildProcess& process, std::uint64_t moment, Disaster& disaster);
  [[nodiscard]] std::uint64_t choose_moment(bool may_be_opening);

  const std::string path_;
  const unsigned writers_;
  testing_support::Random random_;
  Oracle oracle_;
  LoopCounts counts_;
  std::uint64_t round_ = 0;
  std::string round_before_ = "none";
};

}  // namespace dictsqlite::kill_loop
