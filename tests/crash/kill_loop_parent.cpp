#include "crash/kill_loop_parent.hpp"

#include "crash/kill_loop_report.hpp"
#include "crash/plain_sqlite.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <thread>
#include <utility>

namespace dictsqlite::kill_loop {

namespace {

constexpr std::uint64_t kWritesOfKilled = 100'000;  // more than it lives to see
constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kYieldsWhileOpeningMax = 400;

std::string describe(const ChildPlan& plan, std::uint64_t moment) {
  return "number " + std::to_string(plan.round) + (is_journaled(plan.round) ? ", with a log" : ", without a log") +
         (plan.log_path == LogPath::kCached ? " (cached)" : "") + ", after " + std::to_string(moment) + " reports";
}

// What is left of a report if nothing is to be durable because of it.
ReportEvent without_promise(ReportEvent event) {
  if (event.kind == EventKind::kDurable) event.kind = EventKind::kAccepted;
  if (event.kind == EventKind::kFenceDone || event.kind == EventKind::kClosed) event.kind = EventKind::kFailed;
  return event;
}

}  // namespace

KillLoop::KillLoop(std::string path, unsigned writers, std::uint64_t stream)
    : path_(std::move(path)), writers_(writers), random_(stream * 0x2545F4914F6CDD1Du), oracle_(writers) {}

ChildPlan KillLoop::next_plan() {
  ChildPlan plan;
  plan.path = path_;
  plan.writers = writers_;
  plan.round = round_++;
  plan.writes_max = kWritesOfKilled;
  for (unsigned i = 0; i < writers_; ++i) plan.first_number[i] = oracle_.next_number(i);
  return plan;
}

// After how many reports the disaster comes; 0: while the database is being opened.
std::uint64_t KillLoop::choose_moment(bool may_be_opening) {
  if (random_.one_in(8) && may_be_opening) return 0;
  constexpr std::uint64_t kScales[] = {40, 400, 2000};
  return 2 + random_.below(kScales[random_.below(3)]);
}

std::string KillLoop::take_reports(ChildProcess& process, std::uint64_t moment, Disaster& disaster) {
  Content content;
  std::string wrong;
  std::uint64_t reports = 0;
  std::uint64_t believed = kNever;  // bytes of reports
  const auto strike = [&] {
    if (disaster.takes_the_disk()) believed = process.sent();
    return disaster.strike(process);
  };
  ReportEvent event{};
  while (wrong.empty() && process.read(&event, sizeof event)) {
    if (event.kind == EventKind::kRow) {
      std::string key;
      std::string value;
      if (!process.read(key, event.number) || !process.read(value, event.size)) break;
      content.emplace(std::move(key), std::move(value));
      continue;
    }
    if (event.kind == EventKind::kOpening && moment == 0) {
      for (std::size_t yields = random_.below(kYieldsWhileOpeningMax); yields > 0; --yields) std::this_thread::yield();
      wrong = strike();
    } else if (event.kind == EventKind::kOpened) {
      wrong = oracle_.judge(content);
      if (wrong.empty() && moment != 0) wrong = disaster.opened(process);
    } else {
      oracle_.take(process.taken() <= believed ? event : without_promise(event));
    }
    if (++reports == moment && wrong.empty()) wrong = strike();  // and read on: what it says until it ends counts
  }
  if (wrong.empty() && reports < moment && moment != kNever) wrong = "the process ended before the chosen moment";
  return process.hung() ? "the process hangs: no report for a minute" : wrong;
}

std::string KillLoop::round(Disaster& disaster) {
  const std::uint64_t moment = choose_moment(disaster.meets_opening());
  ChildPlan plan = next_plan();
  disaster.prepare(plan);
  ChildProcess process(plan);
  std::string wrong = take_reports(process, moment, disaster);
  if (!wrong.empty()) return wrong + "\nthe round before: " + round_before_ + "\nthis one: " + describe(plan, moment);
  wrong = disaster.after(process.wait());
  if (!wrong.empty()) return wrong + "\nthe round: " + describe(plan, moment);
  round_before_ = describe(plan, moment) + ", " + disaster.describe();
  ++counts_.rounds;
  if (moment == 0) ++counts_.rounds_while_opening;
  return "";
}

std::string KillLoop::clean_round() {
  ChildPlan plan = next_plan();
  plan.writes_max = 1 + random_.below(200);
  plan.end = End::kCloses;
  Kill nothing;
  ChildProcess process(plan);
  std::string wrong = take_reports(process, kNever, nothing);
  if (!wrong.empty()) return wrong;
  if (const int status = process.wait(); status != 0) return "closing failed, with status " + std::to_string(status);
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    if (std::filesystem::exists(path_ + suffix)) return std::string("a clean close left a file behind: ") + suffix;
  }
  if (has_log()) return "a clean close left a log behind";
  Content content;
  wrong = read_by_sqlite(path_, SQLITE_OPEN_READONLY, content);
  if (wrong.empty()) wrong = oracle_.judge(content);
  if (wrong.empty()) ++counts_.clean_closes;
  return wrong;
}

// Then plain SQLite does not see all that is durable.
bool KillLoop::has_log() const {
  const auto files = std::filesystem::directory_iterator(std::filesystem::path(path_).parent_path());
  return std::any_of(begin(files), end(files), [this](const std::filesystem::directory_entry& file) {
    return file.path().string().starts_with(path_ + "-log-");
  });
}

std::string KillLoop::look_by_sqlite() {
  if (!std::filesystem::exists(path_)) return "";  // killed before there was a database
  // A writing connection recovers the log and, as the last one to leave, empties it into the file; a reading one
  // leaves it.
  const int flags = random_.one_in(2) ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  Content content;
  std::string wrong = read_by_sqlite(path_, flags, content);
  if (wrong.empty() && !has_log()) wrong = oracle_.judge(content);
  if (wrong.empty()) ++counts_.looks_by_sqlite;
  return wrong;
}

}  // namespace dictsqlite::kill_loop
