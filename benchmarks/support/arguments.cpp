#include "support/arguments.hpp"

#include "support/check.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <regex>

namespace dictsqlite::bench {

namespace {

constexpr std::string_view kUsage =
    "  --benchmark_filter=REGEX  only the cases it is found in, named \"program/case\"\n"
    "  --repeats=N               repeats of each case, taken in turn\n"
    "  --scale=F                 fraction of the work, for a quick look\n"
    "  --csv=FILE                append the figures to FILE\n"
    "Files are made in $DICTSQLITE_BENCH_DIR, or the working directory; it must be on a real disk.\n";

// What follows `name` in `argument`, if it begins with it.
std::optional<std::string> value_of(std::string_view argument, std::string_view name) {
  if (!argument.starts_with(name)) return std::nullopt;
  return std::string(argument.substr(name.size()));
}

double positive_number(const std::string& text, std::string_view option) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(number > 0)) die(option, absl::StrCat("'", text, "' is not above zero"));
  return number;
}

}  // namespace

bool Arguments::wants(std::string_view program, std::string_view name) const {
  if (filter.empty()) return true;
  return std::regex_search(absl::StrCat(std::string(program), "/", std::string(name)), std::regex(filter));
}

std::size_t Arguments::scaled(std::size_t amount) const noexcept {
  return std::max<std::size_t>(static_cast<std::size_t>(std::llround(static_cast<double>(amount) * scale)), 1);
}

Arguments parse_arguments(int& argc, char** argv, std::string_view question) {
  Arguments arguments;
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--help" || word == "-h") {
      std::printf("%.*s\n\n%.*s", static_cast<int>(question.size()), question.data(), static_cast<int>(kUsage.size()),
                  kUsage.data());
      std::_Exit(std::fflush(stdout));
    }
    if (const auto filter = value_of(word, "--benchmark_filter=")) {
      arguments.filter = *filter;
    } else if (const auto csv = value_of(word, "--csv=")) {
      arguments.csv_path = *csv;
    } else if (const auto repeats = value_of(word, "--repeats=")) {
      arguments.repeats = static_cast<std::size_t>(positive_number(*repeats, "--repeats"));
    } else if (const auto scale = value_of(word, "--scale=")) {
      arguments.scale = positive_number(*scale, "--scale");
    } else if (word.starts_with("--benchmark_")) {
      argv[kept++] = argv[i];
    } else {
      die(word, "unknown; --help lists what there is");
    }
  }
  argc = kept;
  argv[argc] = nullptr;
  return arguments;
}

}  // namespace dictsqlite::bench
