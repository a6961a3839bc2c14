// Goal: a range of writes becomes the newest write of each key, sorted by table and key bytes, whatever the keys look
// like. Method: hand-made writes; random ones against a std::map.
#include "flush/fold.hpp"

#include "flush/write_path.hpp"
#include "support/random.hpp"
#include "support/scale.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dictsqlite::flush {

// A row that owns its bytes.
struct OwnedRow {
  store::RowKind kind;
  std::uint32_t table_id;
  std::int64_t expires_at;
  std::string key;
  std::string value;

  friend bool operator==(const OwnedRow&, const OwnedRow&) = default;
  friend std::ostream& operator<<(std::ostream& out, const OwnedRow& row) {
    return out << (row.kind == store::RowKind::kSet ? "set " : "erase ") << row.table_id << ' '
               << testing::PrintToString(row.key) << ' ' << testing::PrintToString(row.value) << ' ' << row.expires_at;
  }
};

namespace {

using entry::Entry;
using entry::EntryKind;
using testing_support::Random;
using testing_support::scaled;

constexpr std::uint32_t kTable = store::kMainTable;
constexpr std::size_t kSlabBytes = 64u << 20;

using Rows = std::vector<OwnedRow>;

OwnedRow set_row(std::string key, std::string value, std::uint32_t table_id = kTable, std::int64_t expires_at = 0) {
  return {store::RowKind::kSet, table_id, expires_at, std::move(key), std::move(value)};
}
OwnedRow erase_row(std::string key, std::uint32_t table_id = kTable) {
  return {store::RowKind::kErase, table_id, 0, std::move(key), ""};
}

Rows owned(std::span<const store::RowWrite> rows) {
  Rows result;
  for (const store::RowWrite& row : rows) {
    result.push_back({row.kind, row.table_id, row.expires_at, std::string(row.key), std::string(row.value)});
  }
  return result;
}

std::vector<std::string> keys_of(const Rows& rows) {
  std::vector<std::string> keys;
  for (const OwnedRow& row : rows) keys.push_back(row.key);
  return keys;
}

class FoldTest : public testing::Test {
 protected:
  void TearDown() override { forget_writes(); }

  void forget_writes() {
    for (Entry* entry : owned_) pool_.release(entry);
    owned_.clear();
    writes_.clear();
    batches_.clear();
  }
  Entry* make(EntryKind kind, std::uint32_t table_id, std::string_view key, std::string_view value,
              std::int64_t expires_at) {
    Entry* const entry = pool_.make(kind, table_id, key, value, expires_at);
    EXPECT_NE(entry, nullptr);
    entry->sequence = sequence_;
    owned_.push_back(entry);
    return entry;
  }
  void set(std::string_view key, std::string_view value, std::uint32_t table_id = kTable, std::int64_t expires_at = 0) {
    ++sequence_;
    writes_.push_back(make(EntryKind::kSet, table_id, key, value, expires_at));
  }
  void erase(std::string_view key, std::uint32_t table_id = kTable) {
    ++sequence_;
    writes_.push_back(make(EntryKind::kErase, table_id, key, {}, 0));
  }
  void write_batch(const Rows& rows) {
    ++sequence_;
    Batch& batch = batches_.emplace_back();
    for (const OwnedRow& row : rows) {
      const EntryKind kind = row.kind == store::RowKind::kSet ? EntryKind::kSet : EntryKind::kErase;
      batch.rows.push_back(make(kind, row.table_id, row.key, row.value, row.expires_at));
    }
    batch.record = {batch.rows.size(), 0, batch.rows.data()};
    Entry* const entry = make(EntryKind::kBatch, 0, {}, {}, 0);
    entry->set_word(&batch.record);
    writes_.push_back(entry);
  }
  std::span<const store::RowWrite> first_rows() {
    fold_.begin(writes_);
    return fold_.next();
  }
  Rows folded() {
    Rows rows;
    fold_.begin(writes_);
    for (auto portion = fold_.next(); !portion.empty(); portion = fold_.next()) {
      EXPECT_LE(portion.size(), Fold::kPortionRows);
      const Rows some = owned(portion);
      rows.insert(rows.end(), some.begin(), some.end());
    }
    EXPECT_EQ(fold_.rows_given(), rows.size());
    EXPECT_TRUE(fold_.next().empty()) << "the end is the end";
    return rows;
  }

  struct Batch {
    std::vector<Entry*> rows;
    BatchRows record{};
  };

  entry::EntryPool pool_{kSlabBytes};
  Fold fold_;
  std::uint64_t sequence_ = 0;
  std::vector<Entry*> writes_;
  std::vector<Entry*> owned_;
  std::deque<Batch> batches_;
};

TEST_F(FoldTest, MakesNoRowsOfNoWrites) { EXPECT_EQ(folded(), Rows()); }

TEST_F(FoldTest, KeepsTheNewestWriteOfEachKey) {
  set("b", "first");
  set("a", "only");
  set("b", "second");
  set("c", "first");
  set("b", "third");
  set("c", "second");
  EXPECT_EQ(folded(), (Rows{set_row("a", "only"), set_row("b", "third"), set_row("c", "second")}));
}

TEST_F(FoldTest, KeepsAnEraseThatIsTheNewest) {
  set("gone", "value");
  erase("gone");
  erase("back");
  set("back", "again");
  EXPECT_EQ(folded(), (Rows{set_row("back", "again"), erase_row("gone")}));
}

TEST_F(FoldTest, SortsByTheBytesOfTheKeys) {
  const std::string nul(1, '\0');
  // In the order of memcmp, the shorter one first: NUL bytes count, and no byte is negative.
  const std::vector<std::string> sorted{
      "",
      nul,
      nul + nul,
      nul + nul + "a",
      nul + "\x01",
      "\x01",
      "a",
      "a" + nul,
      "a" + nul + nul,
      "a" + nul + "b",
      "aa",
      "abcdefg",
      "abcdefg" + nul,
      "abcdefgh",
      "abcdefgh" + nul,
      "abcdefgh" + nul + "z",
      "abcdefgh\x7f",
      "abcdefgh\x80",
      "abcdefgh\xff",
      "abcdefghi",
      "abcdefghij",
      "abcdefg\x80",
      "abcdefg\xff",
      "b",
      "\x7f",
      "\x80",
      "\x80" + nul,
      "\xff",
      "\xff\xff\xff\xff\xff\xff\xff\xff",
      "\xff\xff\xff\xff\xff\xff\xff\xff" + nul,
      "\xff\xff\xff\xff\xff\xff\xff\xff\xff",
  };
  std::vector<std::string> expected = sorted;
  std::sort(expected.begin(), expected.end());  // std::string compares as unsigned bytes
  for (auto key = sorted.rbegin(); key != sorted.rend(); ++key) set(*key, "old");
  for (const std::string& key : sorted) set(key, "value of " + key);
  const Rows rows = folded();
  EXPECT_EQ(keys_of(rows), expected);
  for (const OwnedRow& row : rows) EXPECT_EQ(row.value, "value of " + row.key);
}

TEST_F(FoldTest, TellsKeysApartThatDifferBehindTheirFirstEightBytes) {
  set("12345678b", "b");
  set("12345678a", "a");
  set("12345678", "none");
  set("12345678b", "newer b");
  EXPECT_EQ(folded(), (Rows{set_row("12345678", "none"), set_row("12345678a", "a"), set_row("12345678b", "newer b")}));
}

TEST_F(FoldTest, TellsAShortKeyFromTheSameOneWithNulBytes) {
  const std::string padded = std::string("ab") + std::string(6, '\0');
  set(padded, "padded");
  set("ab", "short");
  EXPECT_EQ(folded(), (Rows{set_row("ab", "short"), set_row(padded, "padded")}));
}

TEST_F(FoldTest, KeepsTablesApartAndSortsByThemFirst) {
  set("a", "in 300", 300);
  set("z", "in 2", 2);
  set("a", "in 1", 1);
  set("a", "in 2", 2);
  erase("a", 300);
  set("z", "in 2 again", 2);
  EXPECT_EQ(folded(), (Rows{set_row("a", "in 1", 1), set_row("a", "in 2", 2), set_row("z", "in 2 again", 2),
                            erase_row("a", 300)}));
}

TEST_F(FoldTest, CarriesTheExpiryOfTheNewestWrite) {
  set("a", "value", kTable, 1'000);
  set("a", "value", kTable, 2'000);
  set("b", "value", kTable, 3'000);
  set("b", "value", kTable, store::kNoExpiry);
  EXPECT_EQ(folded(), (Rows{set_row("a", "value", kTable, 2'000), set_row("b", "value", kTable, store::kNoExpiry)}));
}

TEST_F(FoldTest, UnfoldsBatches) {
  write_batch({set_row("c", "batch"), erase_row("a"), set_row("b", "batch", kTable, 7)});
  EXPECT_EQ(folded(), (Rows{erase_row("a"), set_row("b", "batch", kTable, 7), set_row("c", "batch")}));
}

TEST_F(FoldTest, OrdersTheRowsOfABatchAmongOtherWrites) {
  set("a", "before");
  set("b", "before");
  write_batch({set_row("a", "first batch"), set_row("b", "first batch"), set_row("c", "first batch")});
  set("b", "between");
  write_batch({erase_row("c"), set_row("d", "second batch")});
  set("d", "after");
  EXPECT_EQ(folded(),
            (Rows{set_row("a", "first batch"), set_row("b", "between"), erase_row("c"), set_row("d", "after")}));
}

TEST_F(FoldTest, MakesNoRowsOfAnEmptyBatch) {
  write_batch({});
  EXPECT_EQ(folded(), Rows());
}

TEST_F(FoldTest, GivesAnEraseNoValue) {
  erase("a");
  const std::span<const store::RowWrite> rows = first_rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].kind, store::RowKind::kErase);
  EXPECT_TRUE(rows[0].value.empty());
}

TEST_F(FoldTest, ViewsTheBytesOfTheEntriesWithoutACopy) {
  const std::string large(100'000, 'v');
  set("small", "value");
  set("large", large);
  const std::span<const store::RowWrite> rows = first_rows();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].key.data(), writes_[1]->key().data());
  EXPECT_EQ(rows[0].value.data(), writes_[1]->value().data());
  EXPECT_EQ(rows[0].value, large);
  EXPECT_EQ(rows[1].value.data(), writes_[0]->value().data());
}

TEST_F(FoldTest, GivesManyRowsInPortionsWhichEndAnywhere) {
  for (std::size_t number = 0; number < 3 * Fold::kPortionRows; ++number) {
    const std::string key = "key" + std::to_string(10'000 + number);
    set(key, "older");
    set(key, "newer");
    if (number + 1 == Fold::kPortionRows || number + 1 == 2 * Fold::kPortionRows + 1) {
      const Rows rows = folded();
      ASSERT_EQ(rows.size(), number + 1);
      for (const OwnedRow& row : rows) ASSERT_EQ(row.value, "newer");
    }
  }
}

TEST_F(FoldTest, ReusesItsMemoryAndForgetsTheLastCall) {
  for (int number = 0; number < 100; ++number) set("key" + std::to_string(number), "value");
  const store::RowWrite* const memory = first_rows().data();
  forget_writes();
  set("other", "value");
  const std::span<const store::RowWrite> rows = first_rows();
  EXPECT_EQ(rows.data(), memory);
  EXPECT_EQ(owned(rows), (Rows{set_row("other", "value")}));
}

// Few distinct bytes and many shared beginnings, so that keys often meet and often differ late.
std::string random_key(Random& random) {
  static constexpr std::string_view kBytes(
      "\0\x01"
      "a\x7f\x80\xff",
      6);
  std::string key(random.one_in(3) ? random.below(9) : 0, 'p');
  const std::size_t count = random.below(4);
  for (std::size_t index = 0; index < count; ++index) key += kBytes[random.below(kBytes.size())];
  return key;
}

OwnedRow random_row(Random& random, std::string key) {
  const auto table_id = static_cast<std::uint32_t>(1 + random.below(3));
  if (random.one_in(4)) return erase_row(std::move(key), table_id);
  return set_row(std::move(key), random.bytes(random.below(20)), table_id, static_cast<std::int64_t>(random.below(3)));
}

TEST_F(FoldTest, AgreesWithAMapOfTheLastWrites) {
  Random random;
  const std::size_t rounds = scaled(300);
  for (std::size_t round = 0; round < rounds; ++round) {
    std::map<std::pair<std::uint32_t, std::string>, OwnedRow> model;
    const std::size_t count = random.below(400);
    for (std::size_t number = 0; number < count; ++number) {
      const OwnedRow row = random_row(random, random_key(random));
      if (!random.one_in(10)) {
        model.insert_or_assign({row.table_id, row.key}, row);
        if (row.kind == store::RowKind::kSet) {
          set(row.key, row.value, row.table_id, row.expires_at);
        } else {
          erase(row.key, row.table_id);
        }
        continue;
      }
      Rows batch;
      std::set<std::pair<std::uint32_t, std::string>> in_batch;  // a batch holds a key once
      for (std::size_t size = random.below(12); size > 0; --size) {
        OwnedRow each = random_row(random, random_key(random));
        if (!in_batch.insert({each.table_id, each.key}).second) continue;
        model.insert_or_assign({each.table_id, each.key}, each);
        batch.push_back(std::move(each));
      }
      write_batch(batch);
    }
    Rows expected;
    for (const auto& [key, row] : model) expected.push_back(row);
    ASSERT_EQ(folded(), expected) << "round " << round << ", seed " << testing_support::seed();
    forget_writes();
  }
}

}  // namespace
}  // namespace dictsqlite::flush
