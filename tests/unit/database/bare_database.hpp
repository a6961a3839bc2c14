// BareDatabase: an engine that was never opened, for tests of operations. The test is its loader; writes are accepted
// and stay in the ring. What would wait for the flusher cannot be run here.
#pragma once

#include <dictsqlite/operation.hpp>

#include "support/suspended.hpp"
#include "unit/database/bare_engine.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dictsqlite::detail {

/// A coroutine that runs one operation, and what came out of it.
///
/// Thread-safety: none. Ownership: destroys the coroutine, wherever it is; outlives its resumption.
template <class Operation>
class Running {
 public:
  explicit Running(Operation operation) : coroutine_(run(std::move(operation), &result_)) {}
  ~Running() { coroutine_.handle.destroy(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  [[nodiscard]] bool is_done() const { return result_.has_value(); }
  [[nodiscard]] const typename Operation::Result& result() const { return *result_; }

 private:
  static testing_support::Suspended run(Operation operation, std::optional<typename Operation::Result>* result) {
    result->emplace(co_await std::move(operation));
  }

  std::optional<typename Operation::Result> result_;
  testing_support::Suspended coroutine_;
};

/// Thread-safety: none. Ownership: of the engine; what was accepted is taken out of the ring at its end.
class BareDatabase : public BareEngine {
 public:
  explicit BareDatabase(PersistMode mode = PersistMode::kWriteBehind) : BareDatabase(options(mode)) {}
  explicit BareDatabase(const Options& options) : BareEngine(options) {}
  ~BareDatabase() {
    while (entry::Entry* const write = (*this)->path().ring().pop()) (*this)->path().release(write);
  }

  /// Everything resumes at once, where it is completed.
  [[nodiscard]] static Options options(PersistMode mode = PersistMode::kWriteBehind) {
    Options options = BareEngine::memory_only();
    options.path = "/nowhere/test.db";
    options.persist_mode = mode;
    options.executor = inline_executor();
    return options;
  }

  /// What the cache knows of a key: written as sequence `sequence`, or found absent.
  void know(entry::EntryKind kind, std::string_view key, std::string_view value = {}, std::uint64_t sequence = 1) {
    entry::Entry* const entry = pool().make(kind, store::kMainTable, key, value, store::kNoExpiry);
    ASSERT_NE(entry, nullptr);
    entry->sequence = sequence;
    const cache::Reclaimer::Guard guard = (*this)->cache().reclaimer().enter();
    (*this)->cache().table().install(cache::Cache::key(store::kMainTable, key).hash, entry, 0);
  }

  // --- the loader's part ---

  using Flights = std::vector<load::Flight*>;
  [[nodiscard]] Flights take_flights() { return listed((*this)->loader().flights().take_queued()); }
  /// From now on misses are refused.
  void close_flights() { EXPECT_EQ((*this)->loader().flights().take_last(), nullptr); }
  /// Lands a flight with a value, or with the key's absence.
  void land(load::Flight* flight, std::optional<std::string_view> value) {
    const entry::EntryKind kind = value ? entry::EntryKind::kSet : entry::EntryKind::kAbsent;
    flight->loaded = pool().make(kind, store::kMainTable, flight->pending->key(), value.value_or(""), store::kNoExpiry);
    ASSERT_NE(flight->loaded, nullptr);
    (*this)->loader().flights().land({&flight, 1});
  }
  void land_error(load::Flight* flight, const absl::Status& error) {
    flight->error = error;
    (*this)->loader().flights().land({&flight, 1});
  }

 private:
  static Flights listed(load::Flight* first) {
    Flights flights;
    for (; first != nullptr; first = first->next) flights.push_back(first);
    return flights;
  }
};

}  // namespace dictsqlite::detail
