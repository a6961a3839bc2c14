// Goal: a write is accepted at once, or parks without a ticket, or is refused with the code and sentence that say why;
// and gives its entry to exactly one. Method: an engine without threads, brought into each state; the test takes parked
// writes as the flusher does. What waits until it is durable is operation_test's.
#include <dictsqlite/operation.hpp>

#include "database/make_write.hpp"
#include "unit/database/bare_database.hpp"

#include <gtest/gtest.h>

#include <coroutine>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dictsqlite::detail {
namespace {

using entry::EntryKind;
using Code = absl::StatusCode;

WriteOperation set(BareDatabase& db, std::string_view key, std::string_view value = "value", WriteOptions how = {}) {
  return make_write(db->spread(), EntryKind::kSet, key, value, how);
}
WriteOperation erase(BareDatabase& db, std::string_view key) {
  return make_write(db->spread(), EntryKind::kErase, key, {}, {});
}
std::string value_of(BareDatabase& db, std::string_view key) {
  const cache::Reclaimer::Guard guard = db->cache().reclaimer().enter();
  const entry::Entry* const entry = db->cache().table().find(cache::Cache::key(store::kMainTable, key));
  return entry != nullptr && entry->has_value() ? std::string(entry->value()) : "(nothing)";
}

TEST(WriteOperationTest, IsAcceptedAtOnce) {
  BareDatabase db;
  EXPECT_EQ(set(db, "key").wait(), absl::OkStatus());
  EXPECT_EQ(db->path().claimed_sequence(), 1u);
  EXPECT_EQ(value_of(db, "key"), "value");
  EXPECT_EQ(erase(db, "key").wait(), absl::OkStatus());
  EXPECT_EQ(db->path().claimed_sequence(), 2u);
  EXPECT_EQ(value_of(db, "key"), "(nothing)");
}

TEST(WriteOperationTest, ADurableOneIsAcceptedBeforeItWaits) {
  BareDatabase db;
  WriteOperation write = set(db, "key", "value", {.ack = Ack::kDurable});
  EXPECT_FALSE(write.await_ready());
  EXPECT_EQ(value_of(db, "key"), "value");
}

TEST(WriteOperationTest, IsRefusedAfterTheClose) {
  BareDatabase db;
  {
    WriteOperation write = set(db, "key");
    ASSERT_TRUE(db->begin_close());
    EXPECT_EQ(std::move(write).wait(), absl::FailedPreconditionError("the database is closed"));
  }
  EXPECT_EQ(db->path().claimed_sequence(), 0u);
  EXPECT_EQ(db.pool().used_bytes(), 0u);
}

// The flusher froze the ring after the operation had looked whether the database was closed.
TEST(WriteOperationTest, IsRefusedByAClosedRing) {
  BareDatabase db;
  db->path().ring().close();
  EXPECT_EQ(set(db, "key").wait(), absl::FailedPreconditionError("the database is closed"));
}

TEST(WriteOperationTest, IsRefusedByAFailedRing) {
  BareDatabase db;
  db->path().ring().fail();
  const absl::Status status = set(db, "key").wait();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.message(), db->failure().sentence());
}

TEST(WriteOperationTest, IsRefusedOnAFullDiskIfThatWasAskedFor) {
  Options options = BareDatabase::options();
  options.disk_full = DiskFull::kRefuse;
  BareDatabase db(options);
  db->path().set_disk_full(flush::WritePath::FullFor::kSqlite, true);
  EXPECT_EQ(set(db, "key").wait(), absl::UnavailableError("the disk is full and Options::disk_full is kRefuse"));
  db->path().set_disk_full(flush::WritePath::FullFor::kSqlite, false);
  EXPECT_EQ(set(db, "key").wait(), absl::OkStatus());
}

TEST(WriteOperationTest, AFullDatabaseInMemoryTakesErasesOnly) {
  Options options = BareDatabase::options(PersistMode::kMemory);
  options.cache_bytes = 1u << 20;
  options.unapplied_bytes = 0;
  BareDatabase db(options);
  std::size_t accepted = 0;
  absl::Status status;
  const std::string value(5000, 'v');
  while ((status = set(db, "key" + std::to_string(accepted), value).wait()).ok()) ++accepted;
  EXPECT_EQ(status, absl::ResourceExhaustedError("the database in memory is full: Options::cache_bytes"));
  EXPECT_GT(accepted, 100u);
  EXPECT_EQ(erase(db, "key0").wait(), absl::OkStatus());
}

// --- parking ---

Options with_little_room() {
  Options options = BareDatabase::options();
  options.ring_capacity = 2;
  return options;
}

TEST(WriteOperationTest, ParksWithoutATicketWhenThereIsNoRoom) {
  BareDatabase db(with_little_room());
  ASSERT_EQ(set(db, "a").wait(), absl::OkStatus());
  ASSERT_EQ(set(db, "b").wait(), absl::OkStatus());
  const Running<WriteOperation> parked(set(db, "c", "value", {.ack = Ack::kDurable}));
  EXPECT_FALSE(parked.is_done());
  EXPECT_EQ(db->path().parked().count(), 1u);
  EXPECT_EQ(db->path().claimed_sequence(), 2u);
  EXPECT_EQ(value_of(db, "c"), "(nothing)");

  Completion* const completion = db->path().parked().front();
  db->path().parked().pop_front();
  EXPECT_EQ(static_cast<Ack>(completion->kind), Ack::kDurable);
  auto* const entry = static_cast<entry::Entry*>(std::exchange(completion->subject, nullptr));
  EXPECT_EQ(entry->key(), "c");
  db->path().release(entry);
  complete(completion, Code::kAborted, "not written");
  ASSERT_TRUE(parked.is_done());
  EXPECT_EQ(parked.result(), absl::AbortedError("not written"));
}

TEST(WriteOperationTest, QueuesBehindThoseThatPark) {
  BareDatabase db(with_little_room());
  ASSERT_EQ(set(db, "a").wait(), absl::OkStatus());
  ASSERT_EQ(set(db, "b").wait(), absl::OkStatus());
  const Running<WriteOperation> first(set(db, "c"));
  db->path().release(db->path().ring().pop());
  db->path().ring().release_room();
  const Running<WriteOperation> second(set(db, "d"));
  EXPECT_FALSE(second.is_done()) << "there is room, but not for it";
  EXPECT_EQ(db->path().parked().count(), 2u);
  for (const char* key : {"c", "d"}) {
    Completion* const completion = db->path().parked().front();
    db->path().parked().pop_front();
    auto* const entry = static_cast<entry::Entry*>(std::exchange(completion->subject, nullptr));
    EXPECT_EQ(entry->key(), key);
    db->path().release(entry);
    complete(completion, Code::kOk);
  }
  EXPECT_TRUE(first.is_done() && second.is_done());
}

TEST(WriteOperationTest, DestroyedWhileItParksLeavesItsEntryToWhoTakesIt) {
  BareDatabase db(with_little_room());
  ASSERT_EQ(set(db, "a").wait(), absl::OkStatus());
  ASSERT_EQ(set(db, "b").wait(), absl::OkStatus());
  { const Running<WriteOperation> parked(set(db, "c")); }
  Completion* const completion = db->path().parked().front();
  db->path().parked().pop_front();
  auto* const entry = static_cast<entry::Entry*>(std::exchange(completion->subject, nullptr));
  EXPECT_EQ(entry->key(), "c");
  db->path().release(entry);
  complete(completion, Code::kOk);
}

// Awaits a write, and lets the database begin to close after it found no room and before it parks.
struct ClosedInBetween {
  WriteOperation write;
  Engine* engine;

  bool await_ready() noexcept { return write.await_ready(); }
  bool await_suspend(std::coroutine_handle<testing_support::Suspended::Promise> coroutine) noexcept {
    EXPECT_TRUE(engine->begin_close());
    return write.await_suspend(coroutine);
  }
  absl::Status await_resume() noexcept { return write.await_resume(); }
};
testing_support::Suspended run(ClosedInBetween write, std::optional<absl::Status>* result) {
  result->emplace(co_await write);
}

TEST(WriteOperationTest, IsRefusedByAClosedQueueAndKeepsItsEntry) {
  BareDatabase db(with_little_room());
  ASSERT_EQ(set(db, "a").wait(), absl::OkStatus());
  ASSERT_EQ(set(db, "b").wait(), absl::OkStatus());
  const std::size_t before = db.pool().used_bytes();
  std::optional<absl::Status> result;
  const testing_support::Suspended coroutine = run({set(db, "c"), &*db}, &result);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(*result, absl::FailedPreconditionError("the database is closed"));
  coroutine.handle.destroy();
  EXPECT_EQ(db.pool().used_bytes(), before) << "entry and completion are gone";
}

}  // namespace
}  // namespace dictsqlite::detail
