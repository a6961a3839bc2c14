// Goal: get and contains answer at once from what is known, wait for the loader if nothing is, and say what came of it.
// Method: an engine without threads: the test knows things for it and is its loader.
#include <dictsqlite/operation.hpp>

#include "unit/database/bare_database.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace dictsqlite::detail {
namespace {

using entry::EntryKind;
using Code = absl::StatusCode;

class ReadOperations : public testing::Test {
 protected:
  [[nodiscard]] GetOperation get(std::string_view key) { return {db_->spread(), key}; }
  [[nodiscard]] ContainsOperation contains(std::string_view key) { return {db_->spread(), key}; }
  // What both say at once.
  void expect_at_once(std::string_view key, const absl::Status& status) {
    const absl::Status got = get(key).wait().status();
    EXPECT_EQ(got, status) << key;
    const absl::StatusOr<bool> there = contains(key).wait();
    if (status.code() == Code::kNotFound) {
      ASSERT_TRUE(there.ok()) << key << ": " << there.status();
      EXPECT_FALSE(*there) << key;
    } else {
      EXPECT_EQ(there.status(), status) << key;
    }
  }
  // The one flight there is.
  load::Flight* flight() {
    const BareDatabase::Flights flights = db_.take_flights();
    EXPECT_EQ(flights.size(), 1u);
    return flights.size() == 1 ? flights.front() : nullptr;
  }

  BareDatabase db_;
};

const absl::Status kNotFound(Code::kNotFound, "");

// --- what is known ---

TEST_F(ReadOperations, GiveAValueThatIsKnown) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{5}, Value::kInlineBytes, std::size_t{50'000}}) {
    const std::string key = "key of " + std::to_string(bytes);
    db_.know(EntryKind::kSet, key, std::string(bytes, 'v'));
    const absl::StatusOr<Value> value = get(key).wait();
    ASSERT_TRUE(value.ok()) << value.status();
    EXPECT_EQ(value->view(), std::string(bytes, 'v'));
    EXPECT_TRUE(*contains(key).wait());
  }
  EXPECT_TRUE(db_.take_flights().empty());
}

TEST_F(ReadOperations, KnowWhatIsErasedOrAbsent) {
  db_.know(EntryKind::kErase, "erased");
  db_.know(EntryKind::kAbsent, "absent");
  expect_at_once("erased", kNotFound);
  expect_at_once("absent", kNotFound);
  EXPECT_TRUE(db_.take_flights().empty());
}

TEST_F(ReadOperations, KnowAllThereIsWithoutADisk) {
  BareDatabase memory(PersistMode::kMemory);
  EXPECT_EQ(GetOperation(memory->spread(), "nobody").wait().status(), kNotFound);
  EXPECT_FALSE(*ContainsOperation(memory->spread(), "nobody").wait());
  EXPECT_TRUE(memory.take_flights().empty());
}

TEST_F(ReadOperations, OwnTheirKeyHoweverLong) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{47}, std::size_t{48}, std::size_t{4000}}) {
    std::string key(bytes, 'k');
    db_.know(EntryKind::kSet, key, "value");
    GetOperation first = get(key);
    key.assign(bytes, 'x');
    GetOperation moved = std::move(first);
    EXPECT_EQ(std::move(moved).wait()->view(), "value") << bytes;
  }
}

// --- what is refused ---

TEST_F(ReadOperations, RefuseABadKey) {
  expect_at_once("", absl::InvalidArgumentError("the key is empty"));
  expect_at_once(std::string(db_->options().key_bytes_max + 1, 'k'),
                 absl::InvalidArgumentError("the key is longer than Options::key_bytes_max"));
}

TEST_F(ReadOperations, RefuseWithoutADatabase) {
  const absl::Status refusal = absl::FailedPreconditionError("there is no database in this handle");
  EXPECT_EQ(GetOperation(EngineHandle(), "key").wait().status(), refusal);
  EXPECT_EQ(ContainsOperation(EngineHandle(), "key").wait().status(), refusal);
}

TEST_F(ReadOperations, RefuseAfterTheClose) {
  db_.know(EntryKind::kSet, "key", "value");
  ASSERT_TRUE(db_->begin_close());
  expect_at_once("key", absl::FailedPreconditionError("the database is closed"));
}

// --- what has to be loaded ---

TEST_F(ReadOperations, GetWaitsForTheLoader) {
  const Running<GetOperation> found(get("there"));
  const Running<GetOperation> also_found(get("there"));
  EXPECT_FALSE(found.is_done());
  load::Flight* const one = flight();
  EXPECT_EQ(one->pending->key(), "there");
  db_.land(one, "value");
  ASSERT_TRUE(found.is_done() && also_found.is_done());
  EXPECT_EQ(found.result()->view(), "value");
  EXPECT_EQ(also_found.result()->view(), "value");

  const Running<GetOperation> not_found(get("not there"));
  db_.land(flight(), std::nullopt);
  ASSERT_TRUE(not_found.is_done());
  EXPECT_EQ(not_found.result().status(), kNotFound);
}

TEST_F(ReadOperations, ContainsWaitsForTheLoader) {
  const Running<ContainsOperation> found(contains("there"));
  EXPECT_FALSE(found.is_done());
  db_.land(flight(), "value");
  ASSERT_TRUE(found.is_done());
  EXPECT_TRUE(*found.result());

  const Running<ContainsOperation> not_found(contains("not there"));
  db_.land(flight(), std::nullopt);
  ASSERT_TRUE(not_found.is_done());
  EXPECT_FALSE(*not_found.result());
}

TEST_F(ReadOperations, TellWhyALoadFailed) {
  const absl::Status torn = absl::DataLossError("the page is torn");
  const Running<GetOperation> value(get("key"));
  db_.land_error(flight(), torn);
  ASSERT_TRUE(value.is_done());
  EXPECT_EQ(value.result().status(), torn);

  const Running<ContainsOperation> there(contains("key"));
  db_.land_error(flight(), torn);
  ASSERT_TRUE(there.is_done());
  EXPECT_EQ(there.result().status(), torn);
}

TEST_F(ReadOperations, AMissAfterTheLoadersEndIsRefusedAndLeavesNothing) {
  db_.close_flights();
  const absl::Status closed = absl::FailedPreconditionError("the database is closed");
  const Running<GetOperation> value(get("key"));
  ASSERT_TRUE(value.is_done()) << "nobody will bring it";
  EXPECT_EQ(value.result().status(), closed);
  const Running<ContainsOperation> there(contains("key"));
  ASSERT_TRUE(there.is_done());
  EXPECT_EQ(there.result().status(), closed);
}

TEST_F(ReadOperations, OneThatIsDestroyedWhileItWaitsIsNotResumed) {
  {
    const Running<GetOperation> value(get("key"));
    EXPECT_FALSE(value.is_done());
  }
  db_.land(flight(), "value");  // AddressSanitizer says if the coroutine was touched
  EXPECT_EQ(get("key").wait()->view(), "value") << "cached all the same";
}

}  // namespace
}  // namespace dictsqlite::detail
