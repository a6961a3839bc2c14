#include "io/threads_backend.hpp"

#include "base/assert.hpp"
#include "io/kernel_error.hpp"
#include "io/request_limits.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <new>

#include <utility>

namespace dictsqlite::io {
namespace {

// A condition variable wants the std lock; ours stays the owner.
void sleep_locked(std::condition_variable& condition, base::Mutex& mutex) noexcept DICTSQLITE_REQUIRES(mutex) {
  std::unique_lock<std::mutex> lock(mutex.native(), std::adopt_lock);
  condition.wait(lock);
  lock.release();
}

void sleep_until_locked(std::condition_variable& condition, base::Mutex& mutex, base::Instant deadline) noexcept
    DICTSQLITE_REQUIRES(mutex) {
  if (deadline == base::kNever) {
    sleep_locked(condition, mutex);
    return;
  }
  std::unique_lock<std::mutex> lock(mutex.native(), std::adopt_lock);
  condition.wait_until(lock, std::chrono::steady_clock::time_point(deadline));
  lock.release();
}

// Signals of the application are not handled on a library's thread. Faults stay visible to crash handlers; a
// blocked SIGXFSZ turns the file size limit into EFBIG instead of a dead process.
sigset_t signals_not_for_us() noexcept {
  sigset_t signals;
  sigfillset(&signals);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) {
    sigdelset(&signals, fault);
  }
  return signals;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ThreadsBackend>> ThreadsBackend::open(Worker worker) {
  std::unique_ptr<ThreadsBackend> backend(new (std::nothrow) ThreadsBackend);
  if (backend == nullptr) {
    return absl::ResourceExhaustedError("io threads backend: no memory");
  }
  if (worker == Worker::kNone) return backend;
  // The worker inherits the mask, so no signal can reach it before it has one.
  const sigset_t blocked = signals_not_for_us();
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const int error = pthread_create(&backend->worker_, nullptr, &ThreadsBackend::worker_main, backend.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) {
    return kernel_error("pthread_create", "of the I/O worker", error);
  }
  backend->worker_runs_ = true;
  return backend;
}

ThreadsBackend::~ThreadsBackend() { finish(); }

void ThreadsBackend::finish() noexcept {
  if (!std::exchange(worker_runs_, false)) {
    return;
  }
  {
    const base::MutexLock lock(mutex_);
    closing_ = true;
  }
  request_arrived_.notify_one();
  pthread_join(worker_, nullptr);
}

void ThreadsBackend::submit_data_sync(int fd, std::uint64_t tag) noexcept {
  submit({.operation = Operation::kDataSync, .fd = fd, .bytes = {}, .offset = 0, .tag = tag});
}

void ThreadsBackend::submit_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                                  std::uint64_t tag) noexcept {
  submit({.operation = Operation::kWrite, .fd = fd, .bytes = bytes, .offset = offset, .tag = tag});
}

void ThreadsBackend::submit_full_sync(int fd, std::uint64_t tag) noexcept {
  submit({.operation = Operation::kFullSync, .fd = fd, .bytes = {}, .offset = 0, .tag = tag});
}

void ThreadsBackend::submit_durable_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                                          std::uint64_t tag) noexcept {
  submit({.operation = Operation::kDurableWrite, .fd = fd, .bytes = bytes, .offset = offset, .tag = tag});
}

void ThreadsBackend::submit(const Request& request) noexcept {
  DICTSQLITE_ASSERT(worker_runs_, "a backend without files takes no requests");
  DICTSQLITE_ASSERT(in_flight_ < kRequestsMax, "the caller bounds its requests in flight");
  ++in_flight_;
  {
    const base::MutexLock lock(mutex_);
    requests_.push(request);
  }
  request_arrived_.notify_one();
}

std::size_t ThreadsBackend::wait(base::Instant deadline, std::span<IoCompletion> out) noexcept {
  DICTSQLITE_ASSERT(!out.empty(), "wait() needs room for a completion");
  const base::MutexLock lock(mutex_);
  if (completions_.empty() && !woken_) {
    // Once is enough: a spurious return is allowed, and the caller looks at its deadlines anyway.
    sleep_until_locked(loop_has_reason_, mutex_, deadline);
  }
  woken_ = false;
  return collect_locked(out);
}

std::size_t ThreadsBackend::poll(std::span<IoCompletion> out) noexcept {
  const base::MutexLock lock(mutex_);
  return collect_locked(out);
}

void ThreadsBackend::wake() noexcept {
  {
    const base::MutexLock lock(mutex_);
    if (woken_) {
      return;  // whoever set it has notified or is about to
    }
    woken_ = true;
  }
  loop_has_reason_.notify_one();
}

std::size_t ThreadsBackend::collect_locked(std::span<IoCompletion> out) noexcept {
  std::size_t count = 0;
  while (count < out.size() && !completions_.empty()) {
    out[count++] = completions_.pop();
  }
  in_flight_ -= count;
  return count;
}

void ThreadsBackend::run_worker() noexcept {
  mutex_.lock();
  for (;;) {
    while (requests_.empty() && !closing_) {
      sleep_locked(request_arrived_, mutex_);
    }
    if (requests_.empty()) {
      break;  // closing, and nothing left to do
    }
    const Request request = requests_.pop();
    mutex_.unlock();
    const std::int64_t result = carry_out(request);
    mutex_.lock();
    completions_.push({.tag = request.tag, .result = result});
    loop_has_reason_.notify_one();
  }
  mutex_.unlock();
}

std::int64_t ThreadsBackend::carry_out(const Request& request) noexcept {
  // Never retried, not even after EINTR: a second sync may say OK for what the first one lost.
  if (request.operation == Operation::kDataSync) return fdatasync(request.fd) == 0 ? 0 : -errno;
  if (request.operation == Operation::kFullSync) return fsync(request.fd) == 0 ? 0 : -errno;
  const iovec part{.iov_base = const_cast<std::byte*>(request.bytes.data()), .iov_len = request.bytes.size()};
  const int flags = request.operation == Operation::kDurableWrite ? RWF_DSYNC : 0;
  for (int attempt = 1;; ++attempt) {
    const ssize_t written = pwritev2(request.fd, &part, 1, static_cast<off_t>(request.offset), flags);
    if (written >= 0) {
      return written;
    }
    if (errno != EINTR || attempt == kWriteAttemptsMax) {
      return -errno;
    }
  }
}

void* ThreadsBackend::worker_main(void* backend) noexcept {
  pthread_setname_np(pthread_self(), "dictsqlite-io");
  static_cast<ThreadsBackend*>(backend)->run_worker();
  return nullptr;
}

}  // namespace dictsqlite::io
