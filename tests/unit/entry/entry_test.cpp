// Goal: an entry gives back the key, value and word it was made with, in every layout, and the order of one key's
// entries is the order of their writes. Method: entries from a pool, around every boundary of the layout.
#include "entry/entry.hpp"

#include "entry/entry_pool.hpp"

#include <gtest/gtest.h>

#include <string>

namespace dictsqlite::entry {
namespace {

constexpr std::uint32_t kTable = 7;

class EntryTest : public testing::Test {
 protected:
  EntryPool pool_{4u << 20};
};

TEST_F(EntryTest, KeepsKeyAndValueInsideTheBlockUpToItsSize) {
  const std::string key = "key";
  const std::string value(kEntryInsideMax - Entry::kHeaderBytes - key.size(), 'v');
  Entry* const entry = pool_.make(EntryKind::kSet, kTable, key, value, 0);
  ASSERT_NE(entry, nullptr);
  EXPECT_FALSE(entry->is_outside());
  EXPECT_FALSE(entry->has_word());
  EXPECT_EQ(entry->key(), key);
  EXPECT_EQ(entry->value(), value);
  EXPECT_EQ(entry->value().data(), entry->key_data() + key.size());
  pool_.release(entry);
}

TEST_F(EntryTest, KeepsALongerValueOutside) {
  const std::string key = "key";
  const std::string value(kEntryInsideMax - Entry::kHeaderBytes - key.size() + 1, 'v');
  Entry* const entry = pool_.make(EntryKind::kSet, kTable, key, value, 0);
  ASSERT_NE(entry, nullptr);
  EXPECT_TRUE(entry->is_outside());
  EXPECT_TRUE(entry->has_word());
  EXPECT_EQ(entry->key(), key);
  EXPECT_EQ(entry->value(), value);
  pool_.release(entry);
}

TEST_F(EntryTest, HoldsAnEmptyValue) {
  Entry* const entry = pool_.make(EntryKind::kSet, kTable, "key", "", 0);
  ASSERT_NE(entry, nullptr);
  EXPECT_TRUE(entry->has_value());
  EXPECT_EQ(entry->value(), "");
  pool_.release(entry);
}

TEST_F(EntryTest, HoldsTheLongestKeyWithAndWithoutAWord) {
  const std::string key(kKeyBytesMax, 'k');
  const std::string value(100'000, 'v');
  Entry* const set = pool_.make(EntryKind::kSet, kTable, key, value, 0);
  Entry* const pending = pool_.make(EntryKind::kPending, kTable, key, "", 0);
  ASSERT_NE(set, nullptr);
  ASSERT_NE(pending, nullptr);
  EXPECT_EQ(set->key(), key);
  EXPECT_EQ(set->value(), value);
  EXPECT_EQ(pending->key(), key);
  pool_.release(set);
  pool_.release(pending);
}

TEST_F(EntryTest, HoldsAnyBytes) {
  const std::string key("\0\xFF\x80 k\0", 6);
  const std::string value("\0\0\xFE\0", 4);
  Entry* const entry = pool_.make(EntryKind::kSet, kTable, key, value, -1);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->key(), key);
  EXPECT_EQ(entry->value(), value);
  EXPECT_EQ(entry->expires_at, -1);
  EXPECT_EQ(entry->table_id, kTable);
  pool_.release(entry);
}

TEST_F(EntryTest, CarriesAWordWhereItsKindNeedsOne) {
  int subject = 0;
  for (const EntryKind kind : {EntryKind::kPending, EntryKind::kBatch}) {
    Entry* const entry = pool_.make(kind, kTable, "key", "", 0);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->word<int>(), nullptr);
    entry->set_word(&subject);
    EXPECT_EQ(entry->word<int>(), &subject);
    EXPECT_EQ(entry->key(), "key");
    pool_.release(entry);
  }
}

TEST_F(EntryTest, HasNoKeyIfItStandsForABatch) {
  Entry* const entry = pool_.make(EntryKind::kBatch, kTable, {}, {}, 0);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->key(), "");
  pool_.release(entry);
}

TEST_F(EntryTest, OfALaterWriteIsHigherInOrder) {
  Entry* const early = pool_.make(EntryKind::kSet, kTable, "key", "", 0);
  Entry* const late = pool_.make(EntryKind::kErase, kTable, "key", "", 0);
  early->sequence = 5;
  late->sequence = 6;
  EXPECT_LT(order_of(*early), order_of(*late));
  pool_.release(early);
  pool_.release(late);
}

TEST_F(EntryTest, OfALoadUnderWayIsBelowEverything) {
  Entry* const pending = pool_.make(EntryKind::kPending, kTable, "key", "", 0);
  Entry* const absent = pool_.make(EntryKind::kAbsent, kTable, "key", "", 0);
  pending->sequence = 100;
  absent->sequence = 0;  // loaded from a database that nothing was ever written to
  EXPECT_FALSE(pending->is_real());
  EXPECT_TRUE(absent->is_real());
  EXPECT_LT(order_of(*pending), order_of(*absent));
  pool_.release(pending);
  pool_.release(absent);
}

}  // namespace
}  // namespace dictsqlite::entry
