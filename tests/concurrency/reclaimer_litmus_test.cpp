// Goal: an entry that a reader found under a guard is not freed, and that is owed to (G1) and (G2). Method: in each
// round a reader takes a guard and looks into a slot while a writer empties the slot, retires the entry and collects
// twice. Both keep what they saw; an entry both found and freed is a failure. (The test shares the entry's reference,
// so that nothing is touched after its end.) Over WeakAtomics the same templates fail.
#include "cache/reclaimer.hpp"

#include "support/litmus.hpp"
#include "support/weak_atomics.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace dictsqlite::cache {
namespace {

using entry::EntryKind;
using testing_support::expect_never_fails;
using testing_support::expect_seen_to_fail;
using testing_support::LitmusPlan;
using testing_support::LitmusResult;
using testing_support::run_litmus;

template <class Atomics>
class Removal {
 public:
  Removal() { put_in(); }
  ~Removal() { pool_.release(entry_); }

  void read() {
    guard_.reset(new Guard(reclaimer_.enter()));  // (G1)
    found_ = slot_.load(std::memory_order_acquire) != nullptr;
  }
  void remove() {
    slot_.store(nullptr, std::memory_order_relaxed);
    reclaimer_.retire(entry_);
    reclaimer_.collect();  // (G2)
    freed_ = entry_->references.load(std::memory_order_relaxed) == 1;
  }
  bool failed() {
    const bool failed = found_ && freed_;
    guard_.reset();
    reclaimer_.collect();
    EXPECT_EQ(entry_->references.load(std::memory_order_relaxed), 1u);
    pool_.release(entry_);
    put_in();
    return failed;
  }

 private:
  using Guard = typename BasicReclaimer<Atomics>::Guard;

  void put_in() {
    entry_ = pool_.make(EntryKind::kSet, 1, "key", "", 0);
    ASSERT_NE(entry_, nullptr);
    pool_.retain(*entry_);
    slot_.store(entry_, std::memory_order_release);
  }

  entry::BasicEntryPool<Atomics> pool_{1u << 20};
  BasicReclaimer<Atomics> reclaimer_{pool_};
  typename Atomics::template Atomic<entry::BasicEntry<Atomics>*> slot_{nullptr};
  entry::BasicEntry<Atomics>* entry_ = nullptr;
  std::unique_ptr<Guard> guard_;
  bool found_ = false;
  bool freed_ = false;
};

template <class Atomics>
LitmusResult play(const LitmusPlan& plan) {
  Removal<Atomics> removal;
  return run_litmus(
      plan, [&] { removal.read(); }, [&] { removal.remove(); }, [&] { return removal.failed(); });
}

TEST(ReclaimerLitmus, FreesNothingThatAReaderFound) { expect_never_fails(&play<base::StdAtomics>, 500'000); }

TEST(ReclaimerLitmus, WouldFreeWhatAReaderFoundWithoutFences) {
  expect_seen_to_fail(&play<testing_support::WeakAtomics>);
}

}  // namespace
}  // namespace dictsqlite::cache
