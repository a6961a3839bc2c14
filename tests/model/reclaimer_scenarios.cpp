// What left the table is freed once nobody can be looking at it.
#include "cache/reclaimer.hpp"
#include "model/checker/checked_atomics.hpp"
#include "model/checker/checked_pool.hpp"
#include "model/checker/plain.hpp"
#include "model/scenarios.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dictsqlite::checker {
namespace {

using entry::EntryKind;
using Reclaimer = cache::BasicReclaimer<CheckedAtomics>;
using EntryPool = entry::BasicEntryPool<CheckedAtomics>;
using Entry = EntryPool::Entry;

// One slot of a table, accessed as the table does.
class Cell {
 public:
  explicit Cell(EntryPool& pool) : pool_(pool) {}
  void put(Entry* entry) noexcept { offset_.store(pool_.offset_of(entry), std::memory_order_release); }
  [[nodiscard]] Entry* find() const noexcept {
    const std::uint32_t offset = offset_.load(std::memory_order_acquire);
    return offset != 0 ? pool_.at(offset) : nullptr;
  }
  /// Takes out what is there, if anything, and puts `entry` in.
  [[nodiscard]] Entry* replace(Entry* entry) noexcept {
    std::uint32_t offset = offset_.load(std::memory_order_acquire);
    const std::uint32_t replacement = entry != nullptr ? pool_.offset_of(entry) : 0;
    if (offset == 0 || !offset_.compare_exchange_strong(offset, replacement, std::memory_order_acq_rel)) return nullptr;
    return pool_.at(offset);
  }

 private:
  EntryPool& pool_;
  CheckedAtomic<std::uint32_t> offset_{0};
};

struct Structures {
  Structures() { cell.put(pool.make(EntryKind::kSet, "key", 1)); }

  void read() {
    const Reclaimer::Guard guard = reclaimer.enter();
    look();
  }
  // As a reader who makes no call.
  void read_shortly() {
    const Reclaimer::Guard guard = reclaimer.try_enter();
    expect(static_cast<bool>(guard), "the thread has a number, and no other guard");
    look();
  }
  // As a thread without a number.
  void read_sharing() {
    const Reclaimer::Guard guard = reclaimer.enter_shared();
    look();
  }
  void look() {
    Entry* const entry = cell.find();
    if (entry == nullptr) return;
    pool.look(entry);
    expect(entry->sequence != 0, "it is whole");
    pool.look(entry);
  }
  // As a writer: the entry is removed and retired under a guard.
  void replace(Entry* replacement) {
    const Reclaimer::Guard guard = reclaimer.enter();
    if (Entry* const removed = cell.replace(replacement)) reclaimer.retire(removed);
  }

  EntryPool pool;
  Reclaimer reclaimer{pool};
  Cell cell{pool};
};

// A reader, and a writer that removes the entry and collects until it would be free.
struct ReaderAndRemover : Structures {
  static constexpr std::size_t kThreads = 2;

  void thread(std::size_t index) {
    if (index == 1) return read_shortly();
    replace(nullptr);
    for (int call = 0; call < 3; ++call) reclaimer.collect();
  }
  void check() {}
};

// The same reader where others may enter, too; and one with a guard within a guard.
struct SharingReadersAndRemover : Structures {
  static constexpr std::size_t kThreads = 3;

  void thread(std::size_t index) {
    if (index == 1) return read_sharing();
    if (index == 2) {
      const Reclaimer::Guard guard = reclaimer.enter();
      return read();
    }
    replace(nullptr);
    for (int call = 0; call < 3; ++call) reclaimer.collect();
  }
  void check() {}
};

// Readers that come at any time, a writer that replaces, and the collector on a thread of its own.
struct ReaderWriterCollector : Structures {
  static constexpr std::size_t kThreads = 3;

  void thread(std::size_t index) {
    if (index == 1) {
      read();
    } else if (index == 2) {
      replace(pool.make(EntryKind::kSet, "key", 2));
    } else {
      for (int call = 0; call < 3; ++call) reclaimer.collect();
    }
  }
  void check() {}
};

// A removal without a guard: what the remover did, and saw, is handed to the collector by the stack alone (G6).
struct RemovalWithoutGuard : Structures {
  static constexpr std::size_t kThreads = 2;

  void thread(std::size_t index) {
    if (index == 1) {
      if (Entry* const removed = cell.replace(nullptr)) reclaimer.retire(removed);
    } else {
      for (int call = 0; call < 3; ++call) reclaimer.collect();
    }
  }
  void check() {}
};

// A thread that reads again where it has read before: each time has to be waited for, and what it did the first time is
// known to the collector that finds it there the second time.
struct ReadsOneAfterAnother : Structures {
  static constexpr std::size_t kThreads = 2;

  void thread(std::size_t index) {
    if (index == 1) {
      for (int time = 0; time < 2; ++time) read();
      return;
    }
    replace(nullptr);
    for (int call = 0; call < 3; ++call) reclaimer.collect();
  }
  void check() {}
};

// Two who collect in turn: what one of them leaves the other one frees, knowing all that the first one knew (G7).
template <bool kInPortions>
struct CollectorsInTurn : Structures {
  static constexpr std::size_t kThreads = 3;

  CollectorsInTurn() { other.put(pool.make(EntryKind::kSet, "other", 1)); }
  void thread(std::size_t index) {
    if (index == 1) {
      replace(nullptr);
      const Reclaimer::Guard guard = reclaimer.enter();
      if (Entry* const removed = other.replace(nullptr)) reclaimer.retire(removed);
    } else if (index == 2) {
      for (int call = 0; call < 2; ++call) reclaimer.collect_some(1);
    } else if (kInPortions) {
      reclaimer.collect_some(1);
    } else {
      reclaimer.collect();
    }
  }
  void check() {}

  Cell other{pool};
};

// Two who replace and collect at a time: there is one collector, and each entry is freed once.
struct TwoCollectors : Structures {
  static constexpr std::size_t kThreads = 2;

  void thread(std::size_t index) {
    replace(pool.make(EntryKind::kSet, "key", index + 1));
    for (int call = 0; call < 2; ++call) reclaimer.collect();
  }
  void check() {}
};

// What is retired counts throughout, whoever takes it meanwhile: a database without a disk would take itself for full.
struct BacklogUnderACollector : Structures {
  static constexpr std::size_t kThreads = 2;

  BacklogUnderACollector() {
    reclaimer.retire(cell.replace(nullptr));
    bytes = reclaimer.backlog_bytes();
    expect(bytes != 0, "one is retired");
  }
  void thread(std::size_t index) {
    if (index == 1) return reclaimer.collect();
    expect(reclaimer.backlog_bytes() >= bytes, "what waits for the guard is in the backlog");
  }
  void check() { expect(reclaimer.backlog_bytes() == bytes, "nothing was freed"); }

  std::size_t bytes = 0;
  const Reclaimer::Guard guard = reclaimer.enter_shared();
};

}  // namespace

std::vector<Study> reclaimer_studies() {
  return {
      {scenario_of<ReaderAndRemover>("reclaimer: a reader and a remover"), {.preemptions = 2, .stale_accesses = 1}},
      {scenario_of<SharingReadersAndRemover>("reclaimer: readers that share, and a remover"),
       {.preemptions = 2, .stale_accesses = 1}},
      {scenario_of<ReaderWriterCollector>("reclaimer: reader, writer, collector"),
       {.preemptions = 2, .stale_accesses = 1}},
      {scenario_of<RemovalWithoutGuard>("reclaimer: a removal without a guard"),
       {.preemptions = 2, .stale_accesses = 1}},
      {scenario_of<ReadsOneAfterAnother>("reclaimer: reads one after another"),
       {.preemptions = 2, .stale_accesses = 1}},
      {scenario_of<CollectorsInTurn<false>>("reclaimer: collectors in turn"), {.preemptions = 1, .stale_accesses = 1}},
      {scenario_of<CollectorsInTurn<true>>("reclaimer: collectors in turn, in portions"),
       {.preemptions = 1, .stale_accesses = 1}},
      {scenario_of<BacklogUnderACollector>("reclaimer: the backlog under a collector"),
       {.preemptions = 2, .stale_accesses = 1}},
      {scenario_of<TwoCollectors>("reclaimer: two collectors"), {.preemptions = 2, .stale_accesses = 1}},
  };
}

}  // namespace dictsqlite::checker
