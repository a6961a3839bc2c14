// SqliteStore: the Store in an ordinary SQLite file. Opens, checks or creates it, and hands out the writer,
// readers and scans.
#pragma once

#include "io/file_access.hpp"
#include "store/store.hpp"

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace dictsqlite::store {

struct SqliteOptions {
  std::string path;                            // absolute, no NUL, not opened as a URI
  std::uint32_t page_bytes = 4096;             // of a new file; power of two, 512..65536
  std::size_t writer_cache_bytes = 32u << 20;  // page cache of the writing connection
  std::size_t reader_cache_bytes = 8u << 20;   // page cache of each reading connection
  std::size_t reader_map_bytes = 1u << 30;     // of the file that loads may read through a mapping
  std::size_t key_bytes_max = 64u << 10;       // for reading SQLite's own length limit is set just above the
  std::size_t value_bytes_max = 64u << 20;     //   sum of the two
  std::size_t log_bytes_kept = 256u << 20;     // a larger write-ahead log is cut to this when it starts over
  std::string vfs_name;                        // SQLite VFS to build on; empty for the default
  io::FileAccess* files = nullptr;             // must outlive the store; null for the kernel's files
};

/// Thread-safety: open_reader() and open_scan() from any thread while the writer lives; each returned object from
/// one thread at a time.
/// Ownership:     owns the writer; readers and scans must be destroyed before it.
class SqliteStore {
 public:
  virtual ~SqliteStore() = default;

  /// Opens or creates the database, becomes its only writer, and recovers it: after an unclean end the bytes of
  /// the log are rewritten and synced before first use. Everything in it is durable when open() returns. The next life
  /// begins with StoreWriter::begin_life(), before the first apply() of its own.
  /// Errors: kInvalidArgument (a file that is not ours, path with NUL or not absolute, not a regular file, a
  ///         symlink), kUnimplemented (newer format), kUnavailable (another live owner, or no space),
  ///         kNotFound (missing directory), kPermissionDenied, kDataLoss (damaged), kInternal (anything else).
  ///         A refused file is left untouched, byte for byte.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SqliteStore>> open(const SqliteOptions& options);

  [[nodiscard]] virtual StoreWriter& writer() noexcept = 0;
  /// Of the database file, with the symlinks of its directory followed.
  [[nodiscard]] virtual const std::string& path() const noexcept = 0;
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<StoreReader>> open_reader() = 0;
  /// Starts the read transaction before it returns, so that the scan sees what was applied by then.
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<StoreScan>> open_scan(std::uint32_t table_id, KeyRange range,
                                                                             ScanOrder order) = 0;
};

}  // namespace dictsqlite::store
