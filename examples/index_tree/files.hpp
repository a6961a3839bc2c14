// The real input: the regular files under a directory.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace index_tree {

/// A run holds every path in memory; a tree with more files than this is cut, and the report says so.
inline constexpr std::size_t kFilesMax = 2'000'000;

struct File {
  std::string path;
  std::uint64_t bytes = 0;  // when it was listed; nobody reads further
};

/// What was left out, so that the report can say so.
struct LeftOut {
  std::uint64_t too_large = 0;
  std::uint64_t path_too_long = 0;
  std::uint64_t unreadable = 0;
  std::uint64_t above_files_max = 0;
};

struct Tree {
  std::vector<File> files;
  LeftOut left_out;
  std::time_t listed_at = 0;
};

struct FileLimits {
  std::size_t path_bytes_max;
  std::size_t file_bytes_max;
};

/// Lists the regular files under `directory` in the order of their paths. Symbolic links are not followed.
/// Errors: kNotFound (no such directory, or no file in it), kInvalidArgument (not a directory), kPermissionDenied.
[[nodiscard]] absl::StatusOr<Tree> list_tree(const std::string& directory, FileLimits limits);

/// Reads at most `file.bytes` bytes into `content`. False if the file cannot be opened or read.
[[nodiscard]] bool read_file(const File& file, std::string& content);

enum class Comparison : std::uint8_t {
  kEqual,
  kChangedMeanwhile,  // somebody touched the file after it was listed: it proves nothing
  kDifferent,
};

/// Compares `stored` with `content`, what `file` holds now, byte for byte.
[[nodiscard]] Comparison compare(const File& file, std::string_view content, std::string_view stored,
                                 std::time_t listed_at);

}  // namespace index_tree
