// Goal: get, set, eviction and load of one key are linearizable: what a read returns is never older than what was
// complete when it began [I2] [I3] [I4]. Method: the real table, reclaimer and protocol of writers, readers and loads,
// run by a Scheduler that changes threads between any two accesses, thousands of short runs from one seed. Keys hang
// in slots, in the chain and across both. The database is a number, the snapshot of a load is its value at one moment.
#include "cache/table.hpp"
#include "support/random.hpp"
#include "support/scale.hpp"
#include "support/scheduler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

namespace dictsqlite::cache {
namespace {

using entry::EntryKind;
using testing_support::scaled;
using testing_support::ScheduledAtomics;
using testing_support::Scheduler;

using Table = BasicTable<ScheduledAtomics>;
using Reclaimer = BasicReclaimer<ScheduledAtomics>;
using EntryPool = entry::BasicEntryPool<ScheduledAtomics>;
using Entry = entry::BasicEntry<ScheduledAtomics>;
using Outcome = Table::PendingResult::Outcome;

// One key and all who deal with it. Only one thread runs at a time, so that plain members may be shared: each use
// of them between two steps is one atomic action.
class World {
 public:
  static constexpr std::size_t kWritesMax = 8;

  /// `crowd`: so many entries that cannot be evicted are in the bucket beforehand. With 6 the key hangs in the chain,
  /// with 4 some of its entries find slots and others do not.
  /// The first slot belongs to an entry that was read before and can be evicted at any time.
  explicit World(std::size_t crowd) {
    table_.install(99, make(EntryKind::kSet, "clean", 0), 0);
    (void)table_.find({99, 1, "clean"});
    for (std::size_t index = 0; index < crowd; ++index) {
      Entry* const entry = make(EntryKind::kSet, "crowd" + std::to_string(index), 1'000'000);
      table_.install(100 + index, entry, 0);
    }
  }

  void write() {
    Scheduler::step();
    const std::uint64_t ticket = ++claimed_;
    Entry* const entry = make(EntryKind::kSet, "key", ticket);
    {
      const Reclaimer::Guard guard = reclaimer_.enter();
      table_.install(kKey.hash, entry, applied_);
    }
    Scheduler::step();
    published_[ticket] = true;
    completed(ticket);
  }

  // Applies in order what is published, then evicts all it may.
  void apply_all_of(std::uint64_t writes) {
    while (applied_ < writes) {
      while (!published_[applied_ + 1]) Scheduler::yield();
      row_ = applied_ + 1;
      Scheduler::step();
      applied_ = row_;
      evict();
    }
  }
  void evict() {
    {
      const Reclaimer::Guard guard = reclaimer_.enter();
      std::uint64_t evicted = 0;
      table_.evict(~std::size_t{0}, applied_, evicted);
    }
    reclaimer_.collect();
  }

  void read() {
    Scheduler::step();
    const std::uint64_t floor = completed_;
    const std::uint64_t seen = read_or_load();
    EXPECT_GE(seen, floor) << "a read went back in time";
    completed(seen);
  }

  // Only looks: right while the key is not evicted.
  void look() {
    Scheduler::step();
    const std::uint64_t floor = completed_;
    const Reclaimer::Guard guard = reclaimer_.enter();
    const Entry* const entry = table_.find(kKey);
    const std::uint64_t seen = entry != nullptr && entry->is_real() ? entry->sequence : 0;
    EXPECT_GE(seen, floor) << "a look missed what another one saw, or what was written before";
    completed(seen);
  }

  /// At the end: the table agrees with the database, and holds no more than one entry of the key.
  void check() {
    const Entry* const entry = table_.find(kKey);
    if (entry == nullptr) return;
    EXPECT_TRUE(entry->is_real()) << "a load was left behind";
    EXPECT_GE(entry->sequence, row_);
    EXPECT_TRUE(table_.remove(kKey.hash, table_.find(kKey)));
    EXPECT_EQ(table_.find(kKey), nullptr) << "there was more than one entry of the key";
  }
  [[nodiscard]] std::uint64_t claimed() const { return claimed_; }

 private:
  struct Flight {
    std::uint64_t result = 0;
    bool done = false;
  };

  Entry* make(EntryKind kind, std::string_view key, std::uint64_t sequence) {
    Entry* const entry = pool_.make(kind, 1, key, "", 0);
    EXPECT_NE(entry, nullptr);
    entry->sequence = sequence;
    return entry;
  }
  void completed(std::uint64_t sequence) { completed_ = std::max(completed_, sequence); }

  std::uint64_t read_or_load() {
    for (;;) {
      Flight* joined = nullptr;
      {
        const Reclaimer::Guard guard = reclaimer_.enter();
        Entry* const entry = table_.find(kKey);
        if (entry != nullptr && entry->is_real()) return entry->sequence;
      }
      while (locked_) Scheduler::yield();
      locked_ = true;
      const std::uint64_t seen = start_load(joined);
      if (joined == nullptr) {
        if (seen != kTryAgain) return seen;
        continue;
      }
      while (!joined->done) Scheduler::yield();
      return joined->result;
    }
  }

  // Under the key's lock, which it releases. Leads to a sequence, to a load to wait for, or to nothing.
  std::uint64_t start_load(Flight*& joined) {
    Entry* const pending = make(EntryKind::kPending, "key", 0);
    EntryPool::retain(*pending);
    flights_.emplace_back();
    Flight& flight = flights_.back();
    pending->set_word(&flight);
    const Reclaimer::Guard guard = reclaimer_.enter();
    const Table::PendingResult result = table_.place_pending(kKey.hash, pending, applied_);
    std::uint64_t seen = kTryAgain;
    if (result.outcome == Outcome::kFound && result.entry->is_real()) seen = result.entry->sequence;
    if (result.outcome == Outcome::kFound && !result.entry->is_real()) joined = result.entry->template word<Flight>();
    locked_ = false;
    if (result.outcome == Outcome::kStands) seen = load(pending, flight);
    pool_.release(pending);
    return seen;
  }
  std::uint64_t load(Entry* pending, Flight& flight) {
    Scheduler::step();
    flight.result = row_;  // the snapshot
    Scheduler::step();
    Entry* const fill = make(flight.result == 0 ? EntryKind::kAbsent : EntryKind::kSet, "key", flight.result);
    table_.fill(kKey.hash, pending, fill);
    Scheduler::step();
    flight.done = true;
    return flight.result;
  }

  static constexpr std::uint64_t kTryAgain = ~std::uint64_t{0};
  static inline const Table::Key kKey{1, 1, "key"};

  EntryPool pool_{1u << 20};
  Reclaimer reclaimer_{pool_};
  Table table_{1, pool_, reclaimer_};
  std::uint64_t claimed_ = 0;
  std::array<bool, kWritesMax + 1> published_{};
  std::uint64_t row_ = 0;        // what the database holds
  std::uint64_t applied_ = 0;    // the watermark, which follows
  std::uint64_t completed_ = 0;  // the newest sequence that a finished operation wrote or saw
  bool locked_ = false;
  std::deque<Flight> flights_;
};

// A cast of threads, played many times.
void explore(std::uint64_t stream, std::size_t runs, std::size_t threads,
             const std::function<std::vector<std::function<void()>>(World&)>& cast) {
  for (const std::size_t accesses_per_switch : {3u, 12u, 40u}) {
    Scheduler scheduler(threads, stream + accesses_per_switch, accesses_per_switch);
    for (std::size_t run = 0; run < scaled(runs); ++run) {
      World world(std::array<std::size_t, 4>{0, 4, 5, 6}[run % 4]);
      scheduler.run(cast(world));
      world.check();
      ASSERT_FALSE(testing::Test::HasFailure()) << "run " << run << ", a switch every " << accesses_per_switch;
    }
  }
}

TEST(TableSchedule, WhoeverLooksSeesTheNewestWhileOnlyOtherKeysAreEvicted) {
  explore(1000, 1'500, 4, [](World& world) -> std::vector<std::function<void()>> {
    const auto writer = [&] { world.write(); };
    return {writer, writer, [&] { world.evict(); },
            [&] {
              for (int count = 0; count < 6; ++count) world.look();
            }};
  });
}

TEST(TableSchedule, WritersReadersAndEviction) {
  explore(2000, 1'500, 5, [](World& world) -> std::vector<std::function<void()>> {
    const auto writer = [&] {
      world.write();
      world.write();
    };
    const auto reader = [&] {
      for (int count = 0; count < 3; ++count) world.read();
    };
    return {writer, writer, reader, reader, [&] { world.apply_all_of(4); }};
  });
}

TEST(TableSchedule, ReadersOfAKeyThatIsNotThereAndOneWriter) {
  explore(3000, 1'500, 4, [](World& world) -> std::vector<std::function<void()>> {
    const auto reader = [&] {
      for (int count = 0; count < 3; ++count) world.read();
    };
    return {reader, reader, [&] { world.write(); },
            [&] {
              world.evict();
              world.apply_all_of(1);
              world.evict();
            }};
  });
}

}  // namespace
}  // namespace dictsqlite::cache
