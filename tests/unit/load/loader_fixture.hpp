// A loader over a store that the test makes up, in simulated time: it runs while the test's thread waits, and not
// before. Its clock lets the test act in the midst of what it does.
#pragma once

#include "load/loader.hpp"

#include "support/acting_clock.hpp"
#include "support/simulation.hpp"
#include "unit/load/flights_fixture.hpp"

#include <absl/functional/function_ref.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dictsqlite::load {

// What the store finds in its file, and what was asked of it.
struct MadeUpFile {
  std::map<std::string, std::string, std::less<>> rows;
  std::set<std::string, std::less<>> torn;      // keys that no query survives
  std::vector<std::vector<std::string>> loads;  // the keys of each
  std::size_t readers_open = 0;
  std::size_t scans_open = 0;
};

inline constexpr char kTornMessage[] = "the page is torn";

class MadeUpStore final : public store::SqliteStore {
 public:
  explicit MadeUpStore(MadeUpFile& file) : file_(file) {}

  [[nodiscard]] store::StoreWriter& writer() noexcept override { std::abort(); }     // not a loader's business
  [[nodiscard]] const std::string& path() const noexcept override { std::abort(); }  // the same
  [[nodiscard]] absl::StatusOr<std::unique_ptr<store::StoreReader>> open_reader() override {
    return std::make_unique<Rows>(file_);
  }
  [[nodiscard]] absl::StatusOr<std::unique_ptr<store::StoreScan>> open_scan(std::uint32_t /*table_id*/,
                                                                            store::KeyRange /*range*/,
                                                                            store::ScanOrder /*order*/) override {
    return std::make_unique<EndlessScan>(file_);
  }

 private:
  class Rows final : public store::StoreReader {
   public:
    explicit Rows(MadeUpFile& file) : file_(file) { ++file_.readers_open; }
    ~Rows() override { --file_.readers_open; }
    [[nodiscard]] absl::StatusOr<LoadResult> load(std::uint32_t /*table_id*/, std::span<const std::string_view> keys,
                                                  absl::FunctionRef<void(const store::LoadedRow&)> found) override {
      file_.loads.emplace_back(keys.begin(), keys.end());
      for (std::size_t index = 0; index < keys.size(); ++index) {
        if (file_.torn.contains(keys[index])) return absl::DataLossError(kTornMessage);
        const auto row = file_.rows.find(keys[index]);
        if (row != file_.rows.end()) found({index, row->second, store::kNoExpiry});
      }
      return LoadResult{.snapshot_sequence = 0, .queries = 1};
    }

   private:
    MadeUpFile& file_;
  };

  class EndlessScan final : public store::StoreScan {
   public:
    explicit EndlessScan(MadeUpFile& file) : file_(file) { ++file_.scans_open; }
    ~EndlessScan() override { --file_.scans_open; }
    [[nodiscard]] absl::StatusOr<bool> next(std::size_t /*rows_max*/, std::size_t /*bytes_max*/,
                                            std::vector<store::ScannedRow>& rows) override {
      rows.push_back({"key", "value", store::kNoExpiry});
      return false;
    }

   private:
    MadeUpFile& file_;
  };

  MadeUpFile& file_;
};

class LoaderHouse final : private LoaderHost {
 public:
  static constexpr base::Nanoseconds kScanTimeMax = std::chrono::hours(1);
  // Shorter than a look at the clock takes: a loader that polls looks twice, and the second time it is done polling and
  // about to sleep.
  static constexpr base::Nanoseconds kPollTime{1};

  explicit LoaderHouse(std::size_t flights_max = 100)
      : loader_({.flights_max = flights_max,
                 .scans_max = 10,
                 .scan_time_max = kScanTimeMax,
                 .poll_time = kPollTime,
                 .clock = clock_,
                 .threads = simulation_},
                *this, cache_, applied_, resume_) {
    EXPECT_TRUE(cache_.valid());
  }
  ~LoaderHouse() { loader_.stop(); }
  LoaderHouse(const LoaderHouse&) = delete;
  LoaderHouse& operator=(const LoaderHouse&) = delete;

  void start() { ASSERT_EQ(loader_.start(&store_), absl::OkStatus()); }
  /// The loader does all there is to do, and sleeps.
  void let_run() { simulation_.sleep(std::chrono::milliseconds(10)); }
  /// Wakes the loader, which runs `act` at its look number `look` at the clock, and then lets it alone.
  void act_at_look(std::size_t look, std::function<void()> act) {
    clock_.act_at(look, std::move(act));
    while (!clock_.has_acted()) {
      loader_.ring();
      let_run();
    }
  }

  /// Somebody who misses `key` and has to wait.
  Reader& waits_for(std::string_view key) {
    Reader& waiting = *readers_.emplace_back(std::make_unique<Reader>(loader_.flights()));
    EXPECT_EQ(loader_.flights().miss(cache::Cache::key(kTable, key), waiting.completion()), MissOutcome::kSuspended);
    return waiting;
  }
  /// Whoever is loading `key` loses the lease, to a write that nobody remembers any more.
  void take_lease_of(std::string_view key) {
    install(cache_, applied_, entry::EntryKind::kSet, key, "written", ++sequence_);
    apply_and_evict(cache_, applied_, sequence_);
  }

  [[nodiscard]] Loader& loader() { return loader_; }
  [[nodiscard]] store::SqliteStore& store() { return store_; }
  [[nodiscard]] Flights& flights() { return loader_.flights(); }
  MadeUpFile file;

 private:
  [[nodiscard]] std::size_t unapplied_bytes() const noexcept override { return 0; }
  void collect_rows(const store::KeyRange& /*range*/, std::vector<store::ScannedRow>& /*rows*/) override {}

  testing_support::Simulation simulation_{1};
  testing_support::ActingClock clock_{simulation_, 2 * kPollTime};
  MadeUpStore store_{file};
  cache::Cache cache_{kCacheBytes, kCacheBytes};
  base::Watermark applied_;
  task::ResumeThread resume_{std::chrono::nanoseconds(0), simulation_};
  std::uint64_t sequence_ = 0;
  Loader loader_;
  std::vector<std::unique_ptr<Reader>> readers_;
};

// A scan as its user holds it, and how often it was answered.
class MadeUpScan {
 public:
  explicit MadeUpScan(Loader& loader) : loader_(loader), session_(new ScanNextOperation::State()) {
    session_->rows_left = std::numeric_limits<std::size_t>::max();
    completion_.intercept = [](detail::Completion* completion) noexcept {
      ++static_cast<MadeUpScan*>(completion->intercept_context)->answers_;
    };
    completion_.intercept_context = this;
  }
  ~MadeUpScan() { session_->release(); }
  MadeUpScan(const MadeUpScan&) = delete;
  MadeUpScan& operator=(const MadeUpScan&) = delete;

  void ask() {
    session_->retain();  // the fetch's
    session_->completion = &completion_;
    EXPECT_TRUE(loader_.queue_scan(session_));
  }
  void drop() {
    session_->dropped.raise();
    loader_.ring();
  }
  [[nodiscard]] int answers() const { return answers_; }

 private:
  Loader& loader_;
  ScanNextOperation::State* session_;
  detail::Completion completion_;
  int answers_ = 0;
};

}  // namespace dictsqlite::load
