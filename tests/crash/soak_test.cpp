// Goal: memory, descriptors and files keep to the bounds of the options however long a database is worked with, and
//       while readers stall: scans of its own that nobody goes on with, another process in the middle of a transaction
//       (P9). What a stalled reader costs is gone when it is.
// Method: rounds of writes, durable writes of many coroutines, batches and reads on data that is larger than the cache,
//         with budgets of few megabytes; after each round the process and the files are looked at. Memory is what the
//         process has from the kernel, mappings of files aside: bound by the options. What is in use of it must not
//         grow from one time that everybody stalled to the next.
#include "support/open_database.hpp"
#include "support/random.hpp"
#include "support/scale.hpp"
#include "support/sqlite_program.hpp"
#include "support/temporary_directory.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <gtest/gtest.h>

#include <malloc.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite {
namespace {

using testing_support::open_database;
using testing_support::Random;
using testing_support::scaled;
using testing_support::SqliteProgram;

constexpr std::size_t kMegabyte = std::size_t{1} << 20;
constexpr std::size_t kKeys = 20'000;
constexpr std::size_t kValueBytesMax = 1500;

Options small_budgets(const std::string& path, Journal journal) {
  Options options;
  options.path = path;
  options.journal = journal;
  options.flush_interval = std::chrono::milliseconds(50);
  options.ring_capacity = 1 << 12;
  options.cache_bytes = 4 * kMegabyte;
  options.unapplied_bytes = 4 * kMegabyte;
  options.value_bytes_max = 64 << 10;
  options.batch_bytes_max = kMegabyte;
  options.loads_max = 1024;
  options.writer_cache_bytes = 2 * kMegabyte;
  options.reader_cache_bytes = kMegabyte;
  options.wal_bytes = 4 * kMegabyte;
  options.log_bytes = 16 * kMegabyte;
  options.scans_max = 4;
  return options;
}

/// What all the budgets of `options` add up to, and `kOverhead` for what is not counted by any: the structures that
/// hold the entries, SQLite's connections, a transaction's list of pages, what the allocator keeps for later.
std::size_t memory_max(const Options& options) {
  constexpr std::size_t kOverhead = 24 * kMegabyte;
  const std::size_t readers = options.scans_max + 1;
  return options.cache_bytes + options.unapplied_bytes + options.writer_cache_bytes +
         readers * options.reader_cache_bytes + kOverhead;
}

/// Anonymous memory of this process.
std::size_t memory_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoul(line.substr(8)) * 1024;
  }
  ADD_FAILURE() << "no RssAnon in /proc/self/status";
  return 0;
}

/// What has been allocated and not freed; the entries aside, which come from mappings, and the pages in SQLite's
/// caches, of which there are more or fewer: both are bound by the options. Nothing is counted under a sanitizer that
/// brings its own allocator, and finds leaks itself.
std::size_t allocated_bytes() {
  const struct mallinfo2 all = ::mallinfo2();
  sqlite3_int64 in_caches = 0;
  sqlite3_int64 most = 0;
  EXPECT_EQ(sqlite3_status64(SQLITE_STATUS_PAGECACHE_OVERFLOW, &in_caches, &most, 0), SQLITE_OK);
  return all.uordblks + all.hblkhd - static_cast<std::size_t>(in_caches);
}

std::size_t descriptors() {
  std::error_code ended;
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd", ended), {}));
}

struct Footprint {
  std::size_t memory = 0;
  std::size_t descriptors = 0;  // but for those of the log, which has few files or many
  std::size_t wal = 0;          // SQLite's write-ahead log, as far as it is in use
  std::size_t log = 0;          // files of ours
};

Footprint most_of(const std::vector<Footprint>& seen) {
  Footprint most;
  for (const Footprint& each : seen) {
    most.memory = std::max(most.memory, each.memory);
    most.descriptors = std::max(most.descriptors, each.descriptors);
    most.wal = std::max(most.wal, each.wal);
    most.log = std::max(most.log, each.log);
  }
  return most;
}

class Soak : public testing::TestWithParam<Journal> {
 protected:
  Soak() {
    options_.event_hook = events_.hook();
    database_ = open_database(options_);
  }

  /// Everybody stalls in turn.
  void cycle() {
    constexpr std::size_t kRounds = 40;
    const std::vector<Footprint> alone = rounds("nobody stalls", kRounds);
    EXPECT_LE(most_of(alone).wal, wal_max(1));
    if (descriptors_alone_ == 0) descriptors_alone_ = most_of(alone).descriptors;
    std::vector<Scan> scans;
    for (std::size_t number = 0; number < options_.scans_max; ++number) {
      scans.push_back(database_.scan());
      ASSERT_TRUE(scans.back().next().has_value()) << scans.back().status();
    }
    const std::vector<Footprint> scanned = rounds("its own scans stall", kRounds);
    EXPECT_LE(most_of(scanned).wal, wal_max(4)) << "those in the way are ended";
    for (Scan& scan : scans) {
      while (scan.next().has_value()) {
      }
      EXPECT_EQ(scan.status().code(), absl::StatusCode::kAborted) << scan.status();
    }
    scans.clear();
    {
      SqliteProgram program(options_.path);
      ASSERT_EQ(program.ask("begin;"), "");
      const std::string rows = program.ask("select count(*), sum(length(value)) from main;");
      const std::uint64_t blocked = database_.stats().checkpoints_blocked;
      rounds("another process stalls", kRounds / 2);
      EXPECT_GT(database_.stats().checkpoints_blocked, blocked);
      EXPECT_EQ(program.ask("select count(*), sum(length(value)) from main;"), rows) << "it has its snapshot";
      EXPECT_EQ(program.ask("commit;"), "");
    }
    while (!HasFailure() && database_.stats().wal_bytes > wal_max(1)) work();  // for ever, if it never starts over
    EXPECT_EQ(database_.flush(), absl::OkStatus());
  }
  /// Works and looks.
  std::vector<Footprint> rounds(const char* what, std::size_t count) {
    std::vector<Footprint> seen;
    for (std::size_t round = 0; round < count; ++round) {
      work();
      if (HasFatalFailure()) break;
      const Stats stats = database_.stats();
      EXPECT_LE(stats.unapplied_bytes, options_.unapplied_bytes + kKeyAndValueMax) << what;
      std::size_t log_bytes = 0;
      std::size_t log_files = 0;
      for (const auto& file : std::filesystem::directory_iterator(directory_.path())) {
        if (!file.path().filename().string().starts_with("world.db-log-")) continue;
        log_bytes += file.file_size();
        ++log_files;
      }
      seen.push_back({memory_bytes() - before_, descriptors() - log_files, stats.wal_bytes, log_bytes});
      EXPECT_LE(seen.back().log, options_.log_bytes) << what;
      EXPECT_LE(seen.back().memory, memory_max(options_)) << what;
    }
    const Footprint most = most_of(seen);
    std::printf(
        "%-34s memory %5.1f MB, descriptors %zu, -wal %5.1f MB, log %5.1f MB, entries %.1f MB, retired %.1f MB\n", what,
        megabytes(most.memory), most.descriptors, megabytes(most.wal), megabytes(most.log),
        megabytes(database_.stats().entry_bytes), megabytes(database_.stats().retired_bytes));
    std::fflush(stdout);
    seen_.insert(seen_.end(), seen.begin(), seen.end());
    return seen;
  }
  void work() {
    for (int write = 0; write < 2'000; ++write) ASSERT_EQ(database_.set(key(), value()), absl::OkStatus());
    for (int batch = 0; batch < 10; ++batch) {
      WriteBatch rows;
      for (int row = 0; row < 50; ++row) rows.set(key(), value());
      rows.erase(key());
      ASSERT_EQ(database_.write(rows), absl::OkStatus());
    }
    TaskScope scope;
    for (int client = 0; client < 64; ++client) scope.spawn(write_durably(key(), value()));
    scope.join();
    for (int read = 0; read < 500; ++read) {
      const absl::StatusCode code = database_.get(key()).status().code();
      ASSERT_TRUE(code == absl::StatusCode::kOk || code == absl::StatusCode::kNotFound) << code;
    }
  }
  Task<void> write_durably(std::string key, std::string value) {
    EXPECT_EQ(co_await database_.set_async(key, value, {Ack::kDurable}), absl::OkStatus());
  }
  std::string key() { return "key:" + std::to_string(random_.below(kKeys)); }
  std::string value() { return std::string(random_.below(kValueBytesMax), static_cast<char>('a' + random_.below(26))); }
  /// What keeps the log from starting over may let it grow to four times its size; then the transactions under way go
  /// on behind that, of no more pages than the file has.
  std::size_t wal_max(std::size_t times) const {
    return times * options_.wal_bytes + 2 * std::filesystem::file_size(options_.path);
  }
  /// Two for each scan, of which SQLite keeps some until the last connection goes; the pipes to the other process; and
  /// a file of the log may come or go between the looks at files and descriptors.
  [[nodiscard]] std::size_t descriptors_more() const { return 2 * options_.scans_max + 2 + 2; }
  static double megabytes(std::size_t bytes) { return static_cast<double>(bytes) / 1e6; }

  static constexpr std::size_t kKeyAndValueMax = 4096;

  const testing_support::TemporaryDirectory directory_;
  testing_support::EventLog events_;
  Options options_ = small_budgets(directory_.file("world.db"), GetParam());
  Random random_;
  std::vector<Footprint> seen_;        // in this cycle
  std::size_t descriptors_alone_ = 0;  // in the first rounds
  const std::size_t before_ = memory_bytes();
  Database database_;
};

INSTANTIATE_TEST_SUITE_P(All, Soak, testing::Values(Journal::kOff, Journal::kOn),
                         [](const auto& tested) { return tested.param == Journal::kOn ? "WithLog" : "WithoutLog"; });

TEST_P(Soak, StalledReadersCostNoMemory) {
  const std::size_t cycles = std::max<std::size_t>(scaled(5), 2);
  cycle();  // the first one takes what the others use again
  const std::size_t usual = allocated_bytes();
  for (std::size_t count = 1; count < cycles && !HasFailure(); ++count) {
    seen_.clear();
    cycle();
    // Less than a five-hundredth of what a cycle writes: a leak of that much in the way of a write, a read or a scan
    // shows.
    constexpr std::size_t kNoise = kMegabyte / 4;
    EXPECT_LE(allocated_bytes(), usual + kNoise);
    EXPECT_LE(most_of(seen_).descriptors, descriptors_alone_ + descriptors_more());
  }
  EXPECT_EQ(database_.close(), absl::OkStatus());
  EXPECT_EQ(events_.count(EventKind::kFailed), 0u) << events_.all();
}

}  // namespace
}  // namespace dictsqlite
