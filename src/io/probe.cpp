#include "io/probe.hpp"

#include "io/kernel_error.hpp"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace dictsqlite::io {
namespace {

constexpr std::uint64_t kWriteTag = 1;
constexpr std::uint64_t kSyncTag = 2;

// Constant, so that a write that never comes back reads from memory that never goes away.
constexpr std::string_view kProbeText = "dictsqlite: a probe of io_uring; this file has no name";

// A file without a name: it is gone when its descriptor is, also after a crash.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& directory) {
    fd_ = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd_ < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
      make_and_unlink(directory);  // a file system or kernel without O_TMPFILE
    }
    error_ = fd_ < 0 ? errno : 0;
  }
  ~ScratchFile() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] int error() const noexcept { return error_; }

 private:
  void make_and_unlink(const std::string& directory) {
    std::string path = absl::StrCat(directory, "/.dictsqlite-probe-XXXXXX");
    fd_ = mkostemp(path.data(), O_CLOEXEC);
    if (fd_ >= 0) {
      unlink(path.c_str());
    }
  }

  int fd_ = -1;
  int error_ = 0;
};

// Waits for the one request in flight.
absl::StatusOr<std::int64_t> result_of(IoBackend& backend, std::uint64_t tag, base::Instant deadline) {
  std::array<IoCompletion, 1> completion{};
  const base::SteadyClock clock;
  do {
    if (backend.wait(deadline, completion) == 1) {
      if (completion[0].tag != tag) {
        return absl::UnavailableError("io_uring probe: a completion carries the tag of no request");
      }
      return completion[0].result;
    }
  } while (clock.now() < deadline);
  return absl::DeadlineExceededError("io_uring probe: a request did not come back in time");
}

bool disk_is_full(std::int64_t result) noexcept { return result == -ENOSPC || result == -EDQUOT; }

absl::Status probe_write(IoBackend& backend, int fd, base::Instant deadline) {
  backend.submit_write(fd, std::as_bytes(std::span(kProbeText)), 0, kWriteTag);
  const absl::StatusOr<std::int64_t> result = result_of(backend, kWriteTag, deadline);
  if (!result.ok()) {
    return result.status();
  }
  if (disk_is_full(*result)) {
    return absl::OkStatus();
  }
  if (*result < 0) {
    return kernel_error("io_uring probe", "write", static_cast<int>(-*result));
  }
  std::array<char, kProbeText.size()> read_back{};
  const std::string_view written = kProbeText.substr(0, static_cast<std::size_t>(*result));
  if (written.empty() || pread(fd, read_back.data(), written.size(), 0) != *result ||
      std::memcmp(read_back.data(), written.data(), written.size()) != 0) {
    return absl::UnavailableError("io_uring probe write: reported success, but the file does not hold the bytes");
  }
  return absl::OkStatus();
}

absl::Status probe_sync(IoBackend& backend, int fd, base::Instant deadline) {
  backend.submit_data_sync(fd, kSyncTag);
  const absl::StatusOr<std::int64_t> result = result_of(backend, kSyncTag, deadline);
  if (!result.ok()) {
    return result.status();
  }
  if (*result != 0 && !disk_is_full(*result)) {
    return kernel_error("io_uring probe", "data sync", static_cast<int>(-*result));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status probe_backend(IoBackend& backend, const std::string& directory, base::Nanoseconds time_max) {
  const ScratchFile file(directory);
  if (file.fd() < 0) {
    return kernel_error("io_uring probe: file in", directory, file.error());
  }
  const base::Instant deadline = base::SteadyClock().now() + time_max;
  absl::Status status = probe_write(backend, file.fd(), deadline);
  if (status.ok()) {
    status = probe_sync(backend, file.fd(), deadline);
  }
  return status;
}

}  // namespace dictsqlite::io
