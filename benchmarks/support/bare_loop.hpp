// BareLoop: the disk's own speed at what a log does: one durable write of 4 KiB after another, past the page cache,
// into a file that has its blocks already.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <memory>
#include <string>

namespace dictsqlite::bench {

/// Thread-safety: none. Ownership: of the file's descriptor and the ring. Dies where the disk or the kernel refuses.
class BareLoop {
 public:
  explicit BareLoop(const std::string& path);
  ~BareLoop();
  BareLoop(const BareLoop&) = delete;
  BareLoop& operator=(const BareLoop&) = delete;

  /// Writes the next block and waits until it is durable.
  void write();

 private:
  static constexpr std::size_t kBlock = 4096;
  static constexpr std::size_t kBlocks = 16'384;
  struct alignas(kBlock) Block {
    std::byte bytes[kBlock];
  };

  int fd_ = -1;
  io_uring ring_{};
  std::unique_ptr<Block> block_;
  std::size_t next_ = 0;
};

}  // namespace dictsqlite::bench
