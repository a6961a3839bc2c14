// The last task and a joiner meet in one word, as in TaskJoin, but tasks may be added at any time. So the joiner's
// bit and the count share the word, and the step to zero takes the bit along: two tasks that both come to be last, one
// spawned after the other had ended, cannot both resume the joiner.
//   (TS1) the end of a task releases everything it wrote, and acquires the joiner's frame and join_ if it is the last
//   (TS2) the joiner's step releases its frame and join_, and acquires what the tasks wrote if none is left
//   (TS3) a look that finds no task acquires what they wrote
// After its step to a state that is not its own to act on, neither side touches the scope: it may be gone.
#include <dictsqlite/sync_wait.hpp>
#include <dictsqlite/task_scope.hpp>

#include "base/assert.hpp"

#include <cstdio>
#include <exception>
#include <utility>

namespace dictsqlite {

TaskScope::~TaskScope() {
  const std::size_t still_running = running();
  if (still_running == 0) return;
  std::fprintf(stderr, "dictsqlite: a TaskScope is destroyed while %zu of its tasks are running\n", still_running);
  DICTSQLITE_ASSERT(still_running == 0, "join a TaskScope before it is destroyed");
}

void TaskScope::spawn(Task<void> task) { adopt(std::move(task)).start(*this); }

void TaskScope::spawn(Executor executor, Task<void> task) {
  adopt(std::move(task).on(executor)).start_on(executor, *this);
}

TaskScope::Join TaskScope::join_async() noexcept { return Join(*this); }

void TaskScope::join() { sync_wait(join_async()); }

std::size_t TaskScope::running() const noexcept {
  return state_.load(std::memory_order_acquire) / kOneTask;  // (TS3), partner (TS1)
}

detail::TaskPromiseBase& TaskScope::adopt(Task<void> task) noexcept {
  detail::TaskPromiseBase& promise = detail::TaskAccess::release(std::move(task));
  // relaxed: whoever spawns either keeps the scope alive without our help or is a task that is counted already.
  state_.fetch_add(kOneTask, std::memory_order_relaxed);
  return promise;
}

void TaskScope::end(TaskListener& listener, detail::TaskPromiseBase& task) noexcept {
  auto& scope = static_cast<TaskScope&>(listener);
  if (task.failed()) {
    std::fputs("dictsqlite: an exception escaped from a task of a TaskScope\n", stderr);
    std::terminate();
  }
  const std::coroutine_handle<> frame = task.self();
  const void* const address = frame.address();
  frame.destroy();

  std::size_t state = scope.state_.load(std::memory_order_relaxed);  // relaxed: a guess, which the exchange checks
  std::size_t next = 0;
  do {
    next = state == (kOneTask | kJoining) ? 0 : state - kOneTask;
  } while (!scope.state_.compare_exchange_weak(state, next, std::memory_order_acq_rel,  // (TS1), partners (TS2) (TS3)
                                               std::memory_order_relaxed));             // relaxed: tried again
  if (state != (kOneTask | kJoining)) return;

  // The joiner stays suspended, and so the scope alive, until we resume it.
  Join* join = scope.join_;
  if (!join->executor_) return detail::resume_awaiter(address, join->awaiter_);
  join->run = [](Work* work) noexcept { static_cast<Join*>(work)->awaiter_.resume(); };
  join->executor_(join);
}

/// The joiner's step. True: the last task resumes it.
bool TaskScope::suspend(Join& join) noexcept {
  std::size_t state = state_.load(std::memory_order_acquire);  // (TS3), partner (TS1)
  DICTSQLITE_ASSERT((state & kJoining) == 0, "one join of a TaskScope at a time");
  join_ = &join;
  do {
    if (state == 0) return false;
  } while (!state_.compare_exchange_weak(state, state | kJoining, std::memory_order_acq_rel,  // (TS2), partner (TS1)
                                         std::memory_order_acquire));                         // (TS3), partner (TS1)
  return true;
}

}  // namespace dictsqlite
