// Goal: the handshake (D1)-(D4) of ring and doorbell loses no wake-up, and owes that to its fences and to seq_cst.
// Method: in each round one thread publishes a write and looks at the doorbell while the other parks and looks at the
// ring: at the slot (W2), or only at the tail (W6). If the consumer saw nothing and was not rung for, it would sleep
// for ever. The same templates over WeakAtomics, with release and acquire and no fences, do lose wake-ups, on any
// machine whose stores can be overtaken by later loads: so x86 too.
#include "io/doorbell.hpp"

#include "ring/write_ring.hpp"
#include "support/litmus.hpp"
#include "support/scale.hpp"
#include "support/weak_atomics.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace dictsqlite::io {
namespace {

using testing_support::expect_never_fails;
using testing_support::expect_seen_to_fail;
using testing_support::LitmusPlan;
using testing_support::LitmusResult;
using testing_support::run_litmus;

enum class LookAt : std::uint8_t { kSlot, kTail };

// Producer and consumer of one ring, and what became of each round.
template <class Atomics, LookAt kLookAt>
class Handshake {
 public:
  Handshake() {
    doorbell_.set_waker({&wakes_, [](void* wakes) noexcept {
                           static_cast<std::atomic<int>*>(wakes)->fetch_add(1, std::memory_order_relaxed);
                         }});
  }

  void produce() {
    const std::uint64_t ticket = ring_.try_claim().ticket;  // (W5)
    ring_.publish(ticket, &entry_);                         // (D1)
    doorbell_.published(ticket);                            // (D2)
  }
  void consume() {
    doorbell_.park(ring_.next());                                                               // (D3)
    saw_ = kLookAt == LookAt::kSlot ? ring_.ready_at_last() : ring_.claimed() != ring_.next();  // (D4), (W6)
  }
  /// After both have ended. Leaves everything ready for another round.
  bool lost() {
    const bool rung = wakes_.exchange(0, std::memory_order_relaxed) > 0;
    const bool lost = !saw_ && !rung;
    doorbell_.unpark();
    EXPECT_EQ(ring_.pop(), &entry_);
    ring_.release_room();
    return lost;
  }

 private:
  typename ring::BasicWriteRing<Atomics>::Entry entry_{};
  ring::BasicWriteRing<Atomics> ring_{16, 1};
  BasicDoorbell<Atomics> doorbell_;
  std::atomic<int> wakes_{0};
  bool saw_ = false;
};

template <class Atomics, LookAt kLookAt>
LitmusResult play(const LitmusPlan& plan) {
  Handshake<Atomics, kLookAt> handshake;
  return run_litmus(
      plan, [&] { handshake.consume(); }, [&] { handshake.produce(); }, [&] { return handshake.lost(); });
}

template <LookAt kLookAt>
void expect_no_wake_up_lost() {
  expect_never_fails(&play<base::StdAtomics, kLookAt>, 500'000);
}

template <LookAt kLookAt>
void expect_wake_ups_lost_with_release_and_acquire() {
  expect_seen_to_fail(&play<testing_support::WeakAtomics, kLookAt>);
}

TEST(DoorbellLitmus, LosesNoWakeUp) { expect_no_wake_up_lost<LookAt::kSlot>(); }

TEST(DoorbellLitmus, WouldLoseWakeUpsWithReleaseAndAcquire) {
  expect_wake_ups_lost_with_release_and_acquire<LookAt::kSlot>();
}

TEST(DoorbellLitmus, LosesNoWakeUpOfAConsumerThatLooksAtTheTailOnly) { expect_no_wake_up_lost<LookAt::kTail>(); }

TEST(DoorbellLitmus, WouldLoseWakeUpsOfAConsumerThatLooksAtTheTailOnlyWithReleaseAndAcquire) {
  expect_wake_ups_lost_with_release_and_acquire<LookAt::kTail>();
}

TEST(DoorbellLitmus, RingsAtMostOnceForEachParking) {
  BasicDoorbell<> doorbell;
  std::atomic<int> wakes{0};
  doorbell.set_waker({&wakes, [](void* count) noexcept {
                        static_cast<std::atomic<int>*>(count)->fetch_add(1, std::memory_order_relaxed);
                      }});
  const LitmusResult result = run_litmus(
      {testing_support::scaled(300'000), std::chrono::seconds(2), false}, [&] { doorbell.published(7); },
      [&] { doorbell.ring(); },
      [&] {
        const int count = wakes.exchange(0, std::memory_order_relaxed);
        doorbell.park(7);
        return count > 1;
      });
  EXPECT_EQ(result.failures, 0u) << "of " << result.rounds;
}

}  // namespace
}  // namespace dictsqlite::io
