// Google Benchmark inside our reports: it measures, Report prints.
#pragma once

#include "support/arguments.hpp"
#include "support/report.hpp"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite::bench {

/// The benchmarks of one program.
///
/// Thread-safety: none.
class Suite {
 public:
  using Function = std::function<void(benchmark::State&)>;

  Suite(const Arguments& arguments, std::string_view program) : arguments_(arguments), program_(program) {}

  /// `function` must count items. The processor time of the whole process is what counts.
  void add(const char* name, Function function);
  /// `function` sets the time of each iteration itself; there are `iterations` in one repeat.
  void add_timed(const char* name, std::int64_t iterations, Function function);

  /// Runs what was added and the filter wants, in turn, several times, and prints a line for each.
  void run(int argc, char** argv, Report& report);

  /// Prints the bar if `name` was run.
  void bar(Report& report, std::string_view name, double items_per_second) const;

 private:
  const Arguments& arguments_;
  std::string program_;
  std::size_t count_ = 0;
  std::map<std::string, std::vector<double>, std::less<>> rates_;  // items per second of every repeat
};

}  // namespace dictsqlite::bench
