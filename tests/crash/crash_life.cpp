#include "crash/crash_life.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace dictsqlite::crash_testing {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// Simulated. Nothing waits for longer than a flush interval or the pause before a full disk is tried again.
constexpr base::Nanoseconds kPatience = std::chrono::seconds(5);

}  // namespace

CrashLife::CrashLife(testing_support::SimulatedDisk& disk, NumberedWrites& history, Promised before,
                     const LifePlan& plan, testing_support::Random& random)
    : history_(history),
      plan_(plan),
      random_(random),
      simulation_(random.next()),
      vfs_(disk, random.next()),
      pump_(simulation_),
      surroundings_(simulation_.surroundings(disk, vfs_.name())),
      promised_(before) {}

// Small enough that everything fills up, starts over and waits, again and again.
Options CrashLife::options() {
  constexpr PersistMode kModes[] = {PersistMode::kWriteBehind, PersistMode::kLazy, PersistMode::kWriteThrough};
  constexpr std::uint32_t kPageBytes[] = {512, 1024, 4096};
  Options options;
  options.path = kDatabasePath;
  options.executor = pump_.executor();
  options.journal = plan_.journal;
  options.persist_mode = mode_ = kModes[random_.below(std::size(kModes))];
  options.page_bytes = kPageBytes[random_.below(std::size(kPageBytes))];
  options.buffer_size = 1 + random_.below(10);
  options.flush_interval = milliseconds(1 + random_.below(3));
  options.ring_capacity = 16;
  options.cache_bytes = 1u << 20;
  options.unapplied_bytes = 1u << 20;
  options.value_bytes_max = 1u << 16;
  options.batch_bytes_max = 1u << 17;
  options.batch_rows_max = 100;
  options.loads_max = 16;
  options.wal_bytes = 64u << 10;
  options.log_bytes = 4u << 20;
  return options;
}

bool CrashLife::run() {
  if (!open()) return wrong_.empty();
  write_all();
  if (wrong_.empty()) wait_until("answers", [&] { return unanswered_ == 0; });
  if (wrong_.empty() && random_.one_in(2)) close();
  promised_ = promised();
  is_open_ = false;
  database_ = Database();
  return wrong_.empty();
}

Promised CrashLife::promised() const {
  Promised now = promised_;
  if (is_open_) now.durable = std::max(now.durable, database_.stats().durable_sequence);
  return now;
}

bool CrashLife::open() {
  auto opened = wait_for("open", detail::open_in(surroundings_, options()));
  if (!opened) return false;
  opening_ = opened->status().code();
  if (!opened->ok()) {
    if (plan_.faults == Faults::kNone) wrong_ = "not opened: " + std::string(opened->status().message());
    return false;
  }
  database_ = *std::move(*opened);
  const std::uint64_t found = database_.stats().durable_sequence;
  if (found < promised_.durable || found > promised_.possible) {
    wrong_ = "a life begins with " + std::to_string(found) + " writes, not with " + std::to_string(promised_.durable) +
             " to " + std::to_string(promised_.possible);
    return false;
  }
  history_.go_on_from(found);
  promised_ = {found, found};
  accepted_ = found;
  is_open_ = true;
  return true;
}

void CrashLife::write_all() {
  const std::size_t count = plan_.writes_min + random_.below(plan_.writes_max - plan_.writes_min + 1);
  const std::uint64_t last = promised_.possible + count;
  for (std::uint64_t number = promised_.possible + 1; number <= last; ++number) {
    write(number);
    if (random_.one_in(12)) wait_until("answers", [&] { return unanswered_ == 0; });
    if (random_.one_in(20)) fence();
    if (random_.one_in(5)) simulation_.sleep(microseconds(random_.below(2'000)));
    if (!wrong_.empty() || !failure_.ok()) return;
  }
}

// In the order of their numbers: each is accepted, or parked in order, when it is started.
void CrashLife::write(std::uint64_t number) {
  promised_.possible = number;
  ++unanswered_;
  WriteOptions how;
  if (random_.one_in(4)) how.ack = random_.one_in(2) ? Ack::kDurable : Ack::kAccepted;
  const Ack ack = how.ack.value_or(mode_ == PersistMode::kWriteThrough ? Ack::kDurable : Ack::kAccepted);
  const auto answer = [this, number, ack](const absl::Status& status) noexcept { answered(number, ack, status); };
  switch (history_.kind(number)) {
    case NumberedWrites::Kind::kSet:
      database_.set_async(history_.key(number), history_.value(number), how).start(answer);
      break;
    case NumberedWrites::Kind::kErase:
      database_.erase_async(history_.key(number), how).start(answer);
      break;
    case NumberedWrites::Kind::kBatch:
      database_.write_async(history_.batch(number), how).start(answer);
      break;
  }
}

void CrashLife::answered(std::uint64_t number, Ack ack, const absl::Status& status) {
  --unanswered_;
  if (status.ok()) {
    accepted_ = std::max(accepted_, number);
    if (ack == Ack::kDurable) promised_.durable = std::max(promised_.durable, number);
    return;
  }
  judge_answer(status);
  // These two say that it is not there, and will not be.
  if (absl::IsAborted(status) || absl::IsFailedPrecondition(status)) {
    promised_.possible = std::min(promised_.possible, number - 1);
  }
}

void CrashLife::fence() {
  const std::uint64_t before = accepted_;
  const auto status =
      random_.one_in(2) ? wait_for("sync", database_.sync_async()) : wait_for("flush", database_.flush_async());
  if (!status) return;
  judge_answer(*status);
  if (status->ok()) promised_.durable = std::max(promised_.durable, before);
}

void CrashLife::close() {
  const auto status = wait_for("close", database_.close_async());
  if (!status) return;
  if (status->ok()) promised_.durable = std::max(promised_.durable, accepted_);
  closing_ = *status;
  // What kept something from being written; with a log, that there was no room to say that it is needed no more.
  const bool may_be = absl::IsInternal(*status) || (absl::IsUnavailable(*status) && plan_.journal == Journal::kOn);
  if (!may_be || plan_.faults == Faults::kNone) judge_answer(*status);
}

void CrashLife::judge_answer(const absl::Status& status) {
  if (status.ok()) return;
  failure_.Update(status);
  const bool is_honest = absl::IsUnknown(status) || absl::IsAborted(status) || absl::IsFailedPrecondition(status);
  if (is_honest && plan_.faults == Faults::kExpected) return;
  if (wrong_.empty()) wrong_ = "an operation was answered: " + status.ToString();
}

template <class Done>
bool CrashLife::wait_until(const char* what, Done done) {
  const base::Instant late = simulation_.now() + kPatience;
  bool is_done = false;
  pump_.run_until([&] { return (is_done = done()) || simulation_.now() > late; });
  if (!is_done && wrong_.empty()) wrong_ = std::string("waits in vain: ") + what;
  return is_done;
}

template <class Operation>
std::optional<typename Operation::Result> CrashLife::wait_for(const char* what, Operation operation) {
  using Answer = std::optional<typename Operation::Result>;
  const auto answer = std::make_shared<Answer>();  // it may come after we have given up
  std::move(operation).start(
      [answer](typename Operation::Result result) noexcept { answer->emplace(std::move(result)); });
  if (!wait_until(what, [&] { return answer->has_value(); })) return std::nullopt;
  return std::move(*answer);
}

}  // namespace dictsqlite::crash_testing
