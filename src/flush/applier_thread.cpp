#include "flush/applier_thread.hpp"

#include "base/seeded_bug.hpp"

#include <algorithm>
#include <utility>

namespace dictsqlite::flush {

using entry::Entry;

absl::Status ApplierThread::start(Applier& applier, std::size_t rows_due) {
  applier_ = &applier;
  rows_due_ = rows_due;
  return thread_.start(
      "dictsql-apply", [](void* self) noexcept { static_cast<ApplierThread*>(self)->run(); }, this);
}

// --- the flusher's side ---

void ApplierThread::hand_over(std::vector<Entry*>& writes, const Demand& demand) {
  std::size_t rows = 0;
  for (const Entry* write : writes) rows += WritePath::rows(*write);
  bool wakes = false;
  {
    const base::MutexLock lock(mutex_);
    // To start its clock, when a transaction is due, and when something else is wanted than before. Otherwise it sleeps
    // until its time comes: who waits for the next block would pay for a wake-up at each.
    const std::size_t had = staged_rows_ + inbox_rows_;
    wakes = (had == 0 && !writes.empty()) || (had < rows_due_ && had + rows >= rows_due_) || demand != demand_;
    demand_ = demand;
    inbox_rows_ += rows;
    inbox_.insert(inbox_.end(), writes.begin(), writes.end());
  }
  writes.clear();
  if (wakes && !DICTSQLITE_SEEDED_BUG(kApplierNotWoken)) parker_.unpark();
}

void ApplierThread::end() noexcept {
  if (ending_.is_raised()) return;
  ending_.raise();
  parker_.unpark();
}

void ApplierThread::give_up() noexcept {
  give_up_.raise();
  parker_.unpark();
}

void ApplierThread::join() noexcept { thread_.join(); }

// --- the thread ---

void ApplierThread::run() noexcept {
  for (;;) {
    const bool is_ending = ending_.is_raised();  // before the inbox: nothing comes after it
    const Demand demand = take_inbox();
    if (failure_.failed() || (is_ending && give_up_.is_raised())) {
      drop();
      if (is_ending) break;
      parker_.park();
      continue;
    }
    if (is_ending && applier_->is_idle()) break;
    if (give_up_.is_raised()) {  // nothing would come of a transaction
      parker_.park();
      continue;
    }
    if (applier_->step(demand)) {
      tell();
    } else {
      parker_.park_until(applier_->next_look(demand));
    }
  }
  ended_.raise();
  tell();
}

Demand ApplierThread::take_inbox() {
  Demand demand;
  {
    const base::MutexLock lock(mutex_);
    taken_.swap(inbox_);
    staged_rows_ = applier_->staged_rows() + std::exchange(inbox_rows_, 0);
    demand = demand_;
  }
  for (Entry* const write : taken_) applier_->stage(write);
  taken_.clear();
  return demand;
}

void ApplierThread::drop() noexcept {
  applier_->drop();
  const base::MutexLock lock(mutex_);
  staged_rows_ = 0;
}

void ApplierThread::tell() noexcept {
  news_.raise();  // (Q1)
  if (!DICTSQLITE_SEEDED_BUG(kNewsNotTold)) path_.doorbell().ring();
}

bool ApplierThread::keep_going() {
  if (cache_.backlog_is_large()) cache_.collect();
  return !give_up_.is_raised() && !failure_.failed();
}

// The flusher hears of it by the news, and tells everybody who waits.
void ApplierThread::apply_failed(const absl::Status& status) {
  if (failure_.set(status)) {
    path_.ring().fail();
    host_.emit(EventKind::kFailed, failure_.sentence());
  }
  applier_->drop();
}

void ApplierThread::start_sync(int fd) {
  int error = files_.data_sync(fd);
  if (error != 0 && DICTSQLITE_SEEDED_BUG(kSyncRetried)) error = files_.data_sync(fd);
  applier_->sync_finished(-error);
}

}  // namespace dictsqlite::flush
