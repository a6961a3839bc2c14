// When the flusher logs, and when the applier applies, syncs and checkpoints. Pure: values in, a decision out.
#pragma once

#include <dictsqlite/options.hpp>

#include "base/clock.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace dictsqlite::flush {

/// One transaction takes at most so many rows and bytes, if the budget of unapplied writes allows as many: it bounds
/// how long one may run and how many pages it dirties. Large transactions are what makes SQLite fast: sorted rows share
/// pages.
inline constexpr std::size_t kTransactionRowsMax = 1u << 20;
inline constexpr std::size_t kTransactionBytesMax = 256u << 20;

/// How often what found no space is tried again.
inline constexpr base::Nanoseconds kDiskFullRetry = std::chrono::milliseconds(50);

/// With a log, what nobody asks for is applied after a rest of so many times as long as the last transaction and its
/// checkpoint took, but no longer than the second number: SQLite then has the disk, which the log needs as well, for an
/// eighth of the time unless both take more than 1.4 s, and rewrites a page for many rows instead of few.
inline constexpr int kRestFactor = 7;
inline constexpr base::Nanoseconds kRestMax = std::chrono::seconds(10);

/// How soon a checkpoint that a reader was in the way of is tried again, however little has been written since. A try
/// in vain costs SQLite a look at the readers' marks.
inline constexpr base::Nanoseconds kBlockedRetry = std::chrono::seconds(1);

/// How many more rows have to wait before they are written beside, or right after, others that somebody is answered
/// for. Who is answered comes back with the next write, one after another: whatever went out with the first of them
/// would keep the rest waiting for one more.
[[nodiscard]] constexpr std::size_t rows_missing(std::size_t waiting_rows, std::size_t rows_answered) noexcept {
  constexpr std::size_t kRowsWorthAWrite = 512;
  const std::size_t wanted = std::min(rows_answered / 2, kRowsWorthAWrite);
  return waiting_rows >= wanted ? 0 : wanted - waiting_rows;
}

/// What the flusher sees when it decides.
struct FlushView {
  base::Instant now{};
  std::size_t waiting_rows = 0;    // drained, not applied
  base::Instant oldest_waiting{};  // when the first of them was drained
  bool asked_to_apply = false;     // somebody waits for a write that is not applied
  bool under_pressure = false;     // writers are parked, or most of the budget is used
  bool closing = false;
  base::Instant retry_after{};          // no applying before: the disk was full
  bool is_transaction_retried = false;  // it was full for a transaction, which is to find out when it is no more
  bool is_checkpoint_retried = false;   // the same for a checkpoint

  bool unsynced = false;            // something is applied and not durable
  base::Instant oldest_unsynced{};  // since when
  bool asked_to_sync = false;       // somebody waits for an applied write to be durable
  bool sync_in_flight = false;
  bool asked_to_sync_waiting = false;  // somebody waits for rows to be durable that are not even applied
  base::Nanoseconds row_took{};        // to be applied, in the last transaction; 0: not known
  base::Nanoseconds sync_took{};       // the last one
  std::size_t rows_synced = 0;         // by the sync in flight, or by the last one
  base::Instant gathers_until{};       // so long those who wait for rows_synced may come back with more

  std::uint64_t wal_bytes = 0;           // how far the log reaches
  std::uint64_t wal_bytes_uncopied = 0;  // of those, what a checkpoint would copy
  std::uint64_t wal_bytes_blocked = 0;   // how far it reached when a reader last kept it from being emptied
  base::Instant blocked_until{};         // when it is tried again, however far it reaches
  base::Instant last_activity{};         // last time anything was applied
  base::Instant rests_until{};           // after what was applied last, and copied
};

struct FlushPolicy {
  PersistMode mode;
  std::size_t buffer_size;
  base::Nanoseconds flush_interval;
  std::uint64_t wal_bytes_max;
  bool is_journaled = false;  // what is applied is durable already: it is synced when that is asked for

  [[nodiscard]] bool should_apply(const FlushView& view) const noexcept {
    if (view.waiting_rows == 0 || view.now < view.retry_after || log_is_full(view)) return false;
    if (view.under_pressure || view.closing || view.is_transaction_retried) return true;
    if (view.asked_to_apply && !is_gathering(view)) return true;
    if (mode == PersistMode::kLazy) return false;
    return view.waiting_rows >= buffer_size || view.now >= unasked(view);
  }

  /// How many of the waiting rows the next transaction takes. If all of a group wait for a sync together there is
  /// nothing to do while it runs; so half of them go first, where the other half takes as long to apply as the sync
  /// does. From then on the halves take turns, one applied while the other one is synced.
  [[nodiscard]] std::size_t rows_first(const FlushView& view) const noexcept {
    constexpr std::size_t kRowsLeast = 32;
    constexpr std::size_t kRowsMost = 512;  // more of them share pages
    const bool is_group = view.waiting_rows >= kRowsLeast && view.waiting_rows <= kRowsMost;
    if (is_journaled || !is_group || !view.asked_to_sync_waiting || view.unsynced) return view.waiting_rows;
    const std::size_t half = view.waiting_rows / 2;
    return view.row_took * half >= view.sync_took && view.row_took.count() != 0 ? half : view.waiting_rows;
  }

  /// Whoever waits is kept waiting for the others: a transaction and a sync cost as much for one row as for many.
  [[nodiscard]] static bool is_gathering(const FlushView& view) noexcept {
    return view.now < view.gathers_until && rows_missing(view.waiting_rows, view.rows_synced) != 0;
  }

  [[nodiscard]] bool should_sync(const FlushView& view) const noexcept {
    if (!view.unsynced || view.sync_in_flight || log_is_full(view)) return false;  // a checkpoint syncs by itself
    return view.asked_to_sync || (!is_journaled && view.now - view.oldest_unsynced >= flush_interval);
  }

  /// Nothing more is put into the log before a checkpoint, lest writers that never pause let it grow without end.
  /// After one that a reader was in the way of, again when the log has grown by a quarter, or a while has passed. Not
  /// while closing: what is left to write is little, and the log may have room where the database file finds none.
  [[nodiscard]] bool log_is_full(const FlushView& view) const noexcept {
    return !view.closing && log_has_grown(view) && view.now >= view.retry_after;
  }

  /// When the log is full, or when nothing has happened for a flush interval. A sync in flight comes to its end first.
  [[nodiscard]] bool should_checkpoint(const FlushView& view) const noexcept {
    if (view.sync_in_flight || view.wal_bytes_uncopied == 0) return false;
    if (log_is_full(view)) return true;
    if (view.is_checkpoint_retried) return view.now >= view.retry_after;
    return view.waiting_rows == 0 && view.now >= idle_checkpoint(view);
  }

  /// When the flusher must look again although nobody wakes it. At once if there is something to do: this look is not
  /// the one by which it decided that there was nothing, and the moment may have come between the two.
  [[nodiscard]] base::Instant next_look(const FlushView& view) const noexcept {
    if (should_sync(view) || should_apply(view) || should_checkpoint(view)) return view.now;
    base::Instant next = base::kNever;
    if (log_is_full(view)) return next;  // until the sync in flight has ended
    if (view.wal_bytes_uncopied >= wal_bytes_max && !view.closing)
      next = log_has_grown(view) ? view.retry_after : std::max(view.blocked_until, view.retry_after);
    if (view.is_checkpoint_retried && view.wal_bytes_uncopied != 0 && !view.sync_in_flight) {
      next = std::min(next, view.retry_after);
    }
    if (view.waiting_rows > 0) {
      if (view.now < view.retry_after) next = std::min(next, view.retry_after);
      if (view.asked_to_apply && is_gathering(view)) next = std::min(next, view.gathers_until);
      if (mode != PersistMode::kLazy) next = std::min(next, std::max(unasked(view), view.retry_after));
    }
    if (view.unsynced && !view.sync_in_flight && !is_journaled)
      next = std::min(next, view.oldest_unsynced + flush_interval);
    if (view.wal_bytes_uncopied != 0 && !view.sync_in_flight && view.waiting_rows == 0)
      next = std::min(next, idle_checkpoint(view));
    return next;
  }

 private:
  [[nodiscard]] bool log_has_grown(const FlushView& view) const noexcept {
    return view.wal_bytes_uncopied >= wal_bytes_max &&
           (view.wal_bytes >= view.wal_bytes_blocked + view.wal_bytes_blocked / 4 || view.now >= view.blocked_until);
  }
  // When waiting rows are applied though they are few and nobody asks.
  [[nodiscard]] base::Instant unasked(const FlushView& view) const noexcept {
    const base::Instant waited = view.oldest_waiting + flush_interval;
    return is_journaled ? std::max(waited, view.rests_until) : waited;
  }
  // When the log is copied if nothing happens until then.
  [[nodiscard]] base::Instant idle_checkpoint(const FlushView& view) const noexcept {
    const base::Instant idle = std::max(view.last_activity + flush_interval, view.retry_after);
    return view.wal_bytes > view.wal_bytes_blocked ? idle : std::max(idle, view.blocked_until);
  }
};

/// What the flusher sees when it decides about the log.
struct LogView {
  base::Instant now{};
  std::size_t waiting_rows = 0;    // drained, not in a block
  std::size_t rows_in_flight = 0;  // in blocks that are being written
  base::Instant oldest_waiting{};  // when the first of them was drained
  bool asked = false;              // somebody waits for one of them
  bool under_pressure = false;     // as in FlushView
  bool closing = false;
};

struct LogPolicy {
  PersistMode mode;
  std::size_t buffer_size;
  base::Nanoseconds flush_interval;

  [[nodiscard]] bool should_log(const LogView& view) const noexcept {
    if (view.waiting_rows == 0 || rows_missing(view.waiting_rows, view.rows_in_flight) != 0) return false;
    if (view.asked || view.under_pressure || view.closing) return true;
    if (mode == PersistMode::kLazy) return false;
    return view.waiting_rows >= buffer_size || view.now - view.oldest_waiting >= flush_interval;
  }
  /// As FlushPolicy's.
  [[nodiscard]] base::Instant next_look(const LogView& view) const noexcept {
    if (should_log(view)) return view.now;
    if (view.waiting_rows == 0 || mode == PersistMode::kLazy) return base::kNever;
    if (rows_missing(view.waiting_rows, view.rows_in_flight) != 0)
      return base::kNever;  // the next completion brings it
    return view.oldest_waiting + flush_interval;
  }
};

}  // namespace dictsqlite::flush
