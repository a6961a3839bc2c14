#include "support/autocommit_sqlite.hpp"

#include "support/check.hpp"
#include "support/plain_sqlite.hpp"

#include <sqlite3.h>

namespace dictsqlite::bench {

namespace {

constexpr const char* kSetUp =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-64000; PRAGMA temp_store=MEMORY;"
    "PRAGMA mmap_size=30000000000; PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL;"
    "CREATE TABLE IF NOT EXISTS kv_store (key TEXT PRIMARY KEY, value BLOB NOT NULL, tier INTEGER DEFAULT 2,"
    " access_count INTEGER DEFAULT 0, last_access INTEGER DEFAULT 0);"
    "CREATE INDEX IF NOT EXISTS idx_access ON kv_store(access_count DESC, last_access DESC);";
constexpr std::string_view kWrite =
    "INSERT OR REPLACE INTO kv_store (key, value, tier, last_access) VALUES (?1, ?2, 2, strftime('%s','now'))";

}  // namespace

AutocommitSqlite::AutocommitSqlite(const std::string& path) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(path.c_str(), &database_, flags, nullptr) != SQLITE_OK) die(path, sqlite3_errmsg(database_));
  if (sqlite3_exec(database_, kSetUp, nullptr, nullptr, nullptr) != SQLITE_OK) die(path, sqlite3_errmsg(database_));
}

AutocommitSqlite::~AutocommitSqlite() { sqlite3_close_v2(database_); }

void AutocommitSqlite::write(std::string_view key, std::string_view value) {
  PlainStatement statement(database_, kWrite, PlainStatement::Use::kOnce);
  statement.bind_text(1, key);
  statement.bind_blob(2, value);
  statement.step();
}

}  // namespace dictsqlite::bench
