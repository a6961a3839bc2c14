// Who misses keys, and flights without a loader: the test is the loader, it takes the flights and lands them with what
// it likes. Completions count how often they are answered.
#pragma once

#include "load/flights.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dictsqlite::load {

inline constexpr std::uint32_t kTable = 1;
inline constexpr std::size_t kCacheBytes = 1u << 20;
inline constexpr std::uint64_t kNobody = ~std::uint64_t{0};

// Somebody who misses a key. Answered through the completion's intercept: no executor and no engine take part.
class Reader {
 public:
  explicit Reader(const Flights& flights) : flights_(flights) {
    completion_.intercept = [](detail::Completion* completion) noexcept {
      auto& self = *static_cast<Reader*>(completion->intercept_context);
      ++self.answers_;
      self.in_flight_when_answered_ = self.flights_.in_flight();
      if (self.log_ != nullptr) self.log_->push_back(&self);
    };
    completion_.intercept_context = this;
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void note_in(std::vector<const Reader*>* log) { log_ = log; }

  [[nodiscard]] detail::Completion* completion() { return &completion_; }
  [[nodiscard]] int answers() const { return answers_; }
  [[nodiscard]] std::uint64_t in_flight_when_answered() const { return in_flight_when_answered_; }
  [[nodiscard]] absl::StatusCode code() const { return completion_.code; }
  [[nodiscard]] std::string_view message() const { return completion_.message; }
  [[nodiscard]] std::string_view value() const { return completion_.value.view(); }

 private:
  const Flights& flights_;
  detail::Completion completion_;
  int answers_ = 0;
  std::uint64_t in_flight_when_answered_ = kNobody;
  std::vector<const Reader*>* log_ = nullptr;
};

inline void expect_value(const Reader& reader, std::string_view value) {
  EXPECT_EQ(reader.answers(), 1);
  EXPECT_EQ(reader.code(), absl::StatusCode::kOk);
  EXPECT_EQ(reader.value(), value);
}
inline void expect_code(const Reader& reader, absl::StatusCode code, std::string_view message) {
  EXPECT_EQ(reader.answers(), 1);
  EXPECT_EQ(reader.code(), code);
  EXPECT_EQ(reader.message(), message);
  EXPECT_EQ(reader.value(), "");
}

inline constexpr std::string_view kClosedMessage = "the database is closed";

// A write that was accepted as `sequence`.
inline void install(cache::Cache& cache, const base::Watermark& applied, entry::EntryKind kind, std::string_view key,
                    std::string_view value, std::uint64_t sequence) {
  entry::Entry* const entry = cache.pool().make(kind, kTable, key, value, 0);
  ASSERT_NE(entry, nullptr);
  entry->sequence = sequence;
  const cache::Reclaimer::Guard guard = cache.reclaimer().enter();
  cache.table().install(cache::Cache::key(kTable, key).hash, entry, applied.value());
}
// Applies all writes up to `sequence`, and forgets what is clean then.
inline void apply_and_evict(cache::Cache& cache, base::Watermark& applied, std::uint64_t sequence) {
  applied.raise(sequence);
  std::uint64_t evicted = 0;
  const cache::Reclaimer::Guard guard = cache.reclaimer().enter();
  cache.table().evict(~std::size_t{0}, sequence, evicted);
}

class FlightsTest : public testing::Test {
 protected:
  explicit FlightsTest(std::size_t flights_max = 100) : flights_(cache_, applied_, flights_max, doorbell_) {
    EXPECT_TRUE(cache_.valid());
    doorbell_.set_waker({&wakes_, [](void* count) noexcept { ++*static_cast<int*>(count); }});
  }
  // Whatever a test leaves in flight still lands.
  void TearDown() override {
    if (!last_taken_) {
      for (Flight* flight : take()) land_absent(flight);
    }
    EXPECT_EQ(flights_.in_flight(), 0u);
  }

  Reader& reader() { return *readers_.emplace_back(std::make_unique<Reader>(flights_)); }
  MissOutcome miss(Reader& reader, std::string_view key) {
    return flights_.miss(cache::Cache::key(kTable, key), reader.completion());
  }
  // Somebody who misses `key` and has to wait.
  Reader& waits_for(std::string_view key) {
    Reader& waiting = reader();
    EXPECT_EQ(miss(waiting, key), MissOutcome::kSuspended);
    EXPECT_EQ(waiting.answers(), 0);
    return waiting;
  }

  std::vector<Flight*> take() { return listed(flights_.take_queued()); }
  std::vector<Flight*> take_last() {
    last_taken_ = true;
    return listed(flights_.take_last());
  }
  static std::vector<Flight*> listed(Flight* first) {
    std::vector<Flight*> flights;
    for (; first != nullptr; first = first->next) flights.push_back(first);
    return flights;
  }
  // The one flight that is queued.
  Flight* take_one() {
    const std::vector<Flight*> flights = take();
    EXPECT_EQ(flights.size(), 1u);
    return flights.size() == 1 ? flights.front() : nullptr;
  }
  void load(Flight* flight, entry::EntryKind kind, std::string_view value, std::uint64_t snapshot) {
    flight->loaded = cache_.pool().make(kind, kTable, flight->pending->key(), value, 0);
    ASSERT_NE(flight->loaded, nullptr);
    flight->loaded->sequence = snapshot;
  }
  void land(const std::vector<Flight*>& flights) { flights_.land(flights); }
  void land_value(Flight* flight, std::string_view value, std::uint64_t snapshot = 0) {
    load(flight, entry::EntryKind::kSet, value, snapshot);
    land({flight});
  }
  void land_absent(Flight* flight) {
    load(flight, entry::EntryKind::kAbsent, {}, 0);
    land({flight});
  }
  void land_error(Flight* flight, absl::Status error) {
    flight->error = std::move(error);
    land({flight});
  }

  void write(entry::EntryKind kind, std::string_view key, std::string_view value, std::uint64_t sequence) {
    install(cache_, applied_, kind, key, value, sequence);
  }
  entry::Entry* find(std::string_view key) {
    const cache::Reclaimer::Guard guard = cache_.reclaimer().enter();
    return cache_.table().find(cache::Cache::key(kTable, key));
  }
  // "value", or what else is known of the key in words.
  std::string known(std::string_view key) {
    const cache::Reclaimer::Guard guard = cache_.reclaimer().enter();
    const entry::Entry* const entry = cache_.table().find(cache::Cache::key(kTable, key));
    if (entry == nullptr) return "(nothing)";
    if (entry->kind == entry::EntryKind::kPending) return "(pending)";
    return entry->has_value() ? std::string(entry->value()) : "(absent)";
  }
  void evict_everything_up_to(std::uint64_t applied) { apply_and_evict(cache_, applied_, applied); }
  // All memory of flights and entries, but for what the table keeps, is free again.
  std::size_t memory_used() {
    cache_.collect();
    return cache_.pool().used_bytes();
  }

  cache::Cache cache_{kCacheBytes, kCacheBytes};
  base::Watermark applied_;
  io::Doorbell doorbell_;
  int wakes_ = 0;
  bool last_taken_ = false;
  Flights flights_;
  std::vector<std::unique_ptr<Reader>> readers_;
};

}  // namespace dictsqlite::load
