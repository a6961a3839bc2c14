// Oracle: judges what a killed process left, from what it had said before.
//
// A writer's writes have numbers and are started in that order, so the database must hold exactly the first j of each
// writer for some j: not below what was reported durable, not above what was started. A durable write or a fence also
// covers everything, of any writer, whose acceptance had been reported before it was started. And since the database
// is a prefix of one order of all writes, a write that is there implies all those that were accepted before it started.
#pragma once

#include "crash/kill_loop_plan.hpp"
#include "crash/kill_loop_report.hpp"
#include "crash/plain_sqlite.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite::kill_loop {

/// Thread-safety: none.
class Oracle {
 public:
  explicit Oracle(unsigned writers) : writers_(writers) {}

  /// Takes an event of writing: kStarted to kClosed.
  void take(const ReportEvent& event);

  /// A sentence if `content` cannot be what a correct library leaves after those events; otherwise nothing, and
  /// `content` is what the next events build on.
  [[nodiscard]] std::string judge(const Content& content);

  /// The number that the writer goes on from; numbers are never used twice.
  [[nodiscard]] std::uint64_t next_number(unsigned writer) const { return log_[writer].started + 1; }

  [[nodiscard]] std::uint64_t started_total() const { return started_total_; }
  [[nodiscard]] std::uint64_t durable_total() const { return durable_total_; }
  /// Writes that were started and did not survive.
  [[nodiscard]] std::uint64_t lost_total() const { return lost_total_; }

 private:
  // By writer: the last number of each of which something is known.
  using Numbers = std::array<std::uint64_t, kWritersMax>;

  struct WriterLog {
    std::uint64_t base = 0;  // the numbers up to here were judged before; `content` is what they left
    std::uint64_t started = 0;
    std::uint64_t durable = 0;
    Content content;
    std::vector<Numbers> accepted_at_start;  // of base + 1, base + 2, ...
  };

  // The numbers j for which `content` is what the writer's first j writes leave.
  [[nodiscard]] std::vector<std::uint64_t> candidates(unsigned writer, const Content& content) const;
  [[nodiscard]] std::string explain(unsigned writer, const Content& content) const;
  void raise_durable(const Numbers& numbers);

  const unsigned writers_;
  std::array<WriterLog, kWritersMax> log_;
  Numbers accepted_{};
  std::map<std::pair<unsigned, std::uint64_t>, Numbers> fences_;  // accepted when the fence was started
  std::uint64_t started_total_ = 0;
  std::uint64_t durable_total_ = 0;
  std::uint64_t lost_total_ = 0;
};

}  // namespace dictsqlite::kill_loop
