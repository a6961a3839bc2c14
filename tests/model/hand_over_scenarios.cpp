// What is handed to a thread that may sleep: flags, stacks, work; and the doorbell or the queue that wakes it.
#include "base/closable_stack.hpp"
#include "base/flag.hpp"
#include "io/doorbell.hpp"
#include "model/checker/checked_atomics.hpp"
#include "model/checker/plain.hpp"
#include "model/scenarios.hpp"
#include "task/work_queue.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dictsqlite::checker {
namespace {

using Doorbell = io::BasicDoorbell<CheckedAtomics>;
using Flag = base::BasicFlag<CheckedAtomics>;

// A doorbell and who sleeps beside it.
class Sleeper {
 public:
  Sleeper() {
    doorbell_.set_waker({&woken_, [](void* signal) noexcept { static_cast<Signal*>(signal)->wake(); }});
  }
  Doorbell& doorbell() noexcept { return doorbell_; }

  /// Sleeps, unless the last look finds something.
  template <class Look>
  void sleep_unless(Look&& look) {
    doorbell_.park(Doorbell::kNoTicket);
    if (!look()) woken_.sleep();
    doorbell_.unpark();
  }

 private:
  Doorbell doorbell_;
  Signal woken_;
};

// Something is asked once: as ending, giving up (Q1) (Q2) and a loader's stop (L3) (L4).
struct AskedOnce {
  static constexpr std::size_t kThreads = 2;

  void thread(std::size_t index) {
    if (index == 1) {
      reason.write(7);
      asked.raise();
      sleeper.doorbell().ring();
      return;
    }
    while (!asked.is_raised()) {
      sleeper.sleep_unless([&] { return asked.is_raised(); });
    }
    expect(reason.read() == 7, "what was asked for");
  }
  void check() {}

  Sleeper sleeper;
  Flag asked;
  Plain<int> reason{0, "the reason"};
};

// News of the applier, twice: watermark, flag, bell; the flusher takes the flag before it looks at the watermark, and
// looks at the flag once more before it sleeps (flush/applier_thread.hpp).
struct NewsOfTheApplier {
  static constexpr std::size_t kThreads = 2;

  void thread(std::size_t index) {
    if (index == 1) {
      for (std::uint64_t value = 1; value <= 2; ++value) {
        done[value].write(true);
        applied.store(value, std::memory_order_relaxed);  // less than a watermark gives: the flag has to do
        news.raise();
        sleeper.doorbell().ring();
      }
      return;
    }
    for (;;) {
      (void)news.take();
      const std::uint64_t seen = applied.load(std::memory_order_relaxed);
      if (seen == 2) break;
      sleeper.sleep_unless([&] { return news.is_raised(); });
    }
  }
  void check() { expect(done[2].read(), "both were told"); }

  Sleeper sleeper;
  Flag news;
  CheckedAtomic<std::uint64_t> applied{0};
  std::array<Plain<bool>, 3> done{};
};

// What is taken with the flag is what was done before it was raised.
struct NewsWithTheirCause {
  static constexpr std::size_t kThreads = 2;

  void thread(std::size_t index) {
    if (index == 1) {
      cause.write(7);
      news.raise();
    } else if (news.take()) {
      expect(cause.read() == 7, "what the news are");
    }
  }
  void check() {}

  Flag news;
  Plain<int> cause{0, "the cause"};
};

// Two who hand over and one who takes, sleeps, takes, and closes at the end: waiters (Q1) (Q2), misses (L1) (L2), scans
// (L3) (L4).
struct StackOfItems {
  static constexpr std::size_t kThreads = 3;
  struct Item {
    Item* next = nullptr;
    Plain<int> payload{0, "what is handed over"};
  };
  using Stack = base::ClosableStack<Item, &Item::next, CheckedAtomics>;

  void thread(std::size_t index) {
    if (index < 3) {
      Item& item = items[index - 1];
      item.payload.write(1);
      links[index - 1].write(1);
      if (stack.push(&item)) {
        sleeper.doorbell().ring();
      } else {
        item.payload.write(2);  // still ours
        expect(index == 2, "only the second one may be refused");
      }
      return;
    }
    while (!first_came) {
      take(stack.take_all());
      if (!first_came) sleeper.sleep_unless([&] { return stack.has_any(); });
    }
    take(stack.take_last());
  }
  void take(Item* item) {
    for (; item != nullptr; item = item->next) {
      expect(links[static_cast<std::size_t>(item - items.data())].read() == 1, "the link is there");
      expect(item->payload.read() == 1, "what was handed over is there");
      item->payload.write(3);
      if (item == items.data()) first_came = true;
    }
  }
  void check() { expect(items[1].payload.read() != 1, "the second one was taken or refused"); }

  Sleeper sleeper;
  Stack stack;
  std::array<Item, 2> items;
  std::array<Plain<int>, 2> links{};
  bool first_came = false;
};

// A waiter for a ticket does not ring for a consumer that holds back; the consumer, parked for all again, finds him.
struct WaiterForATicket {
  static constexpr std::size_t kThreads = 2;
  static constexpr std::uint64_t kTicket = 7;
  struct Item {
    Item* next = nullptr;
  };

  WaiterForATicket() {
    doorbell.set_waker({&woken, [](void* signal) noexcept { static_cast<Signal*>(signal)->wake(); }});
  }
  void thread(std::size_t index) {
    if (index == 1) {
      expect(stack.push(&item), "it is open");
      doorbell.waits_for(kTicket);
      return;
    }
    doorbell.park_holding(kTicket + 1);  // a request is in flight, which ends now
    doorbell.unpark();
    while (stack.take_all() == nullptr) {
      doorbell.park(Doorbell::kNoTicket);
      if (!stack.has_any()) woken.sleep();
      doorbell.unpark();
    }
  }
  void check() {}

  Doorbell doorbell;
  Signal woken;
  Item item;
  base::ClosableStack<Item, &Item::next, CheckedAtomics> stack;
};

// Two posters and the thread that runs their work: parks in the queue, and closes it when both have come.
struct PostedWork {
  static constexpr std::size_t kThreads = 3;
  struct Piece : Work {
    Plain<int> payload{0, "posted work"};
  };

  void thread(std::size_t index) {
    if (index < 3) {
      pieces[index - 1].payload.write(1);
      switch (queue.push(&pieces[index - 1])) {
        case task::PushResult::kWakeConsumer:
          woken.wake();
          break;
        case task::PushResult::kClosed:
          expect(false, "it is open");
          break;
        case task::PushResult::kQueued:
          break;
      }
      return;
    }
    std::size_t ran = 0;
    for (;;) {
      for (Work* work = queue.take_all(); work != nullptr; ++ran) {
        Piece& piece = *static_cast<Piece*>(task::pop_first(work));
        expect(piece.payload.read() == 1, "what was posted is there");
        piece.payload.write(2);
      }
      if (ran == 2) break;
      if (queue.looks_empty() && queue.try_park()) woken.sleep();
    }
    expect(queue.close(), "nobody posts any more");
  }
  void check() {
    Piece late;
    expect(queue.push(&late) == task::PushResult::kClosed, "it is closed");
  }

  task::WorkQueue<CheckedAtomics> queue;
  Signal woken;
  std::array<Piece, 2> pieces;
};

}  // namespace

std::vector<Study> hand_over_studies() {
  return {
      {scenario_of<AskedOnce>("flag: asked once"), {.preemptions = 4, .stale_accesses = 3}},
      {scenario_of<NewsOfTheApplier>("flag: news of the applier"), {.preemptions = 3, .stale_accesses = 2}},
      {scenario_of<NewsWithTheirCause>("flag: news with their cause"), {.preemptions = 4, .stale_accesses = 3}},
      {scenario_of<StackOfItems>("stack: handed over and closed"), {.preemptions = 2, .stale_accesses = 2}},
      {scenario_of<WaiterForATicket>("doorbell: a waiter and a consumer that held back"),
       {.preemptions = 4, .stale_accesses = 3}},
      {scenario_of<PostedWork>("work queue: two posters"), {.preemptions = 3, .stale_accesses = 2}},
  };
}

}  // namespace dictsqlite::checker
