// ResumeThread: the executor that user code gets when it names none. Its one thread runs posted work in the order
// of posting.
//
// Thread-safety: executor() and posting from any thread; start() and stop() from the owner.
// Ownership:     outlives every operation that resumes on it. It may be destroyed by work that it runs itself (a
//                coroutine that drops the last handle of a database): the thread then finishes what was posted and
//                ends on its own.
// Progress:      posting is lock-free, allocates nothing and never fails. The poster makes one system call if the
//                thread sleeps and nobody has woken it yet, otherwise none (work_queue.hpp says why none is lost).
//
// Work posted after stop() runs at once on the poster. To drop it would leave a coroutine suspended for ever, and to
// assert would end a program for a race it cannot avoid. It is safe because the database stops this thread after the
// flusher and the loader: the poster is then a thread of the user's, and [I9] still holds.
#pragma once

#include <dictsqlite/executor.hpp>

#include "task/library_thread.hpp"

#include <absl/status/status.h>

#include <chrono>
#include <memory>

namespace dictsqlite::task {

class ResumeThread {
  struct State;

 public:
  /// `polling_time`: how long the thread looks for more work before it sleeps. Costs processor time, saves the
  /// tens of microseconds that waking a thread takes.
  explicit ResumeThread(std::chrono::nanoseconds polling_time, ThreadHost& host = system_threads());
  ~ResumeThread();
  ResumeThread(const ResumeThread&) = delete;
  ResumeThread& operator=(const ResumeThread&) = delete;

  /// Starts the thread. What was posted before runs now. Errors: kResourceExhausted (no more threads).
  [[nodiscard]] absl::Status start();

  [[nodiscard]] Executor executor() noexcept;

  /// Runs everything posted so far and whatever that posts, then ends the thread and waits for its end. Called on
  /// the thread itself it does not wait: the thread ends once the current work has returned and the rest has run.
  /// Without start() it runs what was posted on the caller. Calling it again does nothing.
  void stop() noexcept;

  /// While one lives, work that its thread posts wakes the resume thread once, at the end. Without it the sleeper may
  /// wake on the poster's own processor, take it over for one piece of work, fall asleep, and so on for each: two
  /// context switches a piece. Others' work waits no longer than that, so hold it briefly.
  class WakeOnce {
   public:
    explicit WakeOnce(ResumeThread& thread) noexcept;
    ~WakeOnce();
    WakeOnce(const WakeOnce&) = delete;
    WakeOnce& operator=(const WakeOnce&) = delete;

   private:
    friend ResumeThread;
    State& state_;
    bool owed_ = false;  // the thread sleeps and it is for us to wake it
  };

 private:
  friend WakeOnce;

  std::shared_ptr<State> state_;  // shared with the thread, which may outlive us
  LibraryThread thread_;
  bool started_ = false;
  bool stopped_ = false;
};

}  // namespace dictsqlite::task
