// Goal: parked writes leave in the order of their arrival; newcomers can tell that they must queue; closed and paused
// are as said. Method: direct calls; threads that push while one takes out.
#include "ring/parked_writes.hpp"

#include "support/scale.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <thread>
#include <vector>

namespace dictsqlite::ring {
namespace {

using testing_support::scaled;

TEST(ParkedWrites, LetsNewcomersThroughWhileNobodyWaits) {
  ParkedWrites parked;
  EXPECT_FALSE(parked.must_wait());
  EXPECT_EQ(parked.front(), nullptr);
  EXPECT_EQ(parked.count(), 0u);
}

TEST(ParkedWrites, KeepsTheOrderOfArrival) {
  ParkedWrites parked;
  std::array<detail::Completion, 3> completions;
  for (detail::Completion& completion : completions) ASSERT_TRUE(parked.push(&completion));
  EXPECT_TRUE(parked.must_wait());
  EXPECT_EQ(parked.count(), 3u);
  for (detail::Completion& completion : completions) {
    EXPECT_EQ(parked.front(), &completion);
    parked.pop_front();
  }
  EXPECT_FALSE(parked.must_wait());
  EXPECT_EQ(parked.front(), nullptr);
  EXPECT_EQ(parked.total(), 3u);
}

TEST(ParkedWrites, TakesOneAgainAfterItWasEmpty) {
  ParkedWrites parked;
  detail::Completion first;
  detail::Completion second;
  ASSERT_TRUE(parked.push(&first));
  parked.pop_front();
  ASSERT_TRUE(parked.push(&second));
  EXPECT_EQ(parked.front(), &second);
}

TEST(ParkedWrites, TakesNoMoreOnceClosedAndKeepsThoseThatWait) {
  ParkedWrites parked;
  detail::Completion before;
  detail::Completion after;
  ASSERT_TRUE(parked.push(&before));
  parked.close();
  EXPECT_TRUE(parked.is_closed());
  EXPECT_TRUE(parked.must_wait());
  EXPECT_FALSE(parked.push(&after));
  EXPECT_EQ(parked.count(), 1u);
  EXPECT_EQ(parked.front(), &before);
}

TEST(ParkedWrites, MakesEverybodyWaitWhilePaused) {
  ParkedWrites parked;
  detail::Completion newcomer;
  parked.pause();
  EXPECT_TRUE(parked.must_wait());
  EXPECT_TRUE(parked.is_paused());
  EXPECT_EQ(parked.count(), 0u);
  EXPECT_TRUE(parked.push(&newcomer));
  EXPECT_EQ(parked.count(), 1u);
  parked.resume();
  EXPECT_FALSE(parked.is_paused());
  EXPECT_TRUE(parked.must_wait()) << "the newcomer of the pause still waits";
  parked.pop_front();
  EXPECT_FALSE(parked.must_wait());
}

TEST(ParkedWritesStress, LosesNoneAndKeepsEachThreadsOrder) {
  constexpr std::size_t kThreads = 3;
  const std::size_t each = scaled(50'000);
  ParkedWrites parked;
  std::vector<std::unique_ptr<detail::Completion[]>> completions;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    completions.push_back(std::make_unique<detail::Completion[]>(each));
    for (std::size_t index = 0; index < each; ++index) {
      completions[thread][index].sequence = index;
      completions[thread][index].kind = static_cast<std::uint8_t>(thread);
    }
  }
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::size_t index = 0; index < each; ++index) EXPECT_TRUE(parked.push(&completions[thread][index]));
    });
  }
  std::array<std::uint64_t, kThreads> expected{};
  for (std::size_t count = 0; count < kThreads * each;) {
    const detail::Completion* const completion = parked.front();
    if (completion == nullptr) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(completion->sequence, expected[completion->kind]++);
    parked.pop_front();
    ++count;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(parked.must_wait());
}

}  // namespace
}  // namespace dictsqlite::ring
