#include "index_tree/crash.hpp"

#include "index_tree/progress.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <absl/status/status.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace index_tree {

namespace {

using Clock = std::chrono::steady_clock;

absl::Status system_error(const char* what) {
  return absl::InternalError(std::string(what) + ": " + std::strerror(errno));  // NOLINT(concurrency-mt-unsafe)
}

// What the child gets to read, in an unlinked file: so neither waits for the other.
struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using FilePointer = std::unique_ptr<std::FILE, CloseFile>;

FilePointer write_list(const std::vector<File>& files) {
  FilePointer list(std::tmpfile());
  if (!list) return nullptr;
  for (const File& file : files) {
    const std::string line = std::to_string(file.bytes) + " " + file.path;
    std::fwrite(line.c_str(), 1, line.size() + 1, list.get());
  }
  const bool written = std::fflush(list.get()) == 0 && std::ferror(list.get()) == 0;
  std::rewind(list.get());
  return written ? std::move(list) : nullptr;
}

std::optional<std::uint64_t> read_report(int fd) {
  std::uint64_t count = 0;
  ssize_t bytes = 0;
  do {
    bytes = ::read(fd, &count, sizeof count);
  } while (bytes < 0 && errno == EINTR);
  if (bytes != static_cast<ssize_t>(sizeof count)) return std::nullopt;
  return count;
}

class Child {
 public:
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    kill();
    if (pid_ > 0) (void)wait();
    if (reports_ >= 0) ::close(reports_);
  }

  absl::Status start(const Arguments& arguments, const std::string& path, std::FILE* list) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("pipe2");
    reports_ = ends[0];
    const std::string coroutines = std::to_string(arguments.coroutines);
    const std::vector<std::string> words = {
        "index_tree",   "--write-and-report", "--database", path,
        "--coroutines", coroutines,           "--io",       name_of(arguments.io_backend)};
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ::fileno(list), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    errno = ::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    return errno == 0 ? absl::OkStatus() : system_error("posix_spawn");
  }

  [[nodiscard]] std::optional<std::uint64_t> next_report() const { return read_report(reports_); }

  void kill() const {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
  }

  // True if it was killed; false if it ended by itself.
  [[nodiscard]] bool wait() {
    int how = 0;
    while (::waitpid(pid_, &how, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL;
  }

 private:
  pid_t pid_ = -1;
  int reports_ = -1;
};

// Lets the child write until it has reported `kill_at` files durable. Returns the last report that it got out.
absl::StatusOr<std::uint64_t> run_and_kill(const Arguments& arguments, const std::string& path,
                                           const std::vector<File>& files, std::uint64_t kill_at) {
  const FilePointer list = write_list(files);
  if (!list) return system_error("writing the list of files");
  Child child;
  const absl::Status started = child.start(arguments, path, list.get());
  if (!started.ok()) return started;
  Progress progress("writing", files.size(), [] { return std::string("in another process, until it is killed"); });
  std::uint64_t durable = 0;
  while (const std::optional<std::uint64_t> report = child.next_report()) {
    for (; durable < std::min<std::uint64_t>(*report, files.size()); ++durable) progress.add(1, files[durable].bytes);
    if (durable >= kill_at) child.kill();  // and read on: what it reported before it died counts
  }
  if (!child.wait()) return absl::InternalError("the writing process ended by itself; see its message above");
  return durable;
}

dictsqlite::Task<absl::Status> examine(dictsqlite::Database& db, const Tree& tree, KillResult& result) {
  std::unordered_map<std::string_view, std::size_t> place;
  for (std::size_t i = 0; i < tree.files.size(); ++i) place.emplace(tree.files[i].path, i);
  std::vector<bool> present(tree.files.size());
  std::string content;
  dictsqlite::Scan scan = db.scan();
  while (const std::optional<dictsqlite::Row> row = co_await scan.next_async()) {
    const auto found = place.find(row->key);
    if (found == place.end()) {
      ++result.foreign;
      continue;
    }
    ++result.found;
    present[found->second] = true;
    const File& file = tree.files[found->second];
    if (!read_file(file, content)) content.clear();
    const Comparison comparison = compare(file, content, row->value, tree.listed_at);
    if (comparison == Comparison::kDifferent) ++result.different;
    if (comparison == Comparison::kChangedMeanwhile) ++result.changed_meanwhile;
  }
  result.prefix = static_cast<std::uint64_t>(std::find(present.begin(), present.end(), false) - present.begin());
  co_return scan.status();
}

}  // namespace

std::string KillResult::complaint() const {
  if (different != 0) return std::to_string(different) + " files differ from what was written";
  if (foreign != 0) return std::to_string(foreign) + " rows that nobody wrote";
  if (prefix != found) return "file " + std::to_string(prefix + 1) + " of the order is missing, later ones are there";
  if (prefix < durable) return std::to_string(durable - prefix) + " files that were reported durable are missing";
  return "";
}

absl::StatusOr<KillResult> kill_and_examine(const Arguments& arguments, Tree tree, const std::string& path) {
  KillResult result;
  result.seed = arguments.seed ? *arguments.seed : std::random_device()();
  result.files = tree.files.size();
  std::mt19937_64 random(result.seed);
  // An order that is not the order of the keys: a table filled from its beginning would prove little.
  std::shuffle(tree.files.begin(), tree.files.end(), random);
  const std::uint64_t kill_at = 1 + random() % tree.files.size();

  const absl::StatusOr<std::uint64_t> durable = run_and_kill(arguments, path, tree.files, kill_at);
  if (!durable.ok()) return durable.status();
  result.durable = *durable;

  std::error_code no_log;
  const std::uintmax_t log_bytes = std::filesystem::file_size(path + "-wal", no_log);
  if (!no_log) result.log_bytes = log_bytes;
  const Clock::time_point start = Clock::now();
  absl::StatusOr<dictsqlite::Database> db = dictsqlite::Database::open(database_options(arguments, path));
  if (!db.ok()) return db.status();
  result.open_seconds = std::chrono::duration<double>(Clock::now() - start).count();
  absl::Status status = dictsqlite::sync_wait(examine(*db, tree, result));
  status.Update(db->close());
  if (!status.ok()) return status;
  return result;
}

}  // namespace index_tree
