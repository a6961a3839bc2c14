// FileAccess: the few things that store and journal ask of the file system besides what SQLite does through its VFS,
// and besides what IoBackend does. An interface, so that a simulated disk can stand in for the kernel.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace dictsqlite::io {

enum class FileKind : std::uint8_t { kMissing, kRegular, kSymlink, kOther };

struct FileFacts {
  FileKind kind = FileKind::kMissing;
  std::uint64_t bytes = 0;
};

enum class Publication : std::uint8_t { kPublished, kNameTaken };

/// How a file of our own is opened.
enum class FileCaching : std::uint8_t {
  kCached,  // through the page cache
  kDirect,  // past it (O_DIRECT): places, lengths and memory in multiples of what the disk asks for
};

/// None of these opens an existing database file: closing any descriptor of one would drop the POSIX locks that
/// this process holds on it, and with them the proof of ownership.
///
/// Thread-safety: any thread.
class FileAccess {
 public:
  virtual ~FileAccess() = default;

  /// `path` with the symlinks of its directory followed; its last part stays as it is.
  /// Errors: kNotFound (no such directory), kPermissionDenied, kInvalidArgument.
  [[nodiscard]] virtual absl::StatusOr<std::string> resolve_directory(const std::string& path) = 0;

  /// Looks at `path` without following it.
  [[nodiscard]] virtual absl::StatusOr<FileFacts> facts(const std::string& path) = 0;

  /// Creates an empty file with mode 0600. Errors: kUnavailable (no space), kPermissionDenied, kInternal.
  [[nodiscard]] virtual absl::Status create_private(const std::string& path) = 0;

  /// Gives the file `from` the name `to` in one step, unless `to` exists. Not durable before sync_directory().
  [[nodiscard]] virtual absl::StatusOr<Publication> publish(const std::string& from, const std::string& to) = 0;

  virtual void remove(const std::string& path) noexcept = 0;

  /// Makes the names in the directory of `path` survive power loss.
  [[nodiscard]] virtual absl::Status sync_directory(const std::string& path) = 0;

  /// A close-on-exec descriptor of the write-ahead log, good for fdatasync. Returned with close_log().
  [[nodiscard]] virtual absl::StatusOr<int> open_log(const std::string& path) = 0;
  virtual void close_log(int fd) noexcept = 0;

  /// Creates a file of our own, empty and with mode 0600, and opens it for writing, close-on-exec. Returned with
  /// close_file(). Errors: kUnavailable (no space), kUnimplemented (no kDirect
  /// there, or none that the kernel vouches for), as errno_code().
  [[nodiscard]] virtual absl::StatusOr<int> create_file(const std::string& path, FileCaching caching) = 0;
  /// Opens one for reading through the page cache. Errors: as errno_code().
  [[nodiscard]] virtual absl::StatusOr<int> open_file(const std::string& path) = 0;
  /// A directory, for its sync.
  [[nodiscard]] virtual absl::StatusOr<int> open_directory_of(const std::string& path) = 0;
  virtual void close_file(int fd) noexcept = 0;
  /// Reads as many bytes as there are from `offset` on: fewer than asked for at the end of the file only.
  [[nodiscard]] virtual absl::StatusOr<std::size_t> read(int fd, std::uint64_t offset, std::span<std::byte> to) = 0;
  /// Data-syncs a file at once. 0 or a positive errno.
  [[nodiscard]] virtual int data_sync(int fd) noexcept = 0;
  /// The paths that begin with `prefix`, whose last part is the beginning of a name. In no order.
  [[nodiscard]] virtual absl::StatusOr<std::vector<std::string>> list(const std::string& prefix) = 0;
};

/// The kernel's file system. Stateless.
[[nodiscard]] std::unique_ptr<FileAccess> make_kernel_files();

}  // namespace dictsqlite::io
