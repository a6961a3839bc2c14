#include <dictsqlite/detail/completion.hpp>

#include "base/assert.hpp"
#include "database/engine.hpp"
#include "task/library_thread.hpp"

#include <cstddef>
#include <new>

namespace dictsqlite::detail {

namespace {

// The first word of a block stays the slab's, see BasicSlab::allocate().
constexpr std::size_t kBlockPrefix = 8;
static_assert(alignof(Completion) <= kBlockPrefix);

void run_completion(Work* work) noexcept {
  auto* completion = static_cast<Completion*>(work);
  // (C1) acq_rel: what the completer wrote is visible to the resumed side, and an abandoning side is done with it.
  const Completion::State before = completion->state.exchange(Completion::State::kDelivered, std::memory_order_acq_rel);
  DICTSQLITE_ASSERT(before != Completion::State::kDelivered, "a completion is delivered once [I5]");
  if (before == Completion::State::kWaiting) {
    if (completion->resume != nullptr) {
      completion->resume(completion->context);
    } else {
      auto* const callback = static_cast<Work*>(completion->context);
      callback->run(callback);
    }
  }
  release(completion);
}

// A coroutine stays suspended: its frame, which somebody else owns, has the operation and its reference.
void drop_completion(Work* work) noexcept {
  auto* completion = static_cast<Completion*>(work);
  if (completion->resume == nullptr) {
    auto* const callback = static_cast<Work*>(completion->context);
    callback->drop(callback);
  }
  release(completion);
}

}  // namespace

Completion* new_completion(const EngineHandle& engine, Executor executor, void (*resume)(void*) noexcept,
                           void* context) noexcept {
  if (!engine) return nullptr;
  void* block = engine.get()->cache().pool().allocate_block(kBlockPrefix + sizeof(Completion));
  if (block == nullptr) return nullptr;
  auto* completion = new (static_cast<std::byte*>(block) + kBlockPrefix) Completion();
  completion->run = &run_completion;
  completion->drop = &drop_completion;
  completion->executor = executor;
  completion->resume = resume;
  completion->context = context;
  completion->engine = engine.share();
  return completion;
}

void release(Completion* completion) noexcept {
  // (C2) Each owner's use happens before its release; acquire makes the last one see it. Pairs with itself.
  if (completion->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;  // (C2)
  const EngineHandle engine = std::move(completion->engine);
  completion->~Completion();
  engine.get()->cache().pool().release_block(reinterpret_cast<std::byte*>(completion) - kBlockPrefix,
                                             kBlockPrefix + sizeof(Completion));
}

void abandon(Completion* completion) noexcept {
  Completion::State waiting = Completion::State::kWaiting;
  // Fails if it was delivered: then the operation is being destroyed after it was resumed.
  completion->state.compare_exchange_strong(waiting, Completion::State::kAbandoned, std::memory_order_acq_rel);  // (C1)
  release(completion);
}

void deliver(Completion* completion) noexcept {
  if (completion->intercept != nullptr) return completion->intercept(completion);
  if (completion->state.load(std::memory_order_acquire) == Completion::State::kAbandoned) {  // (C1)
    return release(completion);
  }
  const Executor executor = completion->executor ? completion->executor : completion->engine.get()->default_executor();
  executor(completion);
}

void complete(Completion* completion, absl::StatusCode code, std::string_view message) noexcept {
  completion->code = code;
  completion->message = message;
  deliver(completion);
}

void wait(Completion* completion) noexcept {
  task::assert_may_block();
  completion->signal.wait(0, std::memory_order_acquire);  // (C3)
}

void signal(void* context) noexcept {
  auto* completion = static_cast<Completion*>(context);
  completion->signal.store(1, std::memory_order_release);  // (C3)
  completion->signal.notify_one();                         // the completer's reference keeps it
}

}  // namespace dictsqlite::detail
