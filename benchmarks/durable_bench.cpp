// What do durable writes cost when many coroutines wait for them at once?
//
// 64 coroutines each set a random key of a table of 300 k with Ack::kDurable, again and again. By hand: SQLite with
// synchronous=FULL and a transaction a row, as somebody does who needs each row durable before he goes on; beside it,
// for orientation, 64 rows a transaction.

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

#include <absl/strings/str_format.h>

#include <chrono>
#include <vector>

namespace dictsqlite::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kProgram = "durable_bench";
constexpr std::size_t kKeys = 300'000;
constexpr std::size_t kCoroutines = 64;
constexpr std::size_t kManyCoroutines = 1024;
constexpr double kRunSeconds = 3;

std::uint32_t nanoseconds_between(Clock::time_point from, Clock::time_point to) noexcept {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(to - from).count());
}

Sample finish(const Stopwatch& watch, std::size_t rows, Latencies& latencies) {
  Sample sample = watch.stop(static_cast<double>(rows));
  sample.p50_us = percentile_us(latencies, 0.5);
  sample.p99_us = percentile_us(latencies, 0.99);
  return sample;
}

// One client: writes until the deadline and notes how long each write took.
Task<void> client(Database& database, const Keys& keys, const Values& values, std::uint64_t seed,
                  Clock::time_point deadline, Latencies& latencies) {
  Random random(seed);
  for (Clock::time_point before = Clock::now(); before < deadline;) {
    const std::uint64_t number = random.next();
    must(co_await database.set_async(keys[random.below(keys.size())], values[number], {.ack = Ack::kDurable}), "set");
    const Clock::time_point after = Clock::now();
    latencies.push_back(nanoseconds_between(before, after));
    before = after;
  }
}

class Durable {
 public:
  explicit Durable(const Arguments& arguments)
      : keys_(arguments.scaled(kKeys)),
        run_time_(
            std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(kRunSeconds * arguments.scale))),
        database_(open_filled()),
        plain_({.path = scratch_.file("plain.db"), .sync_each_commit = true}) {
    fill_plain();
  }

  Sample by_coroutines(std::size_t count) {
    std::vector<Latencies> latencies(count);
    for (Latencies& each : latencies) each.reserve(1u << 16);
    const Stopwatch watch;
    const Clock::time_point deadline = Clock::now() + run_time_;
    TaskScope scope;
    for (Latencies& each : latencies) scope.spawn(client(database_, keys_, values_, ++seed_, deadline, each));
    scope.join();
    Latencies all;
    for (const Latencies& each : latencies) all.insert(all.end(), each.begin(), each.end());
    const Sample sample = finish(watch, all.size(), all);
    must(database_.flush(), "flush");
    return sample;
  }

  Sample by_hand(std::size_t rows_per_transaction) {
    Latencies latencies;
    latencies.reserve(1u << 20);
    Random random(++seed_);
    const Stopwatch watch;
    const Clock::time_point deadline = Clock::now() + run_time_;
    std::size_t rows = 0;
    for (Clock::time_point before = Clock::now(); before < deadline; rows += rows_per_transaction) {
      if (rows_per_transaction == 1) {
        plain_.upsert_alone(keys_[random.below(keys_.size())], values_[random.next()]);
      } else {
        plain_.begin();
        for (std::size_t i = 0; i < rows_per_transaction; ++i) {
          plain_.upsert(keys_[random.below(keys_.size())], values_[random.next()]);
        }
        plain_.commit();
      }
      const Clock::time_point after = Clock::now();
      latencies.push_back(nanoseconds_between(before, after));
      before = after;
    }
    return finish(watch, rows, latencies);
  }

  [[nodiscard]] Stats stats() const { return database_.stats(); }

 private:
  Database open_filled() {
    Options options;
    options.path = scratch_.file("library.db");
    Database database = must(Database::open(std::move(options)), "open");
    sync_wait(fill(database, keys_, values_));
    return database;
  }
  void fill_plain() {
    plain_.begin();
    for (std::size_t i = 0; i < keys_.size(); ++i) plain_.upsert(keys_[i], values_[i]);
    plain_.commit();
    plain_.checkpoint();
  }

  const ScratchDirectory scratch_;
  const Keys keys_;
  const Values values_;
  const Clock::duration run_time_;
  std::uint64_t seed_ = 0;
  Database database_;
  PlainSqlite plain_;
};

void run(const Arguments& arguments) {
  Report report(arguments, kProgram, "durable writes of random keys of 300 k, each awaited");
  Durable durable(arguments);
  Contest contest;
  const auto& library = contest.add("dictsqlite, 64 coroutines", [&] { return durable.by_coroutines(kCoroutines); });
  const auto& plain = contest.add("plain SQLite FULL, one transaction a row", [&] { return durable.by_hand(1); });
  const auto& grouped =
      contest.add("plain SQLite FULL, 64 rows a transaction", [&] { return durable.by_hand(kCoroutines); });
  contest.add("dictsqlite, 1024 coroutines", [&] { return durable.by_coroutines(kManyCoroutines); });
  contest.add("dictsqlite, 1 coroutine", [&] { return durable.by_coroutines(1); });
  contest.run(arguments.repeats_or(5));

  for (const auto& contender : contest.contenders()) report.rates(contender, "rows");
  for (const auto& contender : contest.contenders()) report.latencies(contender);
  const Stats stats = durable.stats();
  report.note(absl::StrFormat("library, whole run: %d writes in %d transactions, %d syncs, %d checkpoints, %s",
                              stats.writes_applied, stats.transactions, stats.syncs, stats.checkpoints,
                              std::string(stats.io_backend)));
  report.figure("against 64 rows a transaction by hand", ratios(library.rates(), grouped.rates()), "x");
  report.bar("against plain SQLite FULL, one transaction a row", ratios(library.rates(), plain.rates()), "x",
             BarKind::kAtLeast, 8);
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments = bench::parse_arguments(
      argc, argv, "Durable writes by many coroutines against plain SQLite with synchronous=FULL.");
  if (arguments.wants(bench::kProgram, "durable")) bench::run(arguments);
}
