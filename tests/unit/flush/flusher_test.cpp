// Goal: the flusher opens in order and says what is wrong; it applies when it is time, in one transaction what queued,
// moves parked writes in by their order, is woken no more often than it must be, and when it is closed leaves nothing
// behind. Method: a flusher in simulated time over a real store; the test is its host, its writers and its waiters.
#include "support/foreign_reader.hpp"
#include "unit/flush/flusher_fixture.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dictsqlite::flush {
namespace {

using testing_support::ForeignReader;
using testing_support::TemporaryDirectory;

FlusherSetup in_mode(PersistMode mode) {
  FlusherSetup setup;
  setup.mode = mode;
  return setup;
}
FlusherSetup with_limits(const WritePath::Limits& limits, PersistMode mode = PersistMode::kWriteBehind) {
  FlusherSetup setup = in_mode(mode);
  setup.limits = limits;
  return setup;
}
FlusherSetup polling_for(base::Nanoseconds time) {
  FlusherSetup setup = in_mode(PersistMode::kLazy);
  setup.poll_time = time;
  return setup;
}

// --- opening ---

TEST(FlusherOpening, HandsOutTheStoreBeforeItSaysThatOpeningIsOver) {
  FlusherHouse house;
  house.start();
  EXPECT_EQ(house.notes, (Notes{"store opened", "opened"}));
  EXPECT_TRUE(house.has_store);
  EXPECT_TRUE(std::filesystem::exists(house.file()));
  EXPECT_EQ(house.backend_choice, io::BackendChoice::kAuto);
  EXPECT_FALSE(house.counters().on_uring.load());
}

TEST(FlusherOpening, GoesOnNumberingWhereTheFileEnds) {
  const TemporaryDirectory directory;
  FlusherSetup setup;
  setup.path = directory.file("test.db");
  {
    FlusherHouse house(setup);
    house.start();
    EXPECT_EQ(house.set("first", ""), 1u);
    house.set_many(2);
    expect_ok(house.close());
  }
  FlusherHouse house(setup);
  house.start();
  EXPECT_EQ(house.watermarks().applied.value(), 3u);
  EXPECT_EQ(house.watermarks().durable.value(), 3u);
  EXPECT_EQ(house.watermarks().settled.value(), 3u);
  EXPECT_EQ(house.set("next", ""), 4u);
}

TEST(FlusherOpening, SaysThatTheBackendIsNotTheOneOfChoice) {
  FlusherSetup setup;
  setup.backend_is_fallback = "io_uring_setup: not permitted";
  FlusherHouse house(setup);
  house.start();
  EXPECT_EQ(house.notes, (Notes{"event: fallback", "store opened", "opened"}));
  EXPECT_EQ(house.event_message, "io_uring_setup: not permitted");
}

TEST(FlusherOpening, EndsWithTheBackendsError) {
  FlusherSetup setup;
  setup.backend_says = absl::ResourceExhaustedError("no free descriptor");
  FlusherHouse house(setup);
  house.start();
  EXPECT_EQ(house.notes, (Notes{"not opened RESOURCE_EXHAUSTED"}));
  EXPECT_EQ(house.opened_as, setup.backend_says);
  EXPECT_FALSE(house.takes_waiters());
  EXPECT_FALSE(std::filesystem::exists(house.file()));
}

TEST(FlusherOpening, EndsWithTheStoresError) {
  const TemporaryDirectory directory;
  FlusherSetup setup;
  setup.path = directory.file("missing/test.db");
  FlusherHouse house(setup);
  house.start();
  EXPECT_EQ(house.notes, (Notes{"not opened NOT_FOUND"}));
  EXPECT_FALSE(house.takes_waiters());
}

TEST(FlusherOpening, EndsWithTheHostsErrorAndClosesTheStore) {
  const TemporaryDirectory directory;
  FlusherSetup setup;
  setup.path = directory.file("test.db");
  setup.host_says = absl::ResourceExhaustedError("no thread for the loader");
  FlusherHouse house(setup);
  house.start();
  EXPECT_EQ(house.notes, (Notes{"store opened", "not opened RESOURCE_EXHAUSTED"}));
  EXPECT_EQ(house.opened_as, setup.host_says);
  EXPECT_FALSE(house.takes_waiters());

  setup.host_says = absl::OkStatus();
  FlusherHouse next(setup);
  next.start();
  EXPECT_EQ(next.opened_as, absl::OkStatus()) << "nobody owns the file any more";
}

TEST(FlusherOpening, AnswersWhoeverClosesMeanwhileWithItsError) {
  FlusherSetup setup;
  setup.backend_says = absl::UnavailableError("no ring");
  FlusherHouse house(setup);
  const Waiter& closer = house.closes();
  house.start();
  expect_answer(closer, absl::StatusCode::kUnavailable, "no ring");
}

TEST(FlusherOpening, MakesNoFileWithoutADisk) {
  FlusherHouse house(in_mode(PersistMode::kMemory));
  house.start();
  EXPECT_EQ(house.notes, (Notes{"store opened", "opened"}));
  EXPECT_FALSE(house.has_store);
  EXPECT_FALSE(std::filesystem::exists(house.file()));
  EXPECT_EQ(house.backend_choice, io::BackendChoice::kNoFiles);
}

// --- when it applies ---

TEST(FlusherApplies, AFlushIntervalAfterTheFirstWrite) {
  FlusherHouse house;
  house.start();
  house.set("a", "1");
  house.let_pass(kFlushInterval / 10 * 6);
  house.set("b", "2");
  EXPECT_EQ(house.watermarks().applied.value(), 0u);
  house.let_pass(kFlushInterval / 10 * 6);
  EXPECT_EQ(house.watermarks().applied.value(), 2u) << "the second write does not start the clock again";
  EXPECT_EQ(house.transactions(), 1u);
}

TEST(FlusherApplies, AtOnceWhenTheBufferIsFull) {
  FlusherHouse house;
  house.start();
  house.set_many(kBufferSize - 1);
  house.let_run();
  EXPECT_EQ(house.watermarks().applied.value(), 0u);
  house.set("one more", "");
  house.let_run();
  EXPECT_EQ(house.watermarks().applied.value(), kBufferSize);
  EXPECT_EQ(house.transactions(), 1u);
}

TEST(FlusherApplies, ByTheRowsOfABatchNotByItsNumber) {
  FlusherHouse house;
  house.start();
  std::vector<std::string> keys;
  for (std::size_t number = 0; number < kBufferSize; ++number) keys.push_back("key" + std::to_string(number));
  house.batch(keys, "value");
  house.let_run();
  EXPECT_EQ(house.watermarks().applied.value(), 1u);
  EXPECT_EQ(house.counters().writes_applied.load(), 1u);
  EXPECT_EQ(house.counters().rows_applied.load(), kBufferSize);
}

TEST(FlusherApplies, AtOnceWhenSomebodyWaits) {
  FlusherHouse house;
  house.start();
  const Waiter& waiter = house.waits(WaitFor::kApplied, house.set("key", "value"));
  house.let_run();
  expect_ok(waiter);
  EXPECT_EQ(house.watermarks().applied.value(), 1u);
  EXPECT_EQ(house.watermarks().durable.value(), 0u) << "nobody waits for that";
  EXPECT_EQ(house.syncs.syncs(), 0);
}

TEST(FlusherApplies, OnlyWhenAskedIfItIsLazy) {
  FlusherHouse house(in_mode(PersistMode::kLazy));
  house.start();
  house.set_many(3 * kBufferSize);
  house.let_pass(10 * kFlushInterval);
  EXPECT_EQ(house.watermarks().applied.value(), 0u);
  const Waiter& waiter = house.waits(WaitFor::kApplied, 5);
  house.let_run();
  expect_ok(waiter);
  EXPECT_EQ(house.watermarks().applied.value(), 3 * kBufferSize) << "all there is, while it is at it";
  EXPECT_EQ(house.transactions(), 1u);
}

TEST(FlusherApplies, WhenTheBudgetRunsShortThoughItIsLazy) {
  constexpr std::size_t kRoomFor = 10;
  FlusherHouse house(with_limits(with_budget(kRoomFor * entry::EntryPool::footprint(4, 0)), PersistMode::kLazy));
  house.start();
  house.set_many(kRoomFor);
  EXPECT_EQ(house.refused("next"), AcceptOutcome::kNoRoom);
  const Waiter& parked = house.parks("next");
  house.let_run();
  expect_ok(parked);
  EXPECT_EQ(house.watermarks().applied.value(), kRoomFor);
  house.let_pass(10 * kFlushInterval);
  EXPECT_EQ(house.watermarks().applied.value(), kRoomFor) << "there is room again";
}

TEST(FlusherApplies, WhatQueuedInOneTransactionAndTheNewestOfAKey) {
  FlusherHouse house;
  house.start();
  house.at_once([&] {
    for (int number = 0; number < 5; ++number) house.set("a", std::to_string(number));
    house.set("gone", "value");
    house.batch({"b", "c"}, "batch");
    house.waits(WaitFor::kApplied, house.erase("gone"));
    EXPECT_GT(house.path().admission().used_bytes(), 0u);
  });
  EXPECT_EQ(house.transactions(), 1u);
  EXPECT_EQ(house.counters().writes_applied.load(), 8u);
  EXPECT_EQ(house.counters().rows_applied.load(), 4u) << "a, b, c and the end of gone";
  EXPECT_EQ(house.path().admission().used_bytes(), 0u);
  EXPECT_EQ(ForeignReader(house.file()).rows(),
            (std::map<std::string, std::string>{{"a", "4"}, {"b", "batch"}, {"c", "batch"}}));
}

TEST(FlusherApplies, NothingTwice) {
  FlusherHouse house;
  house.start();
  house.waits(WaitFor::kSettled, house.set("key", "value"));
  house.let_run();
  house.let_pass(10 * kFlushInterval);
  EXPECT_EQ(house.transactions(), 1u);
  EXPECT_EQ(house.syncs.syncs(), 1);
}

TEST(FlusherApplies, AnswersInTheOrderOfTheWrites) {
  FlusherHouse house;
  house.start();
  house.set_many(3);
  house.notes.clear();
  house.at_once([&] {
    house.waits(WaitFor::kApplied, 3, "third");
    house.waits(WaitFor::kApplied, 1, "first");
    house.waits(WaitFor::kApplied, 2, "second");
  });
  EXPECT_EQ(house.notes, (Notes{"first OK", "second OK", "third OK"}));
}

TEST(FlusherApplies, AnswersAtOnceWhoWaitsForWhatIsApplied) {
  FlusherHouse house;
  house.start();
  house.waits(WaitFor::kApplied, house.set("key", "value"));
  house.let_run();
  const Waiter& late = house.waits(WaitFor::kApplied, 1);
  house.let_run();
  expect_ok(late);
  EXPECT_EQ(house.transactions(), 1u);
}

TEST(FlusherWithoutADisk, OnlyPassesWritesThrough) {
  FlusherHouse house(in_mode(PersistMode::kMemory));
  house.start();
  house.batch({"a", "b"}, "value");
  const Waiter& waiter = house.waits(WaitFor::kApplied, house.set("c", "value"));
  house.let_run();
  expect_ok(waiter);
  EXPECT_EQ(house.watermarks().applied.value(), 2u);
  EXPECT_EQ(house.path().admission().used_bytes(), 0u);
  EXPECT_EQ(house.transactions(), 0u);
  expect_ok(house.close());
  EXPECT_FALSE(std::filesystem::exists(house.file()));
}

// --- parked writes ---

TEST(FlusherAdmits, ParkedWritesInTheOrderOfTheirArrival) {
  FlusherHouse house(with_limits(with_ring(2)));
  house.start();
  house.notes.clear();
  house.at_once([&] {
    house.set_many(2);
    EXPECT_EQ(house.refused("c"), AcceptOutcome::kNoRoom);
    for (const char* name : {"c", "d", "e", "f", "g"}) house.parks(name, Ack::kAccepted, name);
    EXPECT_EQ(house.refused("newcomer"), AcceptOutcome::kNoRoom);
  });
  EXPECT_EQ(house.notes, (Notes{"c OK", "d OK", "e OK", "f OK", "g OK"}));
  EXPECT_EQ(house.path().parked().count(), 0u);
  EXPECT_EQ(house.set("newcomer", ""), 8u);
}

TEST(FlusherAdmits, AParkedWriteThatIsToBeDurableAndAnswersWhenItIs) {
  FlusherHouse house(with_limits(with_ring(2)));
  house.start();
  house.set_many(2);
  house.syncs.hold();
  const Waiter& parked = house.parks("parked", Ack::kDurable);
  house.let_run();
  EXPECT_EQ(house.watermarks().applied.value(), 3u);
  EXPECT_EQ(parked.answers(), 0);
  house.let_syncs_end();
  expect_ok(parked);
  EXPECT_EQ(house.watermarks().durable.value(), 3u);
}

TEST(FlusherAdmits, ParkedWritesWithoutADiskAndAnswersAtOnce) {
  FlusherHouse house(with_limits(with_ring(2), PersistMode::kMemory));
  house.start();
  house.set_many(2);
  const Waiter& parked = house.parks("parked", Ack::kDurable);
  house.let_run();
  expect_ok(parked);
}

TEST(FlusherAdmits, NobodyWhileWritersArePaused) {
  FlusherHouse house;
  house.start();
  house.path().parked().pause();
  EXPECT_EQ(house.refused("key"), AcceptOutcome::kNoRoom);
  const Waiter& parked = house.parks("key");
  house.let_pass(10 * kFlushInterval);
  EXPECT_EQ(parked.answers(), 0);
  house.path().parked().resume();
  house.path().doorbell().ring();
  house.let_run();
  expect_ok(parked);
}

TEST(FlusherAdmits, ABatchSoonAfterAReaderLetItGoThoughNobodyRings) {
  FlusherHouse house;
  house.start();
  house.path().gate().hold();
  const Waiter& batch = house.parks_batch({"a", "b"});
  const Waiter& behind = house.parks("c");
  house.let_run();
  EXPECT_EQ(batch.answers(), 0);
  EXPECT_EQ(behind.answers(), 0) << "nobody overtakes";
  EXPECT_TRUE(house.path().gate().unhold());
  house.let_run();
  expect_ok(batch);
  expect_ok(behind);
}

// --- sleeping ---

TEST(FlusherSleeps, AndIsWokenByTheFirstWriteAndByTheOneThatFillsTheBuffer) {
  FlusherHouse house;
  house.start();
  const int before = house.syncs.wakes();
  house.set("first", "");
  EXPECT_EQ(house.syncs.wakes(), before + 1) << "to start the clock";
  house.let_run();
  house.set_many(kBufferSize - 2);
  EXPECT_EQ(house.syncs.wakes(), before + 1);
  house.let_run();
  EXPECT_EQ(house.watermarks().applied.value(), 0u);
  house.set("last", "");
  EXPECT_EQ(house.syncs.wakes(), before + 2);
  house.let_run();
  EXPECT_EQ(house.watermarks().applied.value(), kBufferSize);
}

TEST(FlusherSleeps, ThroughHalfARingIfItIsLazy) {
  FlusherHouse house(with_limits(with_ring(64), PersistMode::kLazy));
  house.start();
  const int before = house.syncs.wakes();
  house.set_many(32);
  EXPECT_EQ(house.syncs.wakes(), before);
  house.set("one more", "");
  EXPECT_EQ(house.syncs.wakes(), before + 1);
  house.let_run();
  EXPECT_EQ(house.path().ring().next(), 34u) << "all drained";
  EXPECT_EQ(house.watermarks().applied.value(), 0u);
}

class FlusherSleepsInMode : public testing::TestWithParam<PersistMode> {};
INSTANTIATE_TEST_SUITE_P(All, FlusherSleepsInMode,
                         testing::Values(PersistMode::kMemory, PersistMode::kLazy, PersistMode::kWriteBehind));

TEST_P(FlusherSleepsInMode, AndIsWokenByAProducerThatStalledBetweenItsClaimAndItsPublication) {
  FlusherHouse house(in_mode(GetParam()));
  house.start();
  entry::Entry* const entry = house.make(entry::EntryKind::kSet, "key", "value");
  ASSERT_TRUE(house.path().admission().try_reserve(WritePath::footprint(*entry)));
  const ring::Claim claim = house.path().ring().try_claim();
  ASSERT_EQ(claim.outcome, ring::ClaimOutcome::kClaimed);
  entry->sequence = claim.ticket;
  const Waiter& waiter = house.waits(WaitFor::kApplied, claim.ticket);
  house.let_pass(10 * kFlushInterval);
  EXPECT_EQ(waiter.answers(), 0);
  EXPECT_GE(house.counters().stalled_publishes.load(), 1u);
  const int before = house.syncs.wakes();
  house.path().ring().publish(claim.ticket, entry);
  house.path().doorbell().published(claim.ticket);
  EXPECT_EQ(house.syncs.wakes(), before + 1);
  house.let_run();
  expect_ok(waiter);
}

// Those who were answered are given a moment to come back; whoever came just before it began is seen when it ends.
TEST(FlusherSleeps, NoLongerThanItHoldsBackFor) {
  FlusherHouse house(with_limits(kPlenty, PersistMode::kLazy));
  house.start();
  house.set_many(kBufferSize);
  house.syncs.hold();
  Waiter& first = house.waits(WaitFor::kDurable, kBufferSize);
  Waiter* second = nullptr;
  first.when_answered([&] { second = &house.waits(WaitFor::kSettled, kBufferSize); });
  house.let_run();
  ASSERT_EQ(second, nullptr);
  house.let_syncs_end();
  expect_ok(first);
  ASSERT_NE(second, nullptr);
  expect_ok(*second);
}

// It looks at the clock when it decides and again before it sleeps: what is not due at the one may be at the other.
TEST(FlusherSleeps, NotPastAMomentThatCameBetweenTwoLooks) {
  std::size_t looks = 0;
  for (bool is_within = true; is_within; ++looks) {
    SCOPED_TRACE(looks);
    FlusherHouse house(with_limits(kPlenty, PersistMode::kLazy));
    house.start();
    house.set_many(kBufferSize);
    house.syncs.hold();
    Waiter& first = house.waits(WaitFor::kDurable, kBufferSize);
    Waiter* second = nullptr;
    first.when_answered([&] { second = &house.waits(WaitFor::kDurable, house.set("alone", "")); });
    house.let_run();
    house.jump_at_look(looks, std::chrono::milliseconds(1));  // longer than it holds back
    house.syncs.release();
    house.path().doorbell().ring();
    for (int tries = 0; second == nullptr && tries < 1'000; ++tries) house.let_pass(std::chrono::microseconds(5));
    ASSERT_NE(second, nullptr);
    house.path().doorbell().ring();  // a look in the midst of holding back
    house.let_run();
    is_within = house.clock().has_acted();
    expect_ok(*second);
  }
  EXPECT_GT(looks, 5u);
}

constexpr std::size_t kLooks = 1000;  // at the clock, while it polls

TEST(FlusherPolls, AndSleepsWhenNothingComes) {
  FlusherHouse house(polling_for(kLooks * FlusherSetup{}.look_time));
  house.start();
  EXPECT_GE(house.clock().looks(), kLooks);
  house.let_pass(2 * kFlushInterval);  // what opening left in the log is copied
  const std::size_t before = house.clock().looks();
  house.let_pass(10 * kFlushInterval);
  EXPECT_EQ(house.clock().looks(), before) << "it sleeps";
}

// How many looks at the clock it takes the flusher to answer somebody who comes in the midst of its polling.
std::size_t looks_until_answer(FlusherHouse& house, const std::function<Waiter&()>& come) {
  std::size_t came_at = 0;
  std::size_t answered_at = 0;
  house.act_at_look(kLooks / 10, [&] {
    came_at = house.clock().looks();
    come().when_answered([&] { answered_at = house.clock().looks(); });
  });
  EXPECT_GT(answered_at, came_at);
  return answered_at - came_at;
}

TEST(FlusherPolls, AndSeesWritesAndThoseWhoWaitForThem) {
  FlusherHouse house(polling_for(kLooks * FlusherSetup{}.look_time));
  house.start();
  EXPECT_LT(
      looks_until_answer(house, [&]() -> Waiter& { return house.waits(WaitFor::kApplied, house.set("key", "value")); }),
      kLooks / 10);
  EXPECT_LT(looks_until_answer(house, [&]() -> Waiter& { return house.waits(WaitFor::kApplied, 1); }), kLooks / 10);
}

TEST(FlusherPolls, AndSeesParkedWrites) {
  FlusherHouse house(polling_for(kLooks * FlusherSetup{}.look_time));
  house.start();
  EXPECT_LT(looks_until_answer(house, [&]() -> Waiter& { return house.parks("key"); }), kLooks / 10);
}

TEST(FlusherPolls, AndSeesTheEndOfASync) {
  FlusherHouse house(polling_for(kLooks * FlusherSetup{}.look_time));
  house.start();
  house.syncs.hold();
  Waiter& waiter = house.waits(WaitFor::kDurable, house.set("key", "value"));
  house.let_run();
  ASSERT_EQ(waiter.answers(), 0);
  EXPECT_LT(looks_until_answer(house,
                               [&]() -> Waiter& {
                                 house.syncs.fail_next(EIO);
                                 house.syncs.release();
                                 return waiter;
                               }),
            kLooks / 10);
  EXPECT_EQ(waiter.code(), absl::StatusCode::kUnknown);
}

// While it polls it holds back no longer than it may: whoever comes back alone is answered soon.
TEST(FlusherPolls, AndHoldsBackNoLongerThanItMay) {
  FlusherSetup setup = polling_for(std::chrono::milliseconds(4));
  setup.look_time = std::chrono::microseconds(1);
  FlusherHouse house(setup);
  house.start();
  house.set_many(kBufferSize);
  house.syncs.hold();
  Waiter& first = house.waits(WaitFor::kDurable, kBufferSize);
  Waiter* second = nullptr;
  base::Instant came{};
  base::Instant answered{};
  first.when_answered([&] {
    came = house.clock().now();
    second = &house.waits(WaitFor::kApplied, house.set("alone", ""));
    second->when_answered([&] { answered = house.clock().now(); });
  });
  house.let_run();
  house.let_syncs_end();
  ASSERT_NE(second, nullptr);
  expect_ok(*second);
  EXPECT_LT(answered - came, setup.poll_time / 2);
}

TEST(FlusherPolls, NotBeyondTheMomentAtWhichItHasToLook) {
  FlusherSetup setup = polling_for(10 * kFlushInterval);
  setup.mode = PersistMode::kWriteBehind;
  setup.look_time = std::chrono::milliseconds(1);
  FlusherHouse house(setup);
  house.start();
  house.set("key", "value");
  house.let_pass(std::chrono::milliseconds(20));
  EXPECT_EQ(house.watermarks().applied.value(), 1u);
}

// --- closing ---

TEST(FlusherCloses, TheStoreAfterItsReadersAndAnswersBeforeItEnds) {
  FlusherHouse house;
  house.start();
  house.notes.clear();
  house.closes("closer");
  house.let_run();
  EXPECT_EQ(house.notes, (Notes{"store closing", "closer OK", "ended"}));
  EXPECT_FALSE(house.takes_waiters());
  EXPECT_EQ(house.refused("key"), AcceptOutcome::kClosed);
}

TEST(FlusherCloses, WhenEverythingIsInTheFile) {
  FlusherHouse house(in_mode(PersistMode::kLazy));
  house.start();
  house.set("a", "1");
  house.set("b", "2");
  house.erase("a");
  house.let_run();
  expect_ok(house.close());
  EXPECT_EQ(house.watermarks().durable.value(), 3u);
  EXPECT_EQ(house.watermarks().settled.value(), 3u);
  EXPECT_FALSE(std::filesystem::exists(house.file() + "-wal"));
  EXPECT_EQ(ForeignReader(house.file()).rows(), (std::map<std::string, std::string>{{"b", "2"}}));
}

TEST(FlusherCloses, AfterThoseWhoWereParked) {
  FlusherHouse house(with_limits(with_ring(2)));
  house.start();
  house.set_many(2);
  const Waiter& accepted = house.parks("accepted");
  const Waiter& durable = house.parks("durable", Ack::kDurable);
  expect_ok(house.close());
  expect_ok(accepted);
  expect_ok(durable);
  EXPECT_EQ(ForeignReader(house.file()).rows().size(), 4u);
}

TEST(FlusherCloses, AfterTheSyncInFlight) {
  FlusherHouse house;
  house.start();
  house.syncs.hold();
  const Waiter& durable = house.waits(WaitFor::kDurable, house.set("key", "value"));
  house.let_run();
  const Waiter& closer = house.closes();
  house.let_pass(10 * kFlushInterval);
  EXPECT_EQ(closer.answers(), 0);
  house.let_syncs_end();
  expect_ok(durable);
  expect_ok(closer);
}

}  // namespace
}  // namespace dictsqlite::flush
