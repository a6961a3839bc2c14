// What do durable writes cost when many coroutines wait for them at once?
//
// 64 coroutines each set a random key of a table of 300 k with Ack::kDurable, again and again. By hand: SQLite with
// synchronous=FULL and a transaction a row, as somebody does who needs each row durable before he goes on; beside it,
// for orientation, 64 rows a transaction.

#include "support/arguments.hpp"
#include "support/check.hpp"
#include "support/contest.hpp"
#include "support/durable_writers.hpp"
#include "support/fill.hpp"
#include "support/plain_sqlite.hpp"
#include "support/report.hpp"
#include "support/rows.hpp"
#include "support/scratch_directory.hpp"
#include "support/statistics.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <absl/strings/str_format.h>

#include <chrono>
#include <cstdint>

namespace dictsqlite::bench {
namespace {

constexpr std::string_view kProgram = "durable_bench";
constexpr std::size_t kKeys = 300'000;
constexpr std::size_t kCoroutines = 64;
constexpr std::size_t kManyCoroutines = 1024;
constexpr double kRunSeconds = 3;

class Durable {
 public:
  explicit Durable(const Arguments& arguments)
      : keys_(arguments.scaled(kKeys)),
        work_{keys_, values_, run_time(arguments)},
        database_(open_filled()),
        plain_({.path = scratch_.file("plain.db"), .sync_each_commit = true}) {
    fill_plain();
  }

  Sample by_coroutines(std::size_t count) { return bench::by_coroutines(work_, database_, count, UntilFlushed::kNo); }
  Sample by_hand(std::size_t rows_per_transaction) { return bench::by_hand(work_, plain_, rows_per_transaction); }

  [[nodiscard]] Stats stats() const { return database_.stats(); }

 private:
  static std::chrono::steady_clock::duration run_time(const Arguments& arguments) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(kRunSeconds * arguments.scale * 1e3));
  }
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
  DurableWork work_;
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
