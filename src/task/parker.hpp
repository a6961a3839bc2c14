// Parker: one thread sleeps, any thread wakes it. A wake-up that comes first is kept, once, as a token.
//
// Thread-safety: unpark() from any thread; park() and park_until() from one thread at a time.
// Ownership:     outlives its callers' calls of unpark() up to the moment the token is put down: the sleeper may
//                destroy the parker as soon as park() has returned.
// Progress:      unpark() is wait-free and makes a system call only if a thread sleeps.
//
// Lost wake-ups cannot happen, because there is one word and both sides change it with a read-modify-write: of the
// sleeper's step to kParked and the waker's step to kToken one comes first, and the second one sees it.
//   (PK1) the exchange in unpark() releases what the waker wrote before it
//   (PK2) the step that takes the token acquires it
#pragma once

#include "base/clock.hpp"
#include "task/thread_host.hpp"

#include <atomic>
#include <cstdint>

namespace dictsqlite::task {

class Parker {
 public:
  explicit Parker(ThreadHost& host = system_threads()) noexcept : host_(host) {}
  Parker(const Parker&) = delete;
  Parker& operator=(const Parker&) = delete;

  /// Sleeps until there is a token and takes it. At once if there is one already.
  void park() noexcept { park_until(base::kNever); }

  /// The same, at most until `deadline` on the host's clock. Returns false, and took no token, if that came first.
  bool park_until(base::Instant deadline) noexcept;

  /// Puts down a token, unless one lies there already, and wakes the sleeper.
  void unpark() noexcept;

 private:
  enum State : std::uint32_t {
    kIdle,    // nobody sleeps, no token
    kParked,  // the sleeper sleeps or is about to
    kToken,   // the next park() returns at once
  };

  ThreadHost& host_;
  std::atomic<std::uint32_t> state_{kIdle};  // (PK1) (PK2)
};

}  // namespace dictsqlite::task
