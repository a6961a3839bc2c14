#include "support/plain_sqlite.hpp"

#include "support/check.hpp"

#include <absl/strings/str_cat.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

namespace dictsqlite::bench {

namespace {

constexpr std::string_view kUpsert =
    "INSERT INTO main(key,value,expires_at) VALUES(?1,?2,0) "
    "ON CONFLICT(key) DO UPDATE SET value=excluded.value,expires_at=excluded.expires_at";
constexpr std::uint64_t kFrameHeaderBytes = 24;

void execute(sqlite3* database, const std::string& sql) {
  if (sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) die(sql, sqlite3_errmsg(database));
}

}  // namespace

PlainStatement::PlainStatement(sqlite3* database, std::string_view sql, Use use) : database_(database) {
  const int code = sqlite3_prepare_v3(database, sql.data(), static_cast<int>(sql.size()),
                                      use == Use::kOften ? SQLITE_PREPARE_PERSISTENT : 0, &statement_, nullptr);
  if (code != SQLITE_OK) die(sql, sqlite3_errmsg(database));
}

PlainStatement::PlainStatement(PlainStatement&& other) noexcept
    : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)) {}

PlainStatement& PlainStatement::operator=(PlainStatement&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(statement_, other.statement_);
  return *this;
}

PlainStatement::~PlainStatement() { sqlite3_finalize(statement_); }

void PlainStatement::bind_text(int parameter, std::string_view bytes) noexcept {
  sqlite3_bind_text(statement_, parameter, bytes.data(), static_cast<int>(bytes.size()), SQLITE_STATIC);
}

void PlainStatement::bind_blob(int parameter, std::string_view bytes) noexcept {
  sqlite3_bind_blob(statement_, parameter, bytes.data(), static_cast<int>(bytes.size()), SQLITE_STATIC);
}

void PlainStatement::bind_integer(int parameter, std::int64_t number) noexcept {
  sqlite3_bind_int64(statement_, parameter, number);
}

bool PlainStatement::step() {
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE) die(sqlite3_sql(statement_), sqlite3_errmsg(database_));
  return code == SQLITE_ROW;
}

void PlainStatement::reset() noexcept { sqlite3_reset(statement_); }

std::string_view PlainStatement::column_blob(int column) noexcept {
  const void* bytes = sqlite3_column_blob(statement_, column);
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

PlainSqlite::PlainSqlite(const PlainOptions& options) : options_(options) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(options.path.c_str(), &database_, flags, nullptr) != SQLITE_OK) {
    die(options.path, sqlite3_errmsg(database_));
  }
  execute(database_,
          absl::StrCat("PRAGMA page_size=", options.page_bytes, ";PRAGMA journal_mode=WAL;PRAGMA cache_size=-",
                       options.cache_bytes / 1024, ";PRAGMA mmap_size=", options.mmap_bytes,
                       ";PRAGMA temp_store=MEMORY;PRAGMA wal_autocheckpoint=0;PRAGMA synchronous=",
                       options.sync_each_commit ? "FULL" : "NORMAL"));
  execute(database_,
          "CREATE TABLE IF NOT EXISTS main(key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, "
          "expires_at INTEGER NOT NULL DEFAULT 0)");
  sqlite3_wal_hook(database_, &PlainSqlite::count_frames, this);
  begin_ = PlainStatement(database_, "BEGIN IMMEDIATE");
  commit_ = PlainStatement(database_, "COMMIT");
  upsert_ = PlainStatement(database_, kUpsert);
  select_ = PlainStatement(database_, "SELECT value FROM main WHERE key=?1");
  select_range_ = PlainStatement(database_, "SELECT key,value FROM main WHERE key>=?1 ORDER BY key LIMIT ?2");
}

PlainSqlite::~PlainSqlite() {
  for (PlainStatement* statement : {&begin_, &commit_, &upsert_, &select_, &select_range_})
    *statement = PlainStatement();
  sqlite3_db_config(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_close_v2(database_);
  if (log_fd_ >= 0) ::close(log_fd_);
}

void PlainSqlite::begin() {
  begin_.step();
  begin_.reset();
}

void PlainSqlite::upsert(std::string_view key, std::string_view value) {
  upsert_.bind_text(1, key);
  upsert_.bind_blob(2, value);
  upsert_.step();
  upsert_.reset();
}

void PlainSqlite::commit() {
  commit_.step();
  commit_.reset();
  checkpoint_if_large();
}

void PlainSqlite::upsert_alone(std::string_view key, std::string_view value) {
  upsert(key, value);
  checkpoint_if_large();
}

bool PlainSqlite::select(std::string_view key, std::string& value) {
  select_.bind_text(1, key);
  const bool found = select_.step();
  if (found) value.assign(select_.column_blob(0));
  select_.reset();
  return found;
}

std::size_t PlainSqlite::select_range(std::string_view from, std::size_t rows) {
  select_range_.bind_text(1, from);
  select_range_.bind_integer(2, static_cast<std::int64_t>(rows));
  std::size_t seen = 0;
  while (select_range_.step()) seen += select_range_.column_blob(1).empty() ? 0u : 1u;
  select_range_.reset();
  return seen;
}

void PlainSqlite::sync_log() {
  if (log_fd_ < 0) log_fd_ = ::open(absl::StrCat(options_.path, "-wal").c_str(), O_RDWR | O_CLOEXEC);
  if (log_fd_ < 0 || ::fdatasync(log_fd_) != 0) die(options_.path + "-wal", std::generic_category().message(errno));
}

void PlainSqlite::checkpoint() {
  const int code = sqlite3_wal_checkpoint_v2(database_, "main", SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code != SQLITE_OK) die("checkpoint", sqlite3_errmsg(database_));
  log_bytes_ = 0;
  ++checkpoints_;
}

void PlainSqlite::checkpoint_if_large() {
  if (log_bytes_ > options_.wal_bytes) checkpoint();
}

int PlainSqlite::count_frames(void* self, sqlite3* /*database*/, const char* /*name*/, int frames) noexcept {
  PlainSqlite& plain = *static_cast<PlainSqlite*>(self);
  plain.log_bytes_ = static_cast<std::uint64_t>(frames) * (plain.options_.page_bytes + kFrameHeaderBytes);
  return SQLITE_OK;
}

}  // namespace dictsqlite::bench
