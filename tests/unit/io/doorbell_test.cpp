// Goal: a parked consumer is woken once, by the ticket it waits for or by a ring, and an awake one never. Method:
// direct calls that count the wakings; the order of accesses is tests/concurrency/doorbell_litmus_test.cpp's.
#include "io/doorbell.hpp"

#include <gtest/gtest.h>

namespace dictsqlite::io {
namespace {

class DoorbellTest : public testing::Test {
 protected:
  DoorbellTest() {
    doorbell_.set_waker({&wakes_, [](void* wakes) noexcept { ++*static_cast<int*>(wakes); }});
  }
  Doorbell doorbell_;
  int wakes_ = 0;
};

TEST_F(DoorbellTest, LeavesAnAwakeConsumerAlone) {
  doorbell_.ring();
  doorbell_.published(1'000);
  EXPECT_EQ(wakes_, 0);
}

TEST_F(DoorbellTest, WakesByTheTicketOrALaterOneAndNotByAnEarlierOne) {
  for (const std::uint64_t ticket : {7u, 8u}) {
    wakes_ = 0;
    doorbell_.park(7);
    doorbell_.published(6);
    EXPECT_EQ(wakes_, 0);
    doorbell_.published(ticket);
    EXPECT_EQ(wakes_, 1);
  }
}

TEST_F(DoorbellTest, WakesOnce) {
  doorbell_.park(7);
  doorbell_.published(7);
  doorbell_.published(8);
  doorbell_.ring();
  EXPECT_EQ(wakes_, 1);
  doorbell_.park(9);
  doorbell_.ring();
  EXPECT_EQ(wakes_, 2) << "until it parks again";
}

TEST_F(DoorbellTest, WhoWaitsForATicketWakesAConsumerWhateverThatWaitsFor) {
  doorbell_.waits_for(7);
  EXPECT_EQ(wakes_, 0) << "awake";
  doorbell_.park(9);
  doorbell_.waits_for(7);
  EXPECT_EQ(wakes_, 1);
  doorbell_.waits_for(7);
  EXPECT_EQ(wakes_, 1) << "once";
  doorbell_.park(Doorbell::kNoTicket);
  doorbell_.waits_for(7);
  EXPECT_EQ(wakes_, 2);
}

TEST_F(DoorbellTest, WhoWaitsForATicketThatIsHeldBackWakesNobody) {
  doorbell_.park_holding(9);
  doorbell_.waits_for(8);
  doorbell_.published(8);
  EXPECT_EQ(wakes_, 0);
  doorbell_.waits_for(9);
  EXPECT_EQ(wakes_, 1);
  doorbell_.park_holding(9);
  doorbell_.published(9);
  EXPECT_EQ(wakes_, 2);
  doorbell_.park_holding(9);
  doorbell_.ring();
  EXPECT_EQ(wakes_, 3);
}

TEST_F(DoorbellTest, WithoutATicketOnlyARingWakes) {
  doorbell_.park(Doorbell::kNoTicket);
  doorbell_.published(1'000'000);
  EXPECT_EQ(wakes_, 0);
  doorbell_.ring();
  EXPECT_EQ(wakes_, 1);
}

TEST_F(DoorbellTest, WakesNobodyWhoHasNotFallenAsleep) {
  doorbell_.park(7);
  doorbell_.unpark();
  doorbell_.published(7);
  doorbell_.ring();
  EXPECT_EQ(wakes_, 0);
}

}  // namespace
}  // namespace dictsqlite::io
