// FlushCounters: what the write pipeline counts, for `stats`.
#pragma once

#include <atomic>
#include <cstdint>

namespace dictsqlite::flush {

/// Statistics: each written by the flusher or the applier, read by anyone; each relaxed, each on its own.
struct FlushCounters {
  std::atomic<std::uint64_t> transactions{0};
  std::atomic<std::uint64_t> rows_applied{0};
  std::atomic<std::uint64_t> writes_applied{0};
  std::atomic<std::uint64_t> bytes_applied{0};  // of the budget
  std::atomic<std::uint64_t> syncs{0};
  std::atomic<std::int64_t> longest_stall_nanoseconds{0};
  std::atomic<std::uint64_t> stalled_publishes{0};
  std::atomic<std::uint64_t> wal_bytes{0};
  std::atomic<std::uint64_t> checkpoints{0};
  std::atomic<std::uint64_t> checkpoints_blocked{0};
  std::atomic<std::uint64_t> log_blocks{0};
  std::atomic<std::uint64_t> log_bytes_written{0};
  std::atomic<std::uint64_t> log_file_bytes{0};
  std::atomic<std::uint64_t> log_waits{0};
  std::atomic<std::uint64_t> recovered_writes{0};
  std::atomic<std::uint64_t> recovered_rows{0};
  std::atomic<std::int64_t> recovery_nanoseconds{0};
  std::atomic<bool> on_uring{false};
};

}  // namespace dictsqlite::flush
