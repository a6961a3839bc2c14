// The second act: a child process stores the tree and is killed; this process looks at what survived.
//
// The child writes the files in one known order and reports on its standard output how many are durable. So whatever
// it had reported when the kill came must be there, and whatever is there must be the beginning of that order.
//
// The child gets the list of files on its standard input, each as "<bytes> <path>\0", and writes to its standard output
// one std::uint64_t after the other: "so many files of the list are durable".
#pragma once

#include "index_tree/arguments.hpp"
#include "index_tree/files.hpp"

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

namespace index_tree {

struct KillResult {
  std::uint64_t seed = 0;
  std::uint64_t files = 0;      // that the child was to write
  std::uint64_t durable = 0;    // that it had reported when it died
  std::uint64_t log_bytes = 0;  // of committed data that the dead process had not yet copied into the database file
  double open_seconds = 0;

  std::uint64_t found = 0;
  std::uint64_t foreign = 0;    // rows that it was never to write
  std::uint64_t different = 0;  // rows with wrong bytes
  std::uint64_t changed_meanwhile = 0;
  std::uint64_t prefix = 0;  // the first so many files of the order are all there

  [[nodiscard]] bool ok() const { return complaint().empty(); }
  /// What is wrong, or nothing.
  [[nodiscard]] std::string complaint() const;
};

/// Starts the child on the new database `path`, kills it at a random moment, and examines what it left.
/// Errors: the child could not be started or failed by itself; the database cannot be opened or read.
[[nodiscard]] absl::StatusOr<KillResult> kill_and_examine(const Arguments& arguments, Tree tree,
                                                          const std::string& path);

/// The child: writes the files that standard input lists, reports on standard output, and waits to be killed.
/// Returns only after an error.
[[nodiscard]] int write_and_report(const Arguments& arguments);

}  // namespace index_tree
