// A flusher over a store of its own, in simulated time: it runs while the test's thread waits, or when that wakes it.
// The test is its host and those who write and wait, and keeps a list of what it is told, in order.
#pragma once

#include "flush/flusher.hpp"

#include "support/acting_clock.hpp"
#include "support/fault_backend.hpp"
#include "support/simulation.hpp"
#include "support/temporary_directory.hpp"
#include "unit/flush/write_path_fixture.hpp"

#include <absl/status/status.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dictsqlite::flush {

using Notes = std::vector<std::string>;

// Somebody who waits. Answered through the completion's intercept: no executor and no engine take part.
class Waiter {
 public:
  /// Notes `name` and the code when it is answered.
  Waiter(std::string name, Notes& notes) : name_(std::move(name)), notes_(notes) {
    completion_.intercept = [](detail::Completion* completion) noexcept {
      static_cast<Waiter*>(completion->intercept_context)->answered();
    };
    completion_.intercept_context = this;
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  [[nodiscard]] detail::Completion* completion() { return &completion_; }
  [[nodiscard]] int answers() const { return answers_; }
  [[nodiscard]] absl::StatusCode code() const { return completion_.code; }
  [[nodiscard]] std::string_view message() const { return completion_.message; }
  /// Called on the flusher's thread, which completes it.
  void when_answered(std::function<void()> act) { act_ = std::move(act); }

 private:
  void answered() {
    ++answers_;
    if (!name_.empty()) notes_.push_back(name_ + " " + absl::StatusCodeToString(completion_.code));
    if (act_ != nullptr) act_();
  }

  detail::Completion completion_;
  const std::string name_;
  Notes& notes_;
  int answers_ = 0;
  std::function<void()> act_;
};

inline void expect_ok(const Waiter& waiter) {
  EXPECT_EQ(waiter.answers(), 1);
  EXPECT_EQ(waiter.code(), absl::StatusCode::kOk) << waiter.message();
}
inline void expect_answer(const Waiter& waiter, absl::StatusCode code, std::string_view message) {
  EXPECT_EQ(waiter.answers(), 1);
  EXPECT_EQ(waiter.code(), code);
  EXPECT_EQ(waiter.message(), message);
}

inline constexpr base::Nanoseconds kFlushInterval = std::chrono::seconds(1);
inline constexpr std::size_t kBufferSize = 10;

struct FlusherSetup {
  PersistMode mode = PersistMode::kWriteBehind;
  WritePath::Limits limits = kPlenty;
  std::string path;      // of the database; empty: in a directory of the house's own
  std::string vfs_name;  // empty: the kernel's files
  std::uint64_t wal_bytes_max = 64u << 20;
  std::size_t log_bytes_kept = 128u << 20;
  base::Nanoseconds poll_time{0};
  base::Nanoseconds look_time{1};   // how long a look at the clock takes, if it polls
  absl::Status host_says;           // when the store is open
  absl::Status backend_says;        // instead of opening one
  std::string backend_is_fallback;  // why, if it is
};

class FlusherHouse final : private FlusherHost {
 public:
  explicit FlusherHouse(const FlusherSetup& setup = {})
      : setup_(with_mode(setup)),
        clock_(simulation_, setup.poll_time == base::Nanoseconds::zero() ? base::Nanoseconds::zero() : setup.look_time),
        path_(setup_.limits, cache_, watermarks_),
        flusher_(config(), *this, path_, cache_, watermarks_, failure_, resume_) {
    EXPECT_TRUE(cache_.valid());
  }
  ~FlusherHouse() {
    if (started_ && !ended_) close();
    flusher_.join();
    while (entry::Entry* const write = path_.ring().pop()) path_.release(write);
  }
  FlusherHouse(const FlusherHouse&) = delete;
  FlusherHouse& operator=(const FlusherHouse&) = delete;

  /// The flusher opens everything, finds nothing to do and sleeps.
  void start() {
    ASSERT_EQ(flusher_.start(), absl::OkStatus());
    started_ = true;
    let_run();
  }
  /// The flusher does all there is to do at this time, and sleeps: requests take less than this.
  void let_run() { let_pass(std::chrono::milliseconds(5)); }
  void let_pass(base::Nanoseconds time) { simulation_.sleep(time); }

  // --- those who write ---

  entry::Entry* make(entry::EntryKind kind, std::string_view key, std::string_view value) {
    entry::Entry* const entry = cache_.pool().make(kind, store::kMainTable, key, value, store::kNoExpiry);
    EXPECT_NE(entry, nullptr);
    return entry;
  }
  /// Writes that are accepted. Each returns its sequence.
  std::uint64_t set(std::string_view key, std::string_view value) { return accept(entry::EntryKind::kSet, key, value); }
  std::uint64_t erase(std::string_view key) { return accept(entry::EntryKind::kErase, key, {}); }
  std::uint64_t batch(const std::vector<std::string>& keys, std::string_view value) {
    return accept(make_batch(keys, value));
  }
  void set_many(std::size_t count) {
    for (std::size_t number = 0; number < count; ++number) set("key" + std::to_string(number), "");
  }
  /// A write that is not accepted, and why.
  AcceptOutcome refused(std::string_view key) {
    entry::Entry* const entry = make(entry::EntryKind::kSet, key, {});
    const AcceptOutcome outcome = path_.try_accept(entry).outcome;
    EXPECT_NE(outcome, AcceptOutcome::kAccepted);
    path_.release(entry);
    return outcome;
  }

  // --- those who wait ---

  Waiter& waits(WaitFor kind, std::uint64_t sequence, std::string name = {}) {
    Waiter& waiter = waiters_.emplace_back(std::move(name), notes);
    EXPECT_TRUE(flusher_.waiters().push(waiter.completion(), kind, sequence));
    path_.doorbell().ring();
    return waiter;
  }
  /// A writer that found no room, and what it waits for.
  Waiter& parks(std::string_view key, Ack ack = Ack::kAccepted, std::string name = {}) {
    return parks(make(entry::EntryKind::kSet, key, "parked"), ack, std::move(name));
  }
  Waiter& parks_batch(const std::vector<std::string>& keys) {
    return parks(make_batch(keys, "parked"), Ack::kAccepted, {});
  }
  /// Somebody closes: from now on no more writes.
  Waiter& closes(std::string name = {}) {
    path_.parked().close();
    return waits(WaitFor::kClosed, 0, std::move(name));
  }
  /// Closes, and is done with it.
  Waiter& close() {
    Waiter& closer = closes();
    let_pass(std::chrono::seconds(1));
    EXPECT_TRUE(ended_);
    return closer;
  }
  /// Whether somebody may still hand over a completion.
  bool takes_waiters() {
    Waiter& waiter = waiters_.emplace_back("", notes);
    return flusher_.waiters().push(waiter.completion(), WaitFor::kApplied, 0);
  }

  /// Syncs that were held go on, and end.
  void let_syncs_end() {
    syncs.release();
    path_.doorbell().ring();
    let_run();
  }

  /// Wakes the flusher, which runs `act` at its look number `look` at the clock.
  void act_at_look(std::size_t look, std::function<void()> act) {
    clock_.act_at(look, std::move(act));
    path_.doorbell().ring();
    let_run();
    ASSERT_TRUE(clock_.has_acted());
  }

  /// From its look number `look` on the flusher finds that `time` has passed since the look before.
  void jump_at_look(std::size_t look, base::Nanoseconds time) {
    clock_.act_at(look, [this, time] { clock_.add(time); });
  }

  /// All that `act` does comes between two looks of the flusher's; otherwise it may run whenever it is woken.
  void at_once(std::function<void()> act) { act_at_look(0, std::move(act)); }

  [[nodiscard]] Flusher& flusher() { return flusher_; }
  [[nodiscard]] const FlushCounters& counters() const { return flusher_.counters(); }
  [[nodiscard]] WritePath& path() { return path_; }
  [[nodiscard]] const cache::Cache& cache() const { return cache_; }
  [[nodiscard]] const Watermarks& watermarks() const { return watermarks_; }
  [[nodiscard]] const base::Failure& failure() const { return failure_; }
  [[nodiscard]] const testing_support::ActingClock& clock() const { return clock_; }
  [[nodiscard]] std::string file() const { return setup_.path.empty() ? directory_.file("test.db") : setup_.path; }
  [[nodiscard]] std::uint64_t transactions() const { return counters().transactions.load(); }

  /// What the host was told and how those with a name were answered.
  Notes notes;
  testing_support::SyncFaults syncs;
  /// What the host was told last, of each kind.
  std::string event_message;
  absl::Status opened_as = absl::UnknownError("nobody has said");
  bool has_store = false;
  io::BackendChoice backend_choice = io::BackendChoice::kAuto;

 private:
  static FlusherSetup with_mode(FlusherSetup setup) {
    setup.limits.memory_only = setup.mode == PersistMode::kMemory;
    return setup;
  }

  Flusher::Config config() {
    store::SqliteOptions store;
    store.path = file();
    store.vfs_name = setup_.vfs_name;
    store.log_bytes_kept = setup_.log_bytes_kept;
    below_ = simulation_.surroundings().backend;
    return {.policy = {setup_.mode, kBufferSize, kFlushInterval, setup_.wal_bytes_max},
            .memory_only = setup_.mode == PersistMode::kMemory,
            .journaled = false,
            .log_bytes_max = 0,
            .log_loss = journal::LogLoss::kRefused,
            .backend = io::BackendChoice::kAuto,
            .probe_directory = directory_.path(),
            .store = store,
            .poll_time = setup_.poll_time,
            .clock = clock_,
            .threads = simulation_,
            .open_backend = syncs.opener({this, &FlusherHouse::open_backend})};
  }
  static absl::StatusOr<io::OpenedBackend> open_backend(void* self, io::BackendChoice choice,
                                                        const std::string& directory) {
    auto& house = *static_cast<FlusherHouse*>(self);
    house.backend_choice = choice;
    if (!house.setup_.backend_says.ok()) return house.setup_.backend_says;
    absl::StatusOr<io::OpenedBackend> opened = house.below_.open(house.below_.context, choice, directory);
    opened->fallback_reason = house.setup_.backend_is_fallback;
    return opened;
  }

  entry::Entry* make_batch(const std::vector<std::string>& keys, std::string_view value) {
    auto* const memory = std::malloc(sizeof(BatchRows) + keys.size() * sizeof(entry::Entry*));
    auto* const batch = new (memory) BatchRows{keys.size(), 0, nullptr};
    batch->rows = reinterpret_cast<entry::Entry**>(batch + 1);
    for (std::size_t index = 0; index < keys.size(); ++index) {
      batch->rows[index] = make(entry::EntryKind::kSet, keys[index], value);
      batch->footprint += entry::EntryPool::footprint(*batch->rows[index]);
    }
    entry::Entry* const write = cache_.pool().make(entry::EntryKind::kBatch, 0, {}, {}, 0);
    EXPECT_NE(write, nullptr);
    write->set_word(batch);
    return write;
  }
  Waiter& parks(entry::Entry* write, Ack ack, std::string name) {
    Waiter& waiter = waiters_.emplace_back(std::move(name), notes);
    waiter.completion()->subject = write;
    waiter.completion()->kind = static_cast<std::uint8_t>(ack);
    EXPECT_TRUE(path_.parked().push(waiter.completion()));
    path_.doorbell().ring();
    return waiter;
  }
  std::uint64_t accept(entry::EntryKind kind, std::string_view key, std::string_view value) {
    return accept(make(kind, key, value));
  }
  std::uint64_t accept(entry::Entry* entry) {
    const Accepted accepted = path_.try_accept(entry);
    EXPECT_EQ(accepted.outcome, AcceptOutcome::kAccepted);
    return accepted.sequence;
  }

  // --- the host ---

  absl::Status store_opened(store::SqliteStore* store) override {
    notes.emplace_back("store opened");
    has_store = store != nullptr;
    return setup_.host_says;
  }
  void opened() override {
    notes.emplace_back("opened");
    opened_as = absl::OkStatus();
  }
  void store_closing() override { notes.emplace_back("store closing"); }
  void log_pinned() override { notes.emplace_back("log pinned"); }
  void emit(EventKind kind, const std::string& message) override {
    notes.emplace_back(name_of(kind));
    event_message = message;
  }
  void flusher_ended(const absl::Status& opening) override {
    notes.push_back(opening.ok() ? "ended" : "not opened " + absl::StatusCodeToString(opening.code()));
    opened_as = opening;
    ended_ = true;
  }
  static const char* name_of(EventKind kind) {
    switch (kind) {
      case EventKind::kIoBackendFallback:
        return "event: fallback";
      case EventKind::kFailed:
        return "event: failed";
      case EventKind::kDiskFull:
        return "event: disk full";
      case EventKind::kDiskFullOver:
        return "event: disk full over";
      case EventKind::kCheckpointBlocked:
        return "event: checkpoint blocked";
      case EventKind::kLogLost:
      case EventKind::kClosedWithLoss:
        return "event: closed with loss";
    }
    return "event: unknown";
  }

  const testing_support::TemporaryDirectory directory_;
  const FlusherSetup setup_;
  testing_support::Simulation simulation_{1};
  testing_support::ActingClock clock_;
  io::BackendOpener below_;
  cache::Cache cache_{kCacheBytes, kCacheBytes};
  Watermarks watermarks_;
  WritePath path_;
  base::Failure failure_;
  task::ResumeThread resume_{std::chrono::nanoseconds(0), simulation_};
  std::deque<Waiter> waiters_;
  bool started_ = false;
  bool ended_ = false;
  Flusher flusher_;
};

}  // namespace dictsqlite::flush
