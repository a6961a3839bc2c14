// sync, flush and close: wait until everything accepted so far has reached a watermark.
#include <dictsqlite/operation.hpp>

#include "database/engine.hpp"

namespace dictsqlite {

bool FenceOperation::try_now() noexcept {
  detail::Engine* engine = this->engine();
  if (engine == nullptr) {
    fail_now(absl::StatusCode::kFailedPrecondition, "there is no database in this handle");
    return true;
  }
  if (engine->is_closed()) {
    fail_now(absl::StatusCode::kFailedPrecondition, "the database is closed");
    return true;
  }
  if (kind_ == Kind::kClose) return false;
  if (engine->memory_only()) {
    fail_now(absl::StatusCode::kInvalidArgument, "sync and flush need a disk: the database is PersistMode::kMemory");
    return true;
  }
  const flush::Watermarks& marks = engine->watermarks();
  const std::uint64_t reached = kind_ == Kind::kSync ? marks.durable.value() : marks.settled.value();
  return engine->path().claimed_sequence() <= reached;
}

bool FenceOperation::suspend(detail::Completion* completion) noexcept {
  detail::Engine* engine = this->engine();
  const flush::WaitFor wait_for = kind_ == Kind::kClose  ? flush::WaitFor::kClosed
                                  : kind_ == Kind::kSync ? flush::WaitFor::kDurable
                                                         : flush::WaitFor::kSettled;
  // A close begins only now, when there is a completion for its end: a close that nobody waits for would never end.
  const bool is_late = kind_ == Kind::kClose && !engine->begin_close();
  if (!is_late && engine->wait_for(completion, wait_for, engine->path().claimed_sequence())) return true;
  detail::release(completion);
  fail_now(absl::StatusCode::kFailedPrecondition, "the database is closed");
  return false;
}

FenceOperation::Result FenceOperation::take() noexcept {
  if (immediate_.code != absl::StatusCode::kOk) return absl::Status(immediate_.code, immediate_.message);
  if (completion() != nullptr) return detail::make_status(completion()->code, completion()->message);
  return absl::OkStatus();
}

}  // namespace dictsqlite
