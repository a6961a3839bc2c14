#include "index_tree/passes.hpp"

#include "index_tree/progress.hpp"
#include "index_tree/report.hpp"

#include <dictsqlite/dictsqlite.hpp>

#include <absl/status/statusor.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace index_tree {

namespace {

using dictsqlite::Task;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }
std::uint64_t nanoseconds_since(Clock::time_point start) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - start).count());
}

struct Range {
  std::size_t first;
  std::size_t end;
};

// What the coroutines of a pass share. They begin on the main thread and go on wherever the library resumes them.
class Work {
 public:
  Work(dictsqlite::Database& database, const Tree& files, Progress& shown)
      : db(database), tree(files), progress_(shown) {}

  dictsqlite::Database& db;
  const Tree& tree;

  // Reads the next files, as many as make a step. False if none is left.
  bool load_step() {
    step_first_ = step_end_;
    contents_.clear();
    std::size_t bytes = 0;
    while (step_end_ < tree.files.size() && bytes < kStepBytes) {
      std::string content;
      const bool readable = read_file(tree.files[step_end_], content);
      bytes += content.size();
      contents_.push_back(readable ? std::optional(std::move(content)) : std::nullopt);
      ++step_end_;
    }
    next_ = step_first_;
    return step_first_ != step_end_ && !failed_;
  }
  [[nodiscard]] std::size_t step_files() const { return contents_.size(); }

  // The next `count` files of the step, or none.
  Range take(std::size_t count) {
    const std::size_t first = std::min(failed_ ? step_end_ : next_.fetch_add(count), step_end_);
    return {first, std::min(first + count, step_end_)};
  }

  // What the file held when the step was loaded; nothing if it cannot be read.
  [[nodiscard]] const std::optional<std::string>& content(std::size_t file) const {
    return contents_[file - step_first_];
  }

  void done(std::size_t file_bytes) {
    ++files_;
    bytes_ += file_bytes;
    progress_.add(1, file_bytes);
  }

  void fail(const absl::Status& error) {
    const std::lock_guard lock(mutex_);
    status_.Update(error);
    failed_ = true;
  }

  void check(std::size_t index, const absl::StatusOr<dictsqlite::Value>& stored) {
    if (!stored.ok() && !absl::IsNotFound(stored.status())) return fail(stored.status());
    const File& file = tree.files[index];
    Comparison comparison = Comparison::kDifferent;
    if (stored.ok()) comparison = compare(file, content(index).value_or(""), stored->view(), tree.listed_at);
    if (comparison == Comparison::kDifferent) {
      ++different_;
      std::fprintf(stderr, "index_tree: '%s' %s\n", file.path.c_str(), stored.ok() ? "differs" : "is missing");
    }
    if (comparison == Comparison::kChangedMeanwhile) ++changed_meanwhile_;
    done(stored.ok() ? stored->size() : 0);
  }

  void take_totals(Pass& pass) {
    pass.status = status_;
    pass.files = files_;
    pass.bytes = bytes_;
    pass.changed_meanwhile = changed_meanwhile_;
    pass.different = different_;
  }

 private:
  Progress& progress_;
  std::vector<std::optional<std::string>> contents_;  // of the files of the step
  std::size_t step_first_ = 0;
  std::size_t step_end_ = 0;
  std::atomic<std::size_t> next_{0};  // the first file that nobody has taken
  std::atomic<std::uint64_t> files_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> changed_meanwhile_{0};
  std::atomic<std::uint64_t> different_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  absl::Status status_;  // the first error. Guarded by mutex_
};

Task<void> write_files(Work& work, WritePass& pass) {
  while (true) {
    const Range range = work.take(1);
    if (range.first == range.end) co_return;
    const std::size_t i = range.first;
    const std::optional<std::string>& content = work.content(i);
    if (!content) continue;

    // `{.ack = kDurable}` would make one await of the two; so both moments can be measured.
    const Clock::time_point call = Clock::now();
    absl::Status status = co_await work.db.set_async(work.tree.files[i].path, *content);
    pass.accepted_ns[i] = nanoseconds_since(call);
    if (status.ok()) status = co_await work.db.sync_async();
    pass.durable_ns[i] = nanoseconds_since(call);
    if (!status.ok()) co_return work.fail(status);
    pass.stored[i] = 1;
    work.done(content->size());
  }
}

Task<void> get_files(Work& work) {
  while (true) {
    const Range range = work.take(1);
    if (range.first == range.end) co_return;
    const absl::StatusOr<dictsqlite::Value> stored = co_await work.db.get_async(work.tree.files[range.first].path);
    work.check(range.first, stored);
  }
}

Task<void> get_batches(Work& work) {
  std::vector<std::string_view> keys;
  while (true) {
    const Range range = work.take(kBatchKeys);
    if (range.first == range.end) co_return;
    keys.clear();
    for (std::size_t i = range.first; i < range.end; ++i) keys.push_back(work.tree.files[i].path);
    const std::vector<absl::StatusOr<dictsqlite::Value>> stored = co_await work.db.batch_get_async(keys);
    for (std::size_t i = range.first; i < range.end; ++i) work.check(i, stored[i - range.first]);
  }
}

// Runs one kind of coroutine over all steps. Each coroutine takes `files_each` files at a time.
template <class Start>
void run_pass(Work& work, Pass& pass, std::size_t coroutines, std::size_t files_each, Start start_one) {
  while (true) {
    Clock::time_point start = Clock::now();
    const bool more = work.load_step();
    pass.file_seconds += seconds_since(start);
    if (!more) break;

    start = Clock::now();
    dictsqlite::TaskScope scope;
    const std::size_t count = std::min(coroutines, (work.step_files() + files_each - 1) / files_each);
    for (std::size_t i = 0; i < count; ++i) scope.spawn(start_one());
    scope.join();
    pass.seconds += seconds_since(start);
  }
  work.take_totals(pass);
}

std::string unapplied_gauge(const dictsqlite::Database& db) {
  const dictsqlite::Stats stats = db.stats();
  return megabytes(stats.unapplied_bytes) + " MB on their way, " + grouped(stats.parked_writers) + " waiting for room";
}

std::string loads_gauge(const dictsqlite::Database& db) {
  return grouped(db.stats().loads_in_flight) + " keys being loaded";
}

}  // namespace

WritePass write_tree(dictsqlite::Database& db, const Tree& tree, std::size_t coroutines) {
  Progress progress("writing", tree.files.size(), [&db] { return unapplied_gauge(db); });
  Work work(db, tree, progress);
  WritePass pass;
  pass.stored.resize(tree.files.size());
  pass.accepted_ns.resize(tree.files.size());
  pass.durable_ns.resize(tree.files.size());
  run_pass(work, pass, coroutines, 1, [&] { return write_files(work, pass); });
  return pass;
}

Pass read_one_by_one(dictsqlite::Database& db, const Tree& tree, std::size_t coroutines) {
  Progress progress("reading", tree.files.size(), [&db] { return loads_gauge(db); });
  Work work(db, tree, progress);
  Pass pass;
  run_pass(work, pass, coroutines, 1, [&] { return get_files(work); });
  return pass;
}

Pass read_in_batches(dictsqlite::Database& db, const Tree& tree, std::size_t coroutines) {
  Progress progress("reading", tree.files.size(), [&db] { return loads_gauge(db); });
  Work work(db, tree, progress);
  Pass pass;
  run_pass(work, pass, coroutines, kBatchKeys, [&] { return get_batches(work); });
  return pass;
}

}  // namespace index_tree
