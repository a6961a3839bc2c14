// ThreadsBackend: the IoBackend for where io_uring is refused. The loop sleeps on a condition variable; one worker
// thread carries out the requests in the order they came, with pwrite and fdatasync.
//
// Same promises as io_uring [I11]; what it lacks is overlap: a request waits for the one before it.
#pragma once

#include "base/mutex.hpp"
#include "io/fixed_queue.hpp"
#include "io/io_backend.hpp"

#include <pthread.h>

#include <condition_variable>

namespace dictsqlite::io {

/// Thread-safety: as IoBackend; the worker touches only what mutex_ guards.
/// Ownership:     owns the worker thread; the destructor lets it finish every request and joins it. Needs no
///                descriptor. Allocates nothing after open().
class ThreadsBackend final : public IoBackend {
 public:
  enum class Worker : std::uint8_t { kStarted, kNone };
  /// Without a worker nothing may be submitted.
  /// Errors: kResourceExhausted (no memory, or no thread: EAGAIN of pthread_create).
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ThreadsBackend>> open(Worker worker = Worker::kStarted);

  ~ThreadsBackend() override;
  ThreadsBackend(const ThreadsBackend&) = delete;
  ThreadsBackend& operator=(const ThreadsBackend&) = delete;

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
  [[nodiscard]] std::string_view name() const noexcept override { return "threads"; }

 private:
  enum class Operation : std::uint8_t { kDataSync, kFullSync, kWrite, kDurableWrite };
  struct Request {
    Operation operation;
    int fd;
    std::span<const std::byte> bytes;
    std::uint64_t offset;
    std::uint64_t tag;
  };

  ThreadsBackend() noexcept = default;

  void submit(const Request& request) noexcept;
  std::size_t collect_locked(std::span<IoCompletion> out) noexcept DICTSQLITE_REQUIRES(mutex_);
  void run_worker() noexcept;
  static std::int64_t carry_out(const Request& request) noexcept;
  static void* worker_main(void* backend) noexcept;

  std::size_t in_flight_ = 0;  // submitted and not collected; the loop's thread only

  base::Mutex mutex_;
  std::condition_variable request_arrived_;  // the worker sleeps here
  std::condition_variable loop_has_reason_;  // the loop sleeps here: a completion, or woken_
  FixedQueue<Request, kRequestsMax> requests_ DICTSQLITE_GUARDED_BY(mutex_);
  FixedQueue<IoCompletion, kRequestsMax> completions_ DICTSQLITE_GUARDED_BY(mutex_);
  bool woken_ DICTSQLITE_GUARDED_BY(mutex_) = false;    // wake() was called since the last wait() returned
  bool closing_ DICTSQLITE_GUARDED_BY(mutex_) = false;  // the worker ends when requests_ is empty

  pthread_t worker_{};
  bool worker_runs_ = false;  // false where open() failed or was not asked for one, and after finish()
};

}  // namespace dictsqlite::io
