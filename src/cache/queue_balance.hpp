// QueueBalance: whether a newcomer or an entry of the main queue is to give way next. Newcomers may have a tenth of the
// cache, after J. Yang et al., "FIFO queues are all you need for cache eviction" (SOSP 2023).
//
// How many newcomers there are is not counted: that would cost each write of a new key a locked instruction. It is
// estimated from what the hands meet. The main queue's hand meets as many in a bucket as there are on average; the
// newcomers' own hand, which has left none behind it, twice as many, where it has not been for a whole round.
//
// Thread-safety: any thread; what two of them note at a time may be lost. Progress: wait-free.
#pragma once

#include <atomic>
#include <cstdint>

namespace dictsqlite::cache {

enum class Queue : std::uint8_t { kNewcomers, kMain };

class QueueBalance {
 public:
  [[nodiscard]] Queue next() const noexcept {
    const std::uint32_t twice_newcomers = twice_newcomers_.load(std::memory_order_relaxed);  // an estimate
    const std::uint32_t others = others_.load(std::memory_order_relaxed);                    // the same
    // newcomers >= (newcomers + others) / 10
    return twice_newcomers * (kParts - 1) >= 2 * others ? Queue::kNewcomers : Queue::kMain;
  }

  /// The hand of `queue` has met so many in a bucket, of those that may be evicted.
  void note(Queue queue, std::uint32_t newcomers, std::uint32_t others) noexcept {
    if (newcomers == 0 && others == 0)
      return;  // lest nothing is remembered where large values leave most buckets empty
    approach(twice_newcomers_, queue == Queue::kMain ? 2 * newcomers : newcomers);
    approach(others_, others);
  }

 private:
  static constexpr std::uint32_t kParts = 10;         // one of them is for newcomers
  static constexpr std::uint32_t kOne = 1u << 16;     // averages are in units of 1 / kOne
  static constexpr std::uint32_t kBucketsBack = 128;  // that an average goes, of those with something in them

  static void approach(std::atomic<std::uint32_t>& average, std::uint32_t seen) noexcept {
    const std::uint32_t before = average.load(std::memory_order_relaxed);  // an estimate
    average.store(before - before / kBucketsBack + seen * (kOne / kBucketsBack),
                  std::memory_order_relaxed);  // the same
  }

  std::atomic<std::uint32_t> twice_newcomers_{0};  // in such a bucket. Estimates, both
  std::atomic<std::uint32_t> others_{0};
};

}  // namespace dictsqlite::cache
