// PlainSqlite: SQLite as somebody who knows it well uses it by hand. The opponent in every comparison: the schema, page
// size, caches and checkpoints of a dictsqlite database, prepared statements, and nothing in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace dictsqlite::bench {

/// A statement that dies on every error.
class PlainStatement {
 public:
  enum class Use : std::uint8_t { kOften, kOnce };

  PlainStatement() noexcept = default;
  PlainStatement(sqlite3* database, std::string_view sql, Use use = Use::kOften);
  PlainStatement(PlainStatement&& other) noexcept;
  PlainStatement& operator=(PlainStatement&& other) noexcept;
  ~PlainStatement();

  void bind_text(int parameter, std::string_view bytes) noexcept;
  void bind_blob(int parameter, std::string_view bytes) noexcept;
  void bind_integer(int parameter, std::int64_t number) noexcept;
  /// True if there is a row.
  bool step();
  void reset() noexcept;
  [[nodiscard]] std::string_view column_blob(int column) noexcept;

 private:
  sqlite3* database_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

struct PlainOptions {
  std::string path;
  std::uint32_t page_bytes = 4096;
  std::size_t cache_bytes = 32u << 20;
  std::size_t mmap_bytes = 0;
  std::size_t wal_bytes = 64u << 20;  // a commit that leaves a larger log is followed by a checkpoint
  bool sync_each_commit = false;      // synchronous=FULL rather than NORMAL
};

/// Thread-safety: none. Ownership: of the connection; the log stays as a crash would leave it.
class PlainSqlite {
 public:
  /// Creates the file if it is missing.
  explicit PlainSqlite(const PlainOptions& options);
  ~PlainSqlite();
  PlainSqlite(const PlainSqlite&) = delete;
  PlainSqlite& operator=(const PlainSqlite&) = delete;

  void begin();
  void upsert(std::string_view key, std::string_view value);
  void commit();
  /// Outside begin() and commit(), a transaction of its own.
  void upsert_alone(std::string_view key, std::string_view value);

  /// Copies the value to `value`; false if there is none.
  bool select(std::string_view key, std::string& value);
  /// Reads so many rows from `from` on, in the order of their keys. How many there were.
  std::size_t select_range(std::string_view from, std::size_t rows);

  /// One data sync of the write-ahead log.
  void sync_log();
  void checkpoint();

  [[nodiscard]] std::uint64_t checkpoints() const noexcept { return checkpoints_; }

 private:
  static int count_frames(void* self, sqlite3* database, const char* name, int frames) noexcept;
  void checkpoint_if_large();

  PlainOptions options_;
  sqlite3* database_ = nullptr;
  PlainStatement begin_;
  PlainStatement commit_;
  PlainStatement upsert_;
  PlainStatement select_;
  PlainStatement select_range_;
  std::uint64_t log_bytes_ = 0;
  std::uint64_t checkpoints_ = 0;
  int log_fd_ = -1;
};

}  // namespace dictsqlite::bench
