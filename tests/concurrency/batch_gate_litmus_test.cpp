// Goal: a batch that did not see a reader's hold is seen by that reader (B1)-(B4), and seq_cst is what they owe that
// to. Method: in each round a batch enters while a reader holds and looks. A batch that got in and was not seen would
// be installed under a reader who believes that there is none. Over WeakAtomics the same template fails.
#include "ring/batch_gate.hpp"

#include "support/litmus.hpp"
#include "support/weak_atomics.hpp"

#include <gtest/gtest.h>

namespace dictsqlite::ring {
namespace {

using testing_support::expect_never_fails;
using testing_support::expect_seen_to_fail;
using testing_support::LitmusPlan;
using testing_support::LitmusResult;
using testing_support::run_litmus;

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
LitmusResult play(const LitmusPlan& plan) {
  Encounter<Atomics> encounter;
  return run_litmus(
      plan, [&] { encounter.hold(); }, [&] { encounter.enter(); }, [&] { return encounter.missed(); });
}

TEST(BatchGateLitmus, HoldsBackOrSeesEachBatch) { expect_never_fails(&play<base::StdAtomics>, 500'000); }

TEST(BatchGateLitmus, WouldMissBatchesWithReleaseAndAcquire) {
  expect_seen_to_fail(&play<testing_support::WeakAtomics>);
}

}  // namespace
}  // namespace dictsqlite::ring
