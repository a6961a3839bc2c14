#include "load/loader.hpp"

#include <algorithm>
#include <utility>

namespace dictsqlite::load {

using detail::Completion;
using entry::Entry;
using entry::EntryKind;
using Session = ScanNextOperation::State;

namespace {

// Keys read from one snapshot, by few queries, and landed together: while whoever waited for them goes on, the next are
// loaded. Larger groups are no faster by themselves.
constexpr std::size_t kGroupKeysMax = 64;
// Rows and bytes a scan fetches at a time.
constexpr std::size_t kFetchRows = 256;
constexpr std::size_t kFetchBytes = 256u << 10;
constexpr std::string_view kOpenForTooLong =
    "the scan was open for longer than Options::scan_time_max, or kept the log at four times Options::wal_bytes";
// How often misses that wait for a free flight, or for a stalled reader, are tried again when no flight has landed.
constexpr base::Nanoseconds kParkedRetry = std::chrono::milliseconds(1);

// Turns a stack of sessions round.
Session* in_order(Session* stack) noexcept {
  Session* queue = nullptr;
  while (stack != nullptr) {
    Session* const next = std::exchange(stack->next, queue);
    queue = std::exchange(stack, next);
  }
  return queue;
}

bool key_less(const Flight* a, const Flight* b) noexcept {
  if (a->pending->table_id != b->pending->table_id) return a->pending->table_id < b->pending->table_id;
  return a->pending->key() < b->pending->key();
}
bool same_key(const Flight* a, const Flight* b) noexcept { return !key_less(a, b) && !key_less(b, a); }

}  // namespace

Loader::Loader(const Config& config, LoaderHost& host, cache::Cache& cache, const base::Watermark& applied,
               task::ResumeThread& resume)
    : config_(config),
      host_(host),
      cache_(cache),
      applied_(applied),
      resume_(resume),
      parker_(config.threads),
      flights_(cache, applied, config.flights_max, doorbell_),
      clock_(config.clock),
      thread_(config.threads) {
  doorbell_.set_waker({&parker_, [](void* parker) noexcept { static_cast<task::Parker*>(parker)->unpark(); }});
}

Loader::~Loader() { stop(); }

absl::Status Loader::start(store::SqliteStore* store) {
  store_ = store;
  if (store != nullptr) {
    absl::StatusOr<std::unique_ptr<store::StoreReader>> reader = store->open_reader();
    if (!reader.ok()) return reader.status();
    reader_ = *std::move(reader);
  }
  absl::Status status = thread_.start(
      "dictsql-load", [](void* self) noexcept { static_cast<Loader*>(self)->run(); }, this);
  if (!status.ok()) reader_.reset();  // before the store
  return status;
}

void Loader::stop() noexcept {
  stopping_.raise();  // (L3)
  doorbell_.ring();
  thread_.join();
}

void Loader::end_scans_soon() noexcept {
  log_pinned_.raise();  // (L3)
  doorbell_.ring();
}

void Loader::run() noexcept {
  for (;;) {
    if (step()) continue;
    if (stopping_.is_raised()) break;  // (L4)
    sleep();
  }
  // The last of each queue: whoever comes later is refused.
  load(flights_.take_last());
  flights_.close_parked();
  flights_.admit_parked();
  serve_scans(in_order(scan_queue_.take_last()));  // (L4)
  end_scans(true);
  reader_.reset();
}

bool Loader::step() {
  bool worked = false;
  // Queue first: by then whoever is in it finds gone what was dropped before he came.
  Session* const scans = take_scans();
  end_scans(log_pinned_.take());  // (L4)
  if (Flight* queued = flights_.take_queued()) {
    load(queued);
    worked = true;
  }
  if (scans != nullptr) {
    serve_scans(scans);
    worked = true;
  }
  if (cache_.backlog_is_large()) cache_.collect();
  flights_.admit_parked();
  return worked;
}

// --- misses ---

void Loader::load(Flight* queued) {
  sorted_.clear();
  for (; queued != nullptr; queued = queued->next) sorted_.push_back(queued);
  if (sorted_.empty()) return;
  std::sort(sorted_.begin(), sorted_.end(), key_less);
  // Groups end where the table changes or the group is full, never between two flights of one key.
  std::size_t first = 0;
  while (first < sorted_.size()) {
    std::size_t end = first + 1;
    while (end < sorted_.size() && sorted_[end]->pending->table_id == sorted_[first]->pending->table_id &&
           (end - first < kGroupKeysMax || same_key(sorted_[end], sorted_[end - 1]))) {
      ++end;
    }
    load_group(std::span(sorted_).subspan(first, end - first));
    first = end;
  }
  cache_.trim(applied_.value(), host_.unapplied_bytes());
}

void Loader::load_group(std::span<Flight* const> flights) {
  // Two flights of one key are rare (a write replaced the first one's lease): one look-up serves both.
  firsts_.clear();
  for (Flight* flight : flights) {
    if (firsts_.empty() || !same_key(firsts_.back(), flight)) firsts_.push_back(flight);
  }
  load_keys(firsts_);
  for (Flight* flight : flights) {
    if (flight->loaded != nullptr) continue;
    const auto first = std::lower_bound(firsts_.begin(), firsts_.end(), flight, key_less);
    if (first == firsts_.end() || *first == flight) continue;
    flight->error = (*first)->error;
    flight->loaded = (*first)->loaded;
    if (flight->loaded != nullptr) entry::EntryPool::retain(*flight->loaded);
  }
  const task::ResumeThread::WakeOnce wake_once(resume_);
  flights_.land(flights);
}

// Fills `loaded` of each flight, from one snapshot. What stays null failed, and was told so.
void Loader::load_keys(std::span<Flight* const> firsts) {
  keys_.clear();
  for (Flight* flight : firsts) {
    flight->out_of_memory = false;  // it may have been, in a group that failed
    keys_.push_back(flight->pending->key());
  }
  const std::uint32_t table_id = firsts.front()->pending->table_id;
  const auto found = [&](const store::LoadedRow& row) {
    Flight* flight = firsts[row.key_index];
    if (flight->loaded != nullptr) return;
    flight->loaded = cache_.pool().make(EntryKind::kSet, table_id, keys_[row.key_index], row.value, row.expires_at);
    flight->out_of_memory = flight->loaded == nullptr;
  };
  const absl::StatusOr<store::StoreReader::LoadResult> result = reader_->load(table_id, keys_, found);
  counters_.groups.fetch_add(1, std::memory_order_relaxed);                                  // a statistic
  counters_.loads.fetch_add(firsts.size(), std::memory_order_relaxed);                       // a statistic
  if (result.ok()) counters_.queries.fetch_add(result->queries, std::memory_order_relaxed);  // a statistic
  for (std::size_t index = 0; index < firsts.size(); ++index) {
    Flight* flight = firsts[index];
    if (!result.ok()) {
      if (flight->loaded != nullptr) cache_.pool().release(std::exchange(flight->loaded, nullptr));
      continue;
    }
    if (flight->loaded == nullptr && !flight->out_of_memory) {
      flight->loaded = cache_.pool().make(EntryKind::kAbsent, table_id, keys_[index], {}, 0);
    }
    if (flight->loaded != nullptr) flight->loaded->sequence = result->snapshot_sequence;
  }
  if (result.ok()) return;
  if (firsts.size() == 1) {
    firsts.front()->error = result.status();
    return;
  }
  // One bad row must fail its own key alone: ask for each by itself.
  for (Flight* flight : firsts) load_keys(std::span(&flight, 1));
}

// --- scans ---

bool Loader::queue_scan(Session* scan) noexcept {
  if (!scan_queue_.push(scan)) return false;  // (L3)
  doorbell_.ring();
  return true;
}

// Those who want rows, in the order in which they came.
Session* Loader::take_scans() noexcept { return in_order(scan_queue_.take_all()); }  // (L4)

void Loader::serve_scans(Session* queued) {
  while (queued != nullptr) {
    Session* const next = queued->next;
    Completion* completion = std::exchange(queued->completion, nullptr);
    if (!queued->dropped.is_raised()) fetch(queued);  // (Y2) nobody would see the rows
    queued->release();
    detail::complete(completion, absl::StatusCode::kOk);
    queued = next;
  }
}

void Loader::fetch(Session* session) {
  session->rows.clear();
  session->position = 0;
  if (store_ == nullptr) return fetch_from_memory(session);
  OpenScan* scan = open_scan(session);
  if (scan == nullptr) return;
  if (clock_.now() - scan->opened >= config_.scan_time_max) {
    session->fail(absl::StatusCode::kAborted, kOpenForTooLong);
  } else {
    const absl::StatusOr<bool> exhausted =
        scan->store_scan->next(std::min(kFetchRows, session->rows_left), kFetchBytes, session->rows);
    if (exhausted.ok()) {
      session->rows_left -= session->rows.size();
      session->exhausted = *exhausted || session->rows_left == 0;
    } else {
      session->fail(exhausted.status().code(), std::string(exhausted.status().message()));
    }
  }
  if (session->exhausted) end_scan(static_cast<std::size_t>(scan - scans_.data()));
}

void Loader::fetch_from_memory(Session* session) {
  host_.collect_rows(session->range, session->rows);
  if (session->order == store::ScanOrder::kReverse) std::reverse(session->rows.begin(), session->rows.end());
  if (session->rows.size() > session->rows_left) session->rows.resize(session->rows_left);
  session->exhausted = true;
}

Loader::OpenScan* Loader::open_scan(Session* session) {
  for (OpenScan& scan : scans_) {
    if (scan.session == session) return &scan;
  }
  if (session->opened) {
    session->fail(absl::StatusCode::kAborted, kOpenForTooLong);
    return nullptr;
  }
  if (scans_.size() >= config_.scans_max) {
    session->fail(absl::StatusCode::kResourceExhausted, "too many scans are open: Options::scans_max");
    return nullptr;
  }
  absl::StatusOr<std::unique_ptr<store::StoreScan>> opened =
      store_->open_scan(store::kMainTable, session->range, session->order);
  if (!opened.ok()) {
    session->fail(opened.status().code(), std::string(opened.status().message()));
    return nullptr;
  }
  session->opened = true;
  session->retain();
  scans_.push_back({session, *std::move(opened), clock_.now()});
  return &scans_.back();
}

// Ends the scans that were dropped or are open for too long, or all of them. A session that still wants rows learns it
// at its next fetch.
void Loader::end_scans(bool all) {
  if (scans_.empty()) return;
  const base::Instant now = clock_.now();
  for (std::size_t index = scans_.size(); index-- > 0;) {
    const OpenScan& scan = scans_[index];
    const bool dropped = scan.session->dropped.is_raised();  // (Y2) pairs with Scan's destructor
    if (all || dropped || now - scan.opened >= config_.scan_time_max) end_scan(index);
  }
}

void Loader::end_scan(std::size_t index) {
  Session* session = scans_[index].session;
  scans_.erase(scans_.begin() + static_cast<std::ptrdiff_t>(index));
  session->release();
}

// --- sleeping ---

bool Loader::nothing_queued() const noexcept {
  return !flights_.has_queued() && !scan_queue_.has_any() && !stopping_.is_raised() &&
         !log_pinned_.is_raised();  // (L4)
}

bool Loader::any_dropped() const noexcept {
  return std::any_of(scans_.begin(), scans_.end(), [](const OpenScan& scan) {
    return scan.session->dropped.is_raised();  // (L4)
  });
}

// Looks for work for the polling time, but not beyond the deadline. True if a step is due.
bool Loader::poll_before_sleep(base::Instant deadline) {
  if (config_.poll_time <= base::Nanoseconds::zero()) return false;
  const base::Instant end = std::min(clock_.now() + config_.poll_time, deadline);
  do {
    for (int look = 0; look < 32; ++look) {
      if (!nothing_queued() || any_dropped()) return true;
      if (flights_.has_parked()) return false;  // they are tried again in a while
      base::spin_pause();
    }
  } while (clock_.now() < end);
  return end == deadline;
}

void Loader::sleep() {
  base::Instant deadline = base::kNever;
  for (const OpenScan& scan : scans_) deadline = std::min(deadline, scan.opened + config_.scan_time_max);
  if (poll_before_sleep(deadline)) return;
  doorbell_.park(io::Doorbell::kNoTicket);
  // After it, as everything that others do before they ring: whoever came before would not have woken us.
  if (flights_.has_parked()) deadline = std::min(deadline, clock_.now() + kParkedRetry);
  if (nothing_queued() && !any_dropped()) parker_.park_until(deadline);
  doorbell_.unpark();
}

}  // namespace dictsqlite::load
