// Goal: more of what went wrong in the system that this one takes the place of: keys that came back after they were
// erased, scans that filled the cache row by row, evictions that wrote, rows that an overwrite moved. Method: as in
// upstream_defects_test.cpp: one test for each, named after what it protects; what an operation did is read off the
// statistics, what the file holds is asked of a plain SQLite connection.
#include <dictsqlite/dictsqlite.hpp>

#include "scan_support.hpp"
#include "support/foreign_reader.hpp"
#include "support/open_database.hpp"
#include "support/scale.hpp"
#include "support/start_line.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace dictsqlite {
namespace {

using testing_support::ForeignReader;
using testing_support::numbered;
using testing_support::open_database;
using testing_support::rows_of;
using testing_support::scaled;
using testing_support::StartLine;
using testing_support::TemporaryDirectory;
using Code = absl::StatusCode;

class UpstreamEffects : public testing::Test {
 protected:
  UpstreamEffects() { options_.path = directory_.file("test.db"); }

  Database open() { return open_database(options_); }
  std::map<std::string, std::string> rows() { return ForeignReader(options_.path).rows(); }
  // An earlier life, after which nothing is in memory.
  void fill_file(std::size_t keys, const std::string& value) {
    Database database = open();
    for (std::size_t number = 0; number < keys; ++number) {
      ASSERT_EQ(database.set(numbered(number), value), absl::OkStatus());
    }
    ASSERT_EQ(database.close(), absl::OkStatus());
  }

  TemporaryDirectory directory_;
  Options options_;
};

// --- an erased key does not come back ---

// Null: there is no such key.
using Found = std::optional<std::string>;

Found find(Database& database, const std::string& key) {
  const absl::StatusOr<Value> value = database.get(key);
  if (value.ok()) return std::string(value->view());
  EXPECT_EQ(value.status().code(), Code::kNotFound) << value.status();
  return std::nullopt;
}

// One thread sets each key, another erases it; the file has an older value of it, which neither may find again. Who
// begins after the other has ended is the last, and its outcome has to stay; of two that overlap, either may be.
TEST_F(UpstreamEffects, AnErasedKeyDoesNotComeBackFromASetBesideIt) {
  enum Writer : std::size_t { kSetter, kEraser };
  const std::size_t keys = scaled(20'000);
  fill_file(keys, "old");
  options_.buffer_size = 7;
  Database database = open();
  std::vector<std::array<std::atomic<bool>, 2>> ended(keys);
  std::vector<std::array<bool, 2>> was_last(keys);
  StartLine start(2);
  const auto write_all = [&](Writer self) {
    for (std::size_t number = 0; number < keys; ++number) {
      if (number % 64 == 0) start.arrive();
      const std::string key = numbered(number);
      was_last[number][self] = ended[number][1 - self].load();
      EXPECT_EQ(self == kSetter ? database.set(key, "new") : database.erase(key), absl::OkStatus());
      ended[number][self].store(true);
      EXPECT_NE(find(database, key), Found("old")) << key << ": it was accepted before this look";
    }
  };
  std::thread eraser([&] { write_all(kEraser); });
  write_all(kSetter);
  eraser.join();

  std::vector<Found> in_memory;
  for (std::size_t number = 0; number < keys; ++number) {
    in_memory.push_back(find(database, numbered(number)));
    ASSERT_NE(in_memory[number], Found("old")) << number;
    ASSERT_FALSE(was_last[number][kSetter] && in_memory[number] != Found("new")) << number;
    ASSERT_FALSE(was_last[number][kEraser] && in_memory[number] != std::nullopt) << number;
  }
  ASSERT_EQ(database.flush(), absl::OkStatus());
  const std::map<std::string, std::string> in_file = rows();
  ASSERT_EQ(database.close(), absl::OkStatus());
  Database reopened = open();
  for (std::size_t number = 0; number < keys; ++number) {
    const auto row = in_file.find(numbered(number));
    ASSERT_EQ(row == in_file.end() ? std::nullopt : Found(row->second), in_memory[number]) << number;
    ASSERT_EQ(find(reopened, numbered(number)), in_memory[number]) << number;
  }
}

// --- what an operation must not do besides ---

TEST_F(UpstreamEffects, AScanLoadsNoKeys) {
  constexpr std::size_t kKeys = 2'000;
  fill_file(kKeys, "v");
  Database database = open();
  ASSERT_EQ(database.get(numbered(0))->view(), "v");
  const Stats before = database.stats();
  EXPECT_EQ(rows_of(database).size(), kKeys);
  EXPECT_EQ(rows_of(database, {.reverse = true}).size(), kKeys);
  const Stats after = database.stats();
  EXPECT_EQ(after.loads, before.loads);
  EXPECT_EQ(after.queries, before.queries);
  // Less is right: what the miss has retired may have been freed only in between.
  EXPECT_LE(after.entry_bytes, before.entry_bytes) << "nor does it fill the cache";
}

TEST_F(UpstreamEffects, EvictionWritesNothing) {
  constexpr std::size_t kKeys = 100;
  const std::string old_value(20'000, 'o');
  const std::string new_value(20'000, 'n');
  fill_file(kKeys, old_value);
  options_.cache_bytes = 1u << 20;
  Database database = open();
  // Written in this life, and in the file: what a cache that writes back might think it has to save.
  for (std::size_t number = 0; number < kKeys / 4; ++number) {
    ASSERT_EQ(database.set(numbered(number), new_value), absl::OkStatus());
  }
  ASSERT_EQ(database.flush(), absl::OkStatus());
  const Stats before = database.stats();
  for (int round = 0; round < 3; ++round) {
    for (std::size_t number = 0; number < kKeys; ++number) {
      ASSERT_EQ(database.get(numbered(number))->view(), number < kKeys / 4 ? new_value : old_value) << number;
    }
  }
  const Stats after = database.stats();
  EXPECT_GT(after.evictions - before.evictions, kKeys) << "the keys were meant not to fit";
  EXPECT_EQ(after.transactions, before.transactions);
  EXPECT_EQ(after.rows_applied, before.rows_applied);
  EXPECT_EQ(after.writes_applied, before.writes_applied);
  EXPECT_EQ(after.claimed_sequence, before.claimed_sequence);
}

// An overwrite that deletes and inserts changes every index of the table, and takes a new rowid.
TEST_F(UpstreamEffects, AnOverwriteLeavesARowWhereItIs) {
  fill_file(10, "old");
  const std::string where = "SELECT rowid FROM main WHERE key='" + numbered(3) + "'";
  const std::string before = ForeignReader(options_.path).ask(where.c_str());
  {
    Database database = open();
    ASSERT_EQ(database.set(numbered(3), "new"), absl::OkStatus());
    ASSERT_EQ(database.flush(), absl::OkStatus());
    ASSERT_EQ(database.set(numbered(3), std::string(10'000, 'n')), absl::OkStatus());
    ASSERT_EQ(database.close(), absl::OkStatus());
  }
  EXPECT_EQ(ForeignReader(options_.path).ask(where.c_str()), before);
  EXPECT_EQ(rows().at(numbered(3)), std::string(10'000, 'n'));
}

}  // namespace
}  // namespace dictsqlite
