// Goal: the probe believes nothing: refused, lying, silent and confused backends are found out, each with its sentence;
// a full disk is not the backend's fault. Method: a scripted backend.
#include "io/probe.hpp"
#include "io/threads_backend.hpp"
#include "unit/io/scratch.hpp"

#include <gtest/gtest.h>

#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>

namespace dictsqlite::io {
namespace {

// Answers each request with what the test says; nullopt: does what was asked.
class ScriptedBackend final : public IoBackend {
 public:
  std::optional<std::int64_t> write_result;
  std::optional<std::int64_t> sync_result;
  bool answers = true;
  std::uint64_t tag_shift = 0;
  int syncs = 0;

  void finish() noexcept override {}
  void submit_data_sync(int fd, std::uint64_t tag) noexcept override {
    ++syncs;
    pending_ = {.tag = tag + tag_shift, .result = sync_result ? *sync_result : fdatasync(fd)};
  }
  void submit_full_sync(int fd, std::uint64_t tag) noexcept override { submit_data_sync(fd, tag); }
  void submit_durable_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                            std::uint64_t tag) noexcept override {
    submit_write(fd, bytes, offset, tag);
  }
  void submit_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                    std::uint64_t tag) noexcept override {
    const std::int64_t result =
        write_result ? *write_result : pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    pending_ = {.tag = tag + tag_shift, .result = result};
  }
  std::size_t wait(base::Instant, std::span<IoCompletion> out) noexcept override { return poll(out); }
  std::size_t poll(std::span<IoCompletion> out) noexcept override {
    if (!answers || !pending_) {
      return 0;
    }
    out[0] = *pending_;
    pending_.reset();
    return 1;
  }
  void wake() noexcept override {}
  [[nodiscard]] std::string_view name() const noexcept override { return "scripted"; }

 private:
  std::optional<IoCompletion> pending_;
};

absl::Status probe(IoBackend& backend) {
  return probe_backend(backend, testing::TempDir(), std::chrono::milliseconds(50));
}

TEST(Probe, AcceptsABackendThatWorks) {
  ScriptedBackend backend;
  EXPECT_EQ(probe(backend), absl::OkStatus());
  EXPECT_EQ(backend.syncs, 1);
}

TEST(Probe, LeavesNoFileBehind) {
  std::string directory = testing::TempDir() + "/dictsqlite-probe-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  ScriptedBackend backend;
  EXPECT_EQ(probe_backend(backend, directory), absl::OkStatus());
  EXPECT_EQ(rmdir(directory.c_str()), 0) << "it is empty";
}

TEST(Probe, ReportsARefusedWrite) {
  ScriptedBackend backend;
  backend.write_result = -EOPNOTSUPP;
  EXPECT_EQ(probe(backend), absl::UnavailableError("io_uring probe write: Operation not supported"));
  EXPECT_EQ(backend.syncs, 0);
}

TEST(Probe, ReportsARefusedSync) {
  ScriptedBackend backend;
  backend.sync_result = -EINVAL;
  EXPECT_EQ(probe(backend), absl::UnavailableError("io_uring probe data sync: Invalid argument"));
}

TEST(Probe, FindsOutAWriteThatWroteNothing) {
  for (const std::int64_t lie : {0, 10}) {
    ScriptedBackend backend;
    backend.write_result = lie;
    EXPECT_EQ(probe(backend),
              absl::UnavailableError("io_uring probe write: reported success, but the file does not hold the bytes"));
  }
}

TEST(Probe, FindsOutAForeignTag) {
  ScriptedBackend backend;
  backend.tag_shift = 100;
  EXPECT_EQ(probe(backend), absl::UnavailableError("io_uring probe: a completion carries the tag of no request"));
}

TEST(Probe, GivesUpOnABackendThatNeverAnswers) {
  ScriptedBackend backend;
  backend.answers = false;
  EXPECT_EQ(probe(backend), absl::DeadlineExceededError("io_uring probe: a request did not come back in time"));
}

TEST(Probe, DoesNotBlameTheBackendForAFullDisk) {
  for (const int error : {ENOSPC, EDQUOT}) {
    ScriptedBackend backend;
    backend.write_result = -error;
    EXPECT_EQ(probe(backend), absl::OkStatus());
    EXPECT_EQ(backend.syncs, 1);
  }
}

TEST(Probe, NamesADirectoryThatIsNotThere) {
  ScriptedBackend backend;
  EXPECT_EQ(probe_backend(backend, "/no/such/directory"),
            absl::UnavailableError("io_uring probe: file in /no/such/directory: No such file or directory"));
}

TEST(Probe, WorksWithARealBackend) {
  auto backend = ThreadsBackend::open();
  ASSERT_TRUE(backend.ok());
  EXPECT_EQ(probe_backend(**backend, testing::TempDir()), absl::OkStatus());
}

}  // namespace
}  // namespace dictsqlite::io
