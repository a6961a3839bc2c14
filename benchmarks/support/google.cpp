#include "support/google.hpp"

#include "support/check.hpp"
#include "support/statistics.hpp"

#include <absl/strings/str_cat.h>

#include <benchmark/benchmark.h>

namespace dictsqlite::bench {

namespace {

constexpr std::size_t kRepeats = 7;

class Collector final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& /*context*/) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      if (run.error_occurred) die(run.benchmark_name(), run.error_message);
      const auto items = run.counters.find("items_per_second");
      if (items == run.counters.end()) die(run.benchmark_name(), "counts no items");
      const std::string& name = run.run_name.function_name;
      if (!rates_.contains(name)) order_.push_back(name);
      rates_[name].push_back(items->second.value);
    }
  }

  [[nodiscard]] const std::vector<std::string>& order() const noexcept { return order_; }
  [[nodiscard]] const ItemRates& rates() const noexcept { return rates_; }

 private:
  std::vector<std::string> order_;
  ItemRates rates_;
};

// Google Benchmark matches its filter against bare names; ours names the program too.
std::string filter_of(const Arguments& arguments, std::string_view program) {
  return arguments.wants(program, "") ? "." : arguments.filter;
}

}  // namespace

ItemRates run_registered(int argc, char** argv, const Arguments& arguments, std::string_view program, Report& report) {
  std::vector<std::string> words = {argv[0], "--benchmark_enable_random_interleaving=true",
                                    absl::StrCat("--benchmark_repetitions=", arguments.repeats_or(kRepeats)),
                                    absl::StrCat("--benchmark_min_time=", 0.3 * arguments.scale),
                                    absl::StrCat("--benchmark_filter=", filter_of(arguments, program))};
  words.insert(words.end(), argv + 1, argv + argc);
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  int count = static_cast<int>(words.size());
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) die("arguments", "unknown to Google Benchmark");
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);
  for (const std::string& name : collector.order()) report.figure(name, collector.rates().at(name), "/s");
  return collector.rates();
}

void bar_of_rate(Report& report, const ItemRates& rates, std::string_view name, double items_per_second) {
  const auto found = rates.find(name);
  if (found != rates.end()) report.bar(name, found->second, "/s", BarKind::kAtLeast, items_per_second);
}

}  // namespace dictsqlite::bench
