// The process that meets a disaster: opens the database, says what is in it, and writes until it dies.
#pragma once

#include "crash/kill_loop_plan.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace dictsqlite::kill_loop {

inline constexpr const char* kChildArgument = "--child";

/// How the process is going to end.
enum class End : std::uint8_t {
  kKilled,  // from outside
  kCloses,  // by itself, after its writes
  kFails,   // by itself, when its disk has failed; until then there is no error, and afterwards no success. Or, with
            // kStatusOfFull, when it would have to wait for space
};
inline constexpr int kStatusOfFull = 4;

/// Which way the log takes, if there is one.
enum class LogPath : std::uint8_t { kBest, kCached };

struct ChildPlan {
  std::string path;
  unsigned writers = 1;
  std::uint64_t round = 0;       // chooses the options to open with
  std::uint64_t writes_max = 0;  // by each writer
  End end = End::kKilled;
  LogPath log_path = LogPath::kBest;
  bool copies_nothing = false;  // into the database file, while it lives
  std::array<std::uint64_t, kWritersMax> first_number{};
};

/// `plan` as words of a command line, and back.
[[nodiscard]] std::string to_words(const ChildPlan& plan);
[[nodiscard]] ChildPlan from_words(const std::string& words);

/// Reports on kReportFd. Returns an exit status; not 0 after an error, with a sentence on standard error.
[[nodiscard]] int run_child(const ChildPlan& plan);

}  // namespace dictsqlite::kill_loop
