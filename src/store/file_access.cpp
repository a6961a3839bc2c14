#include "store/file_access.hpp"

#include "store/sqlite_error.hpp"

#include <absl/strings/str_cat.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>

namespace dictsqlite::store {

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
    const std::string directory = directory_of(path);
    const int fd = close_on_exec_open(directory, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return errno_status(errno, absl::StrCat("opening directory '", directory, "'"));
    const int error = ::fsync(fd) == 0 ? 0 : errno;
    ::close(fd);
    // As after every failed sync, "no space" too: what was lost is not known.
    if (error != 0)
      return absl::InternalError(errno_status(error, absl::StrCat("sync of '", directory, "'")).message());
    return absl::OkStatus();
  }

  absl::StatusOr<int> open_log(const std::string& path) override {
    const int fd = close_on_exec_open(path, O_RDONLY, 0);
    if (fd < 0) return errno_status(errno, absl::StrCat("opening '", path, "' for its syncs"));
    return fd;
  }

  void close_log(int fd) noexcept override { ::close(fd); }
};

}  // namespace

std::unique_ptr<FileAccess> make_kernel_files() { return std::make_unique<KernelFiles>(); }

}  // namespace dictsqlite::store
