// Goal: tickets come in order and without holes, entries leave in ticket order, no claim succeeds without room or
// after the ring was closed, and one without room takes no ticket [I1] [I7]. Method: direct calls, a claim with other
// operations falling into the middle of it, and many producers against one consumer.
#include "ring/write_ring.hpp"

#include "support/random.hpp"
#include "support/scale.hpp"
#include "support/start_line.hpp"
#include "support/steps.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace dictsqlite::ring {
namespace {

using testing_support::scaled;
using testing_support::StartLine;
using testing_support::StepAtomics;
using testing_support::Steps;

std::uint64_t claim(WriteRing& ring) {
  const Claim claimed = ring.try_claim();
  EXPECT_EQ(claimed.outcome, ClaimOutcome::kClaimed);
  return claimed.ticket;
}

class WriteRingTest : public testing::Test {
 protected:
  // Claims and publishes as many as there is room for.
  std::size_t fill() {
    for (std::size_t count = 0;; ++count) {
      const Claim claimed = ring_.try_claim();
      if (claimed.outcome != ClaimOutcome::kClaimed) return count;
      ring_.publish(claimed.ticket, &entries_[claimed.ticket % kCapacity]);
    }
  }

  static constexpr std::size_t kCapacity = 16;
  WriteRing ring_{kCapacity, 1};
  entry::Entry entries_[kCapacity]{};
};

TEST_F(WriteRingTest, GivesConsecutiveTickets) {
  EXPECT_EQ(ring_.claimed(), 1u);
  EXPECT_EQ(claim(ring_), 1u);
  EXPECT_EQ(claim(ring_), 2u);
  EXPECT_EQ(claim(ring_), 3u);
  EXPECT_EQ(ring_.claimed(), 4u);
}

TEST_F(WriteRingTest, StartsWhereItIsTold) {
  ring_.start_at(1'000'000);
  EXPECT_EQ(ring_.claimed(), 1'000'000u);
  EXPECT_EQ(ring_.next(), 1'000'000u);
  EXPECT_EQ(claim(ring_), 1'000'000u);
  ring_.publish(1'000'000, &entries_[3]);
  EXPECT_EQ(ring_.pop(), &entries_[3]);
}

TEST_F(WriteRingTest, PopsInTicketOrderWhateverTheOrderOfPublishing) {
  const std::uint64_t first = claim(ring_);
  const std::uint64_t second = claim(ring_);
  const std::uint64_t third = claim(ring_);
  ring_.publish(third, &entries_[3]);
  ring_.publish(second, &entries_[2]);
  EXPECT_FALSE(ring_.ready());
  EXPECT_EQ(ring_.pop(), nullptr) << "the first ticket is not published";
  ring_.publish(first, &entries_[1]);
  EXPECT_TRUE(ring_.ready());
  EXPECT_EQ(ring_.pop(), &entries_[1]);
  EXPECT_EQ(ring_.pop(), &entries_[2]);
  EXPECT_EQ(ring_.pop(), &entries_[3]);
  EXPECT_EQ(ring_.pop(), nullptr);
  EXPECT_EQ(ring_.next(), 4u);
}

TEST_F(WriteRingTest, ReportsFullWhenNoSlotIsFreeAndTakesNoTicket) {
  EXPECT_EQ(fill(), kCapacity);
  EXPECT_EQ(ring_.try_claim().outcome, ClaimOutcome::kFull);
  EXPECT_EQ(ring_.claimed(), 1 + kCapacity);
}

TEST_F(WriteRingTest, StaysFullUntilTheConsumerReleasesTheRoom) {
  EXPECT_EQ(fill(), kCapacity);
  EXPECT_NE(ring_.pop(), nullptr);
  EXPECT_EQ(ring_.try_claim().outcome, ClaimOutcome::kFull);
  ring_.release_room();
  EXPECT_EQ(ring_.try_claim().outcome, ClaimOutcome::kClaimed);
  EXPECT_EQ(ring_.try_claim().outcome, ClaimOutcome::kFull);
}

TEST_F(WriteRingTest, GoesRoundManyTimes) {
  std::uint64_t expected = 1;
  for (int round = 0; round < 100; ++round) {
    ASSERT_EQ(fill(), kCapacity);
    while (const entry::Entry* const entry = ring_.pop()) ASSERT_EQ(entry, &entries_[expected++ % kCapacity]);
    ring_.release_room();
  }
  EXPECT_EQ(expected, 1 + 100 * kCapacity);
}

TEST_F(WriteRingTest, RefusesClaimsOnceClosedAndKeepsTheTicketsBefore) {
  const std::uint64_t before = claim(ring_);
  ring_.close();
  EXPECT_TRUE(ring_.is_closed());
  EXPECT_FALSE(ring_.is_failed());
  EXPECT_EQ(ring_.try_claim().outcome, ClaimOutcome::kClosed);
  EXPECT_EQ(ring_.claimed(), before + 1) << "the tail is frozen";
  ring_.publish(before, &entries_[0]);
  EXPECT_EQ(ring_.pop(), &entries_[0]);
}

TEST_F(WriteRingTest, RefusesClaimsOnceFailedAlsoIfItWasClosedBefore) {
  ring_.close();
  ring_.fail();
  EXPECT_TRUE(ring_.is_failed());
  EXPECT_EQ(ring_.try_claim().outcome, ClaimOutcome::kFailed);
  EXPECT_EQ(ring_.claimed(), 1u);
}

TEST_F(WriteRingTest, SaysClosedRatherThanFullWhenItIsBoth) {
  fill();
  ring_.close();
  EXPECT_EQ(ring_.try_claim().outcome, ClaimOutcome::kClosed);
}

using SteppedRing = BasicWriteRing<StepAtomics>;

TEST(WriteRingSteps, AClaimDelayedAnywhereIsNotMistakenForAFullRing) {
  // The tail may be read long before the head: others then went round the ring meanwhile, and there is room.
  for (std::size_t step = 0;; ++step) {
    SteppedRing ring(16, 1);
    SteppedRing::Entry entry{};
    Claim claimed{};
    const auto others_go_round = [&] {
      for (int count = 0; count < 20; ++count) {
        ring.publish(ring.try_claim().ticket, &entry);
        ASSERT_EQ(ring.pop(), &entry);
        ring.release_room();
      }
    };
    if (!Steps::run(
            step, [&] { claimed = ring.try_claim(); }, others_go_round))
      break;
    EXPECT_EQ(claimed.outcome, ClaimOutcome::kClaimed) << "at step " << step;
    EXPECT_EQ(claimed.ticket, 21u) << "at step " << step;
  }
}

TEST(WriteRingSteps, AClaimDelayedAnywhereFailsIfTheRingWasClosed) {
  for (std::size_t step = 0;; ++step) {
    SteppedRing ring(16, 1);
    Claim claimed{};
    if (!Steps::run(
            step, [&] { claimed = ring.try_claim(); }, [&] { ring.close(); }))
      break;
    EXPECT_EQ(claimed.outcome, ClaimOutcome::kClosed) << "at step " << step;
    EXPECT_EQ(ring.claimed(), 1u) << "at step " << step;
  }
}

TEST(WriteRingStress, EveryEntryArrivesOnceInTicketOrder) {
  constexpr std::size_t kProducers = 4;
  const std::size_t each = scaled(200'000);
  WriteRing ring(256, 1);
  std::vector<entry::Entry> entries(kProducers * each);
  StartLine start(kProducers + 1);
  std::vector<std::thread> producers;
  for (std::size_t producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&, producer] {
      start.arrive();
      std::uint64_t last = 0;
      for (std::size_t index = 0; index < each;) {
        const Claim claimed = ring.try_claim();
        if (claimed.outcome != ClaimOutcome::kClaimed) {
          ASSERT_EQ(claimed.outcome, ClaimOutcome::kFull);
          std::this_thread::yield();
          continue;
        }
        ASSERT_GT(claimed.ticket, last);
        last = claimed.ticket;
        entry::Entry& entry = entries[producer * each + index++];
        entry.sequence = claimed.ticket;
        ring.publish(claimed.ticket, &entry);
      }
    });
  }
  start.arrive();
  for (std::uint64_t expected = 1; expected <= kProducers * each;) {
    const entry::Entry* const entry = ring.pop();
    if (entry == nullptr) {
      ring.release_room();
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(entry->sequence, expected++);
  }
  for (std::thread& producer : producers) producer.join();
  EXPECT_EQ(ring.pop(), nullptr);
}

TEST(WriteRingStress, ClosingFreezesACompleteSetOfTickets) {
  constexpr std::size_t kProducers = 3;
  for (std::size_t round = 0; round < scaled(2'000); ++round) {
    WriteRing ring(1024, 1);
    entry::Entry entry{};
    std::atomic<std::uint64_t> published{0};
    StartLine start(kProducers + 1);
    std::vector<std::thread> producers;
    for (std::size_t producer = 0; producer < kProducers; ++producer) {
      producers.emplace_back([&] {
        start.arrive();
        for (int count = 0; count < 200; ++count) {
          const Claim claimed = ring.try_claim();
          if (claimed.outcome != ClaimOutcome::kClaimed) {
            EXPECT_EQ(claimed.outcome, ClaimOutcome::kClosed);
            return;
          }
          ring.publish(claimed.ticket, &entry);
          published.fetch_add(1, std::memory_order_relaxed);
        }
      });
    }
    start.arrive();
    ring.close();
    const std::uint64_t frozen = ring.claimed();
    for (std::thread& producer : producers) producer.join();
    ASSERT_EQ(ring.claimed(), frozen);
    ASSERT_EQ(published.load(), frozen - 1);
    while (ring.pop() != nullptr) {
    }
    ASSERT_EQ(ring.next(), frozen);
  }
}

}  // namespace
}  // namespace dictsqlite::ring
