#include "support/report.hpp"

#include "support/check.hpp"
#include "support/machine.hpp"
#include "support/statistics.hpp"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace dictsqlite::bench {

namespace {

constexpr std::size_t kNameWidth = 62;

void print(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

std::string padded(std::string_view name) {
  std::string text(name);
  text.resize(std::max(text.size(), kNameWidth), ' ');
  return text;
}

std::string spread(const std::vector<double>& values) {
  if (values.size() < 2) return "";
  return absl::StrCat("  (", readable(percentile(values, 0)), " .. ", readable(percentile(values, 1)), ", ",
                      values.size(), " repeats)");
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) result.append(c == '"' ? "\"\"" : std::string(1, c));
  return result + "\"";
}

}  // namespace

std::string readable(double value) {
  const double size = std::abs(value);
  if (size >= 1e6) return absl::StrFormat("%.2f M", value / 1e6);
  if (size >= 1e4) return absl::StrFormat("%.1f k", value / 1e3);
  if (size >= 100 || value == std::floor(value)) return absl::StrFormat("%.0f", value);
  return size >= 10 ? absl::StrFormat("%.1f", value) : absl::StrFormat("%.2f", value);
}

Report::Report(const Arguments& arguments, std::string_view program, std::string_view question)
    : arguments_(arguments), program_(program) {
  print(absl::StrCat("\n", program_, ": ", std::string(question), "\n", describe_machine()));
  if (arguments.scale != 1) print(absl::StrCat("--scale=", arguments.scale, ": the bars are not decided by this run"));
  print("");
}

void Report::note(std::string_view text) const { print(absl::StrCat("  ", std::string(text))); }

void Report::rates(const Contest::Contender& contender, std::string_view unit) {
  const std::vector<double> rates = contender.rates();
  std::vector<double> cpu;
  std::vector<double> others;
  for (const Sample& sample : contender.samples) {
    cpu.push_back(sample.cpu_us_per_operation());
    others.push_back(sample.others_share * 100);
  }
  print(absl::StrCat("  ", padded(contender.name), readable(median(rates)), " ", std::string(unit), "/s", spread(rates),
                     absl::StrFormat("; %.2f us CPU each; others took %.0f %%", median(cpu), median(others))));
  csv(contender.name, rates, absl::StrCat(std::string(unit), "/s"), "");
  csv(absl::StrCat(contender.name, ": CPU"), cpu, "us", "");
  csv(absl::StrCat(contender.name, ": others"), others, "%", "");
}

void Report::latencies(const Contest::Contender& contender) {
  figure(absl::StrCat(contender.name, ": p50"), contender.p50_us(), "us");
  figure(absl::StrCat(contender.name, ": p99"), contender.p99_us(), "us");
  figure(absl::StrCat(contender.name, ": p99.9"), contender.p999_us(), "us");
  figure(absl::StrCat(contender.name, ": longest"), contender.longest_us(), "us");
}

void Report::figure(std::string_view name, const std::vector<double>& values, std::string_view unit) {
  print(absl::StrCat("  ", padded(name), readable(median(values)), " ", std::string(unit), spread(values)));
  csv(name, values, unit, "");
}

void Report::bar(std::string_view name, const std::vector<double>& values, std::string_view unit, BarKind kind,
                 double limit) {
  const double measured = median(values);
  const bool met = kind == BarKind::kAtLeast ? measured >= limit : measured <= limit;
  const std::string_view verdict = met ? "met" : "MISSED";
  print(absl::StrCat("  ", padded(absl::StrCat("BAR ", std::string(name))), readable(measured), " ", std::string(unit),
                     "  ", kind == BarKind::kAtLeast ? ">= " : "<= ", readable(limit), "  ", std::string(verdict),
                     spread(values)));
  csv(name, values, unit, verdict);
}

void Report::csv(std::string_view name, const std::vector<double>& values, std::string_view unit,
                 std::string_view verdict) {
  if (arguments_.csv_path.empty()) return;
  std::FILE* file = std::fopen(arguments_.csv_path.c_str(), "ae");
  if (file == nullptr) die(arguments_.csv_path, "cannot be written");
  if (std::ftell(file) == 0) std::fputs("program,figure,unit,median,least,most,repeats,bar\n", file);
  std::fprintf(file, "%s,%s,%s,%.6g,%.6g,%.6g,%zu,%s\n", program_.c_str(), quoted(name).c_str(), quoted(unit).c_str(),
               median(values), percentile(values, 0), percentile(values, 1), values.size(),
               std::string(verdict).c_str());
  std::fclose(file);
}

}  // namespace dictsqlite::bench
