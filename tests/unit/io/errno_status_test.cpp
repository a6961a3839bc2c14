// Goal: each errno becomes the one Status code that callers act on.
// Method: a table.
#include "io/errno_status.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace dictsqlite::io {
namespace {

TEST(ErrnoStatus, Codes) {
  struct Case {
    int error;
    absl::StatusCode expected;
  };
  const Case cases[] = {
      {ENOSPC, absl::StatusCode::kUnavailable},
      {EDQUOT, absl::StatusCode::kUnavailable},
      {ENOENT, absl::StatusCode::kNotFound},
      {ENOTDIR, absl::StatusCode::kNotFound},
      {EACCES, absl::StatusCode::kPermissionDenied},
      {EPERM, absl::StatusCode::kPermissionDenied},
      {EROFS, absl::StatusCode::kPermissionDenied},
      {ELOOP, absl::StatusCode::kInvalidArgument},
      {EISDIR, absl::StatusCode::kInvalidArgument},
      {ENAMETOOLONG, absl::StatusCode::kInvalidArgument},
      {EINVAL, absl::StatusCode::kInvalidArgument},
      {ENOMEM, absl::StatusCode::kResourceExhausted},
      {EMFILE, absl::StatusCode::kResourceExhausted},
      {ENFILE, absl::StatusCode::kResourceExhausted},
      {EIO, absl::StatusCode::kInternal},
      {EEXIST, absl::StatusCode::kInternal},
  };
  for (const Case& one : cases) EXPECT_EQ(errno_code(one.error), one.expected) << one.error;
}

TEST(ErrnoStatus, AMessageSaysWhatWasAttemptedAndWhy) {
  EXPECT_EQ(errno_status(ENOENT, "looking up '/x'").message(), "looking up '/x': No such file or directory");
  EXPECT_EQ(errno_status(ENOENT, "looking up '/x'").code(), absl::StatusCode::kNotFound);
}

TEST(ErrnoStatus, OnlyTwoErrnosMeanNoSpace) {
  for (int error = 0; error < 200; ++error) EXPECT_EQ(is_no_space(error), error == ENOSPC || error == EDQUOT);
}

}  // namespace
}  // namespace dictsqlite::io
