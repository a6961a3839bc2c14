// SimulatedVfs: a SQLite VFS whose files are on a SimulatedDisk. Locks and the index of the write-ahead log are in
// memory and belong to the VFS, as they belong to a machine that is up.
//
// Thread-safety: as SimulatedDisk. Ownership: the disk outlives it; it outlives the connections. Register it under its
// name, which is its own.
#pragma once

#include "support/random.hpp"
#include "support/simulated_disk.hpp"

#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace dictsqlite::testing_support {

class SimulatedVfs {
 public:
  SimulatedVfs(SimulatedDisk& disk, std::uint64_t seed);
  ~SimulatedVfs();
  SimulatedVfs(const SimulatedVfs&) = delete;
  SimulatedVfs& operator=(const SimulatedVfs&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  struct File;
  struct Methods;
  static constexpr int kShmLocks = 8;
  // Of one file, by all who have it open.
  struct Shared {
    int readers = 0;               // SHARED or more
    const File* writer = nullptr;  // RESERVED or more
    bool exclusive = false;
    std::vector<std::unique_ptr<std::byte[]>> regions;
    std::array<int, kShmLocks> shm{};  // how many share it; -1: one has it alone
    int shm_users = 0;
  };

  SimulatedDisk& disk_;
  Random random_;
  const std::string name_;
  sqlite3_vfs vfs_{};
  std::map<const void*, Shared> shared_;
  int last_errno_ = 0;  // of opening
};

}  // namespace dictsqlite::testing_support
