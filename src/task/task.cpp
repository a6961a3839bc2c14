#include <dictsqlite/detail/task_promise.hpp>

#include "base/assert.hpp"

#include <utility>

namespace dictsqlite::detail {
namespace {

/// A loop in resume_awaiter() that is on the stack of this thread.
struct Ascent {
  const void* running;                     // frame that the loop has resumed
  std::coroutine_handle<> next = nullptr;  // left behind by that frame when it came to its end
};

constinit thread_local Ascent* innermost_ascent = nullptr;

}  // namespace

void task_misused(const char* sentence) noexcept { base::assertion_failed("task", sentence, __FILE__, __LINE__); }

// Only the very frame that the loop resumed hands its awaiter to the loop: nothing of the user's is between the two
// on the stack, so the awaiter is not kept waiting. Any other frame that ends in here (one that the running frame
// woke by hand, say) gets a loop of its own, because the running frame might block until that awaiter has run.
void resume_awaiter(const void* finished, std::coroutine_handle<> awaiter) noexcept {
  Ascent* const outer = innermost_ascent;
  if (outer != nullptr && outer->running == finished && !outer->next) {
    outer->next = awaiter;
    return;
  }
  while (awaiter) {
    Ascent ascent{.running = awaiter.address()};
    innermost_ascent = &ascent;
    awaiter.resume();
    awaiter = ascent.next;
  }
  innermost_ascent = outer;
}

}  // namespace dictsqlite::detail
