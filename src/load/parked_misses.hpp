// ParkedMisses: the misses that found no free flight, in order of arrival: while any waits, whoever comes queues
// behind. The loader starts each when a flight has landed.
//
// Thread-safety: push() and any() from any thread; the rest from the loader.
// Ownership:     of a parked completion (its `subject` is the copy of its key): the completer's reference.
// Progress:      any() is wait-free; the rest holds a mutex for a few instructions.
// Litmus: tests/concurrency/hand_over_litmus_test.cpp
#pragma once

#include <dictsqlite/detail/completion.hpp>

#include "base/atomics.hpp"
#include "base/mutex.hpp"

#include <atomic>
#include <cstdint>

namespace dictsqlite::load {

template <class Atomics = base::StdAtomics>
class BasicParkedMisses {
 public:
  /// Queues a miss. False if no more are taken. The caller rings the doorbell afterwards.
  [[nodiscard]] bool push(detail::Completion* completion) noexcept {
    const base::MutexLock lock(mutex_);
    if (closed_) return false;
    completion->next_waiter = nullptr;
    (last_ != nullptr ? last_->next_waiter : first_) = completion;
    last_ = completion;
    count_.fetch_add(1, std::memory_order_seq_cst);  // (L1): before the caller's look at the doorbell (D2)
    return true;
  }
  /// The same for one that was taken out in vain: it is the next again.
  [[nodiscard]] bool push_front(detail::Completion* completion) noexcept {
    const base::MutexLock lock(mutex_);
    if (closed_) return false;
    completion->next_waiter = first_;
    first_ = completion;
    if (last_ == nullptr) last_ = completion;
    count_.fetch_add(1, std::memory_order_seq_cst);  // (L1)
    return true;
  }
  /// The loader's look, after its store to the doorbell (D3). A miss that comes takes it for a hint.
  [[nodiscard]] bool any() const noexcept { return count_.load(std::memory_order_seq_cst) != 0; }  // (L2)

  /// No more misses from now on; those that wait can still be taken out.
  void close() noexcept {
    const base::MutexLock lock(mutex_);
    closed_ = true;
  }
  [[nodiscard]] bool is_closed() noexcept {
    const base::MutexLock lock(mutex_);
    return closed_;
  }
  /// Takes out the one that has waited longest; nullptr if none waits.
  [[nodiscard]] detail::Completion* pop_front() noexcept {
    const base::MutexLock lock(mutex_);
    detail::Completion* const completion = first_;
    if (completion == nullptr) return nullptr;
    first_ = completion->next_waiter;
    if (first_ == nullptr) last_ = nullptr;
    count_.fetch_sub(1, std::memory_order_seq_cst);  // (L1)
    return completion;
  }

 private:
  typename Atomics::template Atomic<std::uint64_t> count_{0};  // changed under the mutex. (L1) (L2)
  base::Mutex mutex_;
  detail::Completion* first_ DICTSQLITE_GUARDED_BY(mutex_) = nullptr;
  detail::Completion* last_ DICTSQLITE_GUARDED_BY(mutex_) = nullptr;
  bool closed_ DICTSQLITE_GUARDED_BY(mutex_) = false;
};

using ParkedMisses = BasicParkedMisses<>;

}  // namespace dictsqlite::load
