// How many instructions does an operation take? Run under callgrind, which counts them exactly, by
// benchmarks/instructions.py: that compares the counts with those written down in instructions.csv.
//
// Usage: path_instructions CASE. Prints "operations N"; only what the operations do is counted, on all threads.

#include "support/check.hpp"
#include "support/fill.hpp"
#include "support/rows.hpp"
#include "support/scratch_directory.hpp"
#include "support/stopwatch.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <valgrind/callgrind.h>

namespace dictsqlite::bench {
namespace {

constexpr std::size_t kRows = 20'000;
constexpr std::size_t kSets = 10'000;     // fewer than wake the flusher, whose share would come in time or not
constexpr std::size_t kTogether = 1'000;  // keys of a batch_get
constexpr std::size_t kBatchRows = 100;
constexpr std::size_t kReaders = 64;

// Counts while it lives.
class Counted {
 public:
  Counted() { CALLGRIND_START_INSTRUMENTATION; }
  ~Counted() { CALLGRIND_STOP_INSTRUMENTATION; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
};

Options options_in(const ScratchDirectory& scratch) {
  Options options;
  options.path = scratch.file("paths.db");
  options.persist_mode = PersistMode::kLazy;  // the flusher sleeps unless it is asked
  options.io_backend = IoBackendChoice::kThreads;
  return options;
}

Task<std::size_t> hits(Database& database, const Keys& keys) {
  for (std::size_t i = 0; i < keys.size(); ++i) must(co_await database.get_async(keys[i]), "get");
  const Counted counted;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const absl::StatusOr<Value> value = co_await database.get_async(keys[i]);
    if (!value.ok()) die("get", value.status().ToString());
    benchmark::DoNotOptimize(value->data());
  }
  co_return keys.size();
}

Task<std::size_t> sets(Database& database, const Keys& keys, const Values& values) {
  const Counted counted;
  for (std::size_t i = 0; i < kSets; ++i) must(co_await database.set_async(keys[i], values[i]), "set");
  co_return kSets;
}

Task<std::size_t> gets_together(Database& database, const Keys& keys) {
  std::vector<std::string_view> views;
  for (std::size_t i = 0; i < keys.size(); ++i) views.push_back(keys[i]);
  for (std::size_t i = 0; i < keys.size(); ++i) must(co_await database.get_async(keys[i]), "get");
  const Counted counted;
  for (std::size_t first = 0; first < views.size(); first += kTogether) {
    const auto values = co_await database.batch_get_async(std::span(views).subspan(first, kTogether));
    benchmark::DoNotOptimize(values.data());
  }
  co_return views.size();
}

Task<std::size_t> batches(Database& database, const Keys& keys, const Values& values) {
  const Counted counted;
  for (std::size_t first = 0; first < keys.size(); first += kBatchRows) {
    WriteBatch batch;
    for (std::size_t i = first; i < first + kBatchRows; ++i) batch.set(keys[i], values[i]);
    must(co_await database.write_async(batch), "write");
  }
  co_return keys.size();
}

// What is in the file, and in no cache.
std::size_t misses(Options options, const Keys& keys) {
  Database database = must(Database::open(std::move(options)), "open");
  const auto read_from = [&](std::size_t first) -> Task<void> {
    for (std::size_t i = first; i < keys.size(); i += kReaders) must(co_await database.get_async(keys[i]), "get");
  };
  const Counted counted;
  TaskScope scope;
  for (std::size_t reader = 0; reader < kReaders; ++reader) scope.spawn(read_from(reader));
  scope.join();
  return keys.size();
}

std::size_t run(std::string_view what) {
  const ScratchDirectory scratch;
  const Keys keys(kRows);
  const Values values;
  Database database = must(Database::open(options_in(scratch)), "open");
  sync_wait(fill(database, keys, values));
  wait_until_idle();  // what a flush leaves to be done belongs to no path
  if (what == "hit") return sync_wait(hits(database, keys));
  if (what == "set") return sync_wait(sets(database, keys, values));
  if (what == "batch_get") return sync_wait(gets_together(database, keys));
  if (what == "batch_write") return sync_wait(batches(database, keys, values));
  if (what != "miss") die(what, "hit, set, miss, batch_get or batch_write");
  must(database.close(), "close");
  return misses(options_in(scratch), keys);
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  const std::size_t operations = dictsqlite::bench::run(argc == 2 ? argv[1] : "");
  std::printf("operations %zu\n", operations);
}
