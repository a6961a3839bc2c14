// set, erase and write: accepted at once, or parked until there is room, or waiting until durable.
#include <dictsqlite/operation.hpp>

#include "database/engine.hpp"
#include "database/make_write.hpp"

#include <utility>

namespace dictsqlite {

using detail::WriteStep;
using entry::Entry;
using flush::AcceptOutcome;

WriteOperation::~WriteOperation() {
  if (entry_ != nullptr) engine()->path().release(static_cast<Entry*>(entry_));
}

bool WriteOperation::try_now() noexcept {
  if (step_ != WriteStep::kMade) return true;
  detail::Engine& engine = *this->engine();
  if (DICTSQLITE_UNLIKELY(engine.is_closed())) {
    fail_now(absl::StatusCode::kFailedPrecondition, "the database is closed");
    return true;
  }
  // Whoever waits until it is durable rings when the waiter is there too: see suspend().
  const flush::Ring ring = ack_ == Ack::kDurable ? flush::Ring::kByCaller : flush::Ring::kAtOnce;
  const flush::Accepted accepted = engine.path().try_accept(static_cast<Entry*>(entry_), ring);
  switch (accepted.outcome) {
    case AcceptOutcome::kAccepted:
      entry_ = nullptr;
      step_ = WriteStep::kAccepted;
      sequence_ = accepted.sequence;
      return ack_ == Ack::kAccepted;
    case AcceptOutcome::kNoRoom:
      return false;
    case AcceptOutcome::kFull:
      fail_now(absl::StatusCode::kResourceExhausted, "the database in memory is full: Options::cache_bytes");
      return true;
    case AcceptOutcome::kDiskFull:
      fail_now(absl::StatusCode::kUnavailable, "the disk is full and Options::disk_full is kRefuse");
      return true;
    case AcceptOutcome::kClosed:
      fail_now(absl::StatusCode::kFailedPrecondition, "the database is closed");
      return true;
    case AcceptOutcome::kFailed:
      message_ = engine.failure().sentence();
      fail_now(absl::StatusCode::kFailedPrecondition, "");
      return true;
  }
  return true;
}

void WriteOperation::fail_now(absl::StatusCode code, const char* message) noexcept {
  immediate_ = {code, message};
  if (step_ != WriteStep::kAccepted) return;
  // It is not undone, and there will be no waiter to ring for it. What is not known is whether it becomes durable.
  immediate_.code = absl::StatusCode::kUnknown;
  engine()->path().doorbell().ring();
}

bool WriteOperation::suspend(detail::Completion* completion) noexcept {
  detail::Engine& engine = *this->engine();
  if (step_ == WriteStep::kAccepted) {
    if (engine.wait_for(completion, flush::WaitFor::kDurable, sequence_)) return true;
    detail::release(completion);
    if (engine.watermarks().durable.value() < sequence_) {
      fail_now(absl::StatusCode::kUnknown, "the database was closed before the write was known to be durable");
    }
    return false;
  }
  // The operation may be gone as soon as the write is parked.
  void* const entry = std::exchange(entry_, nullptr);
  completion->subject = entry;
  completion->kind = static_cast<std::uint8_t>(ack_);
  completion->sequence =
      static_cast<std::uint64_t>(engine.clock().now().count());  // it has none yet: since when it waits
  if (engine.path().parked().push(completion)) {
    engine.path().doorbell().ring();
    return true;
  }
  entry_ = entry;
  detail::release(completion);
  fail_now(absl::StatusCode::kFailedPrecondition, "the database is closed");
  return false;
}

WriteOperation::Result WriteOperation::take() noexcept {
  if (immediate_.code != absl::StatusCode::kOk) {
    return message_.empty() ? absl::Status(immediate_.code, immediate_.message)
                            : absl::Status(immediate_.code, message_);
  }
  if (completion() != nullptr) return detail::make_status(completion()->code, completion()->message);
  return absl::OkStatus();
}

}  // namespace dictsqlite
