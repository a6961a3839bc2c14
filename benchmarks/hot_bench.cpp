// How fast is what never leaves memory: a get that hits, a set that is accepted?
//
// One thread. Beside each, for orientation: a plain concurrent map in memory that writes nothing behind, and plain
// SQLite. Sets come in bursts that fit the ring; the flush between two bursts is not counted, but the flusher works
// while the burst runs, as it does in life. A set's key is made on the way, as a caller has it at hand: a table of them
// would cost a cache miss of its own.

#include "support/arguments.hpp"
#include "support/check.hpp"
#include "support/fill.hpp"
#include "support/google.hpp"
#include "support/plain_sqlite.hpp"
#include "support/report.hpp"
#include "support/rows.hpp"
#include "support/scratch_directory.hpp"
#include "support/stopwatch.hpp"
#include "support/strong_map.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <absl/strings/str_cat.h>

#include <benchmark/benchmark.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace dictsqlite::bench {
namespace {

constexpr std::string_view kProgram = "hot_bench";
constexpr std::size_t kHotKeys = 10'000;
constexpr std::size_t kManyKeys = 1'000'000;
constexpr std::size_t kBurst = 100'000;
constexpr std::size_t kTogether = 1'000;  // keys of one batch_get
constexpr std::int64_t kBursts = 5;       // in one repeat

std::string_view view(const Keys::Bytes& key) noexcept { return {key.data(), key.size()}; }

// --- gets ---

Task<void> get_hits(benchmark::State& state, Database& database, const Keys& keys) {
  std::size_t i = 0;
  for ([[maybe_unused]] auto _ : state) {
    const absl::StatusOr<Value> value = co_await database.get_async(keys[i]);
    if (!value.ok()) die("get", value.status().ToString());
    benchmark::DoNotOptimize(value->data());
    if (++i == keys.size()) i = 0;
  }
  state.SetItemsProcessed(state.iterations());
}

// Reads each key once. After it, all but a few are hits: a full bucket of the table lets go of what is clean.
Task<void> warm(Database& database, const Keys& keys) {
  for (std::size_t i = 0; i < keys.size(); ++i) must(co_await database.get_async(keys[i]), "get");
}

Task<void> get_hits_together(benchmark::State& state, Database& database, const Keys& keys) {
  std::vector<std::string_view> views;
  for (std::size_t i = 0; i < keys.size(); ++i) views.push_back(keys[i]);
  std::size_t first = 0;
  for ([[maybe_unused]] auto _ : state) {
    const auto values = co_await database.batch_get_async(std::span(views).subspan(first, kTogether));
    benchmark::DoNotOptimize(values.data());
    first += kTogether;
    if (first + kTogether > views.size()) first = 0;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kTogether));
}

template <typename Get>
void get_by_hand(benchmark::State& state, const Keys& keys, Get&& get) {
  std::string value;
  std::size_t i = 0;
  for ([[maybe_unused]] auto _ : state) {
    if (!get(keys[i], value)) die("get", "no hit");
    benchmark::DoNotOptimize(value.data());
    if (++i == keys.size()) i = 0;
  }
  state.SetItemsProcessed(state.iterations());
}

// --- sets ---

Task<void> set_burst(Database& database, std::size_t keys, const Values& values, std::uint64_t first) {
  Random random(first);
  for (std::size_t i = 0; i < kBurst; ++i) {
    const Keys::Bytes key = Keys::make(random.below(keys));
    must(co_await database.set_async(view(key), values[first + i]), "set");
  }
}

// Times `burst(number of the first value)` and runs `after` untimed.
template <typename Burst, typename After>
void set_in_bursts(benchmark::State& state, std::uint64_t& values_written, Burst&& burst, After&& after) {
  for ([[maybe_unused]] auto _ : state) {
    const auto started = std::chrono::steady_clock::now();
    burst(values_written);
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
    values_written += kBurst;
    after();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBurst));
}

// What the benchmarks work on; made when the first one of them runs, so that a filter saves the rest.
class Subjects {
 public:
  Subjects() : hot_keys_(kHotKeys), many_keys_(kManyKeys) {}

  void add_gets(Suite& suite) {
    suite.add("get_async, 10 k keys",
              [this](benchmark::State& state) { sync_wait(get_hits(state, idle_library(), hot_keys_)); });
    suite.add("get_async, 1 M keys",
              [this](benchmark::State& state) { sync_wait(get_hits(state, idle_library(), many_keys_)); });
    suite.add("batch_get_async of 1000, 1 M keys",
              [this](benchmark::State& state) { sync_wait(get_hits_together(state, idle_library(), many_keys_)); });
    suite.add("map get, 10 k keys", [this](benchmark::State& state) {
      get_by_hand(state, hot_keys_,
                  [&map = map()](std::string_view key, std::string& value) { return map.get(key, value); });
    });
    suite.add("map get, 1 M keys", [this](benchmark::State& state) {
      get_by_hand(state, many_keys_,
                  [&map = map()](std::string_view key, std::string& value) { return map.get(key, value); });
    });
    suite.add("plain SQLite SELECT, 10 k keys", [this](benchmark::State& state) {
      get_by_hand(state, hot_keys_,
                  [&plain = plain()](std::string_view key, std::string& value) { return plain.select(key, value); });
    });
  }

  /// What did not go as a hot path goes.
  void note_exceptions(Report& report) const {
    if (!library_open_) return;
    const Stats stats = library_.stats();
    report.note(absl::StrCat("library, whole run: ", stats.loads, " gets were no hits, ", stats.parked_writers_total,
                             " sets found no room and waited"));
  }

  void add_sets(Suite& suite) {
    suite.add_timed("set_async, 10 k keys", kBursts, library_sets(kHotKeys));
    suite.add_timed("set_async, 1 M keys", kBursts, library_sets(kManyKeys));
    suite.add_timed("map set, 10 k keys", kBursts, map_sets(kHotKeys));
    suite.add_timed("map set, 1 M keys", kBursts, map_sets(kManyKeys));
  }

 private:
  Suite::Function library_sets(std::size_t keys) {
    return [this, keys](benchmark::State& state) {
      Database& database = library();
      set_in_bursts(
          state, values_written_, [&](std::uint64_t first) { sync_wait(set_burst(database, keys, values_, first)); },
          [&] { must(database.flush(), "flush"); });
    };
  }
  Suite::Function map_sets(std::size_t keys) {
    return [this, keys](benchmark::State& state) {
      StrongMap& map = this->map();
      set_in_bursts(
          state, values_written_,
          [&](std::uint64_t first) {
            Random random(first);
            for (std::size_t i = 0; i < kBurst; ++i) {
              const Keys::Bytes key = Keys::make(random.below(keys));
              map.set(view(key), values_[first + i]);
            }
          },
          [] {});
    };
  }

  // When what was set before has been written behind and copied from the log, which begins a flush interval after the
  // last write: its time would be counted as the gets'.
  Database& idle_library() {
    Database& database = library();
    std::this_thread::sleep_for(Options().flush_interval);
    wait_until_idle();
    return database;
  }
  // Options as they come, but for a cache that holds a million rows.
  Database& library() {
    if (!library_open_) {
      Options options;
      options.path = scratch_.file("library.db");
      options.cache_bytes = std::size_t{512} << 20;
      library_ = must(Database::open(std::move(options)), "open");
      sync_wait(fill(library_, many_keys_, values_));
      sync_wait(warm(library_, many_keys_));
      sync_wait(warm(library_, hot_keys_));
      library_open_ = true;
    }
    return library_;
  }
  StrongMap& map() {
    if (!map_filled_) {
      for (std::size_t i = 0; i < many_keys_.size(); ++i) map_.set(many_keys_[i], values_[i]);
      map_filled_ = true;
    }
    return map_;
  }
  PlainSqlite& plain() {
    if (!plain_) {
      plain_ = std::make_unique<PlainSqlite>(PlainOptions{.path = scratch_.file("plain.db")});
      plain_->begin();
      for (std::size_t i = 0; i < hot_keys_.size(); ++i) plain_->upsert(hot_keys_[i], values_[i]);
      plain_->commit();
    }
    return *plain_;
  }

  const ScratchDirectory scratch_;
  const Keys hot_keys_;  // the first of many_keys_
  const Keys many_keys_;
  const Values values_;
  std::uint64_t values_written_ = kManyKeys;
  Database library_;
  StrongMap map_;
  std::unique_ptr<PlainSqlite> plain_;
  bool library_open_ = false;
  bool map_filled_ = false;
};

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments =
      bench::parse_arguments(argc, argv, "Gets that hit and sets that are accepted, on one thread.");
  bench::Report report(arguments, bench::kProgram, "what never leaves memory, one thread");
  bench::Subjects subjects;
  bench::Suite suite(arguments, bench::kProgram);
  subjects.add_gets(suite);
  subjects.add_sets(suite);
  suite.run(argc, argv, report);
  subjects.note_exceptions(report);
  suite.bar(report, "get_async, 10 k keys", 10e6);
  suite.bar(report, "set_async, 10 k keys", 3e6);
}
