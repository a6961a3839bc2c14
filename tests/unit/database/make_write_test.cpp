// Goal: what cannot be written is refused with a sentence before anything is claimed, and leaves no memory behind; what
// can be is one record of the last write of each key. Method: an engine without threads: the test drains its ring and
// looks at the records.
#include "database/make_write.hpp"

#include "unit/database/bare_engine.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite::detail {
namespace {

using entry::Entry;
using entry::EntryKind;
using Code = absl::StatusCode;

constexpr std::size_t kKeyMax = 10;
constexpr std::size_t kValueMax = 100;

Options options() {
  Options options = BareEngine::memory_only();
  options.key_bytes_max = kKeyMax;
  options.value_bytes_max = kValueMax;
  options.batch_rows_max = 5;
  options.batch_bytes_max = 300;
  return options;
}
Options with_a_disk(PersistMode mode) {
  Options disk = options();
  disk.path = "/nowhere/test.db";  // it is never opened
  disk.persist_mode = mode;
  return disk;
}

class MakeWrite : public testing::Test {
 protected:
  explicit MakeWrite(const Options& with = options()) : engine_(with) {}
  ~MakeWrite() override { EXPECT_EQ(engine_.pool().used_bytes(), 0u) << "memory was left behind"; }

  WriteOperation make(EntryKind kind, std::string_view key, std::string_view value, WriteOptions how = {}) {
    return make_write(engine_->spread(), kind, key, value, how);
  }
  WriteOperation make(const WriteBatch& batch, WriteOptions how = {}) {
    return make_write(engine_->spread(), batch, how);
  }
  // That the write ends so, without a place in the order of writes.
  void expect_refused(WriteOperation write, Code code, const std::string& sentence) {
    const absl::Status status = std::move(write).wait();
    EXPECT_EQ(status, absl::Status(code, sentence));
    EXPECT_EQ(engine_->path().claimed_sequence(), 0u);
  }
  // What the flusher would find: key and value, or an erase, of each row.
  using Row = std::optional<std::string>;
  std::map<std::string, Row> drained() {
    Entry* const write = engine_->path().ring().pop();
    std::map<std::string, Row> rows;
    if (write == nullptr) return rows;
    const auto note = [&rows](const Entry& row) {
      const Row value = row.kind == EntryKind::kSet ? Row(row.value()) : std::nullopt;
      EXPECT_TRUE(rows.emplace(row.key(), value).second) << "twice: " << row.key();
    };
    if (write->kind == EntryKind::kBatch) {
      const flush::BatchRows& batch = *write->word<flush::BatchRows>();
      for (std::size_t index = 0; index < batch.count; ++index) note(*batch.rows[index]);
    } else {
      note(*write);
    }
    engine_->path().release(write);
    return rows;
  }
  // Takes out of the cache what was accepted, so that the memory can be counted.
  void forget(const std::map<std::string, Row>& rows) {
    for (const auto& [key, value] : rows) {
      const cache::Reclaimer::Guard guard = engine_->cache().reclaimer().enter();
      const cache::Table::Key name = cache::Cache::key(store::kMainTable, key);
      engine_->cache().table().remove(name.hash, engine_->cache().table().find(name));
    }
    engine_->cache().collect();
  }

  BareEngine engine_;
};

// --- one row ---

TEST_F(MakeWrite, ASetIsOneRow) {
  EXPECT_EQ(make(EntryKind::kSet, "key", "value").wait(), absl::OkStatus());
  const std::map<std::string, Row> rows = drained();
  EXPECT_EQ(rows, (std::map<std::string, Row>{{"key", "value"}}));
  forget(rows);
}

TEST_F(MakeWrite, AnEraseIsARowWithoutAValue) {
  EXPECT_EQ(make(EntryKind::kErase, "key", {}).wait(), absl::OkStatus());
  const std::map<std::string, Row> rows = drained();
  EXPECT_EQ(rows, (std::map<std::string, Row>{{"key", std::nullopt}}));
  forget(rows);
}

TEST_F(MakeWrite, OneThatIsNeverStartedLeavesNothing) {
  {
    const WriteOperation set = make(EntryKind::kSet, "key", "value");
    WriteBatch rows;
    rows.set("a", "1");
    rows.erase("b");
    const WriteOperation batch = make(rows);
    EXPECT_GT(engine_.pool().used_bytes(), 0u);
  }
  EXPECT_EQ(engine_.pool().used_bytes(), 0u);
  EXPECT_EQ(engine_->path().claimed_sequence(), 0u);
}

TEST_F(MakeWrite, TheLimitsThemselvesAreAllowed) {
  EXPECT_EQ(make(EntryKind::kSet, std::string(kKeyMax, 'k'), std::string(kValueMax, 'v')).wait(), absl::OkStatus());
  forget(drained());
}

TEST_F(MakeWrite, RefusesWhatIsBeyondThem) {
  expect_refused(make(EntryKind::kSet, "", "value"), Code::kInvalidArgument, "the key is empty");
  expect_refused(make(EntryKind::kSet, std::string(kKeyMax + 1, 'k'), "value"), Code::kInvalidArgument,
                 "the key is longer than Options::key_bytes_max");
  expect_refused(make(EntryKind::kSet, "key", std::string(kValueMax + 1, 'v')), Code::kInvalidArgument,
                 "the value is longer than Options::value_bytes_max");
  expect_refused(make(EntryKind::kErase, "", {}), Code::kInvalidArgument, "the key is empty");
}

TEST_F(MakeWrite, RefusesADurableWriteWithoutADisk) {
  const std::string sentence = "Ack::kDurable needs a disk: the database is PersistMode::kMemory";
  WriteBatch batch;
  batch.set("key", "value");
  expect_refused(make(EntryKind::kSet, "key", "value", {.ack = Ack::kDurable}), Code::kInvalidArgument, sentence);
  expect_refused(make(batch, {.ack = Ack::kDurable}), Code::kInvalidArgument, sentence);
}

TEST_F(MakeWrite, RefusesWithoutADatabase) {
  const std::string sentence = "there is no database in this handle";
  WriteBatch batch;
  batch.set("key", "value");
  expect_refused(make_write(EngineHandle(), EntryKind::kSet, "key", "value", {}), Code::kFailedPrecondition, sentence);
  expect_refused(make_write(EngineHandle(), batch, {}), Code::kFailedPrecondition, sentence);
}

TEST_F(MakeWrite, RefusesWithoutMemory) {
  std::vector<Entry*> taken;
  while (Entry* const entry = engine_.pool().make(EntryKind::kSet, 1, "key", "value", 0)) taken.push_back(entry);
  WriteBatch one;
  one.set("key", "value");
  expect_refused(make(EntryKind::kSet, "key", "value"), Code::kResourceExhausted, "no memory for the write");
  expect_refused(make(one), Code::kResourceExhausted, "no memory for the write");
  // Enough for the record and one row of two.
  for (int blocks = 0; blocks < 2; ++blocks) {
    engine_.pool().release(taken.back());
    taken.pop_back();
  }
  WriteBatch two;
  two.set("a", "value");
  two.set("b", "value");
  expect_refused(make(two), Code::kResourceExhausted, "no memory for the write");
  for (Entry* entry : taken) engine_.pool().release(entry);
}

// --- batches ---

TEST_F(MakeWrite, ABatchIsTheLastWriteOfEachKey) {
  WriteBatch batch;
  batch.set("a", "1");
  batch.erase("b");
  batch.erase("a");
  batch.set("b", "2");
  batch.set("c", "3");
  EXPECT_EQ(make(batch).wait(), absl::OkStatus());
  EXPECT_EQ(engine_->path().claimed_sequence(), 1u) << "it is one write";
  const std::map<std::string, Row> rows = drained();
  EXPECT_EQ(rows, (std::map<std::string, Row>{{"a", std::nullopt}, {"b", "2"}, {"c", "3"}}));
  forget(rows);
}

TEST_F(MakeWrite, AnEmptyBatchIsDoneAndClaimsNothing) {
  EXPECT_EQ(make(WriteBatch()).wait(), absl::OkStatus());
  EXPECT_EQ(engine_->path().claimed_sequence(), 0u);
}

TEST_F(MakeWrite, RefusesABatchOfTooManyWrites) {
  WriteBatch batch;
  for (int row = 0; row < 6; ++row) batch.set("a", "1");
  expect_refused(make(batch), Code::kInvalidArgument, "the batch has 6 writes; Options::batch_rows_max is 5");
}

TEST_F(MakeWrite, RefusesABatchOfTooManyBytes) {
  WriteBatch batch;
  for (int row = 0; row < 3; ++row) batch.set("a", std::string(kValueMax, 'v'));
  expect_refused(make(batch), Code::kInvalidArgument, "the batch has 303 bytes; Options::batch_bytes_max is 300");
}

TEST_F(MakeWrite, SaysWhichWriteOfABatchIsWrong) {
  WriteBatch batch;
  batch.set("a", "1");
  batch.erase("");
  expect_refused(make(batch), Code::kInvalidArgument, "write 1 of the batch: the key is empty");
}

// --- what the persist mode means for it ---

struct ModeAck {
  PersistMode mode;
  std::optional<Ack> asked;
  bool waits;
};

// Whether an accepted write is ready at once or waits until it is durable.
TEST(MakeWriteAck, IsTheModesUnlessOneIsAskedFor) {
  constexpr ModeAck kCases[] = {
      {PersistMode::kWriteBehind, std::nullopt, false}, {PersistMode::kLazy, std::nullopt, false},
      {PersistMode::kWriteThrough, std::nullopt, true}, {PersistMode::kWriteThrough, Ack::kAccepted, false},
      {PersistMode::kWriteBehind, Ack::kDurable, true},
  };
  for (const ModeAck& each : kCases) {
    BareEngine engine(with_a_disk(each.mode));
    WriteOperation write = make_write(engine->spread(), EntryKind::kSet, "key", "value", {.ack = each.asked});
    EXPECT_EQ(write.await_ready(), !each.waits);
    EXPECT_EQ(engine->path().claimed_sequence(), 1u) << "accepted all the same";
    engine->path().release(engine->path().ring().pop());
  }
}

TEST(MakeWriteLimits, ABatchThatWouldNeverFitTheBudgetIsRefused) {
  Options tight = with_a_disk(PersistMode::kWriteBehind);
  tight.unapplied_bytes = 200;
  BareEngine engine(tight);
  WriteBatch batch;
  for (const char* key : {"a", "b", "c"}) batch.set(key, "");
  const absl::Status status = make_write(engine->spread(), batch, {}).wait();
  EXPECT_EQ(status, absl::InvalidArgumentError(
                        "the batch takes more memory than Options::unapplied_bytes: it would wait for ever"));
  EXPECT_EQ(engine.pool().used_bytes(), 0u);
}

}  // namespace
}  // namespace dictsqlite::detail
