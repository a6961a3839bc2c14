// What is on a disk that a crash has left: opens and recovers the database, reads every row, asks SQLite whether the
// file is whole, and compares with the history it claims to hold a beginning of.
#pragma once

#include "crash/numbered_writes.hpp"
#include "flush/recovery.hpp"
#include "support/simulated_disk.hpp"

#include <absl/status/status.h>

#include <cstdint>
#include <string>

namespace dictsqlite::crash_testing {

inline constexpr const char* kDatabasePath = "/disk/test.db";

/// What happens after recovery. A life that begins makes the log of the last one superfluous.
enum class Next : std::uint8_t { kNothing, kLifeBegins };

struct Found {
  absl::StatusCode code = absl::StatusCode::kOk;  // of opening
  std::string wrong;                              // a sentence, or empty
  std::uint64_t writes = 0;                       // how many the database holds, if it could be opened
};

/// No database is one without writes. `wrong` is set if it cannot be opened or read, or is not what its writes make.
[[nodiscard]] Found recover_and_read(testing_support::SimulatedDisk& disk, NumberedWrites& history,
                                     Next next = Next::kNothing, journal::LogLoss loss = journal::LogLoss::kRefused);

/// What has to be there after a crash, and what can be: so many writes.
struct Promised {
  std::uint64_t durable = 0;
  std::uint64_t possible = 0;
};

/// The same, and there have to be as many writes as was promised.
[[nodiscard]] Found recover_and_judge(testing_support::SimulatedDisk& disk, NumberedWrites& history,
                                      const Promised& promised, Next next = Next::kNothing);

}  // namespace dictsqlite::crash_testing
