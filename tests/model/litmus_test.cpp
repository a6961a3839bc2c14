// Goal: the checker knows the memory model: it reaches what C++20 allows and nothing that it forbids. Method: the
// classic litmus tests, with the weakest orders that forbid an outcome and with the strongest that allow it; every
// execution, so that what is not among the outcomes does not happen. Not modelled, and shown not to be reached: load
// buffering, which C++20 allows with relaxed accesses.
#include "model/checker/checked_atomics.hpp"
#include "model/checker/explorer.hpp"
#include "model/checker/plain.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <set>
#include <string>

namespace dictsqlite::checker {
namespace {

using Order = std::memory_order;
constexpr Order kRelaxed = std::memory_order_relaxed;
constexpr Order kAcquire = std::memory_order_acquire;
constexpr Order kRelease = std::memory_order_release;
constexpr Order kAcqRel = std::memory_order_acq_rel;
constexpr Order kSeqCst = std::memory_order_seq_cst;

using Atomic = CheckedAtomic<int>;
using Outcomes = std::set<std::string>;

// What the threads read, or what is left, as digits: results[0], results[1], ...
class Litmus {
 public:
  static inline Outcomes outcomes;

  void check() {
    std::string outcome;
    for (const int result : results_) {
      if (result >= 0) outcome += std::to_string(result);
    }
    outcomes.insert(outcome);
  }

 protected:
  int results_[4] = {-1, -1, -1, -1};
};

constexpr Bounds kEnough{.preemptions = 8, .stale_accesses = 8};

template <class World>
Outcomes outcomes_of() {
  Litmus::outcomes.clear();
  Explorer explorer(scenario_of<World>("litmus"));
  const Outcome outcome = explorer.explore(kEnough, 1'000'000);
  EXPECT_TRUE(outcome.is_complete);
  EXPECT_EQ(outcome.violation, "") << outcome.trail;
  return Litmus::outcomes;
}
template <class World>
std::string violation_of() {
  Explorer explorer(scenario_of<World>("litmus"));
  const Outcome outcome = explorer.explore(kEnough, 1'000'000);
  EXPECT_TRUE(outcome.is_complete);
  return outcome.violation;
}

enum class Between { kNothing, kLight, kHeavy };
void pass(Between fence) {
  if (fence == Between::kLight) CheckedAtomics::light_fence();
  if (fence == Between::kHeavy) CheckedAtomics::heavy_fence();
}

// x = 1; read y | y = 1; read x. Perhaps with a fence between the two, of the first thread and of the second.
template <Order kStore, Order kLoad, Between kFirst = Between::kNothing, Between kSecond = Between::kNothing>
struct StoreBuffering : Litmus {
  static constexpr std::size_t kThreads = 2;
  void thread(std::size_t index) {
    Atomic& mine = index == 1 ? x : y;
    Atomic& other = index == 1 ? y : x;
    mine.store(1, kStore);
    pass(index == 1 ? kFirst : kSecond);
    results_[index - 1] = other.load(kLoad);
  }
  Atomic x{0};
  Atomic y{0};
};

TEST(Litmus, StoreBufferingBothMissEachOtherUnlessAllIsSequential) {
  const Outcomes all{"00", "01", "10", "11"};
  const Outcomes ordered{"01", "10", "11"};
  EXPECT_EQ((outcomes_of<StoreBuffering<kSeqCst, kSeqCst>>()), ordered);
  EXPECT_EQ((outcomes_of<StoreBuffering<kRelease, kAcquire>>()), all);
  EXPECT_EQ((outcomes_of<StoreBuffering<kSeqCst, kAcquire>>()), all);
  EXPECT_EQ((outcomes_of<StoreBuffering<kRelease, kSeqCst>>()), all);
}

// The same with exchanges instead of stores.
template <Order kExchange, Order kLoad>
struct ExchangeBuffering : Litmus {
  static constexpr std::size_t kThreads = 2;
  void thread(std::size_t index) {
    Atomic& mine = index == 1 ? x : y;
    Atomic& other = index == 1 ? y : x;
    (void)mine.exchange(1, kExchange);
    results_[index - 1] = other.load(kLoad);
  }
  Atomic x{0};
  Atomic y{0};
};

TEST(Litmus, AnExchangeIsNoBarrier) {
  EXPECT_EQ((outcomes_of<ExchangeBuffering<kSeqCst, kSeqCst>>()).count("00"), 0u);
  EXPECT_EQ((outcomes_of<ExchangeBuffering<kAcqRel, kAcquire>>()).count("00"), 1u);
}

TEST(Litmus, ALightFencePairsWithAHeavyOneOnly) {
  const Outcomes all{"00", "01", "10", "11"};
  const Outcomes ordered{"01", "10", "11"};
  EXPECT_EQ((outcomes_of<StoreBuffering<kRelaxed, kRelaxed, Between::kLight, Between::kHeavy>>()), ordered);
  EXPECT_EQ((outcomes_of<StoreBuffering<kRelaxed, kRelaxed, Between::kHeavy, Between::kHeavy>>()), ordered);
  EXPECT_EQ((outcomes_of<StoreBuffering<kRelaxed, kRelaxed, Between::kLight, Between::kLight>>()), all);
  EXPECT_EQ((outcomes_of<StoreBuffering<kRelaxed, kRelaxed, Between::kNothing, Between::kHeavy>>()), all);
  EXPECT_EQ((outcomes_of<StoreBuffering<kRelaxed, kRelaxed, Between::kLight, Between::kNothing>>()), all);
}

// x = 1; fence, read y | y = 1, z = 1 | read z; fence, read x, read y: a fence hands on what its thread has seen.
template <Order kLoad>
struct HandedOnByAFence : Litmus {
  static constexpr std::size_t kThreads = 3;
  void thread(std::size_t index) {
    if (index == 1) {
      x.store(1, kRelaxed);
      CheckedAtomics::light_fence();
      results_[0] = y.load(kRelaxed);
    } else if (index == 2) {
      y.store(1, kRelaxed);
      z.store(1, kRelease);
    } else {
      results_[1] = z.load(kLoad);
      CheckedAtomics::heavy_fence();
      results_[2] = x.load(kRelaxed);
    }
  }
  Atomic x{0};
  Atomic y{0};
  Atomic z{0};
};

TEST(Litmus, AFenceHandsOnWhatItsThreadKnows) {
  EXPECT_EQ((outcomes_of<HandedOnByAFence<kAcquire>>()).count("010"), 0u) << "y not seen, z seen, x not seen";
  EXPECT_EQ((outcomes_of<HandedOnByAFence<kRelaxed>>()).count("010"), 1u);
}

// x = 1; light, read y | y = 1; heavy, read z | z = 1; light, read x
struct FencesInARow : Litmus {
  static constexpr std::size_t kThreads = 3;
  void thread(std::size_t index) {
    Atomic* const mine[] = {&x, &y, &z};
    Atomic* const next[] = {&y, &z, &x};
    mine[index - 1]->store(1, kRelaxed);
    pass(index == 2 ? Between::kHeavy : Between::kLight);
    results_[index - 1] = next[index - 1]->load(kRelaxed);
  }
  Atomic x{0};
  Atomic y{0};
  Atomic z{0};
};

TEST(Litmus, TwoLightFencesArePairedByNoHeavyOneBetweenThem) {
  EXPECT_EQ(outcomes_of<FencesInARow>().count("000"), 1u);
}

// data = 1; flag = 1; fence | fence; read flag, read data
struct FencedPlainMessage {
  static constexpr std::size_t kThreads = 2;
  void thread(std::size_t index) {
    if (index == 1) {
      data.write(1);
      flag.store(1, kRelaxed);
      CheckedAtomics::light_fence();
    } else {
      CheckedAtomics::heavy_fence();
      if (flag.load(kRelaxed) == 1) (void)data.read();
    }
  }
  void check() {}
  Plain<int> data{0, "data"};
  Atomic flag{0};
};

TEST(Litmus, FencesOrderAtomicsOnly) {
  EXPECT_EQ(violation_of<FencedPlainMessage>(), "data race on data: read of thread 2, write of thread 1");
}

// data = 1; flag = 1 | read flag, read data
template <Order kStore, Order kLoad>
struct MessagePassing : Litmus {
  static constexpr std::size_t kThreads = 2;
  void thread(std::size_t index) {
    if (index == 1) {
      data.store(1, kRelaxed);
      flag.store(1, kStore);
    } else {
      results_[0] = flag.load(kLoad);
      results_[1] = data.load(kRelaxed);
    }
  }
  Atomic data{0};
  Atomic flag{0};
};

TEST(Litmus, AMessageIsSeenWithItsFlagOnlyIfReleasedAndAcquired) {
  const Outcomes all{"00", "01", "10", "11"};
  const Outcomes ordered{"00", "01", "11"};
  EXPECT_EQ((outcomes_of<MessagePassing<kRelease, kAcquire>>()), ordered);
  EXPECT_EQ((outcomes_of<MessagePassing<kSeqCst, kSeqCst>>()), ordered);
  EXPECT_EQ((outcomes_of<MessagePassing<kRelaxed, kAcquire>>()), all);
  EXPECT_EQ((outcomes_of<MessagePassing<kRelease, kRelaxed>>()), all);
}

// The same with a plain message.
template <Order kStore, Order kLoad>
struct PlainMessage {
  static constexpr std::size_t kThreads = 2;
  void thread(std::size_t index) {
    if (index == 1) {
      data.write(1);
      flag.store(1, kStore);
    } else if (flag.load(kLoad) == 1) {
      expect(data.read() == 1, "the message is there");
    }
  }
  void check() {}
  Plain<int> data{0, "data"};
  Atomic flag{0};
};

TEST(Litmus, APlainMessageIsARaceUnlessReleasedAndAcquired) {
  EXPECT_EQ((violation_of<PlainMessage<kRelease, kAcquire>>()), "");
  EXPECT_EQ((violation_of<PlainMessage<kRelaxed, kAcquire>>()),
            "data race on data: read of thread 2, write of thread 1");
  EXPECT_EQ((violation_of<PlainMessage<kRelease, kRelaxed>>()),
            "data race on data: read of thread 2, write of thread 1");
}

// A plain write behind the release is not part of it.
struct LateMessage {
  static constexpr std::size_t kThreads = 2;
  void thread(std::size_t index) {
    if (index == 1) {
      flag.store(1, kRelease);
      data.write(1);
    } else if (flag.load(kAcquire) == 1) {
      (void)data.read();
    }
  }
  void check() {}
  Plain<int> data{0, "data"};
  Atomic flag{0};
};

TEST(Litmus, WhatComesAfterAReleaseIsNotReleased) { EXPECT_NE(violation_of<LateMessage>(), ""); }

// read x, y = 1 | read y, x = 1
struct LoadBuffering : Litmus {
  static constexpr std::size_t kThreads = 2;
  void thread(std::size_t index) {
    results_[index - 1] = (index == 1 ? x : y).load(kRelaxed);
    (index == 1 ? y : x).store(1, kRelaxed);
  }
  Atomic x{0};
  Atomic y{0};
};

TEST(Litmus, LoadBufferingIsNotModelled) {
  EXPECT_EQ(outcomes_of<LoadBuffering>(), (Outcomes{"00", "01", "10"})) << "C++20 allows 11 as well";
}

// x = 1 | y = 1 | read x, read y | read y, read x
template <Order kStore, Order kLoad>
struct IndependentReads : Litmus {
  static constexpr std::size_t kThreads = 4;
  void thread(std::size_t index) {
    if (index <= 2) {
      (index == 1 ? x : y).store(1, kStore);
    } else {
      results_[index * 2 - 6] = (index == 3 ? x : y).load(kLoad);
      results_[index * 2 - 5] = (index == 3 ? y : x).load(kLoad);
    }
  }
  Atomic x{0};
  Atomic y{0};
};

TEST(Litmus, ReadersAgreeOnTheOrderOfIndependentWritesOnlyIfSequential) {
  EXPECT_EQ((outcomes_of<IndependentReads<kSeqCst, kSeqCst>>()).count("1010"), 0u);
  EXPECT_EQ((outcomes_of<IndependentReads<kRelease, kAcquire>>()).count("1010"), 1u);
  EXPECT_EQ((outcomes_of<IndependentReads<kSeqCst, kAcquire>>()).count("1010"), 1u);
}

// Both read one location twice while it is written twice.
struct Coherence : Litmus {
  static constexpr std::size_t kThreads = 3;
  void thread(std::size_t index) {
    if (index == 1) {
      x.store(1, kRelaxed);
      x.store(2, kRelaxed);
    } else {
      results_[index * 2 - 4] = x.load(kRelaxed);
      results_[index * 2 - 3] = x.load(kRelaxed);
    }
  }
  Atomic x{0};
};

TEST(Litmus, NobodySeesOneLocationGoBack) {
  const Outcomes outcomes = outcomes_of<Coherence>();
  EXPECT_EQ(outcomes.size(), 36u) << "each reader: 00 01 02 11 12 22";
  for (const std::string& outcome : outcomes) {
    EXPECT_LE(outcome[0], outcome[1]);
    EXPECT_LE(outcome[2], outcome[3]);
  }
}

// Two writers, two readers: everybody agrees on the modification order.
struct ModificationOrder : Litmus {
  static constexpr std::size_t kThreads = 4;
  void thread(std::size_t index) {
    if (index <= 2) {
      x.store(static_cast<int>(index), kRelaxed);
    } else {
      results_[index * 2 - 6] = x.load(kRelaxed);
      results_[index * 2 - 5] = x.load(kRelaxed);
    }
  }
  Atomic x{0};
};

TEST(Litmus, ReadersAgreeOnTheOrderOfStoresToOneLocation) {
  const Outcomes outcomes = outcomes_of<ModificationOrder>();
  EXPECT_EQ(outcomes.count("1212"), 1u);
  EXPECT_EQ(outcomes.count("2121"), 1u);
  EXPECT_EQ(outcomes.count("1221"), 0u);
  EXPECT_EQ(outcomes.count("2112"), 0u);
}

// x = 1; y = 2 | y = 1; x = 2: what is left
template <Order kFirst, Order kSecond>
struct TwoTwoWrites : Litmus {
  static constexpr std::size_t kThreads = 2;
  void thread(std::size_t index) {
    (index == 1 ? x : y).store(1, kFirst);
    (index == 1 ? y : x).store(2, kSecond);
  }
  void check() {
    results_[0] = x.peek();
    results_[1] = y.peek();
    Litmus::check();
  }
  Atomic x{0};
  Atomic y{0};
};

TEST(Litmus, TwoPlusTwoWritesBothFirstOnesWinUnlessAllIsSequential) {
  const Outcomes all{"11", "12", "21", "22"};
  const Outcomes ordered{"12", "21", "22"};
  EXPECT_EQ((outcomes_of<TwoTwoWrites<kSeqCst, kSeqCst>>()), ordered);
  EXPECT_EQ((outcomes_of<TwoTwoWrites<kRelease, kRelease>>()), all);
  EXPECT_EQ((outcomes_of<TwoTwoWrites<kSeqCst, kRelease>>()), all);
}

// data = 1, release 1 | relaxed += 1 | acquire 2, read data
template <bool kModifies>
struct ReleaseSequence {
  static constexpr std::size_t kThreads = 3;
  void thread(std::size_t index) {
    if (index == 1) {
      data.write(1);
      flag.store(1, kRelease);
    } else if (index == 2) {
      if (flag.load(kRelaxed) != 1) return;
      if (kModifies) {
        (void)flag.fetch_add(1, kRelaxed);
      } else {
        flag.store(2, kRelaxed);
      }
    } else if (flag.load(kAcquire) == 2) {
      expect(data.read() == 1, "the message is there");
    }
  }
  void check() {}
  Plain<int> data{0, "data"};
  Atomic flag{0};
};

TEST(Litmus, AReadModifyWriteContinuesAReleaseSequenceAndAStoreEndsIt) {
  EXPECT_EQ(violation_of<ReleaseSequence<true>>(), "");
  EXPECT_EQ(violation_of<ReleaseSequence<false>>(), "data race on data: read of thread 3, write of thread 1");
}

// In C++11 the same thread's relaxed store continued it; in C++20 it does not.
struct SameThreadsStore {
  static constexpr std::size_t kThreads = 2;
  void thread(std::size_t index) {
    if (index == 1) {
      data.write(1);
      flag.store(1, kRelease);
      flag.store(2, kRelaxed);
    } else if (flag.load(kAcquire) == 2) {
      (void)data.read();
    }
  }
  void check() {}
  Plain<int> data{0, "data"};
  Atomic flag{0};
};

TEST(Litmus, TheWritersOwnLaterStoreEndsAReleaseSequence) { EXPECT_NE(violation_of<SameThreadsStore>(), ""); }

// Two increments, however relaxed, are two.
struct Increments : Litmus {
  static constexpr std::size_t kThreads = 3;
  void thread(std::size_t index) { results_[index - 1] = x.fetch_add(1, kRelaxed); }
  void check() {
    results_[3] = x.peek();
    Litmus::check();
  }
  Atomic x{0};
};

TEST(Litmus, ReadModifyWritesAreAtomic) {
  EXPECT_EQ(outcomes_of<Increments>(), (Outcomes{"0123", "0213", "1023", "1203", "2013", "2103"}));
}

// One of two compare-exchanges from the same value succeeds; the other's failure reads what it acquires.
template <Order kFailure>
struct CompareExchange {
  static constexpr std::size_t kThreads = 2;
  void thread(std::size_t index) {
    data[index - 1].write(1);
    int expected = 0;
    const bool won = x.compare_exchange_strong(expected, static_cast<int>(index), kAcqRel, kFailure);
    expect(won == (expected == 0), "it fails on another value only");
    if (!won) (void)data[2 - index].read();
  }
  void check() { expect(x.peek() != 0, "one won"); }
  Plain<int> data[2] = {Plain<int>(0, "data"), Plain<int>(0, "data")};
  Atomic x{0};
};

TEST(Litmus, AFailedCompareExchangeIsALoadOfItsFailureOrder) {
  EXPECT_EQ(violation_of<CompareExchange<kAcquire>>(), "");
  EXPECT_NE(violation_of<CompareExchange<kRelaxed>>(), "");
}

// write x | x known through another thread: write-read coherence through happens-before
struct CoherenceByOthers : Litmus {
  static constexpr std::size_t kThreads = 3;
  void thread(std::size_t index) {
    if (index == 1) {
      x.store(1, kRelaxed);
    } else if (index == 2) {
      results_[0] = x.load(kRelaxed);
      flag.store(1, kRelease);
    } else {
      results_[1] = flag.load(kAcquire);
      results_[2] = x.load(kRelaxed);
    }
  }
  Atomic x{0};
  Atomic flag{0};
};

TEST(Litmus, WhatHappensBeforeHasSeenIsSeen) {
  const Outcomes outcomes = outcomes_of<CoherenceByOthers>();
  EXPECT_EQ(outcomes.count("110"), 0u);
  EXPECT_EQ(outcomes.count("010"), 1u);
  EXPECT_EQ(outcomes.count("100"), 1u);
}

}  // namespace
}  // namespace dictsqlite::checker
