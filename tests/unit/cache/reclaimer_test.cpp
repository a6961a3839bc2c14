// Goal: nothing is freed while somebody who may see it holds a guard, and everything is freed soon after. Method: one
// thread that plays several, entries whose reference the test shares, so that it can see when the reclaimer lets go.
#include "cache/reclaimer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace dictsqlite::cache {
namespace {

using entry::Entry;
using entry::EntryKind;
using entry::EntryPool;

class ReclaimerTest : public testing::Test {
 protected:
  using GuardPointer = std::unique_ptr<Reclaimer::Guard>;
  GuardPointer enter() { return GuardPointer(new Reclaimer::Guard(reclaimer_.enter())); }

  // An entry with two owners: this test and, from now on, the reclaimer.
  Entry* retire(std::string_view value = "value") {
    Entry* const entry = pool_.make(EntryKind::kSet, 1, "key", value, 0);
    EXPECT_NE(entry, nullptr);
    EntryPool::retain(*entry);
    entries_.push_back(entry);
    reclaimer_.retire(entry);
    return entry;
  }
  static bool is_free(const Entry* entry) { return entry->references.load(std::memory_order_relaxed) == 1; }
  void TearDown() override {
    for (Entry* entry : entries_) pool_.release(entry);
  }

  EntryPool pool_{1u << 20};
  Reclaimer reclaimer_{pool_};
  std::vector<Entry*> entries_;
};

TEST_F(ReclaimerTest, FreesAtOnceIfNobodyReads) {
  const Entry* const entry = retire();
  EXPECT_FALSE(is_free(entry));
  reclaimer_.collect();
  EXPECT_TRUE(is_free(entry));
}

TEST_F(ReclaimerTest, FreesNothingThatAGuardMayHaveSeen) {
  GuardPointer guard = enter();
  const Entry* const entry = retire();
  for (int call = 0; call < 100; ++call) reclaimer_.collect();
  EXPECT_FALSE(is_free(entry));
  guard.reset();
  reclaimer_.collect();
  EXPECT_TRUE(is_free(entry));
}

TEST_F(ReclaimerTest, FreesNothingThatAnEarlierGuardMayHaveSeenHoweverManyLaterOnesCome) {
  GuardPointer early = enter();
  reclaimer_.collect();
  const Entry* const entry = retire();
  for (int round = 0; round < 50; ++round) {
    const Reclaimer::Guard late = reclaimer_.enter();
    reclaimer_.collect();
  }
  EXPECT_FALSE(is_free(entry));
  early.reset();
  reclaimer_.collect();
  EXPECT_TRUE(is_free(entry));
}

// Whoever came after the collector's look cannot have found the entry, also if it is where an earlier one was.
TEST_F(ReclaimerTest, WaitsForThoseWhoWereInsideAndForNobodyElse) {
  GuardPointer inside = enter();
  const Entry* const entry = retire();
  reclaimer_.collect();
  inside.reset();
  const GuardPointer after = enter();
  reclaimer_.collect();
  EXPECT_TRUE(is_free(entry));
}

TEST_F(ReclaimerTest, WaitsForEachOfThoseWhoWereInside) {
  std::vector<GuardPointer> inside;
  for (int count = 0; count < 3; ++count) inside.push_back(enter());
  const Entry* const entry = retire();
  for (const std::size_t leaves : {1u, 0u, 2u}) {
    reclaimer_.collect();
    EXPECT_FALSE(is_free(entry));
    inside[leaves].reset();
  }
  reclaimer_.collect();
  EXPECT_TRUE(is_free(entry));
}

TEST_F(ReclaimerTest, FreesWhatWaitedAndThenWhatCameSince) {
  GuardPointer inside = enter();
  const Entry* const first = retire();
  reclaimer_.collect();
  const Entry* const second = retire();
  inside.reset();
  GuardPointer after = enter();
  reclaimer_.collect();
  EXPECT_TRUE(is_free(first));
  EXPECT_FALSE(is_free(second)) << "its removal may have been after somebody found it";
  after.reset();
  reclaimer_.collect();
  EXPECT_TRUE(is_free(second));
}

TEST_F(ReclaimerTest, FreesInPortionsNoMoreThanAskedFor) {
  std::vector<Entry*> retired;
  for (int count = 0; count < 10; ++count) retired.push_back(retire());
  const auto freed = [&] { return std::count_if(retired.begin(), retired.end(), is_free); };
  reclaimer_.collect_some(4);
  EXPECT_EQ(freed(), 4);
  reclaimer_.collect_some(4);
  EXPECT_EQ(freed(), 8);
  reclaimer_.collect_some(4);
  EXPECT_EQ(freed(), 10);
  EXPECT_EQ(reclaimer_.backlog_bytes(), 0u);
}

TEST_F(ReclaimerTest, APortionFreesNothingThatAGuardMayHaveSeen) {
  GuardPointer guard = enter();
  const Entry* const entry = retire();
  for (int call = 0; call < 100; ++call) reclaimer_.collect_some(4);
  EXPECT_FALSE(is_free(entry));
  guard.reset();
  reclaimer_.collect_some(4);
  EXPECT_TRUE(is_free(entry));
}

TEST_F(ReclaimerTest, CollectingFinishesWhatAPortionLeft) {
  for (int count = 0; count < 10; ++count) retire();
  reclaimer_.collect_some(3);
  retire();
  ASSERT_NE(reclaimer_.backlog_bytes(), 0u);
  reclaimer_.collect();
  EXPECT_EQ(reclaimer_.backlog_bytes(), 0u);
}

TEST_F(ReclaimerTest, CountsTheBytesThatWait) {
  retire("value");
  retire(std::string(100'000, 'v'));
  EXPECT_EQ(reclaimer_.backlog_bytes(), EntryPool::footprint(3, 5) + EntryPool::footprint(3, 100'000));
  reclaimer_.collect();
  EXPECT_EQ(reclaimer_.backlog_bytes(), 0u);
}

TEST_F(ReclaimerTest, GuardsNestAndManyCanBeHeld) {
  const Entry* entry = nullptr;
  {
    std::vector<GuardPointer> guards;
    for (std::size_t count = 0; count < 1 + Reclaimer::kShared; ++count) guards.push_back(enter());
    entry = retire();
    for (int call = 0; call < 5; ++call) reclaimer_.collect();
    EXPECT_FALSE(is_free(entry));
  }
  reclaimer_.collect();
  EXPECT_TRUE(is_free(entry));
}

TEST_F(ReclaimerTest, AGuardBeyondTheLastSharedSlotWaitsForOneToBeReleased) {
  std::vector<GuardPointer> guards;
  for (std::size_t count = 0; count < 1 + Reclaimer::kShared; ++count) guards.push_back(enter());
  std::thread late([&] { const Reclaimer::Guard guard = reclaimer_.enter_shared(); });
  guards.pop_back();
  late.join();  // for ever, if the slot were not found
}

TEST(Reclaimer, FreesTheRestOfAPortionWhenItIsDestroyed) {
  EntryPool pool(1u << 20);
  {
    Reclaimer reclaimer(pool);
    for (int count = 0; count < 5; ++count) {
      Entry* const entry = pool.make(EntryKind::kSet, 1, "key", "value", 0);
      ASSERT_NE(entry, nullptr);
      reclaimer.retire(entry);
    }
    reclaimer.collect_some(2);
  }
  EXPECT_EQ(pool.used_bytes(), 0u);
}

TEST(Reclaimer, FreesWhatWaitsAndWhatIsRetiredWhenItIsDestroyed) {
  EntryPool pool(1u << 20);
  {
    Reclaimer reclaimer(pool);
    const Reclaimer::Guard guard = reclaimer.enter();
    for (int round = 0; round < 5; ++round) {
      Entry* const entry = pool.make(EntryKind::kSet, 1, "key", "value", 0);
      ASSERT_NE(entry, nullptr);
      reclaimer.retire(entry);
      reclaimer.collect();
    }
    EXPECT_NE(pool.used_bytes(), 0u);
  }
  EXPECT_EQ(pool.used_bytes(), 0u);
}

}  // namespace
}  // namespace dictsqlite::cache
