// Pipeline: what becomes of the writes that the flusher drains, until they are settled.
//
//   DirectPipeline     drained --> SQLite, by the flusher itself                             Journal::kOff
//   JournaledPipeline  drained --> log --> durable --> SQLite, by a thread of its own        Journal::kOn
//
// Both raise the watermarks; the flusher tells who waits for them.
#pragma once

#include <dictsqlite/event.hpp>

#include "base/clock.hpp"
#include "entry/entry.hpp"
#include "flush/recovery.hpp"
#include "io/io_backend.hpp"
#include "store/sqlite_store.hpp"

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace dictsqlite::flush {

/// What others want of the pipeline at this time.
struct Demand {
  static constexpr std::uint64_t kNobody = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t apply_to = 0;            // somebody waits for the writes up to this one to be applied
  std::uint64_t durable_to = 0;          // the same for durable
  std::uint64_t durable_from = kNobody;  // the first of the writes that somebody waits for to be durable
  std::uint64_t settle_from = kNobody;   // the same for settled
  bool under_pressure = false;           // writers are parked, or most of the budget is used
  bool closing = false;

  friend bool operator==(const Demand&, const Demand&) = default;
};

/// What the pipeline asks of the flusher.
class PipelineHost {
 public:
  /// What else the flusher's thread has to do, in the midst of something long. False: that is given up.
  [[nodiscard]] virtual bool keep_going() = 0;
  /// A write or sync failed. On the flusher's thread; calls drop().
  virtual void pipeline_failed(const absl::Status& status) = 0;
  /// A reader has kept the log from being emptied for so long that no scan of our own may go on doing that. Any thread
  /// of the pipeline's; so the next.
  virtual void log_pinned() = 0;
  virtual void emit(EventKind kind, const std::string& message) = 0;

 protected:
  ~PipelineHost() = default;
};

/// What the flusher sleeps through although it would be news: fewer than `rows` more rows, and whoever waits for what
/// came before them. But not beyond `until`, nor beyond the end of a request in flight, which wakes it anyway.
struct Hold {
  std::size_t rows = 0;  // 0: nothing
  base::Instant until = base::kNever;
};

/// Thread-safety: the flusher's thread, but for give_up().
/// Ownership:     one reference of every staged write, and the store.
class Pipeline {
 public:
  virtual ~Pipeline() = default;

  /// Opens and recovers the store, begins a life, raises the watermarks to what is there. Requests go to `backend`,
  /// which outlives them. Errors: as open_and_recover().
  [[nodiscard]] virtual absl::Status open(io::IoBackend& backend) = 0;
  /// Null before open() and after close().
  [[nodiscard]] virtual store::SqliteStore* store() noexcept = 0;
  [[nodiscard]] virtual const RecoveryFacts& recovery() const noexcept = 0;

  /// Takes over a drained write; they come in their order.
  virtual void stage(entry::Entry* write) = 0;
  /// Rows that wait for the next step of the pipeline to begin.
  [[nodiscard]] virtual std::size_t waiting_rows() const noexcept = 0;
  /// Somebody waits for something that has not begun.
  [[nodiscard]] virtual bool is_asked(const Demand& demand) const noexcept = 0;

  [[nodiscard]] virtual Hold hold() const noexcept { return {}; }

  /// Does one thing. True if another look is due.
  virtual bool step(const Demand& demand) = 0;
  /// When to look again although nothing happens.
  [[nodiscard]] virtual base::Instant next_look(const Demand& demand) const = 0;
  [[nodiscard]] virtual bool is_request_in_flight() const noexcept = 0;
  virtual void completed(const io::IoCompletion& completion) = 0;
  /// Something has changed that another thread did, since it was taken; it rings the doorbell then.
  [[nodiscard]] virtual bool has_news() const noexcept { return false; }
  virtual void take_news() noexcept {}

  /// The last write that may be on the disk.
  [[nodiscard]] virtual std::uint64_t attempted() const noexcept = 0;
  /// Rows that would be lost if everything were given up now, and that will not be safe very soon.
  [[nodiscard]] virtual std::size_t unsafe_rows() const noexcept = 0;
  /// Lets go of what is staged, and of its budget: it will not be written.
  virtual void drop() noexcept = 0;

  /// No more writes come. True when nothing is left to do before close().
  [[nodiscard]] virtual bool is_drained() = 0;
  /// What takes long ends soon, done or not. Any thread.
  virtual void give_up() noexcept {}
  /// Everything applied is settled after OK. Without a store nothing happens.
  [[nodiscard]] virtual absl::Status close(store::ClosingLog log) = 0;
  /// Ends as a crash would.
  virtual void abandon() noexcept = 0;
};

}  // namespace dictsqlite::flush
