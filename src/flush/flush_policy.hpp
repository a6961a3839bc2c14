// FlushPolicy: when the flusher applies, syncs and checkpoints. Pure: values in, a decision out.
#pragma once

#include <dictsqlite/options.hpp>

#include "base/clock.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace dictsqlite::flush {

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

  std::uint64_t wal_bytes = 0;           // how far the log reaches
  std::uint64_t wal_bytes_uncopied = 0;  // of those, what a checkpoint would copy
  std::uint64_t wal_bytes_blocked = 0;   // how far it reached when a reader last kept it from being emptied
  base::Instant last_activity{};         // last time anything was applied
};

struct FlushPolicy {
  PersistMode mode;
  std::size_t buffer_size;
  base::Nanoseconds flush_interval;
  std::uint64_t wal_bytes_max;

  [[nodiscard]] bool should_apply(const FlushView& view) const noexcept {
    if (view.waiting_rows == 0 || view.now < view.retry_after || log_is_full(view)) return false;
    if (view.asked_to_apply || view.under_pressure || view.closing || view.is_transaction_retried) return true;
    if (mode == PersistMode::kLazy) return false;
    return view.waiting_rows >= buffer_size || view.now - view.oldest_waiting >= flush_interval;
  }

  [[nodiscard]] bool should_sync(const FlushView& view) const noexcept {
    if (!view.unsynced || view.sync_in_flight || log_is_full(view)) return false;  // a checkpoint syncs by itself
    return view.asked_to_sync || view.now - view.oldest_unsynced >= flush_interval;
  }

  /// Nothing more is put into the log before a checkpoint, lest writers that never pause let it grow without end.
  /// After one that a reader was in the way of, again when the log has grown by a quarter. Not while closing: what is
  /// left to write is little, and the log may have room where the database file finds none.
  [[nodiscard]] bool log_is_full(const FlushView& view) const noexcept {
    return !view.closing && log_has_grown(view) && view.now >= view.retry_after;
  }

  /// When the log is full, or when nothing has happened for a flush interval. A sync in flight comes to its end first.
  [[nodiscard]] bool should_checkpoint(const FlushView& view) const noexcept {
    if (view.sync_in_flight || view.wal_bytes_uncopied == 0) return false;
    if (log_is_full(view)) return true;
    if (view.is_checkpoint_retried) return view.now >= view.retry_after;
    return view.waiting_rows == 0 && view.wal_bytes > view.wal_bytes_blocked && view.now >= view.retry_after &&
           view.now - view.last_activity >= flush_interval;
  }

  /// When the flusher must look again although nobody wakes it.
  [[nodiscard]] base::Instant next_look(const FlushView& view) const noexcept {
    base::Instant next = base::kNever;
    if (log_is_full(view)) return view.sync_in_flight ? next : view.now;
    if (log_has_grown(view) && view.now < view.retry_after) next = view.retry_after;
    if (view.is_checkpoint_retried && view.wal_bytes_uncopied != 0 && !view.sync_in_flight) {
      next = std::min(next, view.retry_after);
    }
    if (view.waiting_rows > 0) {
      if (view.now < view.retry_after) next = std::min(next, view.retry_after);
      if (mode != PersistMode::kLazy)
        next = std::min(next, std::max(view.oldest_waiting + flush_interval, view.retry_after));
    }
    if (view.unsynced && !view.sync_in_flight) next = std::min(next, view.oldest_unsynced + flush_interval);
    if (view.wal_bytes_uncopied != 0 && !view.sync_in_flight && view.waiting_rows == 0 &&
        view.wal_bytes > view.wal_bytes_blocked) {
      next = std::min(next, std::max(view.last_activity + flush_interval, view.retry_after));
    }
    return next;
  }

 private:
  [[nodiscard]] bool log_has_grown(const FlushView& view) const noexcept {
    return view.wal_bytes_uncopied >= wal_bytes_max &&
           view.wal_bytes >= view.wal_bytes_blocked + view.wal_bytes_blocked / 4;
  }
};

}  // namespace dictsqlite::flush
