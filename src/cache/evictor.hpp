// Evictor: takes clean entries out of a table that is over its budget. It resists scans: what nobody asks for a second
// time leaves first, and what is asked for is not driven out by it. After S3-FIFO (J. Yang et al., "FIFO queues are all
// you need for cache eviction", SOSP 2023), with hands that go round the buckets in place of queues, so that nobody who
// writes or loads a key takes a place in a queue:
//
//   newcomers   what came to the table. Their hand makes those main that were read since, and takes out the others,
//               each of which leaves a ghost of its tag in the slot. They may have a tenth of the cache: QueueBalance.
//   main        what was asked for again, or came back while its ghost was there. Its hand takes out what was not read
//               since it last came by (CLOCK; F. Corbato, 1968). What hangs in a chain counts as such.
//
// Which of them an entry is, is a bit in its slot, see cache/bucket.hpp.
//
// Thread-safety: any thread, under a Reclaimer guard that the caller holds.
// Ownership:     borrows buckets, pool and reclaimer; what it takes out goes to the reclaimer.
// Progress:      lock-free; in an evict(), a hand comes by a bucket at most twice, the main queue's four times.
// Orderings:     part of the table's protocol: (T1), (T2) and (T4) in cache/table.hpp.
#pragma once

#include "base/atomics.hpp"
#include "base/seeded_bug.hpp"
#include "cache/bucket_array.hpp"
#include "cache/overflow_chain.hpp"
#include "cache/queue_balance.hpp"
#include "cache/reclaimer.hpp"
#include "entry/entry_pool.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

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

  /// Evicts clean entries (sequence <= applied) until `bytes` are out or nothing is left that may go: both hands have
  /// been around twice, and the main queue's again if something was made main meanwhile. Returns the bytes evicted;
  /// `evicted` counts entries.
  std::size_t evict(std::size_t bytes, std::uint64_t applied, std::uint64_t& evicted) noexcept {
    return go_round({applied, /*only_absences=*/false, /*has_promoted=*/false, {}}, bytes, 2 * buckets_.size(),
                    evicted);
  }
  /// For a database without a disk, whose values stay: each hand goes so many buckets further, the main queue's up to
  /// twice as many, and evicts the clean absences and erases there. Otherwise as evict().
  std::size_t sweep_absences(std::size_t buckets, std::uint64_t applied, std::uint64_t& evicted) noexcept {
    return go_round({applied, /*only_absences=*/true, /*has_promoted=*/false, {}}, ~std::size_t{0}, buckets, evicted);
  }

 private:
  using Slot = typename Bucket::Slot;

  // One evict(): what may go, and what has gone.
  struct Round {
    std::uint64_t applied;
    bool only_absences;
    bool has_promoted;  // since the main queue's hand was given its steps
    struct {
      std::size_t bytes = 0;
      std::uint64_t entries = 0;
    } done;

    [[nodiscard]] bool may_go(const Entry& entry) const noexcept {
      return is_clean(entry, applied) && !(only_absences && entry.has_value());
    }
    void count(std::size_t footprint) noexcept {
      done.bytes += footprint;
      ++done.entries;
    }
  };

  [[nodiscard]] static constexpr std::size_t index_of(Queue queue) noexcept { return static_cast<std::size_t>(queue); }

  std::size_t go_round(Round round, std::size_t bytes, std::size_t steps_each, std::uint64_t& evicted) noexcept {
    std::array<std::size_t, 2> steps_left{steps_each, steps_each};
    while (round.done.bytes < bytes) {
      Queue queue = balance_.next();
      if (steps_left[index_of(queue)] == 0) queue = queue == Queue::kMain ? Queue::kNewcomers : Queue::kMain;
      if (steps_left[index_of(queue)] == 0) {
        if (!std::exchange(round.has_promoted, false)) break;
        queue = Queue::kMain;  // to what the newcomers' hand has made main after this one had come by
        steps_left[index_of(queue)] = steps_each;
      }
      --steps_left[index_of(queue)];
      step(queue, round);
    }
    evicted += round.done.entries;
    return round.done.bytes;
  }

  // A hand comes by a bucket.
  void step(Queue queue, Round& round) noexcept {
    // Which bucket comes next matters to nobody else.
    const std::size_t place = hands_[index_of(queue)].fetch_add(1, std::memory_order_relaxed);
    __builtin_prefetch(&buckets_[place + 8]);
    buckets_[place + 4].for_each_hint([&](std::uint64_t word) {
      if (queue == Queue::kMain || Bucket::is_newcomer(word)) pool_.prefetch(Bucket::offset(word));
    });
    Bucket& bucket = buckets_[place];
    std::uint32_t newcomers = 0;
    std::uint32_t others = 0;
    for (Slot& slot : bucket.slots) {
      const std::uint64_t word = slot.load(std::memory_order_acquire);  // (T1)
      if (Bucket::is_empty(word)) continue;
      if (queue == Queue::kNewcomers && !Bucket::is_newcomer(word)) {
        ++others;
        continue;
      }
      Entry& entry = *pool_.at(Bucket::offset(word));
      if (!round.may_go(entry)) continue;
      ++(Bucket::is_newcomer(word) ? newcomers : others);
      if (queue == Queue::kMain && Bucket::is_newcomer(word)) continue;
      look_at(slot, word, entry, round);
    }
    if (queue == Queue::kMain) look_at_chain(bucket, round);
    balance_.note(queue, newcomers, others);
  }
  // The hand of its queue comes by an entry that may go.
  void look_at(Slot& slot, std::uint64_t word, Entry& entry, Round& round) noexcept {
    const bool is_newcomer = Bucket::is_newcomer(word);
    if (take_visit(entry)) {
      // What the slot refers to stays the same, and so does what who put it there has released (T1).
      if (!is_newcomer) return;
      slot.compare_exchange_strong(word, word & ~Bucket::kNewcomer, std::memory_order_relaxed);
      round.has_promoted = true;
      return;
    }
    if (!slot.compare_exchange_strong(word, is_newcomer ? Bucket::ghost_of(word) : 0, std::memory_order_release,
                                      std::memory_order_relaxed))
      return;  // (T2): whoever finds it gone finds older ones gone
    round.count(EntryPool::footprint(entry));
    reclaimer_.retire(&entry);
  }
  void look_at_chain(Bucket& bucket, Round& round) noexcept {
    BasicOverflowChain<Atomics> chain(bucket.control, pool_, reclaimer_);
    chain.for_each(bucket.control.load(std::memory_order_acquire), [&](Entry* entry) {  // (T1)
      const std::size_t footprint = EntryPool::footprint(*entry);
      if (round.may_go(*entry) && !take_visit(*entry) && chain.remove(entry)) round.count(footprint);
    });
  }
  [[nodiscard]] static bool take_visit(Entry& entry) noexcept {
    if (entry.visited.load(std::memory_order_relaxed) == 0) return false;  // see Entry::visited
    entry.visited.store(0, std::memory_order_relaxed);                     // the same
    return true;
  }

  const BucketArray& buckets_;
  EntryPool& pool_;
  Reclaimer& reclaimer_;
  QueueBalance balance_;
  // By queue: the bucket that its hand comes to next.
  alignas(base::kCacheLine) std::array<typename Atomics::template Atomic<std::size_t>, 2> hands_{};
};

using Evictor = BasicEvictor<>;

}  // namespace dictsqlite::cache
