// What does the library do with the work of others, against what its users would pick instead? The core workloads of
// YCSB on a million rows, with memory for a tenth of them, on RocksDB, LevelDB, LMDB, SQLite by hand and Redis.
//
// Each contender lives in a process of its own, and all of them take turns. Blocking stores are asked by as many
// threads as there are processors; the library by 64 coroutines, whose time ends when flush() has returned. All writes
// are proof against the death of the process, and synced about once a second or when a log is full, as each store has
// it.

#include "peers/blocking_store.hpp"
#include "support/arguments.hpp"
#include "support/check.hpp"
#include "support/contest.hpp"
#include "support/durable_writers.hpp"
#include "support/fill.hpp"
#include "support/memory.hpp"
#include "support/remote.hpp"
#include "support/report.hpp"
#include "support/rows.hpp"
#include "support/scratch_directory.hpp"
#include "support/statistics.hpp"
#include "support/stopwatch.hpp"
#include "support/ycsb.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sys/stat.h>

namespace dictsqlite::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = YcsbOperation::Kind;

constexpr std::string_view kProgram = "ycsb_bench";
constexpr std::size_t kRows = 1'000'000;
constexpr std::size_t kCoroutines = 64;
constexpr double kRunSeconds = 5;

struct Plan {
  std::size_t rows;
  Clock::duration time;
  std::size_t threads;

  [[nodiscard]] std::size_t cache_bytes() const noexcept {
    return std::max(kCacheBytesMin, rows * (kKeyBytes + kValueBytes) / 10);
  }
  static constexpr std::size_t kCacheBytesMin = std::size_t{1} << 20;
};

std::string_view view(const Keys::Bytes& key) noexcept { return {key.data(), key.size()}; }

// What the files take of the disk, not how long they are.
std::size_t bytes_below(const std::string& directory) {
  std::size_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    struct stat facts {};
    if (entry.is_regular_file() && ::stat(entry.path().c_str(), &facts) == 0) {
      bytes += static_cast<std::size_t>(facts.st_blocks) * 512;
    }
  }
  return bytes;
}

void note(Latencies& latencies, Clock::time_point& before) {
  const Clock::time_point after = Clock::now();
  latencies.push_back(static_cast<std::uint32_t>(std::chrono::nanoseconds(after - before).count()));
  before = after;
}

std::size_t operations_of(const std::vector<Latencies>& of_clients) {
  std::size_t operations = 0;
  for (const Latencies& each : of_clients) operations += each.size();
  return operations;
}

// --- the library ---

class Library final : public Subject {
 public:
  Library(const Plan& plan, std::string directory) : plan_(plan), directory_(std::move(directory)), rows_(plan.rows) {
    Options options;
    options.path = directory_ + "/ours.db";
    options.cache_bytes = plan.cache_bytes();
    database_ = must(Database::open(std::move(options)), "open");
    sync_wait(fill(database_, Keys(plan.rows), values_));
  }
  Sample run(std::uint32_t mix) override {
    std::vector<Latencies> latencies(kCoroutines);
    const Stopwatch watch;
    const Clock::time_point deadline = Clock::now() + plan_.time;
    TaskScope scope;
    for (Latencies& each : latencies) scope.spawn(client(kYcsbMixes[mix], ++seed_, deadline, each));
    scope.join();
    must(database_.flush(), "flush");
    Sample sample = watch.stop(static_cast<double>(operations_of(latencies)));
    add_latencies(latencies, sample);
    return sample;
  }
  Footprint footprint() override { return {resident_memory().peak_bytes, bytes_below(directory_)}; }

 private:
  Task<void> client(const YcsbMix& mix, std::uint64_t seed, Clock::time_point deadline, Latencies& latencies) {
    YcsbClient client(mix, rows_, seed);
    for (Clock::time_point before = Clock::now(); before < deadline; note(latencies, before)) {
      const YcsbOperation operation = client.next();
      const Keys::Bytes key = Keys::make(operation.key);
      if (operation.kind == Kind::kRead || operation.kind == Kind::kReadModifyWrite) {
        const absl::StatusOr<Value> value = co_await database_.get_async(view(key));
        if (!value.ok() && !absl::IsNotFound(value.status())) die("get", value.status().ToString());
      }
      if (operation.kind == Kind::kScan) {
        co_await scan(view(key), operation.rows);
      } else if (operation.kind != Kind::kRead) {
        must(co_await database_.set_async(view(key), values_[client.value()]), "set");
      }
    }
  }
  Task<void> scan(std::string_view from, std::size_t rows) {
    Scan scan = database_.scan({.from = std::string(from), .limit = rows});
    bool goes_on = true;
    while (goes_on) goes_on = (co_await scan.next_async()).has_value();
    must(scan.status(), "scan");
  }

  const Plan plan_;
  const std::string directory_;
  const Values values_;
  YcsbRows rows_;
  std::uint64_t seed_ = 0;
  Database database_;
};

// --- the others ---

class Other final : public Subject {
 public:
  Other(const Plan& plan, const Peer& peer, std::string directory)
      : plan_(plan), directory_(std::move(directory)), rows_(plan.rows) {
    store_ = peer.open({.directory = directory_, .cache_bytes = plan.cache_bytes(), .threads = plan.threads});
    for (std::size_t row = 0; row < plan.rows; ++row) store_->put(view(Keys::make(row)), values_[row]);
  }
  Sample run(std::uint32_t mix) override {
    std::vector<Latencies> latencies(plan_.threads);
    const double servers_before = store_->servers_cpu_seconds();
    const Stopwatch watch;
    const Clock::time_point deadline = Clock::now() + plan_.time;
    std::vector<std::thread> threads;
    threads.reserve(latencies.size());
    for (Latencies& each : latencies) {
      threads.emplace_back([&, seed = ++seed_] { client(kYcsbMixes[mix], seed, deadline, each); });
    }
    for (std::thread& thread : threads) thread.join();
    Sample sample = watch.stop(static_cast<double>(operations_of(latencies)));
    sample.cpu_seconds += store_->servers_cpu_seconds() - servers_before;
    add_latencies(latencies, sample);
    return sample;
  }
  Footprint footprint() override {
    return {resident_memory().peak_bytes + store_->servers_peak_bytes(), bytes_below(directory_)};
  }

 private:
  void client(const YcsbMix& mix, std::uint64_t seed, Clock::time_point deadline, Latencies& latencies) {
    YcsbClient client(mix, rows_, seed);
    std::string value;
    for (Clock::time_point before = Clock::now(); before < deadline; note(latencies, before)) {
      const YcsbOperation operation = client.next();
      const Keys::Bytes key = Keys::make(operation.key);
      if (operation.kind == Kind::kRead || operation.kind == Kind::kReadModifyWrite) {
        (void)store_->get(view(key), value);
      }
      if (operation.kind == Kind::kScan) {
        (void)store_->scan(view(key), operation.rows);
      } else if (operation.kind != Kind::kRead) {
        store_->put(view(key), values_[client.value()]);
      }
    }
  }

  const Plan plan_;
  const std::string directory_;
  const Values values_;
  YcsbRows rows_;
  std::uint64_t seed_ = 0;
  std::unique_ptr<BlockingStore> store_;
};

constexpr Peer kPeers[] = {{"RocksDB", &open_rocksdb},
                           {"LevelDB", &open_leveldb},
                           {"LMDB", &open_lmdb},
                           {"SQLite by hand", &open_sqlite},
                           {"Redis", &open_redis}};

std::string new_directory(const ScratchDirectory& scratch, std::string_view name) {
  std::string directory = scratch.file(name);
  std::filesystem::create_directory(directory);
  return directory;
}

void run(const Arguments& arguments) {
  Report report(arguments, kProgram, "YCSB on a million rows, memory for a tenth of them");
  const ScratchDirectory scratch;
  const Plan plan{.rows = arguments.scaled(kRows),
                  .time = std::chrono::milliseconds(static_cast<std::int64_t>(kRunSeconds * arguments.scale * 1e3)),
                  .threads = std::max(1u, std::thread::hardware_concurrency())};
  std::vector<std::pair<std::string, std::unique_ptr<Remote>>> remotes;
  remotes.emplace_back("dictsqlite", std::make_unique<Remote>([&]() -> std::unique_ptr<Subject> {
                         return std::make_unique<Library>(plan, new_directory(scratch, "ours"));
                       }));
  for (const Peer& peer : kPeers) {
    remotes.emplace_back(peer.name, std::make_unique<Remote>([&]() -> std::unique_ptr<Subject> {
                           return std::make_unique<Other>(plan, peer, new_directory(scratch, peer.name));
                         }));
  }

  for (std::uint32_t mix = 0; mix < kYcsbMixes.size(); ++mix) {
    const YcsbMix& each = kYcsbMixes[mix];
    const std::string workload = absl::StrCat("YCSB ", std::string(1, each.letter));
    if (!arguments.wants(kProgram, workload)) continue;
    report.note(absl::StrCat(workload, ": ", each.what));
    Contest contest;
    for (auto& [name, remote] : remotes) {
      if (each.scans != 0 && name == "Redis") continue;  // its rows have no order
      contest.add(absl::StrCat(workload, ", ", name), [mix, contender = remote.get()] { return contender->run(mix); });
    }
    contest.run(arguments.repeats_or(5));
    for (const auto& contender : contest.contenders()) report.rates(contender, "operations");
    for (const auto& contender : contest.contenders()) report.latencies(contender);
    const auto& contenders = contest.contenders();
    const std::vector<double> ours = contenders[0].rates();
    if (each.letter == 'E') continue;  // no bar
    report.bar(absl::StrCat(workload, " against SQLite by hand"), ratios(ours, contenders[4].rates()), "x",
               BarKind::kAtLeast, 1.5);
    if (each.letter == 'B' || each.letter == 'C' || each.letter == 'D') {
      report.bar(absl::StrCat(workload, " against RocksDB"), ratios(ours, contenders[1].rates()), "x",
                 BarKind::kAtLeast, 1);
    }
  }
  for (auto& [name, remote] : remotes) {
    const Footprint footprint = remote->footprint();
    report.figure(absl::StrCat(name, ": memory at its peak"), static_cast<double>(footprint.memory_peak_bytes) / 1e6,
                  "MB");
    report.figure(absl::StrCat(name, ": files at the end"), static_cast<double>(footprint.disk_bytes) / 1e6, "MB");
  }
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments = bench::parse_arguments(argc, argv, "YCSB against other stores.");
  bench::run(arguments);
}
