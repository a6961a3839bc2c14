// Flusher: the thread that drains the ring into the pipeline, and tells who waits for what comes out of it.
//
//   ring --drain--> Pipeline --> watermarks --> waiters
//
// Thread-safety: start(), join(), waiters() and counters() as said there; everything else is the flusher thread's.
// Ownership:     owns the I/O backend and, through the pipeline, the store.
#pragma once

#include <dictsqlite/event.hpp>

#include "base/failure.hpp"
#include "base/flag.hpp"
#include "cache/cache.hpp"
#include "flush/admission_pacer.hpp"
#include "flush/flush_counters.hpp"
#include "flush/flush_policy.hpp"
#include "flush/pipeline.hpp"
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

class Flusher final : private PipelineHost {
 public:
  struct Config {
    FlushPolicy policy;
    bool memory_only;
    bool journaled;
    std::uint64_t log_bytes_max;
    journal::LogLoss log_loss;
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
  void pace();
  void admit_parked();
  void note_stall(const detail::Completion& parked) noexcept;
  void refuse_parked();
  bool admit_first_parked(detail::Completion* completion);
  void complete_waiters();
  void complete_durable();
  void log_ahead(std::size_t rows_answered);
  void reap(std::size_t count);
  void fail(const absl::Status& status);
  void refuse_everyone();
  bool close_step();
  void sleep();
  bool poll_before_sleep(base::Instant deadline, std::uint64_t wake_ticket, bool is_holding);
  [[nodiscard]] bool has_other_news() const noexcept;
  [[nodiscard]] bool nothing_new(std::uint64_t wake_ticket, bool is_holding);
  [[nodiscard]] base::Instant next_look(const Demand& wanted, const Hold& hold) const;
  [[nodiscard]] std::uint64_t choose_wake_ticket(const Demand& demand) const noexcept;
  [[nodiscard]] Demand demand() noexcept;

  // PipelineHost
  [[nodiscard]] bool keep_going() override;
  void pipeline_failed(const absl::Status& status) override { fail(status); }
  void log_pinned() override { host_.log_pinned(); }
  void emit(EventKind kind, const std::string& message) override { host_.emit(kind, message); }

  [[nodiscard]] std::unique_ptr<Pipeline> make_pipeline();

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
  std::unique_ptr<io::FileAccess> own_files_;  // if the owner brought none
  std::unique_ptr<Pipeline> pipeline_;         // none without a disk
  bool refused_ = false;                       // everybody was told of the failure
  AdmissionPacer pacer_;
  std::uint64_t parked_seen_ = 0;  // parked writes that could not be moved in at the last try
  bool closing_ = false;
  bool gave_up_ = false;  // closing has seen give_up_
  bool finished_ = false;
  std::array<io::IoCompletion, 8> completions_;
  task::LibraryThread thread_;
};

}  // namespace dictsqlite::flush
