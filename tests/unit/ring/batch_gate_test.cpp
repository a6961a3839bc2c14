// Goal: a reader whose two looks are equal saw no part of a batch; a held gate lets no batch in. Method: direct calls;
// batches that come and go between any two accesses of a look; writers that change two variables inside the gate while
// readers validate what they read.
#include "ring/batch_gate.hpp"

#include "support/scale.hpp"
#include "support/start_line.hpp"
#include "support/steps.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace dictsqlite::ring {
namespace {

using testing_support::scaled;
using testing_support::StartLine;
using testing_support::StepAtomics;
using testing_support::Steps;

TEST(BatchGate, LooksTheSameWhileNothingHappens) {
  const BatchGate gate;
  EXPECT_NE(gate.look(), BatchGate::kBusy);
  EXPECT_EQ(gate.look(), gate.look());
}

TEST(BatchGate, IsBusyWhileABatchIsInsideAndDifferentAfterwards) {
  BatchGate gate;
  const std::uint64_t before = gate.look();
  ASSERT_TRUE(gate.try_enter());
  EXPECT_EQ(gate.look(), BatchGate::kBusy);
  gate.leave();
  EXPECT_NE(gate.look(), BatchGate::kBusy);
  EXPECT_NE(gate.look(), before);
}

TEST(BatchGate, LetsSeveralBatchesInTogether) {
  BatchGate gate;
  ASSERT_TRUE(gate.try_enter());
  ASSERT_TRUE(gate.try_enter());
  gate.leave();
  EXPECT_EQ(gate.look(), BatchGate::kBusy);
  gate.leave();
  EXPECT_NE(gate.look(), BatchGate::kBusy);
}

TEST(BatchGate, TurnsBatchesAwayWhileAReaderHoldsIt) {
  BatchGate gate;
  gate.hold();
  gate.hold();
  const std::uint64_t before = gate.look();
  EXPECT_FALSE(gate.try_enter());
  EXPECT_EQ(gate.look(), before) << "a refused batch leaves no trace";
  EXPECT_FALSE(gate.unhold()) << "another reader still holds it";
  EXPECT_FALSE(gate.try_enter());
  EXPECT_TRUE(gate.unhold()) << "the last one: parked batches may go on";
  EXPECT_TRUE(gate.try_enter());
  gate.leave();
}

TEST(BatchGateSteps, ABatchThatLeavesDuringTheSecondLookIsNoticed) {
  for (std::size_t step = 0;; ++step) {
    BasicBatchGate<StepAtomics> gate;
    const std::uint64_t before = gate.look();
    ASSERT_TRUE(gate.try_enter());  // half installed, and read
    std::uint64_t after = before;
    if (!Steps::run(
            step, [&] { after = gate.look(); }, [&] { gate.leave(); }))
      break;
    EXPECT_NE(after, before) << "left before access " << step;
  }
}

TEST(BatchGateSteps, ALookDuringWhichABatchLeavesStepByStepIsNoticed) {
  for (std::size_t step = 0;; ++step) {
    BasicBatchGate<StepAtomics> gate;
    const std::uint64_t before = gate.look();
    ASSERT_TRUE(gate.try_enter());
    std::uint64_t during = before;
    if (!Steps::run(
            step, [&] { gate.leave(); }, [&] { during = gate.look(); }))
      break;
    EXPECT_NE(during, before) << "looked before access " << step << " of leaving";
  }
}

TEST(BatchGateSteps, ABatchThatEntersDuringTheFirstLookIsNoticedByTheSecond) {
  for (std::size_t step = 0;; ++step) {
    BasicBatchGate<StepAtomics> gate;
    std::uint64_t before = BatchGate::kBusy;
    if (!Steps::run(
            step, [&] { before = gate.look(); }, [&] { ASSERT_TRUE(gate.try_enter()); }))
      break;
    EXPECT_EQ(gate.look(), BatchGate::kBusy) << "entered before access " << step;
    gate.leave();
    EXPECT_NE(gate.look(), before) << "entered before access " << step;
  }
}

TEST(BatchGateStress, AReadThatWasValidatedOrHeldIsNeverTorn) {
  BatchGate gate;
  std::atomic<std::uint64_t> left{0};
  std::atomic<std::uint64_t> right{0};
  std::atomic<int> readers{2};
  std::atomic<std::uint64_t> torn{0};
  StartLine start(4);
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 2; ++writer) {
    threads.emplace_back([&] {
      start.arrive();
      while (readers.load(std::memory_order_relaxed) > 0) {
        if (!gate.try_enter()) {
          std::this_thread::yield();
          continue;
        }
        left.fetch_add(1, std::memory_order_seq_cst);
        right.fetch_add(1, std::memory_order_seq_cst);
        gate.leave();
      }
    });
  }
  for (int reader = 0; reader < 2; ++reader) {
    threads.emplace_back([&] {
      start.arrive();
      for (std::size_t round = 0; round < scaled(1'000'000); ++round) {
        bool valid = false;
        for (int attempt = 0; attempt < 3 && !valid; ++attempt) {
          const std::uint64_t before = gate.look();
          const std::uint64_t a = left.load(std::memory_order_seq_cst);
          const std::uint64_t b = right.load(std::memory_order_seq_cst);
          valid = before != BatchGate::kBusy && gate.look() == before;
          if (valid && a != b) torn.fetch_add(1);
        }
        if (valid) continue;
        gate.hold();
        while (gate.look() == BatchGate::kBusy) std::this_thread::yield();  // batches inside end; none comes in
        if (left.load(std::memory_order_seq_cst) != right.load(std::memory_order_seq_cst)) torn.fetch_add(1);
        (void)gate.unhold();
      }
      readers.fetch_sub(1, std::memory_order_relaxed);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(torn.load(), 0u);
}

}  // namespace
}  // namespace dictsqlite::ring
