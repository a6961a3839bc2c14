// scan: rows in chunks from the loader, which reads them in one transaction.
#include <dictsqlite/scan.hpp>

#include "database/engine.hpp"
#include "load/scan_session.hpp"

#include <limits>
#include <utility>

namespace dictsqlite {

using detail::Completion;
using detail::Engine;
using Session = ScanNextOperation::State;

namespace {

// The first fetch had to wait until everything accepted before was applied: now it is, or never will be.
void applied(Completion* completion) noexcept {
  auto* session = static_cast<Session*>(completion->intercept_context);
  completion->intercept = nullptr;
  if (completion->code == absl::StatusCode::kOk) {
    Engine& engine = *completion->engine.get();
    session->completion = completion;
    if (engine.loader().queue_scan(session)) return;
    session->fail(absl::StatusCode::kFailedPrecondition, "the database is closed");
  } else {
    session->fail(absl::StatusCode::kFailedPrecondition, completion->engine.get()->failure().sentence());
  }
  session->completion = nullptr;
  session->release();
  detail::complete(completion, absl::StatusCode::kOk);
}

}  // namespace

ScanNextOperation::ScanNextOperation(detail::EngineHandle engine, State* state) noexcept
    : Operation(std::move(engine)), state_(state) {
  if (state_ != nullptr) state_->retain();
}

ScanNextOperation::~ScanNextOperation() {
  if (state_ == nullptr) return;
  if (waiting_) state_->withdrawn = true;
  state_->release();
}

bool ScanNextOperation::try_now() noexcept {
  if (state_ == nullptr || state_->withdrawn) return true;
  if (state_->position < state_->rows.size() || state_->exhausted) return true;
  if (engine() == nullptr) {
    fail_now(absl::StatusCode::kFailedPrecondition, "there is no database in this handle");
    return true;
  }
  if (engine()->is_closed()) {
    fail_now(absl::StatusCode::kFailedPrecondition, "the database is closed");
    return true;
  }
  return false;
}

bool ScanNextOperation::suspend(Completion* completion) noexcept {
  Engine* engine = this->engine();
  Session* session = state_;
  session->retain();  // the fetch's
  waiting_ = true;
  completion->intercept_context = session;
  if (!std::exchange(session->started, true)) {
    completion->intercept = &applied;
    if (engine->wait_for(completion, flush::WaitFor::kApplied, engine->path().claimed_sequence())) return true;
    completion->intercept = nullptr;
  } else {
    session->completion = completion;
    if (engine->loader().queue_scan(session)) return true;
    session->completion = nullptr;
  }
  waiting_ = false;
  session->release();
  detail::release(completion);  // there is no completer
  fail_now(absl::StatusCode::kFailedPrecondition, "the database is closed");
  return false;
}

void ScanNextOperation::fail_now(absl::StatusCode code, const char* message) noexcept {
  if (!state_->exhausted) state_->fail(code, message);
}

ScanNextOperation::Result ScanNextOperation::take() noexcept {
  waiting_ = false;
  if (state_ == nullptr || state_->withdrawn) return std::nullopt;
  if (state_->position >= state_->rows.size()) return std::nullopt;
  store::ScannedRow& row = state_->rows[state_->position++];
  state_->last_key = row.key;
  return Row{std::move(row.key), std::move(row.value)};
}

// --- Scan ---

Scan::Scan(detail::EngineHandle engine, Session* state) noexcept : engine_(std::move(engine)), state_(state) {}

Scan& Scan::operator=(Scan&& other) noexcept {
  if (this != &other) {
    Scan old(std::move(*this));
    engine_ = std::move(other.engine_);
    state_ = std::exchange(other.state_, nullptr);
  }
  return *this;
}

Scan::~Scan() {
  if (state_ == nullptr) return;
  state_->dropped.raise();  // (Y2); (L3): before the look at the doorbell
  if (engine_) engine_.get()->loader().ring();
  state_->release();
}

ScanNextOperation Scan::next_async() noexcept { return ScanNextOperation(engine_.share(), state_); }

std::optional<Row> Scan::next() { return next_async().wait(); }

absl::Status Scan::status() const {
  if (state_ == nullptr) return absl::FailedPreconditionError("this scan was moved from");
  if (state_->withdrawn) return absl::CancelledError("whoever waited for the next row was destroyed");
  return detail::make_status(state_->code, state_->message);
}

const std::string& Scan::resume_key() const noexcept {
  static const std::string none;
  return state_ == nullptr ? none : state_->last_key;
}

}  // namespace dictsqlite
