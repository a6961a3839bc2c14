/// \file
/// Executor: where a suspended coroutine resumes and a callback is called.
#pragma once

#include <dictsqlite/export.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>

namespace dictsqlite {

/// One piece of work that an executor is asked to run once. It is the node of the executor's queue, so that
/// posting allocates nothing. `next` belongs to the executor from post() until it calls run or drop.
struct Work {
  Work* next = nullptr;
  /// Runs the work. `*this` may be gone when it returns: read `next` before.
  void (*run)(Work* work) noexcept = nullptr;
  /// Gives up what the work holds, in place of run, when its executor comes to its end. Null: it holds nothing.
  void (*drop)(Work* work) noexcept = nullptr;
};

/// A place to run work: two words, copied freely. `post` may be called from any thread, neither fails nor
/// throws, and must lead to exactly one `work->run(work)` for each post, later or at once; or, if the executor ends
/// before, to one `work->drop(work)` unless that is null.
///
/// `context` must live until every operation that was told of the executor has been posted or was ready at once. The
/// end of one whose coroutine was destroyed while it waited may still be on its way. Once the Database has been closed
/// or destroyed there is nothing on its way any more.
struct Executor {
  void* context = nullptr;
  void (*post)(void* context, Work* work) noexcept = nullptr;

  /// False for the default-constructed executor, which means "not chosen here".
  explicit operator bool() const noexcept { return post != nullptr; }
  void operator()(Work* work) const noexcept { post(context, work); }
  friend bool operator==(const Executor&, const Executor&) noexcept = default;
};

/// Runs the work at once on the thread that completes the operation. That may be one of the library's own
/// threads: short, non-blocking continuations only, or every other user of the database waits. It spares those who wait
/// for a disk the wake-up of another thread, 5 to 50 microseconds for each group that is answered together.
[[nodiscard]] DICTSQLITE_EXPORT Executor inline_executor() noexcept;

/// An executor that runs nothing by itself: a main loop pumps it, once a frame say.
///
/// Thread-safety: executor() and posting from any thread; poll() from one thread at a time, and not from work
///                that poll() is running.
/// Ownership:     lives as long as Executor says. Work that was never polled is dropped with the executor: the
///                coroutines that wait for it are never resumed; callbacks are destroyed without being called, and
///                so are tasks of a TaskScope that were to start on it.
/// Progress:      posting is lock-free, two words are written and no system call is made; poll() is wait-free but
///                for the work it runs.
class DICTSQLITE_EXPORT ManualExecutor {
 public:
  ManualExecutor() noexcept = default;
  ~ManualExecutor();
  ManualExecutor(const ManualExecutor&) = delete;
  ManualExecutor& operator=(const ManualExecutor&) = delete;

  [[nodiscard]] Executor executor() noexcept;

  /// Runs what is queued, oldest first, until `max_items` have run, `time_budget` is used up (looked at
  /// between items, so that one item runs even on a budget of zero) or nothing is left. Work posted meanwhile
  /// counts as queued. Returns how many items ran.
  std::size_t poll(std::size_t max_items, std::chrono::nanoseconds time_budget) noexcept;

  /// Runs everything that was queued when it was called. Returns how many items ran.
  std::size_t poll() noexcept;

 private:
  static void post(void* context, Work* work) noexcept;
  Work* take() noexcept;

  std::atomic<Work*> incoming_{nullptr};  // stack of posted work, newest first. (ME1) (ME2)
  Work* ready_ = nullptr;                 // oldest first; owned by the polling thread
};

}  // namespace dictsqlite
