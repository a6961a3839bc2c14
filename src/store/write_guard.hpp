// WriteGuard: remembers the first write or sync of the database or its log that failed, lets nothing be written after
// it, and leaves a mark for the next life.
//
// A failed sync loses any of the dirty pages and is told once; a second sync of the same file may well succeed.
// SQLite would retry (a checkpoint does), and then count lost pages as durable. [I6]
#pragma once

#include "store/failure_mark.hpp"

#include <absl/status/status.h>

#include <cstdint>
#include <string>

namespace dictsqlite::store {

/// Thread-safety: one thread at a time, the writer's.
class WriteGuard {
 public:
  WriteGuard(FailureMark& mark, std::string path) : mark_(mark), path_(std::move(path)) {}

  [[nodiscard]] bool failed() const noexcept { return !failure_.ok(); }
  /// OK, or what failed first.
  [[nodiscard]] const absl::Status& failure() const noexcept { return failure_; }

  /// `suffix` names the file ("", "-wal"); `error` is an errno or 0, `code` what SQLite's VFS said.
  void fail(const char* operation, const char* suffix, int code, int error);

  /// A sync of the log that runs outside of SQLite. While one is in flight SQLite must not start another: of two
  /// concurrent ones only one would be told of an error.
  void log_sync_started() noexcept { log_sync_in_flight_ = true; }
  void log_sync_finished(int error);
  [[nodiscard]] bool log_sync_in_flight() const noexcept { return log_sync_in_flight_; }

  /// Counts the syncs of the log that SQLite itself made.
  void log_synced_by_sqlite() noexcept { ++log_syncs_; }
  [[nodiscard]] std::uint64_t log_syncs() const noexcept { return log_syncs_; }

 private:
  FailureMark& mark_;
  std::string path_;
  absl::Status failure_;
  std::uint64_t log_syncs_ = 0;
  bool log_sync_in_flight_ = false;
};

}  // namespace dictsqlite::store
