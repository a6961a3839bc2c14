// Goal: a scan hands out exactly the rows of its range, in order, of one snapshot, within its limits of number and
// time, and leaves nothing behind however it ends. Method: a map beside the database says what must come; where rows
// come from is tried with a disk and without one; limits are met one at a time.
#include <dictsqlite/dictsqlite.hpp>

#include "support/random.hpp"
#include "unit/database/scan_support.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace dictsqlite {
namespace {

using testing_support::kRowsAFetch;
using testing_support::numbered;
using testing_support::Random;
using testing_support::rest_of;
using testing_support::Rows;
using testing_support::rows_of;
using testing_support::ScanTest;
using testing_support::Suspended;
using testing_support::walk;
using std::literals::operator""s;
using Code = absl::StatusCode;
using Model = std::map<std::string, std::string>;  // std::string compares as bytes, as a scan does

// What a scan of `model` must hand out.
Rows expected(const Model& model, const ScanOptions& options) {
  Rows rows;
  for (const auto& [key, value] : model) {
    const bool inside =
        key.starts_with(options.prefix) && key >= options.from && (options.to.empty() || key < options.to);
    if (inside) rows.emplace_back(key, value);
  }
  if (options.reverse) std::reverse(rows.begin(), rows.end());
  if (options.limit != 0 && rows.size() > options.limit) rows.resize(options.limit);
  return rows;
}

// --- which rows, in which order, in every mode ---

class ScanRange : public ScanTest, public testing::WithParamInterface<PersistMode> {
 protected:
  ScanRange() : ScanTest(GetParam()) {}

  void set(const std::string& key, const std::string& value) {
    ASSERT_EQ(database_.set(key, value, {.ack = Ack::kAccepted}), absl::OkStatus());
    model_[key] = value;
  }
  void set_all(const std::vector<std::string>& keys) {
    for (const std::string& key : keys) set(key, "value of " + key);
  }
  void set_numbered(std::size_t count) {
    for (std::size_t number = 0; number < count; ++number) set(numbered(number), "v");
  }
  void expect(const ScanOptions& options) {
    EXPECT_EQ(rows_of(database_, options), expected(model_, options))
        << "prefix '" << options.prefix << "' from '" << options.from << "' to '" << options.to << "' limit "
        << options.limit << (options.reverse ? " reverse" : "");
  }
  void expect_both_ways(ScanOptions options) {
    for (const bool reverse : {false, true}) {
      options.reverse = reverse;
      expect(options);
    }
  }

  Model model_;
};

TEST_P(ScanRange, WalksAllKeysInTheOrderOfTheirBytes) {
  set_all({"b", "a", "ab", "\x80", "\xFF", "\x01", "\0"s, "a\0"s, "a\0b"s, "\0\0"s, "Z", "\xC3\xA4", "\x7F"});
  const Rows rows = rows_of(database_);
  ASSERT_EQ(rows.size(), 13u);
  EXPECT_EQ(rows.front().first, "\0"s);
  EXPECT_EQ(rows.back().first, "\xFF");
  expect_both_ways({});
}

TEST_P(ScanRange, OfAnEmptyDatabaseIsEmptyAndOk) {
  Scan scan = database_.scan();
  EXPECT_EQ(scan.next(), std::nullopt);
  EXPECT_EQ(scan.status(), absl::OkStatus());
  EXPECT_EQ(scan.resume_key(), "");
}

TEST_P(ScanRange, StaysAtItsEnd) {
  set_all({"a"});
  Scan scan = database_.scan();
  EXPECT_EQ(scan.next()->key, "a");
  for (int again = 0; again < 3; ++again) EXPECT_EQ(scan.next(), std::nullopt);
  EXPECT_EQ(scan.status(), absl::OkStatus());
  EXPECT_EQ(scan.resume_key(), "a");
}

TEST_P(ScanRange, ByPrefixIsEveryKeyThatBeginsWithIt) {
  set_all({"a", "ab", "abc", "ac", "b", "a\0"s, "a\0x"s, "\0"s, "\0\0"s, "a\xFF", "a\xFF\xFF", "a\xFF\xFF!", "b\xFF"});
  for (const std::string& prefix : {"a"s, "ab"s, "abc"s, "abcd"s, "b"s, "c"s, "a\0"s, "\0"s, "a\xFF"s, "a\xFF\xFF"s}) {
    expect_both_ways({.prefix = prefix});
  }
}

TEST_P(ScanRange, ByAPrefixOfHighestBytesReachesToTheLastKey) {
  set_all({"a", "\xFE", "\xFE\xFF", "\xFF", "\xFF\x01", "\xFF\xFE", "\xFF\xFF", "\xFF\xFF\x01", "\xFF\xFF\xFF"});
  EXPECT_EQ(rows_of(database_, {.prefix = "\xFF"}).size(), 6u);
  EXPECT_EQ(rows_of(database_, {.prefix = "\xFF\xFF"}).size(), 3u);
  for (const char* prefix : {"\xFF", "\xFF\xFF", "\xFF\xFF\xFF", "\xFF\xFF\xFF\xFF", "\xFE\xFF"}) {
    expect_both_ways({.prefix = prefix});
  }
}

TEST_P(ScanRange, FromIsInsideAndToIsNot) {
  set_all({"a", "b", "b\0"s, "c", "d"});
  EXPECT_EQ(rows_of(database_, {.from = "b", .to = "d"}).size(), 3u);
  const std::vector<std::string> bounds = {"", "a", "b", "b\0"s, "bb", "c", "d", "e"};
  for (const std::string& from : bounds) {
    for (const std::string& to : bounds) expect_both_ways({.from = from, .to = to});
  }
}

TEST_P(ScanRange, ThatEndsBeforeItBeginsIsEmptyAndOk) {
  set_all({"a", "b", "c"});
  EXPECT_TRUE(rows_of(database_, {.from = "c", .to = "a"}).empty());
  EXPECT_TRUE(rows_of(database_, {.from = "b", .to = "b"}).empty());
  EXPECT_TRUE(rows_of(database_, {.from = "d"}).empty());
  EXPECT_TRUE(rows_of(database_, {.prefix = "aa"}).empty());
}

TEST_P(ScanRange, StopsAtItsLimit) {
  set_numbered(2 * kRowsAFetch + 10);
  for (const std::size_t limit : {std::size_t{1}, std::size_t{2}, kRowsAFetch - 1, kRowsAFetch, kRowsAFetch + 1,
                                  2 * kRowsAFetch, 2 * kRowsAFetch + 10, 5 * kRowsAFetch}) {
    expect_both_ways({.limit = limit});
    expect_both_ways({.from = numbered(5), .to = numbered(400), .limit = limit});
  }
}

TEST_P(ScanRange, AgreesWithAMapOverRandomKeysAndRanges) {
  Random random;
  // Few different bytes, so that prefixes meet; among them the lowest and the highest.
  const std::string alphabet{'\0', '\x01', 'a', '\xFE', '\xFF'};
  const auto text = [&](std::size_t bytes_min) {
    std::string result(bytes_min + random.below(4), 'x');
    for (char& byte : result) byte = alphabet[random.below(alphabet.size())];
    return result;
  };
  for (int count = 0; count < 400; ++count) set(text(1), std::to_string(count));
  for (int count = 0; count < 100; ++count) {
    const std::string key = text(1);
    ASSERT_EQ(database_.erase(key, {.ack = Ack::kAccepted}), absl::OkStatus());
    model_.erase(key);
  }
  for (int round = 0; round < 100; ++round) {
    ScanOptions options;
    if (random.one_in(2)) {
      options.prefix = text(0);
    } else {
      options.from = text(0);
      options.to = text(0);
    }
    options.limit = random.one_in(2) ? 0 : 1 + random.below(50);
    expect_both_ways(options);
  }
}

TEST_P(ScanRange, HoldsWhatWasAcceptedBeforeTheFirstRowWasAskedFor) {
  set_all({"a", "b", "c"});
  Scan scan = database_.scan();
  ASSERT_EQ(database_.set("b", "new", {.ack = Ack::kAccepted}), absl::OkStatus());
  ASSERT_EQ(database_.erase("c", {.ack = Ack::kAccepted}), absl::OkStatus());
  ASSERT_EQ(database_.set("d", "late", {.ack = Ack::kAccepted}), absl::OkStatus());
  EXPECT_EQ(rest_of(scan), (Rows{{"a", "value of a"}, {"b", "new"}, {"d", "late"}}));
}

TEST_P(ScanRange, IsOneSnapshotWhateverIsWrittenAfterItsFirstRow) {
  constexpr std::size_t kRows = 3 * kRowsAFetch;
  for (std::size_t number = 0; number < kRows; ++number) set(numbered(2 * number), "old");
  const Rows before = expected(model_, {});
  Scan scan = database_.scan();
  std::optional<Row> first = scan.next();
  ASSERT_TRUE(first.has_value());
  for (std::size_t number = 0; number < kRows; ++number) {
    ASSERT_EQ(database_.set(numbered(2 * number + 1), "new", {.ack = Ack::kAccepted}), absl::OkStatus());
    if (number % 3 == 0) {
      ASSERT_EQ(database_.set(numbered(2 * number), "new", {.ack = Ack::kAccepted}), absl::OkStatus());
    }
    if (number % 3 == 1) {
      ASSERT_EQ(database_.erase(numbered(2 * number), {.ack = Ack::kAccepted}), absl::OkStatus());
    }
  }
  if (GetParam() != PersistMode::kMemory) {
    ASSERT_EQ(database_.flush(), absl::OkStatus());
  }
  Rows rows = rest_of(scan);
  rows.emplace(rows.begin(), first->key, first->value);
  EXPECT_EQ(rows, before);
  EXPECT_EQ(scan.status(), absl::OkStatus());
}

TEST_P(ScanRange, BesideAWriterSeesABeginningOfWhatItWrites) {
  std::atomic<std::size_t> accepted{0};
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (std::size_t number = 0; !stop.load() && number < 50'000; ++number) {
      EXPECT_EQ(database_.set(numbered(number), "v", {.ack = Ack::kAccepted}), absl::OkStatus());
      accepted.store(number + 1);
    }
  });
  for (int round = 0; round < 10; ++round) {
    const std::size_t at_least = accepted.load();
    const Rows rows = rows_of(database_);
    EXPECT_GE(rows.size(), at_least);
    for (std::size_t number = 0; number < rows.size(); ++number) ASSERT_EQ(rows[number].first, numbered(number));
  }
  stop.store(true);
  writer.join();
}

TEST_P(ScanRange, OfRowsLargerThanAFetchKeepsThemWhole) {
  Random random;
  for (std::size_t number = 0; number < 30; ++number) set(numbered(number), random.bytes(100'000));
  set("large", random.bytes(1u << 20));
  set("none", "");
  expect_both_ways({});
  expect_both_ways({.limit = 7});
}

TEST_P(ScanRange, GoesOnBehindItsResumeKey) {
  set_numbered(400);
  std::optional<Scan> scan(database_.scan());
  EXPECT_EQ(scan->resume_key(), "");
  for (std::size_t number = 0; number < 300; ++number) {
    EXPECT_EQ(scan->next()->key, numbered(number));
    EXPECT_EQ(scan->resume_key(), numbered(number));
  }
  const std::string from = scan->resume_key() + '\0';
  scan.reset();
  expect({.from = from});
}

TEST_P(ScanRange, MayBeMovedInMidWalk) {
  set_numbered(300);
  Scan first = database_.scan();
  ASSERT_EQ(first.next()->key, numbered(0));
  Scan second = std::move(first);
  EXPECT_EQ(second.next()->key, numbered(1));
  EXPECT_EQ(first.next(), std::nullopt);  // NOLINT(bugprone-use-after-move): the point
  EXPECT_EQ(first.status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(first.resume_key(), "");
  first = std::move(second);
  EXPECT_EQ(rest_of(first).size(), 298u);
  EXPECT_EQ(first.status(), absl::OkStatus());
}

TEST_P(ScanRange, ByPrefixAndRangeIsInvalidAndHandsOutNothing) {
  set_all({"a", "b"});
  for (const ScanOptions& options : {ScanOptions{.prefix = "a", .from = "a"}, ScanOptions{.prefix = "a", .to = "b"},
                                     ScanOptions{.prefix = "a", .from = "a", .to = "b"}}) {
    Scan scan = database_.scan(options);
    EXPECT_EQ(scan.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(scan.next(), std::nullopt);
    EXPECT_EQ(scan.status().code(), Code::kInvalidArgument);
  }
}

TEST_P(ScanRange, IsReadyAtOnceForAllRowsButTheFirstOfAFetch) {
  set_numbered(2 * kRowsAFetch + 88);
  Scan scan = database_.scan();
  std::size_t waited = 0;
  std::size_t rows = 0;
  for (bool more = true; more;) {
    std::atomic<bool> done{false};
    bool inside_start = true;
    const std::thread::id here = std::this_thread::get_id();
    scan.next_async().start([&](const std::optional<Row>& row) noexcept {
      if (std::this_thread::get_id() != here || !inside_start) ++waited;
      more = row.has_value();
      rows += more;
      done.store(true);
      done.notify_one();
    });
    inside_start = false;
    done.wait(false);
  }
  EXPECT_EQ(rows, 2 * kRowsAFetch + 88);
  EXPECT_EQ(waited, GetParam() == PersistMode::kMemory ? 1u : 3u);
}

TEST_P(ScanRange, MayBeDestroyedWhileACoroutineIsSuspendedInIt) {
  set_numbered(600);
  ManualExecutor executor;
  for (int round = 0; round < 100; ++round) {
    std::size_t rows = 0;
    const Suspended coroutine = walk(database_.scan(), executor.executor(), &rows);
    // Sometimes it is left in its first fetch, sometimes in a later one.
    for (int polls = 0; polls < round % 3; ++polls) {
      while (!coroutine.handle.done() && executor.poll() == 0) std::this_thread::yield();
    }
    const std::size_t before = rows;
    coroutine.handle.destroy();
    executor.poll();
    EXPECT_EQ(rows, before) << "it was resumed after its end";
  }
  EXPECT_EQ(rows_of(database_).size(), 600u);
  EXPECT_EQ(database_.close(), absl::OkStatus());
  executor.poll();
}

INSTANTIATE_TEST_SUITE_P(, ScanRange,
                         testing::Values(PersistMode::kLazy, PersistMode::kWriteBehind, PersistMode::kMemory),
                         [](const testing::TestParamInfo<PersistMode>& mode) {
                           return mode.param == PersistMode::kLazy          ? "Lazy"
                                  : mode.param == PersistMode::kWriteBehind ? "WriteBehind"
                                                                            : "Memory";
                         });

}  // namespace
}  // namespace dictsqlite
