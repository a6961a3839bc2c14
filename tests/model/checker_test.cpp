// Goal: the checker finds what it is for, says where, and finds it again: lost wake-ups, races, livelocks, orders that
// are too weak; and it calls nothing wrong that is right. Method: small structures with a known fault each.
#include "model/checker/checked_atomics.hpp"
#include "model/checker/explorer.hpp"
#include "model/checker/plain.hpp"
#include "model/checker/weakenings.hpp"
#include "support/scale.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <string>
#include <vector>

namespace dictsqlite::checker {
namespace {

using testing_support::scaled;

constexpr char kNobody[] = "nobody can run: everybody sleeps or waits for somebody else";

// One hands over and rings, one parks and looks: right with seq_cst only.
template <std::memory_order kStore, std::memory_order kLoad>
struct HandOver {
  static constexpr std::size_t kThreads = 2;

  void thread(std::size_t index) {
    if (index == 1) {
      given.store(true, kStore);
      if (parked.load(kLoad)) woken.wake();
      return;
    }
    parked.store(true, kStore);
    if (!given.load(kLoad)) woken.sleep();
  }
  void check() {}

  CheckedAtomic<bool> given{false};
  CheckedAtomic<bool> parked{false};
  Signal woken;
};
using RightHandOver = HandOver<std::memory_order_seq_cst, std::memory_order_seq_cst>;
using WeakHandOver = HandOver<std::memory_order_release, std::memory_order_acquire>;

constexpr Bounds kBounds{.preemptions = 2, .stale_accesses = 2};

TEST(Checker, FindsALostWakeUpAndNoneWhereThereIsNone) {
  Explorer right(scenario_of<RightHandOver>("right"));
  const Outcome holds = right.explore(kBounds, 10'000);
  EXPECT_TRUE(holds.is_complete);
  EXPECT_EQ(holds.violation, "") << holds.trail;
  Explorer weak(scenario_of<WeakHandOver>("weak"));
  EXPECT_EQ(weak.explore(kBounds, 10'000).violation, kNobody);
}

TEST(Checker, FindsItAtRandomToo) {
  Explorer right(scenario_of<RightHandOver>("right"));
  EXPECT_EQ(right.wander(scaled(10'000), 1).violation, "");
  Explorer weak(scenario_of<WeakHandOver>("weak"));
  EXPECT_EQ(weak.wander(10'000, 1).violation, kNobody);
}

TEST(Checker, TheNameOfAnExecutionReplaysIt) {
  Explorer explorer(scenario_of<WeakHandOver>("weak"));
  const Outcome found = explorer.explore(kBounds, 10'000);
  ASSERT_EQ(found.violation, kNobody);
  EXPECT_NE(found.name, "");
  Explorer another(scenario_of<WeakHandOver>("weak"));
  const Outcome again = another.replay(found.name);
  EXPECT_EQ(again.violation, found.violation);
  EXPECT_EQ(again.trail, found.trail);
  EXPECT_EQ(another.replay("").violation, "") << "what happens by itself is right";
}

TEST(Checker, ATrailNamesThreadPlaceOperationOrderAndValue) {
  Explorer explorer(scenario_of<WeakHandOver>("weak"));
  const Outcome found = explorer.explore(kBounds, 10'000);
  EXPECT_NE(found.trail.find("thread 1 tests/model/checker_test.cpp:"), std::string::npos) << found.trail;
  EXPECT_NE(found.trail.find("thread() store release ["), std::string::npos) << found.trail;
  EXPECT_NE(found.trail.find("] wrote 1"), std::string::npos) << found.trail;
  EXPECT_NE(found.trail.find("(not the newest, 1 back)"), std::string::npos) << found.trail;
  EXPECT_NE(found.trail.find("replay: \"" + found.name + "\""), std::string::npos) << found.trail;
}

TEST(Checker, BoundsAreKept) {
  Explorer explorer(scenario_of<WeakHandOver>("weak"));
  const Outcome fresh = explorer.explore({.preemptions = 2, .stale_accesses = 0}, 10'000);
  EXPECT_TRUE(fresh.is_complete);
  EXPECT_EQ(fresh.violation, "") << "without stale loads there is one order of all accesses";
  const Outcome cut = explorer.explore({.preemptions = 2, .stale_accesses = 0}, 1);
  EXPECT_FALSE(cut.is_complete);
  EXPECT_EQ(cut.executions, 1u);
}

TEST(Checker, AWeakeningIsAppliedAtItsSiteAlone) {
  Weakenings weakenings("tests/model/checker_test.cpp");
  weakenings.add({scenario_of<RightHandOver>("right"), kBounds}, 1'000);
  const std::vector<Trial> trials = weakenings.try_all(10'000);
  ASSERT_EQ(trials.size(), 4u) << "two stores, two loads";
  for (const Trial& trial : trials) {
    EXPECT_EQ(trial.scenario, "right") << trial.name;
    EXPECT_EQ(trial.violation, kNobody) << trial.name;
  }
  EXPECT_EQ(trials[0].name, "model/checker_test.cpp thread store 1: seq_cst to release");
}

// What is stronger than it needs to be is weakened until that shows, or until it is relaxed.
struct TooStrong {
  static constexpr std::size_t kThreads = 2;
  void thread(std::size_t) { (void)count.fetch_add(1, std::memory_order_seq_cst); }
  void check() { expect(count.peek() == 2, "it counts"); }
  CheckedAtomic<int> count{0};
};

TEST(Checker, AnOrderThatNothingNeedsIsNotFound) {
  Weakenings weakenings("tests/model/checker_test.cpp");
  weakenings.add({scenario_of<TooStrong>("too strong"), kBounds}, 1'000);
  std::vector<std::string> names;
  for (const Trial& trial : weakenings.try_all(10'000)) {
    EXPECT_EQ(trial.scenario, "") << trial.name;
    names.push_back(trial.name.substr(trial.name.find(':') + 2));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"seq_cst to acq_rel", "acq_rel to acquire", "acquire to relaxed",
                                             "acq_rel to release", "release to relaxed"}));
}

// Two who wait for each other.
struct Deadlock {
  static constexpr std::size_t kThreads = 2;
  void thread(std::size_t index) {
    while (!flags[2 - index].load(std::memory_order_acquire)) yield();
    flags[index - 1].store(true, std::memory_order_release);
  }
  void check() {}
  CheckedAtomic<bool> flags[2];
};

TEST(Checker, WhoWaitsForEachOtherIsFound) {
  Explorer explorer(scenario_of<Deadlock>("deadlock"));
  EXPECT_EQ(explorer.explore(kBounds, 10'000).violation, kNobody);
}

// One who spins for what nobody does, without saying that it waits.
struct Spinner {
  static constexpr std::size_t kThreads = 2;
  void thread(std::size_t index) {
    if (index == 1) return;
    while (!flag.load(std::memory_order_acquire)) {
    }
  }
  void check() {}
  CheckedAtomic<bool> flag{false};
};

TEST(Checker, AnExecutionWithoutEndIsFound) {
  Explorer explorer(scenario_of<Spinner>("spinner"));
  EXPECT_EQ(explorer.explore(kBounds, 10).violation, "livelock: the execution does not end");
}

// The same for what the other one does: a turn comes to it, and its store becomes visible.
struct PatientSpinner {
  static constexpr std::size_t kThreads = 2;
  void thread(std::size_t index) {
    if (index == 2) flag.store(true, std::memory_order_release);
    while (!flag.load(std::memory_order_acquire)) {
    }
  }
  void check() {}
  CheckedAtomic<bool> flag{false};
};

TEST(Checker, WhoSpinsLetsOthersGoOnInTheEnd) {
  Explorer explorer(scenario_of<PatientSpinner>("patient spinner"));
  const Outcome outcome = explorer.explore(kBounds, 100'000);
  EXPECT_TRUE(outcome.is_complete);
  EXPECT_EQ(outcome.violation, "") << outcome.trail;
}

// Both read what both write; and what only one of them ever touches matters to nobody.
struct ManyOfOnesOwn {
  static constexpr std::size_t kThreads = 2;
  void thread(std::size_t index) {
    for (int round = 0; round < 20; ++round) (void)own[index - 1].fetch_add(1, std::memory_order_seq_cst);
    shared.store(static_cast<int>(index), std::memory_order_relaxed);
  }
  void check() {}
  CheckedAtomic<int> own[2];
  CheckedAtomic<int> shared{0};
};

TEST(Checker, TurnsChangeOnlyWhereThreadsMeet) {
  Explorer explorer(scenario_of<ManyOfOnesOwn>("own"));
  const Outcome outcome = explorer.explore({.preemptions = 2, .stale_accesses = 0}, 10'000);
  EXPECT_TRUE(outcome.is_complete);
  EXPECT_LE(outcome.executions, 10u);
}

TEST(Checker, KnowsTheNameOfAFunction) {
  EXPECT_EQ(bare_function_name("void a::b::Table<Atomics>::install(long, T*) [with T = int (*)(char)]"), "install");
  EXPECT_EQ(bare_function_name("a::Claim a::BasicWriteRing<Atomics>::try_claim() [with Atomics = X]"), "try_claim");
  EXPECT_EQ(bare_function_name("a::Guard<A>::~Guard() [with A = X]"), "~Guard");
  EXPECT_EQ(bare_function_name("a::(anonymous namespace)::B a::(anonymous namespace)::Guard<A>::get(long) [A = X]"),
            "get");
}

TEST(Checker, OrdersBelowAnOrder) {
  using enum std::memory_order;
  using Orders = std::vector<std::memory_order>;
  EXPECT_EQ(orders_below(Operation::kLoad, seq_cst), Orders{acquire});
  EXPECT_EQ(orders_below(Operation::kStore, seq_cst), Orders{release});
  EXPECT_EQ(orders_below(Operation::kModify, seq_cst), Orders{acq_rel});
  EXPECT_EQ(orders_below(Operation::kCompareExchange, acq_rel), (Orders{acquire, release}));
  EXPECT_EQ(orders_below(Operation::kLoad, acquire), Orders{relaxed});
  EXPECT_EQ(orders_below(Operation::kLoad, relaxed), Orders{});
}

}  // namespace
}  // namespace dictsqlite::checker
