// Cache: the table with the memory it lives in and the rule that keeps it within its budgets.
//
// Thread-safety: every member from any thread; trim() is called by applier and loader, sweep_absences() by the flusher.
// Ownership:     owns pool, reclaimer and table, and through them every entry.
//
// The rule: entries in memory are clean, or unapplied (bounded by admission), or retired and waiting for readers
// (bounded by kBacklogBytesMax, see backlog_is_full), or held by those whom their values were handed to, whom evicting
// them would not make give them back. So clean = used - unapplied - retired - held, and trim() evicts until that is no
// more than the cache's budget. Nobody has to touch an entry to say that it has become clean. What is two of these at a
// time counts twice: all together stays below the sum of the four.
#pragma once

#include "base/hash.hpp"
#include "cache/reclaimer.hpp"
#include "cache/table.hpp"
#include "entry/entry_pool.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dictsqlite::cache {

class Cache {
 public:
  /// `clean_bytes_max` for clean entries, `unapplied_bytes_max` for the others. Check valid().
  Cache(std::size_t clean_bytes_max, std::size_t unapplied_bytes_max)
      : clean_bytes_max_(clean_bytes_max),
        unapplied_bytes_max_(unapplied_bytes_max),
        pool_(slab_bytes(clean_bytes_max, unapplied_bytes_max)),
        reclaimer_(pool_),
        table_(pool_.valid() ? (clean_bytes_max + unapplied_bytes_max) / kEntryBytesExpected : 1, pool_, reclaimer_) {}

  [[nodiscard]] bool valid() const noexcept { return pool_.valid() && table_.valid(); }

  [[nodiscard]] entry::EntryPool& pool() noexcept { return pool_; }
  [[nodiscard]] Reclaimer& reclaimer() noexcept { return reclaimer_; }
  [[nodiscard]] Table& table() noexcept { return table_; }

  [[nodiscard]] static Table::Key key(std::uint32_t table_id, std::string_view bytes) noexcept {
    return {base::hash_key(table_id, bytes), table_id, bytes};
  }

  /// So much is retired and not yet free that no more writes should be admitted: a reader is stalled.
  [[nodiscard]] bool backlog_is_full() const noexcept { return reclaimer_.backlog_bytes() > kBacklogBytesMax; }
  /// So much that somebody should collect().
  [[nodiscard]] bool backlog_is_large() const noexcept { return reclaimer_.backlog_bytes() > kBacklogBytesMax / 8; }
  /// Frees what readers have left behind.
  void collect() noexcept { reclaimer_.collect(); }

  /// A writer's share of that, after it installed `rows`, if much is left behind. `number` spreads single rows.
  void collect_share(std::uint64_t number, std::size_t rows) noexcept {
    if ((rows > 1 || number % kShareEvery == 0) && reclaimer_.backlog_bytes() > kShareFromBytes) {
      reclaimer_.collect_some(kSharePerRow * (rows > 1 ? rows : kShareEvery));
    }
  }

  /// Whether what there is, entries made and not yet installed included, exceeds both budgets together: for databases
  /// without a disk.
  [[nodiscard]] bool is_full() const noexcept {
    return pool_.used_bytes() > clean_bytes_max_ + unapplied_bytes_max_ + reclaimer_.backlog_bytes();
  }

  /// Evicts what is over the budget, given how many bytes are still unapplied.
  void trim(std::uint64_t applied, std::size_t unapplied_bytes) noexcept {
    while (trim_some(applied, unapplied_bytes)) {
    }
  }
  /// A portion of that, and frees it: writers stop for a full backlog. True if there is more.
  [[nodiscard]] bool trim_some(std::uint64_t applied, std::size_t unapplied_bytes) noexcept {
    collect();
    const std::size_t allowed = clean_bytes_max_ + unapplied_bytes + reclaimer_.backlog_bytes() + pool_.held_bytes();
    const std::size_t used = pool_.used_bytes();
    if (used <= allowed) return false;
    const std::size_t portion = std::min(used - allowed, kTrimPortionBytes);
    std::uint64_t evicted = 0;
    std::size_t done = 0;
    {
      const Reclaimer::Guard guard = reclaimer_.enter();
      done = table_.evict(portion, applied, evicted);
    }
    evictions_.fetch_add(evicted, std::memory_order_relaxed);  // a statistic
    collect();
    return done >= portion;
  }
  /// For a database without a disk, where nothing else may go: evicts absences and erases while there is more than the
  /// budget of clean entries. Looks at some buckets for each of the `rows` written since the last call, so that what
  /// they leave behind is found within a round; at all of them when writers are about to be refused.
  void sweep_absences(std::uint64_t applied, std::size_t rows) noexcept {
    collect();
    std::size_t buckets = is_full() ? table_.bucket_count() : std::min(kSweptPerRow * rows, table_.bucket_count());
    while (buckets != 0 && pool_.used_bytes() > clean_bytes_max_ + reclaimer_.backlog_bytes()) {
      const std::size_t portion = std::min(buckets, kSweptTogether);
      std::uint64_t evicted = 0;
      {
        const Reclaimer::Guard guard = reclaimer_.enter();
        table_.sweep_absences(portion, applied, evicted);
      }
      evictions_.fetch_add(evicted, std::memory_order_relaxed);  // a statistic
      collect();
      buckets -= portion;
    }
  }

  [[nodiscard]] std::uint64_t evictions() const noexcept {
    return evictions_.load(std::memory_order_relaxed);
  }  // a statistic

 private:
  static constexpr std::size_t kBacklogBytesMax = 8u << 20;
  static constexpr std::size_t kTrimPortionBytes = kBacklogBytesMax / 8;
  // Installing a row retires one entry at most: freeing four for each keeps up whatever readers do. Single rows take
  // turns, so that the look at the readers is shared and a portion takes the time of a few cache misses.
  static constexpr std::size_t kSharePerRow = 4;
  static constexpr std::size_t kShareEvery = 8;
  // Beyond that. As little as a processor's cache still has when its turn comes.
  static constexpr std::size_t kShareFromBytes = 64u << 10;
  static constexpr std::size_t kSweptPerRow = 8;           // buckets
  static constexpr std::size_t kSweptTogether = 4096;      // while what is retired has to wait
  static constexpr std::size_t kEntryBytesExpected = 176;  // 16-byte keys, 100-byte values

  [[nodiscard]] static std::size_t slab_bytes(std::size_t clean, std::size_t unapplied) noexcept {
    // Address space, not memory: room for the budgets, the backlog, one batch between applying and evicting, records of
    // waiting operations, and spans that are partly used.
    return clean + 2 * unapplied + kBacklogBytesMax + (clean + unapplied) / 4 + (32u << 20);
  }

  const std::size_t clean_bytes_max_;
  const std::size_t unapplied_bytes_max_;
  entry::EntryPool pool_;
  Reclaimer reclaimer_;
  Table table_;
  std::atomic<std::uint64_t> evictions_{0};
};

}  // namespace dictsqlite::cache
