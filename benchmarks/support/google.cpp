#include "support/google.hpp"

#include "support/check.hpp"

#include <absl/strings/str_cat.h>

#include <utility>

namespace dictsqlite::bench {

namespace {

constexpr std::size_t kRepeats = 7;
constexpr double kSecondsEach = 0.3;

class Collector final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& /*context*/) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      if (run.error_occurred) die(run.benchmark_name(), run.error_message);
      const auto items = run.counters.find("items_per_second");
      if (items == run.counters.end()) die(run.benchmark_name(), "counts no items");
      rates[run.run_name.function_name].push_back(items->second.value);
    }
  }

  std::map<std::string, std::vector<double>, std::less<>> rates;
};

}  // namespace

void Suite::add(const char* name, Function function) {
  if (!arguments_.wants(program_, name)) return;
  // Should a coroutine go on elsewhere after all, its time counts as well.
  benchmark::RegisterBenchmark(name, std::move(function))->MeasureProcessCPUTime();
  ++count_;
}

void Suite::add_timed(const char* name, std::int64_t iterations, Function function) {
  if (!arguments_.wants(program_, name)) return;
  benchmark::RegisterBenchmark(name, std::move(function))->UseManualTime()->Iterations(iterations);
  ++count_;
}

void Suite::run(int argc, char** argv, Report& report) {
  if (count_ == 0) return;
  std::vector<std::string> words = {argv[0], absl::StrCat("--benchmark_min_time=", kSecondsEach * arguments_.scale)};
  words.insert(words.end(), argv + 1, argv + argc);
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  int count = static_cast<int>(words.size());
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) die("arguments", "unknown to Google Benchmark");
  Collector collector;
  // One after the other, again and again: its own repetitions would run each on its own.
  for (std::size_t round = 0; round < arguments_.repeats_or(kRepeats); ++round) {
    benchmark::RunSpecifiedBenchmarks(&collector);
  }
  rates_ = std::move(collector.rates);
  for (const auto& [name, rates] : rates_) report.figure(name, rates, "/s");
}

void Suite::bar(Report& report, std::string_view name, double items_per_second) const {
  const auto found = rates_.find(name);
  if (found != rates_.end()) report.bar(name, found->second, "/s", BarKind::kAtLeast, items_per_second);
}

}  // namespace dictsqlite::bench
