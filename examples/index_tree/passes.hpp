// The three passes over the tree, each with many coroutines in flight.
//
// A pass goes in steps of kStepBytes: first the files of the step are read into memory, then the clock runs and the
// coroutines do their work, so that what is measured is the dictionary and not the reading of files. Of a step
// `coroutines` coroutines are started; each takes the next file (or group of files) until none is left. Their number is
// the bound on what is in flight.
#pragma once

#include "index_tree/files.hpp"

#include <dictsqlite/database.hpp>

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace index_tree {

inline constexpr std::size_t kStepBytes = std::size_t{256} << 20;
inline constexpr std::size_t kBatchKeys = 64;

/// One pass, as it went.
struct Pass {
  absl::Status status;  // the first error; a pass ends with it
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t changed_meanwhile = 0;
  std::uint64_t different = 0;
  double seconds = 0;       // while coroutines ran
  double file_seconds = 0;  // reading the tree's own files
};

struct WritePass : Pass {
  // One a file; of no meaning where `stored` is 0, because the file could not be read.
  std::vector<std::uint8_t> stored;
  std::vector<std::uint64_t> accepted_ns;  // from the call until the write was accepted
  std::vector<std::uint64_t> durable_ns;   // and until it was proof against a power cut
};

/// Stores path -> content for every file that can be read; each coroutine waits until its write is durable.
[[nodiscard]] WritePass write_tree(dictsqlite::Database& db, const Tree& tree, std::size_t coroutines);

/// Gets every file with a get_async of its own, and compares.
[[nodiscard]] Pass read_one_by_one(dictsqlite::Database& db, const Tree& tree, std::size_t coroutines);

/// Gets the files in groups of kBatchKeys with batch_get_async, and compares.
[[nodiscard]] Pass read_in_batches(dictsqlite::Database& db, const Tree& tree, std::size_t coroutines);

}  // namespace index_tree
