// PassingFiles: the kernel's files, call by call. A test overrides what it wants to be otherwise.
#pragma once

#include "io/file_access.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace dictsqlite::testing_support {

/// Thread-safety: as FileAccess.
class PassingFiles : public io::FileAccess {
 public:
  absl::StatusOr<std::string> resolve_directory(const std::string& path) override {
    return kernel_->resolve_directory(path);
  }
  absl::StatusOr<io::FileFacts> facts(const std::string& path) override { return kernel_->facts(path); }
  absl::Status create_private(const std::string& path) override { return kernel_->create_private(path); }
  absl::StatusOr<io::Publication> publish(const std::string& from, const std::string& to) override {
    return kernel_->publish(from, to);
  }
  void remove(const std::string& path) noexcept override { kernel_->remove(path); }
  absl::Status sync_directory(const std::string& path) override { return kernel_->sync_directory(path); }
  absl::StatusOr<int> open_log(const std::string& path) override { return kernel_->open_log(path); }
  void close_log(int fd) noexcept override { kernel_->close_log(fd); }
  absl::StatusOr<int> create_file(const std::string& path, io::FileCaching caching) override {
    return kernel_->create_file(path, caching);
  }
  absl::StatusOr<int> open_file(const std::string& path) override { return kernel_->open_file(path); }
  absl::StatusOr<int> open_directory_of(const std::string& path) override { return kernel_->open_directory_of(path); }
  void close_file(int fd) noexcept override { kernel_->close_file(fd); }
  absl::StatusOr<std::size_t> read(int fd, std::uint64_t offset, std::span<std::byte> to) override {
    return kernel_->read(fd, offset, to);
  }
  int data_sync(int fd) noexcept override { return kernel_->data_sync(fd); }
  absl::StatusOr<std::vector<std::string>> list(const std::string& prefix) override { return kernel_->list(prefix); }

 private:
  const std::unique_ptr<io::FileAccess> kernel_ = io::make_kernel_files();
};

}  // namespace dictsqlite::testing_support
