// What do reads cost that are not in memory, when many coroutines ask at once?
//
// 256 coroutines get 10 k random keys of a table of a million, or 64 of one of five million, none of them asked for
// before, in another order than they were written in. By hand: a prepared SELECT for each of 10 k other keys of the
// same file. Both sides have the same page cache; the file is in the kernel's. The same keys would not do: whoever
// comes second would find their pages in the processor's cache. The library maps pages it has read before, SQLite by
// itself does not; so there is a third side, by hand with `mmap_size` of the same length.
//
// At last a thousand coroutines get one key that is not in memory: how many queries is that?

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
#include <absl/strings/str_format.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dictsqlite::bench {
namespace {

constexpr std::string_view kProgram = "miss_bench";
constexpr std::size_t kGets = 10'000;
constexpr std::size_t kOnOneKey = 1'000;
constexpr std::size_t kSides = 3;

struct Plan {
  const char* rows_as_text;
  std::size_t rows;
  std::size_t coroutines;
  double bar;
};
constexpr Plan kOneMillion{"a million", 1'000'000, 256, 1.6};
constexpr Plan kFiveMillion{"5 million", 5'000'000, 64, 2.2};

// Index of the key that is asked for i-th: a stride that shares no factor with the number of rows.
constexpr std::size_t kStride = 611'953;
std::size_t place(std::size_t i, std::size_t rows) noexcept { return i * kStride % rows; }

// Takes its turn at the keys [first, last) until none is left. `next` is shared by all.
Task<void> reader(Database& database, const Keys& keys, std::atomic<std::size_t>& next, std::size_t last) {
  for (std::size_t i = next.fetch_add(1, std::memory_order_relaxed); i < last;  // each index is taken once
       i = next.fetch_add(1, std::memory_order_relaxed)) {                      // the same
    const absl::StatusOr<Value> value = co_await database.get_async(keys[place(i, keys.size())]);
    if (!value.ok() || value->size() != kValueBytes) die("get", "the row is not what was written");
  }
}

Task<void> read_one(Database& database, std::string_view key) {
  const absl::StatusOr<Value> value = co_await database.get_async(key);
  if (!value.ok() || value->size() != kValueBytes) die("get", "the row is not what was written");
}

class Misses {
 public:
  Misses(const Arguments& arguments, const Plan& plan)
      : coroutines_(plan.coroutines),
        keys_(arguments.scaled(plan.rows)),
        database_(open_filled()),
        plain_({.path = scratch_.file("library.db"), .cache_bytes = Options().reader_cache_bytes}),
        mapped_({.path = scratch_.file("library.db"),
                 .cache_bytes = Options().reader_cache_bytes,
                 .mmap_bytes = Options().reader_map_bytes}) {}

  Sample by_coroutines() {
    const std::size_t first = take_keys();
    std::atomic<std::size_t> next = first;
    const std::size_t last = first + kGets;
    const Stopwatch watch;
    TaskScope scope;
    for (std::size_t i = 0; i < coroutines_; ++i) scope.spawn(reader(database_, keys_, next, last));
    scope.join();
    return watch.stop(kGets);
  }

  // How many queries they make.
  std::uint64_t on_one_key() {
    const std::string_view key = keys_[place(take_keys(), keys_.size())];
    const std::uint64_t before = stats().queries;
    TaskScope scope;
    for (std::size_t i = 0; i < kOnOneKey; ++i) scope.spawn(read_one(database_, key));
    scope.join();
    return stats().queries - before;
  }

  Sample by_hand() { return select_with(plain_); }
  Sample by_hand_mapped() { return select_with(mapped_); }

  [[nodiscard]] Stats stats() const { return database_.stats(); }
  [[nodiscard]] std::size_t rounds_max() const noexcept { return (keys_.size() / kGets - 1) / kSides - 1; }

 private:
  // Fills a file and opens it again, so that nothing of it is in memory.
  Database open_filled() {
    Options options;
    options.path = scratch_.file("library.db");
    Database database = must(Database::open(options), "open");
    sync_wait(fill(database, keys_, values_));
    must(database.close(), "close");
    return must(Database::open(std::move(options)), "open");
  }
  Sample select_with(PlainSqlite& plain) {
    const std::size_t first = take_keys();
    std::string value;
    const Stopwatch watch;
    for (std::size_t i = first; i < first + kGets; ++i) {
      if (!plain.select(keys_[place(i, keys_.size())], value)) die("SELECT", "the row is not there");
    }
    return watch.stop(kGets);
  }
  // The first of the next kGets keys that nobody has asked for.
  std::size_t take_keys() {
    const std::size_t first = next_;
    next_ += kGets;
    if (next_ > keys_.size()) die("keys", "every one has been read: fewer repeats, please");
    return first;
  }

  const std::size_t coroutines_;
  const ScratchDirectory scratch_;
  const Keys keys_;
  const Values values_;
  Database database_;
  PlainSqlite plain_;
  PlainSqlite mapped_;
  std::size_t next_ = 0;
};

void run(const Arguments& arguments, const Plan& plan) {
  Report report(arguments, kProgram, absl::StrCat("10 k rows out of ", plan.rows_as_text, " that are not in memory"));
  Misses misses(arguments, plan);
  Contest contest;
  const auto& library =
      contest.add(absl::StrCat("dictsqlite, ", plan.coroutines, " coroutines"), [&] { return misses.by_coroutines(); });
  const auto& plain = contest.add("plain SQLite, one SELECT after another", [&] { return misses.by_hand(); });
  const auto& mapped = contest.add("the same with mmap_size", [&] { return misses.by_hand_mapped(); });
  contest.run(std::min(arguments.repeats_or(21), misses.rounds_max()));

  for (const auto& contender : contest.contenders()) report.rates(contender, "rows");
  const Stats stats = misses.stats();
  report.note(absl::StrFormat(
      "library: %.1f keys a query, %.1f keys a snapshot",
      static_cast<double>(stats.loads) / static_cast<double>(std::max<std::uint64_t>(stats.queries, 1)),
      static_cast<double>(stats.loads) / static_cast<double>(std::max<std::uint64_t>(stats.load_groups, 1))));
  report.note(absl::StrFormat("against one SELECT after another with mmap_size: %.2f x",
                              median(ratios(library.rates(), mapped.rates()))));
  report.bar("against one SELECT after another", ratios(library.rates(), plain.rates()), "x", BarKind::kAtLeast,
             plan.bar);
  report.bar(absl::StrCat("queries of ", kOnOneKey, " coroutines on one key"), static_cast<double>(misses.on_one_key()),
             "", BarKind::kAtMost, 1);
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments =
      bench::parse_arguments(argc, argv, "Misses of many coroutines at once against plain SELECTs.");
  if (arguments.wants(bench::kProgram, "misses, 1 M rows")) bench::run(arguments, bench::kOneMillion);
  if (arguments.wants(bench::kProgram, "misses, 5 M rows")) bench::run(arguments, bench::kFiveMillion);
}
