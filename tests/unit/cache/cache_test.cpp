// Goal: what is clean stays within the cache's budget and what is unapplied never leaves for its sake; a database
// without a disk knows when it is full. Method: direct calls, one thread.
#include "cache/cache.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dictsqlite::cache {
namespace {

using entry::Entry;
using entry::EntryKind;

constexpr std::size_t kCleanBytes = 1u << 20;
constexpr std::size_t kUnappliedBytes = 2u << 20;

class CacheTest : public testing::Test {
 protected:
  std::size_t install(std::uint64_t sequence, std::size_t value_bytes, std::uint64_t applied) {
    return install_in(cache_, sequence, value_bytes, applied);
  }
  static std::size_t install_in(Cache& cache, std::uint64_t sequence, std::size_t value_bytes, std::uint64_t applied) {
    const std::string name = "key" + std::to_string(sequence);
    Entry* const entry = cache.pool().make(EntryKind::kSet, 1, name, std::string(value_bytes, 'v'), 0);
    EXPECT_NE(entry, nullptr);
    entry->sequence = sequence;
    const std::size_t bytes = entry::EntryPool::footprint(*entry);
    const Reclaimer::Guard guard = cache.reclaimer().enter();
    cache.table().install(Cache::key(1, name).hash, entry, applied);
    return bytes;
  }
  void erase(std::uint64_t sequence) {
    const std::string name = "erased" + std::to_string(sequence);
    Entry* const entry = cache_.pool().make(EntryKind::kErase, 1, name, "", 0);
    ASSERT_NE(entry, nullptr);
    entry->sequence = sequence;
    const Reclaimer::Guard guard = cache_.reclaimer().enter();
    cache_.table().install(Cache::key(1, name).hash, entry, 0);
  }
  Entry* find(std::uint64_t sequence) {
    const std::string name = "key" + std::to_string(sequence);
    const Reclaimer::Guard guard = cache_.reclaimer().enter();
    return cache_.table().find(Cache::key(1, name));
  }
  bool has(std::uint64_t sequence) { return find(sequence) != nullptr; }

  Cache cache_{kCleanBytes, kUnappliedBytes};
};

TEST_F(CacheTest, TrimsCleanEntriesToTheirBudget) {
  ASSERT_TRUE(cache_.valid());
  std::size_t installed = 0;
  std::uint64_t sequence = 0;
  while (installed < 2 * kCleanBytes) installed += install(++sequence, 100, 0);
  cache_.trim(/*applied=*/sequence, /*unapplied_bytes=*/0);
  EXPECT_LE(cache_.pool().used_bytes(), kCleanBytes);
  EXPECT_GT(cache_.pool().used_bytes(), kCleanBytes / 2) << "no more than necessary";
  EXPECT_GT(cache_.evictions(), 0u);
}

// A transaction leaves far more to evict than may wait to be freed before writers stop.
TEST_F(CacheTest, TrimsInPortionsEachOfWhichIsFreedBeforeTheNext) {
  Cache cache(kCleanBytes, 32u << 20);
  std::size_t installed = 0;
  std::uint64_t sequence = 0;
  while (installed < 24u << 20) installed += install_in(cache, ++sequence, 100, 0);
  std::size_t portions = 0;
  for (bool more = true; more; ++portions) {
    const std::size_t before = cache.pool().used_bytes();
    more = cache.trim_some(sequence, 0);
    EXPECT_LE(before - cache.pool().used_bytes(), 2u << 20) << "portion " << portions;
    EXPECT_EQ(cache.reclaimer().backlog_bytes(), 0u);
  }
  EXPECT_GT(portions, 10u);
  EXPECT_LE(cache.pool().used_bytes(), kCleanBytes);
}

// To evict what somebody holds frees nothing: the cache would be emptied for it, again and again.
TEST_F(CacheTest, WhatIsHeldDrivesNothingOut) {
  std::uint64_t sequence = 0;
  std::vector<Entry*> held;
  for (std::size_t bytes = 0; bytes < 2 * kCleanBytes;) {
    bytes += install(++sequence, 1000, 0);
    held.push_back(find(sequence));
    cache_.pool().retain_value(*held.back());
  }
  const std::uint64_t first = sequence + 1;
  for (std::size_t bytes = 0; bytes < kCleanBytes / 2;) bytes += install(++sequence, 1000, 0);
  cache_.trim(sequence, 0);
  EXPECT_EQ(cache_.evictions(), 0u);
  for (std::uint64_t each = first; each <= sequence; ++each) EXPECT_TRUE(has(each)) << each;
  for (Entry* entry : held) cache_.pool().release_value(entry);
  cache_.trim(sequence, 0);
  EXPECT_LE(cache_.pool().used_bytes(), kCleanBytes);
}

TEST_F(CacheTest, LeavesUnappliedEntriesAlone) {
  std::size_t installed = 0;
  std::uint64_t sequence = 0;
  while (installed < 2 * kCleanBytes) installed += install(++sequence, 1000, 0);
  cache_.trim(/*applied=*/0, /*unapplied_bytes=*/installed);
  EXPECT_EQ(cache_.evictions(), 0u);
  for (std::uint64_t each = 1; each <= sequence; ++each) ASSERT_TRUE(has(each));
}

TEST_F(CacheTest, EvictsForLargeValuesByTheirBytes) {
  for (std::uint64_t sequence = 1; sequence <= 10; ++sequence) install(sequence, 200'000, 0);
  cache_.trim(/*applied=*/10, 0);
  EXPECT_LE(cache_.pool().used_bytes(), kCleanBytes);
  EXPECT_GE(cache_.evictions(), 5u);
}

TEST_F(CacheTest, SweepsAbsencesAndKeepsValues) {
  std::size_t installed = 0;
  std::uint64_t sequence = 0;
  while (installed < 2 * kCleanBytes) installed += install(++sequence, 1000, 0);
  cache_.sweep_absences(/*applied=*/sequence, 1u << 20);
  for (std::uint64_t each = 1; each <= sequence; ++each) ASSERT_TRUE(has(each));
}

// A database without a disk has more than the budget of clean entries most of the time: to look at the whole table for
// each write would be felt.
TEST_F(CacheTest, SweepsAFewBucketsForEachRow) {
  std::uint64_t sequence = 0;
  for (std::size_t installed = 0; installed < kCleanBytes + kUnappliedBytes / 2;) {
    installed += install(++sequence, 1000, 0);
  }
  const std::uint64_t first_erase = sequence + 1;
  while (cache_.pool().used_bytes() < kCleanBytes + kUnappliedBytes / 4 * 3) erase(++sequence);
  const std::uint64_t erases = sequence + 1 - first_erase;
  cache_.sweep_absences(sequence, /*rows=*/1);
  EXPECT_LT(cache_.evictions(), 200u) << "of " << erases << ", in 16 buckets";
  const std::size_t rows = cache_.table().bucket_count() / 8 + 1;
  for (std::size_t row = 0; row < rows; ++row) cache_.sweep_absences(sequence, 1);
  EXPECT_EQ(cache_.evictions(), erases) << "within a round";
}

TEST_F(CacheTest, SweepsEverythingWhenWritersAreAboutToBeRefused) {
  std::uint64_t sequence = 0;
  for (std::size_t installed = 0; installed < kCleanBytes + kUnappliedBytes / 2;) {
    installed += install(++sequence, 1000, 0);
  }
  while (!cache_.is_full()) erase(++sequence);
  cache_.sweep_absences(sequence, /*rows=*/1);
  EXPECT_FALSE(cache_.is_full());
  EXPECT_LE(cache_.pool().used_bytes(), kCleanBytes + kUnappliedBytes / 2 + 2000);
}

TEST_F(CacheTest, KnowsWhenItIsFull) {
  std::size_t installed = 0;
  std::uint64_t sequence = 0;
  while (installed < kCleanBytes + kUnappliedBytes - 2000) installed += install(++sequence, 1000, 0);
  EXPECT_FALSE(cache_.is_full());
  while (installed < kCleanBytes + kUnappliedBytes + 1) installed += install(++sequence, 1000, 0);
  EXPECT_TRUE(cache_.is_full());
}

TEST_F(CacheTest, FreesWhatReadersHaveLeftBehind) {
  for (std::uint64_t round = 1; round <= 100; ++round) {
    const std::string name = "key";
    Entry* const entry = cache_.pool().make(EntryKind::kSet, 1, name, std::string(1000, 'v'), 0);
    ASSERT_NE(entry, nullptr);
    entry->sequence = round;
    const Reclaimer::Guard guard = cache_.reclaimer().enter();
    cache_.table().install(Cache::key(1, name).hash, entry, 0);
  }
  cache_.collect();
  EXPECT_EQ(cache_.reclaimer().backlog_bytes(), 0u);
  EXPECT_EQ(cache_.pool().used_bytes(), entry::EntryPool::footprint(3, 1000));
}

}  // namespace
}  // namespace dictsqlite::cache
