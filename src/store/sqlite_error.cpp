#include "store/sqlite_error.hpp"

#include "io/errno_status.hpp"

#include <absl/strings/str_cat.h>

namespace dictsqlite::store {

namespace {

absl::StatusCode code_of_io_error(int code, int error) noexcept {
  switch (code) {
    case SQLITE_IOERR_NOMEM:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_IOERR_CORRUPTFS:
      return absl::StatusCode::kDataLoss;
    case SQLITE_IOERR_FSYNC:
    case SQLITE_IOERR_DIR_FSYNC:
      return absl::StatusCode::kInternal;
    case SQLITE_IOERR_SHMSIZE:
      // The WAL index could not grow. It holds nothing that must last, so trying again is safe.
      return absl::StatusCode::kUnavailable;
    default:
      return io::is_no_space(error) ? absl::StatusCode::kUnavailable : absl::StatusCode::kInternal;
  }
}

absl::StatusCode code_of_sqlite(int code, int error) noexcept {
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return absl::StatusCode::kUnavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return absl::StatusCode::kPermissionDenied;
    case SQLITE_CANTOPEN:
      if (code == SQLITE_CANTOPEN_SYMLINK || code == SQLITE_CANTOPEN_ISDIR) return absl::StatusCode::kInvalidArgument;
      return io::errno_code(error);
    case SQLITE_IOERR:
      return code_of_io_error(code, error);
    default:
      return absl::StatusCode::kInternal;
  }
}

// The errno adds something only where a system call failed.
bool errno_explains(int code) noexcept {
  const int primary = code & 0xff;
  return primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN || primary == SQLITE_FULL;
}

absl::Status make_status(int code, int error, std::string_view attempted, const char* detail) {
  const int shown_error = errno_explains(code) ? error : 0;
  std::string message = absl::StrCat(message_part(attempted), ": ", detail, " (SQLite code ", code);
  if (shown_error != 0) absl::StrAppend(&message, ", ", io::errno_text(shown_error));
  absl::StrAppend(&message, ")");
  return absl::Status(code_of_sqlite(code, shown_error), message);
}

}  // namespace

int last_errno(sqlite3_file& file) noexcept {
  int error = 0;
  static_cast<void>(file.pMethods->xFileControl(&file, SQLITE_FCNTL_LAST_ERRNO, &error));
  return error;
}

int write_result(sqlite3_file& file, int code) noexcept {
  return code != SQLITE_OK && io::is_no_space(last_errno(file)) ? SQLITE_FULL : code;
}

absl::Status sqlite_status(int code, int error, std::string_view attempted) {
  return make_status(code, error, attempted, sqlite3_errstr(code));
}

absl::Status sqlite_status(sqlite3* database, int code, std::string_view attempted) {
  if (database == nullptr) return sqlite_status(code, 0, attempted);
  // The message belongs to the last call on this handle; it may be about something else than `code`.
  const bool own_message = sqlite3_extended_errcode(database) == code;
  return make_status(code, sqlite3_system_errno(database), attempted,
                     own_message ? sqlite3_errmsg(database) : sqlite3_errstr(code));
}

}  // namespace dictsqlite::store
