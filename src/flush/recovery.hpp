// Recovery: opens the store and brings into it what the log of the last life holds beyond it.
//
// Every row that is replayed is settled, and only then may the next life begin; a crash before that finds the same
// files again and goes on from where the database is.
#pragma once

#include "base/clock.hpp"
#include "io/file_access.hpp"
#include "journal/found_log.hpp"
#include "store/sqlite_store.hpp"

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace dictsqlite::flush {

/// What a recovery did.
struct RecoveryFacts {
  std::uint64_t writes = 0;  // of the log, that the database did not have
  std::uint64_t rows = 0;    // that they were, folded
  base::Nanoseconds time{0};
  std::string lost;  // what of the log did not fit, if that was accepted
};

struct RecoveredStore {
  std::unique_ptr<store::SqliteStore> store;
  journal::FoundLog old_log;  // remove_all() when the next life has begun
  RecoveryFacts facts;
};

/// The log's files beside a database: this and a number.
[[nodiscard]] std::string log_prefix(const std::string& path);
[[nodiscard]] journal::LogIdentity log_identity(const store::Life& life);

/// What is replayed takes about `memory_bytes` at a time. Errors: as SqliteStore::open(), FoundLog::find() and
/// read_log(); kInvalidArgument (a log without its database); kUnavailable (no space).
[[nodiscard]] absl::StatusOr<RecoveredStore> open_and_recover(const store::SqliteOptions& options,
                                                              std::size_t memory_bytes, journal::LogLoss loss,
                                                              io::FileAccess& files, const base::Clock& clock);

}  // namespace dictsqlite::flush
