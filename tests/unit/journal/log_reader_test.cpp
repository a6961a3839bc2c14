// Goal: of a log that was torn, recovery gets every record up to the first block that is not whole, and none behind it;
// of one that lacks what had been acknowledged it says so. Method: logs of blocks and segments of many sizes, written
// by the builder, with each block missing, torn at each sector, or changed in turn, beside what earlier uses of the
// file left behind.

#include "journal/log_reader.hpp"

#include "journal/block_builder.hpp"

#include "support/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace dictsqlite::journal {
namespace {

constexpr std::uint64_t kFirst = 100;  // sequence of the log's first record

// A log in memory, and where its blocks are.
class Log : public LogFiles {
 public:
  struct Written {
    std::size_t segment;  // index
    std::uint64_t offset;
    std::size_t bytes;
    std::uint64_t end;
    bool goes_on;  // begins with the rest of a record
  };

  explicit Log(std::size_t segment_units, std::size_t block_units = 2)
      : segment_bytes_(segment_units * kUnit), memory_(block_units * kUnit) {
    identity_.epoch = 3;
    identity_.database_id.fill(std::byte{0x42});
  }

  // Adds records with values of these sizes, as many to a block as fit, the last block not filled. Each block says that
  // everything before the one `in_flight` before it was durable.
  void write(const std::vector<std::size_t>& values, std::size_t in_flight = 1) {
    builder_.begin(memory_);
    for (const std::size_t bytes : values) {
      const std::string value(bytes, static_cast<char>('a' + sequence_ % 26));
      const LogRow row{RowKind::kSet, 1, "key", value, 0};
      source_.begin(std::span(&row, 1), RecordSource::As::kSingle);
      while (!builder_.add(source_)) finish_block(in_flight);
      ++sequence_;
    }
    if (!builder_.is_empty()) finish_block(in_flight);
  }

  absl::StatusOr<std::size_t> read(std::size_t segment, std::uint64_t offset, std::span<std::byte> to) override {
    if (reads_until_failure_-- == 0) return absl::InternalError("cannot read");
    const std::vector<std::byte>& file = segments[segment];
    if (offset >= file.size()) return std::size_t{0};
    const std::size_t count = std::min<std::size_t>(to.size(), file.size() - offset);
    std::memcpy(to.data(), file.data() + offset, count);
    return count;
  }
  void fail_reading_after(int reads) { reads_until_failure_ = reads; }

  // What recovery gets from it: the sequences, each once and in order from `applied_end` on.
  absl::StatusOr<LogContent> recover(std::uint64_t applied_end = kFirst) {
    recovered_end = applied_end;
    return read_log(headers, *this, applied_end, [&](std::uint64_t sequence, std::span<const LogRow> rows) {
      EXPECT_EQ(sequence, recovered_end++);
      EXPECT_EQ(rows.size(), 1U);
      const char expected = static_cast<char>('a' + sequence % 26);
      EXPECT_TRUE(std::all_of(rows[0].value.begin(), rows[0].value.end(), [&](char c) { return c == expected; }));
      return answer;
    });
  }

  // Writes a block anew with another head or payload, whole.
  template <class Change>
  void reseal(const Written& block, Change change) {
    const std::span<std::byte> bytes = bytes_of(block);
    BlockHead head = read_block(identity_, headers[block.segment].number, block.offset, bytes).head;
    change(head, bytes.subspan(kBlockHeadBytes, head.payload_bytes));
    seal_block(identity_, head, bytes);
  }
  [[nodiscard]] std::uint64_t end_of(std::size_t segment) const {
    std::uint64_t end = 0;
    for (const Written& block : blocks) {
      if (block.segment == segment) end = block.end;
    }
    return end;
  }

  std::span<std::byte> bytes_of(const Written& block) {
    return std::span(segments[block.segment]).subspan(block.offset, block.bytes);
  }

  std::vector<SegmentHeader> headers;
  std::vector<std::vector<std::byte>> segments;
  std::vector<Written> blocks;
  std::uint64_t recovered_end = 0;
  absl::Status answer;

 private:
  void finish_block(std::size_t in_flight) {
    if (segments.empty() || at_ + builder_.bytes() > segment_bytes_) {
      headers.push_back({identity_, headers.size() + 1, segment_bytes_});
      segments.emplace_back(segment_bytes_);
      write_segment_header(headers.back(), std::span<std::byte, kUnit>(segments.back().data(), kUnit));
      at_ = kUnit;
    }
    const std::uint64_t durable_end = blocks.size() < in_flight ? kFirst : blocks[blocks.size() - in_flight].end;
    const std::span<const std::byte> block = builder_.seal(identity_, {headers.size(), at_, durable_end});
    std::memcpy(segments.back().data() + at_, block.data(), block.size());
    const BlockHead head = read_block(identity_, headers.size(), at_, block).head;
    blocks.push_back({segments.size() - 1, at_, block.size(), builder_.end(), head.continued_bytes != 0});
    at_ += block.size();
    builder_.begin(memory_);
  }

  const std::size_t segment_bytes_;
  std::vector<std::byte> memory_;
  LogIdentity identity_;
  BlockBuilder builder_{kFirst};
  RecordSource source_;
  std::uint64_t sequence_ = kFirst;
  std::uint64_t at_ = 0;
  int reads_until_failure_ = -1;
};

std::vector<std::size_t> sizes(std::size_t count, std::size_t bytes_max, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < count; ++i) result.push_back(random() % bytes_max);
  return result;
}

TEST(LogReader, GivesWhatWasWrittenOverBlocksAndSegments) {
  for (const std::size_t bytes_max : {50u, 3'000u, 40'000u}) {
    Log log(7);
    log.write(sizes(60, bytes_max, bytes_max));
    const absl::StatusOr<LogContent> content = log.recover();
    ASSERT_EQ(content.status(), absl::OkStatus());
    EXPECT_EQ(content->end, kFirst + 60);
    EXPECT_EQ(content->records, 60U);
    EXPECT_EQ(content->blocks, log.blocks.size());
  }
}

TEST(LogReader, PassesOverWhatWasApplied) {
  Log log(7);
  log.write(sizes(60, 3'000, 1));
  for (const std::uint64_t applied_end : {kFirst + 1, kFirst + 59, kFirst + 60, kFirst + 1'000}) {
    const absl::StatusOr<LogContent> content = log.recover(applied_end);
    ASSERT_EQ(content.status(), absl::OkStatus());
    EXPECT_EQ(content->end, std::max(applied_end, kFirst + 60));
    EXPECT_EQ(content->records, content->end - applied_end);
  }
}

TEST(LogReader, GoesOnFromWhereverItsFrontWasCut) {
  Log whole(3);
  whole.write(sizes(60, 20'000, 2));
  for (std::size_t cut = 1; cut < whole.segments.size(); ++cut) {
    Log log = whole;
    log.segments.erase(log.segments.begin(), log.segments.begin() + static_cast<std::ptrdiff_t>(cut));
    log.headers.erase(log.headers.begin(), log.headers.begin() + static_cast<std::ptrdiff_t>(cut));
    // What was settled ends somewhere in what is left: at the earliest behind the record that the cut went through.
    const auto last_gone = std::find_if(whole.blocks.rbegin(), whole.blocks.rend(),
                                        [&](const Log::Written& block) { return block.segment < cut; });
    const auto first_left = std::find_if(whole.blocks.begin(), whole.blocks.end(),
                                         [&](const Log::Written& block) { return block.segment == cut; });
    const std::uint64_t needed = last_gone->end + (first_left->goes_on ? 1 : 0);
    const absl::StatusOr<LogContent> content = log.recover(needed);
    ASSERT_EQ(content.status(), absl::OkStatus()) << cut;
    EXPECT_EQ(content->end, kFirst + 60);
    // Earlier would be a hole.
    EXPECT_EQ(log.recover(needed - 1).status().code(), absl::StatusCode::kDataLoss) << cut;
    EXPECT_EQ(log.recovered_end, needed - 1) << "nothing is given";
  }
}

TEST(LogReader, OfNothingThereIsNothing) {
  Log log(4);
  EXPECT_EQ(log.recover()->end, kFirst) << "no segment";
  log.write({10});
  std::fill(log.segments[0].begin() + kUnit, log.segments[0].end(), std::byte{0});
  const absl::StatusOr<LogContent> content = log.recover();
  ASSERT_EQ(content.status(), absl::OkStatus()) << "no block";
  EXPECT_EQ(content->end, kFirst);
  EXPECT_EQ(content->blocks, 0U);
}

// Every block but the last `in_flight` ones had been acknowledged when the log ended. So each of those may be missing,
// in part or whole, whatever became of the others; and none of the rest.
TEST(LogReader, EndsAtTheFirstBlockThatIsNotWhole) {
  constexpr std::size_t kInFlight = 4;
  Log whole(6);
  whole.write(sizes(60, 4'000, 3), kInFlight);
  const std::size_t count = whole.blocks.size();
  ASSERT_GT(count, 12U);
  for (std::size_t missing = 0; missing < count; ++missing) {
    const Log::Written& block = whole.blocks[missing];
    for (std::size_t sectors = 0; sectors < block.bytes / 512; ++sectors) {
      Log log = whole;
      const std::span<std::byte> bytes = log.bytes_of(block).subspan(sectors * 512);
      if (std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; })) continue;
      std::fill(bytes.begin(), bytes.end(), std::byte{0});
      const absl::StatusOr<LogContent> content = log.recover();
      const std::uint64_t end = missing == 0 ? kFirst : whole.blocks[missing - 1].end;
      EXPECT_EQ(log.recovered_end, end) << missing << " " << sectors;
      // The last block proves what was durable when it was written.
      const std::uint64_t durable_end =
          missing == count - 1 ? whole.blocks[count - 2 - kInFlight].end : whole.blocks[count - 1 - kInFlight].end;
      if (end < durable_end) {
        EXPECT_EQ(content.status().code(), absl::StatusCode::kDataLoss) << missing << " " << sectors;
      } else {
        ASSERT_EQ(content.status(), absl::OkStatus()) << missing << " " << sectors;
        EXPECT_EQ(content->end, end);
      }
    }
  }
}

// None of it had been acknowledged: whatever is missing, it is no damage.
TEST(LogReader, ALogThatWasAllInFlightMayLackAnything) {
  for (const std::size_t bytes_max : {3'000u, 30'000u}) {
    Log whole(4);
    whole.write(sizes(30, bytes_max, bytes_max), 1'000);
    for (std::size_t missing = 0; missing < whole.blocks.size(); ++missing) {
      Log log = whole;
      const std::span<std::byte> bytes = log.bytes_of(whole.blocks[missing]);
      std::fill(bytes.begin(), bytes.end(), std::byte{0});
      const absl::StatusOr<LogContent> content = log.recover();
      ASSERT_EQ(content.status(), absl::OkStatus()) << missing;
      EXPECT_EQ(content->end, missing == 0 ? kFirst : whole.blocks[missing - 1].end) << missing;
      EXPECT_EQ(log.recovered_end, content->end);
    }
  }
}

TEST(LogReader, AGapBeforeASegmentWithoutBlocksLosesNothing) {
  Log log(4);
  log.write(sizes(60, 4'000, 11));
  const std::uint64_t number = log.headers.back().number + 2;
  log.headers.push_back({log.headers.back().identity, number, log.headers.back().bytes});
  log.segments.emplace_back(4 * kUnit);
  const absl::StatusOr<LogContent> content = log.recover();
  ASSERT_EQ(content.status(), absl::OkStatus());
  EXPECT_EQ(content->end, kFirst + 60);
}

// The file of the first segment was about to become the next one: a block is in it, its header is not, nor is the block
// before.
TEST(LogReader, ABlockInAFileThatStillHasItsOldHeaderIsNothing) {
  Log log(6);
  log.write(sizes(60, 4'000, 12));
  ASSERT_GT(log.segments.size(), 3U);
  Log next(6);
  next.write(sizes(10, 4'000, 13), 1'000);
  const Log::Written& block = next.blocks[1];
  const std::span<std::byte> bytes = next.bytes_of(block);
  std::copy(bytes.begin(), bytes.end(), log.segments[0].begin() + static_cast<std::ptrdiff_t>(block.offset));
  const std::uint64_t end_of_second = log.end_of(1);
  const absl::StatusOr<LogContent> content = log.recover(end_of_second + 1);
  ASSERT_EQ(content.status(), absl::OkStatus());
  EXPECT_EQ(content->end, kFirst + 60);
}

TEST(LogReader, ASegmentThatWasCutShortIsDamaged) {
  Log log(8);
  log.write(sizes(20, 4'000, 14));
  log.segments.back().resize(log.segments.back().size() - kUnit);
  EXPECT_EQ(log.recover().status(),
            absl::DataLossError("the log is damaged: a segment is shorter than its header says"));
}

TEST(LogReader, AMissingSegmentIsDamageIfItWasAcknowledged) {
  Log whole(4);
  whole.write(sizes(60, 4'000, 4));
  ASSERT_GT(whole.segments.size(), 4U);
  for (std::size_t missing = 1; missing < whole.segments.size(); ++missing) {
    Log log = whole;
    log.segments.erase(log.segments.begin() + static_cast<std::ptrdiff_t>(missing));
    log.headers.erase(log.headers.begin() + static_cast<std::ptrdiff_t>(missing));
    // The last one may never have been.
    const bool is_last = missing == whole.segments.size() - 1;
    EXPECT_EQ(log.recover().status().code(), is_last ? absl::StatusCode::kOk : absl::StatusCode::kDataLoss) << missing;
  }
}

// The first two files were to be used again: the second is one of the later ones now, or was on the way.
TEST(LogReader, ASegmentThatIsNoLongerNeededMayBeThereStill) {
  Log whole(4);
  whole.write(sizes(60, 4'000, 10));
  ASSERT_GT(whole.segments.size(), 5U);
  const std::uint64_t end_of_second = whole.end_of(1);
  Log log = whole;
  log.segments.erase(log.segments.begin() + 1);
  log.headers.erase(log.headers.begin() + 1);
  const absl::StatusOr<LogContent> content = log.recover(end_of_second + 1);
  ASSERT_EQ(content.status(), absl::OkStatus());
  EXPECT_EQ(content->end, kFirst + 60);
}

// A file that is used again for a later part of the log is full of whole blocks, of its own life even.
TEST(LogReader, WhatAnEarlierUseLeftBehindIsNothing) {
  Log log(8);
  log.write(sizes(40, 4'000, 5));
  ASSERT_GT(log.segments.size(), 2U);
  const std::size_t last = log.segments.size() - 1;
  const Log::Written& end = log.blocks.back();
  ASSERT_EQ(end.segment, last);
  const std::vector<std::byte>& old = log.segments[0];
  std::copy(old.begin() + static_cast<std::ptrdiff_t>(end.offset + end.bytes), old.end(),
            log.segments[last].begin() + static_cast<std::ptrdiff_t>(end.offset + end.bytes));
  const absl::StatusOr<LogContent> content = log.recover();
  ASSERT_EQ(content.status(), absl::OkStatus());
  EXPECT_EQ(content->end, kFirst + 40);
}

TEST(LogReader, ABlockThatDoesNotFollowEndsTheLog) {
  // Two lives cannot have the same epoch; but let one be restored beside the other's.
  Log log(40);
  log.write(sizes(20, 2'000, 6), 100);
  Log other(40);
  other.write(sizes(20, 2'000, 7), 100);
  const Log::Written& block = log.blocks[2];
  const auto& theirs = std::find_if(other.blocks.begin(), other.blocks.end(),
                                    [&](const Log::Written& b) { return b.offset == block.offset; });
  ASSERT_NE(theirs, other.blocks.end());
  std::copy(other.segments[0].begin() + static_cast<std::ptrdiff_t>(block.offset), other.segments[0].end(),
            log.segments[0].begin() + static_cast<std::ptrdiff_t>(block.offset));
  const absl::StatusOr<LogContent> content = log.recover();
  ASSERT_EQ(content.status(), absl::OkStatus());
  EXPECT_EQ(content->end, log.blocks[1].end) << "their block is whole, and names another one before it";
}

// What such a block has in common with the one that belongs there is everything but the chain.
TEST(LogReader, ABlockThatNamesAnotherBeforeItEndsTheLog) {
  Log log(40);
  log.write(sizes(60, 2'000, 6), 100);
  ASSERT_GT(log.blocks.size(), 3U);
  log.reseal(log.blocks[2], [](BlockHead& head, std::span<std::byte> /*payload*/) { head.previous ^= 1; });
  const absl::StatusOr<LogContent> content = log.recover();
  ASSERT_EQ(content.status(), absl::OkStatus());
  EXPECT_EQ(content->end, log.blocks[1].end);
}

TEST(LogReader, ErrorsComeThrough) {
  Log log(7);
  log.write(sizes(20, 2'000, 8));
  log.answer = absl::ResourceExhaustedError("no memory");
  EXPECT_EQ(log.recover().status(), absl::ResourceExhaustedError("no memory"));
  EXPECT_EQ(log.recovered_end, kFirst + 1) << "and no more is given";
  log.answer = absl::OkStatus();
  int reads = 0;
  for (absl::Status status = absl::InternalError("cannot read"); !status.ok(); ++reads) {
    log.fail_reading_after(reads);
    status = log.recover().status();
    EXPECT_TRUE(status.ok() || status == absl::InternalError("cannot read")) << status;
    ASSERT_LT(reads, 1'000);
  }
  EXPECT_GT(reads, static_cast<int>(log.blocks.size())) << "each of them failed in turn";
}

TEST(LogReader, ABlockThatIsWholeAndWrongIsDamage) {
  Log whole(7);
  whole.write(sizes(20, 2'000, 15));
  Log other = whole;
  other.reseal(other.blocks[0], [](BlockHead& head, std::span<std::byte> /*payload*/) { ++head.end; });
  EXPECT_EQ(other.recover().status(), absl::DataLossError("the log has a block whose records are not those it names"));
  Log log = whole;
  log.reseal(log.blocks[0], [](BlockHead& /*head*/, std::span<std::byte> payload) { payload[0] = std::byte{0}; });
  EXPECT_EQ(log.recover().status(), absl::DataLossError("the log has a record that is none"));
  EXPECT_EQ(log.recovered_end, kFirst);
}

TEST(LogReader, BytesOfChanceAreSurvived) {
  std::mt19937_64 random(testing_support::seed());
  Log whole(6);
  whole.write(sizes(30, 4'000, 9), 3);
  for (int round = 0; round < 500; ++round) {
    Log log = whole;
    for (std::uint64_t change = random() % 8; change < 8; ++change) {
      std::vector<std::byte>& file = log.segments[random() % log.segments.size()];
      const std::size_t at = kUnit + random() % (file.size() - kUnit);
      const std::size_t bytes = std::min<std::size_t>(file.size() - at, std::size_t{1} << random() % 10);
      for (std::size_t i = 0; i < bytes; ++i) file[at + i] = static_cast<std::byte>(random());
    }
    const absl::StatusOr<LogContent> content = log.recover();
    EXPECT_TRUE(content.ok() || absl::IsDataLoss(content.status())) << content.status();
    EXPECT_LE(log.recovered_end, kFirst + 30);
    if (content.ok()) {
      EXPECT_EQ(content->end, log.recovered_end);
    }
  }
}

}  // namespace
}  // namespace dictsqlite::journal
