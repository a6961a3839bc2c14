// Makes a new database file appear complete and in one step.
#pragma once

#include "io/file_access.hpp"

#include <absl/status/status.h>

#include <sqlite3.h>

#include <cstdint>
#include <string>

namespace dictsqlite::store {

/// Builds the database under a random name beside `path`, mode 0600, synced, and then gives it its name. So a crash
/// leaves either no database or a whole one (and perhaps the file with the random name). If another process was
/// faster, its file stays. The name is durable after the next sync of the directory.
/// Errors: kInvalidArgument (a log without its database lies there), kUnavailable (no space), kPermissionDenied,
/// kInternal.
[[nodiscard]] absl::Status create_database(io::FileAccess& files, sqlite3_vfs& vfs, const std::string& path,
                                           std::uint32_t page_bytes);

}  // namespace dictsqlite::store
