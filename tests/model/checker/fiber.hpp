// Fiber: a thread of a scenario. All of them share one thread of the system and hand it to each other where the
// execution says so.
//
// Thread-safety: none: everything happens on one thread. Ownership: owns its stack, which is used again.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <ucontext.h>

namespace dictsqlite::checker {

class Fiber {
 public:
  /// Stands for the code that starts the others.
  Fiber() noexcept = default;
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber();

  /// Will run `body(context)` when it is first resumed, whatever it did before. The body never returns: it ends by
  /// resuming another fiber for the last time. What was on the stack is not destroyed.
  void prepare(void (*body)(void* context), void* context);
  /// Hands the processor to another fiber, until somebody hands it back.
  void resume(Fiber& other);

 private:
  static constexpr std::size_t kStackBytes = 256u << 10;

  void tell_sanitizers_of_leaving_for(Fiber& other);
  void tell_sanitizers_of_return();
  static void enter(unsigned high, unsigned low);
  void run();

  ucontext_t context_{};
  std::jmp_buf place_{};  // where it was left; once there, it needs no system call to come back
  bool has_place_ = false;
  std::unique_ptr<std::byte[]> stack_;
  void (*body_)(void* context) = nullptr;
  void* body_context_ = nullptr;
  [[maybe_unused]] void* sanitizer_fiber_ = nullptr;  // ThreadSanitizer's
};

}  // namespace dictsqlite::checker
