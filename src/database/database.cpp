#include <dictsqlite/database.hpp>

#include "database/engine.hpp"
#include "database/make_write.hpp"
#include "database/options_check.hpp"
#include "database/scan_range.hpp"
#include "load/scan_session.hpp"

#include <limits>
#include <utility>

namespace dictsqlite {

using detail::Engine;
using detail::EngineHandle;
using entry::EntryKind;

namespace {

// A handle for one operation: empty if the database handle is.
EngineHandle handle_of(const EngineHandle& owner) noexcept { return owner ? owner.get()->spread() : EngineHandle(); }

[[gnu::noinline]] GetOperation any_get(const EngineHandle& owner, std::string_view key) noexcept {
  return {handle_of(owner), key};
}

// The end of the owner's hold on an engine.
void close_owned(EngineHandle& engine) noexcept {
  if (!engine) return;
  engine.get()->shutdown();
  engine.get()->let_go();
  engine.reset();
}

}  // namespace

Database::Database() noexcept = default;
Database::Database(EngineHandle engine) noexcept : engine_(std::move(engine)) {}
Database::Database(Database&&) noexcept = default;
Database::~Database() { close_owned(engine_); }
Database& Database::operator=(Database&& other) noexcept {
  if (this != &other) {
    close_owned(engine_);
    engine_ = std::move(other.engine_);
  }
  return *this;
}

WriteOperation Database::set_async(std::string_view key, std::string_view value, WriteOptions options) {
  return detail::make_write(handle_of(engine_), EntryKind::kSet, key, value, options);
}
WriteOperation Database::erase_async(std::string_view key, WriteOptions options) {
  return detail::make_write(handle_of(engine_), EntryKind::kErase, key, {}, options);
}
WriteOperation Database::write_async(const WriteBatch& batch, WriteOptions options) {
  return detail::make_write(handle_of(engine_), batch, options);
}
// Makes no call, unless something is out of the ordinary: that costs less than a hit.
GetOperation Database::get_async(std::string_view key) {
  Engine* const engine = engine_.get();
  if (DICTSQLITE_LIKELY(engine != nullptr && key.size() <= detail::KeyCopy::kInlineBytes &&
                        engine->handles().try_retain_by_owner())) {
    return {EngineHandle(engine), key};
  }
  return any_get(engine_, key);
}
ContainsOperation Database::contains_async(std::string_view key) { return {handle_of(engine_), key}; }
BatchGetOperation Database::batch_get_async(std::span<const std::string_view> keys) {
  return {handle_of(engine_), keys};
}
FenceOperation Database::sync_async() { return {handle_of(engine_), FenceOperation::Kind::kSync}; }
FenceOperation Database::flush_async() { return {handle_of(engine_), FenceOperation::Kind::kFlush}; }
FenceOperation Database::close_async() { return {handle_of(engine_), FenceOperation::Kind::kClose}; }

Scan Database::scan(const ScanOptions& options) {
  auto* session = new ScanNextOperation::State();
  session->order = options.reverse ? store::ScanOrder::kReverse : store::ScanOrder::kForward;
  session->rows_left = options.limit != 0 ? options.limit : std::numeric_limits<std::size_t>::max();
  if (std::optional<store::KeyRange> range = detail::scan_range(options)) {
    session->range = *std::move(range);
  } else {
    session->fail(absl::StatusCode::kInvalidArgument, "ScanOptions::prefix and from/to exclude each other");
  }
  return {handle_of(engine_), session};
}

absl::Status Database::set(std::string_view key, std::string_view value, WriteOptions options) {
  return set_async(key, value, options).wait();
}
absl::Status Database::erase(std::string_view key, WriteOptions options) { return erase_async(key, options).wait(); }
absl::Status Database::write(const WriteBatch& batch, WriteOptions options) {
  return write_async(batch, options).wait();
}
absl::StatusOr<Value> Database::get(std::string_view key) { return get_async(key).wait(); }
absl::StatusOr<bool> Database::contains(std::string_view key) { return contains_async(key).wait(); }
std::vector<absl::StatusOr<Value>> Database::batch_get(std::span<const std::string_view> keys) {
  return batch_get_async(keys).wait();
}
absl::Status Database::sync() { return sync_async().wait(); }
absl::Status Database::flush() { return flush_async().wait(); }
absl::Status Database::close() { return close_async().wait(); }

Stats Database::stats() const { return engine_ ? engine_.get()->stats() : Stats{}; }

// --- opening ---

absl::StatusOr<Database> Database::open(Options options) { return open_async(std::move(options)).wait(); }
OpenOperation Database::open_async(Options options) { return {std::move(options), nullptr}; }

OpenOperation detail::open_in(const Surroundings& surroundings, Options options) {
  return {std::move(options), &surroundings};
}

OpenOperation::OpenOperation(Options options, const detail::Surroundings* surroundings) noexcept
    : Operation(EngineHandle()), options_(std::make_unique<Options>(std::move(options))), surroundings_(surroundings) {}

// Closing waits until the opening has ended, and that must not resume a coroutine whose frame is being destroyed.
OpenOperation::~OpenOperation() {
  abandon();
  close_owned(engine_);
}

bool OpenOperation::try_now() noexcept {
  status_ = detail::check_options(*options_);
  if (!status_.ok()) return true;
  absl::StatusOr<EngineHandle> engine =
      Engine::create(*options_, surroundings_ != nullptr ? *surroundings_ : detail::Surroundings());
  if (!engine.ok()) {
    status_ = engine.status();
    return true;
  }
  engine_ = *std::move(engine);
  return false;
}

bool OpenOperation::suspend(detail::Completion* completion) noexcept {
  const absl::Status status = engine()->open(completion);
  if (status.ok()) return true;
  detail::release(completion);  // there is no completer
  status_ = status;
  return false;
}

OpenOperation::Result OpenOperation::take() noexcept {
  if (status_.ok() && completion() != nullptr) status_ = detail::make_status(completion()->code, completion()->message);
  if (!status_.ok()) return status_;
  return Database(std::move(engine_));
}

}  // namespace dictsqlite
