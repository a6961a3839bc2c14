// Evictor: takes clean entries out of a table that is over its budget. A hand goes round the buckets, and gives what
// was read since it last came by a second chance (CLOCK; F. Corbato, 1968).
//
// Thread-safety: any thread, under a Reclaimer guard that the caller holds.
// Ownership:     borrows buckets, pool and reclaimer; what it takes out goes to the reclaimer.
// Progress:      lock-free; evict() comes by a bucket at most twice.
// Orderings:     part of the table's protocol: (T1) and (T2) in cache/table.hpp.
#pragma once

#include "base/atomics.hpp"
#include "base/seeded_bug.hpp"
#include "cache/bucket_array.hpp"
#include "cache/overflow_chain.hpp"
#include "cache/reclaimer.hpp"
#include "entry/entry_pool.hpp"

#include <cstddef>
#include <cstdint>

namespace dictsqlite::cache {

template <class Atomics = base::StdAtomics>
class BasicEvictor {
 public:
  using Bucket = BasicBucket<Atomics>;
  using BucketArray = BasicBucketArray<Atomics>;
  using Entry = entry::BasicEntry<Atomics>;
  using EntryPool = entry::BasicEntryPool<Atomics>;
  using Reclaimer = BasicReclaimer<Atomics>;

  BasicEvictor(const BucketArray& buckets, EntryPool& pool, Reclaimer& reclaimer) noexcept
      : buckets_(buckets), pool_(pool), reclaimer_(reclaimer) {}

  /// Whether the entry may give way to another [I2].
  [[nodiscard]] static bool is_clean(const Entry& entry, std::uint64_t applied) noexcept {
    return entry.is_real() && (entry.sequence <= applied || DICTSQLITE_SEEDED_BUG(kDirtyEvicted));
  }

  /// Evicts clean entries (sequence <= applied) until `bytes` are out or the hand has been around twice. With
  /// `only_absences`, values stay: for a database without a disk. Returns the bytes evicted; `evicted` counts entries.
  std::size_t evict(std::size_t bytes, std::uint64_t applied, bool only_absences, std::uint64_t& evicted) noexcept {
    std::size_t done = 0;
    for (std::size_t step = 0; step < 2 * buckets_.size() && done < bytes; ++step) {
      // The hand; which bucket comes next matters to nobody else.
      const std::size_t index = hand_.fetch_add(1, std::memory_order_relaxed);
      __builtin_prefetch(&buckets_[index + 8]);
      buckets_[index + 4].for_each_hint([&](std::uint64_t word) { pool_.prefetch(Bucket::offset(word)); });
      done += evict_bucket(buckets_[index], applied, only_absences, evicted);
    }
    return done;
  }

 private:
  std::size_t evict_bucket(Bucket& bucket, std::uint64_t applied, bool only_absences, std::uint64_t& evicted) noexcept {
    std::size_t done = 0;
    const auto may_go = [&](Entry& entry) {
      return is_clean(entry, applied) && !(only_absences && entry.has_value()) && !spare(entry);
    };
    for (typename Bucket::Slot& slot : bucket.slots) {
      std::uint64_t word = slot.load(std::memory_order_acquire);  // (T1)
      if (word == 0) continue;
      Entry* const entry = pool_.at(Bucket::offset(word));
      if (!may_go(*entry)) continue;
      if (!slot.compare_exchange_strong(word, 0, std::memory_order_release, std::memory_order_relaxed))
        continue;  // (T2): whoever finds it gone finds older ones gone
      done += EntryPool::footprint(*entry);
      ++evicted;
      reclaimer_.retire(entry);
    }
    BasicOverflowChain<Atomics> chain(bucket.control, pool_, reclaimer_);
    chain.for_each(bucket.control.load(std::memory_order_acquire), [&](Entry* entry) {  // (T1)
      const std::size_t bytes = EntryPool::footprint(*entry);
      if (!may_go(*entry) || !chain.remove(entry)) return;
      done += bytes;
      ++evicted;
    });
    return done;
  }
  [[nodiscard]] static bool spare(Entry& entry) noexcept {
    if (entry.visited.load(std::memory_order_relaxed) == 0) return false;  // see Entry::visited
    entry.visited.store(0, std::memory_order_relaxed);                     // the same
    return true;
  }

  const BucketArray& buckets_;
  EntryPool& pool_;
  Reclaimer& reclaimer_;
  alignas(base::kCacheLine) typename Atomics::template Atomic<std::size_t> hand_{0};  // bucket that comes next
};

using Evictor = BasicEvictor<>;

}  // namespace dictsqlite::cache
