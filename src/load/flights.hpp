// Flights: the misses. The first one for a key puts a pending entry into the table, which is the flight and the lease
// in one; later ones join it; the loader brings the value.
//
// Thread-safety: miss() from any thread; take_queued(), land() and admit_parked() from the loader.
// Ownership:     a flight holds one reference of its pending entry (the table has the other) and the completer's
//                reference of everyone who waits for it.
// Progress:      a miss holds the mutex of its key's stripe for a table access. Hits and writes never come here.
//
// The stripe's mutex makes placing a pending entry, joining it and landing it exclude each other. Writers do not take
// it: they replace the pending entry in the table, and the flight then delivers what it loaded to those who wait,
// without caching it [I4]. That is in order: each of them saw the pending entry in the table during its read, hence
// before the write that replaced it completed.
// Litmus: tests/concurrency/hand_over_litmus_test.cpp
#pragma once

#include <dictsqlite/detail/completion.hpp>

#include "base/closable_stack.hpp"
#include "base/mutex.hpp"
#include "base/watermark.hpp"
#include "cache/cache.hpp"
#include "io/doorbell.hpp"
#include "load/parked_misses.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace dictsqlite::load {

/// One load under way. What a kPending entry's word points to.
struct Flight {
  std::uint64_t hash = 0;
  entry::Entry* pending = nullptr;
  std::atomic<detail::Completion*> waiters{nullptr};  // changed under the stripe's mutex; an atomic for a hint's sake
  Flight* next = nullptr;                             // in the loader's queue
  // The loader's. What was found, or the key's absence, with one reference; else an error; else memory was short.
  entry::Entry* loaded = nullptr;
  absl::Status error;
  bool out_of_memory = false;
};

enum class MissOutcome : std::uint8_t {
  kSuspended,  // the completion will be delivered
  kReady,      // its outcome is set; it stays the caller's
};

// Who tells the loader of a new flight.
enum class Tell : std::uint8_t {
  kAtOnce,   // the miss itself
  kByCaller  // the caller, by tell_loader(), after a group of them: they are then one query
};

class Flights {
 public:
  Flights(cache::Cache& cache, const base::Watermark& applied, std::size_t flights_max, io::Doorbell& doorbell)
      : cache_(cache), applied_(applied), flights_max_(flights_max), doorbell_(doorbell) {}

  /// Reads a key that was not in the table a moment ago. kResourceExhausted in the outcome if memory is short.
  [[nodiscard]] MissOutcome miss(const cache::Table::Key& key, detail::Completion* completion,
                                 Tell tell = Tell::kAtOnce) noexcept;
  void tell_loader() noexcept { doorbell_.ring(); }

  [[nodiscard]] bool has_queued() const noexcept { return queued_.has_any(); }  // (L2)
  [[nodiscard]] bool has_parked() const noexcept { return parked_.any(); }      // (L2)
  /// Everything that queued since the last call, in no order.
  [[nodiscard]] Flight* take_queued() noexcept { return queued_.take_all(); }  // (L2)
  /// The same for the last time: misses are refused with kFailedPrecondition from now on.
  [[nodiscard]] Flight* take_last() noexcept { return queued_.take_last(); }  // (L2)

  /// Ends flights: caches what was loaded where the lease still holds, and hands it, or the error, to everyone who
  /// waits. Errors are not cached.
  void land(std::span<Flight* const> flights) noexcept;
  /// Starts misses that waited for a flight to become free. The loader calls it after landing some.
  void admit_parked() noexcept;
  /// From now on a miss that finds no free flight is refused with kFailedPrecondition. Before the last admit_parked().
  void close_parked() noexcept { parked_.close(); }

  [[nodiscard]] std::uint64_t in_flight() const noexcept {
    return in_flight_.load(std::memory_order_relaxed);
  }  // a gauge
  [[nodiscard]] std::uint64_t joined() const noexcept {
    return joined_.load(std::memory_order_relaxed);
  }  // a statistic

  /// Sets a read's outcome from what is known of its key. The caller holds a guard or a reference.
  void answer(detail::Completion* completion, entry::Entry& entry) const noexcept;

 private:
  static constexpr std::size_t kStripes = 64;
  struct alignas(base::kCacheLine) Stripe {
    base::Mutex mutex;
  };

  [[nodiscard]] Stripe& stripe_of(std::uint64_t hash) noexcept { return stripes_[hash % kStripes]; }
  [[nodiscard]] Flight* make(const cache::Table::Key& key) noexcept;
  void destroy(Flight* flight) noexcept;
  void give_up(Flight* flight) noexcept;
  // Where a miss stands among those that wait for a free flight: one that comes is behind them all.
  enum class Turn : std::uint8_t { kComes, kIsNext };
  [[nodiscard]] bool has_turn(Turn turn) noexcept;
  // kQueued: the loader has to be told.
  enum class Taken : std::uint8_t { kReady, kJoined, kQueued };
  [[nodiscard]] Taken take(const cache::Table::Key& key, detail::Completion* completion, Turn turn) noexcept;
  [[nodiscard]] Taken park(detail::Completion* completion, const cache::Table::Key& key, Turn turn) noexcept;
  [[nodiscard]] static Taken refuse(detail::Completion* completion) noexcept;
  void prefetch_landing(const Flight& flight) noexcept;
  void close(Flight& flight) noexcept;
  void answer_all(const Flight& flight) const noexcept;

  cache::Cache& cache_;
  const base::Watermark& applied_;
  const std::size_t flights_max_;
  io::Doorbell& doorbell_;
  std::array<Stripe, kStripes> stripes_;

  // Flights the loader has not seen: (L1) pushed (CS1) before the look at the doorbell (D2); (L2) the loader's look
  // (CS2) after its store to the doorbell (D3), and its taking. Parked misses likewise.
  alignas(base::kCacheLine) base::ClosableStack<Flight, &Flight::next> queued_;
  alignas(base::kCacheLine) std::atomic<std::size_t> in_flight_{0};  // bounds memory, publishes nothing
  std::atomic<std::uint64_t> joined_{0};
  ParkedMisses parked_;  // those that found no free flight, or others waiting for one. (L1) (L2)
};

}  // namespace dictsqlite::load
