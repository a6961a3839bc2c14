// BlockingStore: another store as its own documentation wants it used, behind what all of them can do. Writes are proof
// against the death of the process, or of the server, and against a power cut if that is asked for.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace dictsqlite::bench {

struct StoreRow {
  std::string_view key;
  std::string_view value;
};

/// Thread-safety: every member from as many threads as were announced. Dies on every error.
class BlockingStore {
 public:
  virtual ~BlockingStore() = default;
  virtual void put(std::string_view key, std::string_view value) = 0;
  /// Many rows in one batch, transaction or pipeline.
  virtual void put_all(std::span<const StoreRow> rows) = 0;
  /// As many clients as there are rows put one each, at a time. Dies where a client is a thread.
  virtual void put_each(std::span<const StoreRow> rows);
  /// Copies the value to `value`; false if there is none.
  [[nodiscard]] virtual bool get(std::string_view key, std::string& value) = 0;
  /// Reads all of them, in one round trip where there is one. How many there were.
  [[nodiscard]] virtual std::size_t get_all(std::span<const std::string_view> keys);
  /// Reads so many rows from `from` on; how many there were. Dies where rows have no order.
  [[nodiscard]] virtual std::size_t scan(std::string_view from, std::size_t rows) = 0;
  /// Processor time of processes that work for this one, in seconds so far; and the memory that they had at most.
  [[nodiscard]] virtual double servers_cpu_seconds() { return 0; }
  [[nodiscard]] virtual std::size_t servers_peak_bytes() { return 0; }
};

struct StoreOptions {
  std::string directory;    // exists, and is the store's alone
  std::size_t cache_bytes;  // for rows or pages in memory, where the store lets one choose
  std::size_t threads;
  bool synced = false;                                     // when a write returns, it is proof against a power cut
  std::size_t write_buffer_bytes = std::size_t{64} << 20;  // for writes that are in a log only, where there are such
};

struct Peer {
  const char* name;
  std::unique_ptr<BlockingStore> (*open)(const StoreOptions& options);
};

[[nodiscard]] std::unique_ptr<BlockingStore> open_sqlite(const StoreOptions& options);
[[nodiscard]] std::unique_ptr<BlockingStore> open_rocksdb(const StoreOptions& options);
[[nodiscard]] std::unique_ptr<BlockingStore> open_leveldb(const StoreOptions& options);
[[nodiscard]] std::unique_ptr<BlockingStore> open_lmdb(const StoreOptions& options);
[[nodiscard]] std::unique_ptr<BlockingStore> open_redis(const StoreOptions& options);

inline constexpr Peer kRocksDb{"RocksDB", &open_rocksdb};
inline constexpr Peer kLevelDb{"LevelDB", &open_leveldb};
inline constexpr Peer kLmdb{"LMDB", &open_lmdb};
inline constexpr Peer kSqlite{"SQLite by hand", &open_sqlite};
inline constexpr Peer kRedis{"Redis", &open_redis};

}  // namespace dictsqlite::bench
