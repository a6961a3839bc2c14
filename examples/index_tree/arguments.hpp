// The command line.
#pragma once

#include <dictsqlite/options.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace index_tree {

inline constexpr std::size_t kCoroutinesMax = 1'000'000;

struct Arguments {
  std::string directory = "/usr/include";
  std::string database;  // empty: beside the program
  std::size_t coroutines = 4000;
  dictsqlite::IoBackendChoice io_backend = dictsqlite::IoBackendChoice::kAuto;
  bool kill = true;                   // the second act
  std::optional<std::uint64_t> seed;  // of the second act
  bool write_and_report = false;      // be the child of the second act; see crash.hpp
};

/// Nothing, after a sentence on standard error, if the command line makes no sense.
[[nodiscard]] std::optional<Arguments> parse_arguments(int argc, char** argv);

/// As parse_arguments() takes it.
[[nodiscard]] const char* name_of(dictsqlite::IoBackendChoice choice);

/// What both acts open a database with: the defaults, but for what the command line says.
[[nodiscard]] dictsqlite::Options database_options(const Arguments& arguments, const std::string& path);

}  // namespace index_tree
