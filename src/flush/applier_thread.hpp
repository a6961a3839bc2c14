// ApplierThread: runs an Applier on a thread of its own, behind a log. The flusher hands over what is durable there;
// what gathers while a transaction runs is the next one.
//
// Thread-safety: give_up() from any thread; has_news() and take_news(), and everything else, from the flusher. The
//                applier itself belongs to the thread between start() and join(), to the flusher before and after.
// Ownership:     borrows the applier.
//
//   (Q1) news: the thread raises watermarks or gives budget back, raises the flag (FL1), rings the doorbell (D2)
//   (Q2) the flusher: takes the flag (FL2) before it looks at those, and looks at it once more before it sleeps
// Litmus: tests/concurrency/hand_over_litmus_test.cpp
// The other way, ending and giving up are raised, and the inbox filled under its mutex, before the parker's token is
// put down (PK1); the thread looks at them after it took that (PK2).
#pragma once

#include "base/failure.hpp"
#include "base/flag.hpp"
#include "base/mutex.hpp"
#include "cache/cache.hpp"
#include "flush/applier.hpp"
#include "flush/pipeline.hpp"
#include "io/file_access.hpp"
#include "task/library_thread.hpp"
#include "task/parker.hpp"

#include <absl/status/status.h>

#include <cstddef>
#include <string>
#include <vector>

namespace dictsqlite::flush {

class ApplierThread final : public ApplierHost {
 public:
  ApplierThread(task::ThreadHost& threads, io::FileAccess& files, PipelineHost& host, WritePath& path,
                cache::Cache& cache, base::Failure& failure) noexcept
      : files_(files), host_(host), path_(path), cache_(cache), failure_(failure), parker_(threads), thread_(threads) {}

  /// Errors: kResourceExhausted.
  [[nodiscard]] absl::Status start(Applier& applier, std::size_t rows_due);
  /// Takes `writes` over, which is empty afterwards, and says what is wanted now.
  void hand_over(std::vector<entry::Entry*>& writes, const Demand& demand);
  /// Applies everything, or gives it up where that was asked for, and ends.
  void end() noexcept;
  /// It has ended: join() does not wait.
  [[nodiscard]] bool has_ended() const noexcept { return ended_.is_raised(); }
  void join() noexcept;
  void give_up() noexcept;
  /// The database has failed: what the applier has is dropped.
  void look_again() noexcept { parker_.unpark(); }

  [[nodiscard]] bool has_news() const noexcept { return news_.is_raised(); }  // (Q2)
  void take_news() noexcept { static_cast<void>(news_.take()); }              // (Q2)

  // ApplierHost, on the thread
  [[nodiscard]] bool keep_going() override;
  void apply_failed(const absl::Status& status) override;
  void start_sync(int fd) override;
  void log_pinned() override { host_.log_pinned(); }
  void emit(EventKind kind, const std::string& message) override { host_.emit(kind, message); }

 private:
  void run() noexcept;
  [[nodiscard]] Demand take_inbox();
  void drop() noexcept;
  void tell() noexcept;

  io::FileAccess& files_;
  PipelineHost& host_;
  WritePath& path_;
  cache::Cache& cache_;
  base::Failure& failure_;
  Applier* applier_ = nullptr;
  std::size_t rows_due_ = 0;

  base::Mutex mutex_;
  std::vector<entry::Entry*> inbox_ DICTSQLITE_GUARDED_BY(mutex_);
  std::size_t inbox_rows_ DICTSQLITE_GUARDED_BY(mutex_) = 0;
  std::size_t staged_rows_ DICTSQLITE_GUARDED_BY(mutex_) = 0;  // that the applier had when it last looked
  Demand demand_ DICTSQLITE_GUARDED_BY(mutex_);
  std::vector<entry::Entry*> taken_;  // the thread's

  base::Flag ending_;
  base::Flag give_up_;
  base::Flag news_;
  base::Flag ended_;
  task::Parker parker_;
  task::LibraryThread thread_;
};

}  // namespace dictsqlite::flush
