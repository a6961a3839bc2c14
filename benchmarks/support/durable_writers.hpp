// Writers who wait for each of their writes: coroutines on the library, threads on whatever blocks them, and a loop by
// hand on plain SQLite.
#pragma once

#include "support/plain_sqlite.hpp"
#include "support/rows.hpp"
#include "support/statistics.hpp"
#include "support/stopwatch.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace dictsqlite::bench {

/// What they write, and for how long. Thread-safety: none; each run draws other keys.
struct DurableWork {
  const Keys& keys;
  const Values& values;
  std::chrono::steady_clock::duration time;
  std::uint64_t seed = 0;
};

/// Whether the time runs until everything is in SQLite's files. It is there afterwards in either case.
enum class UntilFlushed : std::uint8_t { kNo, kYes };

/// So many coroutines set random keys with Ack::kDurable, each one after another. They resume on the library's own
/// thread, or on `executor`.
[[nodiscard]] Sample by_coroutines(DurableWork& work, Database& database, std::size_t coroutines, UntilFlushed until,
                                   Executor executor = {});

/// One coroutine that awaits acceptance alone, and so writes as fast as SQLite takes it; until all of it is there.
[[nodiscard]] Sample by_impatient(DurableWork& work, Database& database);

/// So many threads call `put` with random keys, each one after another. Thread-safety of `put`: from all of them.
[[nodiscard]] Sample by_threads(DurableWork& work, std::size_t threads,
                                const std::function<void(std::string_view key, std::string_view value)>& put);

/// A transaction of so many rows after another.
[[nodiscard]] Sample by_hand(DurableWork& work, PlainSqlite& plain, std::size_t rows_per_transaction);

/// Puts the latencies of all writers into the sample.
void add_latencies(const std::vector<Latencies>& of_writers, Sample& sample);

/// Calls `write` again and again.
template <class Write>
[[nodiscard]] Sample by_loop(const DurableWork& work, std::size_t rows_each, Write&& write) {
  using Clock = std::chrono::steady_clock;
  Latencies latencies;
  latencies.reserve(1u << 20);
  std::size_t rows = 0;
  const Stopwatch watch;
  const Clock::time_point deadline = Clock::now() + work.time;
  for (Clock::time_point before = Clock::now(); before < deadline; rows += rows_each) {
    write();
    const Clock::time_point after = Clock::now();
    latencies.push_back(static_cast<std::uint32_t>(std::chrono::nanoseconds(after - before).count()));
    before = after;
  }
  Sample sample = watch.stop(static_cast<double>(rows));
  add_latencies({std::move(latencies)}, sample);
  return sample;
}

}  // namespace dictsqlite::bench
