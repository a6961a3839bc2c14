#include "flush/flusher.hpp"

#include "base/assert.hpp"
#include "base/seeded_bug.hpp"
#include "flush/direct_pipeline.hpp"
#include "flush/journaled_pipeline.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace dictsqlite::flush {

using detail::Completion;
using entry::Entry;

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
      pipeline_(make_pipeline()),
      pacer_(path.admission().bytes_max()),
      thread_(config_.threads) {}

std::unique_ptr<Pipeline> Flusher::make_pipeline() {
  if (config_.memory_only) return nullptr;
  io::FileAccess* files = config_.store.files;
  if (files == nullptr) {
    own_files_ = io::make_kernel_files();
    files = own_files_.get();
  }
  PipelineHost& host = *this;
  if (config_.journaled) {
    return std::make_unique<JournaledPipeline>(
        JournaledPipeline::Config{config_.policy, config_.store, config_.log_bytes_max, config_.log_loss,
                                  path_.admission().bytes_max(), *files, config_.clock, config_.threads},
        host, path_, cache_, watermarks_, counters_, failure_);
  }
  return std::make_unique<DirectPipeline>(DirectPipeline::Config{config_.policy, config_.store, config_.log_loss,
                                                                 path_.admission().bytes_max(), *files, config_.clock},
                                          host, path_, cache_, watermarks_, counters_);
}

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
  if (pipeline_ != nullptr) pipeline_->give_up();
  path_.doorbell().ring();
}

void Flusher::run() noexcept {
  const absl::Status opening = open();
  if (opening.ok()) {
    host_.opened();
    loop();
  } else {
    if (pipeline_ != nullptr) pipeline_->abandon();
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
  if (pipeline_ == nullptr) return host_.store_opened(nullptr);
  absl::Status status = pipeline_->open(*backend_);
  if (!status.ok()) return status;
  path_.ring().start_at(watermarks_.durable.value() + 1);
  const RecoveryFacts& recovery = pipeline_->recovery();
  if (!recovery.lost.empty()) host_.emit(EventKind::kLogLost, recovery.lost);
  counters_.recovered_writes.store(recovery.writes, std::memory_order_relaxed);            // statistics
  counters_.recovered_rows.store(recovery.rows, std::memory_order_relaxed);                // the same
  counters_.recovery_nanoseconds.store(recovery.time.count(), std::memory_order_relaxed);  // the same
  return host_.store_opened(pipeline_->store());
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
  if (pipeline_ != nullptr) pipeline_->take_news();
  if (failure_.failed() && !refused_) fail(absl::OkStatus());  // another thread of the pipeline's has met it
  complete_waiters();
  pace();
  admit_parked();
  if (closing_ && close_step()) return true;
  if (cache_.backlog_is_large()) cache_.collect();
  if (config_.memory_only || failure_.failed()) return false;

  return pipeline_->step(demand());
}

// What those who wait want, and those who found no room.
Demand Flusher::demand() noexcept {
  Demand demand;
  for (const WaitFor kind : {WaitFor::kApplied, WaitFor::kSettled}) {
    if (waiters_.any(kind)) demand.apply_to = std::max(demand.apply_to, waiters_.furthest(kind));
  }
  if (waiters_.any(WaitFor::kDurable)) {
    demand.durable_to = waiters_.furthest(WaitFor::kDurable);
    demand.durable_from = waiters_.nearest(WaitFor::kDurable);
  }
  if (waiters_.any(WaitFor::kSettled)) demand.settle_from = waiters_.nearest(WaitFor::kSettled);
  const ring::Admission& admission = path_.admission();
  // With a log, half is left for what comes while the other half is applied, which takes long.
  const std::size_t much = config_.journaled ? admission.bytes_max() / 2 : admission.bytes_max() / 4 * 3;
  demand.under_pressure = path_.parked().count() != 0 || admission.used_bytes() > much;
  demand.closing = closing_;
  return demand;
}

// --- draining and admission ---

void Flusher::drain() {
  constexpr std::size_t kRoomEvery = 1024;  // give slots back while draining, so that producers go on
  ring::WriteRing& ring = path_.ring();
  std::size_t drained = 0;
  std::size_t rows = 0;
  while (Entry* write = ring.pop()) {
    if (++drained % kRoomEvery == 0) ring.release_room();
    if (config_.memory_only || failure_.failed()) {
      if (config_.memory_only) watermarks_.applied.raise(write->sequence);
      path_.admission().give_back(WritePath::footprint(*write));
      rows += WritePath::rows(*write);
      path_.release(write);
      continue;
    }
    pipeline_->stage(write);
  }
  if (drained == 0) return;
  ring.release_room();
  if (config_.memory_only) cache_.sweep_absences(watermarks_.applied.value(), rows);
}

bool Flusher::keep_going() {
  drain();
  if (cache_.backlog_is_large()) cache_.collect();
  return !give_up_.is_raised();  // (Q2)
}

// With a log only: without one this thread is the one that applies, and admits nobody meanwhile.
void Flusher::pace() {
  if (!config_.journaled || failure_.failed()) return;
  ring::Admission& admission = path_.admission();
  const std::uint64_t given_back = counters_.bytes_applied.load(std::memory_order_relaxed);  // no more than a hint
  const bool was_pacing = pacer_.is_pacing();
  const std::size_t limit = pacer_.limit(clock_.now(), admission.used_bytes(), given_back);
  if (was_pacing || pacer_.is_pacing()) admission.open_up_to(limit);
}

void Flusher::note_stall(const Completion& parked) noexcept {
  const std::int64_t waited = clock_.now().count() - static_cast<std::int64_t>(parked.sequence);
  if (waited <= counters_.longest_stall_nanoseconds.load(std::memory_order_relaxed)) return;  // our own
  counters_.longest_stall_nanoseconds.store(waited, std::memory_order_relaxed);               // a statistic
}

void Flusher::admit_parked() {
  if (path_.parked().is_paused() || DICTSQLITE_SEEDED_BUG(kParkedForgotten)) {
    parked_seen_ = path_.parked().count();  // resume() rings
    return;
  }
  const task::ResumeThread::WakeOnce wake_once(resume_);
  while (Completion* completion = path_.parked().front()) {
    note_stall(*completion);
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
  if (DICTSQLITE_SEEDED_BUG(kAnsweredAtCommit))
    waiters_.take_up_to(WaitFor::kDurable, watermarks_.applied.value(), done);
  complete_durable();
  waiters_.take_up_to(WaitFor::kSettled, watermarks_.settled.value(), done);
  if (failure_.failed()) refuse_everyone();
}

// Who is resumed on this thread comes back with its next write while the rest of its group still waits to be resumed.
// So that the disk has something to do meanwhile, what waits goes out first; and if nothing does, the first half of the
// group goes out when it has come back. From then on the halves take turns, one written while the other one is resumed.
void Flusher::complete_durable() {
  constexpr std::size_t kGroupLeast = 16;
  Waiters::Group group = waiters_.take_group(WaitFor::kDurable, watermarks_.durable.value());
  const std::size_t half = group.count / 2;
  const bool is_group = config_.journaled && group.count >= kGroupLeast;
  if (is_group) log_ahead(0);
  for (std::size_t left = group.count; left != 0; --left) {
    if (is_group && left == half) log_ahead(half);
    detail::complete(group.pop_first(), absl::StatusCode::kOk);
  }
}

// Submits what waits if nothing is being written, unless those who were answered are still to come with most of it.
void Flusher::log_ahead(std::size_t rows_answered) {
  if (failure_.failed() || pipeline_->is_request_in_flight()) return;
  drain();
  waiters_.take_new();
  const std::size_t waiting = pipeline_->waiting_rows();
  if (waiting != 0 && rows_missing(waiting, rows_answered) == 0) pipeline_->step(demand());
}

// The database has failed: nobody's wait will end well. What was handed to SQLite may or may not survive; what was
// not is not written [I6].
void Flusher::refuse_everyone() {
  const std::string sentence = failure_.sentence();
  const auto refuse = [&](Completion* completion) {
    if (DICTSQLITE_SEEDED_BUG(kAnsweredAfterFailure)) {
      detail::complete(completion, absl::StatusCode::kOk);
    } else if (completion->sequence <= pipeline_->attempted()) {
      detail::complete(completion, absl::StatusCode::kUnknown, "it is not known what survived: " + sentence);
    } else {
      detail::complete(completion, absl::StatusCode::kAborted, "not written: " + sentence);
    }
  };
  for (const WaitFor kind : {WaitFor::kApplied, WaitFor::kDurable, WaitFor::kSettled}) {
    waiters_.take_up_to(kind, std::numeric_limits<std::uint64_t>::max(), refuse);
  }
}

// --- durability and failure ---

void Flusher::reap(std::size_t count) {
  for (std::size_t index = 0; index < count; ++index) {
    pipeline_->completed(completions_[index]);
  }
}

void Flusher::fail(const absl::Status& status) {
  if (failure_.set(status)) {
    path_.ring().fail();
    host_.emit(EventKind::kFailed, failure_.sentence());
  }
  if (std::exchange(refused_, true)) return;
  path_.admission().open_up_to(path_.admission().bytes_max());  // whoever is parked is to reach its refusal
  pipeline_->drop();
  refuse_everyone();
}

// --- closing ---

// Everybody who parked before the close moves in; then the tail freezes; then everything is drained and applied.
// True if the thread is done.
bool Flusher::close_step() {
  ring::WriteRing& ring = path_.ring();
  const bool give_up = give_up_.is_raised();  // (Q2)
  gave_up_ = give_up;
  const std::size_t unsafe_rows = pipeline_ == nullptr ? 0 : pipeline_->unsafe_rows();
  if (give_up && !failure_.failed() && unsafe_rows != 0) {
    fail(absl::DeadlineExceededError(absl::StrCat("closing took too long; ", unsafe_rows, " writes were not written")));
    return false;
  }
  if (path_.parked().count() != 0 && !give_up) return false;
  ring.close();
  drain();
  if (ring.next() != ring.claimed() ||
      (pipeline_ != nullptr && !pipeline_->is_drained() && !DICTSQLITE_SEEDED_BUG(kClosedBeforeDrained)))
    return false;
  finished_ = true;
  return true;
}

void Flusher::finish() {
  host_.store_closing();
  absl::Status status;
  if (failure_.failed()) {
    if (pipeline_ != nullptr) pipeline_->abandon();
    status = absl::FailedPreconditionError(failure_.sentence());
  } else if (pipeline_ != nullptr) {
    status = pipeline_->close(gave_up_ ? store::ClosingLog::kLeft : store::ClosingLog::kCopied);
  }
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

}  // namespace dictsqlite::flush
