// The columns of a row as our SELECTs return them, with their types checked: another program may have put anything
// there while the database was closed.
#pragma once

#include "store/sqlite_connection.hpp"

namespace dictsqlite::store {

/// Columns of every SELECT of rows: key, value, expires_at.
inline constexpr int kKeyColumn = 0;
inline constexpr int kValueColumn = 1;
inline constexpr int kExpiryColumn = 2;

/// A value may be TEXT as well (what the sqlite3 program stores for a quoted literal): its bytes are as good.
[[nodiscard]] inline bool row_types_ok(const Statement& row) noexcept {
  const int value = row.column_type(kValueColumn);
  return row.column_type(kKeyColumn) == SQLITE_TEXT && (value == SQLITE_BLOB || value == SQLITE_TEXT) &&
         row.column_type(kExpiryColumn) == SQLITE_INTEGER;
}

}  // namespace dictsqlite::store
