// Goal: scans keep to their limits of number and time, give back what they hold however they end, and end in a typed
// status when the database does. Method: scans that stay open because they have more rows than one fetch brings; where
// it matters what the loader is doing, it is held there.
#include <dictsqlite/dictsqlite.hpp>

#include "support/open_database.hpp"
#include "unit/database/held_thread.hpp"
#include "unit/database/scan_support.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dictsqlite {
namespace {

using testing_support::HeldThread;
using testing_support::kRowsAFetch;
using testing_support::numbered;
using testing_support::open_database;
using testing_support::rest_of;
using testing_support::Rows;
using testing_support::rows_of;
using testing_support::ScanTest;
using testing_support::Suspended;
using testing_support::walk;
using testing_support::walk_borrowed;
using Code = absl::StatusCode;

class ScanLimits : public ScanTest {
 protected:
  void write_numbered(std::size_t count) {
    for (std::size_t number = 0; number < count; ++number) {
      ASSERT_EQ(database_.set(numbered(number), "v"), absl::OkStatus());
    }
  }
  // A scan with more rows than one fetch brings, so that it stays open.
  Scan open_scan() {
    Scan scan = database_.scan();
    EXPECT_TRUE(scan.next().has_value());
    return scan;
  }
};

// Held to a bound by the test's time-out: without an end to the scan the log would never start over.
TEST_F(ScanLimits, AScanThatKeepsTheLogFromStartingOverIsAbortedAndTellsWhereToGoOn) {
  options_.wal_bytes = 64u << 10;
  options_.scan_time_max = std::chrono::hours(1);
  reopen();
  write_numbered(1'000);
  Scan scan = open_scan();
  std::uint64_t log_bytes = 0;
  for (std::uint64_t before = 0; log_bytes >= before; log_bytes = database_.stats().wal_bytes) {
    before = log_bytes;
    ASSERT_EQ(database_.set("other", std::string(10'000, 'v'), {.ack = Ack::kDurable}), absl::OkStatus());
  }
  const std::size_t more = rest_of(scan).size();
  EXPECT_LT(more, 999u);
  EXPECT_EQ(scan.status().code(), Code::kAborted);
  EXPECT_EQ(scan.resume_key(), numbered(more));
}

TEST_F(ScanLimits, OneScanMoreThanScansMaxIsResourceExhaustedAndHarmsNoOther) {
  options_.scans_max = 3;
  reopen();
  write_numbered(1'000);
  std::vector<Scan> scans;
  for (std::size_t count = 0; count < options_.scans_max; ++count) scans.push_back(open_scan());
  for (int again = 0; again < 3; ++again) {
    Scan refused = database_.scan();
    EXPECT_EQ(refused.next(), std::nullopt);
    EXPECT_EQ(refused.status().code(), Code::kResourceExhausted);
  }
  for (Scan& scan : scans) {
    EXPECT_EQ(rest_of(scan).size(), 999u);
    EXPECT_EQ(scan.status(), absl::OkStatus());
  }
}

TEST_F(ScanLimits, ADroppedScanFreesItsPlace) {
  options_.scans_max = 1;
  reopen();
  write_numbered(1'000);
  for (int round = 0; round < 200; ++round) {
    Scan scan = database_.scan();
    ASSERT_TRUE(scan.next().has_value()) << round << ": " << scan.status();
  }
}

TEST_F(ScanLimits, AScanThatIsAssignedToFreesItsPlace) {
  options_.scans_max = 1;
  reopen();
  write_numbered(1'000);
  Scan scan = open_scan();
  for (int round = 0; round < 50; ++round) {
    scan = database_.scan();
    ASSERT_TRUE(scan.next().has_value()) << round << ": " << scan.status();
  }
}

TEST_F(ScanLimits, AScanThatReachedItsEndHoldsNoPlace) {
  options_.scans_max = 1;
  reopen();
  write_numbered(300);
  Scan whole = database_.scan();
  EXPECT_EQ(rest_of(whole).size(), 300u);
  Scan limited = database_.scan({.limit = 10});
  EXPECT_TRUE(limited.next().has_value()) << "one fetch brings all of it";
  Scan next = open_scan();
  EXPECT_EQ(next.status(), absl::OkStatus());
}

TEST_F(ScanLimits, ACoroutineDestroyedInAScanFreesItsPlace) {
  options_.scans_max = 1;
  reopen();
  write_numbered(1'000);
  for (int round = 0; round < 50; ++round) {
    std::size_t rows = 0;
    const Suspended coroutine = walk(database_.scan(), executor_.executor(), &rows);
    coroutine.handle.destroy();
    Scan scan = database_.scan();
    ASSERT_TRUE(scan.next().has_value()) << round << ": " << scan.status();
  }
  executor_.poll();
}

// The fetch it waited for is still under way, and the loader has the scan: nobody else may touch it.
TEST_F(ScanLimits, ACoroutineDestroyedInAScanEndsIt) {
  write_numbered(1'000);
  Scan scan = database_.scan();
  const Suspended coroutine = walk_borrowed(scan, executor_.executor());
  coroutine.handle.destroy();
  EXPECT_FALSE(scan.next().has_value());
  EXPECT_EQ(scan.status().code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(scan.next().has_value());
  executor_.poll();
  EXPECT_EQ(scan.status().code(), absl::StatusCode::kCancelled);
}

// The loader may be busy with misses when a scan is dropped and the next one begins.
TEST_F(ScanLimits, ADroppedScanMakesRoomForTheNextAlsoWhileTheLoaderIsBusy) {
  options_.scans_max = 1;
  reopen();
  write_numbered(1'000);
  std::optional<Scan> dropped(open_scan());
  HeldThread loader;
  loader.hold(database_.get_async("nobody asked for it"));
  dropped.reset();
  Scan next = database_.scan();
  std::atomic<bool> done{false};
  bool has_row = false;
  next.next_async().start([&](const std::optional<Row>& row) noexcept {
    has_row = row.has_value();
    done.store(true);
    done.notify_one();
  });
  // Durable after the scan was told that everything before it is applied: then it is queued for the loader.
  ASSERT_EQ(database_.set("zzz", "v", {.ack = Ack::kDurable}), absl::OkStatus());
  loader.let_go();
  done.wait(false);
  EXPECT_TRUE(has_row);
  EXPECT_EQ(next.status(), absl::OkStatus());
}

TEST_F(ScanLimits, AScanOpenForTooLongIsAbortedAndItsLastKeyLeadsToTheRest) {
  options_.scans_max = 1;
  options_.scan_time_max = std::chrono::milliseconds(10);
  reopen();
  constexpr std::size_t kRows = 1'000;
  write_numbered(kRows);
  Scan slow = open_scan();
  // It has the only place until its time is up: then, and not before, another one gets it.
  for (;;) {
    Scan other = database_.scan({.limit = 1});
    if (other.next().has_value()) break;
    ASSERT_EQ(other.status().code(), Code::kResourceExhausted);
  }
  EXPECT_EQ(slow.status(), absl::OkStatus()) << "it learns of it when it asks for more rows";
  Rows rows = rest_of(slow);
  EXPECT_EQ(slow.status().code(), Code::kAborted);
  EXPECT_EQ(rows.size(), kRowsAFetch - 1) << "what was fetched is handed out";
  EXPECT_EQ(slow.resume_key(), numbered(kRowsAFetch - 1));
  EXPECT_EQ(slow.next(), std::nullopt);
  EXPECT_EQ(slow.status().code(), Code::kAborted);

  std::string last = slow.resume_key();
  for (std::size_t number = kRowsAFetch;;) {
    Scan scan = database_.scan({.from = last + '\0'});
    for (const auto& [key, value] : rest_of(scan)) ASSERT_EQ(key, numbered(number++));
    if (number == kRows) break;
    last = numbered(number - 1);
    ASSERT_EQ(scan.status().code(), Code::kAborted) << "a machine that is slow: once more";
  }
}

TEST_F(ScanLimits, CloseEndsOpenScansAndIsOk) {
  write_numbered(1'000);
  Scan open = open_scan();
  Scan not_begun = database_.scan();
  Scan ended = database_.scan({.limit = 1});
  EXPECT_EQ(rest_of(ended).size(), 1u);
  EXPECT_EQ(database_.close(), absl::OkStatus());
  EXPECT_EQ(rest_of(open).size(), kRowsAFetch - 1) << "what was fetched is handed out";
  EXPECT_EQ(open.status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(open.resume_key(), numbered(kRowsAFetch - 1));
  EXPECT_EQ(not_begun.next(), std::nullopt);
  EXPECT_EQ(not_begun.status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(ended.next(), std::nullopt);
  EXPECT_EQ(ended.status(), absl::OkStatus());
  Database again = open_database(options_);
  EXPECT_EQ(rows_of(again).size(), 1'000u);
}

TEST_F(ScanLimits, FetchesUnderWayWhenTheDatabaseClosesEndOnceEach) {
  constexpr int kRounds = 30;
  write_numbered(1'000);
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Scan> scans;
    std::atomic<int> answers{0};
    for (int count = 0; count < 10; ++count) {
      scans.push_back(database_.scan());
      scans.back().next_async().start([&](const std::optional<Row>&) noexcept { answers.fetch_add(1); });
    }
    EXPECT_EQ(database_.close(), absl::OkStatus());
    database_ = Database();  // ends the resume thread: nothing comes after it
    EXPECT_EQ(answers.load(), 10);
    for (const Scan& scan : scans) {
      EXPECT_TRUE(scan.status().ok() || scan.status().code() == Code::kFailedPrecondition) << scan.status();
    }
    database_ = open_database(options_);
  }
}

TEST_F(ScanLimits, AScanAndItsOperationMayOutliveTheDatabase) {
  write_numbered(1'000);
  std::optional<Scan> open(open_scan());
  Scan not_begun = database_.scan();
  ScanNextOperation operation = not_begun.next_async();
  database_ = Database();
  EXPECT_EQ(rest_of(*open).size(), kRowsAFetch - 1);
  EXPECT_EQ(open->status().code(), Code::kFailedPrecondition);
  ScanNextOperation last = open->next_async();
  open.reset();
  EXPECT_EQ(std::move(last).wait(), std::nullopt);
  EXPECT_EQ(std::move(operation).wait(), std::nullopt);
  EXPECT_EQ(not_begun.status().code(), Code::kFailedPrecondition);
  Database again = open_database(options_);
  EXPECT_EQ(rows_of(again).size(), 1'000u);
}

TEST_F(ScanLimits, ATaskWalksAScanWithoutBlocking) {
  write_numbered(1'000);
  struct Walker {
    static Task<std::size_t> walk(Database* database, ScanOptions options) {
      std::size_t rows = 0;
      Scan scan = database->scan(options);
      while (std::optional<Row> row = co_await scan.next_async()) ++rows;
      EXPECT_EQ(scan.status(), absl::OkStatus());
      co_return rows;
    }
  };
  EXPECT_EQ(sync_wait(Walker::walk(&database_, {})), 1'000u);
  EXPECT_EQ(sync_wait(Walker::walk(&database_, {.prefix = "n000009", .reverse = true})), 100u);
}

}  // namespace
}  // namespace dictsqlite
