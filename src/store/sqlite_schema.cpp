#include "store/sqlite_schema.hpp"

#include "store/sqlite_error.hpp"
#include "store/sqlite_header.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>

namespace dictsqlite::store {

namespace {

constexpr std::string_view kCreateMain =
    "CREATE TABLE main(key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, expires_at INTEGER NOT NULL DEFAULT 0)";
constexpr std::string_view kCreateTables =
    "CREATE TABLE dictsqlite_tables(id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE, "
    "cleared_sequence INTEGER NOT NULL DEFAULT 0)";
constexpr std::string_view kCreateMeta =
    "CREATE TABLE dictsqlite_meta(name TEXT PRIMARY KEY NOT NULL, value NOT NULL) WITHOUT ROWID";

struct SchemaRow {
  std::string_view name;
  std::string_view sql;
};

// As sqlite_schema holds them, ordered by name. Indexes that SQLite made for a constraint have no text.
constexpr std::array<SchemaRow, 5> kSchema = {{
    {"dictsqlite_meta", kCreateMeta},
    {"dictsqlite_tables", kCreateTables},
    {"main", kCreateMain},
    {"sqlite_autoindex_dictsqlite_tables_1", ""},
    {"sqlite_autoindex_main_1", ""},
}};

// ANALYZE leaves these behind; our queries name their index, so what they say changes nothing.
bool is_statistics(std::string_view name) noexcept { return name == "sqlite_stat1" || name == "sqlite_stat4"; }

constexpr std::size_t kDatabaseIdDigits = 32;

bool is_database_id(std::string_view text) noexcept {
  return text.size() == kDatabaseIdDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

absl::Status damaged(const Connection& connection, std::string_view what) {
  return absl::DataLossError(absl::StrCat("'", connection.path(), "': ", message_part(what)));
}

// The meta rows while they are being read; -1 and empty stand for "not seen".
struct MetaRows {
  std::int64_t format_version = -1;
  std::int64_t epoch = -1;
  std::int64_t last_sequence = -1;
  std::int64_t log_id = 0;  // the first databases had no such row, and no log
  std::string database_id;
};

// Names unknown to us are left alone: a later library may have put them there without changing the format.
void take_row(const Statement& row, MetaRows& rows) {
  const std::string_view name = row.column_bytes(0);
  const bool integer = row.column_type(1) == SQLITE_INTEGER;
  if (name == "format_version" && integer) rows.format_version = row.column_integer(1);
  if (name == "epoch" && integer) rows.epoch = row.column_integer(1);
  if (name == "last_sequence" && integer) rows.last_sequence = row.column_integer(1);
  if (name == "log_id" && integer) rows.log_id = row.column_integer(1);
  if (name == "database_id" && row.column_type(1) == SQLITE_TEXT) rows.database_id = row.column_bytes(1);
}

}  // namespace

absl::Status create_schema(Connection& connection, std::uint32_t page_bytes, const std::string& database_id) {
  return connection.execute(absl::StrCat(
      "PRAGMA page_size=", page_bytes, ";PRAGMA encoding='UTF-8';PRAGMA auto_vacuum=NONE;",
      "PRAGMA journal_mode=MEMORY;PRAGMA synchronous=FULL;", "BEGIN IMMEDIATE;PRAGMA application_id=", kApplicationId,
      ";PRAGMA user_version=", kFormatVersion, ";", message_part(kCreateMain), ";", message_part(kCreateTables), ";",
      message_part(kCreateMeta), ";", "INSERT INTO dictsqlite_tables(id,name) VALUES(1,'main');",
      "INSERT INTO dictsqlite_meta VALUES('format_version',", kFormatVersion, "),('database_id','", database_id,
      "'),('epoch',0),('log_id',0),('last_sequence',0);COMMIT;PRAGMA journal_mode=WAL;"));
}

absl::Status check_schema(Connection& connection) {
  absl::StatusOr<Statement> rows = connection.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name");
  if (!rows.ok()) return rows.status();
  std::size_t matched = 0;
  int code = SQLITE_OK;
  while ((code = rows->step()) == SQLITE_ROW) {
    const std::string_view name = rows->column_bytes(0);
    if (is_statistics(name)) continue;
    if (matched == kSchema.size() || kSchema[matched].name != name || kSchema[matched].sql != rows->column_bytes(1)) {
      return absl::InvalidArgumentError(absl::StrCat("'", connection.path(), "' has a schema that is not ours, at '",
                                                     message_part(name.substr(0, 64)), "'"));
    }
    ++matched;
  }
  if (code != SQLITE_DONE) return connection.error(code, "reading the schema of");
  if (matched != kSchema.size()) {
    return absl::InvalidArgumentError(absl::StrCat("'", connection.path(), "' has a schema that is not ours: no '",
                                                   message_part(kSchema[matched].name), "'"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Meta> read_meta(Connection& connection) {
  absl::StatusOr<Statement> statement = connection.prepare("SELECT name, value FROM dictsqlite_meta");
  if (!statement.ok()) return statement.status();
  MetaRows rows;
  int code = SQLITE_OK;
  while ((code = statement->step()) == SQLITE_ROW) take_row(*statement, rows);
  if (code != SQLITE_DONE) return connection.error(code, "reading the meta rows of");
  if (rows.format_version > static_cast<std::int64_t>(kFormatVersion)) {
    return absl::UnimplementedError(
        absl::StrCat("'", connection.path(), "' has format ", rows.format_version, ", newer than this library"));
  }
  if (rows.format_version != static_cast<std::int64_t>(kFormatVersion)) return damaged(connection, "no format version");
  if (rows.epoch < 0) return damaged(connection, "no epoch");
  if (rows.log_id < 0) return damaged(connection, "no id of its log");
  if (rows.last_sequence < 0) return damaged(connection, "no last sequence");
  if (static_cast<std::uint64_t>(rows.last_sequence) > kLastSequenceMax) {
    return damaged(connection, "the last sequence is out of range");
  }
  if (!is_database_id(rows.database_id)) return damaged(connection, "no database id");
  return Meta{std::move(rows.database_id), static_cast<std::uint64_t>(rows.epoch),
              static_cast<std::uint64_t>(rows.log_id), static_cast<std::uint64_t>(rows.last_sequence)};
}

absl::StatusOr<IndexedTable> find_main(Connection& connection) {
  absl::StatusOr<Statement> roots = connection.prepare(
      "SELECT i.rootpage, t.rootpage FROM sqlite_schema i, sqlite_schema t "
      "WHERE i.name='sqlite_autoindex_main_1' AND t.name='main'");
  if (!roots.ok()) return roots.status();
  const int code = roots->step();
  if (code == SQLITE_DONE) return damaged(connection, "no table main");
  if (code != SQLITE_ROW) return connection.error(code, "reading the schema of");
  return IndexedTable{static_cast<std::uint32_t>(roots->column_integer(0)),
                      static_cast<std::uint32_t>(roots->column_integer(1))};
}

absl::Status raise_epoch(Connection& connection, std::uint64_t log_id) {
  return connection.execute(absl::StrCat("BEGIN IMMEDIATE;UPDATE dictsqlite_meta SET value=value+1 WHERE name='epoch';",
                                         "INSERT OR REPLACE INTO dictsqlite_meta VALUES('log_id',", log_id,
                                         ");COMMIT;"));
}

absl::Status forget_log(Connection& connection) {
  return connection.execute("UPDATE dictsqlite_meta SET value=0 WHERE name='log_id'");
}

}  // namespace dictsqlite::store
