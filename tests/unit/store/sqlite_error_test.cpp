// Goal: each code of SQLite and the kernel becomes the one Status code that callers act on.
// Method: a table.

#include "store/sqlite_error.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace dictsqlite::store {
namespace {

TEST(SqliteError, CodesOfSqlite) {
  struct Case {
    int code;
    int error;
    absl::StatusCode expected;
  };
  const Case cases[] = {
      {SQLITE_FULL, 0, absl::StatusCode::kUnavailable},
      {SQLITE_BUSY, 0, absl::StatusCode::kUnavailable},
      {SQLITE_BUSY_RECOVERY, 0, absl::StatusCode::kUnavailable},
      {SQLITE_IOERR_WRITE, ENOSPC, absl::StatusCode::kUnavailable},
      {SQLITE_IOERR_WRITE, EDQUOT, absl::StatusCode::kUnavailable},
      {SQLITE_IOERR_WRITE, EIO, absl::StatusCode::kInternal},
      {SQLITE_IOERR_FSYNC, ENOSPC, absl::StatusCode::kInternal},
      {SQLITE_IOERR_FSYNC, EIO, absl::StatusCode::kInternal},
      {SQLITE_IOERR_NOMEM, 0, absl::StatusCode::kResourceExhausted},
      {SQLITE_IOERR_SHMSIZE, 0, absl::StatusCode::kUnavailable},
      {SQLITE_NOMEM, 0, absl::StatusCode::kResourceExhausted},
      {SQLITE_TOOBIG, 0, absl::StatusCode::kResourceExhausted},
      {SQLITE_CORRUPT, 0, absl::StatusCode::kDataLoss},
      {SQLITE_CORRUPT_INDEX, 0, absl::StatusCode::kDataLoss},
      {SQLITE_NOTADB, 0, absl::StatusCode::kDataLoss},
      {SQLITE_READONLY, 0, absl::StatusCode::kPermissionDenied},
      {SQLITE_CANTOPEN, EACCES, absl::StatusCode::kPermissionDenied},
      {SQLITE_CANTOPEN, ENOENT, absl::StatusCode::kNotFound},
      {SQLITE_CANTOPEN, ELOOP, absl::StatusCode::kInvalidArgument},
      {SQLITE_CANTOPEN, EMFILE, absl::StatusCode::kResourceExhausted},
      {SQLITE_CANTOPEN_SYMLINK, 0, absl::StatusCode::kInvalidArgument},
      {SQLITE_CANTOPEN_ISDIR, 0, absl::StatusCode::kInvalidArgument},
      {SQLITE_MISUSE, 0, absl::StatusCode::kInternal},
      {SQLITE_ERROR, ENOSPC, absl::StatusCode::kInternal},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(sqlite_status(one.code, one.error, "trying").code(), one.expected) << one.code << " " << one.error;
  }
}

TEST(SqliteError, AMessageSaysWhatWasAttemptedAndWhy) {
  EXPECT_EQ(sqlite_status(SQLITE_IOERR_WRITE, EIO, "writing to '/x'").message(),
            "writing to '/x': disk I/O error (SQLite code 778, Input/output error)");
}

}  // namespace
}  // namespace dictsqlite::store
