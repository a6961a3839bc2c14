// WorkQueue: posted work on its way to the one thread that runs it. It also knows whether that thread sleeps and
// whether it has gone, so that a poster learns in the same step whether to wake it.
//
// Thread-safety: push() from any thread; everything else from the consumer.
// Ownership:     borrows the work between push() and take_all(); outlives its posters.
// Progress:      push() is lock-free, allocates nothing and never fails but for a closed queue; take_all(),
//                try_park() and close() are wait-free.
//
// One word holds all of it: a stack of work, newest first, or one of two marks.
//
//                    push                     take_all
//    null ─────────────────────▶ work … ─────────────────▶ null
//      │ try_park            ▲ push: kWakeConsumer
//      └──────▶ parked mark ─┘
//      └ close ▶ closed mark                 push: kClosed
//
// Lost wake-ups: the common shape, publish work and then look at a `parked` flag, needs seq_cst on four accesses to
// two words; with release and acquire both sides may look too early and the consumer sleeps on a full queue. Here
// both sides step on one word, and of two steps on one word the later always sees the earlier. So only what is
// handed over needs ordering:
//   (WQ1) the push releases what the poster wrote; a later push continues its release sequence
//   (WQ2) take_all acquires it, from every poster at once
// Litmus: tests/concurrency/wake_up_litmus_test.cpp shows both shapes.
#pragma once

#include <dictsqlite/executor.hpp>

#include "base/atomics.hpp"
#include "task/work_list.hpp"

#include <atomic>

namespace dictsqlite::task {

enum class PushResult {
  kQueued,        // the consumer is awake and will find it
  kWakeConsumer,  // queued; the caller, and nobody else, must wake the consumer
  kClosed,        // not queued
};

template <class Atomics = base::StdAtomics>
class WorkQueue {
 public:
  WorkQueue() noexcept = default;
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  [[nodiscard]] PushResult push(Work* work) noexcept {
    Work* top = top_.load(std::memory_order_relaxed);  // relaxed: a guess, which the exchange below checks
    do {
      if (top == &closed_) return PushResult::kClosed;
      work->next = top == &parked_ ? nullptr : top;
    } while (!top_.compare_exchange_weak(top, work, std::memory_order_release,  // (WQ1)
                                         std::memory_order_relaxed));           // relaxed: tried again
    return top == &parked_ ? PushResult::kWakeConsumer : PushResult::kQueued;
  }

  /// Everything that was pushed, oldest first, or nullptr. Ends being parked.
  [[nodiscard]] Work* take_all() noexcept {
    Work* top = top_.exchange(nullptr, std::memory_order_acquire);  // (WQ2)
    return top == &parked_ ? nullptr : reversed(top);
  }

  /// For a consumer that polls. Promises nothing but that pushed work shows up some time.
  [[nodiscard]] bool looks_empty() const noexcept {
    return top_.load(std::memory_order_relaxed) == nullptr;  // relaxed: a hint; take_all() acquires
  }

  /// True if the queue was empty: the consumer counts as parked until the next push, whose caller wakes it.
  [[nodiscard]] bool try_park() noexcept { return replace_empty_by(&parked_); }

  /// True if the queue was empty: every later push is refused.
  [[nodiscard]] bool close() noexcept { return replace_empty_by(&closed_); }

 private:
  bool replace_empty_by(Work* mark) noexcept {
    Work* empty = nullptr;
    return top_.compare_exchange_strong(empty, mark, std::memory_order_relaxed,  // relaxed: hands nothing over, and
                                        std::memory_order_relaxed);              // the order of steps is the word's
  }

  Work parked_;                                            // never run: its address is a mark
  Work closed_;                                            // the same
  typename Atomics::template Atomic<Work*> top_{nullptr};  // newest work, or a mark. (WQ1) (WQ2)
};

}  // namespace dictsqlite::task
