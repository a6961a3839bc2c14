// Applier: brings staged writes into SQLite, makes them durable there, and copies the log into the database file.
//
//   stage --fold, apply--> applied --sync, or a whole checkpoint--> settled
//
// What was staged while the last transaction ran is the next one; while a sync runs, the next transaction is built
// (one sync in flight). When to do what is FlushPolicy's; this class carries it out, one thing a step.
//
// Thread-safety: one thread at a time.
// Ownership:     owns the store; one reference of every staged write.
#pragma once

#include <dictsqlite/event.hpp>

#include "cache/cache.hpp"
#include "flush/flush_counters.hpp"
#include "flush/flush_policy.hpp"
#include "flush/fold.hpp"
#include "flush/pipeline.hpp"
#include "flush/write_path.hpp"
#include "store/sqlite_store.hpp"

#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace dictsqlite::flush {

/// What the applier asks of its thread.
class ApplierHost {
 public:
  /// What else the thread has to do, between the portions of a transaction. False: the transaction is given up.
  [[nodiscard]] virtual bool keep_going() = 0;
  /// A write or sync failed. Calls drop().
  virtual void apply_failed(const absl::Status& status) = 0;
  /// Data-syncs `fd` and then calls sync_finished(), perhaps at once.
  virtual void start_sync(int fd) = 0;
  /// A reader has kept the log from being emptied for so long that no scan of our own may go on doing that.
  virtual void log_pinned() = 0;
  virtual void emit(EventKind kind, const std::string& message) = 0;

 protected:
  ~ApplierHost() = default;
};

class Applier {
 public:
  /// Whether what is settled raises the durable watermark too, or a log does.
  enum class Durable : std::uint8_t { kRaised, kByTheLog };

  Applier(const FlushPolicy& policy, Durable durable, const base::Clock& clock, ApplierHost& host, WritePath& path,
          cache::Cache& cache, Watermarks& watermarks, FlushCounters& counters);
  Applier(const Applier&) = delete;
  Applier& operator=(const Applier&) = delete;

  /// Takes over a store and raises the watermarks, all of them, to what it holds.
  void begin(std::unique_ptr<store::SqliteStore> store);
  /// Null before begin() and after close().
  [[nodiscard]] store::SqliteStore* store() noexcept { return store_.get(); }

  /// Takes over a drained write; they come in their order.
  void stage(entry::Entry* write);
  [[nodiscard]] std::size_t staged_rows() const noexcept { return staged_rows_; }
  [[nodiscard]] base::Instant next_look(const Demand& demand) const { return policy_.next_look(view(demand)); }
  [[nodiscard]] bool is_sync_in_flight() const noexcept { return sync_in_flight_; }
  [[nodiscard]] bool is_idle() const noexcept { return staged_.empty() && !sync_in_flight_; }
  /// As many rows as are missing in a transaction, while those who were answered are given time to come back.
  [[nodiscard]] Hold hold() const noexcept {
    if (clock_.now() >= gathers_until_) return {};
    return {rows_missing(staged_rows_, rows_synced_), gathers_until_};
  }

  [[nodiscard]] FlushView view(const Demand& demand) const;
  /// Does one thing. True if another look is due.
  bool step(const Demand& demand);
  /// The result of the sync in flight, as the system call's or -errno.
  void sync_finished(std::int64_t result);

  /// The last write that was ever in a transaction.
  [[nodiscard]] std::uint64_t attempted() const noexcept { return attempted_; }
  /// Lets go of what is staged, and of its budget: it will not be written.
  void drop() noexcept;
  /// Closes the store; everything applied is settled after OK. Without a store nothing happens.
  [[nodiscard]] absl::Status close(store::ClosingLog log);
  /// The same as a crash would.
  void abandon() noexcept { store_.reset(); }

 private:
  // What found no space last, and is the one to find that there is some again.
  enum class FullFor : std::uint8_t { kNothing, kTransaction, kCheckpoint };

  [[nodiscard]] std::size_t transaction_size(std::size_t rows_max) const noexcept;
  void apply(std::size_t rows_max);
  void applied_up_to(std::uint64_t sequence, std::size_t writes, std::size_t rows);
  void rest_after(base::Nanoseconds work) noexcept;
  void disk_full(FullFor what);
  void disk_has_space();
  void start_sync();
  void checkpoint();
  void settled_up_to(std::uint64_t sequence) noexcept;
  void publish_counters() noexcept;

  const FlushPolicy policy_;
  const Durable durable_;
  const base::Clock& clock_;
  ApplierHost& host_;
  WritePath& path_;
  cache::Cache& cache_;
  Watermarks& watermarks_;
  FlushCounters& counters_;
  std::unique_ptr<store::SqliteStore> store_;
  Fold fold_;
  std::vector<entry::Entry*> staged_;  // drained, not applied
  std::size_t staged_rows_ = 0;
  base::Instant oldest_waiting_{};
  base::Instant oldest_unsynced_{};
  base::Instant last_activity_{};
  base::Nanoseconds worked_{};  // by the last transaction, and checkpoints since
  base::Instant rests_until_{};
  base::Instant retry_after_{};
  FullFor full_for_ = FullFor::kNothing;
  std::uint64_t attempted_ = 0;
  std::uint64_t sync_target_ = 0;  // what the sync in flight covers
  base::Instant sync_started_{};
  base::Nanoseconds sync_took_{};
  base::Nanoseconds row_took_{};
  std::size_t rows_unsynced_ = 0;  // applied since the last sync was started
  std::size_t rows_synced_ = 0;    // by the sync in flight, or by the last one
  base::Instant gathers_until_{};
  std::uint64_t wal_bytes_blocked_ = 0;
  base::Instant blocked_until_{};
  bool sync_in_flight_ = false;
};

}  // namespace dictsqlite::flush
