#include "crash/plain_sqlite.hpp"

#include <sqlite3.h>

#include <cstddef>
#include <memory>

namespace dictsqlite::kill_loop {

namespace {

struct CloseSqlite {
  void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
};
struct FinalizeSqlite {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Connection = std::unique_ptr<sqlite3, CloseSqlite>;
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeSqlite>;

std::string column(sqlite3_stmt* row, int index) {
  const void* bytes = sqlite3_column_blob(row, index);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, index));
  return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

}  // namespace

std::string read_by_sqlite(const std::string& path, int flags, Content& content) {
  sqlite3* raw = nullptr;
  int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  const Connection connection(raw);
  const auto run = [&](const char* sql, auto take) {
    sqlite3_stmt* raw_statement = nullptr;
    if (code == SQLITE_OK) code = sqlite3_prepare_v2(raw, sql, -1, &raw_statement, nullptr);
    const Statement statement(raw_statement);
    if (code != SQLITE_OK) return;
    while ((code = sqlite3_step(raw_statement)) == SQLITE_ROW) take(raw_statement);
    if (code == SQLITE_DONE) code = SQLITE_OK;
  };
  std::string verdict;
  run("PRAGMA integrity_check", [&](sqlite3_stmt* row) { verdict += column(row, 0); });
  run("SELECT key, value FROM main", [&](sqlite3_stmt* row) { content[column(row, 0)] = column(row, 1); });
  if (code != SQLITE_OK) return std::string("plain SQLite: ") + sqlite3_errmsg(raw);
  return verdict == "ok" ? "" : "integrity_check: " + verdict;
}

}  // namespace dictsqlite::kill_loop
