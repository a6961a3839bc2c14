// Orderings: (ME1) the push releases what the poster wrote before it, (ME2) the take acquires it. A push continues
// the release sequence of the pushes below it, so one acquiring exchange sees what every poster wrote.
#include <dictsqlite/executor.hpp>

#include "task/work_list.hpp"

namespace dictsqlite {

ManualExecutor::~ManualExecutor() {
  while (Work* work = take()) {
    if (work->drop != nullptr) work->drop(work);
  }
}

Executor ManualExecutor::executor() noexcept { return Executor{this, &ManualExecutor::post}; }

std::size_t ManualExecutor::poll(std::size_t max_items, std::chrono::nanoseconds time_budget) noexcept {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  std::size_t count = 0;
  while (count < max_items) {
    Work* work = take();
    if (work == nullptr) break;
    work->run(work);
    ++count;
    if (Clock::now() - start >= time_budget) break;
  }
  return count;
}

std::size_t ManualExecutor::poll() noexcept {
  // Both taken before anything runs: work that posts itself again must wait for the next call.
  Work* older = std::exchange(ready_, nullptr);
  Work* newer = task::reversed(incoming_.exchange(nullptr, std::memory_order_acquire));  // (ME2)
  std::size_t count = 0;
  for (Work* chain : {older, newer}) {
    while (chain != nullptr) {
      Work* work = task::pop_first(chain);
      work->run(work);
      ++count;
    }
  }
  return count;
}

void ManualExecutor::post(void* context, Work* work) noexcept {
  std::atomic<Work*>& incoming = static_cast<ManualExecutor*>(context)->incoming_;
  Work* newest = incoming.load(std::memory_order_relaxed);  // relaxed: a guess, which the exchange below checks
  do {
    work->next = newest;
  } while (!incoming.compare_exchange_weak(newest, work, std::memory_order_release,  // (ME1)
                                           std::memory_order_relaxed));              // relaxed: tried again
}

/// The oldest queued work, or nullptr.
Work* ManualExecutor::take() noexcept {
  if (ready_ == nullptr) ready_ = task::reversed(incoming_.exchange(nullptr, std::memory_order_acquire));  // (ME2)
  return ready_ == nullptr ? nullptr : task::pop_first(ready_);
}

}  // namespace dictsqlite
