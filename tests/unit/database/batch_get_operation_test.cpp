// Goal: a batch_get gives one result a key, in order; asks for all its misses together; and reads again whatever was
// read while a batch was installed, in the end by holding batches back. Method: an engine without threads: the test
// knows things for it, is its loader, and plays the batches that come in between.
#include <dictsqlite/operation.hpp>

#include "unit/database/bare_database.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite::detail {
namespace {

using entry::EntryKind;
using Results = BatchGetOperation::Result;

class BatchGet : public testing::Test {
 protected:
  [[nodiscard]] BatchGetOperation get(std::initializer_list<std::string_view> keys) {
    return {db_->spread(), std::vector<std::string_view>(keys)};
  }
  // "value", or the status in words.
  static std::vector<std::string> words(const Results& results) {
    std::vector<std::string> words;
    for (const absl::StatusOr<Value>& result : results) {
      words.emplace_back(result.ok() ? result->str() : result.status().ToString());
    }
    return words;
  }
  // What is being loaded, in the order of keys.
  BareDatabase::Flights flights() {
    BareDatabase::Flights flights = db_.take_flights();
    std::sort(flights.begin(), flights.end(),
              [](const load::Flight* a, const load::Flight* b) { return a->pending->key() < b->pending->key(); });
    return flights;
  }
  // A batch is installed, as far as whoever reads can tell.
  bool batch_comes_by() {
    ring::BatchGate& gate = db_->path().gate();
    if (!gate.try_enter()) return false;
    gate.leave();
    return true;
  }

  BareDatabase db_;
};

using Words = std::vector<std::string>;
const std::string kNotFound = "NOT_FOUND: ";

TEST_F(BatchGet, GivesWhatIsKnownInTheOrderOfKeys) {
  db_.know(EntryKind::kSet, "a", "1");
  db_.know(EntryKind::kSet, "b", std::string(5000, 'b'));
  db_.know(EntryKind::kErase, "c");
  db_.know(EntryKind::kAbsent, "d");
  EXPECT_EQ(words(get({"d", "b", "a", "c", "a"}).wait()),
            Words({kNotFound, std::string(5000, 'b'), "1", kNotFound, "1"}));
  EXPECT_TRUE(db_.take_flights().empty());
}

TEST_F(BatchGet, OfNoKeysIsNoResults) { EXPECT_EQ(words(get({}).wait()), Words()); }

TEST_F(BatchGet, SpansManyGroups) {
  std::vector<std::string> keys;
  for (int number = 0; number < 100; ++number) {
    keys.push_back("key" + std::to_string(number));
    db_.know(EntryKind::kSet, keys.back(), keys.back());
  }
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  EXPECT_EQ(words(BatchGetOperation(db_->spread(), views).wait()), keys);
}

TEST_F(BatchGet, RefusesBadKeysOnly) {
  db_.know(EntryKind::kSet, "a", "1");
  const std::string too_long(db_->options().key_bytes_max + 1, 'k');
  EXPECT_EQ(words(get({"", "a", too_long}).wait()),
            Words({"INVALID_ARGUMENT: the key is empty", "1",
                   "INVALID_ARGUMENT: the key is longer than Options::key_bytes_max"}));
}

TEST_F(BatchGet, RefusesEveryKeyWithoutADatabase) {
  const std::vector<std::string_view> keys = {"a", "b"};
  const std::string refusal = "FAILED_PRECONDITION: there is no database in this handle";
  EXPECT_EQ(words(BatchGetOperation(EngineHandle(), keys).wait()), Words({refusal, refusal}));
}

TEST_F(BatchGet, RefusesEveryKeyAfterTheClose) {
  db_.know(EntryKind::kSet, "a", "1");
  ASSERT_TRUE(db_->begin_close());
  const std::string refusal = "FAILED_PRECONDITION: the database is closed";
  EXPECT_EQ(words(get({"a", "b"}).wait()), Words({refusal, refusal}));
}

TEST_F(BatchGet, KnowsAllThereIsWithoutADisk) {
  BareDatabase memory(PersistMode::kMemory);
  const std::vector<std::string_view> keys = {"a"};
  EXPECT_EQ(words(BatchGetOperation(memory->spread(), keys).wait()), Words({kNotFound}));
}

// --- misses ---

TEST_F(BatchGet, AsksForAllItsMissesTogether) {
  db_.know(EntryKind::kSet, "b", "known");
  const Running<BatchGetOperation> batch(get({"c", "b", "a", "d", "a"}));
  const BareDatabase::Flights loads = flights();
  ASSERT_EQ(loads.size(), 3u) << "one a key";
  db_.land(loads[2], std::nullopt);
  db_.land(loads[0], "1");
  EXPECT_FALSE(batch.is_done());
  db_.land_error(loads[1], absl::DataLossError("the page is torn"));
  ASSERT_TRUE(batch.is_done());
  EXPECT_EQ(words(batch.result()), Words({"DATA_LOSS: the page is torn", "known", "1", kNotFound, "1"}));
}

TEST_F(BatchGet, IsRefusedByALoaderThatHasEnded) {
  db_.close_flights();
  db_.know(EntryKind::kSet, "b", "known");
  const Running<BatchGetOperation> batch(get({"a", "b"}));
  ASSERT_TRUE(batch.is_done());
  EXPECT_EQ(words(batch.result()), Words({"FAILED_PRECONDITION: the database is closed", "known"}));
}

TEST_F(BatchGet, DestroyedWhileItWaitsIsNotResumed) {
  BareDatabase::Flights loads;
  {
    const Running<BatchGetOperation> batch(get({"a", "b"}));
    loads = flights();
    ASSERT_EQ(loads.size(), 2u);
    db_.land(loads[0], "1");
  }
  db_.land(loads[1], "2");  // AddressSanitizer says if the coroutine was touched, or the batch never freed
}

// --- batches that come in between ---

TEST_F(BatchGet, ReadsAgainWhatABatchMayHaveChanged) {
  db_.know(EntryKind::kSet, "a", "old");
  const Running<BatchGetOperation> batch(get({"a", "b"}));
  db_.know(EntryKind::kSet, "a", "new", 2);
  ASSERT_TRUE(batch_comes_by());
  db_.land(flights().at(0), "new");
  ASSERT_TRUE(batch.is_done()) << "now both are known";
  EXPECT_EQ(words(batch.result()), Words({"new", "new"}));
}

TEST_F(BatchGet, HoldsBatchesBackAfterThreeRounds) {
  const absl::Status torn = absl::DataLossError("the page is torn");  // never cached: every round asks again
  int wakes = 0;
  db_->path().doorbell().set_waker({&wakes, [](void* count) noexcept { ++*static_cast<int*>(count); }});
  const Running<BatchGetOperation> batch(get({"a"}));
  for (int round = 1; round <= 3; ++round) {
    EXPECT_TRUE(batch_comes_by()) << round;
    db_.land_error(flights().at(0), torn);
    ASSERT_FALSE(batch.is_done()) << round;
  }
  EXPECT_FALSE(batch_comes_by()) << "it has been disturbed often enough";
  db_->path().doorbell().park(io::Doorbell::kNoTicket);
  db_.land_error(flights().at(0), torn);
  ASSERT_TRUE(batch.is_done());
  EXPECT_EQ(wakes, 1) << "somebody may have parked meanwhile";
  EXPECT_TRUE(batch_comes_by());
}

TEST_F(BatchGet, DestroyedWhileItHoldsBatchesBackLetsThemGoOnInTheEnd) {
  const absl::Status torn = absl::DataLossError("the page is torn");
  BareDatabase::Flights last;
  {
    const Running<BatchGetOperation> batch(get({"a"}));
    for (int round = 1; round <= 3; ++round) {
      EXPECT_TRUE(batch_comes_by());
      db_.land_error(flights().at(0), torn);
    }
    last = flights();
    EXPECT_FALSE(batch_comes_by());
  }
  db_.land_error(last.at(0), torn);
  EXPECT_TRUE(batch_comes_by());
}

}  // namespace
}  // namespace dictsqlite::detail
