// How fast is what never leaves memory, against the map that somebody writes who needs nothing but memory? Gets that
// hit, by one and two threads, of keys that are mostly in no processor's cache and of few that are; many keys in one
// call against a loop of calls; sets that are accepted and written behind later.
//
// Every thread reads its keys from a stream of its own, in the order in which they come; values are handed out and
// looked at. Sets come in bursts in mode lazy, so that nothing is written meanwhile: what is measured is what the
// caller waits for. The memory of both was in use before.

#include "support/arguments.hpp"
#include "support/check.hpp"
#include "support/contest.hpp"
#include "support/fill.hpp"
#include "support/report.hpp"
#include "support/rows.hpp"
#include "support/scratch_directory.hpp"
#include "support/statistics.hpp"
#include "support/stopwatch.hpp"
#include "support/strong_map.hpp"
#include "support/zipf.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <absl/strings/str_cat.h>

#include <benchmark/benchmark.h>

#include <barrier>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace dictsqlite::bench {
namespace {

constexpr std::string_view kProgram = "map_bench";
constexpr std::size_t kManyKeys = 1'000'000;
constexpr std::size_t kHotKeys = 1'000;
constexpr std::size_t kGets = 4'000'000;  // of each thread in one run
constexpr std::size_t kHotGets = 20'000'000;
constexpr std::size_t kBurst = 1'000'000;  // sets of all threads in one run
constexpr std::size_t kTogether = 1'000;   // keys of one batch_get
constexpr std::size_t kThreadsMax = 2;

/// The keys that one thread asks for, one after another.
using Stream = std::vector<Keys::Bytes>;

std::string_view view(const Keys::Bytes& key) noexcept { return {key.data(), key.size()}; }

template <class Draw>
Stream stream(std::size_t length, std::uint64_t seed, Draw&& draw) {
  Random random(seed);
  Stream keys;
  keys.reserve(length);
  while (keys.size() < length) keys.push_back(Keys::make(draw(random)));
  return keys;
}

// Runs `work(thread)` on so many threads, from one moment on, until all have ended.
template <class Work>
Sample on_threads(std::size_t threads, std::size_t operations, Work&& work) {
  std::barrier line(static_cast<std::ptrdiff_t>(threads) + 1);
  std::vector<std::thread> others;
  for (std::size_t thread = 0; thread < threads; ++thread) {
    others.emplace_back([&, thread] {
      line.arrive_and_wait();
      work(thread);
    });
  }
  line.arrive_and_wait();
  const Stopwatch watch;
  for (std::thread& other : others) other.join();
  return watch.stop(static_cast<double>(operations));
}

void look_at(std::string_view value) noexcept {
  benchmark::DoNotOptimize(value.front());
  benchmark::DoNotOptimize(value.back());
}

Task<void> get_each(Database& database, const Stream& keys, std::size_t gets) {
  for (std::size_t done = 0; done < gets;) {
    for (std::size_t at = 0; at < keys.size() && done < gets; ++at, ++done) {
      const absl::StatusOr<Value> value = co_await database.get_async(view(keys[at]));
      if (!value.ok()) die("get", value.status().ToString());
      look_at(value->view());
    }
  }
}
void get_each(StrongMap& map, const Stream& keys, std::size_t gets) {
  std::string value;
  for (std::size_t done = 0; done < gets;) {
    for (std::size_t at = 0; at < keys.size() && done < gets; ++at, ++done) {
      if (!map.get(view(keys[at]), value)) die("get", "no hit");
      look_at(value);
    }
  }
}

Task<void> get_together(Database& database, const Stream& keys, std::size_t gets) {
  std::vector<std::string_view> views(kTogether);
  std::size_t at = 0;
  for (std::size_t done = 0; done < gets; done += kTogether) {
    if (at + kTogether > keys.size()) at = 0;
    for (std::string_view& each : views) each = view(keys[at++]);
    const auto values = co_await database.batch_get_async(views);
    for (const absl::StatusOr<Value>& value : values) {
      if (!value.ok()) die("batch_get", value.status().ToString());
      look_at(value->view());
    }
  }
}

Task<void> set_each(Database& database, const Stream& keys, std::size_t sets, const Values& values,
                    std::uint64_t first_value) {
  for (std::size_t at = 0; at < sets; ++at) {
    must(co_await database.set_async(view(keys[at]), values[first_value + at]), "set");
  }
}
void set_each(StrongMap& map, const Stream& keys, std::size_t sets, const Values& values, std::uint64_t first_value) {
  for (std::size_t at = 0; at < sets; ++at) map.set(view(keys[at]), values[first_value + at]);
}

// The library and the map, with a million rows each.
class Subjects {
 public:
  Subjects() : keys_(kManyKeys) {
    Options options;
    options.path = scratch_.file("library.db");
    options.persist_mode = PersistMode::kLazy;
    options.cache_bytes = std::size_t{1} << 30;
    options.unapplied_bytes = std::size_t{1} << 30;
    options.ring_capacity = std::size_t{1} << 21;
    database_ = must(Database::open(std::move(options)), "open");
    sync_wait(fill(database_, keys_, values_));
    for (std::size_t i = 0; i < keys_.size(); ++i) map_.set(keys_[i], values_[i]);
    wait_until_idle();
  }

  [[nodiscard]] Database& database() noexcept { return database_; }
  [[nodiscard]] StrongMap& map() noexcept { return map_; }
  [[nodiscard]] const Values& values() const noexcept { return values_; }

 private:
  const ScratchDirectory scratch_;
  const Keys keys_;
  const Values values_;
  Database database_;
  StrongMap map_;
};

void run_gets(const Arguments& arguments, Report& report, Subjects& subjects, const std::string& what,
              const std::vector<Stream>& streams, std::size_t gets, std::size_t threads, double bar) {
  Contest contest;
  const auto& ours = contest.add(absl::StrCat("get_async, ", what, ", threads: ", threads), [&] {
    return on_threads(threads, gets * threads,
                      [&](std::size_t thread) { sync_wait(get_each(subjects.database(), streams[thread], gets)); });
  });
  const auto& maps = contest.add(absl::StrCat("map get, ", what, ", threads: ", threads), [&] {
    return on_threads(threads, gets * threads,
                      [&](std::size_t thread) { get_each(subjects.map(), streams[thread], gets); });
  });
  contest.run(arguments.repeats_or(7));
  for (const auto& contender : contest.contenders()) report.rates(contender, "gets");
  report.bar(absl::StrCat("get, ", what, ", threads: ", threads, ", against the map"),
             ratios(ours.rates(), maps.rates()), "x", BarKind::kAtLeast, bar);
}

void run_together(const Arguments& arguments, Report& report, Subjects& subjects, const Stream& keys,
                  std::size_t gets) {
  Contest contest;
  const auto& together = contest.add("batch_get_async of 1000, 1 M keys", [&] {
    return on_threads(1, gets, [&](std::size_t) { sync_wait(get_together(subjects.database(), keys, gets)); });
  });
  const auto& each = contest.add("get_async, 1 M keys, uniform", [&] {
    return on_threads(1, gets, [&](std::size_t) { sync_wait(get_each(subjects.database(), keys, gets)); });
  });
  contest.run(arguments.repeats_or(7));
  for (const auto& contender : contest.contenders()) report.rates(contender, "gets");
  report.bar("batch_get of 1000 against a loop of gets", ratios(together.rates(), each.rates()), "x", BarKind::kAtLeast,
             3.5);
}

void run_sets(const Arguments& arguments, Report& report, Subjects& subjects, const std::vector<Stream>& streams,
              std::size_t burst, std::size_t threads, double bar) {
  const std::size_t each = burst / threads;
  std::uint64_t value = 1;
  Contest contest;
  const auto& ours = contest.add(absl::StrCat("set_async, 1 M keys, threads: ", threads), [&] {
    const Sample sample = on_threads(threads, each * threads, [&](std::size_t thread) {
      sync_wait(set_each(subjects.database(), streams[thread], each, subjects.values(), value + thread * each));
    });
    value += burst;
    must(subjects.database().flush(), "flush");
    return sample;
  });
  const auto& maps = contest.add(absl::StrCat("map set, 1 M keys, threads: ", threads), [&] {
    const Sample sample = on_threads(threads, each * threads, [&](std::size_t thread) {
      set_each(subjects.map(), streams[thread], each, subjects.values(), value + thread * each);
    });
    value += burst;
    return sample;
  });
  contest.run(arguments.repeats_or(7));
  for (const auto& contender : contest.contenders()) report.rates(contender, "sets");
  report.bar(absl::StrCat("set, threads: ", threads, ", against the map"), ratios(ours.rates(), maps.rates()), "x",
             BarKind::kAtLeast, bar);
}

template <class Draw>
std::vector<Stream> streams(std::size_t length, Draw&& draw) {
  std::vector<Stream> each;
  for (std::size_t thread = 0; thread < kThreadsMax; ++thread) each.push_back(stream(length, thread + 1, draw));
  return each;
}

void run(const Arguments& arguments) {
  Report report(arguments, kProgram, "hits and accepted sets, against 64 maps under a mutex each");
  Subjects subjects;
  if (arguments.wants(kProgram, "get zipf")) {
    const Zipf zipf(kManyKeys);
    // The frequent ones are scattered over the keys.
    const auto keys = streams(kManyKeys, [&](Random& random) { return scatter(zipf.draw(random)) % kManyKeys; });
    run_gets(arguments, report, subjects, "1 M keys, zipf", keys, arguments.scaled(kGets), 1, 1.4);
    run_gets(arguments, report, subjects, "1 M keys, zipf", keys, arguments.scaled(kGets), 2, 1.8);
  }
  if (arguments.wants(kProgram, "get hot")) {
    const auto keys = streams(kHotKeys * 16, [](Random& random) { return random.below(kHotKeys); });
    run_gets(arguments, report, subjects, "1000 keys", keys, arguments.scaled(kHotGets), 1, 0.85);
    run_gets(arguments, report, subjects, "1000 keys", keys, arguments.scaled(kHotGets), 2, 1.5);
  }
  const auto uniform = streams(kManyKeys, [](Random& random) { return random.below(kManyKeys); });
  if (arguments.wants(kProgram, "batch_get")) {
    run_together(arguments, report, subjects, uniform[0], arguments.scaled(kGets));
  }
  if (arguments.wants(kProgram, "set")) {
    run_sets(arguments, report, subjects, uniform, arguments.scaled(kBurst), 1, 1.1);
    run_sets(arguments, report, subjects, uniform, arguments.scaled(kBurst), 2, 0.9);
  }
  const Stats stats = subjects.database().stats();
  report.note(absl::StrCat("library, whole run: ", stats.loads, " gets were no hits, ", stats.parked_writers_total,
                           " sets found no room and waited"));
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments =
      bench::parse_arguments(argc, argv, "Hits and accepted sets against a concurrent map in memory.");
  bench::run(arguments);
}
