// WritePath: the producers' side of the write pipeline. The five steps by which a write is accepted, in one place.
//
//   1 reserve   the entry is made, its bytes are admitted; its place in the table is the entry itself
//   2 claim     a ticket: from here to step 5 nothing allocates, waits or fails
//   3 stamp     the ticket into the entry, as its sequence
//   4 install   in the cache, unless something newer is there
//   5 publish   the ring slot, last: drained implies installed [I3]
//
// Publish first, and a stalled producer could install an old value after a newer one was applied and evicted: the
// cache would disagree with the database for ever.
//
// Thread-safety: every member from any thread.
// Ownership:     borrows cache, ring and the rest; the engine owns them all.
#pragma once

#include <dictsqlite/options.hpp>

#include "base/failure.hpp"
#include "base/watermark.hpp"
#include "cache/cache.hpp"
#include "io/doorbell.hpp"
#include "ring/admission.hpp"
#include "ring/batch_gate.hpp"
#include "ring/parked_writes.hpp"
#include "ring/write_ring.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dictsqlite::flush {

/// Several entries that are one write: what a kBatch entry's word points to. Owns one reference of each entry until
/// they are installed, then shares them with the cache.
struct BatchRows {
  std::size_t count;
  std::size_t footprint;
  entry::Entry** rows;
};

enum class AcceptOutcome : std::uint8_t { kAccepted, kNoRoom, kFull, kDiskFull, kClosed, kFailed };

/// Who wakes the flusher for an accepted write.
enum class Ring : std::uint8_t {
  kAtOnce,   // the write itself, if the flusher waits for its ticket
  kByCaller  // the caller, who is about to hand over a waiter and rings then: not twice for one write
};

struct Accepted {
  AcceptOutcome outcome;
  std::uint64_t sequence;
};

struct Watermarks {
  base::Watermark applied;
  base::Watermark durable;
  base::Watermark settled;
};

class WritePath {
 public:
  struct Limits {
    std::size_t ring_capacity;
    std::size_t unapplied_bytes;
    bool memory_only;  // full is an error, and nothing is evicted
    bool refuse_on_disk_full;
  };

  WritePath(const Limits& limits, cache::Cache& cache, const Watermarks& watermarks)
      : limits_(limits),
        cache_(cache),
        watermarks_(watermarks),
        ring_(limits.ring_capacity, 1),
        admission_(limits.unapplied_bytes) {}

  /// Accepts a newcomer's write, if there is room and nobody waits before it. kAccepted takes over the caller's
  /// reference; otherwise the entry stays the caller's.
  [[nodiscard]] Accepted try_accept(entry::Entry* entry, Ring ring = Ring::kAtOnce) noexcept;
  /// The same for the first of the parked writes, by the flusher.
  [[nodiscard]] Accepted try_accept_parked(entry::Entry* entry) noexcept;

  /// Gives up the pipeline's reference of a write, of a batch those of its rows as well.
  void release(entry::Entry* write) noexcept;

  /// Bytes the write takes from the budget of unapplied ones.
  [[nodiscard]] static std::size_t footprint(const entry::Entry& entry) noexcept;

  /// How many rows it is.
  [[nodiscard]] static std::size_t rows(const entry::Entry& entry) noexcept {
    return entry.kind == entry::EntryKind::kBatch ? entry.word<BatchRows>()->count : 1;
  }

  [[nodiscard]] ring::WriteRing& ring() noexcept { return ring_; }
  [[nodiscard]] ring::Admission& admission() noexcept { return admission_; }
  [[nodiscard]] const ring::Admission& admission() const noexcept { return admission_; }
  [[nodiscard]] ring::ParkedWrites& parked() noexcept { return parked_; }
  [[nodiscard]] ring::BatchGate& gate() noexcept { return gate_; }
  [[nodiscard]] io::Doorbell& doorbell() noexcept { return doorbell_; }

  /// The last sequence claimed so far: everything accepted is up to it.
  [[nodiscard]] std::uint64_t claimed_sequence() const noexcept { return ring_.claimed() - 1; }

  /// What found no space last, each told by its own thread.
  enum class FullFor : std::uint8_t { kSqlite, kLog };
  void set_disk_full(FullFor what, bool full) noexcept {
    disk_full_[static_cast<std::size_t>(what)].store(full, std::memory_order_relaxed);  // advice to newcomers
  }
  [[nodiscard]] bool disk_full(FullFor what) const noexcept {
    return disk_full_[static_cast<std::size_t>(what)].load(std::memory_order_relaxed);  // a gauge
  }
  [[nodiscard]] bool disk_full() const noexcept { return disk_full(FullFor::kSqlite) || disk_full(FullFor::kLog); }

 private:
  [[nodiscard]] Accepted accept_with_room(entry::Entry* entry, Ring ring) noexcept;
  void install(entry::Entry* entry, std::uint64_t sequence) noexcept;

  const Limits limits_;
  cache::Cache& cache_;
  const Watermarks& watermarks_;
  ring::WriteRing ring_;
  ring::Admission admission_;
  ring::ParkedWrites parked_;
  ring::BatchGate gate_;
  io::Doorbell doorbell_;
  std::array<std::atomic<bool>, 2> disk_full_{};
};

}  // namespace dictsqlite::flush
