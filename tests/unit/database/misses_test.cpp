// Goal: a miss that finds no free load waits its turn and is answered once, by whichever operation it came. Method:
// fewer loads at a time than keys asked for at once.
#include <dictsqlite/dictsqlite.hpp>

#include "support/open_database.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dictsqlite {
namespace {

using testing_support::open_database;
using testing_support::TemporaryDirectory;

constexpr std::size_t kKeys = 500;

class Misses : public testing::TestWithParam<std::size_t> {
 protected:
  Misses() {
    for (std::size_t number = 0; number < kKeys; ++number) names_.push_back("key" + std::to_string(number));
    options_.path = directory_.file("test.db");
    options_.loads_max = GetParam();
    {
      Database database = open_database(options_);
      for (const std::string& name : names_) EXPECT_EQ(database.set(name, name), absl::OkStatus());
    }
    database_ = open_database(options_);
  }

  TemporaryDirectory directory_;
  Options options_;
  std::vector<std::string> names_;
  Database database_;
};

TEST_P(Misses, OfManyCallersAreAnsweredOnceEach) {
  std::vector<std::atomic<int>> answers(kKeys);
  std::atomic<std::size_t> done{0};
  for (std::size_t number = 0; number < kKeys; ++number) {
    database_.get_async(names_[number]).start([&, number](absl::StatusOr<Value> value) noexcept {
      EXPECT_TRUE(value.ok()) << value.status();
      EXPECT_EQ(value.ok() ? value->view() : "", names_[number]);
      answers[number].fetch_add(1);
      done.fetch_add(1);
    });
  }
  while (done.load() < kKeys) std::this_thread::yield();
  ASSERT_EQ(database_.close(), absl::OkStatus());
  database_ = Database();  // ends the resume thread: nothing comes after it
  for (const std::atomic<int>& count : answers) EXPECT_EQ(count.load(), 1);
}

TEST_P(Misses, OfOneBatchGetAreAllAnswered) {
  const std::vector<std::string_view> keys(names_.begin(), names_.end());
  const std::vector<absl::StatusOr<Value>> results = database_.batch_get(keys);
  ASSERT_EQ(results.size(), kKeys);
  for (std::size_t number = 0; number < kKeys; ++number) {
    ASSERT_TRUE(results[number].ok()) << results[number].status();
    EXPECT_EQ(results[number]->view(), names_[number]);
  }
  EXPECT_EQ(database_.stats().loads, kKeys);
  EXPECT_EQ(database_.stats().loads_in_flight, 0u);
}

TEST_P(Misses, ThatWaitWhenTheDatabaseClosesAreAnsweredOnce) {
  std::atomic<std::size_t> done{0};
  for (const std::string& name : names_) {
    database_.get_async(name).start([&](absl::StatusOr<Value> value) noexcept {
      EXPECT_TRUE(value.ok() || value.status().code() == absl::StatusCode::kFailedPrecondition) << value.status();
      done.fetch_add(1);
    });
  }
  EXPECT_EQ(database_.close(), absl::OkStatus());
  database_ = Database();
  EXPECT_EQ(done.load(), kKeys);
}

INSTANTIATE_TEST_SUITE_P(LoadsMax, Misses, testing::Values(1, 3, 1000));

}  // namespace
}  // namespace dictsqlite
