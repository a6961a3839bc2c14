// Goal: the handshake (D1)-(D4) of ring and doorbell loses no wake-up, and seq_cst is what it owes that to. Method: in
// each round one thread publishes a write and looks at the doorbell while the other parks and looks at the ring. If the
// consumer saw nothing and was not rung for, it would sleep for ever. The same templates over WeakAtomics, with release
// and acquire instead, do lose wake-ups, on any machine whose stores can be overtaken by later loads: so x86 too.
#include "io/doorbell.hpp"

#include "ring/write_ring.hpp"
#include "support/litmus.hpp"
#include "support/scale.hpp"
#include "support/weak_atomics.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace dictsqlite::io {
namespace {

using testing_support::LitmusResult;
using testing_support::run_litmus;
using testing_support::scaled;

// Producer and consumer of one ring, and what became of each round.
template <class Atomics>
class Handshake {
 public:
  Handshake() {
    doorbell_.set_waker({&wakes_, [](void* wakes) noexcept {
                           static_cast<std::atomic<int>*>(wakes)->fetch_add(1, std::memory_order_relaxed);
                         }});
  }

  void produce() {
    const std::uint64_t ticket = ring_.try_claim().ticket;
    ring_.publish(ticket, &entry_);  // (D1)
    doorbell_.published(ticket);     // (D2)
  }
  void consume() {
    doorbell_.park(ring_.next());  // (D3)
    saw_ = ring_.ready();          // (D4)
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

template <class Atomics>
LitmusResult play(std::uint64_t rounds, std::chrono::seconds time_max, bool stop_at_failure) {
  Handshake<Atomics> handshake;
  return run_litmus(
      rounds, time_max, stop_at_failure, [&] { handshake.consume(); }, [&] { handshake.produce(); },
      [&] { return handshake.lost(); });
}

TEST(DoorbellLitmus, LosesNoWakeUp) {
  const LitmusResult result = play<base::StdAtomics>(scaled(500'000), std::chrono::seconds(4), false);
  EXPECT_EQ(result.failures, 0u) << "of " << result.rounds;
}

TEST(DoorbellLitmus, WouldLoseWakeUpsWithReleaseAndAcquire) {
  if (testing_support::kThreadSanitizer) GTEST_SKIP() << "ThreadSanitizer's own work orders the accesses";
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one core reorders nothing that its threads could see";
  const LitmusResult result = play<testing_support::WeakAtomics>(100'000'000, std::chrono::seconds(60), true);
  EXPECT_GE(result.failures, 1u) << "of " << result.rounds << "; if this machine never reorders, seq_cst costs nothing";
}

TEST(DoorbellLitmus, RingsAtMostOnceForEachParking) {
  BasicDoorbell<> doorbell;
  std::atomic<int> wakes{0};
  doorbell.set_waker({&wakes, [](void* count) noexcept {
                        static_cast<std::atomic<int>*>(count)->fetch_add(1, std::memory_order_relaxed);
                      }});
  const LitmusResult result = run_litmus(
      scaled(300'000), std::chrono::seconds(2), false, [&] { doorbell.published(7); }, [&] { doorbell.ring(); },
      [&] {
        const int count = wakes.exchange(0, std::memory_order_relaxed);
        doorbell.park(7);
        return count > 1;
      });
  EXPECT_EQ(result.failures, 0u) << "of " << result.rounds;
}

}  // namespace
}  // namespace dictsqlite::io
