#include "load/flights.hpp"

#include "cache/value_access.hpp"

#include <new>
#include <string>
#include <utility>

namespace dictsqlite::load {

using cache::Table;
using detail::Completion;
using entry::Entry;
using entry::EntryKind;

// Rings when stripe and guard are given back: who is woken may want the one, and a system call takes its time.
MissOutcome Flights::miss(const Table::Key& key, Completion* completion, Tell tell) noexcept {
  const Taken taken = take(key, completion, Turn::kComes);
  if (taken == Taken::kReady) return MissOutcome::kReady;
  if (taken == Taken::kQueued && tell == Tell::kAtOnce) tell_loader();
  return MissOutcome::kSuspended;
}

Flights::Taken Flights::take(const Table::Key& key, Completion* completion, Turn turn) noexcept {
  const base::MutexLock lock(stripe_of(key.hash).mutex);
  const cache::Reclaimer::Guard guard = cache_.reclaimer().enter();
  for (;;) {
    Entry* found = cache_.table().find(key);
    Flight* made = nullptr;
    if (found == nullptr) {
      if (!has_turn(turn)) return park(completion, key, turn);
      made = make(key);
      if (made == nullptr) {
        in_flight_.fetch_sub(1, std::memory_order_relaxed);  // bounds memory only
        completion->code = absl::StatusCode::kResourceExhausted;
        completion->message = "no memory for a load";
        return Taken::kReady;
      }
      const Table::PendingResult placed = cache_.table().place_pending(key.hash, made->pending, applied_.value());
      if (placed.outcome == Table::PendingResult::Outcome::kStands) {
        completion->next_waiter = nullptr;                           // it may come from the list of parked misses
        made->waiters.store(completion, std::memory_order_relaxed);  // under the stripe's mutex
        if (queued_.push(made)) return Taken::kQueued;               // (L1)
        cache_.table().remove(key.hash, made->pending);
        give_up(made);
        return refuse(completion);
      }
      give_up(made);
      if (placed.outcome == Table::PendingResult::Outcome::kLost) continue;
      found = placed.entry;
    }
    if (found->is_real()) {
      answer(completion, *found);
      return Taken::kReady;
    }
    Flight* flight = found->word<Flight>();
    completion->next_waiter = flight->waiters.load(std::memory_order_relaxed);  // under the stripe's mutex
    flight->waiters.store(completion, std::memory_order_relaxed);               // the same
    joined_.fetch_add(1, std::memory_order_relaxed);                            // a statistic
    return Taken::kJoined;
  }
}

// Whether a flight is free, and nobody waits for it. If so it is counted.
bool Flights::has_turn(Turn turn) noexcept {
  if (cache_.backlog_is_full() || (turn == Turn::kComes && parked_.any())) return false;
  if (in_flight_.fetch_add(1, std::memory_order_relaxed) < flights_max_) return true;  // bounds memory only
  in_flight_.fetch_sub(1, std::memory_order_relaxed);                                  // the same
  return false;
}

Flights::Taken Flights::refuse(Completion* completion) noexcept {
  completion->code = absl::StatusCode::kFailedPrecondition;
  completion->message = "the database is closed";
  return Taken::kReady;
}

void Flights::answer(Completion* completion, Entry& entry) const noexcept {
  if (entry.has_value()) {
    completion->code = absl::StatusCode::kOk;
    detail::ValueAccess::assign(completion->value, entry, completion->engine);
  } else {
    completion->code = absl::StatusCode::kNotFound;
  }
}

namespace {
// The block's first word stays the slab's, see BasicSlab::allocate().
constexpr std::size_t kFlightBytes = sizeof(Flight) + sizeof(std::uint64_t);
}  // namespace

Flight* Flights::make(const Table::Key& key) noexcept {
  void* block = cache_.pool().allocate_block(kFlightBytes);
  if (block == nullptr) return nullptr;
  Entry* pending = cache_.pool().make(EntryKind::kPending, key.table_id, key.bytes, {}, 0);
  if (pending == nullptr) {
    cache_.pool().release_block(block, kFlightBytes);
    return nullptr;
  }
  auto* flight = new (static_cast<std::byte*>(block) + sizeof(std::uint64_t)) Flight();
  flight->hash = key.hash;
  flight->pending = pending;
  pending->set_word(flight);
  entry::EntryPool::retain(*pending);  // the table's reference; the other one is the flight's
  return flight;
}

void Flights::destroy(Flight* flight) noexcept {
  cache_.pool().release(flight->pending);
  if (flight->loaded != nullptr) cache_.pool().release(flight->loaded);
  flight->~Flight();
  cache_.pool().release_block(reinterpret_cast<std::byte*>(flight) - sizeof(std::uint64_t), kFlightBytes);
}

// A flight that was made and never took off.
void Flights::give_up(Flight* flight) noexcept {
  destroy(flight);
  in_flight_.fetch_sub(1, std::memory_order_relaxed);  // bounds memory only
}

// Landing touches lines that other threads wrote last: they are fetched so many flights ahead.
void Flights::prefetch_landing(const Flight& flight) noexcept {
  cache_.table().prefetch_bucket(flight.hash);
  __builtin_prefetch(&stripe_of(flight.hash), 1);
  __builtin_prefetch(flight.pending, 1);
  // A hint: whoever joins meanwhile is fetched when his turn comes.
  if (const Completion* waiter = flight.waiters.load(std::memory_order_relaxed)) {
    const auto* bytes = reinterpret_cast<const char*>(waiter);
    for (std::size_t line = 0; line < sizeof(Completion); line += base::kCacheLine) __builtin_prefetch(bytes + line, 1);
  }
}

// All flights end before the first answer goes out: whoever is answered finds his gone from the gauge.
void Flights::land(std::span<Flight* const> flights) noexcept {
  constexpr std::size_t kAhead = 6;
  for (std::size_t index = 0; index < flights.size(); ++index) {
    if (index + kAhead < flights.size()) prefetch_landing(*flights[index + kAhead]);
    close(*flights[index]);
  }
  in_flight_.fetch_sub(flights.size(), std::memory_order_relaxed);  // bounds memory only
  for (Flight* flight : flights) {
    answer_all(*flight);
    destroy(flight);
  }
}

// Takes the pending entry out of the table, putting what was loaded in its place. From then on nobody can join. While a
// reader is stalled nothing is cached: something else would have to be evicted for it, and could not be freed.
void Flights::close(Flight& flight) noexcept {
  const base::MutexLock lock(stripe_of(flight.hash).mutex);
  const cache::Reclaimer::Guard guard = cache_.reclaimer().enter();
  if (flight.loaded != nullptr && !cache_.backlog_is_full()) {
    entry::EntryPool::retain(*flight.loaded);  // the table's reference
    cache_.table().fill(flight.hash, flight.pending, flight.loaded);
  } else {
    cache_.table().remove(flight.hash, flight.pending);
  }
}

void Flights::answer_all(const Flight& flight) const noexcept {
  Completion* waiter = flight.waiters.load(std::memory_order_relaxed);  // ours alone since close()
  while (waiter != nullptr) {
    Completion* const next = waiter->next_waiter;
    if (flight.loaded != nullptr) {
      answer(waiter, *flight.loaded);
      detail::deliver(waiter);
    } else if (!flight.error.ok()) {
      detail::complete(waiter, flight.error.code(), std::string(flight.error.message()));
    } else {
      detail::complete(waiter, absl::StatusCode::kResourceExhausted, "no memory for a loaded value");
    }
    waiter = next;
  }
}

// --- misses that found no free flight ---

Flights::Taken Flights::park(Completion* completion, const Table::Key& key, Turn turn) noexcept {
  // The key's bytes belong to the operation, which may be gone when the miss is admitted: keep a copy.
  Entry* copy = cache_.pool().make(EntryKind::kAbsent, key.table_id, key.bytes, {}, 0);
  completion->subject = copy;  // null if memory is short: admit_parked() says so
  const bool parked = turn == Turn::kComes ? parked_.push(completion) : parked_.push_front(completion);  // (L1)
  if (parked) return Taken::kQueued;
  completion->subject = nullptr;
  if (copy != nullptr) cache_.pool().release(copy);
  return refuse(completion);
}

void Flights::admit_parked() noexcept {
  for (;;) {
    // A hint: take() decides. Not at the last look, when misses that are about to be refused may hold the flights for
    // a moment: whoever is parked then is refused as well.
    const bool none_free = in_flight_.load(std::memory_order_relaxed) >= flights_max_ || cache_.backlog_is_full();
    if (none_free && !parked_.is_closed()) return;
    Completion* const completion = parked_.pop_front();
    if (completion == nullptr) return;
    auto* copy = static_cast<Entry*>(std::exchange(completion->subject, nullptr));
    if (copy == nullptr) {
      detail::complete(completion, absl::StatusCode::kResourceExhausted, "no memory for a load");
      continue;
    }
    const Taken taken = take(cache::Cache::key(copy->table_id, copy->key()), completion, Turn::kIsNext);
    cache_.pool().release(copy);
    if (taken == Taken::kReady) detail::deliver(completion);
  }
}

}  // namespace dictsqlite::load
