#include "database/engine.hpp"

#include "base/assert.hpp"
#include "task/library_thread.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <new>
#include <utility>

namespace dictsqlite::detail {

namespace {

io::BackendChoice backend_choice(IoBackendChoice choice) noexcept {
  switch (choice) {
    case IoBackendChoice::kAuto:
      return io::BackendChoice::kAuto;
    case IoBackendChoice::kUring:
      return io::BackendChoice::kUring;
    case IoBackendChoice::kThreads:
      return io::BackendChoice::kThreads;
  }
  return io::BackendChoice::kAuto;
}

std::string absolute_path(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

}  // namespace

flush::Flusher::Config Engine::flusher_config(const Options& options, const Surroundings& surroundings) {
  store::SqliteOptions store;
  store.path = absolute_path(options.path);
  store.page_bytes = options.page_bytes;
  store.writer_cache_bytes = options.writer_cache_bytes;
  store.reader_cache_bytes = options.reader_cache_bytes;
  store.reader_map_bytes = options.reader_map_bytes;
  store.key_bytes_max = options.key_bytes_max;
  store.value_bytes_max = options.value_bytes_max;
  store.log_bytes_kept = options.wal_bytes * 2;
  store.vfs_name = surroundings.vfs_name;
  store.files = surroundings.files;
  return {.policy = {options.persist_mode, options.buffer_size, options.flush_interval, options.wal_bytes},
          .memory_only = options.persist_mode == PersistMode::kMemory,
          .journaled = options.journal == Journal::kOn,
          .log_bytes_max = options.log_bytes,
          .log_loss = options.log_loss == LogLoss::kAccept ? journal::LogLoss::kAccepted : journal::LogLoss::kRefused,
          .backend = backend_choice(options.io_backend),
          .probe_directory = std::filesystem::path(store.path).parent_path().string(),
          .store = store,
          .poll_time = options.poll_time,
          .clock = surroundings.clock,
          .threads = surroundings.threads,
          .open_backend = surroundings.backend};
}

Engine::Engine(const Options& options, const Surroundings& surroundings)
    : options_(options),
      surroundings_(surroundings),
      cache_(options.cache_bytes, options.unapplied_bytes),
      path_({.ring_capacity = options.ring_capacity,
             // Without a disk the ring only passes through: the cache itself is the bound.
             .unapplied_bytes = options.persist_mode == PersistMode::kMemory
                                    ? options.cache_bytes + options.unapplied_bytes
                                    : options.unapplied_bytes,
             .memory_only = options.persist_mode == PersistMode::kMemory,
             .refuse_on_disk_full = options.disk_full == DiskFull::kRefuse},
            cache_, watermarks_),
      resume_(options.poll_time, surroundings.threads),
      loader_({.flights_max = options.loads_max,
               .scans_max = options.scans_max,
               .scan_time_max = options.scan_time_max,
               .poll_time = options.poll_time,
               .clock = surroundings.clock,
               .threads = surroundings.threads},
              *this, cache_, watermarks_.applied, resume_),
      flusher_(flusher_config(options, surroundings), *this, path_, cache_, watermarks_, failure_, resume_),
      ended_(surroundings.threads) {}

absl::StatusOr<EngineHandle> Engine::create(const Options& options, const Surroundings& surroundings) {
  auto* engine = new (std::nothrow) Engine(options, surroundings);
  if (engine == nullptr) return absl::ResourceExhaustedError("no memory for the database");
  if (!engine->cache_.valid()) {
    delete engine;
    return absl::ResourceExhaustedError("no address space for Options::cache_bytes and unapplied_bytes");
  }
  return engine->spread();
}

// --- opening ---

absl::Status Engine::open(Completion* completion) {
  absl::Status status = resume_.start();
  if (!status.ok()) return status;
  opener_ = completion;
  started_ = true;
  status = flusher_.start();
  if (!status.ok()) started_ = false;
  return status;
}

absl::Status Engine::store_opened(store::SqliteStore* store) { return loader_.start(store); }

void Engine::opened() { complete(std::exchange(opener_, nullptr), absl::StatusCode::kOk); }

// --- closing ---

bool Engine::begin_close() noexcept {
  if (closed_.exchange(true, std::memory_order_acq_rel)) return false;  // (Z1)
  path_.parked().close();
  return true;
}

void Engine::store_closing() { loader_.stop(); }

void Engine::flusher_ended(const absl::Status& opening) {
  Completion* const opener = std::exchange(opener_, nullptr);
  opening_failed_ = !opening.ok();
  ended_.unpark();
  // Who is told that it could not be opened lets the engine go, perhaps here and now: last of all. Otherwise it may be
  // going already, and waits for this thread.
  if (opener != nullptr) complete(opener, opening.code(), std::string(opening.message()));
}

void Engine::shutdown() noexcept {
  if (started_) {
    DICTSQLITE_ASSERT(!loader_.is_current() && (!flusher_.is_current() || opening_failed_),
                      "a Database is destroyed on the thread of its own that would have to end first");
    if (begin_close()) {
      closer_.intercept = [](Completion*) noexcept {};  // what matters is the flusher's end
      static_cast<void>(wait_for(&closer_, flush::WaitFor::kClosed, 0));
    }
    const base::Instant deadline = surroundings_.clock.now() + options_.close_timeout;
    if (!ended_.park_until(deadline)) {
      flusher_.give_up();
      ended_.park();
    }
    flusher_.join();
    loader_.stop();  // opening may have failed after it started
    const std::uint64_t claimed = path_.claimed_sequence();
    const std::uint64_t durable = watermarks_.durable.value();
    if (!memory_only() && claimed > durable) {
      emit(EventKind::kClosedWithLoss, absl::StrCat(claimed - durable, " accepted writes are not known to be durable"));
    }
  }
  resume_.stop();
}

void Engine::let_go() noexcept {
  const bool last = handles_.let_go();
  DICTSQLITE_ASSERT(!last, "the owner still holds a handle");
}

// --- the rest ---

bool Engine::wait_for(Completion* completion, flush::WaitFor kind, std::uint64_t sequence) noexcept {
  if (!flusher_.waiters().push(completion, kind, sequence)) return false;
  if (kind == flush::WaitFor::kDurable) {
    path_.doorbell().waits_for(sequence);
  } else {
    path_.doorbell().ring();
  }
  return true;
}

void Engine::emit(EventKind kind, const std::string& message) {
  if (options_.event_hook.function == nullptr) return;
  options_.event_hook.function(options_.event_hook.context, Event{kind, message});
}

// A database without a disk is scanned at one moment: writers are paused while the rows are copied. A write that was
// already past the pause may still arrive; it was not accepted before the scan, and may be in or out.
void Engine::collect_rows(const store::KeyRange& range, std::vector<store::ScannedRow>& rows) {
  constexpr base::Nanoseconds kPause = std::chrono::microseconds(20);
  path_.parked().pause();
  path_.gate().hold();
  task::Parker nobody(surroundings_.threads);
  while (path_.gate().look() == ring::BatchGate::kBusy || watermarks_.applied.value() < path_.claimed_sequence()) {
    path_.doorbell().ring();
    nobody.park_until(surroundings_.clock.now() + kPause);  // for as long as writers take that were accepted already
  }
  const auto visit = [&](entry::Entry& entry) {
    if (!entry.has_value() || entry.key() < range.from || (!range.to.empty() && entry.key() >= range.to)) return;
    rows.push_back({std::string(entry.key()), std::string(entry.value()), entry.expires_at});
  };
  constexpr std::size_t kBucketsPerGuard = 1024;
  for (std::size_t first = 0; first < cache_.table().bucket_count(); first += kBucketsPerGuard) {
    const cache::Reclaimer::Guard guard = cache_.reclaimer().enter();
    cache_.table().visit(first, first + kBucketsPerGuard, visit);
  }
  path_.parked().resume();
  static_cast<void>(path_.gate().unhold());
  path_.doorbell().ring();
  std::sort(rows.begin(), rows.end(),
            [](const store::ScannedRow& a, const store::ScannedRow& b) { return a.key < b.key; });
}

Stats Engine::stats() noexcept {
  constexpr auto kRelaxed = std::memory_order_relaxed;  // statistics: each number on its own
  Stats stats;
  stats.claimed_sequence = path_.claimed_sequence();
  stats.applied_sequence = watermarks_.applied.value();
  stats.durable_sequence = watermarks_.durable.value();
  stats.settled_sequence = watermarks_.settled.value();
  const flush::FlushCounters& flushed = flusher_.counters();
  stats.transactions = flushed.transactions.load(kRelaxed);
  stats.rows_applied = flushed.rows_applied.load(kRelaxed);
  stats.writes_applied = flushed.writes_applied.load(kRelaxed);
  stats.syncs = flushed.syncs.load(kRelaxed);
  stats.stalled_publishes = flushed.stalled_publishes.load(kRelaxed);
  stats.wal_bytes = flushed.wal_bytes.load(kRelaxed);
  stats.checkpoints = flushed.checkpoints.load(kRelaxed);
  stats.checkpoints_blocked = flushed.checkpoints_blocked.load(kRelaxed);
  stats.log_blocks = flushed.log_blocks.load(kRelaxed);
  stats.log_bytes_written = flushed.log_bytes_written.load(kRelaxed);
  stats.log_file_bytes = flushed.log_file_bytes.load(kRelaxed);
  stats.log_waits = flushed.log_waits.load(kRelaxed);
  stats.recovered_writes = flushed.recovered_writes.load(kRelaxed);
  stats.recovered_rows = flushed.recovered_rows.load(kRelaxed);
  stats.recovery_time = std::chrono::nanoseconds(flushed.recovery_nanoseconds.load(kRelaxed));
  stats.io_backend = memory_only() ? "none" : flushed.on_uring.load(kRelaxed) ? "uring" : "threads";
  stats.unapplied_bytes = path_.admission().used_bytes();
  stats.parked_writers = path_.parked().count();
  stats.parked_writers_total = path_.parked().total();
  stats.longest_stall = std::chrono::nanoseconds(flushed.longest_stall_nanoseconds.load(kRelaxed));
  const load::LoadCounters& loaded = loader_.counters();
  stats.loads = loaded.loads.load(kRelaxed);
  stats.queries = loaded.queries.load(kRelaxed);
  stats.load_groups = loaded.groups.load(kRelaxed);
  stats.joined_misses = loader_.flights().joined();
  stats.loads_in_flight = loader_.flights().in_flight();
  stats.entry_bytes = cache_.pool().used_bytes();
  stats.retired_bytes = cache_.reclaimer().backlog_bytes();
  stats.held_bytes = cache_.pool().held_bytes();
  stats.evictions = cache_.evictions();
  stats.failed = failure_.failed();
  stats.disk_full = path_.disk_full();
  return stats;
}

// --- handles ---

EngineHandle EngineHandle::share() const noexcept {
  if (engine_ == nullptr) return {};
  engine_->handles().retain();
  return EngineHandle(engine_);
}

void EngineHandle::release() noexcept {
  Engine* const engine = std::exchange(engine_, nullptr);
  if (DICTSQLITE_LIKELY(engine->handles_.try_release())) return;
  drop(engine);
}
[[gnu::noinline]] void EngineHandle::drop(Engine* engine) noexcept { engine->drop_handle(); }

void retain(const SharedRef& shared) noexcept {
  auto* engine = static_cast<Engine*>(shared.engine);
  engine->cache().pool().retain_value(*reinterpret_cast<entry::Entry*>(shared.bytes));
  engine->handles().retain();
}

void release(const SharedRef& shared) noexcept {
  auto* engine = static_cast<Engine*>(shared.engine);
  engine->cache().pool().release_value(reinterpret_cast<entry::Entry*>(shared.bytes));
  engine->drop_handle();
}

}  // namespace dictsqlite::detail
