#include "crash/kill_loop_parent.hpp"

#include "crash/kill_loop_report.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace dictsqlite::kill_loop {

namespace {

constexpr std::uint64_t kWritesOfKilled = 100'000;  // more than it lives to see
constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
constexpr int kSilenceMaxMs = 60'000;  // longer than anything takes on a busy machine
constexpr std::size_t kYieldsWhileOpeningMax = 400;

struct CloseSqlite {
  void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
};
struct FinalizeSqlite {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Connection = std::unique_ptr<sqlite3, CloseSqlite>;
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeSqlite>;

std::string column(sqlite3_stmt* row, int index) {
  const void* bytes = sqlite3_column_blob(row, index);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, index));
  return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

// integrity_check, and every row. A sentence if something is wrong.
std::string read_by_sqlite(const std::string& path, int flags, Content& content) {
  sqlite3* raw = nullptr;
  int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  const Connection connection(raw);
  const auto run = [&](const char* sql, auto take) {
    sqlite3_stmt* raw_statement = nullptr;
    if (code == SQLITE_OK) code = sqlite3_prepare_v2(raw, sql, -1, &raw_statement, nullptr);
    const Statement statement(raw_statement);
    if (code != SQLITE_OK) return;
    while ((code = sqlite3_step(raw_statement)) == SQLITE_ROW) take(raw_statement);
    if (code == SQLITE_DONE) code = SQLITE_OK;
  };
  std::string verdict;
  run("PRAGMA integrity_check", [&](sqlite3_stmt* row) { verdict += column(row, 0); });
  run("SELECT key, value FROM main", [&](sqlite3_stmt* row) { content[column(row, 0)] = column(row, 1); });
  if (code != SQLITE_OK) return std::string("plain SQLite: ") + sqlite3_errmsg(raw);
  return verdict == "ok" ? "" : "integrity_check: " + verdict;
}

}  // namespace

// One child. The destructor ends it if nobody did.
class KillLoop::Process {
 public:
  explicit Process(const ChildPlan& plan) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    reports_ = ends[0];
    std::string program = "kill_loop";
    std::string argument = kChildArgument;
    std::string words = to_words(plan);
    char* argv[] = {program.data(), argument.data(), words.data(), nullptr};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], kReportFd);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, argv, environ) != 0) pid_ = -1;
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
  }
  ~Process() {
    kill();
    if (pid_ > 0) (void)wait();
    if (reports_ >= 0) ::close(reports_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Fills `to`; false at the end of the reports, which a kill may put anywhere.
  bool read(void* to, std::size_t size) {
    while (buffered_.size() - used_ < size) {
      buffered_.erase(0, used_);
      used_ = 0;
      if (!await_report()) return false;
      char chunk[4096];
      const ssize_t count = ::read(reports_, chunk, sizeof chunk);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      buffered_.append(chunk, static_cast<std::size_t>(count));
    }
    std::memcpy(to, buffered_.data() + used_, size);
    used_ += size;
    return true;
  }
  bool read(std::string& to, std::size_t size) {
    to.resize(size);
    return read(to.data(), size);
  }

  [[nodiscard]] bool hung() const { return hung_; }

  void kill() const {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
  }
  // The status of waitpid(), or -1 if it never ran.
  int wait() {
    int status = -1;
    while (pid_ > 0 && ::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  bool await_report() {
    pollfd reports{reports_, POLLIN, 0};
    int ready = 0;
    do {
      ready = ::poll(&reports, 1, kSilenceMaxMs);
    } while (ready < 0 && errno == EINTR);
    hung_ = ready == 0;
    return ready > 0;
  }

  pid_t pid_ = -1;
  int reports_ = -1;
  bool hung_ = false;
  std::string buffered_;
  std::size_t used_ = 0;
};

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

// After how many reports the kill comes; 0: while the database is being opened.
std::uint64_t KillLoop::choose_moment() {
  if (random_.one_in(8)) return 0;
  constexpr std::uint64_t kScales[] = {40, 400, 2000};
  return 2 + random_.below(kScales[random_.below(3)]);
}

std::string KillLoop::take_reports(Process& process, std::uint64_t kill_after) {
  Content content;
  std::uint64_t reports = 0;
  ReportEvent event{};
  while (process.read(&event, sizeof event)) {
    if (event.kind == EventKind::kRow) {
      std::string key;
      std::string value;
      if (!process.read(key, event.number) || !process.read(value, event.size)) break;
      content.emplace(std::move(key), std::move(value));
      continue;
    }
    if (event.kind == EventKind::kOpening && kill_after == 0) {
      for (std::size_t yields = random_.below(kYieldsWhileOpeningMax); yields > 0; --yields) std::this_thread::yield();
      process.kill();
    } else if (event.kind == EventKind::kOpened) {
      std::string wrong = oracle_.judge(content);
      if (!wrong.empty()) return wrong;
    } else {
      oracle_.take(event);
    }
    if (++reports == kill_after) process.kill();  // and read on: what it said before it died counts
  }
  if (process.hung()) return "the process hangs: no report for " + std::to_string(kSilenceMaxMs / 1000) + " s";
  return "";
}

std::string KillLoop::kill_round() {
  const std::uint64_t moment = choose_moment();
  Process process(next_plan());
  std::string wrong = take_reports(process, moment);
  if (!wrong.empty()) return wrong;
  const int status = process.wait();
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
    return "the process ended by itself, with status " + std::to_string(status);
  }
  ++counts_.kills;
  if (moment == 0) ++counts_.kills_while_opening;
  return "";
}

std::string KillLoop::clean_round() {
  ChildPlan plan = next_plan();
  plan.writes_max = 1 + random_.below(200);
  plan.close = true;
  Process process(plan);
  std::string wrong = take_reports(process, kNever);
  if (!wrong.empty()) return wrong;
  if (const int status = process.wait(); status != 0) return "closing failed, with status " + std::to_string(status);
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    if (std::filesystem::exists(path_ + suffix)) return std::string("a clean close left a file behind: ") + suffix;
  }
  Content content;
  wrong = read_by_sqlite(path_, SQLITE_OPEN_READONLY, content);
  if (wrong.empty()) wrong = oracle_.judge(content);
  if (wrong.empty()) ++counts_.clean_closes;
  return wrong;
}

std::string KillLoop::look_by_sqlite() {
  if (!std::filesystem::exists(path_)) return "";  // killed before there was a database
  // A writing connection recovers the log and, as the last one to leave, empties it into the file; a reading one
  // leaves it.
  const int flags = random_.one_in(2) ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  Content content;
  std::string wrong = read_by_sqlite(path_, flags, content);
  if (wrong.empty()) wrong = oracle_.judge(content);
  if (wrong.empty()) ++counts_.looks_by_sqlite;
  return wrong;
}

}  // namespace dictsqlite::kill_loop
