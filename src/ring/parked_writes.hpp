// ParkedWrites: the writes that found no room, in order of arrival. They hold no ticket; the flusher moves each into
// the ring when there is room again, and newcomers queue behind them.
//
// Writers can also be paused as a whole: everybody parks until resume(), so that a database without a disk can be
// scanned at one moment.
//
// Thread-safety: front() and pop_front() from the flusher; everything else from any thread.
// Ownership:     of a parked completion (its `subject` is the entry): the completer's reference.
// Progress:      must_wait() is wait-free; the rest holds a mutex for a few instructions.
// Litmus: tests/concurrency/hand_over_litmus_test.cpp
#pragma once

#include <dictsqlite/detail/completion.hpp>

#include "base/atomics.hpp"
#include "base/mutex.hpp"

#include <atomic>
#include <cstdint>

namespace dictsqlite::ring {

template <class Atomics = base::StdAtomics>
class BasicParkedWrites {
 public:
  /// Whether a newcomer may not go straight to the ring: others wait before it, or no more writes are taken.
  [[nodiscard]] bool must_wait() const noexcept { return state_.load(std::memory_order_seq_cst) != 0; }  // (K1)
  [[nodiscard]] bool is_closed() const noexcept {
    return (state_.load(std::memory_order_seq_cst) & kClosed) != 0;  // (K1)
  }
  [[nodiscard]] bool is_paused() const noexcept {
    return (state_.load(std::memory_order_seq_cst) & kPaused) != 0;  // (K1)
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return state_.load(std::memory_order_seq_cst) / kOne; }  // (K1)

  /// Queues a write. False if no more are taken. The caller rings the doorbell afterwards.
  [[nodiscard]] bool push(detail::Completion* completion) noexcept {
    const base::MutexLock lock(mutex_);
    if (is_closed()) return false;
    completion->next_waiter = nullptr;
    if (last_ != nullptr) {
      last_->next_waiter = completion;
    } else {
      first_ = completion;
    }
    last_ = completion;
    ++total_;
    state_.fetch_add(kOne, std::memory_order_seq_cst);  // (K1): before the caller's look at the doorbell (D2)
    return true;
  }
  /// No more writes from now on; those that wait are still moved in.
  void close() noexcept {
    const base::MutexLock lock(mutex_);
    state_.fetch_or(kClosed, std::memory_order_seq_cst);  // (K1)
  }
  /// From now on every newcomer parks. One caller at a time; rings the doorbell after resume().
  void pause() noexcept {
    const base::MutexLock lock(mutex_);
    state_.fetch_or(kPaused, std::memory_order_seq_cst);  // (K1)
  }
  void resume() noexcept {
    const base::MutexLock lock(mutex_);
    state_.fetch_and(~kPaused, std::memory_order_seq_cst);  // (K1)
  }

  [[nodiscard]] detail::Completion* front() noexcept {
    const base::MutexLock lock(mutex_);
    return first_;
  }
  void pop_front() noexcept {
    const base::MutexLock lock(mutex_);
    first_ = first_->next_waiter;
    if (first_ == nullptr) last_ = nullptr;
    state_.fetch_sub(kOne, std::memory_order_seq_cst);  // (K1)
  }

  [[nodiscard]] std::uint64_t total() noexcept {
    const base::MutexLock lock(mutex_);
    return total_;
  }

 private:
  static constexpr std::uint64_t kClosed = 1;
  static constexpr std::uint64_t kPaused = 2;
  static constexpr std::uint64_t kOne = 4;

  // Number parked * kOne | paused | closed; changed under the mutex. (K1)
  typename Atomics::template Atomic<std::uint64_t> state_{0};
  base::Mutex mutex_;
  detail::Completion* first_ DICTSQLITE_GUARDED_BY(mutex_) = nullptr;
  detail::Completion* last_ DICTSQLITE_GUARDED_BY(mutex_) = nullptr;
  std::uint64_t total_ DICTSQLITE_GUARDED_BY(mutex_) = 0;
};

using ParkedWrites = BasicParkedWrites<>;

}  // namespace dictsqlite::ring
