#include "io/uring_backend.hpp"

#include "base/assert.hpp"
#include "io/kernel_error.hpp"
#include "io/request_limits.hpp"

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <new>

namespace dictsqlite::io {
namespace {

static_assert(kRequestsMax == 64, "free_slots_ has one bit for each request");

// Room for an entry of every request and of the wake read, with as much to spare. The kernel makes the completion
// queue twice as long.
constexpr unsigned kSubmissionEntries = 2 * kRequestsMax;
constexpr std::uint64_t kWakeUserData = kRequestsMax;  // the first number that is no slot

// How long wait() pauses where the kernel refuses to take entries (EAGAIN: it has no memory for them), so that its
// caller does not spin until they go in.
constexpr timespec kRefusedPause{.tv_sec = 0, .tv_nsec = 1'000'000};

constexpr unsigned setup_flags(UringBackend::Setup setup) noexcept {
  switch (setup) {
    case UringBackend::Setup::kDeferred:
      return IORING_SETUP_SUBMIT_ALL | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SINGLE_ISSUER |
             IORING_SETUP_DEFER_TASKRUN;
    case UringBackend::Setup::kCooperative:
      return IORING_SETUP_SUBMIT_ALL | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_COOP_TASKRUN;
    case UringBackend::Setup::kPlain:
      break;
  }
  return 0;
}

__kernel_timespec until(base::Instant deadline) noexcept {
  const base::Instant left = std::max(deadline - base::SteadyClock().now(), base::Nanoseconds::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  return {.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
}

// True where completions wait in the kernel until it is entered.
bool kernel_holds_completions(const io_uring& ring) noexcept {
  return (IO_URING_READ_ONCE(*ring.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<UringBackend>> UringBackend::open(Setup best) {
  std::unique_ptr<UringBackend> backend(new (std::nothrow) UringBackend);
  if (backend == nullptr) {
    return absl::ResourceExhaustedError("io_uring backend: no memory");
  }
  if (absl::Status status = set_up_ring(best, &backend->ring_); !status.ok()) {
    return status;
  }
  backend->ring_is_open_ = true;
  // Best effort: without it a forked child merely keeps the ring's pages mapped until it executes a program.
  static_cast<void>(io_uring_ring_dontfork(&backend->ring_));

  // Blocking, so that the read in the ring waits for a wake instead of reporting EAGAIN.
  backend->wake_fd_ = eventfd(0, EFD_CLOEXEC);
  if (backend->wake_fd_ < 0) {
    return kernel_error("eventfd", "", errno);
  }
  if (absl::Status status = backend->try_entering(); !status.ok()) {
    return status;
  }
  return backend;
}

absl::Status UringBackend::set_up_ring(Setup best, io_uring* ring) {
  int error = EINVAL;
  for (const Setup setup : {Setup::kDeferred, Setup::kCooperative, Setup::kPlain}) {
    if (setup < best) {
      continue;
    }
    io_uring_params params{};
    params.flags = setup_flags(setup);
    error = -io_uring_queue_init_params(kSubmissionEntries, ring, &params);
    if (error == EINVAL) {
      continue;  // a flag this kernel does not know
    }
    if (error != 0) {
      break;
    }
    // A deadline of io_uring_enter, and no completion lost: Linux 5.11.
    constexpr unsigned kNeeded = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP;
    if ((params.features & kNeeded) == kNeeded) {
      return absl::OkStatus();
    }
    io_uring_queue_exit(ring);
    return absl::UnavailableError("io_uring_setup: this kernel's io_uring is too old; Linux 5.11 is needed");
  }
  return kernel_error("io_uring_setup", "", error);
}

// A sandbox may allow the set-up and refuse the entering. Found here it is one error; found in wait() it would be a
// loop that gets nowhere.
absl::Status UringBackend::try_entering() {
  io_uring_prep_nop(io_uring_get_sqe(&ring_));
  const int result = io_uring_submit_and_wait(&ring_, 1);
  io_uring_cqe* entry = nullptr;
  if (result < 0 || io_uring_peek_cqe(&ring_, &entry) != 0) {
    return kernel_error("io_uring_enter", "", result < 0 ? -result : EAGAIN);
  }
  io_uring_cqe_seen(&ring_, entry);
  return absl::OkStatus();
}

UringBackend::~UringBackend() {
  if (ring_is_open_) {
    finish();
    io_uring_queue_exit(&ring_);
  }
  if (wake_fd_ >= 0) {
    close(wake_fd_);
  }
}

// Nothing of the kernel may point into this object afterwards: not a request, not the wake read.
void UringBackend::finish() noexcept {
  std::array<IoCompletion, kRequestsMax> dropped;
  while (free_slots_ != ~std::uint64_t{0}) {
    if (reap(dropped) == 0) {
      enter(base::kNever);
    }
  }
  if (wake_read_in_flight_) {
    wake();
    while (wake_read_in_flight_) {
      enter(base::kNever);
      reap(dropped);
    }
  }
}

void UringBackend::submit_data_sync(int fd, std::uint64_t tag) noexcept {
  submit({.operation = Operation::kDataSync, .fd = fd, .bytes = {}, .offset = 0, .tag = tag, .attempts = 0});
}

void UringBackend::submit_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                                std::uint64_t tag) noexcept {
  submit({.operation = Operation::kWrite, .fd = fd, .bytes = bytes, .offset = offset, .tag = tag, .attempts = 0});
}

void UringBackend::submit_full_sync(int fd, std::uint64_t tag) noexcept {
  submit({.operation = Operation::kFullSync, .fd = fd, .bytes = {}, .offset = 0, .tag = tag, .attempts = 0});
}

void UringBackend::submit_durable_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                                        std::uint64_t tag) noexcept {
  submit(
      {.operation = Operation::kDurableWrite, .fd = fd, .bytes = bytes, .offset = offset, .tag = tag, .attempts = 0});
}

// Enters the kernel at once: the request is to run while the caller works, not when it next waits.
void UringBackend::submit(const Request& request) noexcept {
  DICTSQLITE_ASSERT(free_slots_ != 0, "the caller bounds its requests in flight");
  const Slot slot = static_cast<Slot>(std::countr_zero(free_slots_));
  free_slots_ &= free_slots_ - 1;
  requests_[slot] = request;
  queue_request(slot);
  // A refusal (EAGAIN, EINTR) leaves the entry queued; the next wait() or poll() hands it in.
  static_cast<void>(io_uring_submit(&ring_));
}

void UringBackend::queue_request(Slot slot) noexcept {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  DICTSQLITE_ASSERT(entry != nullptr, "the submission queue has room for every slot");
  Request& request = requests_[slot];
  ++request.attempts;
  if (is_sync(request.operation)) {
    io_uring_prep_fsync(entry, request.fd, request.operation == Operation::kDataSync ? IORING_FSYNC_DATASYNC : 0);
  } else {
    const auto bytes = static_cast<unsigned>(std::min(request.bytes.size(), kWriteBytesMax));
    io_uring_prep_write(entry, request.fd, request.bytes.data(), bytes, request.offset);
    if (request.operation == Operation::kDurableWrite) entry->rw_flags = RWF_DSYNC;
  }
  io_uring_sqe_set_data64(entry, slot);
}

void UringBackend::queue_wake_read() noexcept {
  if (wake_read_in_flight_) {
    return;
  }
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  DICTSQLITE_ASSERT(entry != nullptr, "the submission queue has room for the wake read");
  io_uring_prep_read(entry, wake_fd_, &wake_count_, sizeof(wake_count_), 0);
  io_uring_sqe_set_data64(entry, kWakeUserData);
  wake_read_in_flight_ = true;
}

std::size_t UringBackend::wait(base::Instant deadline, std::span<IoCompletion> out) noexcept {
  DICTSQLITE_ASSERT(!out.empty(), "wait() needs room for a completion");
  std::size_t count = reap(out);
  if (count == 0 && !woken_) {
    queue_wake_read();
    enter(deadline);
    count = reap(out);
  }
  woken_ = false;
  return count;
}

std::size_t UringBackend::poll(std::span<IoCompletion> out) noexcept {
  if (io_uring_sq_ready(&ring_) > 0) {
    static_cast<void>(io_uring_submit(&ring_));
  }
  if (kernel_holds_completions(ring_)) {
    static_cast<void>(io_uring_get_events(&ring_));
  }
  return reap(out);
}

void UringBackend::wake() noexcept {
  const std::uint64_t one = 1;
  // Fails only when interrupted before it wrote: the counter is read to zero long before it could be full.
  while (write(wake_fd_, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

// One system call: hands in what is queued, then sleeps until a completion or the deadline.
void UringBackend::enter(base::Instant deadline) noexcept {
  io_uring_cqe* first = nullptr;
  int result = 0;
  if (deadline == base::kNever) {
    result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, nullptr, nullptr);
  } else {
    __kernel_timespec left = until(deadline);
    result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &left, nullptr);
  }
  DICTSQLITE_ASSERT(result != -EEXIST, "only the thread that opened the ring may wait on it");
  if (result < 0 && result != -ETIME && result != -EINTR && first == nullptr) {
    nanosleep(&kRefusedPause, nullptr);
  }
}

std::size_t UringBackend::reap(std::span<IoCompletion> out) noexcept {
  std::size_t count = 0;
  unsigned seen = 0;
  unsigned head = 0;
  io_uring_cqe* entry = nullptr;
  std::uint64_t again = 0;  // bit n: requests_[n] is to be started again
  io_uring_for_each_cqe(&ring_, head, entry) {
    if (entry->user_data == kWakeUserData) {
      wake_read_in_flight_ = false;
      woken_ = true;  // whatever the read's result: a spurious return is allowed, a missed wake is not
    } else {
      if (count == out.size()) {
        break;
      }
      const Slot slot = entry->user_data;
      DICTSQLITE_ASSERT(slot < kRequestsMax, "a completion names the slot of its request");
      if (retries(slot, entry->res)) {
        again |= std::uint64_t{1} << slot;
      } else {
        out[count++] = {.tag = requests_[slot].tag, .result = entry->res};
        free_slots_ |= std::uint64_t{1} << slot;
      }
    }
    ++seen;
  }
  io_uring_cq_advance(&ring_, seen);

  for (; again != 0; again &= again - 1) {
    queue_request(static_cast<Slot>(std::countr_zero(again)));
  }
  return count;
}

// A write that was refused before it wrote anything is started again, a bounded number of times. A sync never is: a
// second one may say OK for what the first one lost.
bool UringBackend::retries(Slot slot, int result) noexcept {
  const Request& request = requests_[slot];
  return !is_sync(request.operation) && (result == -EINTR || result == -EAGAIN) && request.attempts < kWriteAttemptsMax;
}

}  // namespace dictsqlite::io
