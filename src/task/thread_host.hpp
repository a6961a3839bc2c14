// ThreadHost: where the library's threads begin, sleep and wake. The system's for everyone; a test puts its own in its
// place, which lets one thread run at a time and decides from a seed which.
//
// Everything the library's threads wait for comes by one of two doors: a word behind a Parker, which is here, and
// IoBackend::wait(). Mutexes are held for a few instructions and never across either.
#pragma once

#include "base/clock.hpp"

#include <atomic>
#include <cstdint>

namespace dictsqlite::task {

/// Thread-safety: every member from any thread. Ownership: outlives every thread started with it.
class ThreadHost {
 public:
  virtual ~ThreadHost() = default;

  /// Sleeps while `word` equals `expected`, at most until `deadline` on the host's clock. May return early for no
  /// reason: look again. Returns false if the deadline has passed.
  virtual bool wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                    base::Instant deadline) noexcept = 0;
  /// Wakes one thread that sleeps on `word`, which may be gone by now: only its address is used.
  virtual void wake_one(const std::atomic<std::uint32_t>* word) noexcept = 0;

  /// The caller is about to make a thread, or was refused one. `name` tells the threads of one database apart.
  virtual void thread_starts(const char* name) noexcept = 0;
  virtual void thread_refused(const char* name) noexcept = 0;
  /// On the new thread, before its first and after its last own instruction.
  virtual void thread_begins(const char* name) noexcept = 0;
  virtual void thread_ends(const char* name) noexcept = 0;
  /// The caller is about to wait for the thread's end.
  virtual void joins(const char* name) noexcept = 0;
};

/// The kernel's futexes and scheduler. Stateless.
[[nodiscard]] ThreadHost& system_threads() noexcept;

}  // namespace dictsqlite::task
