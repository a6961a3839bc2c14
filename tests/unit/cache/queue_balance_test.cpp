// Goal: newcomers give way while they have more than a tenth of the cache, the main queue otherwise, whichever hand the
// estimate comes from. Method: notes as the hands would make them.
#include "cache/queue_balance.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace dictsqlite::cache {
namespace {

constexpr int kLong = 2000;  // more buckets than an average goes back

void note(QueueBalance& balance, Queue queue, std::uint32_t newcomers, std::uint32_t others, int buckets = kLong) {
  for (int bucket = 0; bucket < buckets; ++bucket) balance.note(queue, newcomers, others);
}

TEST(QueueBalance, BeginsWithNewcomers) { EXPECT_EQ(QueueBalance().next(), Queue::kNewcomers); }

TEST(QueueBalance, TakesNewcomersWhileTheyAreMoreThanATenth) {
  QueueBalance balance;
  note(balance, Queue::kMain, 1, 4);
  EXPECT_EQ(balance.next(), Queue::kNewcomers);
  note(balance, Queue::kMain, 0, 4);
  EXPECT_EQ(balance.next(), Queue::kMain);
}

// A newcomer in each second bucket, as their own hand meets them, is one in four buckets on average.
TEST(QueueBalance, KnowsThatTheNewcomersHandMeetsTwiceAsMany) {
  QueueBalance balance;
  for (int bucket = 0; bucket < kLong; ++bucket) balance.note(Queue::kNewcomers, bucket % 2 == 0 ? 1 : 0, 3);
  EXPECT_EQ(balance.next(), Queue::kMain) << "0.25 of 3.25";
  for (int bucket = 0; bucket < kLong; ++bucket) balance.note(Queue::kMain, bucket % 2 == 0 ? 1 : 0, 3);
  EXPECT_EQ(balance.next(), Queue::kNewcomers) << "0.5 of 3.5";
}

TEST(QueueBalance, TakesTheMainQueueWhenNoNewcomerCanGo) {
  QueueBalance balance;
  note(balance, Queue::kNewcomers, 7, 0);
  EXPECT_EQ(balance.next(), Queue::kNewcomers);
  note(balance, Queue::kNewcomers, 0, 7);
  EXPECT_EQ(balance.next(), Queue::kMain);
}

// Large values: few buckets have anything in them.
TEST(QueueBalance, EmptyBucketsTellNothing) {
  QueueBalance balance;
  const auto note_sparsely = [&](std::uint32_t newcomers, std::uint32_t others) {
    for (int bucket = 0; bucket < 1000 * 200; ++bucket) {
      const bool is_empty = bucket % 200 != 0;
      balance.note(Queue::kNewcomers, is_empty ? 0 : newcomers, is_empty ? 0 : others);
    }
    note(balance, Queue::kMain, 0, 0);
  };
  note_sparsely(0, 1);
  EXPECT_EQ(balance.next(), Queue::kMain);
  note_sparsely(1, 1);
  EXPECT_EQ(balance.next(), Queue::kNewcomers);
  note_sparsely(0, 1);
  EXPECT_EQ(balance.next(), Queue::kMain);
}

TEST(QueueBalance, FollowsWhatChangesWithinAFewHundredBuckets) {
  QueueBalance balance;
  note(balance, Queue::kMain, 0, 4);
  note(balance, Queue::kMain, 1, 4, 300);
  EXPECT_EQ(balance.next(), Queue::kNewcomers);
}

}  // namespace
}  // namespace dictsqlite::cache
