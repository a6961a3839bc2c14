// LoopFileSystem: an ext4 of its own, in a file, that can lose its power and its space while programs work on it.
//
// All of it ends with the processes that use it, however they end: the mount is in a mount namespace that only they
// share, and the kernel takes the loop device back when it is unmounted. Needs root and loop devices.
#pragma once

#include <cstdint>
#include <string>

namespace dictsqlite::kill_loop {

/// Gives the process, while it has one thread, mounts that nobody else sees. A sentence if that is not possible.
[[nodiscard]] std::string own_mounts();

enum class PowerLoss : std::uint32_t {  // the flags of EXT4_IOC_SHUTDOWN
  kNothingUnsynced = 0,                 // everything is written back first
  kMetadataKept = 1,                    // the file system's journal is, data is not
  kAllUnsyncedLost = 2,                 // what is not on the disk by now never gets there
};

enum class Errors : std::uint8_t {
  kNone,    // the image has room
  kHonest,  // the image will have none; what is lost is to be reported by the sync that waits for it
};

/// Thread-safety: none. Ownership: the destructor unmounts; the image is its owner's to remove. What returns a string
/// returns a sentence if it failed.
class LoopFileSystem {
 public:
  /// `image` does not exist; `mount_point` is a directory.
  LoopFileSystem(std::string image, std::string mount_point, Errors errors = Errors::kNone);
  ~LoopFileSystem();
  LoopFileSystem(const LoopFileSystem&) = delete;
  LoopFileSystem& operator=(const LoopFileSystem&) = delete;

  /// Makes the file system, in a sparse file, and mounts it.
  [[nodiscard]] std::string make(std::uint64_t bytes);
  [[nodiscard]] std::string mount();
  /// Waits, within bounds, for what ended processes still have in flight.
  [[nodiscard]] std::string unmount();
  /// While it is not mounted: replays the file system's own journal and mends what an error of the disk has left.
  [[nodiscard]] std::string repair();
  /// From now on nothing reaches the disk, and every call fails.
  [[nodiscard]] std::string lose_power(PowerLoss loss);
  /// Gives the space of free blocks back to where the image is.
  [[nodiscard]] std::string trim();

 private:
  [[nodiscard]] std::string limit_requests(const std::string& device);
  void unlimit_requests();

  const std::string image_;
  const std::string mount_point_;
  const Errors errors_;
  std::string limit_path_;  // where the device's limit is, while it is ours
  std::string limit_before_;
  bool mounted_ = false;
};

/// Takes own_mounts() and looks for loop devices, mkfs and fsck: a sentence if any of them is not to be had. Once.
[[nodiscard]] std::string why_no_loop_file_system();

}  // namespace dictsqlite::kill_loop
