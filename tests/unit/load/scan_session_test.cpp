// Goal: a scan lives until its last owner lets go of it, and a failure ends it. Method: its rows tell, by
// AddressSanitizer and LeakSanitizer, when it is gone; a thread of its own takes part in the counting.
#include "load/scan_session.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace dictsqlite {
namespace {

using Session = ScanNextOperation::State;

TEST(ScanSession, LivesUntilItsLastOwnerLetsGo) {
  auto* const session = new Session();
  session->rows.push_back({"key", "value", store::kNoExpiry});
  session->retain();
  session->retain();
  EXPECT_EQ(session->references.load(), 3u);
  session->release();
  session->release();
  EXPECT_EQ(session->references.load(), 1u);
  EXPECT_EQ(session->rows.front().key, "key");
  session->release();
}

TEST(ScanSession, WhatAnOwnerDidIsSeenByTheOneWhoDestroysIt) {
  for (int round = 0; round < 200; ++round) {
    auto* const session = new Session();
    session->retain();
    std::thread loader([session] {
      session->rows.assign(10, {"key", "value", store::kNoExpiry});
      session->release();
    });
    session->last_key = "the user's side";
    session->release();  // ThreadSanitizer says whether the loader's rows were visible to it
    loader.join();
  }
}

TEST(ScanSession, AFailureEndsIt) {
  Session session;
  EXPECT_FALSE(session.exhausted);
  EXPECT_EQ(session.code, absl::StatusCode::kOk);
  session.fail(absl::StatusCode::kAborted, "it took too long");
  EXPECT_TRUE(session.exhausted);
  EXPECT_EQ(session.code, absl::StatusCode::kAborted);
  EXPECT_EQ(session.message, "it took too long");
}

TEST(ScanSession, IsDroppedForGood) {
  Session session;
  EXPECT_FALSE(session.dropped.is_raised());
  session.dropped.raise();
  EXPECT_TRUE(session.dropped.is_raised());
}

}  // namespace
}  // namespace dictsqlite
