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

std::uint64_t nanoseconds_since(Clock::time_point start) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - start).count());
}
std::uint32_t microseconds_since(Clock::time_point start) {
  return static_cast<std::uint32_t>(nanoseconds_since(start) / 1000);
}

// What the coroutines of a pass share. They begin on the main thread and go on wherever the library resumes them.
struct Shared {
  dictsqlite::Database& db;
  const Tree& tree;
  Progress& progress;
  std::atomic<std::size_t> next{0};  // the first file that nobody has taken
  std::atomic<std::uint64_t> files{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> changed_meanwhile{0};
  std::atomic<std::uint64_t> different{0};
  std::atomic<std::uint64_t> file_nanoseconds{0};
  std::atomic<bool> failed{false};
  std::mutex mutex{};
  absl::Status status{};  // the first error. Guarded by `mutex`

  // The next `count` files, or none.
  std::pair<std::size_t, std::size_t> take(std::size_t count) {
    const std::size_t total = tree.files.size();
    const std::size_t first = std::min(failed ? total : next.fetch_add(count), total);
    return {first, std::min(first + count, total)};
  }

  void done(std::uint64_t file_bytes) {
    ++files;
    bytes += file_bytes;
    progress.add(file_bytes);
  }

  void fail(const absl::Status& error) {
    const std::lock_guard lock(mutex);
    status.Update(error);
    failed = true;
  }

  void check(const File& file, const absl::StatusOr<dictsqlite::Value>& stored) {
    thread_local std::string scratch;
    if (!stored.ok() && !absl::IsNotFound(stored.status())) return fail(stored.status());
    const Clock::time_point start = Clock::now();
    const Comparison comparison =
        stored.ok() ? compare_with_file(file, stored->view(), tree.listed_at, scratch) : Comparison::kDifferent;
    file_nanoseconds += nanoseconds_since(start);
    if (comparison == Comparison::kDifferent) {
      ++different;
      std::fprintf(stderr, "index_tree: '%s' %s\n", file.path.c_str(), stored.ok() ? "differs" : "is missing");
    }
    if (comparison == Comparison::kChangedMeanwhile) ++changed_meanwhile;
    done(stored.ok() ? stored->size() : 0);
  }
};

// A write that waits to be awaited. It owns its copy of path and content, so the buffer serves the next file.
struct PreparedWrite {
  dictsqlite::WriteOperation operation;
  Clock::time_point call;
  std::uint64_t bytes;
};

std::optional<PreparedWrite> prepare_write(Shared& shared, const File& file) {
  thread_local std::string content;
  const Clock::time_point start = Clock::now();
  const bool readable = read_file(file, content);
  shared.file_nanoseconds += nanoseconds_since(start);
  if (!readable) return std::nullopt;
  const Clock::time_point call = Clock::now();
  return PreparedWrite{shared.db.set_async(file.path, content), call, content.size()};
}

Task<void> write_files(Shared& shared, WritePass& pass) {
  while (true) {
    const auto [i, end] = shared.take(1);
    if (i == end) co_return;
    std::optional<PreparedWrite> write = prepare_write(shared, shared.tree.files[i]);
    if (!write) continue;

    // `{.ack = kDurable}` would make one await of the two; so both moments can be measured.
    absl::Status status = co_await std::move(write->operation);
    pass.accepted_us[i] = microseconds_since(write->call);
    if (status.ok()) status = co_await shared.db.sync_async();
    pass.durable_us[i] = microseconds_since(write->call);
    if (!status.ok()) co_return shared.fail(status);
    pass.stored[i] = 1;
    shared.done(write->bytes);
  }
}

Task<void> get_files(Shared& shared) {
  while (true) {
    const auto [i, end] = shared.take(1);
    if (i == end) co_return;
    const File& file = shared.tree.files[i];
    const absl::StatusOr<dictsqlite::Value> stored = co_await shared.db.get_async(file.path);
    shared.check(file, stored);
  }
}

Task<void> get_batches(Shared& shared) {
  std::vector<std::string_view> keys;
  while (true) {
    const auto [first, end] = shared.take(kBatchKeys);
    if (first == end) co_return;
    keys.clear();
    for (std::size_t i = first; i < end; ++i) keys.push_back(shared.tree.files[i].path);
    const std::vector<absl::StatusOr<dictsqlite::Value>> values = co_await shared.db.batch_get_async(keys);
    for (std::size_t i = first; i < end; ++i) shared.check(shared.tree.files[i], values[i - first]);
  }
}

// Runs `coroutines` coroutines of one kind to their ends.
template <class Start>
void run(Shared& shared, Pass& pass, std::size_t coroutines, Start start_one) {
  const Clock::time_point start = Clock::now();
  dictsqlite::TaskScope scope;
  for (std::size_t i = 0; i < coroutines; ++i) scope.spawn(start_one());
  scope.join();
  pass.seconds = static_cast<double>(nanoseconds_since(start)) / 1e9;
  pass.file_seconds = static_cast<double>(shared.file_nanoseconds) / 1e9;
  pass.status = shared.status;
  pass.files = shared.files;
  pass.bytes = shared.bytes;
  pass.changed_meanwhile = shared.changed_meanwhile;
  pass.different = shared.different;
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
  Shared shared{db, tree, progress};
  WritePass pass;
  pass.stored.resize(tree.files.size());
  pass.accepted_us.resize(tree.files.size());
  pass.durable_us.resize(tree.files.size());
  run(shared, pass, std::min(coroutines, tree.files.size()), [&] { return write_files(shared, pass); });
  return pass;
}

Pass read_one_by_one(dictsqlite::Database& db, const Tree& tree, std::size_t coroutines) {
  Progress progress("reading", tree.files.size(), [&db] { return loads_gauge(db); });
  Shared shared{db, tree, progress};
  Pass pass;
  run(shared, pass, std::min(coroutines, tree.files.size()), [&] { return get_files(shared); });
  return pass;
}

Pass read_in_batches(dictsqlite::Database& db, const Tree& tree, std::size_t coroutines) {
  Progress progress("reading", tree.files.size(), [&db] { return loads_gauge(db); });
  Shared shared{db, tree, progress};
  Pass pass;
  const std::size_t groups = (tree.files.size() + kBatchKeys - 1) / kBatchKeys;
  run(shared, pass, std::min(coroutines, groups), [&] { return get_batches(shared); });
  return pass;
}

}  // namespace index_tree
