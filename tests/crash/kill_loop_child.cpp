#include "crash/kill_loop_child.hpp"

#include "crash/kill_loop_report.hpp"
#include "database/surroundings.hpp"
#include "support/open_database.hpp"
#include "support/passing_files.hpp"
#include "support/random.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include <sys/prctl.h>
#include <unistd.h>

namespace dictsqlite::kill_loop {

namespace {

constexpr std::size_t kDurablesInFlightMax = 32;
constexpr unsigned kWritersPerThread = 2;
// Above the numbers of all writes.
constexpr std::uint64_t kNumberOfLastSync = std::uint64_t{1} << 47;
constexpr std::uint64_t kNumberOfLastFlush = kNumberOfLastSync + 1;

[[noreturn]] void give_up(const char* what, const absl::Status& status) {
  std::fprintf(stderr, "kill loop child: %s: %s\n", what, status.ToString().c_str());
  std::_Exit(3);
}

void check(const char* what, const absl::Status& status) {
  if (!status.ok()) give_up(what, status);
}

void write_fully(const char* data, std::size_t size) {
  while (size != 0) {
    const ssize_t written = ::write(kReportFd, data, size);
    if (written <= 0) give_up("report", absl::UnavailableError("the pipe is gone"));
    data += written;
    size -= static_cast<std::size_t>(written);
  }
}

// Shorter than PIPE_BUF, so that reports of several threads do not mix.
void report(EventKind kind, unsigned writer = 0, std::uint64_t number = 0) {
  const ReportEvent event{kind, static_cast<std::uint8_t>(writer), 0, 0, number};
  write_fully(reinterpret_cast<const char*>(&event), sizeof event);
}

// Small bounds, so that a short life sees back-pressure, eviction, checkpoints and many transactions.
Options options_of(const ChildPlan& plan) {
  testing_support::Random random((plan.round + 1) * 0xA0761D6478BD642Fu);
  Options options;
  options.path = plan.path;
  options.persist_mode = std::array{PersistMode::kWriteBehind, PersistMode::kWriteBehind, PersistMode::kLazy,
                                    PersistMode::kWriteThrough}[random.below(4)];
  options.buffer_size = std::array<std::size_t, 3>{1, 20, 500}[random.below(3)];
  options.flush_interval = std::chrono::milliseconds(1 + random.below(20));
  options.ring_capacity = std::array<std::size_t, 3>{16, 256, 8192}[random.below(3)];
  options.cache_bytes = std::size_t{1} << 20;
  options.unapplied_bytes = std::size_t{1} << (20 + random.below(3));
  options.value_bytes_max = kValueBytesMax;
  options.batch_bytes_max = std::size_t{512} << 10;
  options.wal_bytes = std::size_t{64} << (10 + random.below(6));
  if (is_journaled(plan.round)) options.journal = Journal::kOn;
  options.log_bytes = std::size_t{4} << 20;
  if (plan.copies_nothing) {  // not because a log is long or full, nor because nobody writes
    options.wal_bytes = std::size_t{1} << 30;
    options.log_bytes = std::size_t{1} << 30;
    options.flush_interval = std::chrono::hours(1);
  }
  options.batch_rows_max = 1'000;
  options.io_backend = random.one_in(3) ? IoBackendChoice::kThreads : IoBackendChoice::kAuto;
  return options;
}

// Files that know no direct I/O, so that the log goes through the page cache.
class CachedFiles final : public testing_support::PassingFiles {
 public:
  absl::StatusOr<int> create_file(const std::string& path, io::FileCaching caching) override {
    if (caching == io::FileCaching::kDirect) return absl::UnimplementedError("no direct I/O");
    return PassingFiles::create_file(path, caching);
  }
};

WriteOperation start_write(Database& db, const PlannedWrite& write, Ack ack) {
  const PlannedRow& first = write.rows.front();
  const WriteOptions options{ack};
  if (write.rows.size() == 1) {
    return first.erase ? db.erase_async(first.key, options) : db.set_async(first.key, first.value, options);
  }
  WriteBatch batch;
  for (const PlannedRow& row : write.rows) row.erase ? batch.erase(row.key) : batch.set(row.key, row.value);
  return db.write_async(batch, options);
}

// One life of the database.
class Life {
 public:
  explicit Life(const ChildPlan& plan) : plan_(plan) {}

  // False where it failed as the plan wants it.
  bool open() {
    Options options = options_of(plan_);
    options.event_hook = {[](void* life, const Event& event) noexcept { static_cast<Life*>(life)->take(event); }, this};
    detail::Surroundings surroundings;
    if (plan_.log_path == LogPath::kCached) surroundings.files = &files_;
    absl::StatusOr<Database> opened = detail::open_in(surroundings, std::move(options)).wait();
    if (!is_ok("open", opened.status())) {
      std::fprintf(stderr, "kill loop child: open: %s\n",
                   opened.status().ToString().c_str());  // said if that was wrong
      return false;
    }
    db_ = *std::move(opened);
    return report_content();
  }

  void run_writers() {
    std::vector<std::thread> threads;
    for (unsigned first = 0; first < plan_.writers; first += kWritersPerThread) {
      threads.emplace_back([this, first] {
        std::vector<Task<void>> tasks;
        for (unsigned i = first; i < plan_.writers && i < first + kWritersPerThread; ++i) {
          tasks.push_back(write_in_order(i, plan_.first_number[i]));
        }
        (void)sync_wait(when_all(std::move(tasks)));
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  void close() { check("close", db_.close()); }

  // The database has failed and nobody writes: from here on everybody is told so.
  void check_failed() {
    if (!stopped_) give_up("writing", absl::UnknownError("it came to its end, and the disk has not failed"));
    events_.wait_for(dictsqlite::EventKind::kFailed);
    if (!db_.stats().failed) give_up("stats().failed", absl::UnknownError("not set"));
    expect_refused("an accepted set", db_.set("w0:0", "late", {Ack::kAccepted}));
    expect_refused("a durable set", db_.set("w0:0", "late", {Ack::kDurable}));
    expect_refused("an erase", db_.erase("w0:0", {Ack::kAccepted}));
    // Where all that was accepted had become durable before, Ok is the truth: the judge has to find it.
    (void)sync_wait(pass_fence(Fence::kSync, 0, kNumberOfLastSync));
    (void)sync_wait(pass_fence(Fence::kFlush, 0, kNumberOfLastFlush));
    if (db_.close().ok()) give_up("close", absl::UnknownError("Ok after a failure"));
    if (events_.count(dictsqlite::EventKind::kFailed) != 1) give_up("events", absl::UnknownError(events_.all()));
  }

 private:
  // Where the disk is to fail for want of space, what waits for space would wait for ever.
  void take(const Event& event) noexcept {
    if (plan_.end == End::kFails && event.kind == dictsqlite::EventKind::kDiskFull) std::_Exit(kStatusOfFull);
    const EventHook log = events_.hook();
    log.function(log.context, event);
  }
  // Otherwise the process ends here, unless its disk is to fail.
  bool is_ok(const char* what, const absl::Status& status) const {
    if (plan_.end != End::kFails) check(what, status);
    return status.ok();
  }

  static void expect_refused(const char* what, const absl::Status& status) {
    if (!absl::IsFailedPrecondition(status)) give_up(what, status);
  }

  // As is_ok(), and a write's error has to be one that a failed disk may give.
  bool is_written(const char* what, const absl::Status& status) {
    if (is_ok(what, status)) return true;
    if (!absl::IsUnknown(status) && !absl::IsAborted(status) && !absl::IsFailedPrecondition(status)) {
      give_up(what, status);
    }
    stopped_ = true;
    return false;
  }

  bool report_content() {
    std::string rows;
    Scan scan = db_.scan();
    while (const std::optional<Row> row = scan.next()) {
      const ReportEvent event{EventKind::kRow, 0, 0, static_cast<std::uint32_t>(row->value.size()), row->key.size()};
      rows.append(reinterpret_cast<const char*>(&event), sizeof event).append(row->key).append(row->value);
    }
    if (!is_ok("scan", scan.status())) return false;
    write_fully(rows.data(), rows.size());
    report(EventKind::kOpened);
    return true;
  }

  Task<void> write_durably(unsigned writer, std::uint64_t number) {
    const absl::Status status = co_await start_write(db_, plan_write(writer, number), Ack::kDurable);
    if (is_written("durable write", status)) report(EventKind::kDurable, writer, number);
  }

  Task<void> pass_fence(Fence fence, unsigned writer, std::uint64_t number) {
    report(EventKind::kFenceStarted, writer, number);
    FenceOperation operation = fence == Fence::kSync ? db_.sync_async() : db_.flush_async();
    const absl::Status status = co_await std::move(operation);
    if (is_written("fence", status)) report(EventKind::kFenceDone, writer, number);
  }

  // Starts its writes one after the other: that is their order. Durable ones it does not wait for, unless many are
  // under way.
  Task<void> write_in_order(unsigned writer, std::uint64_t first_number) {
    TaskScope durables;
    for (std::uint64_t number = first_number; number < first_number + plan_.writes_max && !stopped_; ++number) {
      const PlannedWrite write = plan_write(writer, number);
      report(EventKind::kStarted, writer, number);
      if (write.durable) {
        durables.spawn(write_durably(writer, number));
      } else {
        const absl::Status status = co_await start_write(db_, write, Ack::kAccepted);
        if (is_written("write", status)) report(EventKind::kAccepted, writer, number);
      }
      if (durables.running() >= kDurablesInFlightMax) co_await durables.join_async();
      if (write.fence != Fence::kNone) co_await pass_fence(write.fence, writer, number);
    }
    co_await durables.join_async();
  }

  const ChildPlan& plan_;
  testing_support::EventLog events_;
  CachedFiles files_;
  std::atomic<bool> stopped_ = false;  // a write was answered with an error
  Database db_;
};

}  // namespace

std::string to_words(const ChildPlan& plan) {
  std::ostringstream words;
  words << plan.writers << ' ' << plan.round << ' ' << plan.writes_max << ' ' << static_cast<int>(plan.end) << ' '
        << static_cast<int>(plan.log_path) << ' ' << plan.copies_nothing;
  for (const std::uint64_t number : plan.first_number) words << ' ' << number;
  words << ' ' << plan.path;
  return words.str();
}

ChildPlan from_words(const std::string& words) {
  ChildPlan plan;
  std::istringstream in(words);
  int end = 0;
  int log_path = 0;
  in >> plan.writers >> plan.round >> plan.writes_max >> end >> log_path >> plan.copies_nothing;
  plan.end = static_cast<End>(end);
  plan.log_path = static_cast<LogPath>(log_path);
  for (std::uint64_t& number : plan.first_number) in >> number;
  in >> plan.path;
  return plan;
}

int run_child(const ChildPlan& plan) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  report(EventKind::kOpening);
  Life life(plan);
  const bool is_open = life.open();
  if (is_open) life.run_writers();
  switch (plan.end) {
    case End::kKilled:
      while (true) ::pause();
    case End::kCloses:
      life.close();
      report(EventKind::kClosed);
      break;
    case End::kFails:
      if (is_open) life.check_failed();
      report(EventKind::kFailed);
      break;
  }
  return 0;
}

}  // namespace dictsqlite::kill_loop
