// The process that is killed: opens the database, says what is in it, and writes until it dies.
#pragma once

#include "crash/kill_loop_plan.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace dictsqlite::kill_loop {

inline constexpr const char* kChildArgument = "--child";

struct ChildPlan {
  std::string path;
  unsigned writers = 1;
  std::uint64_t round = 0;       // chooses the options to open with
  std::uint64_t writes_max = 0;  // by each writer
  bool close = false;            // after writes_max: close and end; otherwise wait for the end
  std::array<std::uint64_t, kWritersMax> first_number{};
};

/// `plan` as words of a command line, and back.
[[nodiscard]] std::string to_words(const ChildPlan& plan);
[[nodiscard]] ChildPlan from_words(const std::string& words);

/// Reports on kReportFd. Returns an exit status; not 0 after an error, with a sentence on standard error.
[[nodiscard]] int run_child(const ChildPlan& plan);

}  // namespace dictsqlite::kill_loop
