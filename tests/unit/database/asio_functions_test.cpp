// Goal: every function of the adapter for asio starts the operation it is named after, with the options it was given,
// and brings its result once, with each kind of completion token. Method: each way of waiting is a type, and each
// function is called through it on a database on disk, which writes nothing of its own accord.
#include <dictsqlite/asio.hpp>
#include <dictsqlite/database.hpp>

#include "support/open_database.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <asio/awaitable.hpp>
#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>

#include <array>
#include <chrono>
#include <future>
#include <string_view>
#include <utility>
#include <vector>

namespace dictsqlite {
namespace {

// Each way of waiting runs `start(token)` to its end and returns the result, which it must get exactly once.
struct ByAwaitable {
  template <class Result, class Start>
  static Result result_of(Start start) {
    ::asio::io_context io;
    std::vector<Result> results;
    ::asio::co_spawn(io, wait<Result>(start, results), ::asio::detached);
    io.run();
    EXPECT_EQ(results.size(), 1U);
    return std::move(results.at(0));
  }
  template <class Result, class Start>
  static ::asio::awaitable<void> wait(Start& start, std::vector<Result>& results) {
    results.push_back(co_await start(::asio::use_awaitable));
  }
};

struct ByFuture {
  template <class Result, class Start>
  static Result result_of(Start start) {
    std::future<Result> future = start(::asio::use_future);
    return future.get();
  }
};

struct ByCallback {
  template <class Result, class Start>
  static Result result_of(Start start) {
    ::asio::io_context io;
    std::vector<Result> results;
    start(::asio::bind_executor(io, [&results](Result result) { results.push_back(std::move(result)); }));
    EXPECT_TRUE(results.empty()) << "called inside the initiating function";
    io.run();
    EXPECT_EQ(results.size(), 1U);
    return std::move(results.at(0));
  }
};

template <class Way>
class AsioFunctions : public testing::Test {
 protected:
  AsioFunctions() {
    Options options;
    options.path = directory.file("asio.db");
    options.flush_interval = std::chrono::hours(1);  // nothing is durable that was not asked to be
    db = testing_support::open_database(std::move(options));
  }
  template <class Start>
  static absl::Status status_of(Start start) {
    return Way::template result_of<absl::Status>(start);
  }

  static constexpr WriteOptions kDurable{.ack = Ack::kDurable};
  const testing_support::TemporaryDirectory directory;
  Database db;
};

using Ways = testing::Types<ByAwaitable, ByFuture, ByCallback>;
TYPED_TEST_SUITE(AsioFunctions, Ways);

TYPED_TEST(AsioFunctions, Set) {
  EXPECT_EQ(this->status_of([&](auto token) { return asio::async_set(this->db, "a", "1", token); }), absl::OkStatus());
  EXPECT_EQ(this->db.get("a")->view(), "1");
  EXPECT_EQ(this->db.stats().durable_sequence, 0U);
  const auto durable = [&](auto token) { return asio::async_set(this->db, "a", "2", this->kDurable, token); };
  EXPECT_EQ(this->status_of(durable), absl::OkStatus());
  EXPECT_EQ(this->db.get("a")->view(), "2");
  EXPECT_EQ(this->db.stats().durable_sequence, 2U);
}

TYPED_TEST(AsioFunctions, Erase) {
  for (const char* key : {"a", "b"}) ASSERT_TRUE(this->db.set(key, "1").ok());
  EXPECT_EQ(this->status_of([&](auto token) { return asio::async_erase(this->db, "a", token); }), absl::OkStatus());
  EXPECT_EQ(this->db.get("a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(this->db.stats().durable_sequence, 0U);
  const auto durable = [&](auto token) { return asio::async_erase(this->db, "b", this->kDurable, token); };
  EXPECT_EQ(this->status_of(durable), absl::OkStatus());
  EXPECT_EQ(this->db.get("b").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(this->db.stats().durable_sequence, 4U);
}

TYPED_TEST(AsioFunctions, Write) {
  ASSERT_TRUE(this->db.set("b", "1").ok());
  WriteBatch batch;
  batch.set("a", "1");
  batch.erase("b");
  EXPECT_EQ(this->status_of([&](auto token) { return asio::async_write(this->db, batch, token); }), absl::OkStatus());
  EXPECT_EQ(this->db.get("a")->view(), "1");
  EXPECT_EQ(this->db.get("b").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(this->db.stats().durable_sequence, 0U);
  const auto durable = [&](auto token) { return asio::async_write(this->db, batch, this->kDurable, token); };
  EXPECT_EQ(this->status_of(durable), absl::OkStatus());
  EXPECT_EQ(this->db.stats().durable_sequence, 3U);
}

TYPED_TEST(AsioFunctions, Get) {
  ASSERT_TRUE(this->db.set("a", "1").ok());
  for (const bool exists : {true, false}) {
    const auto start = [&](auto token) { return asio::async_get(this->db, exists ? "a" : "nobody", token); };
    const auto value = TypeParam::template result_of<absl::StatusOr<Value>>(start);
    EXPECT_EQ(value.status().code(), exists ? absl::StatusCode::kOk : absl::StatusCode::kNotFound);
    EXPECT_EQ(value.ok() ? value->view() : "", exists ? "1" : "");
  }
}

TYPED_TEST(AsioFunctions, Contains) {
  ASSERT_TRUE(this->db.set("a", "1").ok());
  for (const bool exists : {true, false}) {
    const auto start = [&](auto token) { return asio::async_contains(this->db, exists ? "a" : "nobody", token); };
    const auto found = TypeParam::template result_of<absl::StatusOr<bool>>(start);
    EXPECT_TRUE(found.ok() && *found == exists) << found.status();
  }
}

TYPED_TEST(AsioFunctions, BatchGet) {
  ASSERT_TRUE(this->db.set("a", "1").ok());
  const std::array<std::string_view, 3> keys{"nobody", "a", ""};
  const auto start = [&](auto token) { return asio::async_batch_get(this->db, keys, token); };
  const auto values = TypeParam::template result_of<std::vector<absl::StatusOr<Value>>>(start);
  ASSERT_EQ(values.size(), keys.size());
  EXPECT_EQ(values[0].status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(values[1].ok()) << values[1].status();
  EXPECT_EQ(values[1]->view(), "1");
  EXPECT_EQ(values[2].status().code(), absl::StatusCode::kInvalidArgument);
}

TYPED_TEST(AsioFunctions, Sync) {
  ASSERT_TRUE(this->db.set("a", "1").ok());
  EXPECT_EQ(this->db.stats().durable_sequence, 0U);
  EXPECT_EQ(this->status_of([&](auto token) { return asio::async_sync(this->db, token); }), absl::OkStatus());
  EXPECT_EQ(this->db.stats().durable_sequence, 1U);
  EXPECT_EQ(this->db.set("b", "2"), absl::OkStatus()) << "it was no close";
}

TYPED_TEST(AsioFunctions, Flush) {
  ASSERT_TRUE(this->db.set("a", "1").ok());
  EXPECT_EQ(this->db.stats().settled_sequence, 0U);
  EXPECT_EQ(this->status_of([&](auto token) { return asio::async_flush(this->db, token); }), absl::OkStatus());
  EXPECT_EQ(this->db.stats().settled_sequence, 1U);
  EXPECT_EQ(this->db.set("b", "2"), absl::OkStatus()) << "it was no close";
}

TYPED_TEST(AsioFunctions, Close) {
  const auto close = [&](auto token) { return asio::async_close(this->db, token); };
  EXPECT_EQ(this->status_of(close), absl::OkStatus());
  EXPECT_EQ(this->db.set("a", "1").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(this->status_of(close).code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace dictsqlite
