// Goal: no more flights than allowed are under way: whoever finds none free waits his turn, in order; and once the
// loader ends nobody is forgotten. Method: the test is the loader; see flights_fixture.hpp.
#include "load/flights.hpp"

#include "support/scale.hpp"
#include "support/start_line.hpp"
#include "unit/load/flights_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace dictsqlite::load {
namespace {

using cache::Cache;
using entry::EntryKind;
using testing_support::scaled;

// --- the bound ---

class TwoFlights : public FlightsTest {
 protected:
  TwoFlights() : FlightsTest(2) {}
};

TEST_F(TwoFlights, ParkWhoFindsNoneFreeAndStartInTheOrderOfArrival) {
  Reader& a = waits_for("a");
  Reader& b = waits_for("b");
  EXPECT_FALSE(flights_.has_parked());
  doorbell_.park(io::Doorbell::kNoTicket);
  Reader& c = waits_for("c");
  EXPECT_EQ(wakes_, 1) << "the loader learns that somebody is parked";
  Reader& d = waits_for("d");
  Reader& e = waits_for("e");
  EXPECT_TRUE(flights_.has_parked());
  EXPECT_EQ(flights_.in_flight(), 2u);
  EXPECT_EQ(known("c"), "(nothing)");

  std::vector<Flight*> flights = take();
  ASSERT_EQ(flights.size(), 2u);
  flights_.admit_parked();
  EXPECT_FALSE(flights_.has_queued()) << "none is free";
  std::vector<const Reader*> order;
  for (Reader* each : {&a, &b, &c, &d, &e}) each->note_in(&order);

  // One flight ends, one begins, in this order.
  for (const char* next : {"c", "d", "e"}) {
    land_value(flights.back(), "value");
    flights.pop_back();
    flights_.admit_parked();
    EXPECT_EQ(flights_.in_flight(), 2u);
    Flight* const started = take_one();
    ASSERT_NE(started, nullptr);
    EXPECT_EQ(started->pending->key(), next);
    flights.insert(flights.begin(), started);
  }
  EXPECT_FALSE(flights_.has_parked());
  while (!flights.empty()) {
    land_value(flights.back(), "value");
    flights.pop_back();
  }
  for (const std::unique_ptr<Reader>& each : readers_) expect_value(*each, "value");
  EXPECT_EQ(order.size(), 5u);
  EXPECT_EQ((std::vector<const Reader*>(order.begin() + 2, order.end())), (std::vector<const Reader*>{&c, &d, &e}));
  EXPECT_EQ(flights_.in_flight(), 0u);
}

TEST_F(TwoFlights, LetNobodyPastWhoIsParked) {
  waits_for("a");
  waits_for("b");
  waits_for("parked");
  for (Flight* flight : take()) land_value(flight, "value");
  waits_for("late");
  EXPECT_FALSE(flights_.has_queued()) << "two are free, and somebody else waits for them";
  Reader& joined = waits_for("late");
  write(EntryKind::kSet, "late", "written", 5);
  flights_.admit_parked();
  Flight* const flight = take_one();
  EXPECT_EQ(flight->pending->key(), "parked");
  expect_value(joined, "written");
  land_value(flight, "value");
  EXPECT_FALSE(flights_.has_parked());
  waits_for("c");
  EXPECT_TRUE(flights_.has_queued()) << "nobody is parked any more";
  land_value(take_one(), "value");
}

TEST_F(TwoFlights, CanBeJoinedWithoutAFreeOne) {
  waits_for("a");
  waits_for("b");
  Reader& joined = waits_for("a");
  EXPECT_FALSE(flights_.has_parked());
  for (Flight* flight : take()) land_value(flight, "value");
  expect_value(joined, "value");
}

TEST_F(TwoFlights, StartForAKeyWhoseBytesAreGone) {
  waits_for("a");
  waits_for("b");
  auto key = std::make_unique<std::string>("a key that is gone before its flight begins");
  const std::string copy = *key;
  Reader& parked = waits_for(*key);
  std::fill(key->begin(), key->end(), 'x');
  key.reset();
  for (Flight* flight : take()) land_value(flight, "value");
  flights_.admit_parked();
  Flight* const flight = take_one();
  ASSERT_NE(flight, nullptr);
  EXPECT_EQ(flight->pending->key(), copy);
  land_value(flight, "value");
  expect_value(parked, "value");
  EXPECT_EQ(memory_used(), 2 * entry::EntryPool::footprint(1, 5) + entry::EntryPool::footprint(copy.size(), 5))
      << "the copy of the key is gone too";
}

TEST_F(TwoFlights, AnswerParkedOnesAtOnceForWhatHasBecomeKnown) {
  waits_for("a");
  waits_for("b");
  Reader& written = waits_for("c");
  Reader& erased = waits_for("d");
  write(EntryKind::kSet, "c", "written", 5);
  write(EntryKind::kErase, "d", {}, 6);
  for (Flight* flight : take()) land_value(flight, "value");
  EXPECT_EQ(written.answers() + erased.answers(), 0);
  flights_.admit_parked();
  expect_value(written, "written");
  expect_code(erased, absl::StatusCode::kNotFound, "");
  EXPECT_FALSE(flights_.has_queued());
  EXPECT_FALSE(flights_.has_parked());
}

TEST_F(TwoFlights, AreSharedByParkedOnesOfOneKey) {
  waits_for("a");
  waits_for("b");
  Reader& first = waits_for("c");
  Reader& second = waits_for("c");
  for (Flight* flight : take()) land_value(flight, "value");
  flights_.admit_parked();
  EXPECT_EQ(flights_.in_flight(), 1u);
  EXPECT_EQ(flights_.joined(), 1u);
  land_value(take_one(), "c");
  expect_value(first, "c");
  expect_value(second, "c");
}

// --- a reader that does not go on ---

TEST_F(FlightsTest, NeitherBeginNorAreCachedWhileAStalledReaderKeepsMemory) {
  Reader& before = waits_for("before");
  {
    const cache::Reclaimer::Guard stalled = cache_.reclaimer().enter();
    const std::string large(1u << 20, 'v');
    for (std::uint64_t sequence = 1; !cache_.backlog_is_full(); ++sequence) {
      ASSERT_LT(sequence, 20u);
      write(EntryKind::kSet, "replaced", large, sequence);
    }
    land_value(take_one(), "value");
    expect_value(before, "value");
    EXPECT_EQ(known("before"), "(nothing)") << "room for it could not be made";
    waits_for("after");
    flights_.admit_parked();
    EXPECT_TRUE(flights_.has_parked());
    EXPECT_FALSE(flights_.has_queued());
    EXPECT_EQ(known("after"), "(nothing)");
    cache_.collect();
    EXPECT_TRUE(cache_.backlog_is_full());
  }
  cache_.collect();
  flights_.admit_parked();
  land_value(take_one(), "value");
  expect_value(*readers_.back(), "value");
  EXPECT_EQ(known("after"), "value");
}

// --- the end ---

TEST_F(FlightsTest, AreRefusedAfterTheLastWereTaken) {
  write(EntryKind::kSet, "known", "value", 1);
  Reader& before = waits_for("before");
  const std::vector<Flight*> last = take_last();
  ASSERT_EQ(last.size(), 1u);
  const std::size_t memory = memory_used();
  Reader& late = reader();
  EXPECT_EQ(miss(late, "late"), MissOutcome::kReady);
  EXPECT_EQ(late.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(late.message(), kClosedMessage);
  EXPECT_EQ(late.answers(), 0);
  EXPECT_EQ(known("late"), "(nothing)");
  EXPECT_EQ(flights_.in_flight(), 1u);
  EXPECT_EQ(memory_used(), memory);
  Reader& hit = reader();
  EXPECT_EQ(miss(hit, "known"), MissOutcome::kReady);
  EXPECT_EQ(hit.value(), "value") << "what is known needs no flight";
  Reader& joined = waits_for("before");
  land_value(last.front(), "value");
  expect_value(before, "value");
  expect_value(joined, "value");
}

TEST_F(TwoFlights, RefuseWhoeverIsParkedAtTheEnd) {
  Reader& a = waits_for("a");
  Reader& b = waits_for("b");
  Reader& c = waits_for("c");
  Reader& d = waits_for("d");
  const std::vector<Flight*> last = take_last();
  ASSERT_EQ(last.size(), 2u);
  for (Flight* flight : last) land_value(flight, "value");
  flights_.close_parked();
  flights_.admit_parked();
  expect_value(a, "value");
  expect_value(b, "value");
  expect_code(c, absl::StatusCode::kFailedPrecondition, kClosedMessage);
  expect_code(d, absl::StatusCode::kFailedPrecondition, kClosedMessage);
  EXPECT_FALSE(flights_.has_parked());
  EXPECT_EQ(flights_.in_flight(), 0u);
}

TEST_F(TwoFlights, ParkNobodyOnceParkingIsClosed) {
  waits_for("a");
  waits_for("b");
  Reader& parked = waits_for("c");
  flights_.close_parked();
  const std::size_t memory = memory_used();
  Reader& late = reader();
  EXPECT_EQ(miss(late, "d"), MissOutcome::kReady);
  EXPECT_EQ(late.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(late.message(), kClosedMessage);
  EXPECT_EQ(memory_used(), memory);
  EXPECT_EQ(flights_.in_flight(), 2u);
  for (Flight* flight : take()) land_value(flight, "value");
  flights_.admit_parked();
  land_value(take_one(), "value");
  expect_value(parked, "value");
  EXPECT_EQ(late.answers(), 0) << "it stayed the caller's";
}

// --- many threads ---

// Misses that are on their way in when the loader ends take a flight for a moment, to give it back when they find the
// queue closed. Taken for a full house, they would leave the parked ones unanswered for ever: this is the last look.
TEST(FlightsStress, RefuseWhoeverIsParkedWhileOthersAreBeingRefused) {
  constexpr std::size_t kParked = 10;
  const std::size_t rounds = scaled(2'000);
  Cache cache(kCacheBytes, kCacheBytes);
  const base::Watermark applied;
  io::Doorbell doorbell;
  std::size_t forgotten = 0;
  for (std::size_t round = 0; round < rounds && forgotten == 0; ++round) {
    Flights flights(cache, applied, 1, doorbell);
    std::vector<std::unique_ptr<Reader>> readers;
    for (std::size_t number = 0; number <= kParked; ++number) {
      Reader& waiting = *readers.emplace_back(std::make_unique<Reader>(flights));
      const std::string key = "key" + std::to_string(number);
      ASSERT_EQ(flights.miss(Cache::key(kTable, key), waiting.completion()), MissOutcome::kSuspended);
    }
    Flight* const last = flights.take_last();
    ASSERT_NE(last, nullptr);
    last->error = absl::InternalError("not cached");
    flights.land(std::array{last});

    testing_support::StartLine line(2);
    std::atomic<bool> over{false};
    std::vector<std::unique_ptr<Reader>> parked_late;
    std::thread newcomer([&] {
      auto late = std::make_unique<Reader>(flights);
      line.arrive();
      while (!over.load()) {
        if (parked_late.size() == kParked) continue;  // whoever closes is late
        if (flights.miss(Cache::key(kTable, "late"), late->completion()) == MissOutcome::kReady) {
          EXPECT_EQ(late->code(), absl::StatusCode::kFailedPrecondition);
        } else {
          parked_late.push_back(std::exchange(late, std::make_unique<Reader>(flights)));
        }
      }
    });
    line.arrive();
    flights.close_parked();
    flights.admit_parked();
    over.store(true);
    newcomer.join();
    for (const std::unique_ptr<Reader>& each : readers) forgotten += each->answers() == 0;
    EXPECT_EQ(forgotten, 0u) << "in round " << round;
    flights.admit_parked();  // nobody is in its way now
    for (const std::unique_ptr<Reader>& each : readers) EXPECT_EQ(each->answers(), 1);
    for (const std::unique_ptr<Reader>& each : parked_late) {
      expect_code(*each, absl::StatusCode::kFailedPrecondition, "the database is closed");
    }
    cache.collect();
  }
}

}  // namespace
}  // namespace dictsqlite::load
