// How fast is one thing at a time, against what its users would pick instead? Reads of what is in memory; a burst of
// writes that is then made proof against a power cut; single writes of which each is, by one client and by 64.
//
// A million rows. Each contender lives in a process of its own, and all of them take turns. Every one has memory for
// all rows, and for all writes of a burst that are in its log only, where it lets one choose.

#include "peers/blocking_store.hpp"
#include "support/arguments.hpp"
#include "support/check.hpp"
#include "support/contest.hpp"
#include "support/durable_writers.hpp"
#include "support/fill.hpp"
#include "support/remote.hpp"
#include "support/report.hpp"
#include "support/rows.hpp"
#include "support/scratch_directory.hpp"
#include "support/statistics.hpp"
#include "support/stopwatch.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dictsqlite::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kProgram = "peers_bench";
constexpr std::size_t kRows = 1'000'000;
constexpr std::size_t kTogether = 1000;  // rows of a batch, reads between two looks at the clock
constexpr std::size_t kClients = 64;
constexpr std::size_t kBudgetBytes = std::size_t{256} << 20;
constexpr std::size_t kUnappliedBytes = 4 * kBudgetBytes;  // writers are paced from half of it on

enum class Work : std::uint32_t { kGets, kBurst, kOneClient, kManyClients };

struct Plan {
  Work work;
  std::size_t rows;
  Clock::duration time;

  [[nodiscard]] bool is_synced() const noexcept { return work != Work::kGets; }
};

// Calls `read` with a thousand random keys, again and again. They are copied together before: where keys come from is
// not asked here, and a miss of the processor's cache for each would be.
template <class Read>
Sample read_for(const Plan& plan, const Keys& keys, std::uint64_t seed, Read&& read) {
  Random random(seed);
  std::vector<Keys::Bytes> chosen(kTogether);
  std::vector<std::string_view> views;
  views.reserve(chosen.size());
  for (const Keys::Bytes& key : chosen) views.emplace_back(key.data(), key.size());
  std::size_t done = 0;
  const Stopwatch watch;
  for (const Clock::time_point deadline = Clock::now() + plan.time; Clock::now() < deadline; done += kTogether) {
    for (Keys::Bytes& key : chosen) std::ranges::copy(keys[random.below(keys.size())], key.begin());
    if (read(std::span<const std::string_view>(views)) != kTogether) die("get", "a row is missing");
  }
  return watch.stop(static_cast<double>(done));
}

// --- the library ---

Task<std::size_t> get_each(Database& database, std::span<const std::string_view> keys) {
  std::size_t there = 0;
  for (const std::string_view key : keys) {
    const absl::StatusOr<Value> value = co_await database.get_async(key);
    there += value.ok() && value->view().size() == kValueBytes ? 1u : 0u;
  }
  co_return there;
}

class Library final : public Subject {
 public:
  Library(const Plan& plan, const std::string& directory) : plan_(plan), keys_(plan.rows) {
    Options options;
    options.path = directory + "/ours.db";
    options.cache_bytes = kBudgetBytes;
    options.unapplied_bytes = plan.work == Work::kGets ? kBudgetBytes : kUnappliedBytes;
    options.page_bytes = 16'384;
    options.journal = plan.is_synced() ? Journal::kOn : Journal::kOff;
    database_ = must(Database::open(std::move(options)), "open");
    sync_wait(fill(database_, keys_, values_));
  }
  Sample run(std::uint32_t /*work*/) override {
    ++seed_;
    switch (plan_.work) {
      case Work::kGets:
        return read_for(plan_, keys_, seed_,
                        [&](std::span<const std::string_view> keys) { return sync_wait(get_each(database_, keys)); });
      case Work::kBurst:
        return burst();
      case Work::kOneClient:
        return by_coroutines(durable_, database_, 1, UntilFlushed::kNo, inline_executor());
      case Work::kManyClients:
        return by_coroutines(durable_, database_, kClients, UntilFlushed::kYes, inline_executor());
    }
    die("work", "there is no such");
  }
  Footprint footprint() override { return {}; }

 private:
  Task<void> set_all() {
    Random random(seed_);
    for (std::size_t row = 0; row < plan_.rows; ++row) {
      must(co_await database_.set_async(keys_[random.below(keys_.size())], values_[seed_ * plan_.rows + row]), "set");
    }
  }
  Sample burst() {
    const Stopwatch watch;
    sync_wait(set_all());
    must(database_.sync(), "sync");
    const Sample sample = watch.stop(static_cast<double>(plan_.rows));
    must(database_.flush(), "flush");
    wait_until_idle();
    return sample;
  }

  const Plan plan_;
  const Keys keys_;
  const Values values_;
  std::uint64_t seed_ = 0;
  DurableWork durable_{keys_, values_, plan_.time};
  Database database_;
};

// --- the others ---

class Other final : public Subject {
 public:
  Other(const Plan& plan, const Peer& peer, const std::string& directory) : plan_(plan), keys_(plan.rows) {
    store_ = peer.open({.directory = directory,
                        .cache_bytes = kBudgetBytes,
                        .threads = 1,
                        .synced = plan.is_synced(),
                        .write_buffer_bytes = kBudgetBytes});
    put_batches([](std::size_t row) { return row; });
  }
  Sample run(std::uint32_t /*work*/) override {
    ++seed_;
    const double servers_before = store_->servers_cpu_seconds();
    Sample sample = run_work();
    sample.cpu_seconds += store_->servers_cpu_seconds() - servers_before;
    wait_until_idle();
    return sample;
  }
  Footprint footprint() override { return {}; }

 private:
  Sample run_work() {
    switch (plan_.work) {
      case Work::kGets:
        return read_for(plan_, keys_, seed_,
                        [&](std::span<const std::string_view> keys) { return store_->get_all(keys); });
      case Work::kBurst:
        return burst();
      case Work::kOneClient:
        return by_loop(durable_, 1, [&] { put_one(); });
      case Work::kManyClients:
        return by_loop(durable_, kClients, [&] { put_each(); });
    }
    die("work", "there is no such");
  }
  template <class Choose>
  void put_batches(Choose&& choose) {
    std::vector<StoreRow> batch;
    for (std::size_t row = 0; row < plan_.rows; ++row) {
      batch.push_back({keys_[choose(row)], values_[seed_ * plan_.rows + row]});
      if (batch.size() < kTogether && row + 1 < plan_.rows) continue;
      store_->put_all(batch);
      batch.clear();
    }
  }
  Sample burst() {
    Random random(seed_);
    const Stopwatch watch;
    put_batches([&](std::size_t) { return random.below(keys_.size()); });
    return watch.stop(static_cast<double>(plan_.rows));
  }
  [[nodiscard]] StoreRow next_row() {
    const std::uint64_t number = random_.next();
    return {keys_[random_.below(keys_.size())], values_[number]};
  }
  void put_one() {
    const StoreRow row = next_row();
    store_->put(row.key, row.value);
  }
  void put_each() {
    std::array<StoreRow, kClients> rows;
    for (StoreRow& row : rows) row = next_row();
    store_->put_each(rows);
  }

  const Plan plan_;
  const Keys keys_;
  const Values values_;
  std::uint64_t seed_ = 0;
  Random random_{1};
  DurableWork durable_{keys_, values_, plan_.time};
  std::unique_ptr<BlockingStore> store_;
};

// --- who is compared at what ---

constexpr Peer kRocksDb{"RocksDB", &open_rocksdb};
constexpr Peer kLevelDb{"LevelDB", &open_leveldb};
constexpr Peer kLmdb{"LMDB", &open_lmdb};
constexpr Peer kSqlite{"SQLite by hand", &open_sqlite};
constexpr Peer kRedis{"Redis", &open_redis};

struct Opponent {
  Peer peer;
  double bar;  // how many times its rate
};

struct Case {
  std::string_view name;
  Work work;
  double seconds;
  std::vector<Opponent> opponents;
};

std::vector<Case> cases() {
  return {
      {"warm gets", Work::kGets, 2, {{kLmdb, 5}, {kRedis, 8}, {kLevelDb, 15}, {kRocksDb, 25}, {kSqlite, 1}}},
      {"burst and sync", Work::kBurst, 0, {{kLevelDb, 3}, {kRocksDb, 6}}},
      {"durable sets, 1 client",
       Work::kOneClient,
       5,
       {{kRocksDb, 1}, {kLevelDb, 1}, {kLmdb, 1}, {kSqlite, 1}, {kRedis, 1}}},
      {"durable sets, 64 clients", Work::kManyClients, 30, {{kRedis, 2.5}}},
  };
}

std::string new_directory(const ScratchDirectory& scratch, std::string_view name) {
  std::string directory = scratch.file(name);
  std::filesystem::create_directory(directory);
  return directory;
}

void compare(const Arguments& arguments, Report& report, const Case& each) {
  const ScratchDirectory scratch;
  const Plan plan{.work = each.work,
                  .rows = arguments.scaled(kRows),
                  .time = std::chrono::milliseconds(static_cast<std::int64_t>(each.seconds * arguments.scale * 1e3))};
  std::vector<std::unique_ptr<Remote>> remotes;
  Contest contest;
  const auto enter = [&](std::string_view name, const std::function<std::unique_ptr<Subject>(std::string)>& make) {
    remotes.push_back(std::make_unique<Remote>([&] { return make(new_directory(scratch, name)); }));
    contest.add(absl::StrCat(std::string(each.name), ", ", std::string(name)),
                [remote = remotes.back().get()] { return remote->run(0); });
  };
  enter("dictsqlite", [&](const std::string& directory) { return std::make_unique<Library>(plan, directory); });
  for (const Opponent& opponent : each.opponents) {
    enter(opponent.peer.name,
          [&](const std::string& directory) { return std::make_unique<Other>(plan, opponent.peer, directory); });
  }
  contest.run(arguments.repeats_or(5));

  const auto& contenders = contest.contenders();
  for (const auto& contender : contenders) report.rates(contender, "rows");
  if (each.work == Work::kOneClient || each.work == Work::kManyClients) {
    for (const auto& contender : contenders) report.latencies(contender);
  }
  for (std::size_t index = 0; index < each.opponents.size(); ++index) {
    const Opponent& opponent = each.opponents[index];
    report.bar(absl::StrCat(std::string(each.name), " against ", opponent.peer.name),
               ratios(contenders[0].rates(), contenders[index + 1].rates()), "x", BarKind::kAtLeast, opponent.bar);
  }
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments = bench::parse_arguments(argc, argv, "One thing at a time, against other stores.");
  bench::Report report(arguments, bench::kProgram, "one thing at a time on a million rows, against other stores");
  for (const bench::Case& each : bench::cases()) {
    if (arguments.wants(bench::kProgram, each.name)) bench::compare(arguments, report, each);
  }
}
