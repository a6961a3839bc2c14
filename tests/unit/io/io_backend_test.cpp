// Goal: open_backend takes io_uring where it works and falls back, with the reason, where it does not. Method: children
// under a seccomp filter or without descriptors.
#include "io/io_backend.hpp"
#include "unit/io/scratch.hpp"
#if DICTSQLITE_HAVE_URING
#include "io/uring_backend.hpp"
#endif

#include <gtest/gtest.h>

#include <absl/strings/match.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

namespace dictsqlite::io {
namespace {

// What open_backend answered, in one line: "name|reason" or "CODE|message".
std::string answer(BackendChoice choice, const std::string& directory = testing::TempDir()) {
  const absl::StatusOr<OpenedBackend> opened = open_backend(choice, directory);
  if (!opened.ok()) {
    return absl::StatusCodeToString(opened.status().code()) + "|" + std::string(opened.status().message());
  }
  return std::string(opened->backend->name()) + "|" + opened->fallback_reason;
}

// Proves that the opened backend really works: writes, syncs, wakes.
std::string answer_and_use(BackendChoice choice) {
  const absl::StatusOr<OpenedBackend> opened = open_backend(choice, testing::TempDir());
  if (!opened.ok()) {
    return std::string(opened.status().message());
  }
  const UnnamedFile file;
  IoBackend& backend = *opened->backend;
  std::array<IoCompletion, 1> out;
  const std::string text = "works";
  backend.submit_write(file.fd(), std::as_bytes(std::span(text)), 0, 1);
  while (backend.wait(base::kNever, out) == 0) {
  }
  backend.submit_data_sync(file.fd(), 2);
  while (backend.wait(base::kNever, out) == 0) {
  }
  backend.wake();
  backend.wait(base::kNever, out);
  return std::string(backend.name()) + "|" + opened->fallback_reason + "|" + file.read(10);
}

TEST(OpenBackend, ThreadsOnDemandHasNoReasonToGive) { EXPECT_EQ(answer(BackendChoice::kThreads), "threads|"); }

TEST(OpenBackend, ThreadsOnDemandNeedsNoProbe) {
  EXPECT_EQ(answer(BackendChoice::kThreads, "/no/such/directory"), "threads|");
}

TEST(OpenBackend, NoThreadToBeHadIsResourceExhausted) {
  const std::string told = told_by_child([] {
    refuse_system_calls({__NR_clone, __NR_clone3}, EAGAIN);
    return answer(BackendChoice::kThreads);
  });
  EXPECT_TRUE(absl::StartsWith(told, "RESOURCE_EXHAUSTED|pthread_create of the I/O worker: ")) << told;
}

#if DICTSQLITE_HAVE_URING

constexpr char kRefused[] = "io_uring_setup: not permitted; often disabled by seccomp or kernel.io_uring_disabled";

bool uring_works_here() { return UringBackend::open().ok(); }

TEST(OpenBackend, AutoTakesUringWhereItWorks) {
  if (!uring_works_here()) {
    GTEST_SKIP() << "io_uring is refused on this machine";
  }
  EXPECT_EQ(answer_and_use(BackendChoice::kAuto), "uring||works");
  EXPECT_EQ(answer_and_use(BackendChoice::kUring), "uring||works");
}

TEST(OpenBackend, AutoFallsBackWithTheReasonWhereSeccompRefusesTheSetUp) {
  const std::string told = told_by_child([] {
    refuse_system_calls({__NR_io_uring_setup}, EPERM);
    return answer_and_use(BackendChoice::kAuto);
  });
  EXPECT_EQ(told, "threads|" + std::string(kRefused) + "|works");
}

TEST(OpenBackend, UringIsUnavailableWhereSeccompRefusesTheSetUp) {
  const std::string told = told_by_child([] {
    refuse_system_calls({__NR_io_uring_setup}, EPERM);
    return answer(BackendChoice::kUring);
  });
  EXPECT_EQ(told, "UNAVAILABLE|" + std::string(kRefused));
}

TEST(OpenBackend, UringIsUnavailableOnAKernelWithoutIt) {
  const std::string told = told_by_child([] {
    refuse_system_calls({__NR_io_uring_setup}, ENOSYS);
    return answer(BackendChoice::kUring);
  });
  EXPECT_TRUE(absl::StartsWith(told, "UNAVAILABLE|io_uring_setup: not known to this kernel")) << told;
}

TEST(OpenBackend, UringIsUnavailableWhereOnlyEnteringIsRefused) {
  if (!uring_works_here()) {
    GTEST_SKIP() << "io_uring is refused on this machine";
  }
  const std::string told = told_by_child([] {
    refuse_system_calls({__NR_io_uring_enter}, EPERM);
    return answer(BackendChoice::kUring) + "\n" + answer_and_use(BackendChoice::kAuto);
  });
  const std::string reason = "io_uring_enter: not permitted; often disabled by seccomp or kernel.io_uring_disabled";
  EXPECT_EQ(told, "UNAVAILABLE|" + reason + "\nthreads|" + reason + "|works");
}

// The ring needs a descriptor, the doorbell another, the probe a third: take them away one by one.
TEST(OpenBackend, NoDescriptorIsResourceExhaustedAndAReasonToFallBack) {
  if (!uring_works_here()) {
    GTEST_SKIP() << "io_uring is refused on this machine";
  }
  const char* const culprits[] = {"io_uring_setup", "eventfd", "io_uring probe: file in"};
  for (rlim_t left = 0; left < 3; ++left) {
    const std::string told = told_by_child([left] {
      const int lowest_free = dup(0);
      close(lowest_free);
      lower_limit(RLIMIT_NOFILE, static_cast<rlim_t>(lowest_free) + left);
      return answer(BackendChoice::kUring) + "\n" + answer(BackendChoice::kAuto);
    });
    const std::string start = std::string("RESOURCE_EXHAUSTED|") + culprits[left];
    EXPECT_TRUE(absl::StartsWith(told, start)) << told;
    EXPECT_TRUE(absl::StrContains(told, std::string("\nthreads|") + culprits[left])) << told;
    EXPECT_TRUE(absl::StrContains(told, "no free descriptor in this process (RLIMIT_NOFILE)")) << told;
  }
}

TEST(OpenBackend, AProbeDirectoryThatIsMissingIsAReasonToFallBack) {
  if (!uring_works_here()) {
    GTEST_SKIP() << "io_uring is refused on this machine";
  }
  const std::string reason = "io_uring probe: file in /no/such/directory: No such file or directory";
  EXPECT_EQ(answer(BackendChoice::kAuto, "/no/such/directory"), "threads|" + reason);
  EXPECT_EQ(answer(BackendChoice::kUring, "/no/such/directory"), "UNAVAILABLE|" + reason);
}

#else

TEST(OpenBackend, SaysThatItWasBuiltWithoutUring) {
  const std::string reason = "io_uring: this library was built without liburing";
  EXPECT_EQ(answer(BackendChoice::kUring), "UNAVAILABLE|" + reason);
  EXPECT_EQ(answer_and_use(BackendChoice::kAuto), "threads|" + reason + "|works");
}

#endif

}  // namespace
}  // namespace dictsqlite::io
