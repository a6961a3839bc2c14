// Goal: start() without memory for the operation calls back with kResourceExhausted, or with kUnknown for a write that
// was accepted by then and is not lost, and holds nothing back. Method: the program's own allocator without exceptions,
// which fails when told to.
#include <dictsqlite/dictsqlite.hpp>

#include "support/open_database.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

namespace {
thread_local bool no_memory = false;
}  // namespace

// Replaced for this program. All of them, so that each block goes back where it came from.
void* operator new(std::size_t bytes) {
  void* const block = std::malloc(bytes);
  if (block == nullptr) std::abort();
  return block;
}
void* operator new(std::size_t bytes, const std::nothrow_t& /*tag*/) noexcept {
  return no_memory ? nullptr : std::malloc(bytes);
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t /*bytes*/) noexcept { std::free(block); }

namespace dictsqlite {
namespace {

using testing_support::open_database;
using testing_support::TemporaryDirectory;

class OperationMemory : public testing::Test {
 protected:
  // Starts the operation without memory and returns what it was called back with.
  template <class Operation>
  static typename Operation::Result started(Operation operation) {
    std::optional<typename Operation::Result> result;
    no_memory = true;
    std::move(operation).start(
        [&result](typename Operation::Result value) noexcept { result.emplace(std::move(value)); });
    no_memory = false;
    EXPECT_TRUE(result.has_value()) << "called back at once: there is no memory to do it later";
    return *std::move(result);
  }
  static Options options(const TemporaryDirectory& directory) {
    Options options;
    options.path = directory.file("test.db");
    options.flush_interval = std::chrono::milliseconds(1);
    return options;
  }

  TemporaryDirectory directory_;
  Options options_ = options(directory_);
};

TEST_F(OperationMemory, AnAcceptedDurableWriteIsWrittenAllTheSame) {
  Database database = open_database(options_);
  ASSERT_TRUE(database.flush().ok());
  EXPECT_EQ(started(database.set_async("a", "1", {.ack = Ack::kDurable})).code(), absl::StatusCode::kUnknown);
  EXPECT_EQ(database.get("a")->view(), "1") << "it was accepted";
  // Held to a bound by the test's time-out: nobody else wakes the flusher.
  while (database.stats().writes_applied == 0) std::this_thread::yield();
}

TEST_F(OperationMemory, AMissIsRefusedAndTheNextOneIsNot) {
  Database database = open_database(options_);
  EXPECT_EQ(started(database.get_async("a")).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(database.get("a").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(OperationMemory, WhatIsReadyNeedsNone) {
  Database database = open_database(options_);
  ASSERT_TRUE(database.set("a", "1").ok());
  EXPECT_EQ(started(database.get_async("a"))->view(), "1");
  EXPECT_EQ(started(database.get_async("a").via(inline_executor()))->view(), "1") << "not posted, but called back";
}

TEST_F(OperationMemory, ABatchGetIsRefusedAndHoldsNoBatchBack) {
  Database database = open_database(options_);
  const std::vector<std::string_view> keys = {"a", "b"};
  for (const absl::StatusOr<Value>& result : started(database.batch_get_async(keys))) {
    EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted);
  }
  WriteBatch batch;
  batch.set("a", "1");
  batch.set("b", "2");
  EXPECT_EQ(database.write(batch), absl::OkStatus());
}

TEST_F(OperationMemory, ACloseIsRefusedAndHasNotBegun) {
  Database database = open_database(options_);
  EXPECT_EQ(started(database.close_async()).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(database.set("a", "1"), absl::OkStatus());
  EXPECT_EQ(database.close(), absl::OkStatus());
}

TEST_F(OperationMemory, ARefusedCloseDoesNotKeepTheDestructorWaiting) {
  Database database = open_database(options_);
  EXPECT_EQ(started(database.close_async()).code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace dictsqlite
