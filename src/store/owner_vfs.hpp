// OwnerVfs: the SQLite VFS of the one connection that writes. It lies on another VFS and changes five things:
//
//   ownership   When SQLite opens the WAL index for the first time, the WRITE and CKPT locks on it are taken, and
//               their unlocking is swallowed until the index is unmapped. Other connections and processes can
//               read; none can write or checkpoint. Whoever comes second finds the locks held.
//   repair      Right then, before SQLite reads the log, what an unclean end left is rewritten and synced; after a life
//               that failed only if nobody else has the file open.
//   guard       After the first failed write or sync every further one fails (WriteGuard). A full disk is no such
//               failure: SQLite rolls back, and the write may be tried again.
//   gathering   Writes to the log are gathered (LogBuffer). SQLite runs with synchronous=FULL, so that it syncs the log
//               at the end of a commit, before anybody can see the commit: that is when the buffer is written. The
//               sync itself is left to the flusher, unless it is the one that makes a new log's header durable.
//   length      The database file never gets shorter while it is ours: whoever has it mapped would die of touching what
//               was cut off. SQLite would cut it after a checkpoint, if somebody has switched auto_vacuum on.
#pragma once

#include "store/log_buffer.hpp"
#include "store/vfs_layer.hpp"
#include "store/write_guard.hpp"

#include <absl/status/status.h>

#include <sqlite3.h>

#include <cstdint>

namespace dictsqlite::store {

/// Thread-safety: one thread at a time, the writer's.
/// Ownership:     `guard` must outlive it; see also VfsLayer.
class OwnerVfs : public VfsLayer {
 public:
  OwnerVfs(sqlite3_vfs& below, WriteGuard& guard);

  enum class Ownership : std::uint8_t {
    kNotTried,  // SQLite has not opened the WAL index yet
    kOwned,     // the locks are ours
    kRefused,   // somebody else holds one of them
    kNotAlone,  // somebody else has the file open, and sole use was insisted on
    kFailed,    // the locks could not be taken, or the log could not be repaired
  };
  [[nodiscard]] Ownership ownership() const noexcept { return ownership_; }
  /// Result code and errno behind kFailed.
  [[nodiscard]] int failure_code() const noexcept { return failure_code_; }
  [[nodiscard]] int failure_errno() const noexcept { return failure_errno_; }

  /// Before the connection is opened: from becoming the owner until the log is repaired nobody else may have the file
  /// open, readers included.
  void insist_on_sole_use() noexcept { sole_use_ = true; }

  /// True if a log with something in it was there when we became the owner.
  [[nodiscard]] bool found_log() const noexcept { return found_log_; }

  /// How often the log has started over in this life.
  [[nodiscard]] std::uint64_t log_starts() const noexcept { return log_starts_; }

  /// While one lives, SQLite is inside COMMIT.
  class CommitScope {
   public:
    explicit CommitScope(OwnerVfs& vfs) noexcept : vfs_(vfs) { vfs_.committing_ = true; }
    ~CommitScope() { vfs_.committing_ = false; }
    CommitScope(const CommitScope&) = delete;
    CommitScope& operator=(const CommitScope&) = delete;

   private:
    OwnerVfs& vfs_;
  };

  /// To be called when a transaction was rolled back.
  void rolled_back() noexcept { buffer_.discard(); }

  /// Syncs the log through the VFS below. Only while owned and with no other sync of it in flight.
  [[nodiscard]] absl::Status sync_log();

 private:
  enum class Role : std::uint8_t { kDatabase, kLog, kOther };
  struct File;     // what SQLite holds; the file of the VFS below lies behind it
  struct Methods;  // the functions that SQLite calls

  void become_owner(File& database, volatile void* index) noexcept;
  void repair_log(volatile void* index) noexcept;
  void refuse(Ownership ownership, int code, int error) noexcept;
  void release(File& database) noexcept;

  WriteGuard& guard_;
  File* log_ = nullptr;
  LogBuffer buffer_;
  bool committing_ = false;
  bool header_written_ = false;  // the last write to the log was its header
  Ownership ownership_ = Ownership::kNotTried;
  std::uint64_t log_starts_ = 0;
  bool sole_use_ = false;
  bool found_log_ = false;
  int failure_code_ = SQLITE_OK;
  int failure_errno_ = 0;
};

}  // namespace dictsqlite::store
