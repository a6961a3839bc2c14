// Goal: a key leads to its newest entry and to no other; whoever has an entry has a place for it; nothing unapplied and
// no load under way is ever evicted [I2]; a fill lands only in the pending entry it was made for [I4]. Method: a table
// of two buckets and chosen hashes, so that tags collide and buckets overflow at will; one thread.
#include "cache/table.hpp"

#include "base/hash.hpp"
#include "support/random.hpp"
#include "unit/cache/table_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace dictsqlite::cache {
namespace {

using entry::Entry;
using entry::EntryKind;
using entry::EntryPool;
using testing_support::Random;
using Outcome = Table::PendingResult::Outcome;

class TableTest : public testing::Test, protected SmallTable<> {
 protected:
  // Fills every slot of the first bucket with unapplied entries, so that whatever comes next must hang in the chain.
  void fill_slots() {
    for (std::size_t index = 0; index < kSlots; ++index)
      set(key("filler" + std::to_string(index), 100 + index), "", 1000);
  }
  Entry* pending(const Key& key) { return make(EntryKind::kPending, key.bytes, "", 0); }
  // Places a pending entry that the test keeps a reference of, as a load does.
  Entry* place(const Key& key, Outcome expected = Outcome::kStands) {
    Entry* const entry = pending(key);
    EntryPool::retain(*entry);
    EXPECT_EQ(table.place_pending(key.hash, entry, 0).outcome, expected);
    return entry;
  }
};

TEST_F(TableTest, FindsNothingInAnEmptyTable) {
  EXPECT_EQ(look(key("key")), "nothing");
  EXPECT_EQ(size(), 0u);
}

TEST_F(TableTest, FindsWhatWasInstalled) {
  set(key("key"), "value", 1);
  EXPECT_EQ(look(key("key")), "value");
  EXPECT_EQ(look(key("other")), "nothing");
}

TEST_F(TableTest, TellsKeysOfOneHashApart) {
  set(key("a"), "1", 1);
  set(key("b"), "2", 2);
  set(key("ab"), "3", 3);
  EXPECT_EQ(look(key("a")), "1");
  EXPECT_EQ(look(key("b")), "2");
  EXPECT_EQ(look(key("ab")), "3");
}

TEST_F(TableTest, TellsTheSameKeyInTwoDictionariesApart) {
  set(key("key"), "value", 1);
  Key other = key("key");
  other.table_id = kTableId + 1;
  EXPECT_EQ(look(other), "nothing");
}

TEST_F(TableTest, ReplacesAnOlderEntry) {
  set(key("key"), "old", 1);
  set(key("key"), "new", 2);
  EXPECT_EQ(look(key("key")), "new");
  EXPECT_EQ(take_copies("key"), 1u);
}

TEST_F(TableTest, KeepsANewerEntryAndFreesTheLateOne) {
  set(key("key"), "new", 2);
  const std::size_t before = pool.used_bytes();
  set(key("key"), "old", 1);
  EXPECT_EQ(look(key("key")), "new");
  collect();
  EXPECT_EQ(pool.used_bytes(), before);
  EXPECT_EQ(take_copies("key"), 1u);
}

TEST_F(TableTest, RemembersAnErase) {
  set(key("key"), "value", 1);
  table.install(key("key").hash, make(EntryKind::kErase, "key", "", 2), 0);
  EXPECT_EQ(look(key("key")), "erased");
}

TEST_F(TableTest, ReleasesEveryEntryWhenItIsDestroyed) {
  EntryPool own_pool(1u << 20);
  {
    Reclaimer own_reclaimer(own_pool);
    Table own_table(1, own_pool, own_reclaimer);
    for (std::uint64_t sequence = 1; sequence <= 20; ++sequence) {  // more than the slots of both buckets
      Entry* const entry = own_pool.make(EntryKind::kSet, 1, std::to_string(sequence), "value", 0);
      ASSERT_NE(entry, nullptr);
      entry->sequence = sequence;
      own_table.install(0, entry, 0);
    }
  }
  EXPECT_EQ(own_pool.used_bytes(), 0u);
}

TEST_F(TableTest, PlacesAnyNumberOfUnappliedEntriesInOneBucket) {
  constexpr std::size_t kEntries = 100;
  for (std::size_t index = 0; index < kEntries; ++index)
    set(key("k" + std::to_string(index), index % 3), std::to_string(index), index + 1);
  for (std::size_t index = 0; index < kEntries; ++index) {
    EXPECT_EQ(look(key("k" + std::to_string(index), index % 3)), std::to_string(index));
  }
  EXPECT_EQ(size(), kEntries);
}

TEST_F(TableTest, OverwritesAnEntryInTheChain) {
  fill_slots();
  set(key("chained"), "old", 2000);
  set(key("chained"), "new", 2001);
  EXPECT_EQ(look(key("chained")), "new");
  EXPECT_EQ(take_copies("chained"), 1u);
}

TEST_F(TableTest, KeepsANewerEntryInTheChain) {
  fill_slots();
  set(key("chained"), "new", 2001);
  set(key("chained"), "old", 2000);
  EXPECT_EQ(look(key("chained")), "new");
  EXPECT_EQ(take_copies("chained"), 1u);
}

TEST_F(TableTest, RemovesFirstMiddleAndLastOfAChain) {
  const std::vector<std::string> names = {"last", "second", "middle", "fourth", "first"};
  for (const std::string& removed : names) {
    SmallTable<> fresh;
    for (std::size_t index = 0; index < kSlots; ++index)
      fresh.set(key("filler" + std::to_string(index), 100 + index), "", 1000);
    std::map<std::string, Entry*> entries;
    for (const std::string& name : names) entries[name] = fresh.set(key(name), name, 2000);
    EXPECT_TRUE(fresh.table.remove(key(removed).hash, entries[removed]));
    EXPECT_FALSE(fresh.table.remove(key(removed).hash, entries[removed])) << "it is out already";
    for (const std::string& name : names) EXPECT_EQ(fresh.look(key(name)), name == removed ? "nothing" : name);
  }
}

TEST_F(TableTest, RemovesOnlyThisVeryEntry) {
  Entry* const old_entry = set(key("key"), "old", 1);
  EntryPool::retain(*old_entry);
  set(key("key"), "new", 2);
  EXPECT_FALSE(table.remove(key("key").hash, old_entry));
  EXPECT_EQ(look(key("key")), "new");
  pool.release(old_entry);
}

TEST_F(TableTest, LetsACleanEntryGiveWayToANewOneRatherThanChain) {
  for (std::size_t index = 0; index < kSlots; ++index) set(key("clean" + std::to_string(index), 100 + index), "", 1);
  set(key("new"), "value", 2, /*applied=*/1);
  EXPECT_EQ(look(key("new")), "value");
  EXPECT_EQ(size(), kSlots) << "one clean entry made room";
}

TEST_F(TableTest, SparesCleanEntriesThatWereReadWhenItPlacesANewOne) {
  for (std::size_t index = 0; index < kSlots; ++index) {
    const std::string name = "clean" + std::to_string(index);
    set(key(name, 100 + index), "v", 1);
    if (index == 4) continue;
    EXPECT_EQ(look(key(name, 100 + index)), "v");
  }
  set(key("new"), "value", 2, /*applied=*/1);
  EXPECT_EQ(look(key("clean4", 104)), "nothing");
  EXPECT_EQ(size(), kSlots);
}

// A table within its budget has no hand that takes marks back: once all slots were read, no other key of the bucket
// would ever be cached.
TEST_F(TableTest, WhatWasReadIsSparedOnceWhenItPlacesANewOne) {
  for (std::size_t index = 0; index < kSlots; ++index) {
    set(key("clean" + std::to_string(index), 100 + index), "v", 1);
    EXPECT_EQ(look(key("clean" + std::to_string(index), 100 + index)), "v");
  }
  const auto load = [&] {
    Entry* const entry = pending(key("loaded"));
    EntryPool::retain(*entry);
    EXPECT_EQ(table.place_pending(1, entry, /*applied=*/1).outcome, Outcome::kStands);
    const bool is_cached = table.fill(1, entry, make(EntryKind::kSet, "loaded", "v", 1));
    pool.release(entry);
    return is_cached;
  };
  EXPECT_FALSE(load()) << "all the others were read";
  for (std::size_t index = 0; index < kSlots; ++index) {
    if (index == 4) continue;
    EXPECT_EQ(look(key("clean" + std::to_string(index), 100 + index)), "v");
  }
  EXPECT_TRUE(load());
  EXPECT_EQ(look(key("loaded")), "v");
  EXPECT_EQ(look(key("clean4", 104)), "nothing") << "it alone was not read again";
  EXPECT_EQ(size(), kSlots);
}

TEST_F(TableTest, NeverEvictsWhatIsNotApplied) {
  for (std::uint64_t sequence = 1; sequence <= 20; ++sequence) set(key("k" + std::to_string(sequence)), "v", sequence);
  EXPECT_EQ(evict_all(/*applied=*/12), 12u);
  EXPECT_EQ(evict_all(/*applied=*/12), 0u);
  for (std::uint64_t sequence = 1; sequence <= 20; ++sequence) {
    EXPECT_EQ(look(key("k" + std::to_string(sequence))), sequence <= 12 ? "nothing" : "v") << sequence;
  }
}

TEST_F(TableTest, NeverEvictsALoadUnderWay) {
  Entry* const in_slot = place(key("slot"));
  fill_slots();
  Entry* const in_chain = place(key("chain"));
  EXPECT_EQ(evict_all(/*applied=*/5000), kSlots);
  EXPECT_EQ(look(key("slot")), "pending");
  EXPECT_EQ(look(key("chain")), "pending");
  pool.release(in_slot);
  pool.release(in_chain);
}

TEST_F(TableTest, EvictsRememberedAbsencesAndErases) {
  table.install(1, make(EntryKind::kErase, "erased", "", 1), 0);
  Entry* const absence = place(key("absent"));
  EXPECT_TRUE(table.fill(1, absence, make(EntryKind::kAbsent, "absent", "", 1)));
  pool.release(absence);
  EXPECT_EQ(evict_all(/*applied=*/1), 2u);
  EXPECT_EQ(look(key("erased")), "nothing");
  EXPECT_EQ(look(key("absent")), "nothing");
}

TEST_F(TableTest, SweepsAbsencesAndLeavesValues) {
  set(key("set"), "value", 1);
  table.install(1, make(EntryKind::kErase, "erased", "", 2), 0);
  std::uint64_t evicted = 0;
  table.sweep_absences(/*buckets=*/2, 2, evicted);
  EXPECT_EQ(evicted, 1u);
  EXPECT_EQ(look(key("set")), "value");
  EXPECT_EQ(look(key("erased")), "nothing");
}

TEST_F(TableTest, GivesWhatWasReadASecondChance) {
  set(key("read"), "v", 1);
  set(key("unread"), "v", 1);
  EXPECT_EQ(look(key("read")), "v");
  EXPECT_EQ(evict(1, 1), 1u) << "one is enough";
  EXPECT_EQ(look(key("read")), "v");
  EXPECT_EQ(look(key("unread")), "nothing");
  EXPECT_EQ(evict_all(1), 1u) << "not read again since the hand came by, or the second time around";
}

TEST_F(TableTest, StopsEvictingWhenEnoughIsOut) {
  std::size_t one = 0;
  for (std::uint64_t sequence = 1; sequence <= 7; ++sequence) {
    one = EntryPool::footprint(*set(key("k" + std::to_string(sequence)), std::string(1000, 'v'), sequence));
  }
  std::uint64_t evicted = 0;
  const std::size_t bytes = table.evict(1, 100, evicted);
  EXPECT_EQ(bytes, evicted * one);
  EXPECT_GE(evicted, 1u);
}

TEST_F(TableTest, ReportsTheBytesItEvicted) {
  set(key("small"), "v", 1);
  set(key("large"), std::string(100'000, 'v'), 2);
  const std::size_t used = pool.used_bytes();
  std::uint64_t evicted = 0;
  EXPECT_EQ(table.evict(~std::size_t{0}, 2, evicted), used);
  EXPECT_EQ(reclaimer.backlog_bytes(), used);
  collect();
  EXPECT_EQ(pool.used_bytes(), 0u);
  EXPECT_EQ(reclaimer.backlog_bytes(), 0u);
}

TEST_F(TableTest, LetsALoadStartForAnUnknownKey) {
  Entry* const entry = place(key("key"), Outcome::kStands);
  EXPECT_EQ(look(key("key")), "pending");
  pool.release(entry);
}

TEST_F(TableTest, GivesTheRealEntryToALoadThatComesTooLate) {
  Entry* const real = set(key("key"), "value", 1);
  const Table::PendingResult result = table.place_pending(1, pending(key("key")), 0);
  EXPECT_EQ(result.outcome, Outcome::kFound);
  EXPECT_EQ(result.entry, real);
  EXPECT_EQ(look(key("key")), "value");
}

TEST_F(TableTest, GivesTheFirstLoadToTheSecond) {
  Entry* const first = place(key("key"));
  const Table::PendingResult result = table.place_pending(1, pending(key("key")), 0);
  EXPECT_EQ(result.outcome, Outcome::kFound);
  EXPECT_EQ(result.entry, first);
  EXPECT_TRUE(table.remove(1, first)) << "the first one still stands";
  EXPECT_EQ(look(key("key")), "nothing") << "and the second one is gone";
  pool.release(first);
}

TEST_F(TableTest, FillsThePendingEntry) {
  Entry* const entry = place(key("key"));
  EXPECT_TRUE(table.fill(1, entry, make(EntryKind::kSet, "key", "loaded", 7)));
  EXPECT_EQ(look(key("key")), "loaded");
  EXPECT_EQ(take_copies("key"), 1u);
  EXPECT_FALSE(table.remove(1, entry)) << "the pending entry is out";
  pool.release(entry);
}

TEST_F(TableTest, RemembersThatAKeyIsAbsent) {
  Entry* const entry = place(key("key"));
  EXPECT_TRUE(table.fill(1, entry, make(EntryKind::kAbsent, "key", "", 7)));
  EXPECT_EQ(look(key("key")), "absent");
  pool.release(entry);
}

TEST_F(TableTest, LetsAWriteReplaceALoadUnderWayAndRefusesItsFill) {
  Entry* const entry = place(key("key"));
  set(key("key"), "written", 8);
  EXPECT_EQ(look(key("key")), "written");
  EXPECT_FALSE(table.fill(1, entry, make(EntryKind::kSet, "key", "loaded", 7)));
  EXPECT_EQ(look(key("key")), "written");
  EXPECT_EQ(take_copies("key"), 1u);
  pool.release(entry);
}

// Two flights of a key may bring the same entry; retired here, it could be retired again by whoever replaces it there.
TEST_F(TableTest, AFillThatCameTooLateIsGivenBackAtOnce) {
  Entry* const entry = place(key("key"));
  set(key("key"), "written", 8);
  EXPECT_EQ(look(key("key")), "written");
  Entry* const shared = make(EntryKind::kSet, "key", "loaded", 7);
  EntryPool::retain(*shared);
  EXPECT_FALSE(table.fill(1, entry, shared));
  EXPECT_EQ(shared->references.load(std::memory_order_relaxed), 1u);
  pool.release(shared);
  EXPECT_EQ(look(key("key")), "written");
  EXPECT_EQ(take_copies("key"), 1u);
  pool.release(entry);
}

TEST_F(TableTest, RefusesAFillAfterTheWriteWasAppliedAndEvicted) {
  Entry* const entry = place(key("key"));
  set(key("key"), "written", 8);
  EXPECT_EQ(evict_all(/*applied=*/8), 1u);
  EXPECT_FALSE(table.fill(1, entry, make(EntryKind::kSet, "key", "loaded before the write", 7)));
  EXPECT_EQ(look(key("key")), "nothing");
  pool.release(entry);
}

TEST_F(TableTest, RefusesAFillForAnEarlierLoadOfTheKey) {
  Entry* const first = place(key("key"));
  set(key("key"), "written", 8);
  EXPECT_EQ(evict_all(/*applied=*/8), 1u);
  Entry* const second = place(key("key"));
  EXPECT_FALSE(table.fill(1, first, make(EntryKind::kSet, "key", "loaded before the write", 7)));
  EXPECT_EQ(look(key("key")), "pending");
  EXPECT_TRUE(table.fill(1, second, make(EntryKind::kSet, "key", "written", 8)));
  EXPECT_EQ(look(key("key")), "written");
  pool.release(first);
  pool.release(second);
}

TEST_F(TableTest, DoesNotCacheTheFillOfAPendingEntryInTheChain) {
  fill_slots();
  Entry* const entry = place(key("key"));
  EXPECT_FALSE(table.fill(1, entry, make(EntryKind::kSet, "key", "loaded", 7)));
  EXPECT_EQ(look(key("key")), "nothing") << "the pending entry is out, the value is delivered to those who wait";
  pool.release(entry);
}

TEST_F(TableTest, LetsAWriteReplaceALoadInTheChain) {
  fill_slots();
  Entry* const entry = place(key("key"));
  set(key("key"), "written", 2000);
  EXPECT_EQ(look(key("key")), "written");
  EXPECT_FALSE(table.remove(1, entry));
  pool.release(entry);
}

TEST_F(TableTest, RemovesAPendingEntryWhoseLoadFailed) {
  Entry* const entry = place(key("key"));
  EXPECT_TRUE(table.remove(1, entry));
  EXPECT_EQ(look(key("key")), "nothing");
  pool.release(entry);
}

TEST_F(TableTest, FreesEverythingThatWasReplacedRemovedOrRefused) {
  Entry* const first = place(key("key"));
  set(key("key"), "a", 1);
  EXPECT_FALSE(table.fill(1, first, make(EntryKind::kSet, "key", "b", 0)));
  fill_slots();
  for (std::uint64_t sequence = 2000; sequence < 2100; ++sequence) set(key("chained"), "c", sequence);
  EXPECT_EQ(evict_all(5000), kSlots + 2);
  pool.release(first);
  collect();
  EXPECT_EQ(pool.used_bytes(), 0u);
}

TEST_F(TableTest, VisitsEveryRealEntryOnce) {
  Entry* const load = place(key("pending"));
  fill_slots();
  set(key("chained"), "v", 2000);
  std::vector<std::string> seen;
  table.visit(0, table.bucket_count(), [&](const Entry& entry) { seen.emplace_back(entry.key()); });
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, (std::vector<std::string>{"chained", "filler0", "filler1", "filler2", "filler3", "filler4", "filler5",
                                            "filler6"}));
  pool.release(load);
}

TEST(TableProperty, BehavesLikeAMapThatForgetsOnlyWhatIsApplied) {
  constexpr std::size_t kKeys = 300;
  EntryPool pool(16u << 20);
  Reclaimer reclaimer(pool);
  Table table(kKeys / 2, pool, reclaimer);
  Random random(1);
  std::map<std::string, std::uint64_t> newest;
  std::uint64_t applied = 0;
  for (std::uint64_t sequence = 1; sequence < 50'000; ++sequence) {
    const std::string name = "key" + std::to_string(random.below(kKeys));
    const std::uint64_t hash = base::hash_key(1, name);
    Entry* const entry = pool.make(EntryKind::kSet, 1, name, std::to_string(sequence), 0);
    ASSERT_NE(entry, nullptr);
    entry->sequence = sequence;
    table.install(hash, entry, applied);
    newest[name] = sequence;
    if (random.one_in(10)) applied += random.below(sequence - applied + 1);
    if (random.one_in(50)) {
      std::uint64_t evicted = 0;
      table.evict(random.below(20'000), applied, evicted);
    }
    if (random.one_in(100)) reclaimer.collect();
    const std::string looked = "key" + std::to_string(random.below(kKeys));
    const Entry* const found = table.find({base::hash_key(1, looked), 1, looked});
    const auto expected = newest.find(looked);
    if (expected == newest.end()) {
      ASSERT_EQ(found, nullptr);
    } else if (found == nullptr) {
      ASSERT_LE(expected->second, applied) << "an unapplied write is gone";
    } else {
      ASSERT_EQ(found->value(), std::to_string(expected->second));
    }
  }
}

}  // namespace
}  // namespace dictsqlite::cache
