// BlockingStore: another store as its own documentation wants it used, behind what all of them can do. Writes are proof
// against the death of the process, or of the server; a power cut may lose the last ones.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace dictsqlite::bench {

/// Thread-safety: every member from as many threads as were announced. Dies on every error.
class BlockingStore {
 public:
  virtual ~BlockingStore() = default;
  virtual void put(std::string_view key, std::string_view value) = 0;
  /// Copies the value to `value`; false if there is none.
  [[nodiscard]] virtual bool get(std::string_view key, std::string& value) = 0;
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

}  // namespace dictsqlite::bench
