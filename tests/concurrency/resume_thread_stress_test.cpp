// Goal: under contention, parker and resume thread lose no wake-up, run everything once, in each poster's order, and
// stop without dropping anything. A lost wake-up shows as a hang, which the test's time limit ends.
// Method: posters that pause now and then so that the thread parks; ping-pong, in which every step parks.
#include "task/parker.hpp"
#include "task/resume_thread.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

namespace dictsqlite::task {
namespace {

using namespace std::chrono_literals;

TEST(ParkerStress, PingPongNeverHangs) {
  constexpr int kRounds = 50'000;
  Parker ping;
  Parker pong;
  std::thread other([&] {
    for (int round = 0; round < kRounds; ++round) {
      ping.park();
      pong.unpark();
    }
  });
  for (int round = 0; round < kRounds; ++round) {
    ping.unpark();
    pong.park();
  }
  other.join();
}

// Each round's parker is gone as soon as park() has returned, while the waker is still in unpark().
TEST(ParkerStress, MayBeDestroyedOnceParkHasReturned) {
  constexpr int kRounds = 20'000;
  std::atomic<Parker*> mailbox{nullptr};
  std::thread waker([&mailbox] {
    for (int round = 0; round < kRounds; ++round) {
      Parker* parker = nullptr;
      while ((parker = mailbox.exchange(nullptr)) == nullptr) std::this_thread::yield();
      parker->unpark();
    }
  });
  for (int round = 0; round < kRounds; ++round) {
    Parker parker;
    mailbox.store(&parker);
    parker.park();
  }
  waker.join();
}

TEST(ParkerStress, DeadlinesAndTokensDoNotGetInEachOthersWay) {
  constexpr int kTokens = 20'000;
  Parker parker;
  std::atomic<int> taken{0};
  std::thread waker([&] {
    for (int token = 0; token < kTokens; ++token) {
      parker.unpark();
      while (taken.load() == token) std::this_thread::yield();
    }
  });
  while (taken.load() < kTokens) {
    const base::Instant soon = base::SteadyClock().now() + 1us;
    if (parker.park_until(soon)) taken.fetch_add(1);
  }
  waker.join();
  EXPECT_FALSE(parker.park_until(base::Instant::zero()));
}

struct Numbered : Work {
  int poster = 0;
  int index = 0;
  std::vector<int>* order = nullptr;
};

class ResumeThreadStress : public testing::TestWithParam<std::chrono::nanoseconds> {};

TEST_P(ResumeThreadStress, RunsEachWorkOnceInItsPostersOrder) {
  constexpr int kPosters = 3;
  constexpr int kEach = 20'000;
  std::array<std::vector<int>, kPosters> order;
  std::vector<std::vector<Numbered>> work(kPosters, std::vector<Numbered>(kEach));
  for (int poster = 0; poster < kPosters; ++poster) {
    const auto slot = static_cast<std::size_t>(poster);
    order[slot].reserve(kEach);
    for (int index = 0; index < kEach; ++index) {
      Numbered& item = work[slot][static_cast<std::size_t>(index)];
      item.poster = poster;
      item.index = index;
      item.order = &order[slot];
      item.run = [](Work* run) noexcept {
        auto* numbered = static_cast<Numbered*>(run);
        numbered->order->push_back(numbered->index);
      };
    }
  }
  ResumeThread thread(GetParam());
  ASSERT_TRUE(thread.start().ok());
  std::vector<std::thread> posters;
  for (auto& mine : work) {
    posters.emplace_back([&mine, executor = thread.executor()] {
      for (Numbered& item : mine) {
        executor(&item);
        if (item.index % 16 == 0) std::this_thread::yield();
      }
    });
  }
  for (std::thread& poster : posters) poster.join();
  thread.stop();
  for (const std::vector<int>& each : order) {
    ASSERT_EQ(each.size(), static_cast<std::size_t>(kEach));
    for (int index = 0; index < kEach; ++index) ASSERT_EQ(each[static_cast<std::size_t>(index)], index);
  }
}

struct Ping : Work {
  Parker back;
};

TEST_P(ResumeThreadStress, PingPongNeverHangs) {
  ResumeThread thread(GetParam());
  ASSERT_TRUE(thread.start().ok());
  Ping ping;
  ping.run = [](Work* work) noexcept { static_cast<Ping*>(work)->back.unpark(); };
  for (int round = 0; round < 20'000; ++round) {
    thread.executor()(&ping);
    ping.back.park();
  }
}

struct Tally : Work {
  std::atomic<int>* runs = nullptr;
};

TEST_P(ResumeThreadStress, StopWhilePostersPostRunsEverythingSomewhere) {
  constexpr int kRounds = 200;
  constexpr int kEach = 100;
  for (int round = 0; round < kRounds; ++round) {
    std::atomic<int> runs{0};
    std::vector<Tally> work(kEach);
    for (Tally& item : work) {
      item.runs = &runs;
      item.run = [](Work* run) noexcept { static_cast<Tally*>(run)->runs->fetch_add(1); };
    }
    ResumeThread thread(GetParam());
    ASSERT_TRUE(thread.start().ok());
    std::thread poster([&work, executor = thread.executor()] {
      for (Tally& item : work) executor(&item);
    });
    thread.stop();
    poster.join();
    ASSERT_EQ(runs.load(), kEach);
  }
}

INSTANTIATE_TEST_SUITE_P(PollingTime, ResumeThreadStress, testing::Values(0ns, 5us),
                         [](const auto& test) { return test.param == 0ns ? "None" : "FiveMicroseconds"; });

}  // namespace
}  // namespace dictsqlite::task
