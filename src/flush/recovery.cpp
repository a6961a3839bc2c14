#include "flush/recovery.hpp"

#include "base/seeded_bug.hpp"
#include "flush/replay.hpp"
#include "io/errno_status.hpp"
#include "journal/log_reader.hpp"

#include <absl/strings/str_cat.h>

#include <utility>

namespace dictsqlite::flush {

namespace {

// Everything applied survives in SQLite's own files after this.
absl::Status settle(store::StoreWriter& writer, io::FileAccess& files) {
  const absl::StatusOr<bool> copied = writer.checkpoint();
  if (!copied.ok() && !absl::IsUnavailable(copied.status())) return copied.status();
  if (copied.ok() && *copied) return absl::OkStatus();
  // A reader or a full disk is in the way: then by the write-ahead log.
  const int fd = writer.sync_descriptor();
  if (fd < 0) return absl::OkStatus();
  const int error = files.data_sync(fd);
  writer.sync_finished(error);
  if (error == 0) return absl::OkStatus();
  return absl::InternalError(io::errno_status(error, "sync of the write-ahead log").message());
}

// Beside a log a new database would be refused once it is there.
absl::Status refuse_orphan(const std::string& path, io::FileAccess& files) {
  const absl::StatusOr<std::string> resolved = files.resolve_directory(path);
  if (!resolved.ok()) return absl::OkStatus();  // opening says what is wrong
  const absl::StatusOr<io::FileFacts> facts = files.facts(*resolved);
  if (!facts.ok() || facts->kind != io::FileKind::kMissing) return absl::OkStatus();
  const absl::StatusOr<std::string> orphan = journal::FoundLog::any(files, log_prefix(*resolved));
  if (!orphan.ok() || orphan->empty()) return orphan.status();
  return absl::InvalidArgumentError(absl::StrCat("'", *orphan, "' is there but not its database '", *resolved,
                                                 "': bring that back, or move the log away"));
}

}  // namespace

std::string log_prefix(const std::string& path) { return absl::StrCat(path, "-log-"); }

journal::LogIdentity log_identity(const store::Life& life) {
  journal::LogIdentity identity;
  identity.database_id = life.database_id;
  identity.epoch = life.epoch;
  identity.life = life.log_id;
  return identity;
}

absl::StatusOr<RecoveredStore> open_and_recover(const store::SqliteOptions& options, std::size_t memory_bytes,
                                                journal::LogLoss loss, io::FileAccess& files,
                                                const base::Clock& clock) {
  absl::Status status = refuse_orphan(options.path, files);
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<store::SqliteStore>> store = store::SqliteStore::open(options);
  if (!store.ok()) return store.status();
  store::StoreWriter& writer = (*store)->writer();
  const base::Instant begin = clock.now();
  absl::StatusOr<journal::FoundLog> log =
      journal::FoundLog::find(files, log_prefix((*store)->path()), log_identity(writer.life()), loss);
  if (!log.ok()) return log.status();
  RecoveryFacts facts;
  if (!log->headers().empty()) {
    Replay replay(writer, {options.log_bytes_kept / 2, memory_bytes});
    absl::Status applying;
    const absl::StatusOr<journal::LogContent> content =
        journal::read_log(log->headers(), *log, writer.last_sequence() + 1,
                          [&](std::uint64_t sequence, std::span<const journal::LogRow> rows) {
                            applying = replay.add(sequence, rows);
                            if (applying.ok()) ++facts.writes;
                            return applying;
                          });
    if (!content.ok()) {
      const bool is_accepted =
          loss == journal::LogLoss::kAccepted && absl::IsDataLoss(content.status()) && applying.ok();
      if (!is_accepted) return content.status();
      facts.lost = std::string(content.status().message());
    }
    status = replay.finish();
    if (DICTSQLITE_SEEDED_BUG(kLogRemovedBeforeSettled)) log->remove_all();
    if (status.ok()) status = settle(writer, files);
    if (!status.ok()) return status;
    facts.rows = replay.rows();
    facts.time = clock.now() - begin;
  }
  status = log->remove_misfits();
  if (!status.ok()) return status;
  if (facts.lost.empty()) facts.lost = log->lost();
  return RecoveredStore{*std::move(store), *std::move(log), facts};
}

}  // namespace dictsqlite::flush
