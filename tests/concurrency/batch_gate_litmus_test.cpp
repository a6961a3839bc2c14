// Goal: a batch that did not see a reader's hold is seen by that reader (B1)-(B4), and seq_cst is what they owe that
// to. Method: in each round a batch enters while a reader holds and looks. A batch that got in and was not seen would
// be installed under a reader who believes that there is none. Over WeakAtomics the same template fails.
#include "ring/batch_gate.hpp"

#include "support/litmus.hpp"
#include "support/scale.hpp"
#include "support/weak_atomics.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <thread>

namespace dictsqlite::ring {
namespace {

using testing_support::LitmusResult;
using testing_support::run_litmus;
using testing_support::scaled;

template <class Atomics>
class Encounter {
 public:
  void enter() { entered_ = gate_.try_enter(); }  // (B1) (B2)
  void hold() {
    gate_.hold();                                                // (B3)
    saw_none_ = gate_.look() != BasicBatchGate<Atomics>::kBusy;  // (B4)
  }
  /// After both have ended. Leaves the gate ready for another round.
  bool missed() {
    const bool missed = entered_ && saw_none_;
    if (entered_) gate_.leave();
    EXPECT_TRUE(gate_.unhold());
    return missed;
  }

 private:
  BasicBatchGate<Atomics> gate_;
  bool entered_ = false;
  alignas(base::kCacheLine) bool saw_none_ = false;
};

template <class Atomics>
LitmusResult play(std::uint64_t rounds, std::chrono::seconds time_max, bool stop_at_failure) {
  Encounter<Atomics> encounter;
  return run_litmus(
      rounds, time_max, stop_at_failure, [&] { encounter.hold(); }, [&] { encounter.enter(); },
      [&] { return encounter.missed(); });
}

TEST(BatchGateLitmus, HoldsBackOrSeesEachBatch) {
  const LitmusResult result = play<base::StdAtomics>(scaled(500'000), std::chrono::seconds(4), false);
  EXPECT_EQ(result.failures, 0u) << "of " << result.rounds;
}

TEST(BatchGateLitmus, WouldMissBatchesWithReleaseAndAcquire) {
  if (testing_support::kThreadSanitizer) GTEST_SKIP() << "ThreadSanitizer's own work orders the accesses";
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one core reorders nothing that its threads could see";
  const LitmusResult result = play<testing_support::WeakAtomics>(100'000'000, std::chrono::seconds(60), true);
  EXPECT_GE(result.failures, 1u) << "of " << result.rounds << "; if this machine never reorders, seq_cst costs nothing";
  testing::Test::RecordProperty("rounds", static_cast<int>(result.rounds));
}

}  // namespace
}  // namespace dictsqlite::ring
