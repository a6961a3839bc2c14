// Goal: never more is admitted than the budget holds, and what is given back can be had again. Method: direct calls,
// and threads that count what they hold together.
#include "ring/admission.hpp"

#include "support/random.hpp"
#include "support/scale.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace dictsqlite::ring {
namespace {

using testing_support::Random;
using testing_support::scaled;

TEST(Admission, AdmitsExactlyItsBudget) {
  Admission admission(1000);
  EXPECT_TRUE(admission.try_reserve(400));
  EXPECT_TRUE(admission.try_reserve(600));
  EXPECT_EQ(admission.used_bytes(), 1000u);
  EXPECT_FALSE(admission.try_reserve(1));
  EXPECT_EQ(admission.used_bytes(), 1000u) << "a refusal takes nothing";
}

TEST(Admission, AdmitsAgainWhatWasGivenBack) {
  Admission admission(1000);
  ASSERT_TRUE(admission.try_reserve(1000));
  admission.give_back(300);
  EXPECT_FALSE(admission.try_reserve(301));
  EXPECT_TRUE(admission.try_reserve(300));
}

TEST(Admission, RefusesWhatIsLargerThanAll) {
  Admission admission(1000);
  EXPECT_FALSE(admission.try_reserve(1001));
  EXPECT_TRUE(admission.try_reserve(1000));
}

TEST(AdmissionStress, ThreadsTogetherNeverHoldMoreThanTheBudget) {
  constexpr std::size_t kBudget = 10'000;
  Admission admission(kBudget);
  std::atomic<std::size_t> held{0};
  std::atomic<std::size_t> worst{0};
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      Random random(thread);
      for (std::size_t round = 0; round < scaled(200'000); ++round) {
        const std::size_t bytes = 1 + random.below(6'000);
        if (!admission.try_reserve(bytes)) continue;
        const std::size_t now = held.fetch_add(bytes) + bytes;
        for (std::size_t seen = worst.load(); seen < now && !worst.compare_exchange_weak(seen, now);) {
        }
        held.fetch_sub(bytes);
        admission.give_back(bytes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(worst.load(), kBudget);
  EXPECT_EQ(admission.used_bytes(), 0u);
}

}  // namespace
}  // namespace dictsqlite::ring
