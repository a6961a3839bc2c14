// Google Benchmark inside our reports: it measures, Report prints.
#pragma once

#include "support/arguments.hpp"
#include "support/report.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite::bench {

/// Items per second of every repeat, by benchmark name.
using ItemRates = std::map<std::string, std::vector<double>, std::less<>>;

/// Runs the registered benchmarks, repeats in random order, and prints a line for each. Those that the filter left out
/// are missing from the result.
[[nodiscard]] ItemRates run_registered(int argc, char** argv, const Arguments& arguments, std::string_view program,
                                       Report& report);

/// Prints the bar if `name` was run.
void bar_of_rate(Report& report, const ItemRates& rates, std::string_view name, double items_per_second);

}  // namespace dictsqlite::bench
