// BatchGate: lets a batch_get be sure that it saw no part of a WriteBatch. Batches announce their installing; a reader
// validates that none was installed while it read, and may hold new ones back if it keeps being disturbed.
//
// Thread-safety: any thread. Progress: wait-free.
//
//   (B1) batch: active += 1         before  (B2) batch: look at holds
//   (B3) reader: holds += 1         before  (B4) reader: look at active
// All seq_cst: a batch that did not see the hold is seen by the reader, who waits for it to end.
//
//   (B5) batch: generation += 1     before  (B6) batch: active -= 1
//   (B4) reader: look at active     before  (B7) reader: look at generation
// Release and acquire: a batch that was inside between two looks is seen by the second one as active, or it had left
// before and then its generation is seen. The other way round it could leave between the two halves of a look, and be
// seen by neither. Whoever sees the generation (B5) (B7) sees all of its batch, too: its number may come from a look
// that found nobody inside just before the batch came.
//
//   (B8) reader: holds -= 1, release: its reads happen before what a batch installs that sees it at (B2)
// Litmus: tests/concurrency/batch_gate_litmus_test.cpp
#pragma once

#include "base/atomics.hpp"
#include "base/seeded_bug.hpp"

#include <atomic>
#include <cstdint>

namespace dictsqlite::ring {

template <class Atomics = base::StdAtomics>
class BasicBatchGate {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  // --- batches ---

  /// Announces a batch. False if a reader holds batches back: the write then parks, without a ticket.
  [[nodiscard]] bool try_enter() noexcept {
    active_.fetch_add(1, std::memory_order_seq_cst);                                                           // (B1)
    if (holds_.load(std::memory_order_seq_cst) == 0 || DICTSQLITE_SEEDED_BUG(kBatchGateIgnored)) return true;  // (B2)
    active_.fetch_sub(1, std::memory_order_relaxed);  // it has done nothing that a reader could see
    return false;
  }
  /// The batch is wholly installed, or was not installed at all.
  void leave() noexcept {
    generation_.fetch_add(1, std::memory_order_release);  // (B5)
    active_.fetch_sub(1, std::memory_order_release);      // (B6)
  }

  // --- readers ---

  static constexpr std::uint64_t kBusy = ~std::uint64_t{0};

  /// A number to be compared with a later one: equal and not kBusy means that no batch was installed in between.
  [[nodiscard]] std::uint64_t look() const noexcept {
    if (active_.load(std::memory_order_seq_cst) != 0) return kBusy;  // (B4)
    return generation_.load(std::memory_order_acquire);              // (B7)
  }
  void hold() noexcept { holds_.fetch_add(1, std::memory_order_seq_cst); }  // (B3)
  /// Whoever takes back the last hold rings the flusher: parked batches may go on.
  [[nodiscard]] bool unhold() noexcept { return holds_.fetch_sub(1, std::memory_order_release) == 1; }  // (B8)

 private:
  Atomic<std::uint64_t> active_{0};      // batches between try_enter() and leave(). (B1) (B4) (B6)
  Atomic<std::uint64_t> generation_{0};  // batches that have left. (B5) (B7)
  Atomic<std::uint64_t> holds_{0};       // readers that hold batches back. (B2) (B3) (B8)
};

using BatchGate = BasicBatchGate<>;

}  // namespace dictsqlite::ring
