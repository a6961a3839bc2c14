#include "flush/log_stage.hpp"

#include "base/assert.hpp"
#include "base/seeded_bug.hpp"

#include <algorithm>

namespace dictsqlite::flush {

using entry::Entry;
using entry::EntryKind;

namespace {

journal::LogRow row_of(const Entry& entry) noexcept {
  if (entry.kind == EntryKind::kErase) return {journal::RowKind::kErase, entry.table_id, entry.key(), {}, 0};
  return {journal::RowKind::kSet, entry.table_id, entry.key(), entry.value(), entry.expires_at};
}

}  // namespace

void LogStage::stage(Entry* write) {
  if (waiting_.empty()) oldest_waiting_ = clock_.now();
  waiting_rows_ += WritePath::rows(*write);
  next_sequence_ = write->sequence + 1;
  waiting_.push_back(write);
}

// --- deciding ---

bool LogStage::is_asked(const Demand& demand) const noexcept {
  const std::uint64_t wanted = std::max(demand.apply_to, demand.durable_to);
  // Also for one that is claimed and not drained: whoever claimed it may not have published it yet.
  return wanted >= (waiting_.empty() ? next_sequence_ : waiting_.front()->sequence);
}

LogView LogStage::view(const Demand& demand) const {
  LogView look;
  look.now = clock_.now();
  look.waiting_rows = waiting_rows_;
  look.rows_in_flight = writer_->in_flight() == 0 ? 0 : logged_rows_;
  look.oldest_waiting = oldest_waiting_;
  look.asked = is_asked(demand);
  look.under_pressure = demand.under_pressure;
  look.closing = demand.closing;
  return look;
}

base::Instant LogStage::next_look(const Demand& demand) const {
  // What was due and got no further waits for a completion, or for room.
  base::Instant next = was_due_ ? base::kNever : policy_.next_look(view(demand));
  if (writer_->is_disk_full()) next = std::min(next, retry_after_);
  return next;
}

// --- logging ---

absl::Status LogStage::step(const Demand& demand, bool& progress) {
  if (!writer_->is_disk_full() || clock_.now() >= retry_after_) {
    absl::Status status = writer_->look_ahead();
    if (!status.ok()) return status;
    if (writer_->is_disk_full()) retry_after_ = clock_.now() + kDiskFullRetry;
  }
  const bool is_due = policy_.should_log(view(demand));
  if (is_due) progress = encode() || progress;
  if (is_due || record_begun_ || writer_->has_unsubmitted()) {
    const std::size_t in_flight = writer_->in_flight();
    static_cast<void>(writer_->submit());
    progress = progress || writer_->in_flight() != in_flight;
  }
  // Evaluated here: a completion that comes before the next step brings something to do.
  was_due_ = is_due;
  is_stuck_ = !progress && writer_->is_idle() && (is_due || record_begun_ || writer_->has_unsubmitted());
  return absl::OkStatus();
}

// True if a write got into a block as a whole.
bool LogStage::encode() {
  const std::size_t before = waiting_.size();
  while (!waiting_.empty()) {
    Entry* const write = waiting_.front();
    if (!record_begun_) begin_record(*write);
    if (!writer_->add(record_)) break;
    record_begun_ = false;
    waiting_.pop_front();
    const std::size_t rows = WritePath::rows(*write);
    waiting_rows_ -= rows;
    logged_rows_ += rows;
    logged_.push_back(write);
  }
  return waiting_.size() != before;
}

void LogStage::begin_record(const Entry& write) {
  rows_.clear();
  if (write.kind == EntryKind::kBatch) {
    const BatchRows& batch = *write.word<BatchRows>();
    for (std::size_t index = 0; index < batch.count; ++index) rows_.push_back(row_of(*batch.rows[index]));
    if (DICTSQLITE_SEEDED_BUG(kBatchRowNotLogged) && rows_.size() > 1) rows_.pop_back();
    record_.begin(rows_, journal::RecordSource::As::kBatch);
  } else {
    rows_.push_back(row_of(write));
    record_.begin(rows_, journal::RecordSource::As::kSingle);
  }
  record_begun_ = true;
}

void LogStage::take_durable(std::vector<Entry*>& out) {
  while (!logged_.empty() && logged_.front()->sequence < writer_->durable_end()) {
    out.push_back(logged_.front());
    logged_rows_ -= WritePath::rows(*logged_.front());
    logged_.pop_front();
  }
}

bool LogStage::is_idle() const noexcept {
  return dropped_ || (waiting_.empty() && logged_.empty() && writer_->is_idle());
}

void LogStage::drop() noexcept {
  for (std::deque<Entry*>* const writes : {&waiting_, &logged_}) {
    for (Entry* const write : *writes) {
      path_.admission().give_back(WritePath::footprint(*write));
      path_.release(write);
    }
    writes->clear();
  }
  waiting_rows_ = 0;
  logged_rows_ = 0;
  record_begun_ = false;
  dropped_ = true;
}

}  // namespace dictsqlite::flush
