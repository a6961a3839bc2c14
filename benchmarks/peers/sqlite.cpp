// SQLite by hand: a connection of its own for each thread that reads, in WAL mode and through a map, and one connection
// that writes and checkpoints, which writers take in turn.
#include "peers/blocking_store.hpp"
#include "support/plain_sqlite.hpp"

#include <memory>
#include <mutex>
#include <span>

namespace dictsqlite::bench {

namespace {

constexpr std::size_t kMapBytes = std::size_t{1} << 30;

class Sqlite final : public BlockingStore {
 public:
  explicit Sqlite(const StoreOptions& options)
      : options_{.path = options.directory + "/plain.db", .cache_bytes = options.cache_bytes, .mmap_bytes = kMapBytes},
        writer_({.path = options_.path, .cache_bytes = options.cache_bytes, .sync_each_commit = options.synced}) {}

  void put(std::string_view key, std::string_view value) override {
    const std::lock_guard lock(mutex_);
    writer_.upsert_alone(key, value);
  }
  void put_all(std::span<const StoreRow> rows) override {
    const std::lock_guard lock(mutex_);
    writer_.begin();
    for (const StoreRow& row : rows) writer_.upsert(row.key, row.value);
    writer_.commit();
  }
  bool get(std::string_view key, std::string& value) override { return reader().select(key, value); }
  std::size_t scan(std::string_view from, std::size_t rows) override { return reader().select_range(from, rows); }

 private:
  PlainSqlite& reader() {
    static thread_local std::unique_ptr<PlainSqlite> reader;
    if (reader == nullptr) reader = std::make_unique<PlainSqlite>(options_);
    return *reader;
  }

  const PlainOptions options_;
  std::mutex mutex_;
  PlainSqlite writer_;
};

}  // namespace

std::unique_ptr<BlockingStore> open_sqlite(const StoreOptions& options) { return std::make_unique<Sqlite>(options); }

}  // namespace dictsqlite::bench
