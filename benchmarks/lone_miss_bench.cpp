// What does one read cost that is not in memory, when nobody else asks?
//
// Such a read goes to the loader thread and back, so what it costs is the hand-over. A thread starts a coroutine that
// awaits one get and polls until it has ended; the coroutine resumes on the loader thread. Beside it: the same with
// threads that park, and a coroutine that stays on the loader thread, where there is no way back to pay for.

#include "support/arguments.hpp"
#include "support/check.hpp"
#include "support/contest.hpp"
#include "support/fill.hpp"
#include "support/plain_sqlite.hpp"
#include "support/report.hpp"
#include "support/rows.hpp"
#include "support/scratch_directory.hpp"
#include "support/statistics.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <absl/strings/str_cat.h>

#include <chrono>
#include <filesystem>
#include <vector>

namespace dictsqlite::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kProgram = "lone_miss_bench";
constexpr std::size_t kRows = 1'000'000;
constexpr std::size_t kGets = 2'000;
constexpr auto kPollTime = std::chrono::milliseconds(1);

Task<void> get_one(Database& database, std::string_view key) {
  const absl::StatusOr<Value> value = co_await database.get_async(key);
  if (!value.ok() || value->size() != kValueBytes) die("get", "the row is not what was written");
}

Task<void> get_many(Database& database, const Keys& keys, std::size_t first, Latencies& latencies) {
  for (std::uint32_t& latency : latencies) {
    const Clock::time_point before = Clock::now();
    co_await get_one(database, keys[first]);
    ++first;
    latency = static_cast<std::uint32_t>(std::chrono::nanoseconds(Clock::now() - before).count());
  }
}

Sample finish(const Stopwatch& watch, Latencies& latencies) {
  Sample sample = watch.stop(static_cast<double>(latencies.size()));
  sample.p50_us = percentile_us(latencies, 0.5);
  sample.p99_us = percentile_us(latencies, 0.99);
  return sample;
}

// Gets keys from `next_key` on, one after another.
template <typename Get>
Sample get_each(std::size_t& next_key, Get&& get) {
  Latencies latencies(kGets);
  const Stopwatch watch;
  for (std::uint32_t& latency : latencies) {
    const Clock::time_point before = Clock::now();
    get(next_key++);
    latency = static_cast<std::uint32_t>(std::chrono::nanoseconds(Clock::now() - before).count());
  }
  return finish(watch, latencies);
}

Database open(const std::string& path, std::chrono::microseconds poll_time) {
  Options options;
  options.path = path;
  options.poll_time = poll_time;
  options.executor = inline_executor();
  return must(Database::open(std::move(options)), "open");
}

// The same rows in two files: a database has one owner, and polling is an option of the whole database.
void make_files(const Keys& keys, const std::string& first, const std::string& second) {
  {
    Options options;
    options.path = first;
    Database database = must(Database::open(std::move(options)), "open");
    sync_wait(fill(database, keys, Values()));
    must(database.close(), "close");
  }
  std::error_code error;
  std::filesystem::copy_file(first, second, error);
  if (error) die(second, error.message());
}

void run(const Arguments& arguments) {
  Report report(arguments, kProgram, "one row out of a million that is not in memory, awaited alone");
  const ScratchDirectory scratch;
  const Keys keys(arguments.scaled(kRows));
  make_files(keys, scratch.file("polling.db"), scratch.file("parked.db"));
  Database polling = open(scratch.file("polling.db"), kPollTime);
  Database parked = open(scratch.file("parked.db"), std::chrono::microseconds(0));
  PlainSqlite plain({.path = scratch.file("polling.db"), .cache_bytes = Options().reader_cache_bytes});

  // Each way has keys of its own that are not in memory yet.
  const std::size_t half = keys.size() / 2;
  std::size_t next_polled = 0;
  std::size_t next_chained = half;
  std::size_t next_parked = 0;
  std::size_t next_selected = 0;
  std::string value;
  Contest contest;
  const auto& polled = contest.add("dictsqlite, polling, awaited from another thread", [&] {
    return get_each(next_polled, [&](std::size_t key) {
      TaskScope scope;
      scope.spawn(get_one(polling, keys[key]));
      while (scope.running() != 0) {
      }
    });
  });
  const auto& chained = contest.add("dictsqlite, polling, coroutine on the loader thread", [&] {
    Latencies latencies(kGets);
    const Stopwatch watch;
    sync_wait(get_many(polling, keys, next_chained, latencies));
    next_chained += kGets;
    return finish(watch, latencies);
  });
  const auto& blocking = contest.add("dictsqlite, parked, blocking get", [&] {
    return get_each(next_parked, [&](std::size_t key) { must(parked.get(keys[key]), "get"); });
  });
  const auto& selected = contest.add("plain SQLite, one SELECT", [&] {
    return get_each(next_selected, [&](std::size_t key) {
      if (!plain.select(keys[key], value)) die("SELECT", "the row is not there");
    });
  });
  contest.run(std::min(arguments.repeats_or(11), half / kGets - 1));

  for (const auto& contender : contest.contenders()) report.latencies(contender);
  report.figure("parked against one SELECT", ratios(blocking.p50_us(), selected.p50_us()), "x");
  report.figure("on the loader thread against one SELECT", ratios(chained.p50_us(), selected.p50_us()), "x");
  report.bar("polling against one SELECT", ratios(polled.p50_us(), selected.p50_us()), "x", BarKind::kAtMost, 3);
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments =
      bench::parse_arguments(argc, argv, "One miss awaited alone against one plain SELECT.");
  if (arguments.wants(bench::kProgram, "lone_miss")) bench::run(arguments);
}
