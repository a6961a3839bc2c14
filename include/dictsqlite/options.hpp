/// \file
/// Options: what open() wants to know, and the choices a single write may make.
#pragma once

#include <dictsqlite/event.hpp>
#include <dictsqlite/executor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace dictsqlite {

/// When the result of a write is ready.
enum class Ack : std::uint8_t {
  kAccepted,  ///< visible to every reader of this Database; a crash may lose it
  kDurable,   ///< survives power loss
};

enum class PersistMode : std::uint8_t {
  kMemory,        ///< nothing reaches a disk; a full cache is kResourceExhausted
  kLazy,          ///< written on flush, sync, close, a durable write, and when `unapplied_bytes` run short
  kWriteBehind,   ///< written by `buffer_size` and `flush_interval`; the default
  kWriteThrough,  ///< as kWriteBehind, and a write's default Ack is kDurable
};

enum class Journal : std::uint8_t {
  kOff,  ///< everything in SQLite's own files
  kOn,   ///< writes become durable in a log beside them (`NAME-log-N`), and reach SQLite later, in large transactions
};

/// What open() does when the log of the last life is missing, damaged where it had been acknowledged, or not the one
/// that belongs to the database.
enum class LogLoss : std::uint8_t {
  kRefuse,  ///< it ends in kDataLoss
  kAccept,  ///< it goes on with the writes up to the gap, reports kLogLost, and removes what is left of the log
};

/// What new writes do while the disk is full. Those already accepted wait for space in either case.
enum class DiskFull : std::uint8_t {
  kWait,    ///< they are accepted until `unapplied_bytes` are used up, then they wait
  kRefuse,  ///< they end in kUnavailable
};

enum class IoBackendChoice : std::uint8_t {
  kAuto,     ///< io_uring where a real write and sync work, else threads
  kUring,    ///< io_uring, or open() ends in kUnavailable
  kThreads,  ///< a helper thread
};

/// Everything has a bound, and the bounds are here. open() checks each and names the one that is wrong.
struct Options {
  /// The database file. Created, with mode 0600, if it is missing; its directory must exist. Not used by kMemory.
  std::string path;
  PersistMode persist_mode = PersistMode::kWriteBehind;
  Journal journal = Journal::kOff;

  /// An idle flusher starts when this many writes wait... (1 to 2^20)
  std::size_t buffer_size = 100;
  /// ... or the oldest of them has waited this long. Also how long an applied write may wait for its sync when
  /// nobody asks for durability: the window that a power cut can lose. With a log it is that of the log; SQLite has the
  /// write as much later, or up to ten seconds where it is slow. (1 ms to 1 h)
  std::chrono::milliseconds flush_interval{1000};

  /// Writes that can be queued between two looks of the flusher. (power of two, 16 to 2^22)
  std::size_t ring_capacity = 1u << 17;
  /// Memory for clean entries, which may be evicted; what nobody has asked for again goes first. (1 MiB to 16 GiB)
  std::size_t cache_bytes = 64u << 20;
  /// Memory for writes that SQLite does not have yet; a write that finds none left waits. It bounds transactions, too,
  /// and large ones are what makes SQLite fast where keys are random. (1 MiB to 8 GiB)
  std::size_t unapplied_bytes = 64u << 20;

  std::size_t key_bytes_max = 4096;         ///< (1 to 8,000)
  std::size_t value_bytes_max = 16u << 20;  ///< (1 to 512 MiB)
  std::size_t batch_bytes_max = 32u << 20;  ///< keys and values of one WriteBatch; at most `unapplied_bytes`
  std::size_t batch_rows_max = 100'000;     ///< rows of one WriteBatch (1 to 2^20)
  std::size_t loads_max = 1u << 16;         ///< keys being loaded at a time; further misses wait (1 to 2^20)

  /// Page size of a new file. 4 KiB suits small batches, 16 to 32 KiB large ones. (power of two, 512 to 65,536)
  std::uint32_t page_bytes = 4096;
  std::size_t writer_cache_bytes = 32u << 20;  ///< SQLite's page cache for writing (64 KiB to 4 GiB)
  std::size_t reader_cache_bytes = 16u << 20;  ///< and for reading (64 KiB to 4 GiB)
  /// So much of the file is read through a mapping of the kernel's page cache instead of being copied: pages that the
  /// kernel has, and others from their second use on. It counts as shared resident memory that the kernel takes back
  /// at will. A page that was readable once, left the page cache, and cannot be read again ends the process with
  /// SIGBUS; with 0 that is an error of the keys concerned, as the first read of a page from the disk always is. (0 to
  /// 1 TiB; SQLite's build may set a limit, commonly 2 GiB, beyond which pages are copied)
  std::size_t reader_map_bytes = 1u << 30;
  /// The write-ahead log is copied into the database file when it is larger than this, and when idle. (64 KiB to 64
  /// GiB)
  std::size_t wal_bytes = 64u << 20;
  /// Bytes of the log's files together; a log that is full waits for SQLite to have what is in it. The largest write
  /// has to fit three eighths of it, with 32 bytes for each row of a batch. (4 MiB to 64 GiB)
  std::size_t log_bytes = 256u << 20;
  /// kAccept is for a copy of the database that was made without its log, as `sqlite3 .backup` makes one.
  LogLoss log_loss = LogLoss::kRefuse;
  /// A scan ends in kAborted, with the key to go on from, when it has kept its snapshot this long, or has kept the log
  /// from starting over until that reached four times `wal_bytes`. (10 ms to 1 h)
  std::chrono::milliseconds scan_time_max{60'000};
  std::size_t scans_max = 16;  ///< scans open at a time; further ones end in kResourceExhausted

  /// How long a waiting thread of the library polls before it sleeps. Polling saves the 25 to 50 microseconds of a
  /// wake-up and costs a core meanwhile. (0 to 1 s)
  std::chrono::microseconds poll_time{0};
  DiskFull disk_full = DiskFull::kWait;
  /// How long the destructor waits for what is unwritten. close_async() has no limit. (0 to 1 h)
  std::chrono::milliseconds close_timeout{10'000};

  IoBackendChoice io_backend = IoBackendChoice::kAuto;
  /// Where coroutines resume if neither `.via` nor the awaiting promise says. Default: the library's resume thread.
  Executor executor{};
  EventHook event_hook{};
};

/// Choices of one write.
struct WriteOptions {
  std::optional<Ack> ack{};  ///< empty: the persist mode's default
};

}  // namespace dictsqlite
