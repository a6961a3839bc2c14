// Goal: whatever is handed to a thread that parks at a doorbell is seen, or rung for: waiters (Q1) (Q2), misses (L1)
// (L2), scans and the flags (L3) (L4), parked writes (K1), which all rest on (CS1) (CS2), (FL1) (FL2) or a count. And
// seq_cst is what they owe that to. Method: in each round one thread hands something over and rings while the other
// parks and looks. If it saw nothing and was not rung for, it would sleep for ever. The same templates over WeakAtomics
// do lose wake-ups, on any machine whose stores can be overtaken by later loads: so x86 too. (Where a mutex is given
// back between the two accesses of one side, x86 keeps that side in order, and it is the other one that shows.)
#include "base/closable_stack.hpp"
#include "base/flag.hpp"
#include "flush/waiters.hpp"
#include "io/doorbell.hpp"
#include "load/flights.hpp"
#include "load/parked_misses.hpp"
#include "load/scan_session.hpp"
#include "ring/parked_writes.hpp"
#include "support/litmus.hpp"
#include "support/weak_atomics.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

namespace dictsqlite {
namespace {

using testing_support::expect_never_fails;
using testing_support::expect_seen_to_fail;
using testing_support::LitmusPlan;
using testing_support::LitmusResult;
using testing_support::run_litmus;

// What is handed over: give() on one side, has_any() on the other, take_back() when both have ended.

struct Waiter {
  static constexpr bool kWaitsForTicket = false;
  template <class Atomics>
  class Of {
   public:
    void give() { given_ = waiters_.push(&completion_, flush::WaitFor::kApplied, 1); }  // (Q1)
    bool has_any() const { return waiters_.has_new(); }                                 // (Q2)
    void take_back() {
      waiters_.take_new();
      waiters_.take_up_to(flush::WaitFor::kApplied, 1, [&](detail::Completion* taken) { taken_ = taken; });
      EXPECT_TRUE(given_ && taken_ == &completion_);
    }

   private:
    detail::Completion completion_;
    detail::Completion* taken_ = nullptr;
    flush::BasicWaiters<Atomics> waiters_;
    bool given_ = false;
  };
};

// The same, and does not ring for a consumer that holds back: which ours has just done, and does no more.
struct WaiterForTicket {
  static constexpr bool kWaitsForTicket = true;
  template <class Atomics>
  using Of = Waiter::Of<Atomics>;
};

// The loader's two queues.
template <class Item, Item* Item::*kNext>
struct Queued {
  static constexpr bool kWaitsForTicket = false;
  template <class Atomics>
  class Of {
   public:
    void give() { given_ = queue_.push(&item_); }      // (L1) (L3)
    bool has_any() const { return queue_.has_any(); }  // (L2) (L4)
    void take_back() { EXPECT_TRUE(given_ && queue_.take_all() == &item_); }

   private:
    Item item_;
    base::ClosableStack<Item, kNext, Atomics> queue_;
    bool given_ = false;
  };
};
using QueuedMiss = Queued<load::Flight, &load::Flight::next>;
using QueuedScan = Queued<ScanNextOperation::State, &ScanNextOperation::State::next>;

struct ParkedMiss {
  static constexpr bool kWaitsForTicket = false;
  template <class Atomics>
  class Of {
   public:
    void give() { given_ = parked_.push(&completion_); }  // (L1)
    bool has_any() const { return parked_.any(); }        // (L2)
    void take_back() { EXPECT_TRUE(given_ && parked_.pop_front() == &completion_); }

   private:
    detail::Completion completion_;
    load::BasicParkedMisses<Atomics> parked_;
    bool given_ = false;
  };
};

struct ParkedWrite {
  static constexpr bool kWaitsForTicket = false;
  template <class Atomics>
  class Of {
   public:
    void give() { given_ = parked_.push(&completion_); }   // (K1)
    bool has_any() const { return parked_.count() != 0; }  // (K1)
    void take_back() {
      EXPECT_TRUE(given_ && parked_.front() == &completion_);
      parked_.pop_front();
    }

   private:
    detail::Completion completion_;
    ring::BasicParkedWrites<Atomics> parked_;
    bool given_ = false;
  };
};

struct RaisedFlag {
  static constexpr bool kWaitsForTicket = false;
  template <class Atomics>
  class Of {
   public:
    void give() { flag_->raise(); }                      // (FL1)
    bool has_any() const { return flag_->is_raised(); }  // (FL2)
    void take_back() {
      EXPECT_TRUE(flag_->is_raised());
      flag_.emplace();
    }

   private:
    alignas(base::kCacheLine) std::optional<base::BasicFlag<Atomics>> flag_{std::in_place};
  };
};

// Somebody who hands over and somebody who sleeps, and what became of each round.
template <class Thing, class Atomics>
class Handshake {
 public:
  Handshake() {
    doorbell_.set_waker({&wakes_, [](void* wakes) noexcept {
                           static_cast<std::atomic<int>*>(wakes)->fetch_add(1, std::memory_order_relaxed);
                         }});
  }

  void hand_over() {
    thing_.give();
    if constexpr (Thing::kWaitsForTicket) {
      doorbell_.waits_for(kTicket);  // (D2)
    } else {
      doorbell_.ring();  // (D2)
    }
  }
  void park() {
    if constexpr (Thing::kWaitsForTicket) {
      doorbell_.park_holding(kTicket + 1);
      doorbell_.unpark();
    }
    doorbell_.park(io::Doorbell::kNoTicket);  // (D3)
    saw_ = thing_.has_any();
  }
  /// After both have ended. Leaves everything ready for another round.
  bool lost() {
    const bool rung = wakes_.exchange(0, std::memory_order_relaxed) > 0;
    const bool lost = !saw_ && !rung;
    doorbell_.unpark();
    thing_.take_back();
    return lost;
  }

 private:
  static constexpr std::uint64_t kTicket = 7;

  typename Thing::template Of<Atomics> thing_;
  io::BasicDoorbell<Atomics> doorbell_;
  std::atomic<int> wakes_{0};
  bool saw_ = false;
};

template <class Thing, class Atomics>
LitmusResult play(const LitmusPlan& plan) {
  Handshake<Thing, Atomics> handshake;
  return run_litmus(
      plan, [&] { handshake.park(); }, [&] { handshake.hand_over(); }, [&] { return handshake.lost(); });
}

template <class Thing>
class HandOverLitmus : public testing::Test {};

using Things = testing::Types<Waiter, WaiterForTicket, QueuedMiss, ParkedMiss, QueuedScan, ParkedWrite, RaisedFlag>;

struct Names {
  template <class>
  static std::string GetName(int index) {
    static constexpr const char* kNames[] = {"Waiter",     "WaiterForTicket", "QueuedMiss", "ParkedMiss",
                                             "QueuedScan", "ParkedWrite",     "RaisedFlag"};
    return kNames[index];
  }
};

TYPED_TEST_SUITE(HandOverLitmus, Things, Names);

TYPED_TEST(HandOverLitmus, LosesNoWakeUp) { expect_never_fails(&play<TypeParam, base::StdAtomics>, 200'000); }

TYPED_TEST(HandOverLitmus, WouldLoseWakeUpsWithReleaseAndAcquire) {
  expect_seen_to_fail(&play<TypeParam, testing_support::WeakAtomics>);
}

}  // namespace
}  // namespace dictsqlite
