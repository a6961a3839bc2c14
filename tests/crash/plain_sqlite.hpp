// What plain SQLite finds in a database file: the second opinion, from outside the library.
#pragma once

#include <map>
#include <string>

namespace dictsqlite::kill_loop {

using Content = std::map<std::string, std::string, std::less<>>;

/// Runs integrity_check and adds every row to `content`. `flags` as of sqlite3_open_v2. A sentence if something is
/// wrong. Not in the process that has the file open by the library.
[[nodiscard]] std::string read_by_sqlite(const std::string& path, int flags, Content& content);

}  // namespace dictsqlite::kill_loop
