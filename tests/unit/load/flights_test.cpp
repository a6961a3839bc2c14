// Goal: a key that is missed is loaded once however many ask for it, each of them is answered once, and what is loaded
// never takes the place of what was written meanwhile. Method: the test is the loader; see flights_fixture.hpp.
#include "load/flights.hpp"

#include "support/scale.hpp"
#include "support/start_line.hpp"
#include "support/taken_memory.hpp"
#include "unit/load/flights_fixture.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace dictsqlite::load {
namespace {

using cache::Cache;
using entry::Entry;
using entry::EntryKind;
using testing_support::scaled;

// --- one flight, one answer each ---

TEST_F(FlightsTest, BringAValueToWhoeverMissedItAndToTheTable) {
  Reader& waiting = waits_for("key");
  EXPECT_TRUE(flights_.has_queued());
  EXPECT_EQ(flights_.in_flight(), 1u);
  EXPECT_EQ(known("key"), "(pending)");
  Flight* const flight = take_one();
  ASSERT_NE(flight, nullptr);
  EXPECT_FALSE(flights_.has_queued());
  EXPECT_EQ(flight->pending->key(), "key");
  EXPECT_EQ(flight->pending->table_id, kTable);
  EXPECT_EQ(flight->hash, Cache::key(kTable, "key").hash);
  land_value(flight, "value", 7);
  expect_value(waiting, "value");
  EXPECT_EQ(known("key"), "value");
  EXPECT_EQ(find("key")->sequence, 7u);
  EXPECT_EQ(find("key")->references.load(), 1u) << "the table's alone";
  EXPECT_EQ(flights_.in_flight(), 0u);
  EXPECT_EQ(memory_used(), entry::EntryPool::footprint(3, 5));
}

TEST_F(FlightsTest, AreOneForAKeyHoweverManyMissIt) {
  constexpr std::size_t kReaders = 10;
  for (std::size_t number = 0; number < kReaders; ++number) waits_for("key");
  EXPECT_EQ(flights_.in_flight(), 1u);
  EXPECT_EQ(flights_.joined(), kReaders - 1);
  Flight* const flight = take_one();
  ASSERT_NE(flight, nullptr);
  Reader& late = waits_for("key");
  EXPECT_EQ(take(), std::vector<Flight*>()) << "one that is being loaded can still be joined";
  EXPECT_EQ(flights_.joined(), kReaders);
  land_value(flight, "value");
  for (const std::unique_ptr<Reader>& each : readers_) expect_value(*each, "value");
  EXPECT_EQ(late.answers(), 1);
}

TEST_F(FlightsTest, AreApartForKeysAndTables) {
  Reader& first = waits_for("a");
  Reader& second = waits_for("b");
  Reader& other_table = reader();
  EXPECT_EQ(flights_.miss(Cache::key(2, "a"), other_table.completion()), MissOutcome::kSuspended);
  std::vector<Flight*> flights = take();
  ASSERT_EQ(flights.size(), 3u);
  for (Flight* flight : flights) {
    const std::string value(std::string(flight->pending->key()) + std::to_string(flight->pending->table_id));
    flight->loaded = cache_.pool().make(EntryKind::kSet, flight->pending->table_id, flight->pending->key(), value, 0);
    ASSERT_NE(flight->loaded, nullptr);
  }
  land(flights);
  expect_value(first, "a1");
  expect_value(second, "b1");
  expect_value(other_table, "a2");
}

TEST_F(FlightsTest, HaveEndedWhenTheFirstAnswerGoesOut) {
  for (const char* key : {"a", "a", "b", "c", "c"}) waits_for(key);
  const std::vector<Flight*> flights = take();
  ASSERT_EQ(flights.size(), 3u);
  for (Flight* flight : flights) load(flight, EntryKind::kSet, "value", 0);
  EXPECT_EQ(flights_.in_flight(), 3u);
  land(flights);
  for (const std::unique_ptr<Reader>& each : readers_) {
    expect_value(*each, "value");
    EXPECT_EQ(each->in_flight_when_answered(), 0u);
  }
}

TEST_F(FlightsTest, LandInLargeGroups) {
  constexpr std::size_t kKeys = 90;
  for (std::size_t number = 0; number < kKeys; ++number) waits_for("key" + std::to_string(number));
  const std::vector<Flight*> flights = take();
  ASSERT_EQ(flights.size(), kKeys);
  for (Flight* flight : flights) load(flight, EntryKind::kSet, flight->pending->key(), 0);
  land(flights);
  for (std::size_t number = 0; number < kKeys; ++number) {
    expect_value(*readers_[number], "key" + std::to_string(number));
    EXPECT_EQ(known("key" + std::to_string(number)), "key" + std::to_string(number));
  }
}

TEST_F(FlightsTest, RingTheLoaderForAFirstMissOnly) {
  doorbell_.park(io::Doorbell::kNoTicket);
  waits_for("key");
  EXPECT_EQ(wakes_, 1);
  doorbell_.park(io::Doorbell::kNoTicket);
  waits_for("key");
  EXPECT_EQ(wakes_, 1) << "it is on its way already";
}

TEST_F(FlightsTest, AreNotNeededForWhatIsKnown) {
  write(EntryKind::kSet, "set", "value", 1);
  write(EntryKind::kErase, "erased", {}, 2);
  Reader& set = reader();
  EXPECT_EQ(miss(set, "set"), MissOutcome::kReady);
  EXPECT_EQ(set.code(), absl::StatusCode::kOk);
  EXPECT_EQ(set.value(), "value");
  Reader& erased = reader();
  EXPECT_EQ(miss(erased, "erased"), MissOutcome::kReady);
  EXPECT_EQ(erased.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(erased.message(), "");
  EXPECT_EQ(set.answers() + erased.answers(), 0) << "ready: they stay the caller's";
  EXPECT_FALSE(flights_.has_queued());
  EXPECT_EQ(flights_.in_flight(), 0u);
}

// --- absence and errors ---

TEST_F(FlightsTest, RememberAbsence) {
  Reader& first = waits_for("key");
  Reader& second = waits_for("key");
  land_absent(take_one());
  expect_code(first, absl::StatusCode::kNotFound, "");
  expect_code(second, absl::StatusCode::kNotFound, "");
  EXPECT_EQ(known("key"), "(absent)");
  Reader& later = reader();
  EXPECT_EQ(miss(later, "key"), MissOutcome::kReady);
  EXPECT_EQ(later.code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(flights_.has_queued());
}

TEST_F(FlightsTest, BringAnErrorToEverybodyAndDoNotRememberIt) {
  Reader& first = waits_for("key");
  Reader& second = waits_for("key");
  Reader& other = waits_for("other");
  std::vector<Flight*> flights = take();
  ASSERT_EQ(flights.size(), 2u);
  for (Flight* flight : flights) {
    if (flight->pending->key() == "key") {
      flight->error = absl::DataLossError("the page is torn");
    } else {
      load(flight, EntryKind::kSet, "value", 0);
    }
  }
  land(flights);
  expect_code(first, absl::StatusCode::kDataLoss, "the page is torn");
  expect_code(second, absl::StatusCode::kDataLoss, "the page is torn");
  expect_value(other, "value");
  EXPECT_EQ(first.in_flight_when_answered(), 0u);
  EXPECT_EQ(known("key"), "(nothing)");
  Reader& again = waits_for("key");
  land_value(take_one(), "value");
  expect_value(again, "value");
}

TEST_F(FlightsTest, SayThatMemoryWasShortForWhatWasLoaded) {
  Reader& waiting = waits_for("key");
  Flight* const flight = take_one();
  flight->out_of_memory = true;
  land({flight});
  expect_code(waiting, absl::StatusCode::kResourceExhausted, "no memory for a loaded value");
  EXPECT_EQ(known("key"), "(nothing)");
}

TEST_F(FlightsTest, SayThatMemoryIsShortForALoad) {
  const testing_support::TakenMemory taken(cache_.pool());
  Reader& refused = reader();
  EXPECT_EQ(miss(refused, "key"), MissOutcome::kReady);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.message(), "no memory for a load");
  EXPECT_EQ(refused.answers(), 0);
  EXPECT_EQ(flights_.in_flight(), 0u);
  EXPECT_EQ(known("key"), "(nothing)");
}

// --- writes that come meanwhile ---

TEST_F(FlightsTest, DeliverAndDoNotCacheWhatAWriteHasReplaced) {
  Reader& before = waits_for("key");
  Flight* const flight = take_one();
  write(EntryKind::kSet, "key", "written", 9);
  Reader& after = reader();
  EXPECT_EQ(miss(after, "key"), MissOutcome::kReady) << "the write is what is known now";
  EXPECT_EQ(after.value(), "written");
  land_value(flight, "loaded", 8);
  expect_value(before, "loaded");
  EXPECT_EQ(known("key"), "written");
  EXPECT_EQ(find("key")->sequence, 9u);
  EXPECT_EQ(memory_used(), entry::EntryPool::footprint(3, 7)) << "what was loaded is gone";
}

TEST_F(FlightsTest, DoNotCacheAValueOverAnErase) {
  Reader& before = waits_for("key");
  Flight* const flight = take_one();
  write(EntryKind::kErase, "key", {}, 9);
  land_value(flight, "loaded", 8);
  expect_value(before, "loaded");
  EXPECT_EQ(known("key"), "(absent)");
  EXPECT_EQ(find("key")->kind, EntryKind::kErase);
}

TEST_F(FlightsTest, DoNotCacheAbsenceOverAWrite) {
  Reader& before = waits_for("key");
  Flight* const flight = take_one();
  write(EntryKind::kSet, "key", "written", 9);
  land_absent(flight);
  expect_code(before, absl::StatusCode::kNotFound, "");
  EXPECT_EQ(known("key"), "written");
}

TEST_F(FlightsTest, ThatFailLeaveAWriteAlone) {
  Reader& before = waits_for("key");
  Flight* const flight = take_one();
  write(EntryKind::kSet, "key", "written", 9);
  land_error(flight, absl::InternalError("no luck"));
  expect_code(before, absl::StatusCode::kInternal, "no luck");
  EXPECT_EQ(known("key"), "written");
}

// [I4]: a fill lands only in the pending entry it was started for.
TEST_F(FlightsTest, ThatLostTheirLeaseDoNotTouchTheNextOne) {
  Reader& first = waits_for("key");
  Flight* const stale = take_one();
  write(EntryKind::kSet, "key", "written", 9);
  evict_everything_up_to(9);
  ASSERT_EQ(known("key"), "(nothing)");
  Reader& second = waits_for("key");
  Flight* const fresh = take_one();
  ASSERT_NE(fresh, stale);
  land_value(stale, "before the write", 8);
  expect_value(first, "before the write");
  EXPECT_EQ(second.answers(), 0);
  EXPECT_EQ(known("key"), "(pending)");
  land_value(fresh, "written", 9);
  expect_value(second, "written");
  EXPECT_EQ(known("key"), "written");
}

// --- many threads ---

TEST(FlightsStress, AreOneForAKeyThatManyThreadsMissAtOnce) {
  constexpr std::size_t kThreads = 4;
  const std::size_t rounds = scaled(300);
  Cache cache(kCacheBytes, kCacheBytes);
  const base::Watermark applied;
  io::Doorbell doorbell;
  Flights flights(cache, applied, 100, doorbell);
  std::vector<std::unique_ptr<Reader>> readers;
  for (std::size_t number = 0; number < kThreads * rounds; ++number) {
    readers.push_back(std::make_unique<Reader>(flights));
  }
  testing_support::StartLine line(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::size_t round = 0; round < rounds; ++round) {
        line.arrive();
        const std::string key = "key" + std::to_string(round % 50);
        EXPECT_EQ(flights.miss(Cache::key(kTable, key), readers[round * kThreads + thread]->completion()),
                  MissOutcome::kSuspended);
        line.arrive();
        if (thread != 0) continue;
        Flight* const flight = flights.take_queued();
        ASSERT_NE(flight, nullptr);
        EXPECT_EQ(flight->next, nullptr) << "one flight";
        flight->error = absl::InternalError(std::to_string(round));  // not cached: the key is missed again
        flights.land(std::array{flight});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(flights.joined(), (kThreads - 1) * rounds);
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
      const Reader& reader = *readers[round * kThreads + thread];
      expect_code(reader, absl::StatusCode::kInternal, std::to_string(round));
    }
  }
}

}  // namespace
}  // namespace dictsqlite::load
