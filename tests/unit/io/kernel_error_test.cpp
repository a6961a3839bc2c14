// Goal: each errno becomes the code and the sentence that the module promises. Method: direct calls.
#include "io/kernel_error.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

namespace dictsqlite::io {
namespace {

std::string message_of(const absl::Status& status) { return std::string(status.message()); }

TEST(KernelError, NamesTheUsualReasonForARefusedSetUp) {
  const absl::Status status = kernel_error("io_uring_setup", "", EPERM);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(message_of(status), "io_uring_setup: not permitted; often disabled by seccomp or kernel.io_uring_disabled");
}

TEST(KernelError, NamesTheObject) {
  const absl::Status status = kernel_error("io_uring probe: file in", "/nowhere", ENOENT);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(message_of(status), "io_uring probe: file in /nowhere: No such file or directory");
}

TEST(KernelError, TellsExhaustionFromRefusal) {
  for (const int error : {EMFILE, ENFILE, ENOMEM, EAGAIN}) {
    EXPECT_EQ(kernel_error("eventfd", "", error).code(), absl::StatusCode::kResourceExhausted) << error;
  }
  for (const int error : {EPERM, ENOSYS, EINVAL, EIO, ENOENT, EACCES}) {
    EXPECT_EQ(kernel_error("io_uring_setup", "", error).code(), absl::StatusCode::kUnavailable) << error;
  }
}

TEST(KernelError, NamesTheLimitThatRanOut) {
  EXPECT_EQ(message_of(kernel_error("eventfd", "", EMFILE)),
            "eventfd: no free descriptor in this process (RLIMIT_NOFILE)");
}

}  // namespace
}  // namespace dictsqlite::io
