// The three passes over the tree, each with many coroutines in flight. A pass starts `coroutines` of them; each takes
// the next file (or group of files) until none is left, so their number is the bound on what is in flight.
#pragma once

#include "index_tree/files.hpp"

#include <dictsqlite/database.hpp>

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace index_tree {

inline constexpr std::size_t kBatchKeys = 64;

/// One pass, as it went.
struct Pass {
  absl::Status status;  // the first error; a pass ends with it
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t changed_meanwhile = 0;
  std::uint64_t different = 0;
  double seconds = 0;
  double file_seconds = 0;  // of these, on all threads together, reading the tree's own files and comparing
};

struct WritePass : Pass {
  // One a file; of no meaning where `stored` is 0, because the file could not be read.
  std::vector<std::uint8_t> stored;
  std::vector<std::uint32_t> accepted_us;  // from the call until the write was accepted
  std::vector<std::uint32_t> durable_us;   // and until it was proof against a power cut
};

/// Stores path -> content for every file that can be read; each coroutine waits until its write is durable.
[[nodiscard]] WritePass write_tree(dictsqlite::Database& db, const Tree& tree, std::size_t coroutines);

/// Gets every file with a get_async of its own, and compares.
[[nodiscard]] Pass read_one_by_one(dictsqlite::Database& db, const Tree& tree, std::size_t coroutines);

/// Gets the files in groups of kBatchKeys with batch_get_async, and compares.
[[nodiscard]] Pass read_in_batches(dictsqlite::Database& db, const Tree& tree, std::size_t coroutines);

}  // namespace index_tree
