// FailureMark: the file NAME-failed beside a database. A life whose write or sync failed leaves it, and the next one
// finds it: it then recovers only as the sole user, since readers who were attached to the failed life know a log that
// may never have reached the disk.
//
// Best effort: where the disk does not even take an empty file, the next life still rewrites and syncs what it finds.
#pragma once

#include "base/seeded_bug.hpp"
#include "io/file_access.hpp"

#include <absl/status/statusor.h>

#include <string>

namespace dictsqlite::store {

/// Thread-safety: one thread at a time, the writer's. Ownership: `files` must outlive it.
class FailureMark {
 public:
  FailureMark(io::FileAccess& files, const std::string& database_path)
      : files_(files), path_(database_path + "-failed") {}

  void leave() noexcept {
    if (DICTSQLITE_SEEDED_BUG(kNoFailureMark)) return;
    static_cast<void>(files_.create_private(path_));  // one that is there already serves as well
    static_cast<void>(files_.sync_directory(path_));
  }
  [[nodiscard]] absl::StatusOr<bool> found() {
    const absl::StatusOr<io::FileFacts> facts = files_.facts(path_);
    if (!facts.ok()) return facts.status();
    return facts->kind != io::FileKind::kMissing;
  }
  /// Everything has been recovered and is durable.
  [[nodiscard]] absl::Status remove() {
    files_.remove(path_);
    return files_.sync_directory(path_);
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  io::FileAccess& files_;
  const std::string path_;
};

}  // namespace dictsqlite::store
