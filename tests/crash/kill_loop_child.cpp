#include "crash/kill_loop_child.hpp"

#include "crash/kill_loop_report.hpp"
#include "support/random.hpp"

#include <dictsqlite/dictsqlite.hpp>

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
  options.io_backend = random.one_in(3) ? IoBackendChoice::kThreads : IoBackendChoice::kAuto;
  return options;
}

void report_content(Database& db) {
  std::string rows;
  Scan scan = db.scan();
  while (const std::optional<Row> row = scan.next()) {
    const ReportEvent event{EventKind::kRow, 0, 0, static_cast<std::uint32_t>(row->value.size()), row->key.size()};
    rows.append(reinterpret_cast<const char*>(&event), sizeof event).append(row->key).append(row->value);
  }
  check("scan", scan.status());
  write_fully(rows.data(), rows.size());
  report(EventKind::kOpened);
}

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

Task<void> write_durably(Database& db, unsigned writer, std::uint64_t number) {
  const absl::Status status = co_await start_write(db, plan_write(writer, number), Ack::kDurable);
  check("durable write", status);
  report(EventKind::kDurable, writer, number);
}

Task<void> pass_fence(Database& db, Fence fence, unsigned writer, std::uint64_t number) {
  report(EventKind::kFenceStarted, writer, number);
  FenceOperation operation = fence == Fence::kSync ? db.sync_async() : db.flush_async();
  const absl::Status status = co_await std::move(operation);
  check("fence", status);
  report(EventKind::kFenceDone, writer, number);
}

// Starts its writes one after the other: that is their order. Durable ones it does not wait for, unless many are under
// way.
Task<void> write_in_order(Database& db, unsigned writer, std::uint64_t first_number, std::uint64_t count) {
  TaskScope durables;
  for (std::uint64_t number = first_number; number < first_number + count; ++number) {
    const PlannedWrite write = plan_write(writer, number);
    report(EventKind::kStarted, writer, number);
    if (write.durable) {
      durables.spawn(write_durably(db, writer, number));
    } else {
      const absl::Status status = co_await start_write(db, write, Ack::kAccepted);
      check("write", status);
      report(EventKind::kAccepted, writer, number);
    }
    if (durables.running() >= kDurablesInFlightMax) co_await durables.join_async();
    if (write.fence != Fence::kNone) co_await pass_fence(db, write.fence, writer, number);
  }
  co_await durables.join_async();
}

void run_writers(Database& db, const ChildPlan& plan) {
  std::vector<std::thread> threads;
  for (unsigned first = 0; first < plan.writers; first += kWritersPerThread) {
    threads.emplace_back([&db, &plan, first] {
      std::vector<Task<void>> tasks;
      for (unsigned i = first; i < plan.writers && i < first + kWritersPerThread; ++i) {
        tasks.push_back(write_in_order(db, i, plan.first_number[i], plan.writes_max));
      }
      (void)sync_wait(when_all(std::move(tasks)));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

std::string to_words(const ChildPlan& plan) {
  std::ostringstream words;
  words << plan.writers << ' ' << plan.round << ' ' << plan.writes_max << ' ' << plan.close;
  for (const std::uint64_t number : plan.first_number) words << ' ' << number;
  words << ' ' << plan.path;
  return words.str();
}

ChildPlan from_words(const std::string& words) {
  ChildPlan plan;
  std::istringstream in(words);
  in >> plan.writers >> plan.round >> plan.writes_max >> plan.close;
  for (std::uint64_t& number : plan.first_number) in >> number;
  in >> plan.path;
  return plan;
}

int run_child(const ChildPlan& plan) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  report(EventKind::kOpening);
  absl::StatusOr<Database> db = Database::open(options_of(plan));
  check("open", db.status());
  report_content(*db);
  run_writers(*db, plan);
  if (!plan.close) {
    while (true) ::pause();
  }
  check("close", db->close());
  report(EventKind::kClosed);
  return 0;
}

}  // namespace dictsqlite::kill_loop
