// Goal: what the writer calls durable is there after any end of a life; files are bounded and used again; each failure
// of a call is told, or survived. Method: lives of random steps on a simulated disk, cut at any moment, and each call
// failing in turn.
#include "journal/log_writer.hpp"

#include "unit/journal/log_writer_fixture.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <string>

namespace dictsqlite::journal {
namespace {

using io::FileCaching;
using testing_support::Random;
using testing_support::SimulatedDisk;
using Call = SimulatedDisk::Call;
using Fate = SimulatedDisk::Fate;

class LogWriterTest : public testing::TestWithParam<FileCaching> {
 protected:
  [[nodiscard]] static LogWriter::Config config() { return small_log(GetParam()); }

  Random random_;
  SimulatedDisk disk_;
};

INSTANTIATE_TEST_SUITE_P(All, LogWriterTest, testing::Values(FileCaching::kDirect, FileCaching::kCached),
                         [](const auto& tested) { return tested.param == FileCaching::kDirect ? "direct" : "cached"; });

TEST_P(LogWriterTest, WhatIsDurableIsReadAgain) {
  LogLife life(disk_, random_, config());
  ASSERT_EQ(life.start(), absl::OkStatus());
  for (int record = 0; record < 3; ++record) life.add();
  ASSERT_EQ(life.finish(), absl::OkStatus());
  EXPECT_EQ(life.writer().durable_end(), kFirst + 3);
  EXPECT_EQ(life.writer().attempted_end(), kFirst + 3);
  EXPECT_EQ(*read_again(disk_, config().identity, kFirst), kFirst + 3);
}

TEST_P(LogWriterTest, FilesAreUsedAgainWithinTheBound) {
  LogLife life(disk_, random_, config());
  ASSERT_EQ(life.start(), absl::OkStatus());
  for (int round = 0; round < 100; ++round) {
    for (int record = 0; record < 4; ++record) life.add();
    ASSERT_EQ(life.finish(), absl::OkStatus());
    EXPECT_LE(life.writer().file_bytes(), config().space.bytes_max);
  }
  EXPECT_GT(life.writer().counters().block_bytes, 4 * config().space.bytes_max);
  EXPECT_LE(disk_.list(kPrefix)->size(), 4u);
  EXPECT_EQ(*read_again(disk_, config().identity, life.settled()), life.next());
}

TEST_P(LogWriterTest, WithoutSettlingItEndsAtTheBoundAndSaysWhatItWants) {
  LogLife life(disk_, random_, config());
  ASSERT_EQ(life.start(), absl::OkStatus());
  std::uint64_t before = 0;
  for (int quiet = 0; quiet < 200; ++quiet) {
    life.add();
    ASSERT_EQ(life.complete_one(), absl::OkStatus());
    ASSERT_EQ(life.writer().look_ahead(), absl::OkStatus());
    if (life.next() != before) quiet = 0;
    before = life.next();
  }
  const std::uint64_t wanted = life.writer().wants_settled_to();
  EXPECT_GT(wanted, kFirst);
  EXPECT_LE(wanted, life.writer().durable_end());
  EXPECT_GE(life.writer().counters().segment_waits, 1u);
  EXPECT_LE(life.writer().file_bytes(), config().space.bytes_max);
  life.settle(wanted - kFirst);
  ASSERT_EQ(life.finish(), absl::OkStatus());
  EXPECT_EQ(*read_again(disk_, config().identity, life.settled()), life.next());
}

TEST_P(LogWriterTest, APowerCutAtAnyMomentLeavesWhatWasDurable) {
  for (int cut = 0; cut < 1'500; ++cut) {
    SimulatedDisk disk;
    LogLife life(disk, random_, config());
    ASSERT_EQ(life.start(), absl::OkStatus());
    for (std::size_t steps = random_.below(300); steps > 0; --steps) ASSERT_EQ(life.step(), absl::OkStatus());
    const std::uint64_t durable = life.writer().durable_end();
    const std::unique_ptr<SimulatedDisk> after = disk.after_power_cut(random_);
    const std::uint64_t applied_end = life.settled() + random_.below(durable - life.settled() + 1);
    const absl::StatusOr<std::uint64_t> end = read_again(*after, config().identity, applied_end);
    ASSERT_EQ(end.status(), absl::OkStatus()) << "at cut " << cut;
    ASSERT_GE(*end, durable) << "at cut " << cut;
    ASSERT_LE(*end, life.writer().attempted_end()) << "at cut " << cut;
    if (HasFailure()) return;
  }
}

// What is in flight when the process is killed may be there or not, and may still land.
TEST_P(LogWriterTest, AKillAtAnyMomentLeavesWhatWasDurable) {
  for (int cut = 0; cut < 500; ++cut) {
    SimulatedDisk disk;
    LogLife life(disk, random_, config());
    ASSERT_EQ(life.start(), absl::OkStatus());
    for (std::size_t steps = random_.below(300); steps > 0; --steps) ASSERT_EQ(life.step(), absl::OkStatus());
    const std::unique_ptr<SimulatedDisk> after = disk.after_kill(random_);
    const absl::StatusOr<std::uint64_t> end = read_again(*after, config().identity, life.settled());
    ASSERT_EQ(end.status(), absl::OkStatus()) << "at cut " << cut;
    ASSERT_GE(*end, life.writer().durable_end());
    // The next life goes on from there, in files of its own.
    absl::StatusOr<FoundLog> found = FoundLog::find(*after, kPrefix, config().identity);
    ASSERT_TRUE(found.ok());
    LogWriter::Config next = small_log(GetParam(), 6);
    next.space.first_file = found->next_file();
    LogLife next_life(*after, random_, next, *end);
    ASSERT_EQ(next_life.start(), absl::OkStatus());
    found->remove_all();
    next_life.add();
    after->land_late(random_);
    ASSERT_EQ(next_life.finish(), absl::OkStatus());
    ASSERT_EQ(*read_again(*after, next.identity, *end), *end + 1) << "at cut " << cut;
    if (HasFailure()) return;
  }
}

// --- failures ---

// Every call of a life fails once, in turn, with an error that is no full disk: it is told as the end of the log, and
// nothing that had been durable is lost by it, whether or not the power goes as well.
TEST_P(LogWriterTest, EachFailureIsFinalAndLosesNothing) {
  std::size_t failures = 0;
  for (std::size_t nth = 0;; ++nth) {
    SimulatedDisk disk;
    std::size_t calls = 0;
    bool failed = false;
    disk.on_call = [&](Call, const std::string&) {
      failed = failed || calls == nth;
      return calls++ == nth ? Fate{EIO} : Fate{};
    };
    LogLife life(disk, random_, config());
    absl::Status status = life.start();
    for (int steps = 0; status.ok() && steps < 300; ++steps) status = life.step();
    if (!failed) break;
    for (int rest = 0; status.ok() && rest < 1000; ++rest) status = life.complete_one();
    ASSERT_EQ(status.code(), absl::StatusCode::kInternal) << "call " << nth;
    ++failures;
    disk.on_call = nullptr;
    if (life.writer().durable_end() == kFirst) continue;
    const std::unique_ptr<SimulatedDisk> after = disk.after_power_cut(random_);
    const absl::StatusOr<std::uint64_t> end = read_again(*after, config().identity, life.settled());
    ASSERT_EQ(end.status(), absl::OkStatus()) << "call " << nth;
    ASSERT_GE(*end, life.writer().durable_end()) << "call " << nth;
  }
  EXPECT_GT(failures, 15u);
}

TEST_P(LogWriterTest, AShortWriteIsFinished) {
  Random fates(1);
  disk_.on_call = [&](Call call, const std::string&) {
    if (call != Call::kWrite && call != Call::kDurableWrite) return Fate{};
    return fates.one_in(4) ? Fate{0, 512 + fates.below(3 * kUnit)} : Fate{};  // kFruitlessMax in a row: 1 in 10^9
  };
  LogLife life(disk_, random_, config());
  ASSERT_EQ(life.start(), absl::OkStatus());
  for (int record = 0; record < 30; ++record) {
    const std::uint64_t applied_end = life.settled();  // SQLite has no record that was added after this
    life.add();
    ASSERT_EQ(life.finish(), absl::OkStatus());
    const std::unique_ptr<SimulatedDisk> after = disk_.after_power_cut(random_);
    ASSERT_EQ(*read_again(*after, config().identity, applied_end), life.next()) << "record " << record;
  }
}

// Only writes in a row that get nowhere are too many, not those of one block together.
TEST_P(LogWriterTest, AWriteThatGetsOnSlowlyIsFinished) {
  LogWriter::Config one_at_a_time = config();
  one_at_a_time.blocks_in_flight = 1;
  LogLife life(disk_, random_, one_at_a_time);
  ASSERT_EQ(life.start(), absl::OkStatus());
  std::map<std::string, int> calls;
  disk_.on_call = [&](Call call, const std::string& path) {
    if (call != Call::kDurableWrite && call != Call::kWrite) return Fate{};
    return Fate{0, ++calls[path] % kFruitlessMax == 0 ? kUnit : 512};
  };
  for (int record = 0; record < 5; ++record) {
    life.add();
    ASSERT_EQ(life.finish(), absl::OkStatus());
  }
  EXPECT_EQ(*read_again(disk_, config().identity, life.settled()), life.next());
}

TEST_P(LogWriterTest, AWriteThatGetsNowhereIsAnError) {
  LogLife life(disk_, random_, config());
  ASSERT_EQ(life.start(), absl::OkStatus());
  disk_.on_call = [](Call, const std::string&) { return Fate{0, 512}; };
  life.add();
  EXPECT_EQ(life.finish().code(), absl::StatusCode::kInternal);
}

// The log goes on in the files it has, waits when they are full, and takes up where it was when there is space again.
TEST_P(LogWriterTest, AFullDiskWhileAFileIsMadeIsNoFailure) {
  for (const Call call : {Call::kCreate, Call::kWrite}) {
    SimulatedDisk disk;
    bool full = false;
    disk.on_call = [&](Call asked, const std::string& path) {
      const bool is_new = path != kPrefix + "1";
      return full && asked == call && is_new ? Fate{ENOSPC} : Fate{};
    };
    LogLife life(disk, random_, config());
    ASSERT_EQ(life.start(), absl::OkStatus());
    full = true;
    for (int tries = 0; tries < 300; ++tries) {
      life.add();
      ASSERT_EQ(life.complete_one(), absl::OkStatus());
      ASSERT_EQ(life.writer().look_ahead(), absl::OkStatus());
    }
    for (int rest = 0; rest < 10; ++rest) ASSERT_EQ(life.complete_one(), absl::OkStatus());
    EXPECT_TRUE(life.writer().is_disk_full());
    EXPECT_EQ(disk.list(kPrefix)->size(), 1u) << "a file that was not finished is gone";
    full = false;
    ASSERT_EQ(life.finish(), absl::OkStatus());
    EXPECT_FALSE(life.writer().is_disk_full());
    EXPECT_EQ(*read_again(disk, config().identity, life.settled()), life.next());
  }
}

TEST_P(LogWriterTest, AFullDiskAtTheBeginningIsToldAndLeavesNothing) {
  disk_.on_call = [](Call call, const std::string&) { return call == Call::kWrite ? Fate{ENOSPC} : Fate{}; };
  LogLife life(disk_, random_, config());
  EXPECT_EQ(life.start().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(disk_.list(kPrefix)->empty());
  EXPECT_EQ(disk_.open_files(), 0u);
}

TEST(LogWriterFallback, WhereDirectIoDoesNotWorkTheLogGoesThroughThePageCache) {
  struct Case {
    const char* what;
    bool knows_direct;
    Call call;
    int error;
  };
  const Case cases[] = {{"opening", false, Call::kList, 0},
                        {"other units", true, Call::kWrite, EINVAL},
                        {"no durable writes", true, Call::kDurableWrite, EOPNOTSUPP}};
  for (const Case& one : cases) {
    Random random;
    SimulatedDisk disk;
    disk.knows_direct = one.knows_direct;
    int left = one.error != 0 ? 1 : 0;
    disk.on_call = [&](Call call, const std::string&) {
      return call == one.call && left-- > 0 ? Fate{one.error} : Fate{};
    };
    LogLife life(disk, random, small_log(FileCaching::kDirect));
    ASSERT_EQ(life.start(), absl::OkStatus()) << one.what;
    EXPECT_FALSE(life.writer().is_direct()) << one.what;
    std::size_t in_flight_most = 0;
    for (int steps = 0; steps < 300; ++steps) {
      ASSERT_EQ(life.step(), absl::OkStatus()) << one.what;
      in_flight_most = std::max(in_flight_most, life.writer().in_flight());
    }
    EXPECT_EQ(in_flight_most, 1u) << one.what;
    ASSERT_EQ(life.finish(), absl::OkStatus()) << one.what;
    const std::unique_ptr<SimulatedDisk> after = disk.after_power_cut(random);
    EXPECT_EQ(*read_again(*after, identity_of_life(5), life.settled()), life.next()) << one.what;
  }
}

TEST(LogWriterWindow, SeveralBlocksAreInFlight) {
  Random random;
  SimulatedDisk disk;
  LogLife life(disk, random, small_log(FileCaching::kDirect));
  ASSERT_EQ(life.start(), absl::OkStatus());
  std::size_t in_flight_most = 0;
  for (int steps = 0; steps < 1000; ++steps) {
    ASSERT_EQ(life.step(), absl::OkStatus());
    in_flight_most = std::max(in_flight_most, life.writer().in_flight());
  }
  EXPECT_EQ(in_flight_most, 4u);
}

TEST_P(LogWriterTest, AtTheEndNothingIsLeft) {
  LogLife life(disk_, random_, config());
  ASSERT_EQ(life.start(), absl::OkStatus());
  for (int steps = 0; steps < 300; ++steps) ASSERT_EQ(life.step(), absl::OkStatus());
  ASSERT_EQ(life.finish(), absl::OkStatus());
  while (!life.writer().is_idle()) ASSERT_EQ(life.complete_one(), absl::OkStatus());
  life.writer().remove_all();
  EXPECT_TRUE(disk_.list(kPrefix)->empty());
  EXPECT_EQ(disk_.open_files(), 0u);
}

}  // namespace
}  // namespace dictsqlite::journal
