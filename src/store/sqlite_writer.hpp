// SqliteWriter: the one connection that writes and checkpoints.
//
// One connection for both, because SQLite 3.7.0-3.51.2 can corrupt a database when one connection checkpoints while
// another writes.
#pragma once

#include "io/file_access.hpp"
#include "store/owner_vfs.hpp"
#include "store/sqlite_connection.hpp"
#include "store/sqlite_schema.hpp"
#include "store/store.hpp"
#include "store/write_guard.hpp"

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace dictsqlite::store {

struct WriterOptions {
  std::string path;  // of an existing file whose header is ours
  std::size_t cache_bytes = 0;
  std::size_t log_bytes_kept = 0;
};

/// Thread-safety: one thread at a time.
/// Ownership:     `files` and `below` must outlive it.
class SqliteWriter final : public StoreWriter {
 public:
  /// Becomes the owner, recovers, checks, and makes all of it durable.
  /// Errors: as SqliteStore::open().
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SqliteWriter>> open(io::FileAccess& files, sqlite3_vfs& below,
                                                                          const WriterOptions& options);
  ~SqliteWriter() override;
  SqliteWriter(const SqliteWriter&) = delete;
  SqliteWriter& operator=(const SqliteWriter&) = delete;

  [[nodiscard]] const Life& life() const noexcept override { return life_; }
  [[nodiscard]] absl::Status begin_life(std::uint64_t log_id) override;
  [[nodiscard]] std::uint64_t draw_log_id() noexcept override;
  [[nodiscard]] std::uint64_t last_sequence() const noexcept override { return last_sequence_; }
  [[nodiscard]] absl::Status apply(RowPortions portions, std::uint64_t last_sequence) override;
  [[nodiscard]] int sync_descriptor() noexcept override;
  void sync_finished(int error) noexcept override;
  [[nodiscard]] absl::StatusOr<bool> checkpoint() override;
  [[nodiscard]] StoreCounters counters() const noexcept override { return counters_; }
  [[nodiscard]] absl::Status close(ClosingLog log) override;

 private:
  SqliteWriter(io::FileAccess& files, sqlite3_vfs& below, const WriterOptions& options);

  [[nodiscard]] absl::Status start(const WriterOptions& options);
  [[nodiscard]] absl::Status open_connection(const WriterOptions& options);
  [[nodiscard]] absl::Status inspect();
  [[nodiscard]] absl::Status read_as_owner();
  [[nodiscard]] absl::Status configure(const WriterOptions& options);
  [[nodiscard]] absl::Status make_durable();
  [[nodiscard]] absl::Status prepare_statements();

  [[nodiscard]] int write_all(RowPortions portions) noexcept;
  [[nodiscard]] int write_rows(std::span<const RowWrite> rows) noexcept;
  [[nodiscard]] int write_row(const RowWrite& row) noexcept;
  [[nodiscard]] int write_last_sequence(std::uint64_t last_sequence) noexcept;
  [[nodiscard]] int commit() noexcept;
  [[nodiscard]] absl::Status roll_back(const absl::Status& status);
  [[nodiscard]] absl::StatusOr<bool> run_checkpoint(int mode);
  void end() noexcept;

  static int count_frames(void* writer, sqlite3* database, const char* name, int frames) noexcept;
  void set_log_frames(std::uint64_t frames, std::uint64_t copied) noexcept;

  io::FileAccess& files_;
  sqlite3_vfs& below_;
  FailureMark mark_;
  WriteGuard guard_;
  OwnerVfs vfs_;
  Connection connection_;
  Statement begin_;
  Statement commit_;
  Statement rollback_;
  Statement upsert_;
  Statement erase_;
  Statement update_last_sequence_;
  std::uint64_t last_sequence_ = 0;
  Life life_;
  StoreCounters counters_;
  std::uint64_t page_bytes_ = 0;
  std::uint64_t frames_copied_ = 0;    // of the log, into the database file
  std::uint64_t log_starts_ = 0;       // as of the last commit
  std::uint64_t commits_ = 0;          // in this life
  std::uint64_t commits_synced_ = 0;   // of those, how many survive power loss
  std::uint64_t commits_syncing_ = 0;  // how many the sync in flight covers
  int log_fd_ = -1;
};

}  // namespace dictsqlite::store
