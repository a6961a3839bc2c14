// How the flusher sleeps: what it sees, until when, which ticket may wake it, and the last look before it closes its
// eyes.
#include "flush/flusher.hpp"

#include <algorithm>

namespace dictsqlite::flush {

namespace {

// How often parked writes are tried again when nothing but a stalled reader or a held-back batch is in their way.
constexpr base::Nanoseconds kParkedRetry = std::chrono::milliseconds(1);
// The same while writers are paced: how evenly they move in.
constexpr base::Nanoseconds kPacedRetry = std::chrono::microseconds(250);
// How many writes may be published before the flusher looks, when nothing else calls for it.
constexpr std::uint64_t kWritesUnseenMax = 1u << 14;

}  // namespace

std::uint64_t Flusher::choose_wake_ticket(const Demand& demand) const noexcept {
  const ring::WriteRing& ring = path_.ring();
  const std::uint64_t next = ring.next();
  if (demand.closing || demand.under_pressure) return next;
  // Somebody waits for a write that was claimed and is not drained.
  if (pipeline_ != nullptr ? pipeline_->is_asked(demand) : demand.apply_to >= next) return next;
  // Before producers find the ring full, or much that they replaced waits to be freed.
  const std::uint64_t half = std::min<std::uint64_t>(ring.capacity() / 2, kWritesUnseenMax);
  if (config_.memory_only || config_.policy.mode == PersistMode::kLazy) return next + half;
  const std::size_t rows = pipeline_->waiting_rows();
  if (rows == 0) return next;  // to start the clock
  const std::size_t missing = config_.policy.buffer_size - std::min(config_.policy.buffer_size, rows);
  return next + std::min<std::uint64_t>(missing > 0 ? missing - 1 : 0, half);
}

// What may have come besides writes and those who wait for them.
bool Flusher::has_other_news() const noexcept {
  if (path_.parked().count() != parked_seen_) return true;
  if (pipeline_ != nullptr && pipeline_->has_news()) return true;
  return closing_ && !gave_up_ && give_up_.is_raised();  // (Q2)
}

// Between park() and sleeping: whether everything is as it was (D4). Holding back, new waiters are left to the next
// look, which a request in flight or the end of the hold brings.
bool Flusher::nothing_new(std::uint64_t wake_ticket, bool is_holding) {
  if ((!is_holding && waiters_.has_new()) || has_other_news()) return false;
  ring::WriteRing& ring = path_.ring();
  if (ring.claimed() <= wake_ticket) return true;
  // Somebody has claimed what we wait for. If the next slot is published there is work. If not, its producer stalls and
  // shall ring when it publishes; holding back, the end of the hold is soon enough.
  if (is_holding) return !ring.ready();
  path_.doorbell().park(ring.next());
  if (ring.ready_at_last()) return false;
  counters_.stalled_publishes.fetch_add(1, std::memory_order_relaxed);  // a statistic
  return !waiters_.has_new() && path_.parked().count() == parked_seen_ &&
         (pipeline_ == nullptr || !pipeline_->has_news());
}

// When to look again although nothing comes.
base::Instant Flusher::next_look(const Demand& wanted, const Hold& hold) const {
  // Holding back, whoever came since the last look is not looked for, and found nobody to ring for.
  base::Instant next = hold.rows != 0 ? hold.until : base::kNever;
  if (pipeline_ != nullptr && !failure_.failed()) next = std::min(next, pipeline_->next_look(wanted));
  const bool closes_soon = closing_ && (gave_up_ || pipeline_ == nullptr || pipeline_->waiting_rows() == 0);
  if (parked_seen_ != 0 || closes_soon) {
    next = std::min(next, clock_.now() + (pacer_.is_pacing() ? kPacedRetry : kParkedRetry));
  }
  return next;
}

void Flusher::sleep() {
  const Hold hold = pipeline_ == nullptr || failure_.failed() ? Hold{} : pipeline_->hold();
  const bool is_holding = hold.rows != 0;
  const Demand wanted = demand();
  const base::Instant deadline = next_look(wanted, hold);
  const std::uint64_t wake_ticket =
      is_holding ? path_.ring().next() + std::min<std::uint64_t>(hold.rows, path_.ring().capacity() / 2) - 1
                 : choose_wake_ticket(wanted);
  if (poll_before_sleep(deadline, wake_ticket, is_holding)) return;
  if (is_holding) {
    path_.doorbell().park_holding(wake_ticket);
  } else {
    path_.doorbell().park(wake_ticket);
  }
  std::size_t count = 0;
  if (nothing_new(wake_ticket, is_holding)) count = backend_->wait(deadline, completions_);
  path_.doorbell().unpark();
  reap(count);
}

// Looks for work for the polling time, but not beyond the deadline: a wake-up across cores costs tens of microseconds.
// True if a step is due.
bool Flusher::poll_before_sleep(base::Instant deadline, std::uint64_t wake_ticket, bool is_holding) {
  if (config_.poll_time <= base::Nanoseconds::zero()) return false;
  const ring::WriteRing& ring = path_.ring();
  const base::Instant end = std::min(clock_.now() + config_.poll_time, deadline);
  do {
    for (int look = 0; look < 32; ++look) {
      if (ring.ready() && (!is_holding || ring.claimed() > wake_ticket)) return true;
      if ((!is_holding && waiters_.has_new()) || has_other_news()) return true;
      base::spin_pause();
    }
    if (pipeline_ != nullptr && pipeline_->is_request_in_flight()) {
      const std::size_t count = backend_->poll(completions_);
      if (count != 0) {
        reap(count);
        return true;
      }
    }
  } while (clock_.now() < end);
  return end == deadline;
}

}  // namespace dictsqlite::flush
