// Goal: a Value holds its bytes, itself up to kInlineBytes and counted above, whatever it is copied, moved or assigned
// to; every handle counts once, and the last one gives the bytes back, also when the database is gone. Method: values
// made from entries of an engine without threads, whose references are looked at; and a database that is closed,
// overwritten and evicted under its values.
#include <dictsqlite/database.hpp>
#include <dictsqlite/value.hpp>

#include "cache/value_access.hpp"
#include "support/open_database.hpp"
#include "support/start_line.hpp"
#include "unit/database/bare_engine.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace dictsqlite {
namespace {

using detail::BareEngine;
using entry::Entry;
using entry::EntryKind;
using entry::EntryPool;
using testing_support::StartLine;

static_assert(std::is_nothrow_default_constructible_v<Value>);
static_assert(std::is_nothrow_copy_constructible_v<Value> && std::is_nothrow_copy_assignable_v<Value>);
static_assert(std::is_nothrow_move_constructible_v<Value> && std::is_nothrow_move_assignable_v<Value>);

const std::string kInline(Value::kInlineBytes, 'i');
const std::string kShared(Value::kInlineBytes + 1, 's');

class ValueTest : public testing::Test {
 protected:
  ~ValueTest() override {
    for (Entry* entry : entries_) engine_.pool().release(entry);
    EXPECT_EQ(engine_.pool().used_bytes(), 0u) << "a handle still counts";
  }
  // A value and the entry it came from, on which the test holds one reference.
  Entry& entry_of(std::string_view bytes) {
    entries_.push_back(engine_.pool().make(EntryKind::kSet, 0, "key", bytes, 0));
    return *entries_.back();
  }
  Value value_of(Entry& entry) {
    Value value;
    detail::ValueAccess::assign(value, entry, engine_.handle());
    return value;
  }
  // Owners of either kind.
  static std::uint32_t references(const Entry& entry) {
    const std::uint32_t word = entry.references.load();
    return word % Entry::kOneValue + word / Entry::kOneValue;
  }

  BareEngine engine_;
  std::vector<Entry*> entries_;
};

// --- what it holds ---

TEST_F(ValueTest, IsEmptyAtFirst) {
  const Value value;
  EXPECT_TRUE(value.empty());
  EXPECT_EQ(value.size(), 0u);
  EXPECT_EQ(value.view(), "");
  EXPECT_NE(value.data(), nullptr);
}

TEST_F(ValueTest, HasAllBytesOfEverySizeAroundTheBoundary) {
  for (const std::size_t size : {0u, 1u, 8u, 103u, 104u, 105u, 106u, 8152u, 8153u, 100'000u}) {
    std::string bytes(size, '\0');
    for (std::size_t index = 0; index < size; ++index) bytes[index] = static_cast<char>(index * 7);
    const Value value = value_of(entry_of(bytes));
    EXPECT_EQ(value.size(), size);
    EXPECT_EQ(value.empty(), size == 0);
    EXPECT_EQ(value.view(), bytes);
    EXPECT_EQ(std::string_view(value), bytes);
    EXPECT_EQ(value.str(), bytes);
  }
}

TEST_F(ValueTest, CopiesUpToTheBoundaryAndSharesAboveIt) {
  Entry& short_entry = entry_of(kInline);
  Entry& long_entry = entry_of(kShared);
  const Value copied = value_of(short_entry);
  const Value shared = value_of(long_entry);
  EXPECT_NE(copied.data(), short_entry.value().data());
  EXPECT_EQ(references(short_entry), 1u);
  EXPECT_EQ(shared.data(), long_entry.value().data());
  EXPECT_EQ(references(long_entry), 2u);
}

TEST_F(ValueTest, EqualsByBytesAndNotByWhereTheyAre) {
  for (const std::string& bytes : {kInline, kShared}) {
    const Value value = value_of(entry_of(bytes));
    std::string other = bytes;
    other.back() = 'x';
    EXPECT_EQ(value, value_of(entry_of(bytes)));
    EXPECT_EQ(value, std::string_view(bytes));
    EXPECT_FALSE(value == value_of(entry_of(other)));
    EXPECT_FALSE(value == std::string_view(bytes).substr(1));
  }
}

// --- copies and moves ---

TEST_F(ValueTest, ACopyCountsOnceMoreAndBothStayEqual) {
  Entry& entry = entry_of(kShared);
  const Value value = value_of(entry);
  {
    const Value copy = value;  // NOLINT(performance-unnecessary-copy-initialization): it is what is tested
    EXPECT_EQ(references(entry), 3u);
    EXPECT_EQ(copy.data(), value.data());
  }
  EXPECT_EQ(references(entry), 2u);
  EXPECT_EQ(value, std::string_view(kShared));
}

TEST_F(ValueTest, AnInlineCopyLivesWithoutItsOriginal) {
  std::optional<Value> value = value_of(entry_of(kInline));
  const Value copy = *value;
  EXPECT_NE(copy.data(), value->data());
  value.reset();
  EXPECT_EQ(copy, std::string_view(kInline));
}

TEST_F(ValueTest, AMoveTakesTheCountAndLeavesNothing) {
  for (const std::string& bytes : {kInline, kShared}) {
    Entry& entry = entry_of(bytes);
    Value value = value_of(entry);
    const std::uint32_t before = references(entry);
    const Value taken = std::move(value);
    EXPECT_EQ(references(entry), before);
    EXPECT_EQ(taken, std::string_view(bytes));
    EXPECT_TRUE(value.empty());  // NOLINT(bugprone-use-after-move): it is what is tested
    EXPECT_EQ(value.view(), "");
  }
}

TEST_F(ValueTest, AssignmentReleasesWhatItHeldWhateverEitherSideIs) {
  for (const std::string& old_bytes : {std::string(), kInline, kShared}) {
    for (const std::string& new_bytes : {std::string(), kInline, kShared}) {
      for (const bool moved : {false, true}) {
        Entry& old_entry = entry_of(old_bytes);
        Entry& new_entry = entry_of(new_bytes);
        Value target = value_of(old_entry);
        Value source = value_of(new_entry);
        const std::uint32_t counted = references(new_entry);
        const std::uint32_t one_more = new_bytes.size() > Value::kInlineBytes ? 1 : 0;
        if (moved) {
          target = std::move(source);
        } else {
          target = source;
        }
        EXPECT_EQ(target, std::string_view(new_bytes));
        EXPECT_EQ(source, std::string_view(moved ? "" : new_bytes));  // NOLINT(bugprone-use-after-move)
        EXPECT_EQ(references(old_entry), 1u) << "only the test's own";
        EXPECT_EQ(references(new_entry), moved ? counted : counted + one_more);
      }
    }
  }
}

TEST_F(ValueTest, AssignmentToItselfChangesNothing) {
  for (const std::string& bytes : {std::string(), kInline, kShared}) {
    Entry& entry = entry_of(bytes);
    Value value = value_of(entry);
    const std::uint32_t before = references(entry);
    Value& itself = value;  // by another name, or the compiler warns
    value = itself;
    EXPECT_EQ(value, std::string_view(bytes));
    value = std::move(itself);
    EXPECT_EQ(value, std::string_view(bytes));
    EXPECT_EQ(references(entry), before);
  }
}

TEST_F(ValueTest, HandlesOfOneEntryMayBeCopiedAndDroppedByManyThreads) {
  constexpr std::size_t kThreads = 4;
  Entry& entry = entry_of(kShared);
  const Value value = value_of(entry);
  StartLine start(kThreads);
  std::array<std::thread, kThreads> threads;
  for (std::thread& thread : threads) {
    thread = std::thread([&] {
      start.arrive();
      for (int round = 0; round < 1000; ++round) {
        Value copy = value;
        const Value taken = std::move(copy);
        EXPECT_EQ(taken.size(), kShared.size());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(references(entry), 2u);
}

// --- lifetime ---

TEST_F(ValueTest, TheLastHandleGivesTheMemoryBack) {
  Entry& entry = entry_of(kShared);
  std::optional<Value> value = value_of(entry);
  entries_.clear();
  engine_.pool().release(&entry);
  EXPECT_EQ(engine_.pool().used_bytes(), EntryPool::footprint(3, kShared.size()));
  EXPECT_EQ(*value, std::string_view(kShared));
  value.reset();
  EXPECT_EQ(engine_.pool().used_bytes(), 0u);
}

// The engine's memory is mapped: a handle that did not keep it would read what is no longer there.
TEST(ValueLife, HandlesKeepTheEngineBeyondItsOwner) {
  std::optional<BareEngine> engine;
  engine.emplace();
  Entry* const entry = engine->pool().make(EntryKind::kSet, 0, "key", kShared, 0);
  ASSERT_NE(entry, nullptr);
  Value first;
  detail::ValueAccess::assign(first, *entry, engine->handle());
  engine->pool().release(entry);
  engine.reset();
  Value second = first;
  first = Value();
  EXPECT_EQ(second, std::string_view(kShared));
  const Value third = std::move(second);
  EXPECT_EQ(third, std::string_view(kShared));
}

TEST(ValueLife, WhatWasReadStaysWhateverHappensToItsKey) {
  Options options = BareEngine::memory_only();
  for (const std::string& bytes : {std::string(), kInline, kShared, std::string(100'000, 'o')}) {
    std::optional<Database> database = testing_support::open_database(options);
    ASSERT_EQ(database->set("key", bytes), absl::OkStatus());
    const Value overwritten = *database->get("key");
    ASSERT_EQ(database->set("key", "new"), absl::OkStatus());
    EXPECT_EQ(overwritten, std::string_view(bytes));
    ASSERT_EQ(database->set("key", bytes), absl::OkStatus());
    const Value erased = *database->get("key");
    ASSERT_EQ(database->erase("key"), absl::OkStatus());
    EXPECT_EQ(erased, std::string_view(bytes));
    ASSERT_EQ(database->close(), absl::OkStatus());
    EXPECT_EQ(overwritten, erased);
    database.reset();
    EXPECT_EQ(overwritten, std::string_view(bytes));
    EXPECT_EQ(erased, std::string_view(bytes));
  }
}

}  // namespace
}  // namespace dictsqlite
