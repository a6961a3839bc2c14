// What becomes of a log's lead when the table is too large for transactions to share its pages, and how long does
// recovery take?
//
//   paced      64 coroutines, durable writes of random keys of 5 M, until flush() returns, against plain SQLite with
//              synchronous=NORMAL and 1,000 rows a transaction. Writers are faster than SQLite here: they are slowed
//              down, and none of them may stand still.
//   recovery   a life that ends with its writes in the log alone; rows a second of the next open, against the applier
//              fed by a writer that does not wait.

#include "support/arguments.hpp"
#include "support/contest.hpp"
#include "support/durable_writers.hpp"
#include "support/filled.hpp"
#include "support/plain_sqlite.hpp"
#include "support/report.hpp"
#include "support/rows.hpp"
#include "support/scratch_directory.hpp"
#include "support/statistics.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <absl/strings/str_format.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace dictsqlite::bench {
namespace {

constexpr std::string_view kProgram = "log_scale_bench";
constexpr std::size_t kWriters = 64;

std::chrono::milliseconds seconds_of(const Arguments& arguments, double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * arguments.scale * 1e3));
}

// --- paced ---

constexpr std::size_t kManyKeys = 5'000'000;
constexpr std::size_t kRowsByHand = 1'000;

void run_paced(const Arguments& arguments) {
  Report report(arguments, kProgram, "durable writes of random keys of 5 M, faster than SQLite takes them");
  const ScratchDirectory scratch;
  const Keys keys(arguments.scaled(kManyKeys));
  const Values values;
  DurableWork work{keys, values, seconds_of(arguments, 60)};
  Database database = open_filled(options_for(scratch.file("ours.db"), Journal::kOn), keys, values);
  PlainSqlite plain({.path = scratch.file("plain.db")});
  fill_plain(plain, keys, values);

  Contest contest;
  const auto& ours = contest.add("with a log, 64 coroutines", [&] {
    return by_coroutines(work, database, kWriters, UntilFlushed::kYes, inline_executor());
  });
  const auto& by_hand = contest.add("plain SQLite NORMAL, 1000 rows a transaction",
                                    [&] { return bench::by_hand(work, plain, kRowsByHand); });
  contest.run(arguments.repeats_or(2));

  for (const auto& contender : contest.contenders()) report.rates(contender, "rows");
  for (const auto& contender : contest.contenders()) report.latencies(contender);
  const Stats stats = database.stats();
  report.note(absl::StrFormat("whole run: %d writers waited for room, the longest for %.0f ms",
                              stats.parked_writers_total,
                              std::chrono::duration<double, std::milli>(stats.longest_stall).count()));
  report.bar("5 M keys, 64 coroutines against plain SQLite NORMAL", ratios(ours.rates(), by_hand.rates()), "x",
             BarKind::kAtLeast, 1.5);
  report.bar("the longest that one of them waited", ours.longest_us(), "us", BarKind::kAtMost, 1e6);
}

// --- recovery ---

constexpr std::size_t kKeys = 1'000'000;
constexpr std::size_t kRowsLost = 2'000'000;

// Everything stays in the log until something asks for more.
Options only_logged(std::string path) {
  Options options = options_for(std::move(path), Journal::kOn);
  options.persist_mode = PersistMode::kLazy;
  options.unapplied_bytes = std::size_t{1} << 30;
  options.log_bytes = std::uint64_t{1} << 30;
  options.close_timeout = std::chrono::milliseconds(0);
  return options;
}

// One writer sets, and waits only now and then.
Task<void> write_into_the_log(Database& database, const Keys& keys, const Values& values, std::size_t rows,
                              std::uint64_t seed) {
  Random random(seed);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::uint64_t number = random.next();
    must(co_await database.set_async(keys[random.below(keys.size())], values[number]), "set");
  }
  must(co_await database.sync_async(), "sync");
}

void run_recovery(const Arguments& arguments) {
  Report report(arguments, kProgram, "recovery of a log of random keys of 1 M");
  const ScratchDirectory scratch;
  const Keys keys(arguments.scaled(kKeys));
  const Values values;
  const std::size_t rows = arguments.scaled(kRowsLost);
  DurableWork work{keys, values, seconds_of(arguments, 10)};
  const Options options = only_logged(scratch.file("lost.db"));
  must(open_filled(options, keys, values).close(), "close");
  Database applied = open_filled(options_for_the_applier(scratch.file("applied.db")), keys, values);

  Contest contest;
  const auto& recovery = contest.add("recovery", [&] {
    {
      Database database = must(Database::open(options), "open");
      sync_wait(write_into_the_log(database, keys, values, rows, ++work.seed));
    }
    Options recovering = options;
    recovering.unapplied_bytes = kUnappliedBytes;  // as the applier has
    Database database = must(Database::open(recovering), "open");
    const Stats stats = database.stats();
    must(database.close(), "close");
    Sample sample;
    sample.operations = static_cast<double>(stats.recovered_writes);
    sample.seconds = std::chrono::duration<double>(stats.recovery_time).count();
    return sample;
  });
  const auto& applier = contest.add("the applier alone", [&] { return by_impatient(work, applied); });
  contest.run(arguments.repeats_or(3));

  for (const auto& contender : contest.contenders()) report.rates(contender, "rows");
  report.bar("recovery against the applier alone", ratios(recovery.rates(), applier.rates()), "x", BarKind::kAtLeast,
             0.9);
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments =
      bench::parse_arguments(argc, argv, "A log in front of a large table, and its recovery.");
  if (arguments.wants(bench::kProgram, "paced")) bench::run_paced(arguments);
  if (arguments.wants(bench::kProgram, "recovery")) bench::run_recovery(arguments);
}
