#include "io/file_access.hpp"

#include "io/errno_status.hpp"

#include <absl/strings/str_cat.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>

namespace dictsqlite::io {

namespace {

constexpr unsigned kRenameNoReplace = 1;  // RENAME_NOREPLACE; its header is not everywhere

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? std::string("/") : path.substr(0, slash);
}

int close_on_exec_open(const std::string& path, int flags, mode_t mode) noexcept {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

// There are file systems that take O_DIRECT and go through the page cache all the same: ext4 that journals data, tmpfs,
// btrfs with checksums. A kernel that does not say (Linux before 6.1) is taken for one of those.
bool is_surely_direct(int fd) noexcept {
#if defined(STATX_DIOALIGN)
  struct statx facts {};
  return ::statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &facts) == 0 && (facts.stx_mask & STATX_DIOALIGN) != 0 &&
         facts.stx_dio_offset_align != 0;
#else
  static_cast<void>(fd);
  return false;
#endif
}

struct FreeDeleter {
  void operator()(char* text) const noexcept { std::free(text); }
};

class KernelFiles final : public FileAccess {
 public:
  absl::StatusOr<std::string> resolve_directory(const std::string& path) override {
    const std::string directory = directory_of(path);
    const std::unique_ptr<char, FreeDeleter> resolved(::realpath(directory.c_str(), nullptr));
    if (resolved == nullptr) return errno_status(errno, absl::StrCat("looking up directory '", directory, "'"));
    struct stat facts {};
    if (::stat(resolved.get(), &facts) != 0) return errno_status(errno, absl::StrCat("looking at '", directory, "'"));
    if (!S_ISDIR(facts.st_mode)) return errno_status(ENOTDIR, absl::StrCat("looking up directory '", directory, "'"));
    const std::string prefix(resolved.get());
    return absl::StrCat(prefix == "/" ? "" : prefix, path.substr(path.rfind('/')));
  }

  absl::StatusOr<FileFacts> facts(const std::string& path) override {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) {
      if (errno == ENOENT) return FileFacts{};
      return errno_status(errno, absl::StrCat("looking at '", path, "'"));
    }
    FileKind kind = FileKind::kOther;
    if (S_ISREG(found.st_mode)) kind = FileKind::kRegular;
    if (S_ISLNK(found.st_mode)) kind = FileKind::kSymlink;
    return FileFacts{kind, static_cast<std::uint64_t>(found.st_size)};
  }

  absl::Status create_private(const std::string& path) override {
    const int fd = close_on_exec_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0) return errno_status(errno, absl::StrCat("creating '", path, "'"));
    ::close(fd);
    return absl::OkStatus();
  }

  absl::StatusOr<Publication> publish(const std::string& from, const std::string& to) override {
    if (::syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), kRenameNoReplace) == 0) {
      return Publication::kPublished;
    }
    if (errno == EINVAL || errno == ENOSYS) {  // a file system without it; most of those have hard links
      if (::link(from.c_str(), to.c_str()) == 0) {
        remove(from);
        return Publication::kPublished;
      }
    }
    if (errno == EEXIST) return Publication::kNameTaken;
    return errno_status(errno, absl::StrCat("naming the new database '", to, "'"));
  }

  void remove(const std::string& path) noexcept override { static_cast<void>(::unlink(path.c_str())); }

  absl::Status sync_directory(const std::string& path) override {
    const absl::StatusOr<int> fd = open_directory_of(path);
    if (!fd.ok()) return fd.status();
    const int error = ::fsync(*fd) == 0 ? 0 : errno;
    ::close(*fd);
    // As after every failed sync, "no space" too: what was lost is not known.
    if (error != 0) {
      return absl::InternalError(errno_status(error, absl::StrCat("sync of '", directory_of(path), "'")).message());
    }
    return absl::OkStatus();
  }

  absl::StatusOr<int> open_log(const std::string& path) override {
    const int fd = close_on_exec_open(path, O_RDONLY, 0);
    if (fd < 0) return errno_status(errno, absl::StrCat("opening '", path, "' for its syncs"));
    return fd;
  }

  void close_log(int fd) noexcept override { ::close(fd); }

  absl::StatusOr<int> create_file(const std::string& path, FileCaching caching) override {
    const int direct = caching == FileCaching::kDirect ? O_DIRECT : 0;
    const int fd = close_on_exec_open(path, O_RDWR | O_CREAT | O_EXCL | direct, 0600);
    if (fd >= 0 && (direct == 0 || is_surely_direct(fd))) return fd;
    const int error = fd >= 0 ? EINVAL : errno;
    if (fd >= 0) ::close(fd);
    if (direct == 0 || error != EINVAL) return errno_status(error, absl::StrCat("creating '", path, "'"));
    remove(path);  // Linux has created it all the same
    return absl::UnimplementedError(absl::StrCat("the file system of '", path, "' knows no direct I/O"));
  }

  absl::StatusOr<int> open_file(const std::string& path) override {
    const int fd = close_on_exec_open(path, O_RDONLY, 0);
    if (fd < 0) return errno_status(errno, absl::StrCat("opening '", path, "'"));
    return fd;
  }

  absl::StatusOr<int> open_directory_of(const std::string& path) override {
    const std::string directory = directory_of(path);
    const int fd = close_on_exec_open(directory, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return errno_status(errno, absl::StrCat("opening directory '", directory, "'"));
    return fd;
  }

  void close_file(int fd) noexcept override { ::close(fd); }

  absl::StatusOr<std::size_t> read(int fd, std::uint64_t offset, std::span<std::byte> to) override {
    std::size_t count = 0;
    while (count < to.size()) {
      const ssize_t got = ::pread(fd, to.data() + count, to.size() - count, static_cast<off_t>(offset + count));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return errno_status(errno, "reading a log");
      if (got == 0) break;
      count += static_cast<std::size_t>(got);
    }
    return count;
  }

  int data_sync(int fd) noexcept override { return ::fdatasync(fd) == 0 ? 0 : errno; }

  absl::StatusOr<std::vector<std::string>> list(const std::string& prefix) override {
    const std::string directory = directory_of(prefix);
    const std::string name_prefix = prefix.substr(prefix.rfind('/') + 1);
    std::vector<std::string> paths;
    std::error_code error;
    std::filesystem::directory_iterator entry(directory, error);
    for (const std::filesystem::directory_iterator end; !error && entry != end; entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      if (name.starts_with(name_prefix)) paths.push_back(prefix + name.substr(name_prefix.size()));
    }
    if (error) return errno_status(error.value(), absl::StrCat("reading directory '", directory, "'"));
    return paths;
  }
};

}  // namespace

std::unique_ptr<FileAccess> make_kernel_files() { return std::make_unique<KernelFiles>(); }

}  // namespace dictsqlite::io
