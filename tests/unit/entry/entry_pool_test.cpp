// Goal: the last reference frees, no other does; what an entry takes from the budgets is what it uses; short memory is
// a nullptr. Method: direct calls, and threads that share entries.
#include "entry/entry_pool.hpp"

#include "support/random.hpp"
#include "support/scale.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace dictsqlite::entry {
namespace {

using testing_support::Random;
using testing_support::scaled;

TEST(EntryPool, FreesWithTheLastReference) {
  EntryPool pool(1u << 20);
  Entry* const entry = pool.make(EntryKind::kSet, 1, "key", "value", 0);
  ASSERT_NE(entry, nullptr);
  EntryPool::retain(*entry);
  pool.release(entry);
  EXPECT_EQ(pool.used_bytes(), EntryPool::footprint(3, 5));
  EXPECT_EQ(entry->value(), "value");
  pool.release(entry);
  EXPECT_EQ(pool.used_bytes(), 0u);
}

TEST(EntryPool, CountsWhatIsHeldOnceAndFreesItWithTheLastOwner) {
  const std::string value(1000, 'v');
  for (const bool value_goes_first : {true, false}) {
    EntryPool pool(1u << 20);
    Entry* const entry = pool.make(EntryKind::kSet, 1, "key", value, 0);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(pool.held_bytes(), 0u);
    pool.retain_value(*entry);
    pool.retain_value(*entry);
    EXPECT_EQ(pool.held_bytes(), EntryPool::footprint(3, 1000));
    pool.release_value(entry);
    EXPECT_EQ(pool.held_bytes(), EntryPool::footprint(3, 1000));
    if (value_goes_first) {
      pool.release_value(entry);
      EXPECT_EQ(pool.held_bytes(), 0u);
      EXPECT_EQ(pool.used_bytes(), EntryPool::footprint(3, 1000));
      pool.release(entry);
    } else {
      pool.release(entry);
      EXPECT_EQ(pool.held_bytes(), EntryPool::footprint(3, 1000));
      EXPECT_EQ(entry->value(), value);
      pool.release_value(entry);
      EXPECT_EQ(pool.held_bytes(), 0u);
    }
    EXPECT_EQ(pool.used_bytes(), 0u);
  }
}

// Values are given back on other threads than they were handed out on, and the entry by a third.
TEST(EntryPool, CountsWhatIsHeldAcrossThreads) {
  EntryPool pool(8u << 20);
  std::vector<Entry*> entries;
  for (int index = 0; index < 1000; ++index) {
    entries.push_back(pool.make(EntryKind::kSet, 1, std::to_string(index), std::string(200, 'v'), 0));
    ASSERT_NE(entries.back(), nullptr);
    pool.retain_value(*entries.back());
  }
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&] {
      for (Entry* entry : entries) pool.retain_value(*entry);
      for (Entry* entry : entries) pool.release_value(entry);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool.held_bytes(), pool.used_bytes());
  std::thread([&] {
    for (Entry* entry : entries) pool.release_value(entry);
  }).join();
  EXPECT_EQ(pool.held_bytes(), 0u);
  for (Entry* entry : entries) pool.release(entry);
  EXPECT_EQ(pool.used_bytes(), 0u);
}

TEST(EntryPool, FreesTheOutsideValueWithTheEntry) {
  EntryPool pool(1u << 20);
  const std::string value(1u << 20, 'v');
  Entry* const entry = pool.make(EntryKind::kSet, 1, "key", value, 0);
  ASSERT_NE(entry, nullptr);
  EXPECT_GE(pool.used_bytes(), value.size());
  pool.release(entry);
  EXPECT_EQ(pool.used_bytes(), 0u);
}

TEST(EntryPool, PredictsTheBytesOfEveryEntry) {
  EntryPool pool(8u << 20);
  for (std::size_t key_bytes : {1u, 24u, 25u, 100u, 1000u, 8000u}) {
    for (std::size_t value_bytes : {0u, 1u, 100u, 192u, 4000u, 7151u, 7152u, 8128u, 8152u, 8193u, 100'000u}) {
      const std::string key(key_bytes, 'k');
      const std::string value(value_bytes, 'v');
      Entry* const entry = pool.make(EntryKind::kSet, 1, key, value, 0);
      ASSERT_NE(entry, nullptr);
      EXPECT_EQ(pool.used_bytes(), EntryPool::footprint(key_bytes, value_bytes)) << key_bytes << " " << value_bytes;
      EXPECT_EQ(EntryPool::footprint(*entry), EntryPool::footprint(key_bytes, value_bytes));
      pool.release(entry);
    }
  }
}

TEST(EntryPool, CountsAPendingEntryAsWhatItUses) {
  EntryPool pool(1u << 20);
  for (std::size_t key_bytes = 1; key_bytes <= 300; ++key_bytes) {
    Entry* const entry = pool.make(EntryKind::kPending, 1, std::string(key_bytes, 'k'), "", 0);
    ASSERT_NE(entry, nullptr);
    ASSERT_EQ(EntryPool::footprint(*entry), pool.used_bytes()) << key_bytes;
    pool.release(entry);
  }
}

TEST(EntryPool, FindsEntriesByOffset) {
  EntryPool pool(1u << 20);
  Entry* const entry = pool.make(EntryKind::kSet, 1, "key", "value", 0);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(pool.at(pool.offset_of(entry)), entry);
  pool.release(entry);
}

TEST(EntryPool, MakesNothingWhenItsSlabIsFull) {
  EntryPool pool(2 * kSpanBytes);
  std::vector<Entry*> entries;
  const std::string value(7000, 'v');
  while (Entry* const entry = pool.make(EntryKind::kSet, 1, "key", value, 0)) entries.push_back(entry);
  EXPECT_EQ(entries.size(), 2 * (kSpanBytes / 7168));
  pool.release(entries.back());
  entries.back() = pool.make(EntryKind::kSet, 1, "key", value, 0);
  EXPECT_NE(entries.back(), nullptr);
  for (Entry* entry : entries) pool.release(entry);
  EXPECT_EQ(pool.used_bytes(), 0u);
}

// They are copied by words of 8: the last one is the entry's to its end, and known.
TEST(EntryPool, PadsShortValuesToWholeWords) {
  EntryPool pool(1u << 20);
  for (std::size_t key_bytes = 1; key_bytes <= 32; ++key_bytes) {
    for (std::size_t value_bytes = 1; value_bytes <= kPaddedValueMax; ++value_bytes) {
      const std::size_t room = (value_bytes + 7) / 8 * 8;
      Entry* const other = pool.make(EntryKind::kSet, 1, std::string(key_bytes, 'k'), std::string(room, '#'), 0);
      pool.release(other);  // its bytes are in the next one's block, unless they are written over
      Entry* const entry = pool.make(EntryKind::kSet, 1, std::string(key_bytes, 'k'), std::string(value_bytes, 'v'), 0);
      ASSERT_EQ(entry, other);
      EXPECT_GE(EntryPool::footprint(*entry), Entry::kHeaderBytes + key_bytes + room);
      const std::string padding(entry->value().data() + value_bytes, room - value_bytes);
      EXPECT_EQ(padding, std::string(padding.size(), '\0')) << key_bytes << " " << value_bytes;
      pool.release(entry);
    }
  }
}

TEST(EntryPool, SharesItsMemoryWithOtherRecords) {
  EntryPool pool(1u << 20);
  void* const block = pool.allocate_block(200);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(pool.used_bytes(), 208u);
  pool.release_block(block, 200);
  EXPECT_EQ(pool.used_bytes(), 0u);
}

TEST(EntryPoolStress, TheLastOfManyOwnersFreesAndEarlierReadsAreWhole) {
  // Every place holds one reference. A thread takes an entry out of a place, reads it, puts a new one with two
  // references into two places; whoever takes the second one frees it.
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kPlaces = 64;
  EntryPool pool(16u << 20);
  std::vector<std::atomic<Entry*>> places(kPlaces);
  std::atomic<bool> damaged{false};
  const auto give_up = [&](Entry* entry) {
    if (entry == nullptr) return;
    const std::string_view key = entry->key();
    const std::string_view value = entry->value();
    for (std::size_t index = 0; index < value.size(); index += 97) {
      if (value[index] != key[0]) damaged.store(true, std::memory_order_relaxed);
    }
    pool.release(entry);
  };
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      Random random(thread);
      for (std::size_t round = 0; round < scaled(100'000); ++round) {
        const char letter = static_cast<char>('a' + random.below(26));
        const std::size_t value_bytes = random.one_in(50) ? 9000 + random.below(10'000) : random.below(400);
        Entry* const entry = pool.make(EntryKind::kSet, 1, std::string(8, letter), std::string(value_bytes, letter), 0);
        ASSERT_NE(entry, nullptr);
        EntryPool::retain(*entry);
        give_up(places[random.below(kPlaces)].exchange(entry, std::memory_order_acq_rel));
        give_up(places[random.below(kPlaces)].exchange(entry, std::memory_order_acq_rel));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::atomic<Entry*>& place : places) give_up(place.load());
  EXPECT_FALSE(damaged.load());
  EXPECT_EQ(pool.used_bytes(), 0u);
}

}  // namespace
}  // namespace dictsqlite::entry
