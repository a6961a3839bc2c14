// Store: a key-value table on disk, as narrow as the pipelines need it. SqliteStore is the one implementation.
//
// Three roles, each used by one thread at a time:
//   StoreWriter  applies ordered batches, syncs, checkpoints   flusher, or applier
//   StoreReader  loads many keys from one snapshot             loader
//   StoreScan    walks a key range in one snapshot             loader
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite::store {

/// Tables are numbered from the first day; operations on tables other than the first come later.
inline constexpr std::uint32_t kMainTable = 1;

/// `expires_at` of a row that never expires. Otherwise milliseconds since the Unix epoch.
inline constexpr std::int64_t kNoExpiry = 0;

enum class RowKind : std::uint8_t { kSet, kErase };

/// One change of one row.
struct RowWrite {
  RowKind kind;
  std::uint32_t table_id;
  std::int64_t expires_at;
  std::string_view key;
  std::string_view value;  // empty for kErase
};

/// The rows of a transaction, a few hundred at a time: each call gives the next ones, an empty span ends, and nothing
/// gives the transaction up. They must live until the next call. Called outside any call of SQLite, so that a long
/// transaction does not keep its thread from looking up; must not touch the store.
using RowPortions = absl::FunctionRef<std::optional<std::span<const RowWrite>>()>;

/// What becomes of the log when a writer closes.
enum class ClosingLog : std::uint8_t { kCopied, kLeft };

struct StoreCounters {
  std::uint64_t wal_bytes = 0;            // how far the write-ahead log reaches; starts over after a checkpoint
  std::uint64_t wal_bytes_uncopied = 0;   // of those, what a checkpoint has still to copy: its trigger
  std::uint64_t checkpoints = 0;          // that copied everything
  std::uint64_t checkpoints_blocked = 0;  // that a reader kept from copying everything
};

/// Whose a log beside the database is: of which database, and of which of its lives.
struct Life {
  std::array<std::byte, 16> database_id{};
  std::uint64_t epoch = 0;   // how many lives have begun
  std::uint64_t log_id = 0;  // a number by chance, of the log that this life has; 0: it has none, or ended cleanly
};

/// Thread-safety: one thread at a time.
class StoreWriter {
 public:
  virtual ~StoreWriter() = default;

  /// Sequence of the newest write that is in the database, as of opening or the last apply().
  [[nodiscard]] virtual std::uint64_t last_sequence() const noexcept = 0;

  /// The newest life that has begun: after opening the one that ended before.
  [[nodiscard]] virtual const Life& life() const noexcept = 0;
  /// Begins the next one, durably; `log_id` is 0 for a life without a log. Errors: as apply().
  [[nodiscard]] virtual absl::Status begin_life(std::uint64_t log_id) = 0;
  /// A number by chance, not 0, for begin_life().
  [[nodiscard]] virtual std::uint64_t draw_log_id() noexcept = 0;

  /// Puts the rows that `portions` gives (at most one per key, sorted by table and key bytes) and `last_sequence` into
  /// the database in one transaction.
  /// Errors: kUnavailable (no space) and kAborted (given up): rolled back completely, may be tried again as it is;
  /// anything else is final: the outcome on disk is unknown, the caller fails the database.
  [[nodiscard]] virtual absl::Status apply(RowPortions portions, std::uint64_t last_sequence) = 0;

  /// Descriptor to be data-synced so that everything committed so far survives power loss, or -1 if there is
  /// nothing to sync. Not after an error of apply() or checkpoint() that is final: then nothing is synced any more. The
  /// caller syncs it as its own request and reports the result with sync_finished(). Between the two no checkpoint()
  /// may run.
  [[nodiscard]] virtual int sync_descriptor() noexcept = 0;
  /// `error` is 0 or a positive errno. An error makes the store refuse all further commits and checkpoints.
  virtual void sync_finished(int error) noexcept = 0;

  /// Copies the log into the database file, syncing both, as far as readers allow. Returns true if everything
  /// was copied: then all that was applied is durable in the database file, and the log starts over.
  /// Errors: kUnavailable (no space; nothing lost, the log keeps everything); anything else is final.
  [[nodiscard]] virtual absl::StatusOr<bool> checkpoint() = 0;

  [[nodiscard]] virtual StoreCounters counters() const noexcept = 0;

  /// Checkpoints everything and removes the log, or leaves that to the next life, which is quicker. If another process
  /// has the database open or there is no space, the log stays, synced. After OK everything that was applied is
  /// durable, and no log beside it is needed any more; after an error that is unknown. The writer cannot be used
  /// afterwards. The destructor without close() leaves the log as a crash would.
  [[nodiscard]] virtual absl::Status close(ClosingLog log = ClosingLog::kCopied) = 0;
};

/// What a load found for one key. `value` is valid until the callback returns.
struct LoadedRow {
  std::size_t key_index;  // position in `keys`
  std::string_view value;
  std::int64_t expires_at;
};

/// Thread-safety: one thread at a time.
class StoreReader {
 public:
  virtual ~StoreReader() = default;

  struct LoadResult {
    std::uint64_t snapshot_sequence = 0;  // last sequence of the snapshot everything was read from
    std::uint64_t queries = 0;            // SELECT statements run
  };

  /// Looks up `keys` of one table (distinct, sorted by their bytes) in one snapshot, by `IN (...)` queries of
  /// prepared size classes. Calls `found` for each row that exists, in any order; a key without a call is absent.
  /// Errors: any error means that no key can be trusted; `found` may have been called for some.
  [[nodiscard]] virtual absl::StatusOr<LoadResult> load(std::uint32_t table_id, std::span<const std::string_view> keys,
                                                        absl::FunctionRef<void(const LoadedRow&)> found) = 0;
};

/// Half-open range of keys in byte order. An empty `to` means "to the end".
struct KeyRange {
  std::string from;
  std::string to;
};

enum class ScanOrder : std::uint8_t { kForward, kReverse };

struct ScannedRow {
  std::string key;
  std::string value;
  std::int64_t expires_at;
};

/// One read transaction over one key range; holds its own connection. Its destructor ends the transaction.
/// Thread-safety: one thread at a time.
class StoreScan {
 public:
  virtual ~StoreScan() = default;
  /// Appends up to `rows_max` rows (and at least one, if any is left, but stops after `bytes_max` bytes of
  /// keys and values) to `rows`. Returns true when the range is exhausted.
  [[nodiscard]] virtual absl::StatusOr<bool> next(std::size_t rows_max, std::size_t bytes_max,
                                                  std::vector<ScannedRow>& rows) = 0;
};

}  // namespace dictsqlite::store
