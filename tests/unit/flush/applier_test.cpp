// Goal: the applier carries out what FlushPolicy decides: how much it applies at a time, and how long it rests. Method:
// an applier over a store of its own, without a thread; the test is its host and its clock, so that a transaction, a
// sync and a checkpoint take as long as it says.
#include "flush/applier.hpp"

#include "support/temporary_directory.hpp"
#include "unit/flush/write_path_fixture.hpp"

#include <absl/status/status.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace dictsqlite::flush {
namespace {

using base::Instant;
using base::Nanoseconds;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Nanoseconds kInterval = seconds(1);

class ManualClock final : public base::Clock {
 public:
  [[nodiscard]] Instant now() const noexcept override {
    if (looks_left_ != 0 && --looks_left_ == 0) now_ += std::exchange(jump_, {});
    return now_;
  }
  void add(Nanoseconds time) { now_ += time; }
  /// At look number `look` from now on, counted from 1, so much time has passed.
  void jump_at(std::size_t look, Nanoseconds time) {
    looks_left_ = look;
    jump_ = time;
  }

 private:
  mutable Instant now_ = seconds(1000);
  mutable std::size_t looks_left_ = 0;
  mutable Nanoseconds jump_{};
};

class ApplierHouse final : private ApplierHost {
 public:
  explicit ApplierHouse(bool journaled, std::uint64_t wal_bytes_max = 64u << 20)
      : applier({PersistMode::kWriteBehind, kTransactionRowsMax, kInterval, wal_bytes_max, journaled},
                journaled ? Applier::Durable::kByTheLog : Applier::Durable::kRaised, clock, *this, parts.path,
                parts.cache, parts.watermarks, counters) {
    store::SqliteOptions options;
    options.path = directory_.file("test.db");
    auto opened = store::SqliteStore::open(options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ((*opened)->writer().begin_life(0), absl::OkStatus());
    applier.begin(*std::move(opened));
    while (applier.step({})) {  // what opening has left
    }
  }
  ~ApplierHouse() {
    applier.drop();
    EXPECT_EQ(applier.close(store::ClosingLog::kCopied), absl::OkStatus());
  }
  ApplierHouse(const ApplierHouse&) = delete;
  ApplierHouse& operator=(const ApplierHouse&) = delete;

  /// So many writes are accepted, drained and staged.
  void stage(std::size_t rows) {
    for (std::size_t row = 0; row < rows; ++row) {
      entry::Entry* const write = parts.set("key " + std::to_string(++keys_), "value");
      ASSERT_EQ(parts.accept(write).outcome, AcceptOutcome::kAccepted);
      ASSERT_EQ(parts.path.ring().pop(), write);
      parts.path.ring().release_room();
      applier.stage(write);
    }
  }
  /// The sync in flight takes so long, and succeeds.
  void end_sync(Nanoseconds took) {
    clock.add(took);
    applier.sync_finished(0);
  }

  ManualClock clock;
  WritePathParts parts{kPlenty};
  FlushCounters counters;
  /// How long a transaction takes.
  Nanoseconds transaction_takes{};
  Applier applier;

 private:
  bool keep_going() override {
    clock.add(std::exchange(transaction_takes, {}));
    return true;
  }
  void apply_failed(const absl::Status& status) override { ADD_FAILURE() << status; }
  void start_sync(int /*fd*/) override {}
  void log_pinned() override { ADD_FAILURE() << "nobody reads"; }
  void emit(EventKind /*kind*/, const std::string& message) override { ADD_FAILURE() << message; }

  const testing_support::TemporaryDirectory directory_;
  std::size_t keys_ = 0;
};

// What is staged is applied by itself, when its time has come; the transaction takes so long.
void apply_by_itself(ApplierHouse& house, Nanoseconds takes) {
  house.stage(1);
  house.clock.add(kInterval);
  house.transaction_takes = takes;
  ASSERT_TRUE(house.applier.step({}));
  ASSERT_EQ(house.applier.staged_rows(), 0u);
}

// --- rests ---

TEST(ApplierRest, IsSevenTimesAsLongAsTheLastTransactionTook) {
  ApplierHouse house(/*journaled=*/true);
  apply_by_itself(house, milliseconds(500));
  house.stage(1);
  house.clock.add(milliseconds(3499));
  EXPECT_FALSE(house.applier.step({}));
  EXPECT_EQ(house.applier.next_look({}), house.clock.now() + milliseconds(1));
  house.clock.add(milliseconds(1));
  EXPECT_TRUE(house.applier.step({}));
  EXPECT_EQ(house.applier.staged_rows(), 0u);
  house.stage(1);
  EXPECT_EQ(house.applier.next_look({}), house.clock.now() + kInterval) << "the last one took no time";
}

TEST(ApplierRest, IsNoShorterThanTheInterval) {
  ApplierHouse house(/*journaled=*/true);
  apply_by_itself(house, milliseconds(10));
  house.stage(1);
  EXPECT_EQ(house.applier.next_look({}), house.clock.now() + kInterval);
}

TEST(ApplierRest, IsOfTenSecondsAtMost) {
  ApplierHouse house(/*journaled=*/true);
  apply_by_itself(house, seconds(100));
  house.stage(1);
  EXPECT_EQ(house.applier.next_look({}), house.clock.now() + seconds(10));
}

TEST(ApplierRest, CountsTheCheckpointAsWork) {
  ApplierHouse house(/*journaled=*/true, /*wal_bytes_max=*/1);
  apply_by_itself(house, milliseconds(300));
  house.clock.jump_at(3, milliseconds(200));  // after the look that decides, and the one before the checkpoint
  ASSERT_TRUE(house.applier.step({}));
  ASSERT_EQ(house.applier.view({}).wal_bytes_uncopied, 0u);
  house.stage(1);
  EXPECT_EQ(house.applier.next_look({}), house.clock.now() + 7 * milliseconds(500));
}

TEST(ApplierRest, EndsWhenSomebodyAsksAndUnderPressure) {
  ApplierHouse house(/*journaled=*/true);
  apply_by_itself(house, seconds(1));
  house.stage(1);
  EXPECT_TRUE(house.applier.step({.apply_to = 2}));
  house.stage(1);
  EXPECT_TRUE(house.applier.step({.under_pressure = true}));
  house.stage(1);
  EXPECT_FALSE(house.applier.step({}));
}

// Without a log nothing is durable before it is applied: the interval is how much a power cut may take.
TEST(ApplierRest, IsNotTakenWithoutALog) {
  ApplierHouse house(/*journaled=*/false);
  apply_by_itself(house, milliseconds(500));
  ASSERT_TRUE(house.applier.view({}).unsynced);
  house.stage(1);
  EXPECT_EQ(house.applier.next_look({}), house.clock.now() + kInterval);
}

// --- how much at a time ---

// All who wait for 64 rows wait for their sync as well.
constexpr Demand kAllWaitForTheSync{.apply_to = 1'000, .settle_from = 1};

TEST(ApplierGroups, HalfIsAppliedFirstIfTheOtherHalfTakesAsLongAsASync) {
  ApplierHouse house(/*journaled=*/false);
  house.stage(2);
  house.transaction_takes = microseconds(20);
  ASSERT_TRUE(house.applier.step(kAllWaitForTheSync)) << "a row takes 10 us";
  ASSERT_EQ(house.applier.staged_rows(), 0u) << "of two none goes first";
  ASSERT_TRUE(house.applier.step(kAllWaitForTheSync));
  ASSERT_TRUE(house.applier.is_sync_in_flight());
  house.end_sync(microseconds(100));
  house.stage(64);
  ASSERT_TRUE(house.applier.step(kAllWaitForTheSync));
  EXPECT_EQ(house.applier.staged_rows(), 32u);
  ASSERT_TRUE(house.applier.step(kAllWaitForTheSync));
  EXPECT_TRUE(house.applier.is_sync_in_flight());
  EXPECT_EQ(house.applier.staged_rows(), 32u) << "they are applied while it runs";
  EXPECT_TRUE(house.applier.step(kAllWaitForTheSync));
  EXPECT_EQ(house.applier.staged_rows(), 0u);
  house.end_sync(microseconds(100));
}

}  // namespace
}  // namespace dictsqlite::flush
