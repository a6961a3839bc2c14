// The ring of writes, alone and with the doorbell its consumer sleeps beside.
#include "io/doorbell.hpp"
#include "model/checker/checked_atomics.hpp"
#include "model/checker/plain.hpp"
#include "model/scenarios.hpp"
#include "ring/write_ring.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace dictsqlite::checker {
namespace {

using Ring = ring::BasicWriteRing<CheckedAtomics>;
using Doorbell = io::BasicDoorbell<CheckedAtomics>;
using ring::Claim;
using ring::ClaimOutcome;

// What producers do before they publish, and the consumer relies on: installing, and the entry itself.
class Writes {
 public:
  Ring::Entry* install(std::uint64_t ticket) noexcept {
    installed_[ticket].write(ticket);
    return &entries_[ticket];
  }
  void expect_popped(const Ring::Entry* entry, std::uint64_t ticket) noexcept {
    expect(entry == &entries_[ticket], "entries are popped in the order of their tickets");
    expect(installed_[ticket].read() == ticket, "drained implies installed [I3]");
  }

 private:
  static constexpr std::size_t kTicketsMax = 6;

  std::array<Ring::Entry, kTicketsMax> entries_{};
  std::array<Plain<std::uint64_t>, kTicketsMax> installed_{};
};

// Two producers and a ring that holds one write: every slot is used again. Nothing is lost, and nobody waits for ever.
struct SlotsUsedAgain {
  static constexpr std::size_t kThreads = 3;

  void thread(std::size_t index) {
    if (index == 3) return consume();
    for (;;) {
      const Claim claim = ring.try_claim();
      if (claim.outcome == ClaimOutcome::kClaimed) {
        ring.publish(claim.ticket, writes.install(claim.ticket));
        return;
      }
      expect(claim.outcome == ClaimOutcome::kFull, "it is neither closed nor failed");
      yield();
    }
  }
  void consume() {
    while (ring.next() != 3) {
      const std::uint64_t ticket = ring.next();
      if (Ring::Entry* const entry = ring.pop()) {
        writes.expect_popped(entry, ticket);
        ring.release_room();
      } else {
        yield();
      }
    }
  }
  void check() { expect(ring.claimed() == 3 && !ring.ready(), "two tickets, both popped"); }

  Ring ring{1, 1};
  Writes writes;
};

// A claim after close() fails; the tickets before it are a frozen, complete set: whoever finds the ring closed can
// wait for them, and what the closer did before is his.
template <bool kFails>
struct ClosedRing {
  static constexpr std::size_t kThreads = 3;

  void thread(std::size_t index) {
    if (index == 1) {
      reason.write(7);
      kFails ? ring.fail() : ring.close();
    } else if (index == 2) {
      for (std::size_t write = 0; write < 2; ++write) {
        const Claim claim = ring.try_claim();
        if (claim.outcome != ClaimOutcome::kClaimed) {
          expect(claim.outcome == (kFails ? ClaimOutcome::kFailed : ClaimOutcome::kClosed), "told why");
          return;
        }
        ring.publish(claim.ticket, writes.install(claim.ticket));
      }
    } else {
      while (!(kFails ? ring.is_failed() : ring.is_closed())) yield();
      expect(reason.read() == 7, "why it was closed");
      const std::uint64_t end = ring.claimed();
      while (ring.next() != end) {
        const std::uint64_t ticket = ring.next();
        if (Ring::Entry* const entry = ring.pop()) {
          writes.expect_popped(entry, ticket);
        } else {
          yield();
        }
      }
      last = end;
    }
  }
  void check() { expect(ring.claimed() == last, "nothing is claimed after the end"); }

  Ring ring{4, 1};
  Writes writes;
  Plain<int> reason{0, "the reason of closing"};
  std::uint64_t last = 0;
};

// Producers and a consumer that sleeps: as Flusher::sleep() does, for the next ticket or the one that fills a buffer.
template <std::size_t kProducers, std::uint64_t kAhead>
struct SleepingConsumer {
  static constexpr std::size_t kThreads = kProducers + 1;
  static constexpr std::uint64_t kEnd = 1 + (kProducers == 1 ? 2 : kProducers);

  SleepingConsumer() {
    doorbell.set_waker({&woken, [](void* signal) noexcept { static_cast<Signal*>(signal)->wake(); }});
  }
  void thread(std::size_t index) {
    if (index > kProducers) return consume();
    for (std::size_t write = 0; write < (kProducers == 1 ? 2 : 1); ++write) {
      const Claim claim = ring.try_claim();
      expect(claim.outcome == ClaimOutcome::kClaimed, "there is room");
      ring.publish(claim.ticket, writes.install(claim.ticket));
      doorbell.published(claim.ticket);
    }
  }
  void consume() {
    while (ring.next() != kEnd) {
      const std::uint64_t ticket = ring.next();
      if (Ring::Entry* const entry = ring.pop()) {
        writes.expect_popped(entry, ticket);
        continue;
      }
      const std::uint64_t wake_ticket = std::min(ring.next() + kAhead, kEnd - 1);
      doorbell.park(wake_ticket);
      if (nothing_new(wake_ticket)) woken.sleep();
      doorbell.unpark();
    }
  }
  // As in flush/flusher_sleep.cpp.
  bool nothing_new(std::uint64_t wake_ticket) {
    if (ring.claimed() <= wake_ticket) return true;
    doorbell.park(ring.next());
    return !ring.ready_at_last();
  }
  void check() { expect(ring.next() == kEnd, "everything is popped"); }

  Ring ring{4, 1};
  Doorbell doorbell;
  Signal woken;
  Writes writes;
};

}  // namespace

std::vector<Study> ring_studies() {
  return {
      {scenario_of<SlotsUsedAgain>("ring: slots used again"), {.preemptions = 2, .stale_accesses = 2}},
      {scenario_of<ClosedRing<false>>("ring: closed"), {.preemptions = 2, .stale_accesses = 2}},
      {scenario_of<ClosedRing<true>>("ring: failed"), {.preemptions = 2, .stale_accesses = 2}},
      {scenario_of<SleepingConsumer<1, 0>>("ring: a sleeping consumer"), {.preemptions = 3, .stale_accesses = 2}},
      {scenario_of<SleepingConsumer<1, 1>>("ring: a consumer that sleeps until more comes"),
       {.preemptions = 3, .stale_accesses = 2}},
      {scenario_of<SleepingConsumer<2, 0>>("ring: a sleeping consumer, two producers"),
       {.preemptions = 2, .stale_accesses = 2}},
  };
}

}  // namespace dictsqlite::checker
