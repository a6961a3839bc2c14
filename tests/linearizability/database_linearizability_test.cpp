// Goal: get, set, batches and batch_get of each key are linearizable in the process, across eviction and loads; a
// reader never goes back in time [P6] [I1]-[I4]. Method: recorded histories of 8 threads on 64 hot keys, with a cache
// that cannot hold them, so that everything is evicted and loaded again; every written value is unique; each key's
// history is checked for itself. The settings change from history to history: tiny ring, few loads at a time, little
// room, both I/O backends, polling.
#include <dictsqlite/dictsqlite.hpp>

#include "linearizability/history.hpp"
#include "support/open_database.hpp"
#include "support/random.hpp"
#include "support/scale.hpp"
#include "support/start_line.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dictsqlite::linearizability {
namespace {

using testing_support::open_database;
using testing_support::Random;
using testing_support::scaled;
using testing_support::StartLine;
using testing_support::TemporaryDirectory;

constexpr std::size_t kThreads = 8;
constexpr std::size_t kKeys = 64;
constexpr std::size_t kHistories = 20;

Time now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// The bytes that stand for a unique value: its number, again and again, as long as the number says. Half of them lie
// within their entry's block, half outside of the slab.
std::string encode(std::uint64_t value) {
  const std::uint64_t scattered = value * 0x9E3779B97F4A7C15u;
  const std::size_t words = scattered >> 63 == 0 ? 1 + scattered % 24 : 5000 + scattered % 3000;
  std::string bytes(words * sizeof value, '\0');
  for (std::size_t word = 0; word < words; ++word)
    std::memcpy(bytes.data() + word * sizeof value, &value, sizeof value);
  return bytes;
}
std::uint64_t decode(const absl::StatusOr<Value>& result) {
  if (result.status().code() == absl::StatusCode::kNotFound) return kInitial;
  EXPECT_TRUE(result.ok()) << result.status();
  if (!result.ok()) return kInitial;
  std::uint64_t value = 0;
  std::memcpy(&value, result->data(), sizeof value);
  EXPECT_EQ(result->view(), encode(value)) << "the bytes of a value are damaged";
  return value;
}

class Recording {
 public:
  Recording(Database& database, std::size_t history) : database_(database), history_(history) {
    for (std::size_t key = 0; key < kKeys; ++key) names_[key] = "key" + std::to_string(key);
  }

  // May be called again: the history goes on.
  void run(std::size_t operations) {
    ++runs_;
    StartLine start(kThreads);
    std::vector<std::thread> threads;
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        start.arrive();
        play(thread, operations / kThreads);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  /// Reads every key once more, as a part of the history.
  std::array<std::uint64_t, kKeys> read_all() {
    std::array<std::uint64_t, kKeys> values{};
    for (std::size_t key = 0; key < kKeys; ++key) {
      const Time begin = now();
      values[key] = decode(database_.get(names_[key]));
      events_[0][key].push_back({Kind::kRead, values[key], begin, now()});
    }
    return values;
  }
  void check() {
    for (std::size_t key = 0; key < kKeys; ++key) {
      std::vector<Event> events;
      for (const auto& of_thread : events_) events.insert(events.end(), of_thread[key].begin(), of_thread[key].end());
      const std::optional<std::string> fault = Checker::find_fault(events);
      ASSERT_FALSE(fault.has_value()) << "history " << history_ << ", " << names_[key] << ": " << *fault;
    }
  }

 private:
  void play(std::size_t thread, std::size_t operations) {
    Random random((history_ * 100 + thread) * 100 + runs_);
    const auto next_value = [&] { return (thread + 1) << 32 | ++written_[thread]; };
    for (std::size_t count = 0; count < operations;) {
      const std::size_t key = random.below(kKeys);
      const std::size_t dice = random.below(100);
      if (dice < 55) {
        const Time begin = now();
        const std::uint64_t value = decode(database_.get(names_[key]));
        record(thread, key, {Kind::kRead, value, begin, now()});
        ++count;
      } else if (dice < 60) {
        count += read_several(thread, random);
      } else if (dice < 97) {
        const std::uint64_t value = next_value();
        const std::string bytes = encode(value);
        const WriteOptions options = random.one_in(200) ? WriteOptions{.ack = Ack::kDurable} : WriteOptions{};
        const Time begin = now();
        const absl::Status status = database_.set(names_[key], bytes, options);
        record(thread, key, {Kind::kWrite, value, begin, now()});
        EXPECT_EQ(status, absl::OkStatus());
        ++count;
      } else {
        WriteBatch batch;
        std::array<std::uint64_t, 3> values{};
        for (std::size_t row = 0; row < values.size(); ++row) {
          values[row] = next_value();
          batch.set(names_[(key + row) % kKeys], encode(values[row]));
        }
        const Time begin = now();
        const absl::Status status = database_.write(batch);
        const Time end = now();
        EXPECT_EQ(status, absl::OkStatus());
        for (std::size_t row = 0; row < values.size(); ++row) {
          record(thread, (key + row) % kKeys, {Kind::kWrite, values[row], begin, end});
        }
        count += values.size();
      }
    }
  }
  std::size_t read_several(std::size_t thread, Random& random) {
    std::array<std::size_t, 6> keys{};
    std::array<std::string_view, 6> names;
    for (std::size_t index = 0; index < keys.size(); ++index) names[index] = names_[keys[index] = random.below(kKeys)];
    const Time begin = now();
    const std::vector<absl::StatusOr<Value>> results = database_.batch_get(names);
    const Time end = now();
    for (std::size_t index = 0; index < keys.size(); ++index) {
      record(thread, keys[index], {Kind::kRead, decode(results[index]), begin, end});
    }
    return keys.size();
  }
  void record(std::size_t thread, std::size_t key, const Event& event) { events_[thread][key].push_back(event); }

  Database& database_;
  const std::size_t history_;
  std::size_t runs_ = 0;
  std::array<std::uint64_t, kThreads> written_{};
  std::array<std::string, kKeys> names_;
  std::array<std::array<std::vector<Event>, kKeys>, kThreads> events_;
};

Options options_of(std::size_t history, const std::string& path) {
  Options options;
  options.path = path;
  options.cache_bytes = 1u << 20;
  options.unapplied_bytes = history % 3 == 0 ? 1u << 20 : 8u << 20;
  options.value_bytes_max = 64u << 10;
  options.batch_bytes_max = 256u << 10;
  options.ring_capacity = history % 4 == 1 ? 16 : 1u << 10;
  options.loads_max = history % 5 == 2 ? 2 : 1u << 10;
  options.io_backend = history % 2 == 0 ? IoBackendChoice::kAuto : IoBackendChoice::kThreads;
  options.poll_time = std::chrono::microseconds(history % 7 == 3 ? 50 : 0);
  options.persist_mode = history % 6 == 4 ? PersistMode::kLazy : PersistMode::kWriteBehind;
  options.flush_interval = std::chrono::milliseconds(20);
  options.wal_bytes = 4u << 20;
  options.journal = history % 4 >= 2 ? Journal::kOn : Journal::kOff;
  options.log_bytes = 4u << 20;
  options.batch_rows_max = 1'000;
  return options;
}

TEST(Linearizability, OfEveryKeyAcrossEvictionAndLoads) {
  for (std::size_t history = 0; history < kHistories; ++history) {
    const TemporaryDirectory directory;
    const Options options = options_of(history, directory.file("test.db"));
    Database database = open_database(options);
    Recording recording(database, history);
    // Between the runs everything becomes evictable, however large the budget for what is not applied.
    constexpr std::size_t kRuns = 4;
    for (std::size_t run = 0; run < kRuns; ++run) {
      recording.run(scaled(100'000) / kRuns);
      ASSERT_EQ(database.flush(), absl::OkStatus());
    }
    const std::array<std::uint64_t, kKeys> last = recording.read_all();
    const Stats stats = database.stats();
    EXPECT_GT(stats.evictions, scaled(kKeys)) << "the cache was to be too small";
    EXPECT_GT(stats.loads, scaled(kKeys));
    ASSERT_EQ(database.close(), absl::OkStatus());
    recording.check();

    Database reopened = open_database(options);
    for (std::size_t key = 0; key < kKeys; ++key) {
      ASSERT_EQ(decode(reopened.get("key" + std::to_string(key))), last[key])
          << "history " << history << ", key " << key;
    }
    ASSERT_FALSE(testing::Test::HasFailure());
  }
}

}  // namespace
}  // namespace dictsqlite::linearizability
