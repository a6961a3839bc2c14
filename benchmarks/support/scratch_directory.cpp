#include "support/scratch_directory.hpp"

#include "support/check.hpp"

#include <absl/strings/str_cat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace dictsqlite::bench {

namespace {

namespace fs = std::filesystem;

std::string parent_directory() {
  const char* chosen = std::getenv("DICTSQLITE_BENCH_DIR");  // NOLINT(concurrency-mt-unsafe): before any thread
  std::error_code error;
  const fs::path path = fs::absolute(chosen != nullptr && *chosen != '\0' ? chosen : ".", error);
  if (error) die("scratch directory", error.message());
  return path.string();
}

void refuse_memory(const std::string& path) {
  struct statfs facts {};
  if (::statfs(path.c_str(), &facts) != 0) die(path, std::generic_category().message(errno));
  if (facts.f_type == TMPFS_MAGIC || facts.f_type == RAMFS_MAGIC) {
    die(path, "is in memory: set DICTSQLITE_BENCH_DIR to a directory on a disk");
  }
}

}  // namespace

ScratchDirectory::ScratchDirectory() {
  const std::string parent = parent_directory();
  refuse_memory(parent);
  std::string pattern = absl::StrCat(parent, "/dictsqlite-bench-XXXXXX");
  if (::mkdtemp(pattern.data()) == nullptr) die(pattern, std::generic_category().message(errno));
  path_ = pattern;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string ScratchDirectory::file(std::string_view name) const { return absl::StrCat(path_, "/", std::string(name)); }

void ScratchDirectory::remove_database(std::string_view name) const {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    std::error_code ignored;
    fs::remove(absl::StrCat(file(name), suffix), ignored);
  }
}

std::uintmax_t file_bytes(const std::string& path) noexcept {
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(path, error);
  return error ? 0 : bytes;
}

}  // namespace dictsqlite::bench
