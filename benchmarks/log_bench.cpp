// What does a log in front of SQLite buy? Durable writes, each awaited, of random keys that exist, by 1, 64 and 1,024
// coroutines; time runs until flush() returns, so that nothing is borrowed from later. The coroutines only compute, so
// they resume inline, on the thread that writes the log; once more on the library's resume thread, the default.
//
// By hand: SQLite with synchronous=FULL and a transaction a group of 64 or 1,024, which is what a group commit over it
// reaches; the library without a log; what the applier behind the log can by itself, fed by writers that do not wait;
// and the disk: a bare loop of the log's own write, 4 KiB at a time.

#include "support/arguments.hpp"
#include "support/bare_loop.hpp"
#include "support/check.hpp"
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

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace dictsqlite::bench {
namespace {

constexpr std::string_view kProgram = "log_bench";
constexpr std::size_t kKeys = 1'000'000;
constexpr std::size_t kGroup = 64;
constexpr std::size_t kManyCoroutines = 1024;
constexpr double kRunSeconds = 30;
constexpr double kLongRunSeconds = 60;  // with many coroutines
constexpr std::uint64_t kOtherSeeds = 1u << 20;

class Durable {
 public:
  explicit Durable(const Arguments& arguments)
      : keys_(arguments.scaled(kKeys)),
        work_{keys_, values_, run_time(arguments, kRunSeconds)},
        long_work_{keys_, values_, run_time(arguments, kLongRunSeconds), kOtherSeeds},
        logged_(open_filled(options_for(scratch_.file("logged.db"), Journal::kOn), keys_, values_)),
        direct_(open_filled(options_for(scratch_.file("direct.db"), Journal::kOff), keys_, values_)),
        applied_(open_filled(options_for_the_applier(scratch_.file("applied.db")), keys_, values_)),
        plain_({.path = scratch_.file("plain.db"), .sync_each_commit = true}),
        bare_(scratch_.file("bare")) {
    fill_plain(plain_, keys_, values_);
  }

  Sample logged(std::size_t coroutines, Executor executor) {
    return by_coroutines(work_of(coroutines), logged_, coroutines, UntilFlushed::kYes, executor);
  }
  Sample direct(std::size_t coroutines) {
    return by_coroutines(work_, direct_, coroutines, UntilFlushed::kYes, inline_executor());
  }
  Sample applier() { return by_impatient(long_work_, applied_); }
  Sample by_hand(std::size_t group) { return bench::by_hand(work_of(group), plain_, group); }
  Sample bare() {
    return by_loop(work_, 1, [this] { bare_.write(); });
  }

  [[nodiscard]] Stats stats() const { return logged_.stats(); }

 private:
  static std::chrono::steady_clock::duration run_time(const Arguments& arguments, double seconds) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * arguments.scale * 1e3));
  }
  DurableWork& work_of(std::size_t coroutines) { return coroutines == kManyCoroutines ? long_work_ : work_; }

  const ScratchDirectory scratch_;
  const Keys keys_;
  const Values values_;
  DurableWork work_;
  DurableWork long_work_;
  Database logged_;
  Database direct_;
  Database applied_;
  PlainSqlite plain_;
  BareLoop bare_;
};

void tell(Report& report, const Contest& contest) {
  for (const auto& contender : contest.contenders()) report.rates(contender, "rows");
  for (const auto& contender : contest.contenders()) report.latencies(contender);
}

void run_few(const Arguments& arguments, Report& report, Durable& durable) {
  Contest contest;
  const auto& one = contest.add("with a log, 1 coroutine", [&] { return durable.logged(1, inline_executor()); });
  const auto& bare = contest.add("bare loop of 4 KiB durable writes", [&] { return durable.bare(); });
  const auto& logged =
      contest.add("with a log, 64 coroutines", [&] { return durable.logged(kGroup, inline_executor()); });
  const auto& resumed =
      contest.add("the same on the resume thread", [&] { return durable.logged(kGroup, Executor()); });
  const auto& plain = contest.add("plain SQLite FULL, 64 rows a transaction", [&] { return durable.by_hand(kGroup); });
  const auto& direct = contest.add("without a log, 64 coroutines", [&] { return durable.direct(kGroup); });
  contest.run(arguments.repeats_or(3));
  tell(report, contest);
  report.bar("1 coroutine against the bare loop", ratios(one.rates(), bare.rates()), "x", BarKind::kAtLeast, 0.75);
  report.bar("64 coroutines against plain SQLite FULL, 64 rows a transaction", ratios(logged.rates(), plain.rates()),
             "x", BarKind::kAtLeast, 5);
  report.figure("the same on the resume thread", ratios(resumed.rates(), plain.rates()), "x");
  report.bar("64 coroutines, p50 against the bare loop's", ratios(logged.p50_us(), bare.p50_us()), "x",
             BarKind::kAtMost, 2);
  report.bar("64 coroutines, p99", logged.p99_us(), "us", BarKind::kAtMost, 1000);
  report.bar("without a log, 64 coroutines, against the same by hand", ratios(direct.rates(), plain.rates()), "x",
             BarKind::kAtLeast, 1);
}

void run_many(const Arguments& arguments, Report& report, Durable& durable) {
  Contest contest;
  const auto& many =
      contest.add("with a log, 1024 coroutines", [&] { return durable.logged(kManyCoroutines, inline_executor()); });
  const auto& plain =
      contest.add("plain SQLite FULL, 1024 rows a transaction", [&] { return durable.by_hand(kManyCoroutines); });
  const auto& applier = contest.add("the applier alone", [&] { return durable.applier(); });
  contest.run(arguments.repeats_or(3));
  tell(report, contest);
  report.bar("1024 coroutines against plain SQLite FULL, 1024 rows a transaction", ratios(many.rates(), plain.rates()),
             "x", BarKind::kAtLeast, 6);
  report.bar("1024 coroutines against the applier alone", ratios(many.rates(), applier.rates()), "x", BarKind::kAtLeast,
             0.9);
}

void run(const Arguments& arguments) {
  const bool few = arguments.wants(kProgram, "durable, 1 and 64");
  const bool many = arguments.wants(kProgram, "durable, 1024");
  if (!few && !many) return;
  Report report(arguments, kProgram, "durable writes of random keys of 1 M, each awaited, until all is in SQLite");
  Durable durable(arguments);
  if (few) run_few(arguments, report, durable);
  if (many) run_many(arguments, report, durable);
  const Stats stats = durable.stats();
  report.note(
      absl::StrFormat("log, whole run: %d blocks of %.1f KiB, %d waits for SQLite, files of %d MiB; %d writes in %d "
                      "transactions, %d rows, %d checkpoints, %s",
                      stats.log_blocks,
                      static_cast<double>(stats.log_bytes_written) / 1024.0 /
                          static_cast<double>(std::max<std::uint64_t>(stats.log_blocks, 1)),
                      stats.log_waits, stats.log_file_bytes >> 20, stats.writes_applied, stats.transactions,
                      stats.rows_applied, stats.checkpoints, std::string(stats.io_backend)));
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments =
      bench::parse_arguments(argc, argv, "Durable writes through a log against plain SQLite with synchronous=FULL.");
  bench::run(arguments);
}
