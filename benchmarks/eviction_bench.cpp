// How often is what is asked for in a cache that is too small?
//
// Traces of requests are given to the library's cache, with what its table, evictor and budgets really do, and to LRU,
// CLOCK, SIEVE, S3-FIFO and the optimum, each of which keeps as many rows. A row that is not there is loaded. The
// figures are hit ratios of the second half of each trace. Nothing is timed; the same seeds give the same figures.

#include "support/arguments.hpp"
#include "support/eviction_policies.hpp"
#include "support/rows.hpp"
#include "support/zipf.hpp"

#include "cache/cache.hpp"

#include <absl/strings/str_format.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite::bench {
namespace {

using Trace = std::vector<std::uint32_t>;

constexpr std::string_view kProgram = "eviction_bench";
constexpr std::size_t kRows = 200'000;
constexpr std::size_t kRequests = 4'000'000;

// The library's cache, with rows that are in SQLite already.
class Own : public EvictionPolicy {
 public:
  explicit Own(std::size_t capacity)
      : cache_(capacity * entry::EntryPool::footprint(kKeyBytes, kValueBytes), kUnapplied) {}

  bool request(std::uint32_t number) override {
    const Keys::Bytes bytes = Keys::make(number);
    const cache::Table::Key key = cache::Cache::key(1, {bytes.data(), bytes.size()});
    {
      const cache::Reclaimer::Guard guard = cache_.reclaimer().enter();
      if (cache_.table().find(key) != nullptr) return true;
      load(key);
    }
    cache_.trim(kSequence, 0);
    return false;
  }

 private:
  static constexpr std::size_t kUnapplied = 1u << 20;
  static constexpr std::uint64_t kSequence = 1;

  // As a miss does.
  void load(const cache::Table::Key& key) {
    entry::Entry* const pending = cache_.pool().make(entry::EntryKind::kPending, key.table_id, key.bytes, {}, 0);
    entry::Entry* const loaded = cache_.pool().make(entry::EntryKind::kSet, key.table_id, key.bytes, value_, 0);
    loaded->sequence = kSequence;
    entry::EntryPool::retain(*pending);
    (void)cache_.table().place_pending(key.hash, pending, kSequence);
    cache_.table().fill(key.hash, pending, loaded);
    cache_.pool().release(pending);
  }

  const std::string value_ = std::string(kValueBytes, 'v');
  cache::Cache cache_;
};

Trace by_zipf(std::size_t requests, double theta) {
  const Zipf zipf(kRows, theta);
  Random random(1);
  Trace trace(requests);
  for (std::uint32_t& number : trace) number = static_cast<std::uint32_t>(zipf.draw(random));
  return trace;
}

// Now and then somebody reads `length` rows that nobody else wants, one after another, a scan a `length` of requests.
Trace with_scans(std::size_t requests, std::size_t length) {
  Trace trace = by_zipf(requests, 0.99);
  std::uint32_t scanned = kRows;
  for (std::size_t at = length; at + length <= requests; at += 2 * length) {
    for (std::size_t i = 0; i < length; ++i) trace[at + i] = scanned++;
  }
  return trace;
}

// The same rows in the same order, again and again.
Trace by_loop(std::size_t requests, std::size_t length) {
  Trace trace(requests);
  for (std::size_t at = 0; at < requests; ++at) trace[at] = static_cast<std::uint32_t>(at % length);
  return trace;
}

// Which rows are wanted most changes: all of them 20 times in the trace, a few at a time.
Trace with_drift(std::size_t requests) {
  const std::size_t step = requests / 20;
  Trace trace = by_zipf(requests, 0.99);
  for (std::size_t at = 0; at < requests; ++at) {
    trace[at] = static_cast<std::uint32_t>((trace[at] + at * (kRows / 10) / step) % kRows);
  }
  return trace;
}

// Of the second half.
double hit_ratio(const Trace& trace, EvictionPolicy&& policy) {
  const std::size_t counted_from = trace.size() / 2;
  std::size_t hits = 0;
  for (std::size_t at = 0; at < trace.size(); ++at) {
    const bool hit = policy.request(trace[at]);
    if (at >= counted_from) hits += hit ? 1u : 0u;
  }
  return 100 * static_cast<double>(hits) / static_cast<double>(trace.size() - counted_from);
}

void compare(std::string_view name, const Trace& trace, std::size_t capacity) {
  absl::PrintF("%-36s %6d %7.2f %7.2f %7.2f %7.2f %7.2f %7.2f\n", name, capacity, hit_ratio(trace, Own(capacity)),
               hit_ratio(trace, Lru(capacity)), hit_ratio(trace, Clock(capacity)), hit_ratio(trace, Sieve(capacity)),
               hit_ratio(trace, S3Fifo(capacity)), hit_ratio(trace, Optimum(capacity, trace)));
  std::fflush(stdout);
}

void run(const Arguments& arguments) {
  const std::size_t requests = arguments.scaled(kRequests);
  absl::PrintF("hits of 100 requests\n%-36s %6s %7s %7s %7s %7s %7s %7s\n", "trace", "rows", "own", "LRU", "CLOCK",
               "SIEVE", "S3-FIFO", "optimum");
  constexpr std::size_t kTenth = kRows / 10;
  constexpr std::size_t kHundredth = kRows / 100;
  for (const std::size_t capacity : {kTenth, kHundredth}) {
    for (const double theta : {0.7, 0.9, 0.99, 1.2}) {
      compare(absl::StrFormat("zipf %.2f", theta), by_zipf(requests, theta), capacity);
    }
  }
  compare("zipf 0.99, scans of half the cache", with_scans(requests, kTenth / 2), kTenth);
  compare("zipf 0.99, scans of twice the cache", with_scans(requests, 2 * kTenth), kTenth);
  compare("zipf 0.99, scans of 10 times it", with_scans(requests, 10 * kTenth), kTenth);
  compare("loop of 1.1 times the cache", by_loop(requests, kTenth * 11 / 10), kTenth);
  compare("loop of twice the cache", by_loop(requests, 2 * kTenth), kTenth);
  compare("zipf 0.99 that drifts", with_drift(requests), kTenth);
}

}  // namespace
}  // namespace dictsqlite::bench

int main(int argc, char** argv) {
  namespace bench = dictsqlite::bench;
  const bench::Arguments arguments =
      bench::parse_arguments(argc, argv, "Hit ratios of a cache that is too small, by policy.");
  if (arguments.wants(bench::kProgram, "traces")) bench::run(arguments);
}
