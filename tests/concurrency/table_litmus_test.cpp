// Goal: what a reader finds in the table under a guard is not freed, and that is owed to (G1) and (G2), whatever the
// orders of the table's own accesses. Method: as in reclaimer_litmus_test.cpp, with the real table: in each round a
// reader takes a guard and finds the key while a writer removes its entry and collects twice. An entry both found and
// freed is a failure. (The test shares the entry's reference, so that nothing is touched after its end.) Over
// WeakAtomics the same templates fail.
//
// Two who change the table at a time are not for this method: each change is a compare-and-swap, which x86 carries out
// as a full barrier whatever its order, and which WeakAtomics takes apart. See table_schedule_test.cpp.
#include "cache/table.hpp"

#include "support/litmus.hpp"
#include "support/weak_atomics.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>

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
  ~Removal() {
    table_.remove(kHash, entry_);
    pool_.release(entry_);
  }

  void read() {
    guard_.emplace(reclaimer_);  // (G1)
    found_ = table_.find({kHash, kTable, "key"}) != nullptr;
  }
  void remove() {
    removed_ = table_.remove(kHash, entry_);  // and retires it
    reclaimer_.collect();                     // (G2)
    freed_ = entry_->references.load(std::memory_order_relaxed) == 1;
  }
  bool failed() {
    const bool failed = found_ && freed_;
    EXPECT_TRUE(removed_);
    guard_.reset();
    reclaimer_.collect();
    EXPECT_EQ(entry_->references.load(std::memory_order_relaxed), 1u);
    pool_.release(entry_);
    put_in();
    return failed;
  }

 private:
  static constexpr std::uint64_t kHash = 1;
  static constexpr std::uint32_t kTable = 1;
  using Reclaimer = BasicReclaimer<Atomics>;
  struct Guarded {
    explicit Guarded(Reclaimer& reclaimer) : guard(reclaimer.enter()) {}
    typename Reclaimer::Guard guard;
  };

  void put_in() {
    entry_ = pool_.make(EntryKind::kSet, kTable, "key", "", 0);
    ASSERT_NE(entry_, nullptr);
    entry_->sequence = 1;
    pool_.retain(*entry_);
    table_.install(kHash, entry_, 0);
  }

  entry::BasicEntryPool<Atomics> pool_{1u << 20};
  Reclaimer reclaimer_{pool_};
  BasicTable<Atomics> table_{1, pool_, reclaimer_};
  entry::BasicEntry<Atomics>* entry_ = nullptr;
  std::optional<Guarded> guard_;
  bool found_ = false;
  alignas(base::kCacheLine) bool removed_ = false;
  bool freed_ = false;
};

template <class Atomics>
LitmusResult play(const LitmusPlan& plan) {
  Removal<Atomics> removal;
  return run_litmus(
      plan, [&] { removal.read(); }, [&] { removal.remove(); }, [&] { return removal.failed(); });
}

TEST(TableLitmus, FreesNothingThatWasFound) { expect_never_fails(&play<base::StdAtomics>, 300'000); }

TEST(TableLitmus, WouldFreeWhatWasFoundWithoutFences) { expect_seen_to_fail(&play<testing_support::WeakAtomics>); }

}  // namespace
}  // namespace dictsqlite::cache
