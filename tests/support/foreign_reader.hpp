// ForeignReader: what any other program sees in the database file. A plain read-only connection of SQLite's own.
#pragma once

#include <gtest/gtest.h>

#include <sqlite3.h>

#include <map>
#include <string>
#include <string_view>

namespace dictsqlite::testing_support {

/// Thread-safety: none. Ownership: one connection, and no transaction between calls.
class ForeignReader {
 public:
  explicit ForeignReader(const std::string& path) {
    EXPECT_EQ(sqlite3_open_v2(path.c_str(), &connection_, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK) << path;
    sqlite3_busy_timeout(connection_, 10'000);
  }
  ~ForeignReader() { EXPECT_EQ(sqlite3_close(connection_), SQLITE_OK); }
  ForeignReader(const ForeignReader&) = delete;
  ForeignReader& operator=(const ForeignReader&) = delete;

  /// Every key and value of the dictionary "main", in one snapshot.
  std::map<std::string, std::string> rows() {
    std::map<std::string, std::string> rows;
    sqlite3_stmt* const statement = prepare("SELECT key, value FROM main");
    int code = SQLITE_OK;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
      EXPECT_TRUE(rows.emplace(bytes(statement, 0), bytes(statement, 1)).second) << "two rows of one key";
    }
    EXPECT_EQ(code, SQLITE_DONE) << sqlite3_errmsg(connection_);
    sqlite3_finalize(statement);
    return rows;
  }
  /// The first column of the first row of a query.
  std::string ask(const char* sql) {
    sqlite3_stmt* const statement = prepare(sql);
    EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW) << sql << ": " << sqlite3_errmsg(connection_);
    std::string answer = bytes(statement, 0);
    sqlite3_finalize(statement);
    return answer;
  }
  /// Runs a statement and returns SQLite's code for it.
  int run(const char* sql) { return sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr); }

 private:
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(connection_, sql, -1, &statement, nullptr), SQLITE_OK) << sqlite3_errmsg(connection_);
    return statement;
  }
  static std::string bytes(sqlite3_stmt* statement, int column) {
    const auto* const data = static_cast<const char*>(sqlite3_column_blob(statement, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
    return data == nullptr ? std::string() : std::string(data, size);
  }

  sqlite3* connection_ = nullptr;
};

}  // namespace dictsqlite::testing_support
