// LibraryThread: a thread of the library's own. It has a name, blocks all signals (those are the program's to
// handle, on the program's threads) and is marked, so that a call which would block it can be refused.
//
// Thread-safety: one owner; is_current(), on_library_thread() and assert_may_block() from any thread.
// Ownership:     the owner joins it before destroying it. A thread cannot join itself: where that can happen the
//                owner detaches it, and `context` must then live as long as the thread.
#pragma once

#include "task/thread_host.hpp"

#include <absl/status/status.h>

#include <pthread.h>

namespace dictsqlite::task {

/// Marks the calling thread as the library's own for the life of the object, and names it. `name`: at most 15
/// bytes. For threads that a test starts itself; LibraryThread does it for the others.
class LibraryThreadMark {
 public:
  explicit LibraryThreadMark(const char* name) noexcept;
  ~LibraryThreadMark();
  LibraryThreadMark(const LibraryThreadMark&) = delete;
  LibraryThreadMark& operator=(const LibraryThreadMark&) = delete;
};

[[nodiscard]] bool on_library_thread() noexcept;

/// Asserts that the calling thread is not one of the library's. Every blocking call begins with this: on one of our
/// threads it would wait for work that only that thread can do, and never return.
void assert_may_block() noexcept;

class LibraryThread {
 public:
  using Main = void (*)(void* context) noexcept;

  explicit LibraryThread(ThreadHost& host = system_threads()) noexcept : host_(host) {}
  ~LibraryThread();
  LibraryThread(const LibraryThread&) = delete;
  LibraryThread& operator=(const LibraryThread&) = delete;

  /// Runs main(context) on a new thread. `name` must be a literal of at most 15 bytes.
  /// Errors: kResourceExhausted (the system gives no more threads).
  [[nodiscard]] absl::Status start(const char* name, Main main, void* context);

  /// Waits for main to return. Does nothing if there is no thread.
  void join() noexcept;

  /// Lets the thread end by itself. Only from that thread.
  void detach() noexcept;

  /// Whether the caller is this thread, and not detached. Any thread may ask.
  [[nodiscard]] bool is_current() const noexcept;

 private:
  static void* run(void* self);

  ThreadHost& host_;
  const char* name_ = nullptr;
  Main main_ = nullptr;
  void* context_ = nullptr;
  bool joinable_ = false;
  pthread_t thread_{};
};

}  // namespace dictsqlite::task
