// How the flusher sleeps: what it sees, until when, which ticket may wake it, and the last look before it closes its
// eyes.
#include "flush/flusher.hpp"

#include <algorithm>

namespace dictsqlite::flush {

namespace {

// How often parked writes are tried again when nothing but a stalled reader or a held-back batch is in their way.
constexpr base::Nanoseconds kParkedRetry = std::chrono::milliseconds(1);
// How many writes may be published before the flusher looks, when nothing else calls for it.
constexpr std::uint64_t kWritesUnseenMax = 1u << 14;

}  // namespace

FlushView Flusher::view() const {
  FlushView look;
  look.now = clock_.now();
  look.waiting_rows = staged_rows_;
  look.oldest_waiting = oldest_waiting_;
  const std::uint64_t applied = watermarks_.applied.value();
  const std::uint64_t durable = watermarks_.durable.value();
  look.asked_to_apply = asked_beyond(WaitFor::kApplied, applied) || asked_beyond(WaitFor::kDurable, applied) ||
                        asked_beyond(WaitFor::kSettled, applied);
  const ring::Admission& admission = path_.admission();
  look.under_pressure = path_.parked().count() != 0 || admission.used_bytes() > admission.bytes_max() / 4 * 3;
  look.closing = closing_;
  look.retry_after = retry_after_;
  look.is_transaction_retried = full_for_ == FullFor::kTransaction;
  look.is_checkpoint_retried = full_for_ == FullFor::kCheckpoint;
  look.unsynced = applied != durable;
  look.oldest_unsynced = oldest_unsynced_;
  look.asked_to_sync =
      look.unsynced && ((waiters_.any(WaitFor::kDurable) && waiters_.nearest(WaitFor::kDurable) <= applied) ||
                        (waiters_.any(WaitFor::kSettled) && waiters_.nearest(WaitFor::kSettled) <= applied));
  look.sync_in_flight = sync_in_flight_;
  if (store_ != nullptr) {
    const store::StoreCounters counters = store_->writer().counters();
    look.wal_bytes = counters.wal_bytes;
    look.wal_bytes_uncopied = counters.wal_bytes_uncopied;
  }
  look.wal_bytes_blocked = wal_bytes_blocked_;
  look.last_activity = last_activity_;
  return look;
}

std::uint64_t Flusher::choose_wake_ticket(const FlushView& look) const noexcept {
  const ring::WriteRing& ring = path_.ring();
  const std::uint64_t next = ring.next();
  if (look.asked_to_apply || closing_ || look.under_pressure) return next;
  // Before producers find the ring full, or much that they replaced waits to be freed.
  const std::uint64_t half = std::min<std::uint64_t>(ring.capacity() / 2, kWritesUnseenMax);
  if (config_.memory_only || config_.policy.mode == PersistMode::kLazy) return next + half;
  if (staged_.empty()) return next;  // to start the clock
  const std::size_t missing = config_.policy.buffer_size - std::min(config_.policy.buffer_size, staged_rows_);
  return next + std::min<std::uint64_t>(missing > 0 ? missing - 1 : 0, half);
}

// Between park() and sleeping: whether everything is as it was (D4).
bool Flusher::nothing_new(std::uint64_t wake_ticket) {
  if (waiters_.has_new() || path_.parked().count() != parked_seen_) return false;
  if (closing_ && !gave_up_ && give_up_.is_raised()) return false;  // (Q2)
  ring::WriteRing& ring = path_.ring();
  if (ring.claimed() <= wake_ticket) return true;
  // Somebody has claimed what we wait for. If the next slot is published there is work; if not, its producer stalls
  // and shall ring when it publishes.
  path_.doorbell().park(ring.next());
  if (ring.ready()) return false;
  counters_.stalled_publishes.fetch_add(1, std::memory_order_relaxed);  // a statistic
  return !waiters_.has_new() && path_.parked().count() == parked_seen_;
}

void Flusher::sleep() {
  if (poll_before_sleep()) return;
  const FlushView look = view();
  base::Instant deadline = config_.memory_only || failure_.failed() ? base::kNever : config_.policy.next_look(look);
  if (parked_seen_ != 0 || (closing_ && look.waiting_rows == 0)) deadline = std::min(deadline, look.now + kParkedRetry);
  const std::uint64_t wake_ticket = choose_wake_ticket(look);
  path_.doorbell().park(wake_ticket);
  std::size_t count = 0;
  if (nothing_new(wake_ticket)) count = backend_->wait(deadline, completions_);
  path_.doorbell().unpark();
  reap(count);
}

// Looks for work for the polling time: a wake-up across cores costs tens of microseconds.
bool Flusher::poll_before_sleep() {
  if (config_.poll_time <= base::Nanoseconds::zero()) return false;
  const base::Instant end = clock_.now() + config_.poll_time;
  do {
    for (int look = 0; look < 32; ++look) {
      if (path_.ring().ready() || waiters_.has_new() || path_.parked().count() != parked_seen_) return true;
      base::spin_pause();
    }
    if (sync_in_flight_) {
      const std::size_t count = backend_->poll(completions_);
      if (count != 0) {
        reap(count);
        return true;
      }
    }
  } while (clock_.now() < end);
  return false;
}

}  // namespace dictsqlite::flush
