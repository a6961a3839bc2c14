#include "flush/applier.hpp"

#include "base/assert.hpp"
#include "base/seeded_bug.hpp"
#include "io/kernel_error.hpp"

#include <absl/status/statusor.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace dictsqlite::flush {

using entry::Entry;

namespace {

// A log so many times as long as it should be ends our own scans.
constexpr std::uint64_t kPinnedLogFactor = 4;

// How long those who were answered after a sync are given to come back with their next write; no longer than the sync.
constexpr base::Nanoseconds kGathersMax = std::chrono::microseconds(200);

}  // namespace

Applier::Applier(const FlushPolicy& policy, Durable durable, const base::Clock& clock, ApplierHost& host,
                 WritePath& path, cache::Cache& cache, Watermarks& watermarks, FlushCounters& counters)
    : policy_(policy),
      durable_(durable),
      clock_(clock),
      host_(host),
      path_(path),
      cache_(cache),
      watermarks_(watermarks),
      counters_(counters) {}

void Applier::begin(std::unique_ptr<store::SqliteStore> store) {
  store_ = std::move(store);
  attempted_ = store_->writer().last_sequence();
  watermarks_.applied.raise(attempted_);
  watermarks_.durable.raise(attempted_);
  watermarks_.settled.raise(attempted_);
  publish_counters();
  last_activity_ = clock_.now();
}

void Applier::stage(Entry* write) {
  if (staged_.empty()) oldest_waiting_ = clock_.now();
  staged_rows_ += WritePath::rows(*write);
  staged_.push_back(write);
}

// --- deciding ---

FlushView Applier::view(const Demand& demand) const {
  FlushView look;
  look.now = clock_.now();
  look.waiting_rows = staged_rows_;
  look.oldest_waiting = oldest_waiting_;
  const std::uint64_t applied = watermarks_.applied.value();
  look.asked_to_apply = demand.apply_to > applied;
  look.under_pressure = demand.under_pressure;
  look.closing = demand.closing;
  look.retry_after = retry_after_;
  look.is_transaction_retried = full_for_ == FullFor::kTransaction;
  look.is_checkpoint_retried = full_for_ == FullFor::kCheckpoint;
  look.unsynced = applied != watermarks_.settled.value();
  look.oldest_unsynced = oldest_unsynced_;
  look.asked_to_sync = look.unsynced && demand.settle_from <= applied;
  look.sync_in_flight = sync_in_flight_;
  look.asked_to_sync_waiting = !staged_.empty() && demand.settle_from <= staged_.back()->sequence;
  look.row_took = row_took_;
  look.sync_took = sync_took_;
  look.rows_synced = rows_synced_;
  look.gathers_until = gathers_until_;
  if (store_ != nullptr) {
    const store::StoreCounters counters = store_->writer().counters();
    look.wal_bytes = counters.wal_bytes;
    look.wal_bytes_uncopied = counters.wal_bytes_uncopied;
  }
  look.wal_bytes_blocked = wal_bytes_blocked_;
  look.blocked_until = blocked_until_;
  look.last_activity = last_activity_;
  look.rests_until = rests_until_;
  return look;
}

bool Applier::step(const Demand& demand) {
  const FlushView look = view(demand);
  // Starting a sync takes no time, and the next transaction is built while it runs; the other way round it would never
  // start under writers that never pause.
  if (policy_.should_sync(look)) {
    start_sync();
    return true;
  }
  if (policy_.should_apply(look)) {
    apply(std::min(policy_.rows_first(look), kTransactionRowsMax));
    return true;
  }
  if (policy_.should_checkpoint(look)) {
    checkpoint();
    return true;
  }
  return false;
}

// --- applying ---

std::size_t Applier::transaction_size(std::size_t rows_max) const noexcept {
  std::size_t rows = 0;
  std::size_t bytes = 0;
  std::size_t count = 0;
  while (count < staged_.size() && rows < rows_max && bytes < kTransactionBytesMax) {
    const Entry& write = *staged_[count++];
    rows += WritePath::rows(write);
    bytes += WritePath::footprint(write);
  }
  return count;
}

void Applier::apply(std::size_t rows_max) {
  const base::Instant began = clock_.now();
  const std::size_t writes = transaction_size(rows_max);
  const std::uint64_t last = staged_[writes - 1]->sequence;
  fold_.begin(std::span(staged_).first(writes));
  const std::uint64_t attempted_before = std::exchange(attempted_, last);
  const auto next_rows = [this]() -> std::optional<std::span<const store::RowWrite>> {
    if (!host_.keep_going()) return std::nullopt;
    return fold_.next();
  };
  const absl::Status status = store_->writer().apply(next_rows, last);
  publish_counters();
  if (status.ok() || (absl::IsUnavailable(status) && DICTSQLITE_SEEDED_BUG(kDiskFullDropped))) {
    row_took_ = (clock_.now() - began) / std::max<std::size_t>(fold_.rows_given(), 1);
    applied_up_to(last, writes, fold_.rows_given());
    worked_ = {};
    rest_after(clock_.now() - began);
  } else if (absl::IsUnavailable(status)) {
    disk_full(FullFor::kTransaction);
  } else if (absl::IsAborted(status)) {
    attempted_ = attempted_before;  // whoever gave it up goes on from here
  } else {
    host_.apply_failed(status);
  }
}

void Applier::applied_up_to(std::uint64_t sequence, std::size_t writes, std::size_t rows) {
  const base::Instant now = clock_.now();
  if (watermarks_.applied.value() == watermarks_.settled.value()) oldest_unsynced_ = now;
  watermarks_.applied.raise(sequence);
  if (DICTSQLITE_SEEDED_BUG(kSettledAtCommit)) watermarks_.settled.raise(sequence);
  if (DICTSQLITE_SEEDED_BUG(kDurableAtCommit) && durable_ == Durable::kRaised) watermarks_.durable.raise(sequence);
  counters_.transactions.fetch_add(1, std::memory_order_relaxed);         // a statistic
  counters_.rows_applied.fetch_add(rows, std::memory_order_relaxed);      // a statistic
  counters_.writes_applied.fetch_add(writes, std::memory_order_relaxed);  // a statistic
  std::size_t bytes = 0;
  constexpr std::size_t kAhead = 8;  // whoever wrote them, it was on another processor
  for (std::size_t index = 0; index < writes; ++index) {
    if (index + kAhead < writes) __builtin_prefetch(staged_[index + kAhead], 1);
    Entry* write = staged_[index];
    bytes += WritePath::footprint(*write);
    const std::size_t rows_of_write = WritePath::rows(*write);
    staged_rows_ -= rows_of_write;
    rows_unsynced_ += rows_of_write;
    path_.release(write);
  }
  staged_.erase(staged_.begin(), staged_.begin() + static_cast<std::ptrdiff_t>(writes));
  oldest_waiting_ = now;
  last_activity_ = now;
  // Evict before the budget is given back: both together never exceed what was configured.
  cache_.trim(sequence, path_.admission().used_bytes() - bytes);
  if (!DICTSQLITE_SEEDED_BUG(kBudgetLost)) path_.admission().give_back(bytes);
  counters_.bytes_applied.fetch_add(bytes, std::memory_order_relaxed);  // a statistic, and a hint to the pacer
  if (full_for_ == FullFor::kTransaction) disk_has_space();
}

void Applier::rest_after(base::Nanoseconds work) noexcept {
  worked_ += work;
  rests_until_ = clock_.now() + std::min<base::Nanoseconds>(kRestFactor * worked_, kRestMax);
}

void Applier::disk_full(FullFor what) {
  retry_after_ = clock_.now() + kDiskFullRetry;
  full_for_ = what;
  if (path_.disk_full(WritePath::FullFor::kSqlite)) return;
  path_.set_disk_full(WritePath::FullFor::kSqlite, true);
  host_.emit(EventKind::kDiskFull, what == FullFor::kTransaction
                                       ? "no space for a transaction; it is retried until there is"
                                       : "no space to copy the write-ahead log; it is retried");
}

void Applier::disk_has_space() {
  full_for_ = FullFor::kNothing;
  if (!path_.disk_full(WritePath::FullFor::kSqlite)) return;
  path_.set_disk_full(WritePath::FullFor::kSqlite, false);
  host_.emit(EventKind::kDiskFullOver, "there is space again; everything that waited is being written");
}

// --- settling ---

void Applier::start_sync() {
  const int fd = store_->writer().sync_descriptor();
  if (fd < 0) {
    settled_up_to(watermarks_.applied.value());
    return;
  }
  sync_target_ = watermarks_.applied.value();
  sync_in_flight_ = true;
  sync_started_ = clock_.now();
  rows_synced_ = std::exchange(rows_unsynced_, 0);
  if (durable_ == Durable::kRaised) gathers_until_ = base::kNever;
  counters_.syncs.fetch_add(1, std::memory_order_relaxed);  // a statistic
  host_.start_sync(fd);
}

void Applier::sync_finished(std::int64_t result) {
  DICTSQLITE_ASSERT(sync_in_flight_, "one sync at a time");
  sync_in_flight_ = false;
  const int error = result < 0 && !DICTSQLITE_SEEDED_BUG(kFailedSyncIsGood) ? static_cast<int>(-result) : 0;
  store_->writer().sync_finished(error);
  if (error != 0) {
    return host_.apply_failed(
        absl::InternalError(io::kernel_error("fdatasync", "of the write-ahead log", error).message()));
  }
  settled_up_to(sync_target_);
  const base::Instant now = clock_.now();
  sync_took_ = now - sync_started_;
  oldest_unsynced_ = now;
  if (durable_ == Durable::kRaised) gathers_until_ = now + std::min(sync_took_, kGathersMax);
}

void Applier::checkpoint() {
  const base::Instant began = clock_.now();
  const absl::StatusOr<bool> complete = store_->writer().checkpoint();
  publish_counters();
  rest_after(clock_.now() - began);
  if (!complete.ok()) {
    return absl::IsUnavailable(complete.status()) ? disk_full(FullFor::kCheckpoint)
                                                  : host_.apply_failed(complete.status());
  }
  if (full_for_ == FullFor::kCheckpoint) disk_has_space();  // a transaction finds out for itself
  if (*complete) {
    wal_bytes_blocked_ = 0;
    settled_up_to(watermarks_.applied.value());
    return;
  }
  if (wal_bytes_blocked_ == 0)
    host_.emit(EventKind::kCheckpointBlocked, "a reader keeps the write-ahead log from being emptied");
  wal_bytes_blocked_ =
      std::max<std::uint64_t>(counters_.wal_bytes.load(std::memory_order_relaxed), 1);  // our own counter
  blocked_until_ = clock_.now() + kBlockedRetry;
  if (wal_bytes_blocked_ >= kPinnedLogFactor * policy_.wal_bytes_max) host_.log_pinned();
}

void Applier::settled_up_to(std::uint64_t sequence) noexcept {
  if (durable_ == Durable::kRaised) watermarks_.durable.raise(sequence);
  watermarks_.settled.raise(sequence);
}

// --- ending ---

void Applier::drop() noexcept {
  // The cache keeps what it has: entries above `applied` are never evicted, and reads go on.
  for (Entry* write : staged_) {
    path_.admission().give_back(
        WritePath::footprint(*write));  // so that whoever is parked reaches the ring, and its refusal
    path_.release(write);
  }
  staged_.clear();
  staged_rows_ = 0;
}

absl::Status Applier::close(store::ClosingLog log) {
  if (store_ == nullptr) return absl::OkStatus();
  absl::Status status = store_->writer().close(log);
  if (status.ok()) settled_up_to(watermarks_.applied.value());
  store_.reset();
  return status;
}

void Applier::publish_counters() noexcept {
  const store::StoreCounters counters = store_->writer().counters();
  // Statistics: read by anyone, each on its own.
  counters_.wal_bytes.store(counters.wal_bytes, std::memory_order_relaxed);
  counters_.checkpoints.store(counters.checkpoints, std::memory_order_relaxed);
  counters_.checkpoints_blocked.store(counters.checkpoints_blocked, std::memory_order_relaxed);
}

}  // namespace dictsqlite::flush
