// What the tests of the store share: a directory of their own, a look at bytes, and short ways to read and write.
#pragma once

#include "store/sqlite_store.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite::store::testing {

/// A directory that is removed with everything in it.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  /// Name and "size:hash" of every file: equal before and after means that nothing was touched. Read by another
  /// process, because closing a database file here would drop this process's POSIX locks on it.
  [[nodiscard]] std::map<std::string, std::string> contents() const;
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  std::string path_;
};

/// Not for a database that this process has open.
[[nodiscard]] std::string read_bytes(const std::string& path);
void write_bytes(const std::string& path, std::string_view bytes);
/// Permission bits; 0 if there is no such file.
[[nodiscard]] unsigned mode_of(const std::string& path);

[[nodiscard]] SqliteOptions options_for(const std::string& path);
/// Opens the store; the test fails without it.
[[nodiscard]] std::unique_ptr<SqliteStore> open_store(const SqliteOptions& options);
[[nodiscard]] std::unique_ptr<SqliteStore> open_store(const std::string& path);

using Rows = std::map<std::string, std::string>;

[[nodiscard]] RowWrite set_row(std::string_view key, std::string_view value, std::int64_t expires_at = kNoExpiry);
[[nodiscard]] RowWrite erase_row(std::string_view key);
/// Applies `rows` as sequence `last_sequence`.
[[nodiscard]] absl::Status apply_rows(SqliteStore& store, std::span<const RowWrite> rows, std::uint64_t last_sequence);
/// Applies sets of `rows` as sequence `last_sequence`.
[[nodiscard]] absl::Status apply_sets(SqliteStore& store, const Rows& rows, std::uint64_t last_sequence);
/// Syncs the log the way the flusher does: fdatasync of sync_descriptor().
void sync_log(SqliteStore& store);

/// Everything in the store, through a scan.
[[nodiscard]] Rows all_rows(SqliteStore& store);
[[nodiscard]] std::optional<std::string> load_one(SqliteStore& store, std::string_view key);

/// `count` rows "<prefix>00000000", … with values of `value_bytes`.
[[nodiscard]] Rows numbered_rows(std::string_view prefix, std::size_t count, std::size_t value_bytes);

/// What a plain connection of this process to `path` says to `sql`: the first column of the first row, or
/// "error <code>". Opened and closed for the call.
[[nodiscard]] std::string plain_query(const std::string& path, const std::string& sql);

}  // namespace dictsqlite::store::testing
