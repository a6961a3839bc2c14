// A write path with a cache of its own and without a flusher: the test drains it, and counts how often it is woken.
#pragma once

#include "flush/write_path.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite::flush {

inline constexpr std::uint32_t kTable = 1;
inline constexpr std::size_t kCacheBytes = 1u << 20;

inline constexpr WritePath::Limits kPlenty{
    .ring_capacity = 64, .unapplied_bytes = 1u << 20, .memory_only = false, .refuse_on_disk_full = false};

constexpr WritePath::Limits with_ring(std::size_t capacity) {
  WritePath::Limits limits = kPlenty;
  limits.ring_capacity = capacity;
  return limits;
}
constexpr WritePath::Limits with_budget(std::size_t bytes) {
  WritePath::Limits limits = kPlenty;
  limits.unapplied_bytes = bytes;
  return limits;
}
constexpr WritePath::Limits without_disk() {
  WritePath::Limits limits = kPlenty;
  limits.memory_only = true;
  return limits;
}
constexpr WritePath::Limits refusing_on_disk_full() {
  WritePath::Limits limits = kPlenty;
  limits.refuse_on_disk_full = true;
  return limits;
}

// A write path without a flusher. Its memory stays with it: entries that were not accepted are released at the end.
class WritePathParts {
 public:
  explicit WritePathParts(const WritePath::Limits& limits) : path(limits, cache, watermarks) {
    EXPECT_TRUE(cache.valid());
    path.doorbell().set_waker({&wakes, [](void* count) noexcept { ++*static_cast<int*>(count); }});
  }
  WritePathParts(const WritePathParts&) = delete;
  WritePathParts& operator=(const WritePathParts&) = delete;
  ~WritePathParts() {
    while (drain_one().has_value()) {
    }
    for (entry::Entry* entry : mine_) release(entry);
  }

  entry::Entry* set(std::string_view key, std::string_view value) { return keep(entry::EntryKind::kSet, key, value); }
  entry::Entry* erase(std::string_view key) { return keep(entry::EntryKind::kErase, key, {}); }
  entry::Entry* batch(const std::vector<std::string>& keys, std::string_view value) {
    Batch& batch = batches_.emplace_back();
    entry::Entry* const write = keep(entry::EntryKind::kBatch, {}, {});
    batch.record = {keys.size(), entry::EntryPool::footprint(*write), nullptr};
    for (const std::string& key : keys) {
      batch.rows.push_back(cache.pool().make(entry::EntryKind::kSet, kTable, key, value, 0));
      EXPECT_NE(batch.rows.back(), nullptr);
      batch.record.footprint += entry::EntryPool::footprint(*batch.rows.back());
    }
    batch.record.rows = batch.rows.data();
    write->set_word(&batch.record);
    return write;
  }

  Accepted accept(entry::Entry* entry, Ring ring = Ring::kAtOnce) {
    return given_away(entry, path.try_accept(entry, ring));
  }
  Accepted accept_parked(entry::Entry* entry) { return given_away(entry, path.try_accept_parked(entry)); }

  entry::Entry* find(std::string_view key) {
    const cache::Reclaimer::Guard guard = cache.reclaimer().enter();
    return cache.table().find(cache::Cache::key(kTable, key));
  }
  std::optional<std::string> value_of(std::string_view key) {
    const cache::Reclaimer::Guard guard = cache.reclaimer().enter();
    const entry::Entry* const entry = cache.table().find(cache::Cache::key(kTable, key));
    if (entry == nullptr || !entry->has_value()) return std::nullopt;
    return std::string(entry->value());
  }

  // What the flusher does with the next write once it is applied: its sequence, if there was one.
  std::optional<std::uint64_t> drain_one() {
    entry::Entry* const write = path.ring().pop();
    if (write == nullptr) return std::nullopt;
    path.ring().release_room();
    path.admission().give_back(WritePath::footprint(*write));
    const std::uint64_t sequence = write->sequence;
    release(write);
    return sequence;
  }

  cache::Cache cache{kCacheBytes, kCacheBytes};
  Watermarks watermarks;
  WritePath path;
  int wakes = 0;

 private:
  struct Batch {
    std::vector<entry::Entry*> rows;
    BatchRows record{};
  };

  entry::Entry* keep(entry::EntryKind kind, std::string_view key, std::string_view value) {
    entry::Entry* const entry = cache.pool().make(kind, kind == entry::EntryKind::kBatch ? 0 : kTable, key, value, 0);
    EXPECT_NE(entry, nullptr);
    mine_.push_back(entry);
    return entry;
  }
  Accepted given_away(entry::Entry* entry, Accepted accepted) {
    if (accepted.outcome == AcceptOutcome::kAccepted) std::erase(mine_, entry);
    return accepted;
  }
  void release(entry::Entry* write) {
    if (write->kind == entry::EntryKind::kBatch) {
      const BatchRows& rows = *write->word<BatchRows>();
      for (std::size_t index = 0; index < rows.count; ++index) cache.pool().release(rows.rows[index]);
    }
    cache.pool().release(write);
  }

  std::vector<entry::Entry*> mine_;
  std::deque<Batch> batches_;
};

// That a write was refused and the pipeline is as it was before.
inline void expect_refused(WritePathParts& pipeline, entry::Entry* entry, AcceptOutcome outcome) {
  const std::size_t used = pipeline.path.admission().used_bytes();
  const std::uint64_t claimed = pipeline.path.ring().claimed();
  const std::uint64_t generation = pipeline.path.gate().look();
  const std::size_t memory = pipeline.cache.pool().used_bytes();
  const int wakes = pipeline.wakes;

  const Accepted accepted = pipeline.accept(entry);
  EXPECT_EQ(accepted.outcome, outcome);
  EXPECT_EQ(accepted.sequence, 0u);

  EXPECT_EQ(pipeline.path.admission().used_bytes(), used);
  EXPECT_EQ(pipeline.path.ring().claimed(), claimed);
  EXPECT_NE(pipeline.path.gate().look(), ring::BatchGate::kBusy) << "a batch that never ends";
  EXPECT_EQ(pipeline.cache.pool().used_bytes(), memory);
  EXPECT_EQ(pipeline.wakes, wakes);
  EXPECT_EQ(entry->references.load(), 1u) << "it stays the caller's";
  EXPECT_EQ(entry->sequence, 0u);
  if (entry->kind != entry::EntryKind::kBatch) {
    EXPECT_EQ(pipeline.path.gate().look(), generation);
    EXPECT_NE(pipeline.find(entry->key()), entry);
    return;
  }
  const BatchRows& rows = *entry->word<BatchRows>();
  for (std::size_t index = 0; index < rows.count; ++index) {
    EXPECT_NE(pipeline.find(rows.rows[index]->key()), rows.rows[index]);
    EXPECT_EQ(rows.rows[index]->references.load(), 1u);
    EXPECT_EQ(rows.rows[index]->sequence, 0u);
  }
}

}  // namespace dictsqlite::flush
