// Goal: erase and contains are linearizable with set and get of the same key, across eviction, loads and remembered
// absences [P6]. Method: recorded histories; each of 8 threads sets and erases keys of its own and reads everybody's,
// with a cache that cannot hold them.
#include <dictsqlite/dictsqlite.hpp>

#include "linearizability/single_writer.hpp"
#include "support/open_database.hpp"
#include "support/random.hpp"
#include "support/scale.hpp"
#include "support/start_line.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <array>
#include <charconv>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace dictsqlite::linearizability {
namespace {

using testing_support::open_database;
using testing_support::Random;
using testing_support::scaled;
using testing_support::StartLine;
using testing_support::TemporaryDirectory;
using History = SingleWriterHistory;

constexpr std::size_t kThreads = 8;
constexpr std::size_t kKeysEach = 8;
constexpr std::size_t kKeys = kThreads * kKeysEach;
constexpr std::size_t kHistories = 5;

History::Time now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Every other value is long, and lies outside of its entry.
std::string encode(std::uint64_t value) {
  std::string bytes = std::to_string(value) + ".";
  bytes.resize(value % 2 == 0 ? 60'000 : 100, 'v');
  return bytes;
}
std::uint64_t decode(const absl::StatusOr<Value>& result) {
  if (result.status().code() == absl::StatusCode::kNotFound) return History::kAbsent;
  EXPECT_TRUE(result.ok()) << result.status();
  if (!result.ok()) return History::kAbsent;
  std::uint64_t value = 0;
  std::from_chars(result->data(), result->data() + result->size(), value);
  EXPECT_EQ(result->view(), encode(value)) << "the bytes of a value are damaged";
  return value;
}

struct Read {
  std::size_t key;
  std::uint64_t value;
  History::Time begin;
  History::Time end;
};

class Recording {
 public:
  Recording(Database& database, std::size_t history) : database_(database), history_(history) {}

  void run(std::size_t operations) {
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
  void check() {
    for (const std::vector<Read>& reads : reads_) {
      for (const Read& read : reads) keys_[read.key].add_read(read.value, read.begin, read.end);
    }
    for (std::size_t key = 0; key < kKeys; ++key) {
      const std::optional<std::string> fault = keys_[key].find_fault();
      ASSERT_FALSE(fault.has_value()) << "history " << history_ << ", key " << key << ": " << *fault;
    }
  }

 private:
  void play(std::size_t thread, std::size_t operations) {
    Random random(7'000 + history_ * 100 + thread);
    std::uint64_t written = 0;
    for (std::size_t count = 0; count < operations; ++count) {
      const std::size_t dice = random.below(100);
      const bool is_read = dice < 60;
      const std::size_t key = is_read ? random.below(kKeys) : thread * kKeysEach + random.below(kKeysEach);
      const std::string name = "key" + std::to_string(key);
      const History::Time begin = now();
      if (dice < 40) {
        const std::uint64_t value = decode(database_.get(name));
        reads_[thread].push_back({key, value, begin, now()});
      } else if (is_read) {
        const absl::StatusOr<bool> there = database_.contains(name);
        const History::Time end = now();
        ASSERT_TRUE(there.ok()) << there.status();
        reads_[thread].push_back({key, *there ? History::kPresent : History::kAbsent, begin, end});
      } else if (dice < 80) {
        ASSERT_EQ(database_.set(name, encode(++written)), absl::OkStatus());
        keys_[key].add_write(written, begin, now());
      } else {
        ASSERT_EQ(database_.erase(name), absl::OkStatus());
        keys_[key].add_write(History::kAbsent, begin, now());
      }
    }
  }

  Database& database_;
  const std::size_t history_;
  std::array<History, kKeys> keys_;  // of the thread that writes the key, until all have ended
  std::array<std::vector<Read>, kThreads> reads_;
};

TEST(EraseLinearizability, OfEveryKeyAcrossEvictionAndLoads) {
  for (std::size_t history = 0; history < kHistories; ++history) {
    const TemporaryDirectory directory;
    Options options;
    options.path = directory.file("test.db");
    options.cache_bytes = 1u << 20;
    options.journal = history % 4 >= 2 ? Journal::kOn : Journal::kOff;
    // With a log little is applied, and therefore evicted, unless memory runs short.
    options.unapplied_bytes = history % 2 == 0 || options.journal == Journal::kOn ? 1u << 20 : 8u << 20;
    options.value_bytes_max = 64u << 10;
    options.batch_bytes_max = 256u << 10;
    options.ring_capacity = history % 3 == 1 ? 16 : 1u << 10;
    options.flush_interval = std::chrono::milliseconds(5);
    options.wal_bytes = 4u << 20;
    options.log_bytes = 4u << 20;
    options.batch_rows_max = 1'000;
    Database database = open_database(options);
    Recording recording(database, history);
    recording.run(scaled(100'000));
    EXPECT_GT(database.stats().loads, scaled(kKeys));
    ASSERT_EQ(database.close(), absl::OkStatus());
    recording.check();
    ASSERT_FALSE(testing::Test::HasFailure());
  }
}

}  // namespace
}  // namespace dictsqlite::linearizability
