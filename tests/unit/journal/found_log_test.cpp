// Goal: the files of a log are what they should be after any end of a life; everything else has the error that says
// what is wrong, and nothing that may be needed or is not ours is removed. Method: lives on a simulated disk, whose
// files are then changed.
#include "journal/found_log.hpp"

#include "support/passing_files.hpp"
#include "unit/journal/log_writer_fixture.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

namespace dictsqlite::journal {
namespace {

using testing_support::Random;
using testing_support::SimulatedDisk;
using Code = absl::StatusCode;

class FoundLogTest : public testing::Test {
 protected:
  // A life with so many records, which then ends in a crash.
  void write(std::uint64_t epoch, int records, std::uint64_t first_file = 1) {
    LogWriter::Config config = small_log(io::FileCaching::kDirect, epoch);
    config.space.first_file = first_file;
    LogLife life(disk_, random_, config);
    ASSERT_EQ(life.start(), absl::OkStatus());
    for (int record = 0; record < records; ++record) life.add();
    ASSERT_EQ(life.finish(), absl::OkStatus());
  }
  [[nodiscard]] Code find(const LogIdentity& expected) {
    return FoundLog::find(disk_, kPrefix, expected).status().code();
  }
  [[nodiscard]] static LogIdentity no_life(std::uint64_t epoch) {
    LogIdentity identity = identity_of_life(epoch);
    identity.life = 0;
    return identity;
  }
  void make_file(const std::string& path, std::span<const std::byte> bytes) {
    ASSERT_EQ(disk_.create_private(path), absl::OkStatus());
    disk_.damage(path, 0, bytes);
  }
  [[nodiscard]] std::size_t files() { return disk_.list(kPrefix)->size(); }

  Random random_;
  SimulatedDisk disk_;
};

TEST_F(FoundLogTest, NoFilesAndNoneExpected) {
  const absl::StatusOr<FoundLog> found = FoundLog::find(disk_, kPrefix, no_life(0));
  ASSERT_EQ(found.status(), absl::OkStatus());
  EXPECT_TRUE(found->headers().empty());
  EXPECT_EQ(found->next_file(), 1u);
}

TEST_F(FoundLogTest, TheExpectedLifesSegmentsInOrder) {
  write(5, 12);
  absl::StatusOr<FoundLog> found = FoundLog::find(disk_, kPrefix, identity_of_life(5));
  ASSERT_EQ(found.status(), absl::OkStatus());
  ASSERT_GE(found->headers().size(), 2u);
  EXPECT_EQ(found->next_file(), files() + 1);
  found->remove_all();
  EXPECT_EQ(files(), 0u);
  EXPECT_EQ(disk_.open_files(), 0u);
}

TEST_F(FoundLogTest, AnyIsAFileWithANumberAndWithBytes) {
  ASSERT_EQ(disk_.create_private(std::string(kPrefix) + "1"), absl::OkStatus());
  make_file(std::string(kPrefix) + "one", std::as_bytes(std::span("text")));
  EXPECT_EQ(*FoundLog::any(disk_, kPrefix), "");
  make_file(std::string(kPrefix) + "2", std::as_bytes(std::span("text")));
  EXPECT_EQ(*FoundLog::any(disk_, kPrefix), std::string(kPrefix) + "2");
}

TEST_F(FoundLogTest, AnyThatCannotBeLookedForIsTheError) {
  class Unseen final : public testing_support::PassingFiles {
   public:
    absl::Status list_says;
    absl::StatusOr<std::vector<std::string>> list(const std::string& prefix) override {
      if (!list_says.ok()) return list_says;
      return std::vector<std::string>{prefix + "1"};
    }
    absl::StatusOr<io::FileFacts> facts(const std::string&) override { return absl::PermissionDeniedError("facts"); }
  };
  Unseen files;
  EXPECT_EQ(FoundLog::any(files, kPrefix).status(), absl::PermissionDeniedError("facts"));
  files.list_says = absl::InternalError("list");
  EXPECT_EQ(FoundLog::any(files, kPrefix).status(), absl::InternalError("list"));
}

TEST_F(FoundLogTest, AMissingLogIsDataLoss) {
  EXPECT_EQ(find(identity_of_life(5)), Code::kDataLoss);
  write(4, 1);
  EXPECT_EQ(find(identity_of_life(5)), Code::kDataLoss) << "that of an earlier life is not enough";
}

// The database knew of the life before its first header was written.
TEST_F(FoundLogTest, ALifeThatHadNotBegunHasNothingInItsLog) {
  const std::unique_ptr<io::IoBackend> backend = disk_.backend(random_);
  LogWriter writer(small_log(io::FileCaching::kDirect, 5), disk_, *backend, kFirst);
  ASSERT_EQ(writer.create(), absl::OkStatus());
  {
    absl::StatusOr<FoundLog> found = FoundLog::find(disk_, kPrefix, identity_of_life(5));
    ASSERT_EQ(found.status(), absl::OkStatus());
    EXPECT_TRUE(found->headers().empty());
  }
  // Or did not know of it.
  EXPECT_EQ(find(no_life(4)), Code::kOk);
  write(4, 1, 2);
  absl::StatusOr<FoundLog> found = FoundLog::find(disk_, kPrefix, identity_of_life(4));
  ASSERT_EQ(found.status(), absl::OkStatus());
  EXPECT_GE(found->headers().size(), 1u);
  found->remove_all();
  EXPECT_EQ(files(), 0u);
}

TEST_F(FoundLogTest, EarlierLivesAreOver) {
  write(3, 1);
  write(5, 1, 10);
  absl::StatusOr<FoundLog> found = FoundLog::find(disk_, kPrefix, identity_of_life(5));
  ASSERT_EQ(found.status(), absl::OkStatus());
  EXPECT_EQ(found->headers().front().identity, identity_of_life(5));
  EXPECT_GE(found->next_file(), 11u);
  EXPECT_EQ(*read_again(disk_, identity_of_life(5), kFirst), kFirst + 1);
  found->remove_all();
  EXPECT_EQ(files(), 0u);
}

TEST_F(FoundLogTest, ALaterLifeIsDataLoss) {
  write(6, 1);
  EXPECT_EQ(find(no_life(5)), Code::kDataLoss);
  EXPECT_EQ(find(identity_of_life(5)), Code::kDataLoss);
}

TEST_F(FoundLogTest, AfterACleanEndTheLogIsOver) {
  write(5, 1);
  EXPECT_EQ(find(no_life(5)), Code::kOk);
}

TEST_F(FoundLogTest, AnotherLifeOfTheSameEpochIsDataLoss) {
  write(5, 1);
  LogIdentity other = identity_of_life(5);
  ++other.life;
  EXPECT_EQ(find(other), Code::kDataLoss);
}

// The next life has the epoch of the one that was accepted to be lost, and ends before it has removed anything.
TEST_F(FoundLogTest, WhatWasAcceptedToBeLostStandsInTheWayOnce) {
  write(6, 3);
  {
    absl::StatusOr<FoundLog> found = FoundLog::find(disk_, kPrefix, no_life(5), LogLoss::kAccepted);
    ASSERT_EQ(found.status(), absl::OkStatus());
    EXPECT_NE(found->lost(), "");
    disk_.on_call = [](SimulatedDisk::Call call, const std::string&) {
      return call == SimulatedDisk::Call::kFullSync ? SimulatedDisk::Fate{EIO} : SimulatedDisk::Fate{};
    };
    EXPECT_EQ(found->remove_misfits().code(), Code::kInternal);
    disk_.on_call = nullptr;
    ASSERT_EQ(found->remove_misfits(), absl::OkStatus());
  }
  std::unique_ptr<SimulatedDisk> after = disk_.after_power_cut(random_);
  EXPECT_EQ(FoundLog::find(*after, kPrefix, no_life(6)).status(), absl::OkStatus());
  EXPECT_TRUE(after->list(kPrefix)->empty());
}

TEST_F(FoundLogTest, AnotherDatabasesLogIsRefused) {
  write(5, 1);
  const std::size_t files_before = files();
  LogIdentity other = identity_of_life(5);
  other.database_id[3] = std::byte{1};
  EXPECT_EQ(find(other), Code::kInvalidArgument);
  other.epoch = 9;
  EXPECT_EQ(find(other), Code::kInvalidArgument);
  EXPECT_EQ(files(), files_before);
}

TEST_F(FoundLogTest, ADamagedHeaderIsDataLoss) {
  write(5, 1);
  const std::array<std::byte, 1> wrong = {std::byte{0xff}};
  disk_.damage(kPrefix + "1", 50, wrong);
  EXPECT_EQ(find(identity_of_life(5)), Code::kDataLoss);
  EXPECT_EQ(find(no_life(9)), Code::kDataLoss) << "nobody can say whose it is";
}

TEST_F(FoundLogTest, ALostHeaderWithBlocksBehindItIsDataLoss) {
  write(5, 12);
  const std::array<std::byte, kUnit> zeros{};
  disk_.damage(kPrefix + "2", 0, zeros);
  EXPECT_EQ(find(identity_of_life(5)), Code::kDataLoss);
}

TEST_F(FoundLogTest, AFileThatWasBeingMadeIsOver) {
  write(5, 1);
  make_file(kPrefix + "7", {});
  const std::array<std::byte, 3 * kUnit> zeros{};
  make_file(kPrefix + "8", zeros);
  absl::StatusOr<FoundLog> found = FoundLog::find(disk_, kPrefix, identity_of_life(5));
  ASSERT_EQ(found.status(), absl::OkStatus());
  EXPECT_EQ(found->next_file(), 9u);
  found->remove_all();
  EXPECT_EQ(files(), 0u);
}

TEST_F(FoundLogTest, WhatIsNotOursIsLeftAlone) {
  std::array<std::byte, 2 * kUnit> text{};
  text.fill(std::byte{'x'});
  make_file(kPrefix + "3", text);
  make_file(kPrefix + "old", text);
  make_file(kPrefix + "3.bak", text);
  absl::StatusOr<FoundLog> found = FoundLog::find(disk_, kPrefix, no_life(0));
  ASSERT_EQ(found.status(), absl::OkStatus());
  EXPECT_EQ(found->next_file(), 4u);
  found->remove_all();
  EXPECT_EQ(files(), 3u);
}

TEST_F(FoundLogTest, TheSameSegmentTwiceIsDataLoss) {
  write(5, 1);
  make_file(kPrefix + "9", disk_.content(kPrefix + "1"));
  EXPECT_EQ(find(identity_of_life(5)), Code::kDataLoss);
}

TEST_F(FoundLogTest, EachCallThatFailsIsTold) {
  write(5, 12);
  const std::array<std::byte, 3 * kUnit> zeros{};
  make_file(kPrefix + "80", zeros);
  std::size_t calls = 0;
  std::size_t failing = 0;
  bool failed = true;
  while (failed) {
    calls = 0;
    failed = false;
    disk_.on_call = [&](SimulatedDisk::Call, const std::string&) {
      failed = failed || calls == failing;
      return calls++ == failing ? SimulatedDisk::Fate{EIO} : SimulatedDisk::Fate{};
    };
    const Code code = find(identity_of_life(5));
    EXPECT_EQ(code, failed ? Code::kInternal : Code::kOk) << "call " << failing;
    EXPECT_EQ(disk_.open_files(), 0u);
    ++failing;
  }
  EXPECT_GT(failing, 6u);
}

}  // namespace
}  // namespace dictsqlite::journal
