// Goal: whoever waits for a watermark is told once, in the order of what he waits for, and not before it is reached;
// after the end nobody is taken in. Method: completions of the test's own; threads that push while one takes out.
#include "flush/waiters.hpp"

#include "support/scale.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

namespace dictsqlite::flush {
namespace {

using detail::Completion;
using testing_support::scaled;

constexpr std::uint64_t kEverything = std::numeric_limits<std::uint64_t>::max();

class WaitersTest : public testing::Test {
 protected:
  // Hands a new completion over.
  Completion* wait_for(WaitFor kind, std::uint64_t sequence) {
    Completion* const completion = &completions_.emplace_back();
    EXPECT_TRUE(waiters_.push(completion, kind, sequence));
    return completion;
  }
  std::vector<Completion*> take(WaitFor kind, std::uint64_t sequence) {
    std::vector<Completion*> taken;
    waiters_.take_up_to(kind, sequence, [&](Completion* completion) { taken.push_back(completion); });
    return taken;
  }
  std::vector<std::uint64_t> take_sequences(WaitFor kind, std::uint64_t sequence) {
    std::vector<std::uint64_t> taken;
    waiters_.take_up_to(kind, sequence, [&](Completion* completion) { taken.push_back(completion->sequence); });
    return taken;
  }

  using Sequences = std::vector<std::uint64_t>;

  Waiters waiters_;
  std::deque<Completion> completions_;
};

TEST_F(WaitersTest, AreNoneAtFirst) {
  EXPECT_FALSE(waiters_.has_new());
  waiters_.take_new();
  for (const WaitFor kind : {WaitFor::kApplied, WaitFor::kDurable, WaitFor::kSettled, WaitFor::kClosed}) {
    EXPECT_FALSE(waiters_.any(kind));
    EXPECT_EQ(take_sequences(kind, kEverything), Sequences());
  }
}

TEST_F(WaitersTest, AreNewUntilTheyAreTakenIn) {
  wait_for(WaitFor::kApplied, 7);
  EXPECT_TRUE(waiters_.has_new());
  EXPECT_FALSE(waiters_.any(WaitFor::kApplied));
  EXPECT_EQ(take_sequences(WaitFor::kApplied, kEverything), Sequences()) << "not before they are sorted in";
  waiters_.take_new();
  EXPECT_FALSE(waiters_.has_new());
  EXPECT_TRUE(waiters_.any(WaitFor::kApplied));
}

TEST_F(WaitersTest, KeepWhatTheyWaitFor) {
  const Completion* const completion = wait_for(WaitFor::kSettled, 42);
  EXPECT_EQ(completion->kind, static_cast<std::uint8_t>(WaitFor::kSettled));
  EXPECT_EQ(completion->sequence, 42u);
  waiters_.take_new();
  EXPECT_EQ(take(WaitFor::kSettled, 42), std::vector<Completion*>{&completions_[0]});
}

TEST_F(WaitersTest, LeaveNearestFirst) {
  for (const std::uint64_t sequence : Sequences{5, 3, 9, 1, 7, 3, 8}) wait_for(WaitFor::kDurable, sequence);
  waiters_.take_new();
  for (const std::uint64_t sequence : Sequences{6, 2}) wait_for(WaitFor::kDurable, sequence);
  waiters_.take_new();
  EXPECT_EQ(take_sequences(WaitFor::kDurable, kEverything), (Sequences{1, 2, 3, 3, 5, 6, 7, 8, 9}));
  EXPECT_FALSE(waiters_.any(WaitFor::kDurable));
}

TEST_F(WaitersTest, LeaveUpToTheSequenceAndNoFurther) {
  for (const std::uint64_t sequence : Sequences{10, 20, 30, 20}) wait_for(WaitFor::kApplied, sequence);
  waiters_.take_new();
  EXPECT_EQ(take_sequences(WaitFor::kApplied, 9), Sequences());
  EXPECT_EQ(take_sequences(WaitFor::kApplied, 20), (Sequences{10, 20, 20}));
  EXPECT_EQ(take_sequences(WaitFor::kApplied, 20), Sequences()) << "each leaves once";
  EXPECT_EQ(take_sequences(WaitFor::kApplied, 29), Sequences());
  EXPECT_EQ(take_sequences(WaitFor::kApplied, 30), (Sequences{30}));
}

TEST_F(WaitersTest, OfOneKindKnowNothingOfTheOthers) {
  const std::vector<WaitFor> kinds{WaitFor::kApplied, WaitFor::kDurable, WaitFor::kSettled, WaitFor::kClosed};
  std::vector<Completion*> of_kind;
  of_kind.reserve(kinds.size());
  for (const WaitFor kind : kinds) of_kind.push_back(wait_for(kind, 5 + 10 * static_cast<std::uint64_t>(kind)));
  waiters_.take_new();
  for (std::size_t index = 0; index < kinds.size(); ++index) {
    EXPECT_EQ(waiters_.nearest(kinds[index]), 5 + 10 * index);
    EXPECT_EQ(waiters_.furthest(kinds[index]), 5 + 10 * index);
  }
  for (std::size_t index = 0; index < kinds.size(); ++index) {
    EXPECT_EQ(take(kinds[index], kEverything), std::vector<Completion*>{of_kind[index]});
    for (std::size_t other = index + 1; other < kinds.size(); ++other) EXPECT_TRUE(waiters_.any(kinds[other]));
  }
}

TEST_F(WaitersTest, KnowTheNearestAndTheFurthest) {
  for (const std::uint64_t sequence : Sequences{50, 20, 90, 70}) wait_for(WaitFor::kApplied, sequence);
  waiters_.take_new();
  EXPECT_EQ(waiters_.nearest(WaitFor::kApplied), 20u);
  EXPECT_EQ(waiters_.furthest(WaitFor::kApplied), 90u);
  EXPECT_EQ(take_sequences(WaitFor::kApplied, 60), (Sequences{20, 50}));
  EXPECT_EQ(waiters_.nearest(WaitFor::kApplied), 70u);
  EXPECT_EQ(waiters_.furthest(WaitFor::kApplied), 90u);
  wait_for(WaitFor::kApplied, 80);
  EXPECT_EQ(waiters_.nearest(WaitFor::kApplied), 70u) << "not before it is sorted in";
  wait_for(WaitFor::kApplied, 65);
  wait_for(WaitFor::kApplied, 100);
  waiters_.take_new();
  EXPECT_EQ(waiters_.nearest(WaitFor::kApplied), 65u);
  EXPECT_EQ(waiters_.furthest(WaitFor::kApplied), 100u);
}

TEST_F(WaitersTest, AddedByTheFlusherAreSortedInAtOnce) {
  Completion* const moved = &completions_.emplace_back();
  moved->kind = static_cast<std::uint8_t>(WaitFor::kDurable);
  moved->sequence = 12;
  waiters_.add(moved);
  EXPECT_FALSE(waiters_.has_new());
  EXPECT_TRUE(waiters_.any(WaitFor::kDurable));
  EXPECT_EQ(waiters_.nearest(WaitFor::kDurable), 12u);
  EXPECT_EQ(waiters_.furthest(WaitFor::kDurable), 12u);
  EXPECT_EQ(take(WaitFor::kDurable, 12), std::vector<Completion*>{moved});
}

TEST_F(WaitersTest, AreRefusedAfterTheLastWereTaken) {
  wait_for(WaitFor::kApplied, 3);
  waiters_.take_last();
  Completion late;
  EXPECT_FALSE(waiters_.push(&late, WaitFor::kApplied, 1));
  EXPECT_FALSE(waiters_.push(&late, WaitFor::kClosed, 1)) << "and stay refused";
  EXPECT_EQ(take_sequences(WaitFor::kApplied, kEverything), (Sequences{3})) << "those before are not forgotten";
  EXPECT_FALSE(waiters_.any(WaitFor::kClosed));
}

TEST_F(WaitersTest, MayBeJoinedByNewOnesWhileTheyAreTold) {
  for (const std::uint64_t sequence : Sequences{1, 2, 3}) wait_for(WaitFor::kApplied, sequence);
  waiters_.take_new();
  Sequences told;
  waiters_.take_up_to(WaitFor::kApplied, kEverything, [&](Completion* completion) {
    told.push_back(completion->sequence);
    if (completion->sequence <= 3) wait_for(WaitFor::kApplied, completion->sequence + 100);
  });
  EXPECT_EQ(told, (Sequences{1, 2, 3})) << "the new ones wait for their turn";
  EXPECT_FALSE(waiters_.any(WaitFor::kApplied));
  EXPECT_TRUE(waiters_.has_new());
  waiters_.take_new();
  EXPECT_EQ(take_sequences(WaitFor::kApplied, kEverything), (Sequences{101, 102, 103}));
}

TEST_F(WaitersTest, AreCollectedBeforeTheFirstIsTold) {
  for (const std::uint64_t sequence : Sequences{2, 3}) wait_for(WaitFor::kApplied, sequence);
  waiters_.take_new();
  Sequences told;
  waiters_.take_up_to(WaitFor::kApplied, 3, [&](Completion* completion) {
    told.push_back(completion->sequence);
    if (told.size() > 1) return;
    wait_for(WaitFor::kApplied, 1);
    waiters_.take_new();  // even one that is sorted in before them waits for its turn
  });
  EXPECT_EQ(told, (Sequences{2, 3}));
  EXPECT_EQ(take_sequences(WaitFor::kApplied, 3), (Sequences{1}));
}

TEST_F(WaitersTest, MayWaitAgainWhileTheyAreTold) {
  for (const std::uint64_t sequence : Sequences{1, 2, 3}) wait_for(WaitFor::kApplied, sequence);
  waiters_.take_new();
  // The same completions, for something else: told of nothing twice, and nobody behind them is lost.
  Sequences told;
  waiters_.take_up_to(WaitFor::kApplied, kEverything, [&](Completion* completion) {
    told.push_back(completion->sequence);
    EXPECT_TRUE(waiters_.push(completion, WaitFor::kDurable, 10 * completion->sequence));
  });
  EXPECT_EQ(told, (Sequences{1, 2, 3}));
  waiters_.take_new();
  EXPECT_EQ(take_sequences(WaitFor::kDurable, kEverything), (Sequences{10, 20, 30}));
}

TEST_F(WaitersTest, MayBeGoneOnceTheyAreTold) {
  auto first = std::make_unique<Completion>();
  auto second = std::make_unique<Completion>();
  ASSERT_TRUE(waiters_.push(first.get(), WaitFor::kApplied, 1));
  ASSERT_TRUE(waiters_.push(second.get(), WaitFor::kApplied, 2));
  waiters_.take_new();
  Sequences told;
  waiters_.take_up_to(WaitFor::kApplied, kEverything, [&](Completion* completion) {
    told.push_back(completion->sequence);
    (completion == first.get() ? first : second).reset();  // the next one is known already
  });
  EXPECT_EQ(told, (Sequences{1, 2}));
  EXPECT_EQ(first, nullptr);
  EXPECT_EQ(second, nullptr);
}

TEST(WaitersStress, AreEachToldOnceOrRefused) {
  constexpr std::size_t kThreads = 3;
  const std::size_t each = scaled(100'000);
  Waiters waiters;
  std::vector<std::unique_ptr<Completion[]>> completions;
  std::vector<std::vector<bool>> accepted(kThreads, std::vector<bool>(each));
  std::vector<std::vector<int>> told(kThreads, std::vector<int>(each));
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    completions.push_back(std::make_unique<Completion[]>(each));
    for (std::size_t index = 0; index < each; ++index) {
      completions[thread][index].subject = &told[thread][index];
    }
  }
  std::atomic<std::size_t> pushed{0};
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::size_t index = 0; index < each; ++index) {
        accepted[thread][index] = waiters.push(&completions[thread][index], static_cast<WaitFor>(index % 3), index);
        pushed.fetch_add(1);
      }
    });
  }
  const auto tell = [](Completion* completion) { ++*static_cast<int*>(completion->subject); };
  const auto tell_up_to = [&](std::uint64_t sequence) {
    for (std::size_t kind = 0; kind < 3; ++kind) waiters.take_up_to(static_cast<WaitFor>(kind), sequence, tell);
  };
  // Closes while they still push: those that come later must know that they were refused.
  while (pushed.load() < kThreads * each / 2) {
    waiters.take_new();
    tell_up_to(pushed.load() / kThreads);
  }
  waiters.take_last();
  tell_up_to(kEverything);
  for (std::thread& thread : threads) thread.join();
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    for (std::size_t index = 0; index < each; ++index) {
      ASSERT_EQ(told[thread][index], accepted[thread][index] ? 1 : 0) << thread << ' ' << index;
    }
  }
}

}  // namespace
}  // namespace dictsqlite::flush
