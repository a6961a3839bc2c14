#include "store/write_guard.hpp"

#include "io/errno_status.hpp"

#include <absl/strings/str_cat.h>

#include <sqlite3.h>

namespace dictsqlite::store {

void WriteGuard::fail(const char* operation, const char* suffix, int code, int error) {
  if (failed()) return;
  const std::string reason = error != 0 ? io::errno_text(error) : std::string(sqlite3_errstr(code));
  failure_ = absl::InternalError(absl::StrCat(operation, " of '", path_, suffix, "': ", reason,
                                              "; what reached the disk is unknown until the database is reopened"));
  mark_.leave();
}

void WriteGuard::log_sync_finished(int error) {
  log_sync_in_flight_ = false;
  if (error != 0) fail("sync", "-wal", SQLITE_IOERR_FSYNC, error);
}

}  // namespace dictsqlite::store
