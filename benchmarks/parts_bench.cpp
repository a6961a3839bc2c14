// What do the parts cost that every get and set is made of: ring, entry memory, reclamation guard, table?
//
// One thread, no contention: a lower bound of what the whole can reach, and the first place to look when the whole
// becomes slower.

#include "cache/reclaimer.hpp"
#include "cache/table.hpp"
#include "entry/entry_pool.hpp"
#include "ring/admission.hpp"
#include "ring/write_ring.hpp"

#include "base/hash.hpp"

#include "support/arguments.hpp"
#include "support/check.hpp"
#include "support/google.hpp"
#include "support/report.hpp"
#include "support/rows.hpp"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>

namespace dictsqlite::bench {
namespace {

constexpr std::string_view kProgram = "parts_bench";
constexpr std::uint32_t kTableId = 1;
constexpr std::size_t kSlabBytes = std::size_t{1} << 30;
constexpr std::size_t kRingCapacity = 1u << 17;
constexpr std::size_t kRingBatch = 1u << 10;
constexpr std::size_t kCollectEvery = 1u << 10;

// A table full of rows, with everything it stands on.
struct FullTable {
  explicit FullTable(std::size_t count)
      : keys(count), pool(kSlabBytes), reclaimer(pool), table(count, pool, reclaimer) {
    if (!pool.valid() || !table.valid()) die("table", "no memory");
    for (std::size_t i = 0; i < count; ++i) install(i, i);
  }

  void install(std::size_t key, std::uint64_t number) {
    entry::Entry* entry = pool.make(entry::EntryKind::kSet, kTableId, keys[key], values[number], 0);
    if (entry == nullptr) die("entry", "no memory");
    entry->sequence = ++sequence;
    const auto guard = reclaimer.enter();
    table.install(base::hash_key(kTableId, keys[key]), entry, 0);
  }
  entry::Entry* find(std::size_t key) { return table.find({base::hash_key(kTableId, keys[key]), kTableId, keys[key]}); }

  Keys keys;
  Values values;
  entry::EntryPool pool;
  cache::Reclaimer reclaimer;
  cache::Table table;
  std::uint64_t sequence = 0;
};

void hash(benchmark::State& state) {
  const Keys keys(1024);
  std::size_t i = 0;
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(base::hash_key(kTableId, keys[i++ % 1024]));
  state.SetItemsProcessed(state.iterations());
}

void guard(benchmark::State& state) {
  entry::EntryPool pool(kSlabBytes);
  cache::Reclaimer reclaimer(pool);
  for ([[maybe_unused]] auto _ : state) {
    const auto held = reclaimer.enter();
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}

void make_and_release(benchmark::State& state) {
  entry::EntryPool pool(kSlabBytes);
  const Keys keys(1024);
  const Values values;
  std::size_t i = 0;
  for ([[maybe_unused]] auto _ : state) {
    pool.release(pool.make(entry::EntryKind::kSet, kTableId, keys[i % 1024], values[i], 0));
    ++i;
  }
  state.SetItemsProcessed(state.iterations());
}

void find_hit(benchmark::State& state, FullTable& full) {
  const std::size_t count = full.keys.size();
  std::size_t i = 0;
  for ([[maybe_unused]] auto _ : state) {
    const auto held = full.reclaimer.enter();
    benchmark::DoNotOptimize(full.find(i));
    if (++i == count) i = 0;
  }
  state.SetItemsProcessed(state.iterations());
}

void find_absent(benchmark::State& state, FullTable& full) {
  const Keys others(full.keys.size(), full.keys.size());
  std::size_t i = 0;
  for ([[maybe_unused]] auto _ : state) {
    const auto held = full.reclaimer.enter();
    benchmark::DoNotOptimize(full.table.find({base::hash_key(kTableId, others[i]), kTableId, others[i]}));
    if (++i == others.size()) i = 0;
  }
  state.SetItemsProcessed(state.iterations());
}

void install_over(benchmark::State& state, FullTable& full) {
  Random random(1);
  for ([[maybe_unused]] auto _ : state) {
    full.install(random.below(full.keys.size()), full.sequence);
    if (full.sequence % kCollectEvery == 0) full.reclaimer.collect();
  }
  state.SetItemsProcessed(state.iterations());
}

void ring_through(benchmark::State& state) {
  ring::WriteRing ring(kRingCapacity, 1);
  entry::EntryPool pool(kSlabBytes);
  entry::Entry* entry = pool.make(entry::EntryKind::kSet, kTableId, "key", "value", 0);
  for ([[maybe_unused]] auto _ : state) {
    for (std::size_t i = 0; i < kRingBatch; ++i) ring.publish(ring.try_claim().ticket, entry);
    while (ring.pop() != nullptr) {
    }
    ring.release_room();
  }
  pool.release(entry);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRingBatch));
}

void admission(benchmark::State& state) {
  ring::Admission admission(1u << 20);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(admission.try_reserve(176));
    admission.give_back(176);
  }
  state.SetItemsProcessed(state.iterations());
}

// Made when the first benchmark runs that wants it.
class LateTable {
 public:
  explicit LateTable(std::size_t count) : count_(count) {}

  /// A benchmark of the table.
  template <typename Work>
  Suite::Function with(Work work) {
    return [this, work](benchmark::State& state) {
      if (!table_) table_ = std::make_unique<FullTable>(count_);
      work(state, *table_);
    };
  }

 private:
  const std::size_t count_;
  std::unique_ptr<FullTable> table_;
};

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments = bench::parse_arguments(argc, argv, "The parts of a get and a set, one by one.");
  bench::Report report(arguments, bench::kProgram, "ring, entries and table, one thread");
  bench::LateTable small(10'000);
  bench::LateTable large(1'000'000);
  bench::Suite suite(arguments, bench::kProgram);
  suite.add("hash of a key", bench::hash);
  suite.add("reclaimer guard, enter and leave", bench::guard);
  suite.add("entry, make and release", bench::make_and_release);
  suite.add("table find, 10 k keys", small.with(bench::find_hit));
  suite.add("table find, 1 M keys", large.with(bench::find_hit));
  suite.add("table find, absent", small.with(bench::find_absent));
  suite.add("table install over, 10 k keys", small.with(bench::install_over));
  suite.add("table install over, 1 M keys", large.with(bench::install_over));
  suite.add("ring, in and out", bench::ring_through);
  suite.add("admission, reserve and give back", bench::admission);
  suite.run(argc, argv, report);
}
