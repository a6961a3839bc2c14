// Arguments: what every benchmark program understands, so that `./dev bench` can hand the same words to all.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dictsqlite::bench {

struct Arguments {
  std::string filter;       // regular expression; cases whose "program/case" it is not found in are left out
  std::string csv_path;     // appended to; empty: none
  std::size_t repeats = 0;  // 0: what the program thinks right
  double scale = 1.0;       // of the amount of work: below 1 for a quick look, which decides no bar

  [[nodiscard]] bool wants(std::string_view program, std::string_view name) const;
  [[nodiscard]] std::size_t repeats_or(std::size_t usual) const noexcept { return repeats != 0 ? repeats : usual; }
  [[nodiscard]] std::size_t scaled(std::size_t amount) const noexcept;
};

/// Takes its own words out of `argv`, prints the usage for --help and ends, dies on a word that nobody knows. Words
/// that begin with --benchmark_ stay for Google Benchmark; --benchmark_filter counts here as well.
[[nodiscard]] Arguments parse_arguments(int& argc, char** argv, std::string_view question);

}  // namespace dictsqlite::bench
