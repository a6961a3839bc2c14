// BatchGate: lets a batch_get be sure that it saw no part of a WriteBatch. Batches announce their installing; a reader
// validates that none was installed while it read, and may hold new ones back if it keeps being disturbed.
//
// Thread-safety: any thread. Progress: wait-free.
//
//   (B1) batch: active += 1         before  (B2) batch: look at holds
//   (B3) reader: holds += 1         before  (B4) reader: look at active
// All seq_cst: a batch that did not see the hold is seen by the reader, who waits for it to end.
#pragma once

#include <atomic>
#include <cstdint>

namespace dictsqlite::ring {

class BatchGate {
 public:
  // --- batches ---

  /// Announces a batch. False if a reader holds batches back: the write then parks, without a ticket.
  [[nodiscard]] bool try_enter() noexcept {
    active_.fetch_add(1, std::memory_order_seq_cst);               // (B1)
    if (holds_.load(std::memory_order_seq_cst) == 0) return true;  // (B2)
    active_.fetch_sub(1, std::memory_order_seq_cst);
    return false;
  }
  /// The batch is wholly installed, or was not installed at all.
  void leave() noexcept {
    generation_.fetch_add(1, std::memory_order_seq_cst);
    active_.fetch_sub(1, std::memory_order_seq_cst);
  }

  // --- readers ---

  static constexpr std::uint64_t kBusy = ~std::uint64_t{0};

  /// A number to be compared with a later one: equal and not kBusy means that no batch was installed in between.
  [[nodiscard]] std::uint64_t look() const noexcept {
    const std::uint64_t generation = generation_.load(std::memory_order_seq_cst);
    return active_.load(std::memory_order_seq_cst) == 0 ? generation : kBusy;  // (B4)
  }
  void hold() noexcept { holds_.fetch_add(1, std::memory_order_seq_cst); }  // (B3)
  /// Whoever takes back the last hold rings the flusher: parked batches may go on.
  [[nodiscard]] bool unhold() noexcept { return holds_.fetch_sub(1, std::memory_order_seq_cst) == 1; }

 private:
  std::atomic<std::uint64_t> active_{0};      // batches between try_enter() and leave(). (B1) (B4)
  std::atomic<std::uint64_t> generation_{0};  // batches that have left
  std::atomic<std::uint64_t> holds_{0};       // readers that hold batches back. (B2) (B3)
};

}  // namespace dictsqlite::ring
