// Goal: no batch_get and no scan ever sees part of a WriteBatch, whether its keys are in memory or have to be loaded
// [P3]. Method: writers set all keys of a set to one number at a time, readers look whether all numbers are equal; with
// a cache that holds everything, with one that does not, and without a disk.
#include <dictsqlite/dictsqlite.hpp>

#include "support/open_database.hpp"
#include "support/scale.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dictsqlite {
namespace {

using testing_support::open_database;
using testing_support::scaled;
using testing_support::TemporaryDirectory;

constexpr std::size_t kKeys = 12;

struct Setting {
  const char* name;
  PersistMode mode;
  std::size_t value_bytes;  // 12 of them and a cache of 1 MiB
};

class BatchVisibility : public testing::TestWithParam<Setting> {
 protected:
  BatchVisibility() {
    for (std::size_t index = 0; index < kKeys; ++index) names_[index] = "key" + std::to_string(index);
    options_.path = directory_.file("test.db");
    options_.persist_mode = GetParam().mode;
    options_.cache_bytes = GetParam().mode == PersistMode::kMemory ? 64u << 20 : 1u << 20;
    options_.unapplied_bytes = 8u << 20;
    options_.value_bytes_max = 1u << 20;
    options_.batch_bytes_max = 4u << 20;
    options_.flush_interval = std::chrono::milliseconds(1);
    database_ = open_database(options_);
    write(0);
  }

  void write(std::uint64_t number) {
    WriteBatch batch;
    std::string value = std::to_string(number);
    value.resize(GetParam().value_bytes, '.');
    for (const std::string& name : names_) batch.set(name, value);
    EXPECT_EQ(database_.write(batch), absl::OkStatus());
  }
  // Writes until the readers have read enough.
  template <class Read>
  void race(std::size_t reads_each, Read&& read) {
    std::atomic<int> readers{2};
    std::atomic<std::uint64_t> number{1};
    std::vector<std::thread> threads;
    for (int writer = 0; writer < 2; ++writer) {
      threads.emplace_back([&] {
        while (readers.load(std::memory_order_relaxed) > 0) write(number.fetch_add(1));
      });
    }
    for (int reader = 0; reader < 2; ++reader) {
      threads.emplace_back([&] {
        for (std::size_t count = 0; count < reads_each && !HasFailure(); ++count) read();
        readers.fetch_sub(1, std::memory_order_relaxed);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  TemporaryDirectory directory_;
  Options options_;
  std::array<std::string, kKeys> names_;
  Database database_;
};

TEST_P(BatchVisibility, BatchGetSeesAllOfABatchOrNothing) {
  const std::vector<std::string_view> keys(names_.begin(), names_.end());
  race(scaled(1'500), [&] {
    const std::vector<absl::StatusOr<Value>> results = database_.batch_get(keys);
    ASSERT_EQ(results.size(), kKeys);
    for (const absl::StatusOr<Value>& result : results) {
      ASSERT_TRUE(result.ok()) << result.status();
      ASSERT_EQ(result->view(), results.front()->view()) << "part of a batch";
    }
  });
}

TEST_P(BatchVisibility, AScanSeesAllOfABatchOrNothing) {
  race(scaled(150), [&] {
    ScanOptions options;
    options.prefix = "key";
    Scan scan = database_.scan(options);
    std::vector<std::string> values;
    while (std::optional<Row> row = scan.next()) values.push_back(std::move(row->value));
    ASSERT_EQ(scan.status(), absl::OkStatus());
    ASSERT_EQ(values.size(), kKeys);
    for (const std::string& value : values) ASSERT_EQ(value, values.front()) << "part of a batch";
  });
}

TEST_P(BatchVisibility, BatchGetIsNotStarvedByBatches) {
  // Held to a bound by the test's time-out: after a few disturbed rounds new batches wait.
  const std::vector<std::string_view> keys(names_.begin(), names_.end());
  std::atomic<bool> stop{false};
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 3; ++writer) {
    writers.emplace_back([&] {
      for (std::uint64_t number = 1; !stop.load(std::memory_order_relaxed); ++number) write(number);
    });
  }
  for (std::size_t count = 0; count < scaled(200); ++count) ASSERT_EQ(database_.batch_get(keys).size(), kKeys);
  stop.store(true, std::memory_order_relaxed);
  for (std::thread& writer : writers) writer.join();
}

INSTANTIATE_TEST_SUITE_P(, BatchVisibility,
                         testing::Values(Setting{"InMemory", PersistMode::kWriteBehind, 100},
                                         Setting{"EvictedAndLoaded", PersistMode::kWriteBehind, 120'000},
                                         Setting{"WithoutADisk", PersistMode::kMemory, 100}),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace dictsqlite
