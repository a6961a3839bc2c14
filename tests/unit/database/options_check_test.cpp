// Goal: check_options() accepts every field at its bounds and refuses it beyond them, with kInvalidArgument and a
// sentence that has the field's name and the number that was given; what is wrong only together is refused too.
// Method: a table of all fields with bounds, written down once more here, and each of the other rules by hand.
#include "database/options_check.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace dictsqlite::detail {
namespace {

using Code = absl::StatusCode;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::int64_t kKiB = 1 << 10;
constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kGiB = 1 << 30;

Options valid() {
  Options options;
  options.path = "test.db";
  return options;
}

// So much room for unapplied writes that no other bound depends on it.
Options roomy() {
  Options options = valid();
  options.unapplied_bytes = std::size_t{8} << 30;
  return options;
}

void expect_refused(const Options& options, const std::string& part) {
  const absl::Status status = check_options(options);
  EXPECT_EQ(status.code(), Code::kInvalidArgument) << part;
  EXPECT_NE(std::string(status.message()).find(part), std::string::npos) << status << " should have: " << part;
}

// --- ranges ---

struct Bounds {
  std::string name;
  std::int64_t least;
  std::int64_t most;
  std::function<void(Options&, std::int64_t)> set;
};

template <class Number>
std::function<void(Options&, std::int64_t)> to(Number Options::*field) {
  return [field](Options& options, std::int64_t number) { options.*field = static_cast<Number>(number); };
}

const std::vector<Bounds>& all_bounds() {
  static const std::vector<Bounds> all = {
      {"buffer_size", 1, kMiB, to(&Options::buffer_size)},
      {"flush_interval", 1, 3'600'000, to(&Options::flush_interval)},
      {"ring_capacity", 16, 4 * kMiB, to(&Options::ring_capacity)},
      {"cache_bytes", kMiB, 16 * kGiB, to(&Options::cache_bytes)},
      {"unapplied_bytes", kMiB, 8 * kGiB,
       [](Options& options, std::int64_t number) {
         options.unapplied_bytes = static_cast<std::size_t>(number);
         options.value_bytes_max = options.batch_bytes_max = 1000;  // which fit the least of it
       }},
      {"key_bytes_max", 1, 8000, to(&Options::key_bytes_max)},
      {"value_bytes_max", 1, 512 * kMiB, to(&Options::value_bytes_max)},
      {"batch_rows_max", 1, kMiB, to(&Options::batch_rows_max)},
      {"loads_max", 1, kMiB, to(&Options::loads_max)},
      {"log_bytes", 4 * kMiB, 64 * kGiB, to(&Options::log_bytes)},
      {"page_bytes", 512, 64 * kKiB, to(&Options::page_bytes)},
      {"writer_cache_bytes", 64 * kKiB, 4 * kGiB, to(&Options::writer_cache_bytes)},
      {"reader_cache_bytes", 64 * kKiB, 4 * kGiB, to(&Options::reader_cache_bytes)},
      {"reader_map_bytes", 0, 1024 * kGiB, to(&Options::reader_map_bytes)},
      {"wal_bytes", 64 * kKiB, 64 * kGiB, to(&Options::wal_bytes)},
      {"scan_time_max", 10, 3'600'000, to(&Options::scan_time_max)},
      {"scans_max", 1, 1024, to(&Options::scans_max)},
      {"poll_time", 0, 1'000'000, to(&Options::poll_time)},
      {"close_timeout", 0, 3'600'000, to(&Options::close_timeout)},
  };
  return all;
}

bool is_duration(const Bounds& bounds) {
  return bounds.name == "flush_interval" || bounds.name == "scan_time_max" || bounds.name == "poll_time" ||
         bounds.name == "close_timeout";
}

TEST(OptionsCheck, AcceptsTheDefaults) { EXPECT_EQ(check_options(valid()), absl::OkStatus()); }

TEST(OptionsCheck, AcceptsEveryFieldAtItsBounds) {
  for (const Bounds& bounds : all_bounds()) {
    for (const std::int64_t number : {bounds.least, bounds.most}) {
      Options options = roomy();
      bounds.set(options, number);
      EXPECT_EQ(check_options(options), absl::OkStatus()) << bounds.name << " " << number;
    }
  }
}

TEST(OptionsCheck, NamesEveryFieldBelowItsLeastAndTheNumber) {
  for (const Bounds& bounds : all_bounds()) {
    if (bounds.least == 0 && !is_duration(bounds)) continue;  // nothing is below
    Options options = roomy();
    bounds.set(options, bounds.least - 1);
    expect_refused(options, "Options::" + bounds.name);
    expect_refused(options, " is " + std::to_string(bounds.least - 1) + "; it must be " + std::to_string(bounds.least) +
                                " to " + std::to_string(bounds.most));
  }
}

TEST(OptionsCheck, NamesEveryFieldAboveItsMostAndTheNumber) {
  for (const Bounds& bounds : all_bounds()) {
    Options options = roomy();
    bounds.set(options, bounds.most + 1);
    expect_refused(options, "Options::" + bounds.name);
    expect_refused(options, " is " + std::to_string(bounds.most + 1) + "; it must be " + std::to_string(bounds.least) +
                                " to " + std::to_string(bounds.most));
  }
}

TEST(OptionsCheck, NamesTheLargestNumberOfEveryFieldWithoutOverflow) {
  for (const Bounds& bounds : all_bounds()) {
    if (is_duration(bounds)) continue;
    Options options = roomy();
    bounds.set(options, -1);
    expect_refused(options, "Options::" + bounds.name + " is " +
                                (bounds.name == "page_bytes" ? "4294967295" : "18446744073709551615"));
  }
}

TEST(OptionsCheck, SaysInWhichUnitADurationIsWrong) {
  Options options = valid();
  options.flush_interval = hours(2);
  expect_refused(options, "Options::flush_interval (ms) is 7200000;");
  options = valid();
  options.poll_time = std::chrono::seconds(2);
  expect_refused(options, "Options::poll_time (us) is 2000000;");
}

TEST(OptionsCheck, PrintsANegativeDurationAsItIs) {
  Options options = valid();
  options.flush_interval = milliseconds(-5);
  expect_refused(options, "Options::flush_interval (ms) is -5; it must be 1 to 3600000");
  options = valid();
  options.poll_time = microseconds::min();
  expect_refused(options, "Options::poll_time (us) is -9223372036854775808; it must be 0 to 1000000");
}

TEST(OptionsCheck, NamesTheFirstOfSeveralMistakes) {
  Options options = valid();
  options.scans_max = 0;
  options.buffer_size = 0;
  expect_refused(options, "Options::buffer_size is 0");
}

// --- rules of one field ---

TEST(OptionsCheck, WantsPowersOfTwo) {
  Options options = valid();
  options.ring_capacity = 1000;
  expect_refused(options, "Options::ring_capacity is 1000; it must be a power of two");
  options = valid();
  options.page_bytes = 5000;
  expect_refused(options, "Options::page_bytes is 5000; it must be a power of two");
}

TEST(OptionsCheck, WantsAPathWhereThereIsADisk) {
  for (const PersistMode mode : {PersistMode::kLazy, PersistMode::kWriteBehind, PersistMode::kWriteThrough}) {
    Options options = valid();
    options.persist_mode = mode;
    EXPECT_EQ(check_options(options), absl::OkStatus());
    options.path.clear();
    expect_refused(options, "Options::path is empty");
    options.path = std::string("a\0b", 3);
    expect_refused(options, "Options::path contains a NUL byte");
  }
}

TEST(OptionsCheck, LooksAtNoPathWithoutADisk) {
  Options options;
  options.persist_mode = PersistMode::kMemory;
  EXPECT_EQ(check_options(options), absl::OkStatus());
  options.path = std::string("a\0b", 3);
  EXPECT_EQ(check_options(options), absl::OkStatus());
}

TEST(OptionsCheck, AcceptsTheLastOfEveryChoiceAndNothingBehindIt) {
  Options options = valid();
  options.persist_mode = PersistMode::kWriteThrough;
  options.journal = Journal::kOn;
  options.log_loss = LogLoss::kAccept;
  options.disk_full = DiskFull::kRefuse;
  options.io_backend = IoBackendChoice::kThreads;
  EXPECT_EQ(check_options(options), absl::OkStatus());

  options.persist_mode = static_cast<PersistMode>(4);
  expect_refused(options, "Options::persist_mode");
  options = valid();
  options.journal = static_cast<Journal>(2);
  expect_refused(options, "Options::journal");
  options = valid();
  options.log_loss = static_cast<LogLoss>(2);
  expect_refused(options, "Options::log_loss");
  options = valid();
  options.disk_full = static_cast<DiskFull>(2);
  expect_refused(options, "Options::disk_full");
  options = valid();
  options.io_backend = static_cast<IoBackendChoice>(3);
  expect_refused(options, "Options::io_backend");
}

TEST(OptionsCheck, WantsAFunctionOfAnExecutorThatHasAContext) {
  Options options = valid();
  options.executor = inline_executor();
  EXPECT_EQ(check_options(options), absl::OkStatus());
  options.executor = Executor{.context = &options, .post = nullptr};
  expect_refused(options, "Options::executor has a context but no post");
}

// --- rules of two fields ---

// Without these the largest write would wait for room that there never is.
TEST(OptionsCheck, WantsRoomForTheLargestWrite) {
  Options options = valid();
  options.unapplied_bytes = static_cast<std::size_t>(kMiB);
  options.batch_bytes_max = 1;
  options.key_bytes_max = 4096;
  options.value_bytes_max = static_cast<std::size_t>(kMiB) - 16'384 - 4096;
  EXPECT_EQ(check_options(options), absl::OkStatus());
  options.value_bytes_max += 1;
  expect_refused(options, "Options::value_bytes_max is too large for Options::unapplied_bytes");
}

TEST(OptionsCheck, WantsRoomForTheLargestBatch) {
  Options options = valid();
  options.unapplied_bytes = static_cast<std::size_t>(kMiB);
  options.value_bytes_max = 1000;
  options.batch_bytes_max = (static_cast<std::size_t>(kMiB) - 16'384) / 9 * 8;
  EXPECT_EQ(check_options(options), absl::OkStatus());
  options.batch_bytes_max += 16;
  expect_refused(options, "Options::batch_bytes_max is too large for Options::unapplied_bytes");
}

TEST(OptionsCheck, BoundsABatchAlsoByItself) {
  Options options = roomy();
  options.batch_bytes_max = 1;
  EXPECT_EQ(check_options(options), absl::OkStatus());
  options.batch_bytes_max = 0;
  expect_refused(options, "Options::batch_bytes_max is 0; it must be 1 to 8589934592");
  options.batch_bytes_max = (std::size_t{8} << 30) + 1;
  expect_refused(options, "Options::batch_bytes_max is 8589934593; it must be 1 to 8589934592");
  options.batch_bytes_max = std::size_t{7} << 30;
  EXPECT_EQ(check_options(options), absl::OkStatus());
  options.batch_bytes_max = std::size_t{8} << 30;  // its most, for which there is never room
  expect_refused(options, "Options::batch_bytes_max is too large for Options::unapplied_bytes");
}

TEST(OptionsCheck, WantsALogForTheLargestWrite) {
  Options options = valid();
  options.log_bytes = 4u << 20;
  options.value_bytes_max = (1u << 20) + (1u << 19) - 16'384 - options.key_bytes_max;
  options.batch_bytes_max = 1'000;
  EXPECT_EQ(check_options(options), absl::OkStatus());
  options.journal = Journal::kOn;
  EXPECT_EQ(check_options(options), absl::OkStatus());
  ++options.value_bytes_max;
  expect_refused(options, "Options::log_bytes is too small");
  options.value_bytes_max = 1'000;
  options.batch_bytes_max = 2u << 20;
  expect_refused(options, "Options::log_bytes is too small");
  options.batch_bytes_max = 100'000;  // in rows of a byte
  expect_refused(options, "Options::log_bytes is too small");
  options.batch_rows_max = 10'000;
  EXPECT_EQ(check_options(options), absl::OkStatus());
  options.journal = Journal::kOff;
  EXPECT_EQ(check_options(options), absl::OkStatus());
}

}  // namespace
}  // namespace dictsqlite::detail
