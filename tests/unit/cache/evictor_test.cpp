// Goal: what nobody asks for again leaves first, what is asked for stays whatever else passes through, and what comes
// back soon is not taken for new. Method: a table of two buckets; then a cache of some thousand rows under a scan and
// in a loop. One thread; the same seeds give the same hits.
#include "cache/evictor.hpp"

#include "cache/cache.hpp"
#include "unit/cache/table_fixture.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace dictsqlite::cache {
namespace {

using entry::Entry;
using entry::EntryKind;
using entry::EntryPool;

class EvictorTest : public testing::Test, protected SmallTable<> {
 protected:
  // Makes them entries of the main queue, unread since.
  void make_main(const std::vector<Key>& keys) {
    for (const Key& key : keys) {
      set(key, "v", 1);
      EXPECT_EQ(look(key), "v");
    }
    set(kBait, "bait", 1);
    EXPECT_EQ(evict(1, 1), 1u) << "the bait, which nobody read";
    EXPECT_EQ(look(kBait), "nothing");
  }

  static inline const Key kBait = key("bait", 999);
};

TEST_F(EvictorTest, TakesNewcomersBeforeWhatWasReadOnce) {
  make_main({key("main", 1)});
  set(key("new", 2), "v", 1);
  EXPECT_EQ(evict(1, 1), 1u);
  EXPECT_EQ(look(key("new", 2)), "nothing");
  EXPECT_EQ(look(key("main", 1)), "v");
}

TEST_F(EvictorTest, TakesFromTheMainQueueWhenThereIsNothingElse) {
  make_main({key("main", 1)});
  EXPECT_EQ(evict(1, 1), 1u);
  EXPECT_EQ(look(key("main", 1)), "nothing");
}

TEST_F(EvictorTest, AGhostIsNoEntry) {
  set(key("gone"), "v", 1);
  EXPECT_EQ(evict_all(1), 1u);
  EXPECT_EQ(look(key("gone")), "nothing");
  EXPECT_EQ(look(key("another of its tag")), "nothing");
  EXPECT_EQ(size(), 0u);
  EXPECT_EQ(evict_all(1), 0u);
  collect();
  EXPECT_EQ(pool.used_bytes(), 0u);
}

TEST_F(EvictorTest, WhoComesBackSoonIsNotNew) {
  set(key("back", 1), "v", 1);
  EXPECT_EQ(evict_all(1), 1u);
  set(key("back", 1), "v", 2);
  set(key("new", 2), "v", 2);
  EXPECT_EQ(evict(1, 2), 1u);
  EXPECT_EQ(look(key("back", 1)), "v");
  EXPECT_EQ(look(key("new", 2)), "nothing");
}

TEST_F(EvictorTest, ALoadedRowThatComesBackSoonIsNotNew) {
  const auto load = [&] {
    Entry* const pending = make(EntryKind::kPending, "back", "", 0);
    EntryPool::retain(*pending);
    EXPECT_EQ(table.place_pending(1, pending, 0).outcome, Table::PendingResult::Outcome::kStands);
    EXPECT_TRUE(table.fill(1, pending, make(EntryKind::kSet, "back", "v", 1)));
    pool.release(pending);
  };
  load();
  EXPECT_EQ(evict_all(1), 1u);
  load();
  set(key("new", 2), "v", 1);
  EXPECT_EQ(evict(1, 1), 1u);
  EXPECT_EQ(look(key("back", 1)), "v");
}

TEST_F(EvictorTest, GhostsGiveWay) {
  for (std::size_t index = 0; index < kSlots; ++index) set(key("old" + std::to_string(index), 10 + index), "v", 1);
  EXPECT_EQ(evict_all(1), kSlots);
  // Entries that stay, one after another: each takes a slot.
  for (std::size_t index = 0; index < kSlots; ++index) {
    set(key("new" + std::to_string(index), 100 + index), "v", 1000);
    EXPECT_EQ(look(key("new" + std::to_string(index), 100 + index)), "v");
  }
  EXPECT_EQ(size(), kSlots);
  // They are in slots: a chain takes no fill.
  for (std::size_t index = 0; index < kSlots; ++index) {
    Entry* const entry = table.find(key("new" + std::to_string(index), 100 + index));
    EXPECT_EQ(entry->chain_next.load(std::memory_order_relaxed), 0u);
  }
}

TEST_F(EvictorTest, AWriteOverANewcomerCountsAsAskedFor) {
  set(key("written twice", 1), "v", 1);
  set(key("written twice", 1), "w", 2);
  set(key("written once", 2), "v", 2);
  EXPECT_EQ(evict(1, 2), 1u);
  EXPECT_EQ(look(key("written twice", 1)), "w");
  EXPECT_EQ(look(key("written once", 2)), "nothing");
}

TEST_F(EvictorTest, WhatBecomesMainAfterItsHandHasComeByGoesToo) {
  // The estimate says that the main queue is long; nothing in it may go.
  const std::vector<Key> stay = {key("a", 10), key("b", 11), key("c", 12), key("d", 13)};
  make_main(stay);
  for (const Key& key : stay) set(key, "w", 5);
  for (int round = 0; round < 50; ++round) EXPECT_EQ(evict_all(0), 0u);
  set(key("read", 50), "v", 1);
  EXPECT_EQ(look(key("read", 50)), "v");
  EXPECT_EQ(evict_all(1), 1u);
  EXPECT_EQ(size(), 4u);
}

TEST_F(EvictorTest, AWriteOverAnEntryInTheChainCountsAsAskedFor) {
  for (std::size_t index = 0; index < kSlots; ++index) set(key("filler" + std::to_string(index), 10 + index), "v", 1);
  set(key("chained", 1), "v", 2);
  EXPECT_EQ(evict_all(1), kSlots);
  set(key("chained", 1), "w", 3);
  set(key("new", 2), "v", 3);
  EXPECT_EQ(evict(1, 3), 1u);
  EXPECT_EQ(look(key("chained", 1)), "w");
  EXPECT_EQ(look(key("new", 2)), "nothing");
}

TEST_F(EvictorTest, WhoJoinsALoadHasAskedForTheRow) {
  const auto load = [&](const Key& loaded, int joined) {
    Entry* const pending = make(EntryKind::kPending, loaded.bytes, "", 0);
    EntryPool::retain(*pending);
    EXPECT_EQ(table.place_pending(loaded.hash, pending, 0).outcome, Table::PendingResult::Outcome::kStands);
    for (int reader = 0; reader < joined; ++reader) EXPECT_EQ(look(loaded), "pending");
    EXPECT_TRUE(table.fill(loaded.hash, pending, make(EntryKind::kSet, loaded.bytes, "v", 1)));
    pool.release(pending);
  };
  load(key("joined", 1), 1);
  load(key("alone", 2), 0);
  EXPECT_EQ(evict(1, 1), 1u);
  EXPECT_EQ(look(key("joined", 1)), "v");
  EXPECT_EQ(look(key("alone", 2)), "nothing");
}

TEST_F(EvictorTest, APlaceInAFullBucketIsANewcomersBeforeAnothers) {
  make_main({key("a", 10), key("b", 11), key("c", 12), key("d", 13), key("e", 14), key("f", 15)});
  set(key("newcomer", 50), "v", 1);
  set(key("one more", 60), "v", 2, /*applied=*/1);
  EXPECT_EQ(look(key("newcomer", 50)), "nothing");
  EXPECT_EQ(look(key("one more", 60)), "v");
  EXPECT_EQ(size(), kSlots);
}

TEST_F(EvictorTest, LeavesUnappliedNewcomersAndTakesCleanOnesBehindThem) {
  for (std::size_t index = 0; index < kSlots; ++index) set(key("new" + std::to_string(index), 10 + index), "v", 5);
  const Key elsewhere{std::uint64_t{1} << 63 | 7, kTableId, "clean"};
  set(elsewhere, "v", 1);
  EXPECT_EQ(evict(1, 1), 1u);
  EXPECT_EQ(look(elsewhere), "nothing");
  EXPECT_EQ(size(), kSlots);
}

// Where the next entry goes in a bucket of empty slots.
class VacancyTest : public testing::Test {
 protected:
  using Bucket = BasicBucket<>;

  void make_ghost(std::size_t slot, std::uint64_t tag) {
    bucket_.slots[slot].store(Bucket::ghost_of(Bucket::word(tag, 1)), std::memory_order_relaxed);
  }
  void set_version(std::uint64_t version) { bucket_.control.store(version << 32, std::memory_order_relaxed); }

  Bucket bucket_{};
};

TEST_F(VacancyTest, IsWhereTheKeyWasBefore) {
  make_ghost(5, 50);
  EXPECT_EQ(bucket_.vacancy_for(50).slot, 5u);
  EXPECT_TRUE(bucket_.vacancy_for(50).is_own);
}

TEST_F(VacancyTest, IsASlotWithoutAGhostBeforeAnothers) {
  for (std::size_t slot = 0; slot < Bucket::kSlots; ++slot) {
    if (slot != 3) make_ghost(slot, 10 + slot);
  }
  for (std::uint64_t version = 0; version < Bucket::kSlots; ++version) {
    set_version(version);
    EXPECT_EQ(bucket_.vacancy_for(99).slot, 3u);
    EXPECT_FALSE(bucket_.vacancy_for(99).is_own);
  }
}

TEST_F(VacancyTest, IsAnotherGhostsInTurn) {
  for (std::size_t slot = 0; slot < Bucket::kSlots; ++slot) make_ghost(slot, 10 + slot);
  std::set<std::uint32_t> slots;
  for (std::uint64_t version = 0; version < Bucket::kSlots; ++version) {
    set_version(version);
    slots.insert(bucket_.vacancy_for(99).slot);
  }
  EXPECT_EQ(slots.size(), Bucket::kSlots);
}

TEST_F(VacancyTest, IsNoneWhereEachSlotHasAnEntry) {
  for (auto& slot : bucket_.slots) slot.store(Bucket::word(99, 1), std::memory_order_relaxed);
  EXPECT_EQ(bucket_.vacancy_for(99).slot, Bucket::kSlots);
}

// A cache of kRows rows; rows that are not there are loaded, and what is over the budget is evicted.
class EvictionTest : public testing::Test {
 protected:
  static constexpr std::size_t kRows = 5000;
  static constexpr std::size_t kValueBytes = 100;

  bool read(std::size_t row) {
    const std::string name = "row " + std::to_string(100'000'000 + row);
    const Table::Key key = Cache::key(1, name);
    {
      const Reclaimer::Guard guard = cache_.reclaimer().enter();
      if (cache_.table().find(key) != nullptr) return true;
      Entry* const entry = cache_.pool().make(EntryKind::kSet, 1, name, std::string(kValueBytes, 'v'), 0);
      entry->sequence = 1;
      cache_.table().install(key.hash, entry, 1);
    }
    cache_.trim(1, 0);
    return false;
  }
  /// How many of the rows [first, last) are hits.
  std::size_t read_all(std::size_t first, std::size_t last) {
    std::size_t hits = 0;
    for (std::size_t row = first; row < last; ++row) hits += read(row) ? 1u : 0u;
    return hits;
  }

  Cache cache_{kRows * EntryPool::footprint(13, kValueBytes), 1u << 20};
};

TEST_F(EvictionTest, AScanDoesNotDriveOutWhatIsRead) {
  constexpr std::size_t kHot = kRows / 2;
  for (int round = 0; round < 4; ++round) read_all(0, kHot);
  std::size_t next = kHot;
  for (int scan = 0; scan < 10; ++scan) {
    EXPECT_EQ(read_all(next, next + kRows), 0u) << "rows that nobody has read before";
    next += kRows;
  }
  // Ten times the cache has passed, and nobody has asked for the hot ones meanwhile.
  EXPECT_GT(read_all(0, kHot), kHot * 9 / 10);
}

TEST_F(EvictionTest, ALoopLongerThanTheCacheHitsNevertheless) {
  constexpr std::size_t kLoop = kRows * 3 / 2;
  std::size_t hits = 0;
  for (int round = 0; round < 20; ++round) hits += read_all(0, kLoop);
  EXPECT_GT(hits, 20 * kLoop / 10) << "LRU and CLOCK have none";
}

TEST_F(EvictionTest, WhatIsReadNoMoreLeaves) {
  for (int round = 0; round < 4; ++round) read_all(0, kRows * 8 / 10);
  const std::size_t first = 1'000'000;
  for (int round = 0; round < 30; ++round) read_all(first, first + kRows * 8 / 10);
  EXPECT_GT(read_all(first, first + kRows * 8 / 10), kRows * 7 / 10);
}

}  // namespace
}  // namespace dictsqlite::cache
