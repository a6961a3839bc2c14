#include "support/durable_writers.hpp"

#include "support/check.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace dictsqlite::bench {

namespace {

using Clock = std::chrono::steady_clock;

// One client: writes until the deadline and notes how long each write took.
Task<void> client(Database& database, const Keys& keys, const Values& values, std::uint64_t seed,
                  Clock::time_point deadline, Latencies& latencies) {
  Random random(seed);
  for (Clock::time_point before = Clock::now(); before < deadline;) {
    const std::uint64_t number = random.next();
    must(co_await database.set_async(keys[random.below(keys.size())], values[number], {.ack = Ack::kDurable}), "set");
    const Clock::time_point after = Clock::now();
    latencies.push_back(static_cast<std::uint32_t>(std::chrono::nanoseconds(after - before).count()));
    before = after;
  }
}

std::size_t rows_of(const std::vector<Latencies>& of_writers) {
  std::size_t rows = 0;
  for (const Latencies& each : of_writers) rows += each.size();
  return rows;
}

}  // namespace

void add_latencies(const std::vector<Latencies>& of_writers, Sample& sample) {
  Latencies all;
  all.reserve(rows_of(of_writers));
  for (const Latencies& each : of_writers) all.insert(all.end(), each.begin(), each.end());
  sample.p50_us = percentile_us(all, 0.5);
  sample.p99_us = percentile_us(all, 0.99);
  sample.p999_us = percentile_us(all, 0.999);
  sample.longest_us = percentile_us(all, 1);
}

Sample by_threads(DurableWork& work, std::size_t threads,
                  const std::function<void(std::string_view key, std::string_view value)>& put) {
  std::vector<Latencies> latencies(threads);
  for (Latencies& each : latencies) each.reserve(1u << 16);
  const Stopwatch watch;
  const Clock::time_point deadline = Clock::now() + work.time;
  std::vector<std::thread> writers;
  writers.reserve(threads);
  for (Latencies& each : latencies) {
    writers.emplace_back([&, seed = ++work.seed] {
      Random random(seed);
      for (Clock::time_point before = Clock::now(); before < deadline;) {
        const std::uint64_t number = random.next();
        put(work.keys[random.below(work.keys.size())], work.values[number]);
        const Clock::time_point after = Clock::now();
        each.push_back(static_cast<std::uint32_t>(std::chrono::nanoseconds(after - before).count()));
        before = after;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  Sample sample = watch.stop(static_cast<double>(rows_of(latencies)));
  add_latencies(latencies, sample);
  return sample;
}

Sample by_coroutines(DurableWork& work, Database& database, std::size_t coroutines, UntilFlushed until,
                     Executor executor) {
  std::vector<Latencies> latencies(coroutines);
  for (Latencies& each : latencies) each.reserve(1u << 16);
  const Stopwatch watch;
  const Clock::time_point deadline = Clock::now() + work.time;
  TaskScope scope;
  for (Latencies& each : latencies) {
    Task<void> task = client(database, work.keys, work.values, ++work.seed, deadline, each);
    if (executor) {
      scope.spawn(executor, std::move(task));
    } else {
      scope.spawn(std::move(task));
    }
  }
  scope.join();
  if (until == UntilFlushed::kYes) must(database.flush(), "flush");
  Sample sample = watch.stop(static_cast<double>(rows_of(latencies)));
  add_latencies(latencies, sample);
  if (until == UntilFlushed::kNo) must(database.flush(), "flush");
  return sample;
}

Sample by_impatient(DurableWork& work, Database& database) {
  Random random(++work.seed);
  std::size_t rows = 0;
  const auto write = [&]() -> Task<void> {
    constexpr std::size_t kBetweenLooks = 64;  // at the clock
    for (const Clock::time_point deadline = Clock::now() + work.time; Clock::now() < deadline; rows += kBetweenLooks) {
      for (std::size_t row = 0; row < kBetweenLooks; ++row) {
        const std::uint64_t number = random.next();
        must(co_await database.set_async(work.keys[random.below(work.keys.size())], work.values[number]), "set");
      }
    }
    must(co_await database.flush_async(), "flush");
  };
  const Stopwatch watch;
  sync_wait(write());
  return watch.stop(static_cast<double>(rows));
}

Sample by_hand(DurableWork& work, PlainSqlite& plain, std::size_t rows_per_transaction) {
  Random random(++work.seed);
  const auto upsert = [&](auto method) {
    (plain.*method)(work.keys[random.below(work.keys.size())], work.values[random.next()]);
  };
  return by_loop(work, rows_per_transaction, [&] {
    if (rows_per_transaction == 1) return upsert(&PlainSqlite::upsert_alone);
    plain.begin();
    for (std::size_t row = 0; row < rows_per_transaction; ++row) upsert(&PlainSqlite::upsert);
    plain.commit();
  });
}

}  // namespace dictsqlite::bench
