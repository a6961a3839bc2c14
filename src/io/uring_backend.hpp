// UringBackend: the IoBackend over io_uring. Requests, wake-ups and the deadline meet in one io_uring_enter.
//
// wake() writes to an eventfd. A read of that eventfd is always in flight in the ring while wait() sleeps, so a wake
// is one more completion: it ends the sleep of a wait() that runs and is found by one that comes. The read is
// one-shot and queued again by the next wait(), so at most one wake completion exists, however often wake() is called.
//
// The completion queue cannot overflow: it holds four times what may be in flight (kRequestsMax and that read).
#pragma once

#include "io/io_backend.hpp"

#include <liburing.h>

#include <array>

namespace dictsqlite::io {

/// Thread-safety: as IoBackend. The opening thread must outlive the requests: the kernel cancels those of a
///                thread that ends. The destructor, too, belongs on it.
/// Ownership:     owns the ring and the eventfd, both close-on-exec; the ring is not inherited by fork.
///                Allocates nothing after open().
class UringBackend final : public IoBackend {
 public:
  /// How the ring is set up; each falls back to the next where the kernel does not know it. The choice changes
  /// costs, not promises.
  enum class Setup {
    kDeferred,     // Linux 6.1: completions are worked off inside our own io_uring_enter
    kCooperative,  // Linux 5.19: no interrupt of a running thread for a completion
    kPlain,        // Linux 5.11
  };

  /// Errors: kUnavailable (refused, or older than Linux 5.11), kResourceExhausted (no descriptors or memory).
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<UringBackend>> open(Setup best = Setup::kDeferred);

  ~UringBackend() override;
  UringBackend(const UringBackend&) = delete;
  UringBackend& operator=(const UringBackend&) = delete;

  void finish() noexcept override;
  void submit_data_sync(int fd, std::uint64_t tag) noexcept override;
  void submit_full_sync(int fd, std::uint64_t tag) noexcept override;
  void submit_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                    std::uint64_t tag) noexcept override;
  void submit_durable_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                            std::uint64_t tag) noexcept override;
  std::size_t wait(base::Instant deadline, std::span<IoCompletion> out) noexcept override;
  std::size_t poll(std::span<IoCompletion> out) noexcept override;
  void wake() noexcept override;
  [[nodiscard]] std::string_view name() const noexcept override { return "uring"; }

 private:
  enum class Operation : std::uint8_t { kDataSync, kFullSync, kWrite, kDurableWrite };
  [[nodiscard]] static constexpr bool is_sync(Operation operation) noexcept {
    return operation == Operation::kDataSync || operation == Operation::kFullSync;
  }
  struct Request {
    Operation operation;
    int fd;
    std::span<const std::byte> bytes;
    std::uint64_t offset;
    std::uint64_t tag;
    int attempts;
  };
  using Slot = std::size_t;  // index into requests_; also the user data of its queue entries

  UringBackend() noexcept = default;

  static absl::Status set_up_ring(Setup best, io_uring* ring);
  absl::Status try_entering();
  void submit(const Request& request) noexcept;
  void queue_request(Slot slot) noexcept;
  void queue_wake_read() noexcept;
  void enter(base::Instant deadline) noexcept;
  std::size_t reap(std::span<IoCompletion> out) noexcept;
  bool retries(Slot slot, int result) noexcept;

  io_uring ring_{};
  bool ring_is_open_ = false;
  int wake_fd_ = -1;
  std::uint64_t wake_count_ = 0;  // where the kernel puts what it read from wake_fd_; not looked at
  bool wake_read_in_flight_ = false;
  bool woken_ = false;                            // a wake was reaped and no wait() has returned since
  std::uint64_t free_slots_ = ~std::uint64_t{0};  // bit n: requests_[n] is not in flight
  std::array<Request, kRequestsMax> requests_{};
};

}  // namespace dictsqlite::io
