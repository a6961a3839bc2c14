// Goal: a flag is down until it is raised, and then up for good; what was written before is seen behind it. Method:
// direct calls; a thread that waits for the flag and reads.
#include "base/flag.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace dictsqlite::base {
namespace {

TEST(Flag, IsUpOnceItWasRaised) {
  Flag flag;
  EXPECT_FALSE(flag.is_raised());
  flag.raise();
  EXPECT_TRUE(flag.is_raised());
  flag.raise();
  EXPECT_TRUE(flag.is_raised());
}

TEST(Flag, IsTakenOnceEachTimeItIsRaised) {
  Flag flag;
  EXPECT_FALSE(flag.take());
  for (int again = 0; again < 2; ++again) {
    flag.raise();
    flag.raise();
    EXPECT_TRUE(flag.take());
    EXPECT_FALSE(flag.is_raised());
    EXPECT_FALSE(flag.take());
  }
}

TEST(Flag, ShowsWhatWasWrittenBefore) {
  Flag flag;
  int written = 0;
  std::thread raiser([&] {
    written = 1;
    flag.raise();
  });
  while (!flag.is_raised()) std::this_thread::yield();
  EXPECT_EQ(written, 1);
  raiser.join();
}

}  // namespace
}  // namespace dictsqlite::base
