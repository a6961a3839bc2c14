#include "store/sqlite_connection.hpp"

#include "base/assert.hpp"
#include "store/sqlite_error.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>

namespace dictsqlite::store {

namespace {

// What a row's record takes beside key and value: its header and the expiry.
constexpr std::size_t kRecordOverheadBytes = 64;
// Room for the schema's own rows.
constexpr std::size_t kLengthLimitMin = 4096;
constexpr std::size_t kLengthLimitMax = kRowBytesUnbounded;

struct Limit {
  int which;
  int value;
};

// Just above what our statements need, so that a hostile file finds little to work with.
constexpr Limit kLimits[] = {
    {SQLITE_LIMIT_SQL_LENGTH, 4096},
    {SQLITE_LIMIT_COLUMN, 16},
    {SQLITE_LIMIT_EXPR_DEPTH, 32},
    {SQLITE_LIMIT_COMPOUND_SELECT, 2},
    {SQLITE_LIMIT_VDBE_OP, 4096},
    {SQLITE_LIMIT_FUNCTION_ARG, 8},
    {SQLITE_LIMIT_ATTACHED, 0},
    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 64},
    {SQLITE_LIMIT_VARIABLE_NUMBER, kParametersMax},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
    {SQLITE_LIMIT_WORKER_THREADS, 0},
};

struct Switch {
  int which;
  int value;
};

constexpr Switch kSwitches[] = {
    {SQLITE_DBCONFIG_DEFENSIVE, 1},   {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
    {SQLITE_DBCONFIG_ENABLE_VIEW, 0}, {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0}, {SQLITE_DBCONFIG_DQS_DML, 0},
    {SQLITE_DBCONFIG_DQS_DDL, 0},     {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
};

const char* non_null(std::string_view bytes) noexcept { return bytes.data() == nullptr ? "" : bytes.data(); }

}  // namespace

// A null pointer would bind NULL instead of zero bytes.
int Statement::bind_text(int parameter, std::string_view bytes) noexcept {
  return sqlite3_bind_text64(statement_.get(), parameter, non_null(bytes), bytes.size(), SQLITE_STATIC, SQLITE_UTF8);
}

int Statement::bind_blob(int parameter, std::string_view bytes) noexcept {
  return sqlite3_bind_blob64(statement_.get(), parameter, non_null(bytes), bytes.size(), SQLITE_STATIC);
}

int Statement::bind_integer(int parameter, std::int64_t value) noexcept {
  return sqlite3_bind_int64(statement_.get(), parameter, value);
}

int Statement::column_type(int column) const noexcept { return sqlite3_column_type(statement_.get(), column); }

std::string_view Statement::column_bytes(int column) const noexcept {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int count = sqlite3_column_bytes(statement_.get(), column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(count)};
}

std::int64_t Statement::column_integer(int column) const noexcept {
  return sqlite3_column_int64(statement_.get(), column);
}

void Connection::Closer::operator()(sqlite3* database) const noexcept {
  const int code = sqlite3_close(database);
  DICTSQLITE_ASSERT(code == SQLITE_OK, "a statement outlived its connection");
}

absl::StatusOr<Connection> Connection::open(const std::string& path, const ConnectionOptions& options) {
  DICTSQLITE_ASSERT(path.starts_with('/'), "paths are made absolute before they come here");
  const int access = options.access == Access::kReadWrite ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  const int flags = access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
  sqlite3* opened = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &opened, flags, options.vfs_name.empty() ? nullptr : options.vfs_name.c_str());
  Connection connection;
  connection.database_.reset(opened);
  connection.path_ = path;
  if (code != SQLITE_OK) return connection.error(code, "opening");
  if (options.access == Access::kReadWrite && sqlite3_db_readonly(opened, "main") != 0) {
    return absl::PermissionDeniedError(absl::StrCat("opening '", path, "': the file is not writable"));
  }
  connection.harden(options);
  return connection;
}

void Connection::harden(const ConnectionOptions& options) noexcept {
  for (const Switch& change : kSwitches) {
    const int code = sqlite3_db_config(database_.get(), change.which, change.value, static_cast<int*>(nullptr));
    DICTSQLITE_ASSERT(code == SQLITE_OK, "this SQLite lacks a hardening switch that 3.40 has");
  }
  for (const Limit& limit : kLimits) sqlite3_limit(database_.get(), limit.which, limit.value);
  const std::size_t length = std::clamp(options.row_bytes_max + kRecordOverheadBytes, kLengthLimitMin, kLengthLimitMax);
  sqlite3_limit(database_.get(), SQLITE_LIMIT_LENGTH, static_cast<int>(length));
  sqlite3_wal_autocheckpoint(database_.get(), 0);
}

absl::Status Connection::configure(const ConnectionOptions& options) {
  const std::size_t cache_kib = std::max<std::size_t>(options.cache_bytes / 1024, 64);
  return execute(absl::StrCat(
      "PRAGMA cache_size=-", cache_kib, ";PRAGMA mmap_size=", options.map_bytes,
      ";PRAGMA temp_store=MEMORY;PRAGMA query_only=", options.access == Access::kReadOnly ? "ON" : "OFF", ";"));
}

absl::StatusOr<Statement> Connection::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return error(code, absl::StrCat("preparing \"", message_part(sql.substr(0, 60)), "\" for"));
  return Statement(statement);
}

absl::Status Connection::execute(const std::string& sql) {
  const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error(code, absl::StrCat("running \"", sql.substr(0, 60), "\" on"));
  return absl::OkStatus();
}

absl::StatusOr<std::string> Connection::query_text(const std::string& sql) {
  absl::StatusOr<Statement> statement = prepare(sql);
  if (!statement.ok()) return statement.status();
  const int code = statement->step();
  if (code == SQLITE_DONE) return std::string();
  if (code != SQLITE_ROW) return error(code, absl::StrCat("running \"", sql.substr(0, 60), "\" on"));
  const unsigned char* text = sqlite3_column_text(statement->handle(), 0);
  return std::string(text == nullptr ? "" : reinterpret_cast<const char*>(text));
}

void Connection::checkpoint_on_close(bool allowed) noexcept {
  sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, allowed ? 0 : 1, static_cast<int*>(nullptr));
}

absl::Status Connection::error(int code, std::string_view attempted) const {
  return sqlite_status(database_.get(), code, absl::StrCat(message_part(attempted), " '", path_, "'"));
}

}  // namespace dictsqlite::store
