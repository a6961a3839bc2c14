// LogBuffer: gathers SQLite's writes to the log, two for each page of a commit, into few large ones.
//
// SQLite learns of a failed write only when the buffer is written, perhaps at a later call. So after one that found
// no space every further one fails too, until the transaction is known to be rolled back: a commit can never
// succeed with a hole in it.
#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <memory>

namespace dictsqlite::store {

/// Thread-safety: one thread at a time.
/// Ownership:     a fixed buffer of 64 KiB.
class LogBuffer {
 public:
  LogBuffer();

  /// Takes `count` bytes for `offset` of `log`, or writes them and what came before. SQLITE_OK or an error code.
  [[nodiscard]] int write(sqlite3_file& log, const void* bytes, int count, sqlite3_int64 offset) noexcept;

  /// Writes what is in the buffer. SQLITE_OK or an error code.
  [[nodiscard]] int flush(sqlite3_file& log) noexcept;

  /// Forgets what is in the buffer, and that something was lost: the transaction is rolled back.
  void discard() noexcept;

 private:
  [[nodiscard]] int pass(sqlite3_file& log, const void* bytes, int count, sqlite3_int64 offset) noexcept;

  std::unique_ptr<std::byte[]> bytes_;
  sqlite3_int64 offset_ = 0;  // of the buffer's first byte in the log
  int count_ = 0;             // bytes in the buffer
  int lost_ = SQLITE_OK;      // the error code of the write whose bytes are lost
};

}  // namespace dictsqlite::store
