// Does writing behind cost anything against writing to SQLite by hand, and how far ahead is it of a transaction a row?
//
// One coroutine sets a million random keys in an empty database and flushes. By hand: the same rows, already sorted
// within transactions of the size that the library's run had on average, the same checkpoints, and one sync of the
// log at the end. What opening, closing and sorting by hand cost is not counted.

#include "support/arguments.hpp"
#include "support/autocommit_sqlite.hpp"
#include "support/check.hpp"
#include "support/contest.hpp"
#include "support/fill.hpp"
#include "support/memory.hpp"
#include "support/plain_sqlite.hpp"
#include "support/report.hpp"
#include "support/rows.hpp"
#include "support/scratch_directory.hpp"
#include "support/statistics.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <absl/strings/str_format.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace dictsqlite::bench {
namespace {

constexpr std::string_view kProgram = "ingest_bench";
constexpr std::size_t kRows = 1'000'000;
constexpr std::size_t kAutocommitRows = 100'000;
constexpr std::size_t kLargeTransactionRows = 100'000;
constexpr std::size_t kWarmBytes = 512u << 20;

class Ingest {
 public:
  explicit Ingest(const Arguments& arguments)
      : keys_(arguments.scaled(kRows)), autocommit_rows_(std::min(arguments.scaled(kAutocommitRows), keys_.size())) {}

  Sample through_library() {
    Options options;
    options.path = scratch_.file("library.db");
    warm_memory(kWarmBytes);
    Database database = must(Database::open(std::move(options)), "open");
    const Stopwatch watch;
    sync_wait(fill(database, keys_, values_, next_values()));
    const Sample sample = watch.stop(static_cast<double>(keys_.size()));
    stats_ = database.stats();
    must(database.close(), "close");
    scratch_.remove_database("library.db");
    return sample;
  }

  Sample by_hand(std::size_t rows_per_transaction) {
    const std::vector<std::size_t> order = sorted_within(rows_per_transaction);
    const std::uint64_t first_value = next_values();
    warm_memory(kWarmBytes);
    PlainOptions options;
    options.path = scratch_.file("plain.db");
    Sample sample;
    {
      PlainSqlite plain(options);
      const Stopwatch watch;
      for (std::size_t i = 0; i < order.size(); ++i) {
        if (i % rows_per_transaction == 0) plain.begin();
        plain.upsert(keys_[order[i]], values_[first_value + order[i]]);
        if ((i + 1) % rows_per_transaction == 0 || i + 1 == order.size()) plain.commit();
      }
      plain.sync_log();
      sample = watch.stop(static_cast<double>(order.size()));
      checkpoints_by_hand_ = plain.checkpoints();
    }
    scratch_.remove_database("plain.db");
    return sample;
  }

  Sample row_by_row() {
    const std::uint64_t first_value = next_values();
    warm_memory(kWarmBytes);
    Sample sample;
    {
      AutocommitSqlite autocommit(scratch_.file("autocommit.db"));
      const Stopwatch watch;
      for (std::size_t i = 0; i < autocommit_rows_; ++i) autocommit.write(keys_[i], values_[first_value + i]);
      sample = watch.stop(static_cast<double>(autocommit_rows_));
    }
    scratch_.remove_database("autocommit.db");
    return sample;
  }

  /// Of the library's last run.
  [[nodiscard]] std::size_t rows_per_transaction() const noexcept {
    return static_cast<std::size_t>(
        std::max<std::uint64_t>(stats_.rows_applied / std::max<std::uint64_t>(stats_.transactions, 1), 1));
  }
  [[nodiscard]] const Stats& stats() const noexcept { return stats_; }
  [[nodiscard]] std::uint64_t checkpoints_by_hand() const noexcept { return checkpoints_by_hand_; }
  [[nodiscard]] std::size_t autocommit_rows() const noexcept { return autocommit_rows_; }

 private:
  // Values that no run has written before.
  std::uint64_t next_values() noexcept { return values_written_ += keys_.size(); }

  [[nodiscard]] std::vector<std::size_t> sorted_within(std::size_t group) const {
    std::vector<std::size_t> order(keys_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t first = 0; first < order.size(); first += group) {
      const std::size_t last = std::min(first + group, order.size());
      std::sort(order.begin() + static_cast<std::ptrdiff_t>(first), order.begin() + static_cast<std::ptrdiff_t>(last),
                [this](std::size_t a, std::size_t b) { return keys_[a] < keys_[b]; });
    }
    return order;
  }

  const ScratchDirectory scratch_;
  const Keys keys_;
  const Values values_;
  const std::size_t autocommit_rows_;
  std::uint64_t values_written_ = 0;
  std::uint64_t checkpoints_by_hand_ = 0;
  Stats stats_;
};

void run(const Arguments& arguments) {
  Report report(arguments, kProgram,
                "one million rows into an empty database, until they are durable in SQLite's files");
  Ingest ingest(arguments);
  Contest contest;
  const auto& library = contest.add("dictsqlite, set_async by one coroutine, until flush returns",
                                    [&] { return ingest.through_library(); });
  const auto& same = contest.add("plain SQLite, sorted, transactions of the same size",
                                 [&] { return ingest.by_hand(ingest.rows_per_transaction()); });
  const auto& large = contest.add("plain SQLite, sorted, 100 k rows a transaction",
                                  [&] { return ingest.by_hand(kLargeTransactionRows); });
  const auto& autocommit =
      contest.add("DictSQLite v4.2's way, a transaction a row, no sync", [&] { return ingest.row_by_row(); });
  contest.run(arguments.repeats_or(5));

  for (const auto& contender : contest.contenders()) report.rates(contender, "rows");
  const Stats& stats = ingest.stats();
  report.note(
      absl::StrFormat("library, last run: %d rows a transaction, %d transactions, %d syncs, %d checkpoints (%d by "
                      "hand), writers waited "
                      "%d times, %s",
                      ingest.rows_per_transaction(), stats.transactions, stats.syncs, stats.checkpoints,
                      ingest.checkpoints_by_hand(), stats.parked_writers_total, std::string(stats.io_backend)));
  report.note(absl::StrFormat("v4.2's way: measured on %d rows, compared by the row", ingest.autocommit_rows()));
  report.figure("against 100 k rows a transaction", ratios(library.rates(), large.rates()), "x");
  report.bar("against plain SQLite, transactions of the same size", ratios(library.rates(), same.rates()), "x",
             BarKind::kAtLeast, 0.95);
  report.bar("against DictSQLite v4.2's way", ratios(library.rates(), autocommit.rates()), "x", BarKind::kAtLeast, 8);
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments =
      bench::parse_arguments(argc, argv, "Write-behind ingest against plain SQLite and against DictSQLite v4.2's way.");
  if (arguments.wants(bench::kProgram, "ingest")) bench::run(arguments);
}
