// Does memory stay within what the options say?
//
// Ten million sets of random keys of a million, written behind, with the default 64 MiB of cache, until a flush
// returns. What is resident, at its peak, must stay below the sum of the budgets and 32 MiB for all else: code,
// threads, ring, table, what a transaction needs. Then reads that miss, so that every cache is full: the same for what
// is resident and no page of a file, since those of the database that loads have mapped are the kernel's to take back.
// Beside it the largest write-ahead log on the way.
//
// And what does a row in memory take beyond its key and value? A database without a disk is filled until it is nearly
// full: what is resident then and was not before the first row, by the row.

#include "support/arguments.hpp"
#include "support/check.hpp"
#include "support/memory.hpp"
#include "support/report.hpp"
#include "support/rows.hpp"
#include "support/scratch_directory.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <absl/strings/str_format.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace dictsqlite::bench {
namespace {

constexpr std::string_view kProgram = "memory_bench";
constexpr std::size_t kWrites = 10'000'000;
constexpr std::size_t kReads = 300'000;
constexpr std::size_t kLookEvery = 10'000;
constexpr std::size_t kReadsTogether = 256;
constexpr std::size_t kLookEveryReads = 40 * kReadsTogether;
constexpr std::size_t kKeys = 1'000'000;
constexpr double kMiB = 1 << 20;
constexpr std::size_t kElse = 32u << 20;

// Keys are made on the way: an array of them would count as resident.
std::string_view view(const Keys::Bytes& key) noexcept { return {key.data(), key.size()}; }

Task<void> write(Database& database, const Values& values, std::size_t count, std::uint64_t& log_bytes_max) {
  Random random(1);
  for (std::size_t i = 0; i < count; ++i) {
    if (i % kLookEvery == 0) log_bytes_max = std::max(log_bytes_max, database.stats().wal_bytes);
    const Keys::Bytes key = Keys::make(random.below(kKeys));
    must(co_await database.set_async(view(key), values[i]), "set");
  }
}

Task<void> read(Database& database, std::size_t count, std::size_t& own_bytes_max) {
  Random random(2);
  std::array<Keys::Bytes, kReadsTogether> keys;
  std::array<std::string_view, kReadsTogether> views;
  for (std::size_t done = 0; done < count; done += kReadsTogether) {
    for (std::size_t i = 0; i < kReadsTogether; ++i) {
      keys[i] = Keys::make(random.below(kKeys));
      views[i] = view(keys[i]);
    }
    for (const absl::StatusOr<Value>& value : co_await database.batch_get_async(views)) {
      if (!value.ok() && !absl::IsNotFound(value.status())) must(value.status(), "get");
    }
    if (done % kLookEveryReads != 0) continue;
    const ResidentMemory memory = resident_memory();
    own_bytes_max = std::max(own_bytes_max, memory.now_bytes - memory.mapped_bytes);
  }
}

void run(const Arguments& arguments) {
  Report report(arguments, kProgram, "resident memory after ten million writes");
  const ScratchDirectory scratch;
  Options options;
  options.path = scratch.file("library.db");
  const double before = static_cast<double>(resident_memory().now_bytes) / kMiB;
  const std::size_t sum_bytes =
      options.cache_bytes + options.unapplied_bytes + options.writer_cache_bytes + options.reader_cache_bytes + kElse;
  const std::string sum =
      absl::StrFormat("%d cache + %d unapplied + %d and %d SQLite's caches + %d = %d MiB", options.cache_bytes >> 20,
                      options.unapplied_bytes >> 20, options.writer_cache_bytes >> 20, options.reader_cache_bytes >> 20,
                      kElse >> 20, sum_bytes >> 20);

  const std::size_t writes = arguments.scaled(kWrites);
  const Values values;
  Database database = must(Database::open(std::move(options)), "open");
  const auto started = std::chrono::steady_clock::now();
  std::uint64_t log_bytes_max = 0;
  sync_wait(write(database, values, writes, log_bytes_max));
  const std::chrono::duration<double> writing = std::chrono::steady_clock::now() - started;
  const ResidentMemory written = resident_memory();
  must(database.flush(), "flush");
  const ResidentMemory flushed = resident_memory();
  std::size_t own_bytes_max = 0;
  sync_wait(read(database, arguments.scaled(kReads), own_bytes_max));
  const ResidentMemory all = resident_memory();
  const Stats stats = database.stats();
  must(database.close(), "close");

  report.figure("sets accepted", static_cast<double>(writes) / writing.count(), "rows/s");
  report.figure("largest write-ahead log", static_cast<double>(log_bytes_max) / kMiB, "MiB");
  report.figure("resident before open", before, "MiB");
  report.figure("after the writes", static_cast<double>(written.now_bytes) / kMiB, "MiB");
  report.figure("after the flush", static_cast<double>(flushed.now_bytes) / kMiB, "MiB");
  report.figure("after 300 k reads", static_cast<double>(all.now_bytes) / kMiB, "MiB");
  report.figure("of that pages of files", static_cast<double>(all.mapped_bytes) / kMiB, "MiB");
  report.note(absl::StrFormat("library: %.1f MiB of entries, %.1f MiB retired, %d evictions, writers waited %d times",
                              static_cast<double>(stats.entry_bytes) / kMiB,
                              static_cast<double>(stats.retired_bytes) / kMiB, stats.evictions,
                              stats.parked_writers_total));
  report.note(sum);
  const double limit = static_cast<double>(sum_bytes) / kMiB;
  report.bar("peak resident memory, writing", static_cast<double>(flushed.peak_bytes) / kMiB, "MiB", BarKind::kAtMost,
             limit);
  report.bar("the same, reading, without pages of files", static_cast<double>(own_bytes_max) / kMiB, "MiB",
             BarKind::kAtMost, limit);
}

// --- one row ---

void run_rows(const Arguments& arguments) {
  Report report(arguments, kProgram, "resident memory of a row, beyond its key and value");
  Options options;
  options.persist_mode = PersistMode::kMemory;
  const std::size_t budget = options.cache_bytes + options.unapplied_bytes;
  const Values values;
  Database database = must(Database::open(std::move(options)), "open");
  std::size_t rows = 0;
  const auto set_more = [&]() -> Task<void> {
    const Keys::Bytes key = Keys::make(rows);
    must(co_await database.set_async(view(key), values[rows]), "set");
    ++rows;
  };
  const std::size_t before = resident_memory().now_bytes;
  while (database.stats().entry_bytes < budget / 100 * 98) {
    for (std::size_t i = 0; i < 1000; ++i) sync_wait(set_more());
  }
  const std::size_t after = resident_memory().now_bytes;
  must(database.close(), "close");
  report.figure("rows", static_cast<double>(rows), "");
  report.bar(
      "a row, beyond key and value",
      static_cast<double>(after - before) / static_cast<double>(rows) - static_cast<double>(kKeyBytes + kValueBytes),
      "bytes", BarKind::kAtMost, 64);
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments = bench::parse_arguments(
      argc, argv, "Resident memory after ten million writes against the sum of the budgets, and of one row.");
  if (arguments.wants(bench::kProgram, "row")) bench::run_rows(arguments);
  if (arguments.wants(bench::kProgram, "memory")) bench::run(arguments);
}
