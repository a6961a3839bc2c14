#include "support/bare_loop.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace dictsqlite::bench {

namespace {

void must_be(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "bare loop: %s\n", what);
  std::abort();
}

}  // namespace

BareLoop::BareLoop(const std::string& path) : block_(std::make_unique<Block>()) {
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_DIRECT, 0600);
  must_be(fd_ >= 0, "no direct I/O here");
  std::memset(block_->bytes, 0, kBlock);
  for (std::size_t index = 0; index < kBlocks; ++index) {
    must_be(::pwrite(fd_, block_->bytes, kBlock, static_cast<off_t>(index * kBlock)) == kBlock, "cannot fill the file");
  }
  must_be(::fsync(fd_) == 0, "cannot sync the file");
  must_be(io_uring_queue_init(8, &ring_, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) == 0, "no io_uring");
}

BareLoop::~BareLoop() {
  io_uring_queue_exit(&ring_);
  ::close(fd_);
}

void BareLoop::write() {
  std::memcpy(block_->bytes, &next_, sizeof next_);
  io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
  io_uring_prep_write(entry, fd_, block_->bytes, kBlock, (next_++ % kBlocks) * kBlock);
  entry->rw_flags = RWF_DSYNC;
  must_be(io_uring_submit_and_wait(&ring_, 1) == 1, "cannot submit");
  io_uring_cqe* done = nullptr;
  must_be(io_uring_wait_cqe(&ring_, &done) == 0 && done->res == static_cast<int>(kBlock), "a write failed");
  io_uring_cqe_seen(&ring_, done);
}

}  // namespace dictsqlite::bench
