// The first 100 bytes of a database file: enough to tell whether it is ours, without leaving a trace.
//
// Read through SQLite's VFS, which keeps this process's POSIX locks on the file alive (a descriptor of our own
// would drop them when closed); no lock is taken and no -wal or -shm appears.
#pragma once

#include <absl/status/status.h>

#include <sqlite3.h>

#include <cstdint>
#include <string>

namespace dictsqlite::store {

/// "DSQL" as a big-endian integer, in SQLite's `application_id`.
inline constexpr std::uint32_t kApplicationId = 0x4453514c;
/// In SQLite's `user_version`, and in the meta table.
inline constexpr std::uint32_t kFormatVersion = 1;

/// Refuses a file that is not ours. Errors: kInvalidArgument (no SQLite database, or another program's),
/// kUnimplemented (a newer format), kDataLoss (ours, but damaged), kPermissionDenied, kInternal.
[[nodiscard]] absl::Status check_header(sqlite3_vfs& vfs, const std::string& path);

}  // namespace dictsqlite::store
