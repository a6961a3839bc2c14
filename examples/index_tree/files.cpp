#include "index_tree/files.hpp"

#include <absl/status/status.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace index_tree {

namespace {

class Descriptor {
 public:
  explicit Descriptor(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

absl::Status listing_error(const std::string& directory, const std::error_code& error) {
  const std::string message = "listing '" + directory + "': " + error.message();
  if (error == std::errc::no_such_file_or_directory) return absl::NotFoundError(message);
  if (error == std::errc::permission_denied) return absl::PermissionDeniedError(message);
  return absl::InvalidArgumentError(message);
}

void take_entry(const std::filesystem::directory_entry& entry, FileLimits limits, Tree& tree) {
  std::error_code error;
  if (entry.symlink_status(error).type() != std::filesystem::file_type::regular) return;
  const std::uint64_t bytes = entry.file_size(error);
  std::string path = entry.path().string();
  if (error) {
    ++tree.left_out.unreadable;
  } else if (bytes > limits.file_bytes_max) {
    ++tree.left_out.too_large;
  } else if (path.size() > limits.path_bytes_max) {
    ++tree.left_out.path_too_long;
  } else if (tree.files.size() == kFilesMax) {
    ++tree.left_out.above_files_max;
  } else {
    tree.files.push_back({std::move(path), bytes});
  }
}

bool touched_since(const File& file, std::time_t listed_at) {
  struct stat facts {};
  return ::lstat(file.path.c_str(), &facts) != 0 || facts.st_ctim.tv_sec >= listed_at;
}

}  // namespace

absl::StatusOr<Tree> list_tree(const std::string& directory, FileLimits limits) {
  Tree tree;
  tree.listed_at = std::time(nullptr);
  std::error_code error;
  std::filesystem::recursive_directory_iterator entry(
      directory, std::filesystem::directory_options::skip_permission_denied, error);
  for (; !error && entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
    take_entry(*entry, limits, tree);
  }
  if (error) return listing_error(directory, error);
  if (tree.files.empty()) return absl::NotFoundError("no regular file under '" + directory + "'");
  std::sort(tree.files.begin(), tree.files.end(), [](const File& a, const File& b) { return a.path < b.path; });
  return tree;
}

bool read_file(const File& file, std::string& content) {
  content.resize(file.bytes);
  const Descriptor descriptor(file.path);
  if (descriptor.get() < 0) return false;
  std::size_t filled = 0;
  while (filled < content.size()) {
    const ssize_t count = ::read(descriptor.get(), content.data() + filled, content.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    if (count == 0) break;  // it shrank
    filled += static_cast<std::size_t>(count);
  }
  content.resize(filled);
  return true;
}

Comparison compare(const File& file, std::string_view content, std::string_view stored, std::time_t listed_at) {
  if (content == stored) return Comparison::kEqual;
  return touched_since(file, listed_at) ? Comparison::kChangedMeanwhile : Comparison::kDifferent;
}

}  // namespace index_tree
