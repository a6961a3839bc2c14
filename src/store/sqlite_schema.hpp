// What is in a dictsqlite file: the tables, their exact text, and the meta rows.
//
//   main               the rows of the dictionary "main"; other dictionaries get tables of the same shape
//   dictsqlite_tables  the dictionaries, by number
//   dictsqlite_meta    format version, database id, epoch, log id, last sequence, by name
#pragma once

#include "store/group_prefetch.hpp"
#include "store/sqlite_connection.hpp"

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace dictsqlite::store {

/// The sequence of the newest write in the database: every transaction brings it up to date, every snapshot reads it.
inline constexpr std::string_view kSelectLastSequence = "SELECT value FROM dictsqlite_meta WHERE name='last_sequence'";
inline constexpr std::string_view kUpdateLastSequence =
    "UPDATE dictsqlite_meta SET value=?1 WHERE name='last_sequence'";

/// More than any life writes, and little enough that numbers derived from it do not overflow.
inline constexpr std::uint64_t kLastSequenceMax = std::uint64_t{1} << 61;

struct Meta {
  std::string database_id;          // 16 random bytes in hex, given at creation
  std::uint64_t epoch = 0;          // how many times the database was opened for writing
  std::uint64_t log_id = 0;         // of the log beside it that is needed with it; 0: none
  std::uint64_t last_sequence = 0;  // of the newest write in the tables
};

/// Fills an empty file in one transaction, and makes it a WAL database. `database_id` is 32 hex digits.
[[nodiscard]] absl::Status create_schema(Connection& connection, std::uint32_t page_bytes,
                                         const std::string& database_id);

/// Errors: kInvalidArgument (tables, indexes, views or triggers other than ours), kDataLoss (damaged).
[[nodiscard]] absl::Status check_schema(Connection& connection);

/// Errors: kUnimplemented (a newer format), kDataLoss (a row is missing or of the wrong type).
[[nodiscard]] absl::StatusOr<Meta> read_meta(Connection& connection);

/// Where table main and its index have their roots, for as long as nobody runs VACUUM.
[[nodiscard]] absl::StatusOr<IndexedTable> find_main(Connection& connection);

/// Commits the next epoch, and the id of its log; durable with the next sync of the write-ahead log.
[[nodiscard]] absl::Status raise_epoch(Connection& connection, std::uint64_t log_id);
/// Commits that no log is needed.
[[nodiscard]] absl::Status forget_log(Connection& connection);

}  // namespace dictsqlite::store
