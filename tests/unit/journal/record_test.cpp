// Goal: what goes into the log comes out of it, however it is cut into portions; bytes that are no record are
// kDataLoss, and never more than the bytes that are there. Method: records of every shape, in portions of every size;
// each byte changed; bytes of chance.

#include "journal/record.hpp"

#include "journal/bytes.hpp"

#include "support/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace dictsqlite::journal {
namespace {

// A row that owns its key and value.
struct Row {
  RowKind kind;
  std::uint32_t table_id;
  std::string key;
  std::string value;
  std::int64_t expires_at;

  friend bool operator==(const Row&, const Row&) = default;
};
using Record = std::vector<Row>;

std::vector<LogRow> views(const Record& record) {
  std::vector<LogRow> rows;
  for (const Row& row : record) rows.push_back({row.kind, row.table_id, row.key, row.value, row.expires_at});
  return rows;
}

// The bytes of records, each taken in portions of `portion`. Of several rows is a batch, of one a single write.
std::vector<std::byte> bytes_of(const std::vector<Record>& records, std::size_t portion = 1'000'000) {
  std::vector<std::byte> all;
  RecordSource source;
  for (const Record& record : records) {
    source.begin(views(record), record.size() == 1 ? RecordSource::As::kSingle : RecordSource::As::kBatch);
    const std::size_t before = all.size();
    while (!source.is_at_end()) {
      const std::size_t end = all.size();
      all.resize(end + portion);
      const std::size_t taken = source.take(std::span(all).subspan(end));
      all.resize(end + taken);
      EXPECT_TRUE(taken == portion || source.is_at_end());
    }
    EXPECT_EQ(source.take(std::span(all).first(1)), 0U);
    EXPECT_EQ(all.size() - before, source.bytes());
  }
  return all;
}

class Reader {
 public:
  absl::Status feed(std::span<const std::byte> bytes) {
    return sink_.feed(bytes, [this](std::span<const LogRow> rows) {
      Record record;
      for (const LogRow& row : rows) {
        record.push_back({row.kind, row.table_id, std::string(row.key), std::string(row.value), row.expires_at});
      }
      records.push_back(std::move(record));
      return status_;
    });
  }
  [[nodiscard]] bool is_within_record() const { return sink_.is_within_record(); }
  void answer(absl::Status status) { status_ = std::move(status); }
  std::vector<Record> records;

 private:
  RecordSink sink_;
  absl::Status status_;
};

const std::vector<Record>& every_shape() {
  static const std::vector<Record> records = {
      {{RowKind::kSet, 1, "key", "value", 0}},
      {{RowKind::kSet, 1, "k", "", 0}},
      {{RowKind::kErase, 1, "key", "", 0}},
      {{RowKind::kSet, std::numeric_limits<std::uint32_t>::max(), std::string("\0\xff\x80", 3), std::string(300, '\0'),
        std::numeric_limits<std::int64_t>::max()}},
      {{RowKind::kSet, 7, std::string(8000, 'k'), std::string(100'000, 'v'), 1}},
      {{RowKind::kSet, 1, "a", "1", 5}, {RowKind::kErase, 2, "b", "", 0}, {RowKind::kSet, 1, "c", "", 0}},
      {{RowKind::kErase, 1, "z", "", 0}},
  };
  return records;
}

TEST(Record, ComesBackInWhateverPortions) {
  const std::vector<std::byte> whole = bytes_of(every_shape());
  for (const std::size_t portion : {1u, 2u, 3u, 7u, 64u, 4096u}) {
    EXPECT_EQ(bytes_of(every_shape(), portion), whole) << portion;
  }
  for (const std::size_t portion : {1u, 2u, 5u, 64u, 4096u, 1'000'000u}) {
    Reader reader;
    for (std::span<const std::byte> rest = whole; !rest.empty();) {
      const std::size_t count = std::min(portion, rest.size());
      ASSERT_EQ(reader.feed(rest.first(count)), absl::OkStatus());
      rest = rest.subspan(count);
    }
    EXPECT_EQ(reader.records, every_shape()) << portion;
    EXPECT_FALSE(reader.is_within_record());
  }
}

TEST(Record, ABatchOfOneRowIsABatch) {
  const Record record = {{RowKind::kSet, 1, "key", "value", 0}};
  RecordSource source;
  source.begin(views(record), RecordSource::As::kBatch);
  std::vector<std::byte> bytes(source.bytes());
  ASSERT_EQ(source.take(bytes), bytes.size());
  EXPECT_NE(bytes, bytes_of({record}));
  Reader reader;
  ASSERT_EQ(reader.feed(bytes), absl::OkStatus());
  EXPECT_EQ(reader.records, std::vector<Record>{record});
}

TEST(Record, OneThatIsCutShortIsWaitedFor) {
  const std::vector<std::byte> bytes = bytes_of({every_shape()[5]});
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    Reader reader;
    ASSERT_EQ(reader.feed(std::span(bytes).first(cut)), absl::OkStatus());
    EXPECT_TRUE(reader.records.empty());
    EXPECT_EQ(reader.is_within_record(), cut != 0);
  }
}

TEST(Record, AnErrorOfTheReceiverEndsTheFeeding) {
  Reader reader;
  reader.answer(absl::UnavailableError("no room"));
  EXPECT_EQ(reader.feed(bytes_of(every_shape())), absl::UnavailableError("no room"));
  EXPECT_EQ(reader.records.size(), 1U);
}

void expect_malformed(std::vector<std::byte> body, const std::string& what) {
  body.insert(body.begin(), static_cast<std::byte>(body.size()));
  Reader reader;
  EXPECT_EQ(reader.feed(body).code(), absl::StatusCode::kDataLoss) << what;
  EXPECT_TRUE(reader.records.empty()) << what;
}

TEST(Record, WhatIsNoneIsDamage) {
  const auto bytes = [](std::initializer_list<int> values) {
    std::vector<std::byte> result;
    for (const int value : values) result.push_back(static_cast<std::byte>(value));
    return result;
  };
  expect_malformed({}, "empty");
  expect_malformed(bytes({0, 1, 1, 'k'}), "kind 0");
  expect_malformed(bytes({4, 1, 1, 'k'}), "kind 4");
  expect_malformed(bytes({2, 1, 0}), "an empty key");
  expect_malformed(bytes({2, 1, 2, 'k'}), "a key cut short");
  expect_malformed(bytes({2, 1, 1, 'k', 'x'}), "something behind the row");
  expect_malformed(bytes({2, 128, 128, 128, 128, 16, 1, 'k'}), "a table id of 33 bits");
  expect_malformed(bytes({1, 1, 1, 2, 0, 'k', 'v'}), "a value cut short");
  expect_malformed(bytes({1, 1, 1, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 'k'}), "a negative expiry");
  expect_malformed(bytes({1, 1}), "a head cut short");
  expect_malformed(bytes({3}), "a batch without a count");
  expect_malformed(bytes({3, 0}), "a batch without rows");
  expect_malformed(bytes({3, 2, 2, 1, 1, 'k'}), "a batch that lacks a row");
  expect_malformed(bytes({3, 1, 2, 1, 1, 'k', 2, 1, 1, 'l'}), "a batch with a row too many");
  expect_malformed(bytes({3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 1, 1, 'k'}), "a batch without end");
  expect_malformed(bytes({3, 1, 3, 1, 2, 1, 1, 'k'}), "a batch in a batch");
  Reader reader;
  EXPECT_EQ(reader.feed(std::vector(11, std::byte{255})).code(), absl::StatusCode::kDataLoss) << "a length without end";
}

TEST(Record, BytesOfChanceAreSurvived) {
  std::mt19937_64 random(testing_support::seed());
  const std::vector<std::byte> good = bytes_of({every_shape()[0], every_shape()[5], every_shape()[2]});
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> bytes = good;
    for (std::uint64_t change = random() % 4; change < 4; ++change) {
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    }
    Reader reader;
    const absl::Status status = reader.feed(bytes);
    EXPECT_TRUE(status.ok() || absl::IsDataLoss(status)) << status;
    EXPECT_LE(reader.records.size(), bytes.size() / 4);
  }
}

}  // namespace
}  // namespace dictsqlite::journal
