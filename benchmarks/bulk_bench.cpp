// How fast do many rows come into SQLite through the library, beside SQLite at its best by hand?
//
// One coroutine sets rows in random order and flushes: a million and ten million new ones, and as many writes to a
// million keys of which few come often (zipf 0.99). By hand: the same writes with synchronous=NORMAL, pages of 32 KiB,
// 100,000 sorted rows a transaction, a checkpoint whenever the log has 200 MiB, and one sync of the log at the end;
// what sorting by hand costs is not counted. The library has the same pages, log and page cache, and 256 MiB for writes
// that SQLite does not have yet.

#include "support/arguments.hpp"
#include "support/check.hpp"
#include "support/contest.hpp"
#include "support/filled.hpp"
#include "support/memory.hpp"
#include "support/plain_sqlite.hpp"
#include "support/report.hpp"
#include "support/rows.hpp"
#include "support/scratch_directory.hpp"
#include "support/statistics.hpp"
#include "support/zipf.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <absl/strings/str_format.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite::bench {
namespace {

constexpr std::string_view kProgram = "bulk_bench";
constexpr std::size_t kMillion = 1'000'000;
constexpr std::size_t kRowsByHand = 100'000;  // a transaction
constexpr std::uint32_t kPageBytes = 32u << 10;
constexpr std::size_t kPageCacheBytes = 64u << 20;
constexpr std::size_t kWalBytes = 200u << 20;

/// Writes one after the other, each by the number of its key.
using Writes = std::vector<std::uint32_t>;

Writes each_once(std::size_t keys) {
  Writes writes(keys);
  std::iota(writes.begin(), writes.end(), 0u);
  return writes;
}

Writes few_often(std::size_t keys, std::size_t count) {
  const Zipf zipf(keys);
  Random random(1);
  Writes writes(count);
  for (std::uint32_t& key : writes) key = static_cast<std::uint32_t>(scatter(zipf.draw(random)) % keys);
  return writes;
}

Task<void> set_all(Database& database, const Keys& keys, const Writes& writes, const Values& values,
                   std::uint64_t first_value) {
  for (std::size_t i = 0; i < writes.size(); ++i) {
    must(co_await database.set_async(keys[writes[i]], values[first_value + i]), "set");
  }
  must(co_await database.flush_async(), "flush");
}

class Bulk {
 public:
  Bulk(std::size_t keys, Writes writes) : keys_(keys), writes_(std::move(writes)), sorted_(writes_) {
    for (std::size_t first = 0; first < sorted_.size(); first += kRowsByHand) {
      const std::size_t last = std::min(first + kRowsByHand, sorted_.size());
      std::stable_sort(sorted_.begin() + static_cast<std::ptrdiff_t>(first),
                       sorted_.begin() + static_cast<std::ptrdiff_t>(last),
                       [this](std::uint32_t a, std::uint32_t b) { return keys_[a] < keys_[b]; });
    }
  }

  Sample through_library() {
    Options options;
    options.path = scratch_.file("library.db");
    options.page_bytes = kPageBytes;
    options.writer_cache_bytes = kPageCacheBytes;
    options.wal_bytes = kWalBytes;
    options.unapplied_bytes = kUnappliedBytes;
    options.persist_mode = PersistMode::kLazy;
    warm_memory(2 * kUnappliedBytes);
    Database database = must(Database::open(std::move(options)), "open");
    const Stopwatch watch;
    sync_wait(set_all(database, keys_, writes_, values_, next_values()));
    const Sample sample = watch.stop(static_cast<double>(writes_.size()));
    stats_ = database.stats();
    must(database.close(), "close");
    scratch_.remove_database("library.db");
    return sample;
  }

  Sample by_hand() {
    const std::uint64_t first_value = next_values();
    warm_memory(2 * kUnappliedBytes);
    Sample sample;
    {
      PlainSqlite plain({.path = scratch_.file("plain.db"),
                         .page_bytes = kPageBytes,
                         .cache_bytes = kPageCacheBytes,
                         .wal_bytes = kWalBytes});
      const Stopwatch watch;
      for (std::size_t i = 0; i < sorted_.size(); ++i) {
        if (i % kRowsByHand == 0) plain.begin();
        plain.upsert(keys_[sorted_[i]], values_[first_value + i]);
        if ((i + 1) % kRowsByHand == 0 || i + 1 == sorted_.size()) plain.commit();
      }
      plain.sync_log();
      sample = watch.stop(static_cast<double>(sorted_.size()));
      checkpoints_by_hand_ = plain.checkpoints();
    }
    scratch_.remove_database("plain.db");
    return sample;
  }

  /// Of the library's last run.
  [[nodiscard]] const Stats& stats() const noexcept { return stats_; }
  [[nodiscard]] std::uint64_t checkpoints_by_hand() const noexcept { return checkpoints_by_hand_; }

 private:
  // Values that no run has written before.
  std::uint64_t next_values() noexcept { return values_written_ += writes_.size(); }

  const ScratchDirectory scratch_;
  const Keys keys_;
  const Values values_;
  const Writes writes_;
  Writes sorted_;  // within each transaction by hand
  std::uint64_t values_written_ = 0;
  std::uint64_t checkpoints_by_hand_ = 0;
  Stats stats_;
};

void run(const Arguments& arguments, const std::string& what, Bulk bulk, double least) {
  Report report(arguments, kProgram, what + ", until all of it is durable in SQLite's files");
  Contest contest;
  const auto& library =
      contest.add("dictsqlite, set_async by one coroutine, then flush", [&] { return bulk.through_library(); });
  const auto& plain = contest.add("plain SQLite, sorted, 100 k rows a transaction", [&] { return bulk.by_hand(); });
  contest.run(arguments.repeats_or(5));
  for (const auto& contender : contest.contenders()) report.rates(contender, "rows");
  const Stats& stats = bulk.stats();
  report.note(absl::StrFormat("library, last run: %d transactions, %d rows in them, %d checkpoints (%d by hand)",
                              stats.transactions, stats.rows_applied, stats.checkpoints, bulk.checkpoints_by_hand()));
  report.bar(what, ratios(library.rates(), plain.rates()), "x", BarKind::kAtLeast, least);
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments =
      bench::parse_arguments(argc, argv, "Many rows into SQLite, through the library and by hand at its best.");
  const std::size_t million = arguments.scaled(bench::kMillion);
  const auto run = [&](std::string_view name, const std::string& what, std::size_t keys, bench::Writes writes,
                       double least) {
    if (arguments.wants(bench::kProgram, name))
      bench::run(arguments, what, bench::Bulk(keys, std::move(writes)), least);
  };
  run("1 M rows", "1 M new rows", million, bench::each_once(million), 0.95);
  run("10 M rows", "10 M new rows", 10 * million, bench::each_once(10 * million), 0.95);
  run("zipf", "10 M writes to 1 M keys, zipf 0.99", million, bench::few_often(million, 10 * million), 1.5);
}
