// Report: the table that a program prints, its bars, and the same as CSV.
#pragma once

#include "support/arguments.hpp"
#include "support/contest.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite::bench {

enum class BarKind : std::uint8_t { kAtLeast, kAtMost };

/// Thread-safety: none.
class Report {
 public:
  /// Prints the question and the machine.
  Report(const Arguments& arguments, std::string_view program, std::string_view question);

  /// A line of text between the figures.
  void note(std::string_view text) const;

  /// One contender: rate, processor time per operation, and what the rest of the machine took.
  void rates(const Contest::Contender& contender, std::string_view unit);
  /// Its latencies.
  void latencies(const Contest::Contender& contender);
  /// The same figure from each repeat.
  void figure(std::string_view name, const std::vector<double>& values, std::string_view unit);
  void figure(std::string_view name, double value, std::string_view unit) { figure(name, std::vector{value}, unit); }

  /// What was measured against what was promised. `values` has one per repeat; the median decides.
  void bar(std::string_view name, const std::vector<double>& values, std::string_view unit, BarKind kind, double bar);
  void bar(std::string_view name, double value, std::string_view unit, BarKind kind, double limit) {
    bar(name, std::vector{value}, unit, kind, limit);
  }

 private:
  void csv(std::string_view name, const std::vector<double>& values, std::string_view unit, std::string_view verdict);

  const Arguments& arguments_;
  std::string program_;
};

/// For people: 1234567 is "1.23 M".
[[nodiscard]] std::string readable(double value);

}  // namespace dictsqlite::bench
