// Flusher: the thread that drains the ring into SQLite transactions, makes them durable and tells who waits.
//
//   ring --drain--> staged --fold, apply--> SQLite --sync--> durable
//                                      applied ^            ^ durable = settled
//
// What queued while the last transaction ran is the next one; while a sync runs, the next transaction is built
// (one sync in flight). When to do what is FlushPolicy's; this class carries it out.
//
// Thread-safety: start(), join(), waiters() and counters() as said there; everything else is the flusher thread's.
// Ownership:     owns the I/O backend and the store, which live and die on its thread.
#pragma once

#include <dictsqlite/event.hpp>

#include "base/failure.hpp"
#include "base/flag.hpp"
#include "cache/cache.hpp"
#include "flush/flush_policy.hpp"
#include "flush/fold.hpp"
#include "flush/waiters.hpp"
#include "flush/write_path.hpp"
#include "io/io_backend.hpp"
#include "store/sqlite_store.hpp"
#include "task/library_thread.hpp"
#include "task/resume_thread.hpp"

#include <absl/status/status.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace dictsqlite::flush {

/// What the flusher asks of its owner, all on the flusher's thread.
class FlusherHost {
 public:
  /// The store is open (null without a disk): start what reads from it.
  [[nodiscard]] virtual absl::Status store_opened(store::SqliteStore* store) = 0;
  /// Everything is open, and the work begins.
  virtual void opened() = 0;
  /// The store is about to close: end what reads from it.
  virtual void store_closing() = 0;
  /// A reader has kept the log from being emptied for so long that no scan of our own may go on doing that.
  virtual void log_pinned() = 0;
  virtual void emit(EventKind kind, const std::string& message) = 0;
  /// The last thing the thread does: the flusher may be gone when this returns. `opening`: how that ended; if with an
  /// error, there was nothing else.
  virtual void flusher_ended(const absl::Status& opening) = 0;

 protected:
  ~FlusherHost() = default;
};

/// Statistics: written by the flusher, read by anyone; each relaxed, each on its own.
struct FlushCounters {
  std::atomic<std::uint64_t> transactions{0};
  std::atomic<std::uint64_t> rows_applied{0};
  std::atomic<std::uint64_t> writes_applied{0};
  std::atomic<std::uint64_t> syncs{0};
  std::atomic<std::uint64_t> stalled_publishes{0};
  std::atomic<std::uint64_t> wal_bytes{0};
  std::atomic<std::uint64_t> checkpoints{0};
  std::atomic<std::uint64_t> checkpoints_blocked{0};
  std::atomic<bool> on_uring{false};
};

class Flusher {
 public:
  struct Config {
    FlushPolicy policy;
    bool memory_only;
    io::BackendChoice backend;
    std::string probe_directory;
    store::SqliteOptions store;
    base::Nanoseconds poll_time;
    const base::Clock& clock;
    task::ThreadHost& threads;
    io::BackendOpener open_backend;
  };

  Flusher(Config config, FlusherHost& host, WritePath& path, cache::Cache& cache, Watermarks& watermarks,
          base::Failure& failure, task::ResumeThread& resume);
  ~Flusher();
  Flusher(const Flusher&) = delete;
  Flusher& operator=(const Flusher&) = delete;

  /// Starts the thread, which opens everything and reports to the host. Errors: kResourceExhausted.
  [[nodiscard]] absl::Status start();
  /// Waits for the thread's end, or lets it go if the caller is that thread.
  void join() noexcept;

  /// Whether the caller is that thread. Any thread may ask.
  [[nodiscard]] bool is_current() const noexcept { return thread_.is_current(); }

  /// Where operations wait. push() from any thread, then ring the doorbell.
  [[nodiscard]] Waiters& waiters() noexcept { return waiters_; }
  [[nodiscard]] const FlushCounters& counters() const noexcept { return counters_; }

  /// Gives up what is unwritten: a close that is under way ends soon, with an error. Any thread.
  void give_up() noexcept;

 private:
  void run() noexcept;
  [[nodiscard]] absl::Status open();
  void loop();
  void finish();
  void answer_closer(const absl::Status& status);

  // One look around. True if something was done and another look is due.
  bool step();
  void drain();
  void admit_parked();
  void refuse_parked();
  bool admit_first_parked(detail::Completion* completion);
  void complete_waiters();
  void apply();
  [[nodiscard]] std::size_t transaction_size() const noexcept;
  void applied_up_to(std::uint64_t sequence, std::size_t writes, std::size_t rows);
  // What found no space last, and is the one to find that there is some again.
  enum class FullFor : std::uint8_t { kNothing, kTransaction, kCheckpoint };
  void disk_full(FullFor what);
  void disk_has_space();
  void start_sync();
  void reap(std::size_t count);
  void checkpoint();
  void all_durable() noexcept;
  void fail(const absl::Status& status);
  void refuse_everyone();
  bool close_step();
  void sleep();
  bool poll_before_sleep();
  [[nodiscard]] bool nothing_new(std::uint64_t wake_ticket);
  [[nodiscard]] std::uint64_t choose_wake_ticket(const FlushView& view) const noexcept;
  [[nodiscard]] FlushView view() const;
  void publish_counters() noexcept;
  [[nodiscard]] bool asked_beyond(WaitFor kind, std::uint64_t sequence) const noexcept {
    return waiters_.any(kind) && waiters_.furthest(kind) > sequence;
  }

  const Config config_;
  FlusherHost& host_;
  WritePath& path_;
  cache::Cache& cache_;
  Watermarks& watermarks_;
  base::Failure& failure_;
  task::ResumeThread& resume_;
  Waiters waiters_;
  FlushCounters counters_;
  base::Flag give_up_;  // (Q1) raised (FL1) by give_up() before it rings; (Q2) looked at (FL2) between steps

  // The thread's own.
  const base::Clock& clock_;
  std::unique_ptr<io::IoBackend> backend_;
  std::unique_ptr<store::SqliteStore> store_;
  Fold fold_;
  std::vector<entry::Entry*> staged_;  // drained, not applied; one reference each
  std::size_t staged_rows_ = 0;
  base::Instant oldest_waiting_{};
  base::Instant oldest_unsynced_{};
  base::Instant last_activity_{};
  base::Instant retry_after_{};
  FullFor full_for_ = FullFor::kNothing;
  std::uint64_t attempted_sequence_ = 0;  // the last one that was ever in a transaction
  std::uint64_t sync_target_ = 0;         // what the sync in flight covers
  std::uint64_t wal_bytes_blocked_ = 0;
  std::uint64_t parked_seen_ = 0;  // parked writes that could not be moved in at the last try
  bool sync_in_flight_ = false;
  bool closing_ = false;
  bool gave_up_ = false;  // closing has seen give_up_
  bool finished_ = false;
  absl::Status close_status_;
  std::array<io::IoCompletion, 8> completions_;
  task::LibraryThread thread_;
};

}  // namespace dictsqlite::flush
