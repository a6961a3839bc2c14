// AutocommitSqlite: the way DictSQLite v4.2 writes. One transaction per row, the statement prepared anew for each, a
// second index to keep, and that version's schema and pragmas.
#pragma once

#include <string>
#include <string_view>

struct sqlite3;

namespace dictsqlite::bench {

/// Thread-safety: none. Ownership: of the connection.
class AutocommitSqlite {
 public:
  explicit AutocommitSqlite(const std::string& path);
  ~AutocommitSqlite();
  AutocommitSqlite(const AutocommitSqlite&) = delete;
  AutocommitSqlite& operator=(const AutocommitSqlite&) = delete;

  void write(std::string_view key, std::string_view value);

 private:
  sqlite3* database_ = nullptr;
};

}  // namespace dictsqlite::bench
