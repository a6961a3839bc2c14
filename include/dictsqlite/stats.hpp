/// \file
/// Stats: a snapshot of the library's counters and gauges.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace dictsqlite {

/// Each number is exact at some moment during stats(); together they are no snapshot.
struct Stats {
  // Watermarks: every write up to this sequence is ...
  std::uint64_t claimed_sequence = 0;  ///< accepted or about to be
  std::uint64_t applied_sequence = 0;  ///< in a committed SQLite transaction
  std::uint64_t durable_sequence = 0;  ///< proof against power loss
  std::uint64_t settled_sequence = 0;  ///< durable in SQLite's own files

  // Writes.
  std::uint64_t transactions = 0;
  std::uint64_t rows_applied = 0;    ///< after folding: newest per key of each transaction
  std::uint64_t writes_applied = 0;  ///< before folding; a batch is one write, of several rows
  std::uint64_t syncs = 0;
  std::uint64_t unapplied_bytes = 0;  ///< now
  std::uint64_t parked_writers = 0;   ///< now: suspended for want of room
  std::uint64_t parked_writers_total = 0;
  std::chrono::nanoseconds longest_stall{0};  ///< the longest that one of them has waited, so far
  std::uint64_t stalled_publishes = 0;        ///< times the flusher found a claimed, unpublished write in its way

  // Reads.
  std::uint64_t loads = 0;            ///< keys looked up in SQLite
  std::uint64_t queries = 0;          ///< SELECT statements that did it
  std::uint64_t load_groups = 0;      ///< snapshots they were read from
  std::uint64_t joined_misses = 0;    ///< misses that joined a load under way
  std::uint64_t loads_in_flight = 0;  ///< now

  // Memory.
  std::uint64_t entry_bytes = 0;    ///< now: entries in memory, of every kind
  std::uint64_t retired_bytes = 0;  ///< now: removed, waiting for readers to move on
  std::uint64_t held_bytes = 0;     ///< now: of entries whose values, of more than Value::kInlineBytes, somebody holds
  std::uint64_t evictions = 0;

  // SQLite's files.
  std::uint64_t wal_bytes = 0;
  std::uint64_t checkpoints = 0;
  std::uint64_t checkpoints_blocked = 0;

  // The log, with Journal::kOn.
  std::uint64_t log_blocks = 0;         ///< durable writes of it; each acknowledges all that was waiting
  std::uint64_t log_bytes_written = 0;  ///< in those
  std::uint64_t log_file_bytes = 0;     ///< now: of its files
  std::uint64_t log_waits = 0;          ///< times it was full and waited for SQLite

  // What open() found in the log of a life that had ended uncleanly, and brought into SQLite.
  std::uint64_t recovered_writes = 0;
  std::uint64_t recovered_rows = 0;  ///< after folding
  std::chrono::nanoseconds recovery_time{0};

  bool failed = false;          ///< a write or sync failed: reads only until reopened
  bool disk_full = false;       ///< now
  std::string_view io_backend;  ///< "uring", "threads" or "none"
};

}  // namespace dictsqlite
