#include "flush/flusher.hpp"

#include "base/assert.hpp"
#include "io/kernel_error.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <utility>

namespace dictsqlite::flush {

using detail::Completion;
using entry::Entry;
using entry::EntryKind;

namespace {

// One transaction takes at most so many writes and bytes: it bounds how long one may run and how many pages it dirties.
// Large transactions are what makes SQLite fast: sorted rows share pages.
constexpr std::size_t kTransactionRowsMax = 1u << 18;
// A log so many times as long as it should be ends our own scans.
constexpr std::uint64_t kPinnedLogFactor = 4;
constexpr std::size_t kTransactionBytesMax = 64u << 20;
// How often a transaction that found no space is tried again.
constexpr base::Nanoseconds kDiskFullRetry = std::chrono::milliseconds(50);
constexpr std::uint64_t kSyncTag = 1;

}  // namespace

Flusher::Flusher(Config config, FlusherHost& host, WritePath& path, cache::Cache& cache, Watermarks& watermarks,
                 base::Failure& failure, task::ResumeThread& resume)
    : config_(std::move(config)),
      host_(host),
      path_(path),
      cache_(cache),
      watermarks_(watermarks),
      failure_(failure),
      resume_(resume),
      clock_(config_.clock),
      thread_(config_.threads) {}

Flusher::~Flusher() { join(); }

absl::Status Flusher::start() {
  return thread_.start(
      "dictsql-flush", [](void* self) noexcept { static_cast<Flusher*>(self)->run(); }, this);
}

void Flusher::join() noexcept {
  if (thread_.is_current()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void Flusher::give_up() noexcept {
  give_up_.raise();  // (Q1)
  path_.doorbell().ring();
}

void Flusher::run() noexcept {
  const absl::Status opening = open();
  if (opening.ok()) {
    host_.opened();
    loop();
  } else {
    store_.reset();
    waiters_.take_last();
    answer_closer(opening);
  }
  // The backend itself stays until the engine goes: somebody may be about to ring.
  if (backend_ != nullptr) backend_->finish();
  host_.flusher_ended(opening);
}

absl::Status Flusher::open() {
  const io::BackendChoice choice = config_.memory_only ? io::BackendChoice::kNoFiles : config_.backend;
  absl::StatusOr<io::OpenedBackend> opened =
      config_.open_backend.open(config_.open_backend.context, choice, config_.probe_directory);
  if (!opened.ok()) return opened.status();
  backend_ = std::move(opened->backend);
  counters_.on_uring.store(backend_->name() == "uring", std::memory_order_relaxed);  // a statistic
  if (!opened->fallback_reason.empty()) host_.emit(EventKind::kIoBackendFallback, opened->fallback_reason);
  path_.doorbell().set_waker(
      {backend_.get(), [](void* backend) noexcept { static_cast<io::IoBackend*>(backend)->wake(); }});
  if (!config_.memory_only) {
    absl::StatusOr<std::unique_ptr<store::SqliteStore>> store = store::SqliteStore::open(config_.store);
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    const std::uint64_t last = store_->writer().last_sequence();
    attempted_sequence_ = last;
    watermarks_.applied.raise(last);
    all_durable();
    path_.ring().start_at(last + 1);
    publish_counters();
  }
  last_activity_ = clock_.now();
  return host_.store_opened(store_.get());
}

void Flusher::loop() {
  while (!finished_) {
    if (!step()) sleep();
  }
  finish();
}

bool Flusher::step() {
  drain();
  waiters_.take_new();
  closing_ = closing_ || waiters_.any(WaitFor::kClosed);
  reap(backend_->poll(completions_));
  complete_waiters();
  admit_parked();
  if (closing_ && close_step()) return true;
  if (cache_.backlog_is_large()) cache_.collect();
  if (config_.memory_only || failure_.failed()) return false;

  const FlushView look = view();
  // Starting a sync takes no time, and the next transaction is built while it runs; the other way round it would never
  // start under writers that never pause.
  if (config_.policy.should_sync(look)) {
    start_sync();
    return true;
  }
  if (config_.policy.should_apply(look)) {
    apply();
    return true;
  }
  if (config_.policy.should_checkpoint(look)) {
    checkpoint();
    return true;
  }
  return false;
}

// --- draining and admission ---

void Flusher::drain() {
  constexpr std::size_t kRoomEvery = 1024;  // give slots back while draining, so that producers go on
  ring::WriteRing& ring = path_.ring();
  std::size_t drained = 0;
  while (Entry* write = ring.pop()) {
    if (++drained % kRoomEvery == 0) ring.release_room();
    if (config_.memory_only || failure_.failed()) {
      if (config_.memory_only) watermarks_.applied.raise(write->sequence);
      path_.admission().give_back(WritePath::footprint(*write));
      path_.release(write);
      continue;
    }
    if (staged_.empty()) oldest_waiting_ = clock_.now();
    staged_rows_ += write->kind == EntryKind::kBatch ? write->word<BatchRows>()->count : 1;
    staged_.push_back(write);
  }
  if (drained == 0) return;
  ring.release_room();
  if (config_.memory_only) cache_.trim(watermarks_.applied.value(), 0, cache::Cache::Evict::kOnlyAbsences);
}

void Flusher::admit_parked() {
  if (path_.parked().is_paused()) {
    parked_seen_ = path_.parked().count();  // resume() rings
    return;
  }
  const task::ResumeThread::WakeOnce wake_once(resume_);
  while (Completion* completion = path_.parked().front()) {
    if (!admit_first_parked(completion)) break;
  }
  parked_seen_ = path_.parked().count();
}

// Nobody will look again: whoever still waits for room is told, without a try that might find none.
void Flusher::refuse_parked() {
  while (Completion* completion = path_.parked().front()) {
    path_.parked().pop_front();
    path_.release(static_cast<Entry*>(std::exchange(completion->subject, nullptr)));
    detail::complete(
        completion, absl::StatusCode::kAborted,
        failure_.failed() ? "not written: " + failure_.sentence() : "not written: the database was closed");
  }
}

bool Flusher::admit_first_parked(Completion* completion) {
  auto* entry = static_cast<Entry*>(completion->subject);
  const Accepted accepted = path_.try_accept_parked(entry);
  if (accepted.outcome == AcceptOutcome::kNoRoom) return false;
  path_.parked().pop_front();
  completion->subject = nullptr;
  if (accepted.outcome != AcceptOutcome::kAccepted) {
    path_.release(entry);
    const bool failed = accepted.outcome == AcceptOutcome::kFailed;
    detail::complete(completion, absl::StatusCode::kAborted,
                     failed ? "not written: " + failure_.sentence() : "not written: the database was closed");
    return true;
  }
  if (static_cast<Ack>(completion->kind) == Ack::kDurable && !config_.memory_only) {
    completion->kind = static_cast<std::uint8_t>(WaitFor::kDurable);
    completion->sequence = accepted.sequence;
    waiters_.add(completion);
  } else {
    detail::complete(completion, absl::StatusCode::kOk);
  }
  return true;
}

// --- completing ---

void Flusher::complete_waiters() {
  const task::ResumeThread::WakeOnce wake_once(resume_);
  const auto done = [](Completion* completion) { detail::complete(completion, absl::StatusCode::kOk); };
  waiters_.take_up_to(WaitFor::kApplied, watermarks_.applied.value(), done);
  waiters_.take_up_to(WaitFor::kDurable, watermarks_.durable.value(), done);
  waiters_.take_up_to(WaitFor::kSettled, watermarks_.settled.value(), done);
  if (failure_.failed()) refuse_everyone();
}

// The database has failed: nobody's wait will end well. What was handed to SQLite may or may not survive; what was
// not is not written [I6].
void Flusher::refuse_everyone() {
  const std::string sentence = failure_.sentence();
  const auto refuse = [&](Completion* completion) {
    if (completion->sequence <= attempted_sequence_) {
      detail::complete(completion, absl::StatusCode::kUnknown, "it is not known what survived: " + sentence);
    } else {
      detail::complete(completion, absl::StatusCode::kAborted, "not written: " + sentence);
    }
  };
  for (const WaitFor kind : {WaitFor::kApplied, WaitFor::kDurable, WaitFor::kSettled}) {
    waiters_.take_up_to(kind, std::numeric_limits<std::uint64_t>::max(), refuse);
  }
}

// --- applying ---

std::size_t Flusher::transaction_size() const noexcept {
  std::size_t rows = 0;
  std::size_t bytes = 0;
  std::size_t count = 0;
  while (count < staged_.size() && rows < kTransactionRowsMax && bytes < kTransactionBytesMax) {
    const Entry& write = *staged_[count++];
    rows += write.kind == EntryKind::kBatch ? write.word<BatchRows>()->count : 1;
    bytes += WritePath::footprint(write);
  }
  return count;
}

void Flusher::apply() {
  const std::size_t writes = transaction_size();
  const std::uint64_t last = staged_[writes - 1]->sequence;
  fold_.begin(std::span(staged_).first(writes));
  const std::uint64_t attempted_before = std::exchange(attempted_sequence_, last);
  const auto next_rows = [this]() -> std::optional<std::span<const store::RowWrite>> {
    drain();
    if (cache_.backlog_is_large()) cache_.collect();
    if (give_up_.is_raised()) return std::nullopt;  // (Q2)
    return fold_.next();
  };
  const absl::Status status = store_->writer().apply(next_rows, last);
  publish_counters();
  if (status.ok()) {
    applied_up_to(last, writes, fold_.rows_given());
  } else if (absl::IsUnavailable(status)) {
    disk_full(FullFor::kTransaction);
  } else if (absl::IsAborted(status)) {
    attempted_sequence_ = attempted_before;  // close_step() goes on from here
  } else {
    fail(status);
  }
}

void Flusher::applied_up_to(std::uint64_t sequence, std::size_t writes, std::size_t rows) {
  const base::Instant now = clock_.now();
  if (watermarks_.applied.value() == watermarks_.durable.value()) oldest_unsynced_ = now;
  watermarks_.applied.raise(sequence);
  counters_.transactions.fetch_add(1, std::memory_order_relaxed);         // a statistic
  counters_.rows_applied.fetch_add(rows, std::memory_order_relaxed);      // a statistic
  counters_.writes_applied.fetch_add(writes, std::memory_order_relaxed);  // a statistic
  std::size_t bytes = 0;
  constexpr std::size_t kAhead = 8;  // whoever wrote them, it was on another processor
  for (std::size_t index = 0; index < writes; ++index) {
    if (index + kAhead < writes) __builtin_prefetch(staged_[index + kAhead], 1);
    Entry* write = staged_[index];
    bytes += WritePath::footprint(*write);
    staged_rows_ -= write->kind == EntryKind::kBatch ? write->word<BatchRows>()->count : 1;
    path_.release(write);
  }
  staged_.erase(staged_.begin(), staged_.begin() + static_cast<std::ptrdiff_t>(writes));
  oldest_waiting_ = now;
  last_activity_ = now;
  // Evict before the budget is given back: both together never exceed what was configured.
  cache_.trim(sequence, path_.admission().used_bytes() - bytes, cache::Cache::Evict::kClean);
  path_.admission().give_back(bytes);
  if (full_for_ == FullFor::kTransaction) disk_has_space();
}

void Flusher::disk_full(FullFor what) {
  retry_after_ = clock_.now() + kDiskFullRetry;
  full_for_ = what;
  if (path_.disk_full()) return;
  path_.set_disk_full(true);
  host_.emit(EventKind::kDiskFull, what == FullFor::kTransaction
                                       ? "no space for a transaction; it is retried until there is"
                                       : "no space to copy the write-ahead log; it is retried");
}

void Flusher::disk_has_space() {
  full_for_ = FullFor::kNothing;
  if (!path_.disk_full()) return;
  path_.set_disk_full(false);
  host_.emit(EventKind::kDiskFullOver, "there is space again; everything that waited is being written");
}

// --- durability ---

void Flusher::start_sync() {
  const int fd = store_->writer().sync_descriptor();
  if (fd < 0) {
    all_durable();
    return;
  }
  sync_target_ = watermarks_.applied.value();
  sync_in_flight_ = true;
  counters_.syncs.fetch_add(1, std::memory_order_relaxed);  // a statistic
  backend_->submit_data_sync(fd, kSyncTag);
}

void Flusher::reap(std::size_t count) {
  for (std::size_t index = 0; index < count; ++index) {
    const io::IoCompletion& completion = completions_[index];
    DICTSQLITE_ASSERT(completion.tag == kSyncTag && sync_in_flight_, "the flusher has one request in flight");
    sync_in_flight_ = false;
    const int error = completion.result < 0 ? static_cast<int>(-completion.result) : 0;
    store_->writer().sync_finished(error);
    if (error != 0) {
      fail(absl::InternalError(io::kernel_error("fdatasync", "of the write-ahead log", error).message()));
      return;
    }
    watermarks_.durable.raise(sync_target_);
    watermarks_.settled.raise(sync_target_);
    oldest_unsynced_ = clock_.now();
  }
}

void Flusher::checkpoint() {
  const absl::StatusOr<bool> complete = store_->writer().checkpoint();
  publish_counters();
  if (!complete.ok()) {
    return absl::IsUnavailable(complete.status()) ? disk_full(FullFor::kCheckpoint) : fail(complete.status());
  }
  disk_has_space();
  if (*complete) {
    wal_bytes_blocked_ = 0;
    all_durable();
    return;
  }
  if (wal_bytes_blocked_ == 0)
    host_.emit(EventKind::kCheckpointBlocked, "a reader keeps the write-ahead log from being emptied");
  wal_bytes_blocked_ =
      std::max<std::uint64_t>(counters_.wal_bytes.load(std::memory_order_relaxed), 1);  // our own counter
  if (wal_bytes_blocked_ >= kPinnedLogFactor * config_.policy.wal_bytes_max) host_.log_pinned();
}

void Flusher::all_durable() noexcept {
  const std::uint64_t applied = watermarks_.applied.value();
  watermarks_.durable.raise(applied);
  watermarks_.settled.raise(applied);
}

void Flusher::fail(const absl::Status& status) {
  if (!failure_.set(status)) return;
  path_.ring().fail();
  host_.emit(EventKind::kFailed, failure_.sentence());
  // The cache keeps what it has: entries above `applied` are never evicted, and reads go on.
  for (Entry* write : staged_) {
    path_.admission().give_back(
        WritePath::footprint(*write));  // so that whoever is parked reaches the ring, and its refusal
    path_.release(write);
  }
  staged_.clear();
  staged_rows_ = 0;
  refuse_everyone();
}

// --- closing ---

// Everybody who parked before the close moves in; then the tail freezes; then everything is drained and applied.
// True if the thread is done.
bool Flusher::close_step() {
  ring::WriteRing& ring = path_.ring();
  const bool give_up = give_up_.is_raised();  // (Q2)
  gave_up_ = give_up;
  if (give_up && !failure_.failed() && !staged_.empty()) {
    fail(
        absl::DeadlineExceededError(absl::StrCat("closing took too long; ", staged_rows_, " writes were not written")));
    return false;
  }
  if (path_.parked().count() != 0 && !give_up) return false;
  ring.close();
  drain();
  if (ring.next() != ring.claimed() || !staged_.empty() || sync_in_flight_) return false;
  finished_ = true;
  return true;
}

void Flusher::finish() {
  host_.store_closing();
  absl::Status status;
  if (failure_.failed()) {
    status = absl::FailedPreconditionError(failure_.sentence());
  } else if (store_ != nullptr) {
    status = store_->writer().close(gave_up_ ? store::ClosingLog::kLeft : store::ClosingLog::kCopied);
    if (status.ok()) all_durable();
  }
  store_.reset();
  // Only now: whoever comes later and is refused finds the durable watermark where it belongs.
  waiters_.take_last();
  if (!status.ok() && failure_.set(status)) path_.ring().fail();
  complete_waiters();
  refuse_parked();
  // Whoever asked to close hears last.
  answer_closer(status);
}

void Flusher::answer_closer(const absl::Status& status) {
  waiters_.take_up_to(WaitFor::kClosed, std::numeric_limits<std::uint64_t>::max(), [&](Completion* completion) {
    detail::complete(completion, status.code(), std::string(status.message()));
  });
}

// --- statistics ---

void Flusher::publish_counters() noexcept {
  const store::StoreCounters counters = store_->writer().counters();
  // Statistics: read by anyone, each on its own.
  counters_.wal_bytes.store(counters.wal_bytes, std::memory_order_relaxed);
  counters_.checkpoints.store(counters.checkpoints, std::memory_order_relaxed);
  counters_.checkpoints_blocked.store(counters.checkpoints_blocked, std::memory_order_relaxed);
}

}  // namespace dictsqlite::flush
