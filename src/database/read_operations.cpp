// get and contains: a hit in the table, or a miss that waits for the loader.
#include <dictsqlite/operation.hpp>

#include "cache/value_access.hpp"
#include "database/engine.hpp"

#include <utility>

namespace dictsqlite {

using cache::Cache;
using detail::Engine;
using detail::Immediate;

namespace {

constexpr Immediate kEmptyHandle{absl::StatusCode::kFailedPrecondition, "there is no database in this handle"};
constexpr Immediate kClosed{absl::StatusCode::kFailedPrecondition, "the database is closed"};
constexpr Immediate kNoKeyMemory{absl::StatusCode::kResourceExhausted, "no memory for the key"};

// Looks a key up in memory. True: known, and `use(entry)` was called with its entry, under a guard, or `outcome` says
// why not. False: only SQLite knows.
template <class Use>
bool look_up(Engine* engine, const detail::KeyCopy& key, Immediate& outcome, Use&& use) noexcept {
  if (DICTSQLITE_UNLIKELY(engine == nullptr)) {
    outcome = kEmptyHandle;
    return true;
  }
  if (DICTSQLITE_UNLIKELY(engine->is_closed() || key.out_of_memory())) {
    outcome = engine->is_closed() ? kClosed : kNoKeyMemory;
    return true;
  }
  const Immediate refused = engine->check_key(key.view());
  if (DICTSQLITE_UNLIKELY(refused.code != absl::StatusCode::kOk)) {
    outcome = refused;
    return true;
  }
  Cache& cache = engine->cache();
  const cache::Table::Key wanted = Cache::key(store::kMainTable, key.view());
  cache.table().prefetch_bucket(wanted.hash);  // it comes while the guard is taken, which no load overtakes
  const cache::Reclaimer::Guard guard = cache.reclaimer().enter();
  entry::Entry* entry = cache.table().find(wanted);
  if (entry != nullptr && entry->is_real()) {
    if (entry->has_value()) {
      use(*entry);
    } else {
      outcome.code = absl::StatusCode::kNotFound;
    }
    return true;
  }
  if (!engine->memory_only()) return false;
  outcome.code = absl::StatusCode::kNotFound;
  return true;
}

bool suspend_miss(Engine* engine, std::string_view key, detail::Completion* completion) noexcept {
  const load::MissOutcome outcome = engine->loader().flights().miss(Cache::key(store::kMainTable, key), completion);
  if (outcome == load::MissOutcome::kSuspended) return true;
  detail::release(completion);  // there is no completer
  return false;
}

}  // namespace

// A short value of an entry that is where most are. Says no to everything out of the ordinary, and makes no call, so
// that a compiler keeps all of it in registers.
[[gnu::always_inline]] inline bool GetOperation::try_table() noexcept {
  Engine* const engine = this->engine();
  if (DICTSQLITE_UNLIKELY(engine == nullptr || engine->is_closed() || !engine->is_key(key_.view()))) return false;
  Cache& cache = engine->cache();
  const cache::Table::Key wanted = Cache::key(store::kMainTable, key_.view());
  const cache::Reclaimer::Guard guard = cache.reclaimer().try_enter();
  if (DICTSQLITE_UNLIKELY(!guard)) return false;
  const entry::Entry* const entry = cache.table().find_alone(wanted);
  hit_ = entry != nullptr && entry->has_value() && detail::ValueAccess::assign_short(value_, *entry);
  return hit_;
}

bool GetOperation::try_now() noexcept { return DICTSQLITE_LIKELY(try_table()) || try_all(); }

[[gnu::noinline]] bool GetOperation::try_all() noexcept {
  return look_up(engine(), key_, immediate_, [this](entry::Entry& entry) {
    detail::ValueAccess::assign(value_, entry, engine_);
    hit_ = true;
  });
}

bool GetOperation::suspend(detail::Completion* completion) noexcept {
  waited_ = true;
  return suspend_miss(engine(), key_.view(), completion);
}

GetOperation::Result GetOperation::take_other() noexcept {
  if (immediate_.code != absl::StatusCode::kOk) return absl::Status(immediate_.code, immediate_.message);
  if (completion()->code == absl::StatusCode::kOk) return std::move(completion()->value);
  return detail::make_status(completion()->code, completion()->message);
}

bool ContainsOperation::try_now() noexcept {
  return look_up(engine(), key_, immediate_, [](entry::Entry&) {});
}

bool ContainsOperation::suspend(detail::Completion* completion) noexcept {
  waited_ = true;
  return suspend_miss(engine(), key_.view(), completion);
}

ContainsOperation::Result ContainsOperation::take() noexcept {
  const bool answered = waited_ && immediate_.code == absl::StatusCode::kOk;
  const absl::StatusCode code = answered ? completion()->code : immediate_.code;
  if (code == absl::StatusCode::kOk) return true;
  if (code == absl::StatusCode::kNotFound) return false;
  return answered ? detail::make_status(code, completion()->message) : absl::Status(code, immediate_.message);
}

}  // namespace dictsqlite
