// The gate between batches and readers of several keys.
#include "model/checker/checked_atomics.hpp"
#include "model/checker/plain.hpp"
#include "model/scenarios.hpp"
#include "ring/batch_gate.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dictsqlite::checker {
namespace {

using Gate = ring::BasicBatchGate<CheckedAtomics>;

// Two keys of one batch, in a table that orders no more than release and acquire do.
class Rows {
 public:
  void install(int value) {
    first_.store(value, std::memory_order_release);
    second_.store(value, std::memory_order_release);
  }
  void read() {
    second_seen_ = second_.load(std::memory_order_acquire);
    first_seen_ = first_.load(std::memory_order_acquire);
  }
  [[nodiscard]] bool are_whole() const { return first_seen_ == second_seen_; }

 private:
  CheckedAtomic<int> first_{0};
  CheckedAtomic<int> second_{0};
  int first_seen_ = 0;
  int second_seen_ = 0;
};

// A reader that finds the same number before and after has seen no part of a batch.
struct ValidatedRead {
  static constexpr std::size_t kThreads = 2;

  void thread(std::size_t index) {
    if (index == 1) {
      for (int value = 1; value <= 2; ++value) {
        expect(gate.try_enter(), "nobody holds batches back");
        rows.install(value);
        gate.leave();
      }
      return;
    }
    const std::uint64_t before = gate.look();
    if (before == Gate::kBusy) return;
    rows.read();
    const std::uint64_t after = gate.look();
    expect(after != before || rows.are_whole(), "a batch was seen in part");
  }
  void check() {}

  Gate gate;
  Rows rows;
};

// A reader that holds batches back and has waited for those inside sees none in part; a batch that was held back
// enters in the end.
struct HeldBack {
  static constexpr std::size_t kThreads = 2;

  void thread(std::size_t index) {
    if (index == 1) {
      while (!gate.try_enter()) yield();
      rows.install(1);
      installed.write(1);
      gate.leave();
      return;
    }
    gate.hold();
    while (gate.look() == Gate::kBusy) yield();
    rows.read();
    expect(rows.are_whole(), "a batch was seen in part under a hold");
    (void)installed.read();
    expect(gate.unhold(), "it was the only hold");
  }
  void check() {}

  Gate gate;
  Rows rows;
  Plain<int> installed{0, "what a batch does before it leaves"};
};

}  // namespace

std::vector<Study> batch_gate_studies() {
  return {
      {scenario_of<ValidatedRead>("batch gate: validated read"), {.preemptions = 3, .stale_accesses = 2}},
      {scenario_of<HeldBack>("batch gate: held back"), {.preemptions = 3, .stale_accesses = 2}},
  };
}

}  // namespace dictsqlite::checker
