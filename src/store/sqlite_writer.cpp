#include "store/sqlite_writer.hpp"

#include "base/assert.hpp"
#include "base/seeded_bug.hpp"
#include "store/random_bytes.hpp"
#include "store/sqlite_error.hpp"

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

namespace dictsqlite::store {

namespace {

constexpr std::string_view kUpsert =
    "INSERT INTO main(key,value,expires_at) VALUES(?1,?2,?3) "
    "ON CONFLICT(key) DO UPDATE SET value=excluded.value,expires_at=excluded.expires_at";
constexpr std::string_view kErase = "DELETE FROM main WHERE key=?1";

// Frame of the log: a page and its header.
constexpr std::uint64_t kFrameHeaderBytes = 24;
constexpr std::uint64_t kLogHeaderBytes = 32;

// Rows are fetched into the processor's cache so many rows before SQLite copies them; of long values the beginning.
constexpr std::size_t kRowsAhead = 3;
constexpr std::size_t kFetchBytesMax = 256;
constexpr std::size_t kFetchStep = 64;

void prefetch(const RowWrite& row) noexcept {
  __builtin_prefetch(row.key.data());
  const std::size_t bytes = std::min(row.value.size(), kFetchBytesMax);
  for (std::size_t offset = 0; offset < bytes; offset += kFetchStep) __builtin_prefetch(row.value.data() + offset);
  if (bytes != 0) __builtin_prefetch(row.value.data() + bytes - 1);
}

constexpr bool done(int code) noexcept { return code == SQLITE_DONE || code == SQLITE_ROW; }

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteWriter>> SqliteWriter::open(io::FileAccess& files, sqlite3_vfs& below,
                                                                 const WriterOptions& options) {
  std::unique_ptr<SqliteWriter> writer(new SqliteWriter(files, below, options));
  absl::Status status = writer->start(options);
  if (!status.ok()) return status;
  return writer;
}

SqliteWriter::SqliteWriter(io::FileAccess& files, sqlite3_vfs& below, const WriterOptions& options)
    : files_(files), below_(below), mark_(files, options.path), guard_(mark_, options.path), vfs_(below, guard_) {}

SqliteWriter::~SqliteWriter() { end(); }

// --- opening ---

absl::Status SqliteWriter::start(const WriterOptions& options) {
  const absl::StatusOr<bool> failed_before = mark_.found();
  if (!failed_before.ok()) return failed_before.status();
  if (*failed_before) vfs_.insist_on_sole_use();
  absl::Status status = open_connection(options);
  if (!status.ok()) return status;
  status = inspect();
  // A refused file must be as it was: if there was no log, SQLite's own closing removes the one that opening made.
  const bool log_is_new = vfs_.ownership() == OwnerVfs::Ownership::kOwned && !vfs_.found_log();
  if (!status.ok()) {
    connection_.checkpoint_on_close(log_is_new);
    return status;
  }
  status = configure(options);
  if (status.ok()) status = make_durable();
  if (status.ok() && *failed_before) status = mark_.remove();
  if (!status.ok()) return guard_.failed() ? guard_.failure() : status;
  return prepare_statements();
}

// Rows of any length: what this life takes was looked at before it came here, and the log of an earlier one may hold
// longer rows than the options of this one allow.
absl::Status SqliteWriter::open_connection(const WriterOptions& options) {
  const VfsLayer::Registration registration(vfs_);
  if (!registration.ok()) return absl::ResourceExhaustedError("no memory to register a VFS");
  const ConnectionOptions connection_options{.access = Access::kReadWrite,
                                             .vfs_name = vfs_.name(),
                                             .cache_bytes = options.cache_bytes,
                                             .row_bytes_max = kRowBytesUnbounded};
  absl::StatusOr<Connection> connection = Connection::open(options.path, connection_options);
  if (!connection.ok()) return connection.status();
  connection_ = *std::move(connection);
  return absl::OkStatus();
}

absl::Status SqliteWriter::inspect() {
  absl::Status status = read_as_owner();
  if (!status.ok() || vfs_.ownership() == OwnerVfs::Ownership::kOwned) return status;
  // Somebody has switched the database to another journal mode: it has no log yet, and could be read without.
  const absl::StatusOr<std::string> mode = connection_.query_text("PRAGMA journal_mode=WAL");
  if (!mode.ok()) return mode.status();
  status = read_as_owner();
  if (!status.ok() || vfs_.ownership() == OwnerVfs::Ownership::kOwned) return status;
  return absl::InternalError(absl::StrCat("SQLite opens no write-ahead log for '", connection_.path(), "'"));
}

// The first statement makes SQLite open log and index, and the VFS take the locks.
absl::Status SqliteWriter::read_as_owner() {
  absl::Status status = check_schema(connection_);
  if (vfs_.ownership() == OwnerVfs::Ownership::kRefused) {
    return absl::UnavailableError(
        absl::StrCat("'", connection_.path(), "' is open for writing, in this process or another"));
  }
  if (vfs_.ownership() == OwnerVfs::Ownership::kNotAlone) {
    return absl::UnavailableError(absl::StrCat("'", connection_.path(),
                                               "' is open in another process, and has to be recovered alone because a ",
                                               "write or sync of its last owner failed ('", mark_.path(), "')"));
  }
  if (vfs_.ownership() == OwnerVfs::Ownership::kFailed) {
    return sqlite_status(vfs_.failure_code(), vfs_.failure_errno(),
                         absl::StrCat("taking over '", connection_.path(), "' and its log"));
  }
  if (!status.ok()) return status;
  absl::StatusOr<Meta> meta = read_meta(connection_);
  if (!meta.ok()) return meta.status();
  last_sequence_ = meta->last_sequence;
  const std::string id = absl::HexStringToBytes(meta->database_id);
  std::memcpy(life_.database_id.data(), id.data(), std::min(id.size(), life_.database_id.size()));
  life_.epoch = meta->epoch;
  life_.log_id = meta->log_id;
  return absl::OkStatus();
}

// synchronous=FULL is for the VFS: see "gathering" there.
absl::Status SqliteWriter::configure(const WriterOptions& options) {
  const ConnectionOptions connection_options{
      .access = Access::kReadWrite, .vfs_name = vfs_.name(), .cache_bytes = options.cache_bytes};
  absl::Status status = connection_.configure(connection_options);
  if (!status.ok()) return status;
  status = connection_.execute(absl::StrCat("PRAGMA synchronous=FULL;PRAGMA secure_delete=FAST;",
                                            "PRAGMA journal_size_limit=", options.log_bytes_kept, ";"));
  if (!status.ok()) return status;
  const absl::StatusOr<std::string> page_bytes = connection_.query_text("PRAGMA page_size");
  if (!page_bytes.ok()) return page_bytes.status();
  page_bytes_ = std::strtoull(page_bytes->c_str(), nullptr, 10);
  sqlite3_wal_hook(connection_.handle(), &SqliteWriter::count_frames, this);
  return absl::OkStatus();
}

// After this, whatever this life finds in the database survives a power loss.
absl::Status SqliteWriter::make_durable() {
  if (vfs_.found_log()) {
    const absl::StatusOr<bool> copied = run_checkpoint(SQLITE_CHECKPOINT_PASSIVE);
    if (!copied.ok()) return copied.status();
  }
  absl::Status status = vfs_.sync_log();
  if (!status.ok()) return status;
  status = files_.sync_directory(connection_.path());
  if (!status.ok()) return status;
  const absl::StatusOr<int> fd = files_.open_log(absl::StrCat(connection_.path(), "-wal"));
  if (!fd.ok()) return fd.status();
  log_fd_ = *fd;
  return absl::OkStatus();
}

absl::Status SqliteWriter::begin_life(std::uint64_t log_id) {
  if (guard_.failed()) return guard_.failure();
  absl::Status status;
  {
    const OwnerVfs::CommitScope scope(vfs_);
    status = raise_epoch(connection_, log_id);
  }
  if (!status.ok()) return roll_back(status);
  ++life_.epoch;
  life_.log_id = log_id;
  if (!DICTSQLITE_SEEDED_BUG(kEpochNotSynced)) status = vfs_.sync_log();
  return guard_.failed() ? guard_.failure() : status;
}

std::uint64_t SqliteWriter::draw_log_id() noexcept {
  std::array<char, sizeof(std::uint64_t)> drawn{};
  draw_random(below_, drawn);
  return std::max<std::uint64_t>(std::bit_cast<std::uint64_t>(drawn) >> 1, 1);  // SQLite's integers are signed
}

absl::Status SqliteWriter::prepare_statements() {
  const std::pair<Statement*, std::string_view> statements[] = {
      {&begin_, "BEGIN IMMEDIATE"}, {&commit_, "COMMIT"}, {&rollback_, "ROLLBACK"},
      {&upsert_, kUpsert},          {&erase_, kErase},    {&update_last_sequence_, kUpdateLastSequence},
  };
  for (const auto& [statement, sql] : statements) {
    absl::StatusOr<Statement> prepared = connection_.prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = *std::move(prepared);
  }
  return absl::OkStatus();
}

// --- applying ---

absl::Status SqliteWriter::apply(RowPortions portions, std::uint64_t last_sequence) {
  DICTSQLITE_ASSERT(begin_.prepared(), "a closed writer applies nothing");
  if (guard_.failed()) return guard_.failure();
  int code = begin_.step();
  begin_.reset();
  if (done(code)) code = write_all(portions);
  if (done(code)) code = write_last_sequence(DICTSQLITE_SEEDED_BUG(kLastSequenceLate) ? last_sequence_ : last_sequence);
  if (done(code)) code = commit();
  if (code == SQLITE_ABORT) return roll_back(absl::AbortedError("a transaction was given up"));
  if (!done(code)) return roll_back(connection_.error(code, "writing to"));
  last_sequence_ = last_sequence;
  ++commits_;
  return guard_.failure();  // SQLite does not tell of everything that failed: of cutting the log, for one
}

int SqliteWriter::write_all(RowPortions portions) noexcept {
  for (;;) {
    const std::optional<std::span<const RowWrite>> rows = portions();
    if (!rows) return SQLITE_ABORT;
    if (rows->empty()) return SQLITE_DONE;
    const int code = write_rows(*rows);
    if (!done(code)) return code;
  }
}

int SqliteWriter::write_rows(std::span<const RowWrite> rows) noexcept {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i + kRowsAhead < rows.size()) prefetch(rows[i + kRowsAhead]);
    const int code = write_row(rows[i]);
    if (!done(code)) return code;
  }
  return SQLITE_DONE;
}

int SqliteWriter::write_row(const RowWrite& row) noexcept {
  DICTSQLITE_ASSERT(row.table_id == kMainTable, "there is one table yet");
  Statement& statement = row.kind == RowKind::kSet ? upsert_ : erase_;
  int code = statement.bind_text(1, row.key);
  if (row.kind == RowKind::kSet) {
    if (code == SQLITE_OK) code = statement.bind_blob(2, row.value);
    if (code == SQLITE_OK) code = statement.bind_integer(3, row.expires_at);
  }
  if (code != SQLITE_OK) return code;
  code = statement.step();
  statement.reset();
  if (DICTSQLITE_SEEDED_BUG(kTransactionSplit) && done(code) && done(commit())) code = begin_.step();
  return code;
}

int SqliteWriter::write_last_sequence(std::uint64_t last_sequence) noexcept {
  int code = update_last_sequence_.bind_integer(1, static_cast<std::int64_t>(last_sequence));
  if (code != SQLITE_OK) return code;
  code = update_last_sequence_.step();
  update_last_sequence_.reset();
  return code;
}

int SqliteWriter::commit() noexcept {
  const OwnerVfs::CommitScope scope(vfs_);
  const int code = commit_.step();
  commit_.reset();
  return code;
}

// SQLite rolls back by itself after some errors and leaves the transaction open after others.
absl::Status SqliteWriter::roll_back(const absl::Status& status) {
  if (sqlite3_get_autocommit(connection_.handle()) == 0) {
    const int rolled_back = rollback_.step();
    rollback_.reset();
    if (!done(rolled_back)) {
      return absl::InternalError(
          absl::StrCat(status.message(), "; and rolling back: ", connection_.error(rolled_back, "").message()));
    }
  }
  vfs_.rolled_back();
  return guard_.failed() ? guard_.failure() : status;
}

// --- syncs and checkpoints ---

int SqliteWriter::sync_descriptor() noexcept {
  DICTSQLITE_ASSERT(!guard_.log_sync_in_flight(), "one sync of the log at a time");
  if (guard_.failed() || commits_ == commits_synced_) return -1;
  commits_syncing_ = commits_;
  guard_.log_sync_started();
  return log_fd_;
}

void SqliteWriter::sync_finished(int error) noexcept {
  DICTSQLITE_ASSERT(guard_.log_sync_in_flight(), "a sync that was started");
  guard_.log_sync_finished(error);
  if (!guard_.failed()) commits_synced_ = commits_syncing_;
}

absl::StatusOr<bool> SqliteWriter::checkpoint() {
  DICTSQLITE_ASSERT(begin_.prepared(), "a closed writer has no log");
  return run_checkpoint(SQLITE_CHECKPOINT_PASSIVE);
}

// PASSIVE waits for nobody. After it copied everything, the next transaction starts the log over if no reader is
// still inside it.
absl::StatusOr<bool> SqliteWriter::run_checkpoint(int mode) {
  DICTSQLITE_ASSERT(!guard_.log_sync_in_flight(), "a checkpoint syncs the log itself");
  if (guard_.failed()) return guard_.failure();
  const std::uint64_t syncs_before = guard_.log_syncs();
  int frames = 0;
  int copied = 0;
  const int code = sqlite3_wal_checkpoint_v2(connection_.handle(), "main", mode, &frames, &copied);
  if (guard_.failed()) return guard_.failure();
  const bool blocked = code == SQLITE_BUSY || (code == SQLITE_OK && copied < frames);
  if (code != SQLITE_OK && !blocked) return connection_.error(code, "checkpoint of");
  // A blocked checkpoint has synced the log only if there was something that it could copy.
  if (!blocked || guard_.log_syncs() != syncs_before) commits_synced_ = commits_;
  set_log_frames(static_cast<std::uint64_t>(std::max(frames, 0)), static_cast<std::uint64_t>(std::max(copied, 0)));
  ++(blocked ? counters_.checkpoints_blocked : counters_.checkpoints);
  return !blocked;
}

int SqliteWriter::count_frames(void* writer, sqlite3* /*database*/, const char* /*name*/, int frames) noexcept {
  SqliteWriter& self = *static_cast<SqliteWriter*>(writer);
  const bool started_over = std::exchange(self.log_starts_, self.vfs_.log_starts()) != self.vfs_.log_starts();
  self.set_log_frames(static_cast<std::uint64_t>(frames), started_over ? 0 : self.frames_copied_);
  return SQLITE_OK;
}

void SqliteWriter::set_log_frames(std::uint64_t frames, std::uint64_t copied) noexcept {
  const std::uint64_t frame_bytes = page_bytes_ + kFrameHeaderBytes;
  frames_copied_ = copied;
  counters_.wal_bytes = frames == 0 ? 0 : kLogHeaderBytes + frames * frame_bytes;
  counters_.wal_bytes_uncopied = (frames - copied) * frame_bytes;
}

// --- ending ---

absl::Status SqliteWriter::close(ClosingLog log) {
  DICTSQLITE_ASSERT(begin_.prepared(), "a writer is closed once");
  if (DICTSQLITE_SEEDED_BUG(kCloseWithoutSync)) return end(), absl::OkStatus();
  absl::StatusOr<bool> copied = false;
  if (life_.log_id != 0 && !guard_.failed()) {
    const OwnerVfs::CommitScope scope(vfs_);
    const absl::Status forgotten = forget_log(connection_);
    if (!forgotten.ok()) {  // then the log is needed: no OK, with which it would be removed
      vfs_.rolled_back();
      end();
      if (guard_.failed()) return guard_.failure();
      return absl::Status(forgotten.code(), absl::StrCat(forgotten.message(), "; the log is kept for the next open"));
    }
  }
  if (copied.ok() && log == ClosingLog::kCopied) copied = run_checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
  absl::Status status = copied.status();
  const bool full = absl::IsUnavailable(status);
  // What is not copied stays in the log, which then has to survive by itself.
  if (full || (copied.ok() && !*copied)) status = vfs_.sync_log();
  connection_.checkpoint_on_close(log == ClosingLog::kCopied && status.ok() && !full);
  end();
  return status.ok() && guard_.failed() ? guard_.failure() : status;
}

void SqliteWriter::end() noexcept {
  for (Statement* statement : {&begin_, &commit_, &rollback_, &upsert_, &erase_, &update_last_sequence_}) {
    statement->finalize();
  }
  connection_.close();
  if (log_fd_ >= 0) files_.close_log(std::exchange(log_fd_, -1));
}

}  // namespace dictsqlite::store
