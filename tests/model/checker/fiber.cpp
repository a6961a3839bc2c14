#include "model/checker/fiber.hpp"

#include "base/assert.hpp"

// Sanitizers have to be told of stacks that are not the system's.
#if defined(__SANITIZE_THREAD__)
#define DICTSQLITE_TSAN_FIBERS 1
#elif defined(__SANITIZE_ADDRESS__)
#define DICTSQLITE_ASAN_FIBERS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DICTSQLITE_TSAN_FIBERS 1
#elif __has_feature(address_sanitizer)
#define DICTSQLITE_ASAN_FIBERS 1
#endif
#endif

#if defined(DICTSQLITE_TSAN_FIBERS)
#include <sanitizer/tsan_interface.h>
#elif defined(DICTSQLITE_ASAN_FIBERS)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

#include <pthread.h>
#endif

namespace dictsqlite::checker {

Fiber::~Fiber() {
#if defined(DICTSQLITE_TSAN_FIBERS)
  if (stack_ != nullptr && sanitizer_fiber_ != nullptr) __tsan_destroy_fiber(sanitizer_fiber_);
#endif
}

void Fiber::prepare(void (*body)(void* context), void* context) {
  if (stack_ == nullptr) stack_ = std::make_unique<std::byte[]>(kStackBytes);
  body_ = body;
  body_context_ = context;
  has_place_ = false;
  DICTSQLITE_ASSERT(::getcontext(&context_) == 0, "cannot fail here");
  context_.uc_stack.ss_sp = stack_.get();
  context_.uc_stack.ss_size = kStackBytes;
  context_.uc_link = nullptr;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  // makecontext passes int arguments only.
  ::makecontext(&context_, reinterpret_cast<void (*)()>(&Fiber::enter), 2, static_cast<unsigned>(self >> 32),
                static_cast<unsigned>(self & 0xFFFFFFFF));
#if defined(DICTSQLITE_TSAN_FIBERS)
  if (sanitizer_fiber_ != nullptr) __tsan_destroy_fiber(sanitizer_fiber_);
  sanitizer_fiber_ = __tsan_create_fiber(0);
#elif defined(DICTSQLITE_ASAN_FIBERS)
  __asan_unpoison_memory_region(stack_.get(), kStackBytes);       // frames that were abandoned
#endif
}

void Fiber::resume(Fiber& other) {
  tell_sanitizers_of_leaving_for(other);
  has_place_ = true;
  if (_setjmp(place_) != 0) {
    tell_sanitizers_of_return();
    return;
  }
  if (other.has_place_) _longjmp(other.place_, 1);
  ::setcontext(&other.context_);
  DICTSQLITE_ASSERT(false, "cannot fail here");
}

void Fiber::tell_sanitizers_of_leaving_for([[maybe_unused]] Fiber& other) {
#if defined(DICTSQLITE_TSAN_FIBERS)
  if (stack_ == nullptr) sanitizer_fiber_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(other.sanitizer_fiber_, 0);
#elif defined(DICTSQLITE_ASAN_FIBERS)
  if (stack_ == nullptr && context_.uc_stack.ss_sp == nullptr) {  // the system's own stack
    pthread_attr_t attributes;
    DICTSQLITE_ASSERT(::pthread_getattr_np(::pthread_self(), &attributes) == 0, "cannot fail here");
    ::pthread_attr_getstack(&attributes, &context_.uc_stack.ss_sp, &context_.uc_stack.ss_size);
    ::pthread_attr_destroy(&attributes);
  }
  __sanitizer_start_switch_fiber(nullptr, other.context_.uc_stack.ss_sp, other.context_.uc_stack.ss_size);
#endif
}

// On the stack that was resumed.
void Fiber::tell_sanitizers_of_return() {
#if defined(DICTSQLITE_ASAN_FIBERS)
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
}

void Fiber::enter(unsigned high, unsigned low) { reinterpret_cast<Fiber*>(std::uintptr_t{high} << 32 | low)->run(); }

void Fiber::run() {
  tell_sanitizers_of_return();
  body_(body_context_);
  DICTSQLITE_ASSERT(false, "a fiber's body never returns");
}

}  // namespace dictsqlite::checker
