// ScratchDirectory: a new directory on a real disk, removed with everything in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dictsqlite::bench {

/// Ownership: of the directory. Made in $DICTSQLITE_BENCH_DIR or the working directory; dies if that is in memory.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  /// Absolute path of a file in it.
  [[nodiscard]] std::string file(std::string_view name) const;

  /// Removes a database with its companions, "-wal" and the like.
  void remove_database(std::string_view name) const;

 private:
  std::string path_;
};

/// Bytes of the file at `path`; 0 if there is none.
[[nodiscard]] std::uintmax_t file_bytes(const std::string& path) noexcept;

}  // namespace dictsqlite::bench
